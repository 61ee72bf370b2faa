//! The report: JSON first, every other form is rendered from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::audit_result::AuditResult;
use crate::cohort_result::{CohortResult, CohortVerdict};
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
    /// How large the excess is, pooled over the channels tested.
    pub effect: Option<EffectResult>,
    /// What could have been seen.
    pub power: Power,
    /// What a reader should know before relying on this.
    pub cautions: Vec<String>,
    /// What an audit of a model adds; null for a test of a text.
    pub audit: Option<AuditResult>,
    /// What several deployed keys say together; null without cohorts.
    pub cohort_verdict: Option<CohortVerdict>,
    /// The test of cohorts behind it.
    pub cohorts: Option<CohortResult>,
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
    /// The statistic, and after a hyphen the filter: see [`TestName`](crate::TestName).
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
    /// The coefficients of a weighted test, largest first: (coefficient, how many values carry it); null for a count.
    pub coefficients: Option<Vec<(f64, u64)>>,
    /// The largest size a coefficient could have had, whatever a filter kept: what the bets behind `ln_e` are scaled by. Null
    /// for a count.
    pub scale: Option<f64>,
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

/// The checks of the null on this text; null where there were no decoys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// How many decoys: fresh secrets through the real pseudorandom function and the whole pipeline.
    pub decoys: u64,
    /// How many distinct inputs the observed statistic has among the n-grams that they read, chosen by fingerprint.
    pub decoy_inputs: u64,
    /// The mean of their z.
    pub decoy_mean_z: Option<f64>,
    /// The standard deviation of their z.
    pub decoy_sd_z: Option<f64>,
    /// The largest distance of their randomised p from uniform.
    pub decoy_ks: Option<f64>,
    /// The same for a weighted statistic, where there is one.
    pub decoy_weighted_ks: Option<f64>,
    /// 1 + how many of them are at or above the observed, on the same inputs and on all contexts: a served filter looks at
    /// the key.
    pub rank: Option<u64>,
    /// Simulated keys on the same text: a picture, not a check.
    pub columns: Option<ColumnPanel>,
    /// sum m^2 / sum m over multiplicities before de-duplication.
    pub variance_inflation: f64,
}

/// Simulated keys: what the statistic does on these inputs when values are drawn afresh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnPanel {
    /// How many keys.
    pub columns: u64,
    /// How many distinct inputs, chosen by fingerprint.
    pub inputs: u64,
    /// The mean of their z.
    pub mean_z: f64,
    /// The standard deviation of their z.
    pub sd_z: f64,
    /// The largest of them.
    pub largest_z: f64,
    /// 1 + how many of them are at or above the observed on the same inputs.
    pub rank: u64,
}

/// How large the excess is, under a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectResult {
    /// What the interval rests on, in words.
    pub model: String,
    /// Distinct inputs.
    pub n: u64,
    /// The sum of their scores.
    pub statistic: f64,
    /// The mean score less its mean under the null: green share - gamma, nats - 1, one-bits - depth / 2.
    pub excess: f64,
    /// The lower end of the interval, by inverting the exact test.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The share of intervals that cover the truth, if the model holds.
    pub level: f64,
    /// The interval of a bootstrap over documents, which rests on documents being drawn alike and not on inputs being so; each input
    /// is booked to one of the documents that hold it. Null with fewer than 20 documents.
    pub bootstrap: Option<[f64; 2]>,
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
    pub spans: Option<Vec<SpanResult>>,
}

/// Where in a document a mark is. Token indices are half-open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanResult {
    /// The first marked token, as best estimated.
    pub start: u64,
    /// One past the last.
    pub end: u64,
    /// Where the first of them begins in the text, in bytes; null for rows of tokens.
    pub byte_start: Option<u64>,
    /// Where the last of them ends.
    pub byte_end: Option<u64>,
    /// The window that was tested, which need not begin and end where the estimate does.
    pub window_start: u64,
    /// One past its last token.
    pub window_end: u64,
    /// Distinct inputs in the window, each at its first occurrence in the document.
    pub n: u64,
    /// The sum of their scores.
    pub statistic: f64,
    /// ln p of the window alone.
    pub ln_p: f64,
    /// ln p with every window of every document counted: `ln_p` + ln `hypotheses`, at most 0.
    pub ln_p_adjusted: f64,
    /// What `ln_p` is multiplied by: windows of this length, times lengths, times documents. The parts of alpha that windows
    /// get so sum to alpha over all windows of all documents.
    pub hypotheses: u64,
    /// The text around; null for rows of tokens.
    pub excerpt: Option<Excerpt>,
}

/// A marked stretch of text between a little of what stands before and after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Excerpt {
    /// What stands before.
    pub before: String,
    /// The stretch itself; its middle is left out when it is long.
    pub marked: String,
    /// What stands after.
    pub after: String,
}

impl Excerpt {
    /// The bytes `start..end` of a text between up to 200 bytes before and after. Ends that fall inside a character move
    /// outwards; a stretch of more than 1,200 bytes keeps its two ends.
    #[must_use]
    pub fn of(text: &str, start: usize, end: usize) -> Self {
        let floor =
            |at: usize| (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let ceil = |at: usize| (at..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
        let (start, end) = (floor(start), ceil(end.max(start)));
        let marked = &text[start..end];
        let marked = if marked.len() > 2 * EXCERPT_HALF {
            let (head, tail) = (floor(start + EXCERPT_HALF), ceil(end - EXCERPT_HALF));
            format!("{} [...] {}", &text[start..head], &text[tail..end])
        } else {
            marked.to_owned()
        };
        Self {
            before: text[ceil(start.saturating_sub(EXCERPT_AROUND)).min(start)..start].to_owned(),
            marked,
            after: text[end..floor(end + EXCERPT_AROUND).max(end)].to_owned(),
        }
    }
}

/// How much of the text before and after a span a report shows, in bytes.
const EXCERPT_AROUND: usize = 200;

/// How much of either end of a long span it shows.
const EXCERPT_HALF: usize = 600;

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
    /// Evidence as more is read, in the order of fingerprints: (distinct inputs so far, ln e).
    pub growth: Vec<(u64, f64)>,
}

/// The points behind the plots.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plots {
    /// The z of each decoy.
    pub decoy_z: Vec<f64>,
    /// The randomised p of each decoy.
    pub decoy_p: Vec<f64>,
    /// The same of a weighted statistic; empty without one.
    pub decoy_weighted_p: Vec<f64>,
    /// The z of the linear statistic under each decoy, on its heaviest inputs; empty without one.
    pub decoy_weighted_z: Vec<f64>,
    /// Its observed z on the same inputs.
    pub weighted_observed_z: Option<f64>,
    /// The z observed on the decoys' inputs, pooled over channels without accounts.
    pub observed_z: Option<f64>,
    /// The simulated keys' z in bins: (lower end, how many); each is 0.25 wide.
    pub column_z: Vec<(f64, u64)>,
    /// The z observed on the simulated keys' inputs.
    pub column_observed_z: Option<f64>,
    /// Evidence as more is read, in the order of fingerprints: (distinct inputs so far, ln e).
    pub growth: Vec<(u64, f64)>,
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
