#![doc = include_str!("../README.md")]
//!
//! ## The data flow, and the modules that follow it
//!
//! ```text
//! tokens -> n-grams -> distinct inputs -> tally -> null -> p-value -> report
//! ```
//!
//! [`corpus`] holds the distinct n-grams and no key; [`tally`] is what a key says of them; [`null`] is the exact
//! law of that sum and [`tail`] its tails in the log domain; [`decoys`] checks the null on the same text;
//! [`verifier`] ties them together; [`report`] is what leaves.

pub mod bootstrap;
pub mod caution;
pub mod check;
pub mod columns;
pub mod confidence_sequence;
pub mod corpus;
pub mod decoys;
pub mod e_process;
pub mod e_value;
pub mod effect;
mod error;
pub mod ln_p;
pub mod null;
pub mod p_value;
pub mod planning;
pub mod render;
pub mod report;
pub mod sequence_set;
pub mod spans;
pub mod tail;
pub mod tally;
pub mod verifier;
pub mod weighted_e_process;

pub use corpus::Corpus;
pub use effect::EffectInterval;
pub use error::Error;
pub use ln_p::LnP;
pub use p_value::PValue;
pub use planning::Claim;
pub use report::{Report, Verdict};
pub use sequence_set::SequenceSet;
pub use verifier::{Plan, Subject, Verifier};
