#![no_std]
#![doc = include_str!("../README.md")]
//!
//! ## The data flow, and the modules that follow it
//!
//! ```text
//! key -> context -> block -> scheme -> logits -> token
//! ```
//!
//! [`key`] derives, [`context`] names the tokens before, [`scheme`] says what a token's value is, [`logits`]
//! is what a model emits, [`sampling`] turns it into a distribution, [`session`] ties them together for one
//! sequence. [`reader`] and [`writer`] are the seam to verifiers and samplers; [`law`] is the null.
//!
//! The values are fixed byte for byte by `docs/spec/taggant-1.md` and `vectors/taggant-1.json`.

extern crate alloc;
#[cfg(test)]
extern crate std;

mod block;
pub mod channel;
pub mod context;
mod error;
mod exp;
mod gamma;
pub mod key;
pub mod law;
pub mod logits;
mod mark;
mod name;
mod profile;
pub mod reader;
pub mod sampling;
pub mod scheme;
pub mod session;
mod token;
pub mod writer;

pub use context::ContextWidth;
pub use error::{Error, Family};
pub use gamma::Gamma;
pub use key::{KeyId, Secret};
pub use mark::Mark;
pub use name::Name;
pub use profile::{Profile, TokenizerDigest};
pub use sampling::SamplingParams;
pub use session::{Marking, Session};
pub use token::TokenId;
