//! What the tests of several crates share, and nothing that a library may depend on.
//!
//! [`mod@reference`] is the dialect taggant-1 written once more from `docs/spec/taggant-1.md`, slow and plain,
//! on other people's primitives; it shares no code with the core. [`statistics`] holds assertions about
//! random behaviour that state their alpha and need no tolerance of the "looks about right" kind.

pub mod reference;
pub mod statistics;
