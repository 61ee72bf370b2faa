//! What the test of several deployed keys adds to a report. The test itself is that of an audit.

use serde::{Deserialize, Deserializer, Serialize};

/// The contrast of flagged with unflagged cohorts. In JSON every key is present, null where it does not apply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortResult {
    /// The level of the keys.
    pub alpha: f64,
    /// The level of the permutation p.
    pub level: f64,
    /// One entry for each cohort, in the order given.
    pub cohorts: Vec<CohortEntry>,
    /// The slope of the centred z on x: with labels their mean over flagged cohorts less that over the others, in standard
    /// deviations; with volumes that for each unit of volume.
    pub contrast: f64,
    /// The part of arrangements whose contrast is at least the observed one.
    pub permutation_p: f64,
    /// The smallest p possible: 1 / `arrangements`.
    pub floor: f64,
    /// Whether all arrangements were looked at; else the observed one and draws from a fixed generator.
    pub exact: bool,
    /// How many arrangements were looked at.
    pub arrangements: u64,
    /// What the keys and the contrast say together.
    pub verdict: CohortVerdict,
    /// What that supports, and what else could cause it.
    pub meaning: String,
}

/// One cohort and what its key found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortEntry {
    /// Its name.
    pub name: String,
    /// The public id of its key.
    pub key_id: String,
    /// Whether it holds accounts of interest.
    pub flagged: bool,
    /// How much of its text the public could have had.
    #[serde(deserialize_with = "present")]
    pub exposure: Option<f64>,
    /// How much text of flagged accounts it holds.
    #[serde(deserialize_with = "present")]
    pub volume: Option<f64>,
    /// Standard deviations above the null mean.
    pub z: f64,
    /// The same less what exposure explains, rounded to a multiple of 2^-32.
    pub centred_z: f64,
    /// ln p of the key alone.
    pub ln_p: f64,
    /// ln p after Holm over all keys.
    pub ln_p_adjusted: f64,
    /// Whether the self-check of its panel passed.
    pub self_check_passed: bool,
}

/// What the keys and the contrast say together. The verdict of each key's own report stays what it is.
///
/// | | the contrast reaches its level | it does not |
/// |---|---|---|
/// | no key reaches alpha | `ambiguous` | `no-evidence` |
/// | flagged keys alone reach alpha | `cohort-evidence` | `key-evidence` |
/// | an unflagged key reaches alpha | `cohort-evidence` | `ambiguous` |
///
/// `invalid` before all of these, if the self-check of some key failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CohortVerdict {
    /// Flagged keys alone were seen, and not more than the draw of accounts to keys can explain.
    KeyEvidence,
    /// A key was seen, and the flagged ones stand out more than the draw explains.
    CohortEvidence,
    /// What was seen has an explanation that does not concern the flagged accounts.
    Ambiguous,
    /// No key was seen, and the flagged ones do not stand out.
    NoEvidence,
    /// A self-check failed.
    Invalid,
}

impl CohortVerdict {
    /// The word of the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeyEvidence => "key-evidence",
            Self::CohortEvidence => "cohort-evidence",
            Self::Ambiguous => "ambiguous",
            Self::NoEvidence => "no-evidence",
            Self::Invalid => "invalid",
        }
    }
}

/// For fields that may be null and must be there: serde takes a missing one for null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Option::deserialize(deserializer)
}
