#![doc = include_str!("../README.md")]
//!
//! ## The data flow, and the modules that follow it
//!
//! ```text
//! tokens -> n-grams -> distinct inputs -> tally -> null -> p-value -> report
//!                   -> items with key-free coefficients -> linear sum -> linear null
//! ```
//!
//! [`corpus`] holds the distinct n-grams and no key; [`tally`] is what a key says of them; [`null`] is the exact
//! law of that sum and [`tail`] its tails in the log domain; [`decoys`] checks the null on the same text;
//! [`verifier`] ties them together; [`report`] is what leaves.

pub mod audit_result;
pub mod bootstrap;
pub mod calibrate;
pub mod caution;
pub mod check;
pub mod coefficient;
pub mod cohort_result;
pub mod columns;
mod columns_panel;
pub mod confidence_sequence;
pub mod corpus;
pub mod decoys;
pub mod documents;
pub mod e_process;
pub mod e_value;
pub mod effect;
mod error;
pub mod evidence;
pub mod explain;
pub mod forgery;
mod growth;
pub mod items;
pub mod linear;
pub mod ln_p;
pub mod null;
pub mod p_value;
pub mod planning;
pub mod render;
pub mod report;
pub mod sample;
pub mod self_check;
pub mod sequence_set;
pub mod spans;
pub mod tail;
pub mod tally;
pub mod test_name;
mod test_result;
mod verdict;
pub mod verifier;
pub mod weighted_e_process;

pub use coefficient::Coefficient;
pub use cohort_result::{CohortResult, CohortVerdict};
pub use corpus::Corpus;
pub use effect::EffectInterval;
pub use error::Error;
pub use evidence::Evidence;
pub use items::Items;
pub use ln_p::LnP;
pub use p_value::PValue;
pub use planning::Claim;
pub use report::{Report, Verdict};
pub use sequence_set::SequenceSet;
pub use test_name::{Filter, TestName};
pub use verifier::{Plan, Subject, Verifier};
