//! The report: JSON first, every other form is rendered from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::p_value::PKind;

/// A report. Its JSON is canonical: every key present (`students` in a demonstration alone), null where it does not
/// apply, no path, time, thread count or secret in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// 1.
    pub schema_version: u64,
    /// The program and its version.
    pub tool: String,
    /// The kind of test.
    pub command: String,
    /// SHA-256 of the profile's canonical JSON.
    pub profile_digest: String,
    /// The public id of the key.
    pub key_id: String,
    /// The dialect's name.
    pub dialect: String,
    /// The level that was fixed before looking.
    pub alpha: f64,
    /// The answer.
    pub verdict: Verdict,
    /// What was read.
    pub corpus: CorpusCounts,
    /// One entry per statistic and channel without accounts.
    pub tests: Vec<TestResult>,
    /// The decoy panel.
    pub calibration: Calibration,
    /// What could have been seen.
    pub power: Power,
    /// What a reader should know before relying on this.
    pub cautions: Vec<String>,
    /// One entry per document, where asked for.
    pub documents: Option<Vec<DocumentResult>>,
    /// The students of a demonstration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub students: Option<Vec<Student>>,
    /// The points behind the plots.
    pub plots: Option<Plots>,
}

/// The answer to "does it carry the mark?". Never "AI-written".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The adjusted p of a deciding test is at most alpha.
    Evidence,
    /// Neither: p between alpha and 1e-3, or too little data to have seen the effect asked about.
    Inconclusive,
    /// Not seen, with enough data to have seen it.
    NoEvidence,
    /// A self-check failed; the p-values cannot be relied on.
    Invalid,
}

impl Verdict {
    /// The word of the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Inconclusive => "inconclusive",
            Self::NoEvidence => "no-evidence",
            Self::Invalid => "invalid",
        }
    }
}

/// What was read: `tokens` = `distinct` + the sum of `dropped`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusCounts {
    /// Documents.
    pub documents: u64,
    /// Tokens.
    pub tokens: u64,
    /// Tokens with a full context.
    pub scored: u64,
    /// Distinct (context, token).
    pub distinct: u64,
    /// Tokens dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
}

/// The result of one test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestResult {
    /// `count`, or `count-served` under the filter to served contexts.
    pub name: String,
    /// The channel.
    pub channel: String,
    /// The law of one value: `bernoulli J/N`, `exponential` or `bits D`.
    pub law: String,
    /// Inputs with a non-zero coefficient.
    pub n: u64,
    /// Green tokens, nats of score, or one-bits: not centred.
    pub statistic: f64,
    /// Its mean under the null.
    pub null_mean: f64,
    /// Its variance under the null.
    pub null_variance: f64,
    /// Standard deviations above the mean.
    pub z: Option<f64>,
    /// How far the p-value can be relied on.
    pub p_kind: PKind,
    /// ln p.
    pub ln_p: f64,
    /// A saddlepoint beside a certified bound.
    pub ln_p_approx: Option<f64>,
    /// log10 p.
    pub log10_p: f64,
    /// ln p after Holm over the family; a calibrated p enters with its proven bound, `-ln_e`.
    pub ln_p_adjusted: f64,
    /// The size of the family.
    pub hypotheses: u64,
    /// Whether the verdict rests on this test.
    pub decides: bool,
    /// ln of the terminal mixture e-value; proven also under a served filter.
    pub ln_e: Option<f64>,
}

/// The decoy panel; null where there were no decoys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// How many decoys.
    pub decoys: u64,
    /// The mean of their z.
    pub decoy_mean_z: Option<f64>,
    /// The standard deviation of their z.
    pub decoy_sd_z: Option<f64>,
    /// 1 + how many of them are at or above the observed, on all contexts: a served filter looks at the key.
    pub rank: Option<u64>,
    /// sum m^2 / sum m over multiplicities before de-duplication.
    pub variance_inflation: f64,
}

/// What could have been seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// The smallest effect seen at this power, in standard deviations of one value.
    pub detectable_effect: Option<f64>,
    /// The power.
    pub at_power: f64,
    /// The effect that the verdict `no-evidence` promises to have seen.
    pub min_effect: f64,
}

/// One document, de-duplicated within itself only: its p does not depend on its neighbours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentResult {
    /// Its id.
    pub id: String,
    /// Its tokens.
    pub tokens: u64,
    /// Distinct inputs scored.
    pub scored: u64,
    /// The statistic.
    pub statistic: f64,
    /// Standard deviations above the mean.
    pub z: Option<f64>,
    /// ln p.
    pub ln_p: f64,
    /// ln p after Holm over the documents.
    pub ln_p_adjusted: f64,
    /// Whether the adjusted p is at most alpha.
    pub evidence: bool,
    /// Where in the document the mark is; null where it was not looked for.
    pub spans: Option<Vec<serde_json::Value>>,
}

/// One row of a demonstration's table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Student {
    /// The share of marked text in what it was trained on.
    pub share: f64,
    /// `right` or `wrong`.
    pub key: String,
    /// Distinct inputs.
    pub n: u64,
    /// S / n - gamma.
    pub green_excess: f64,
    /// ln p of the plain test.
    pub ln_p: f64,
    /// Inputs in served contexts.
    pub n_filtered: u64,
    /// ln p of the test on served contexts.
    pub ln_p_filtered: f64,
    /// The verdict of the row on its own.
    pub verdict: Verdict,
    /// The mean of its decoys' z.
    pub decoy_mean_z: Option<f64>,
    /// The standard deviation of its decoys' z.
    pub decoy_sd_z: Option<f64>,
    /// 1 + how many decoys are at or above the observed.
    pub rank: Option<u64>,
    /// Evidence along the tokens drawn: (distinct inputs, ln e).
    pub growth: Vec<(u64, f64)>,
}

/// The points behind the plots.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plots {
    /// The z of each decoy.
    pub decoy_z: Vec<f64>,
    /// The z observed, pooled over channels without accounts, which the decoys stand beside.
    pub observed_z: Option<f64>,
}

impl Report {
    /// The version of the JSON.
    pub const SCHEMA_VERSION: u64 = 1;

    /// Reads a report's JSON.
    ///
    /// # Errors
    /// When it is not JSON, lacks a key, has one that is unknown, or is of another schema version.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let report: Self = serde_json::from_str(text).map_err(|error| without_value(&error.to_string()))?;
        match report.schema_version {
            Self::SCHEMA_VERSION => Ok(report),
            found => Err(format!("schema_version {found}, this build reads {}", Self::SCHEMA_VERSION)),
        }
    }

    /// Writes the report as JSON, two spaces to a level, with a newline at the end.
    ///
    /// # Panics
    /// Never: every number in a report is finite.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report holds strings and finite numbers") + "\n"
    }

    /// The deciding tests.
    pub fn deciding(&self) -> impl Iterator<Item = &TestResult> {
        self.tests.iter().filter(|test| test.decides)
    }
}

/// serde's message without the value that it did not expect, which may be anything.
fn without_value(message: &str) -> String {
    match (message.starts_with("invalid "), message.split_once(", expected ")) {
        (true, Some((_, expected))) => format!("expected {expected}"),
        _ => message.to_owned(),
    }
}
