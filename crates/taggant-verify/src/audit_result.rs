//! What an audit of a model adds to a report.

use serde::{Deserialize, Serialize};

use crate::report::TestResult;

/// What was audited, beside what, and how that was fixed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditResult {
    /// Where the tokens that were read came from.
    pub origin: Origin,
    /// The name of the test that the verdict rests on.
    pub decides: String,
    /// Who chose it.
    pub decided_by: DecidedBy,
    /// SHA-256 of the plan that was fixed before looking; null without one.
    pub plan_digest: Option<String>,
    /// Whether reading went on until evidence was seen: then every p is the bound of an e-value.
    pub stopped_by_scores: bool,
    /// What would be expected on either side.
    pub propositions: Propositions,
    /// The files that were read, by role and name.
    pub inputs: Vec<InputDigest>,
    /// The prompts whose contexts were left out of all answers; null where no row had one.
    pub prompts: Option<PromptCounts>,
    /// The references, the likeliest first; empty without any.
    pub references: Vec<ReferenceResult>,
    /// The effects behind the tests of the suspect whose contexts weigh alike.
    pub effects: Vec<ScoreEffect>,
    /// What was seen of the suspect's probabilities; null where it gave none.
    pub open: Option<OpenCounts>,
    /// Models that are known to be innocent, through the same tests.
    pub controls: Vec<ControlResult>,
}

/// Where the tokens that an audit reads came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The suspect wrote them.
    Suspect,
    /// The suspect read them, and no key had a part in them.
    KeyFree,
    /// The suspect read them, and they may carry the mark: only the first occurrence of a context counts.
    Marked,
}

impl Origin {
    /// The word of the report and of flags.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suspect => "suspect",
            Self::KeyFree => "key-free",
            Self::Marked => "marked",
        }
    }
}

/// Who chose the test that the verdict rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecidedBy {
    /// A plan that was fixed before.
    Plan,
    /// Whoever ran the audit.
    Flag,
    /// The documented order.
    DefaultOrder,
}

/// What would be expected on either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Propositions {
    /// If the suspect learned from text that carries this key's mark.
    pub learned: String,
    /// If it did not.
    pub not_learned: String,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputDigest {
    /// What it was read as.
    pub role: String,
    /// Its name, without the folder.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256: String,
}

/// The prompts of an audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptCounts {
    /// Rows with a prompt.
    pub prompts: u64,
    /// Rows without one.
    pub without: u64,
    /// Distinct contexts in prompts.
    pub contexts: u64,
}

/// A reference model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceResult {
    /// Its name.
    pub name: String,
    /// Fitted on text, or log-probs of its own.
    pub kind: ReferenceKind,
    /// The tokens it was fitted on; null for log-probs.
    pub fitted_tokens: Option<u64>,
    /// The mean ln probability it gives a token of the suspect's text, over the positions it speaks about.
    pub mean_ln_likelihood: f64,
    /// Positions it speaks about.
    pub positions: u64,
    /// Its share in the mixture that centres the statistic, by likelihood.
    pub share: f64,
    /// The reference tested for this key's mark: ln p of the count of its text, or of its expected green mass.
    pub mark_ln_p: Option<f64>,
}

/// How a reference gives probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferenceKind {
    /// An n-gram model was fitted on its text.
    Fitted,
    /// It gave log-probs.
    LogProbs,
}

impl ReferenceKind {
    /// The word of the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fitted => "fitted",
            Self::LogProbs => "log-probs",
        }
    }
}

/// How large what a test saw is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreEffect {
    /// The test.
    pub name: String,
    /// Its channel.
    pub channel: String,
    /// Tokens or positions that were read.
    pub positions: u64,
    /// (statistic - its mean) / positions: by how much more of the score the suspect gives, or expects, per position.
    pub excess: f64,
    /// The lower end of the interval by the null's spread.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Its nominal level.
    pub level: f64,
}

impl ScoreEffect {
    /// The effect behind a test over so many positions.
    ///
    /// ```text
    /// (T - E T +- q sd T) / positions,   q = 1.96, E and sd under the null
    /// ```
    #[must_use]
    pub fn of(test: &TestResult, positions: u64) -> Self {
        let per_position = |x: f64| if positions == 0 { 0.0 } else { x / positions as f64 };
        let half = QUANTILE * test.null_variance.sqrt();
        let excess = test.statistic - test.null_mean;
        Self {
            name: test.name.clone(),
            channel: test.channel.clone(),
            positions,
            excess: per_position(excess),
            low: per_position(excess - half),
            high: per_position(excess + half),
            level: LEVEL,
        }
    }
}

/// What was seen of the suspect's probabilities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenCounts {
    /// Positions with probabilities and a full context.
    pub positions: u64,
    /// Those that count.
    pub kept: u64,
    /// Positions left out since their context had occurred before, or stands in a prompt.
    pub repeated: u64,
    /// The mean probability that the suspect's lists hold.
    pub mean_listed_mass: f64,
    /// The same of the references.
    pub reference_listed_mass: Option<f64>,
}

/// An innocent model, through the same tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlResult {
    /// Its name.
    pub name: String,
    /// Its tokens.
    pub tokens: u64,
    /// The tests, none of which decides anything.
    pub tests: Vec<TestResult>,
}

/// The level of an effect's interval.
const LEVEL: f64 = 0.95;

/// The standard normal quantile of either side of it.
const QUANTILE: f64 = 1.959_963_984_540_054;
