//! A small OpenAI-compatible server over the embedded language model, for tests and for trying things out.
//!
//! [`Server`] listens on the loopback interface and answers `/v1/chat/completions`, `/v1/completions` and `/v1/models`
//! from a [`Student`], an n-gram model. The same prompt with the same seed gets the same answer. A closure decides
//! which requests meet a [`Fault`]: a status, an answer cut short, a silence.

mod fault;
mod server;
mod student;
mod wire;

pub use fault::Fault;
pub use server::{FaultRule, Options, Request, Server};
pub use student::{Draw, Settings, Student};
