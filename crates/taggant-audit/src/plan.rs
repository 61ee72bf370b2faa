//! Plans: what an audit will test and how, fixed before anyone looks.
//!
//! A plan is a JSON file. `taggant audit plan` writes it, its digest can be published and time-stamped, and an audit that
//! is run with it refuses to deviate from it: [`AuditPlan::differences`] names everything that does. What the file holds
//! stands in `docs/formats.md`, "Audit plan".

use crate::caution::Caution;
use crate::digest::Digest;
use crate::document::{canonical, read};
use crate::error::Error;

mod deviation;
mod file;
mod reading;
mod rules;
mod statistic;
mod terms;

pub(crate) use rules::key_id;

pub use deviation::Deviation;
pub use file::{PlannedFile, Role};
pub use reading::Reading;
pub use terms::{Budget, Endpoint, Filter, PlannedKey, PlannedReference, SCHEMA_VERSION, Terms};

/// A plan whose terms are in range and do not contradict each other.
///
/// # Stability
/// The canonical JSON of the same terms is the same bytes on every platform.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditPlan {
    terms: Terms,
}

impl AuditPlan {
    /// The largest file that is read as a plan, in bytes: room for some thousands of files.
    pub const MAX_LEN: usize = 1 << 20;

    /// A plan of these terms.
    ///
    /// # Errors
    /// When a value is out of range or two of them contradict each other; the message says which, what was expected and
    /// what was found.
    pub fn new(terms: Terms) -> Result<Self, Error> {
        rules::check(&terms)?;
        Ok(Self { terms })
    }

    /// Reads a plan's JSON, in any layout.
    ///
    /// # Errors
    /// When there are more than [`MAX_LEN`](Self::MAX_LEN) bytes, when it is not JSON, lacks a key, has one that is unknown
    /// or twice, is of another schema version, and as [`new`](Self::new).
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        Self::new(read(json, DOCUMENT, SCHEMA_VERSION, Self::MAX_LEN)?)
    }

    /// The plan's canonical JSON (RFC 8785): what its file holds, with nothing after it.
    ///
    /// # Panics
    /// Never: every number in a plan is finite.
    #[must_use]
    pub fn to_json(&self) -> String {
        canonical(&self.terms)
    }

    /// SHA-256 of [`to_json`](Self::to_json): what `sha256sum` says of the plan's file. It goes into the report.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_json().as_bytes())
    }

    /// What the plan fixes.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Whether every key comes with a commitment. Without one, a key that was chosen after looking cannot be excluded;
    /// with one, what it excludes depends on when the commitment was published.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.terms.keys.iter().all(|key| key.commitment.is_some())
    }

    /// What a report under this plan says of its keys: that one has no commitment, or that it is not said where one was
    /// published.
    #[must_use]
    pub fn cautions(&self) -> Vec<String> {
        let keys = &self.terms.keys;
        let is_unpublished = keys.iter().any(|key| key.commitment.is_some() && key.published.is_none());
        let found = [(!self.is_committed(), Caution::NoCommitment), (is_unpublished, Caution::Unpublished)];
        found.iter().filter(|(is_found, _)| *is_found).map(|(_, caution)| caution.to_string()).collect()
    }

    /// In what so many tokens of answers to so many queries go beyond the budget; empty within it.
    #[must_use]
    pub fn beyond_budget(&self, tokens: u64, queries: u64) -> Vec<Deviation> {
        let Budget { tokens: most_tokens, queries: most_queries } = self.terms.budget;
        let limits = [("budget.tokens", most_tokens, tokens), ("budget.queries", most_queries, queries)];
        let beyond = |(field, most, found): (&str, Option<u64>, u64)| {
            let most = most.filter(|most| found > *most)?;
            Some(Deviation {
                field: field.into(),
                planned: format!("at most {most}"),
                found: found.to_string(),
            })
        };
        limits.into_iter().filter_map(beyond).collect()
    }

    /// Everything in which a run deviates from this plan; empty if it keeps to it.
    ///
    /// A run is described by the terms that a plan for it would have. They need not make a plan: a run may lack a file that
    /// its test needs. The order of keys, references, filters and files
    /// is no difference, and neither is the name of a file: what counts is what it holds. Of a role whose files the plan
    /// leaves to come, any files are accepted, at least one.
    #[must_use]
    pub fn differences(&self, run: &Terms) -> Vec<Deviation> {
        deviation::differences(&self.terms, run)
    }

    /// What the verifier fixes before looking.
    #[must_use]
    pub fn verifier_plan(&self) -> taggant_verify::Plan {
        let Terms { alpha, min_effect, hypotheses, decoys, columns, .. } = self.terms;
        taggant_verify::Plan { alpha, min_effect, hypotheses, decoys, columns }
    }
}

/// What messages call it.
const DOCUMENT: &str = "plan";
