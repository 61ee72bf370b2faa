"""A small transformer trained on marked text, one that was not, and what a test sees of each."""
