"""Audits real OpenAI-compatible servers over the loopback interface."""
