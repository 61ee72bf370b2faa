//! A live endpoint, against a real server over the loopback interface.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod answers;
mod budget;
mod chaos;
mod common;
mod failures;
mod kill;
mod log;
