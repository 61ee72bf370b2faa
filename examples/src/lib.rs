#![doc = include_str!("../../README.md")]
//!
//! This package holds the runnable examples. Its documentation is the project's front page, so that the code there
//! is compiled and run as doctests.
