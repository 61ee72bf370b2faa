//! A cohort, and what the test of its key found.

use serde::{Deserialize, Serialize};
use taggant_verify::report::TestResult;
use taggant_verify::{LnP, Report, Verdict};

use crate::caution::{Caution, SUSPICIOUS_LN_P};
use crate::document::present;

/// A deployed key and the accounts behind it, as fixed before looking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cohort {
    /// What the report calls it; no two alike.
    pub name: String,
    /// The public id of its key; no two alike.
    pub key_id: String,
    /// Whether it holds accounts of interest.
    pub flagged: bool,
    /// How much of its text the public could have had, such as tokens served; of all cohorts or of none.
    #[serde(deserialize_with = "present")]
    pub exposure: Option<f64>,
    /// How much text of flagged accounts it holds, above 0 exactly where it is flagged; of all cohorts or of none. Null where
    /// a flagged cohort is like another.
    #[serde(deserialize_with = "present")]
    pub volume: Option<f64>,
}

/// What the test of one key found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The public id of the key.
    pub key_id: String,
    /// Standard deviations above the null mean, of the deciding statistic; of size 1e6 at most.
    pub z: f64,
    /// ln p of that key's deciding test, at most 0, with everything counted but the other keys.
    pub ln_p: f64,
    /// Whether the panel of decoys of that key passed its self-check.
    pub self_check_passed: bool,
}

impl Finding {
    /// What the report of one key says: of its deciding tests, which have one entry for each channel.
    ///
    /// ```text
    /// z     (sum of statistics - sum of their null means) / sqrt(sum of their null variances); 0 without inputs
    /// ln p  the smallest adjusted one
    /// ```
    ///
    /// A calibrated p stands there with its proven bound, `-ln_e`, and everything is counted but the other keys: the
    /// channels, and the runs that share alpha.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let sum = |part: fn(&TestResult) -> f64| report.deciding().map(part).sum::<f64>();
        let (excess, variance) =
            (sum(|test| test.statistic - test.null_mean), sum(|test| test.null_variance));
        Self {
            key_id: report.key_id.clone(),
            z: if variance > 0.0 { excess / variance.sqrt() } else { 0.0 },
            ln_p: report.deciding().map(|test| test.ln_p_adjusted).fold(0.0, f64::min),
            self_check_passed: report.verdict != Verdict::Invalid,
        }
    }
}

/// What a reader of the contrast should know of one cohort, from the report of its key.
#[must_use]
pub fn cautions(cohort: &str, report: &Report) -> Vec<String> {
    let mut cautions = Vec::new();
    if report.deciding().all(|test| test.n == 0) {
        cautions.push(Caution::EmptyCohort { cohort: cohort.to_owned() });
    }
    for reference in report.audit.iter().flat_map(|audit| &audit.references) {
        if let Some(ln_p) = reference.mark_ln_p.filter(|ln_p| *ln_p <= SUSPICIOUS_LN_P) {
            let (cohort, name, p) = (cohort.to_owned(), reference.name.clone(), LnP::from_ln(ln_p));
            cautions.push(Caution::CohortReference { cohort, name, p });
        }
    }
    cautions.iter().map(ToString::to_string).collect()
}
