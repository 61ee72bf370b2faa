//! Was that model trained on our output?
//!
//! Suspects and references: what a model wrote, its log-probs, or a live endpoint; plans that are fixed before looking;
//! cohorts of deployed keys. The statistics are those of [`taggant_verify`]: this crate chooses their coefficients,
//! always without the key.
//!
//! ```text
//! passages -> reference rows -> sums by context and token -> items with key-free coefficients -> verifier -> report
//! ```

pub mod at_hand;
pub mod audit;
mod blind;
mod caution;
pub mod cohorts;
pub mod digest;
mod document;
pub mod endpoint;
mod error;
pub mod mixture;
mod occurrence;
pub mod open;
pub mod passage;
pub mod plan;
mod propositions;
pub mod reference;
pub mod score;
mod sums;
pub mod watch;

pub use at_hand::AtHand;
pub use audit::{Materials, audit};
pub use cohorts::{CohortResult, CohortVerdict, Cohorts};
pub use digest::Digest;
pub use error::Error;
pub use mixture::Mixture;
pub use open::Open;
pub use passage::Passage;
pub use plan::AuditPlan;
pub use reference::{NgramReference, ReferenceModel, RowsReference};
pub use score::Score;
pub use sums::ContextWeight;
pub use watch::Watch;
