//! What a reader of an audit should know: what was seen, what it may mean, what to do.

use std::fmt;

use taggant_verify::LnP;

/// A caution of an audit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Caution {
    Absence,
    NoPrompts { without: u64 },
    NoPlan,
    OneRun,
    OtherTest { name: String, p: LnP },
    MarkedControl { name: String, p: LnP },
    ServedText { share: f64 },
    MarkedText { p: LnP },
    ScreenedReference { name: String, z: f64 },
    NoCommitment,
    Unpublished,
    EmptyCohort { cohort: String },
    CohortReference { cohort: String, name: String, p: LnP },
    MarkedReading,
    StoppedByScores,
    NoReference,
    MarkedReference { name: String, p: LnP },
    SilentReference { name: String, positions: u64, tokens: u64 },
    UnlistedMass { listed: f64 },
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absence => f.write_str(
                "paraphrase, translation and training against the mark remove it: that nothing is seen does not show that \
                 nothing was used",
            ),
            Self::NoPrompts { without } => write!(
                f,
                "{without} rows have no prompt: text that stands in a prompt can be copied into an answer, and only the contexts of \
                 known prompts were left out; give `prompt` or `prompt_tokens` with every row"
            ),
            Self::NoPlan => f.write_str(
                "no plan was fixed before looking: that the key, the test or the files were chosen afterwards cannot be excluded; \
                 see `taggant audit plan`",
            ),
            Self::OneRun => f.write_str(
                "a plan fixes what a run does and not that it was the only one: runs on other answers under the same plan would \
                 share alpha; --hypotheses counts them",
            ),
            Self::OtherTest { name, p } => write!(
                f,
                "{name}, which does not decide, gives p = {p}: below alpha. No test may be chosen after looking: fix it in a plan, and \
                 run it on other text of the suspect"
            ),
            Self::MarkedControl { name, p } => write!(
                f,
                "the control {name} shows the mark itself (p = {p}): it is not innocent, or the log, the key or the test is at fault; \
                 rely on no verdict of this run before that is known"
            ),
            Self::ServedText { share } => write!(
                f,
                "{:.0} % of what the suspect is said to have written stands in the served log word for word, in stretches of 20 \
                 tokens: if it was given that text, and did not write it by itself, this is evidence of nothing",
                100.0 * share
            ),
            Self::MarkedText { p } => write!(
                f,
                "the text that the suspect read may carry this key's mark itself (p = {p}): if a key had a part in it, what an \
                 innocent model copies from it counts; see --origin marked"
            ),
            Self::ScreenedReference { name, z } => write!(
                f,
                "the reference {name} scores lower than chance under this key (z = {z:.1}), as if it had been chosen with it: then it \
                 accuses the innocent; use another"
            ),
            Self::NoCommitment => f.write_str(
                "the plan has no commitment to some key: that the key was chosen afterwards, with the suspect at hand, cannot be \
                 excluded; commit to keys and profiles before they are used, see `taggant audit plan`",
            ),
            Self::Unpublished => f.write_str(
                "the plan does not say where and when some commitment was published: without a time that somebody else vouches \
                 for, it does not show that the key was chosen before the suspect was trained",
            ),
            Self::EmptyCohort { cohort } => write!(
                f,
                "the deciding test reads nothing under the key of cohort {cohort}: it stands among the others with z = 0"
            ),
            Self::CohortReference { cohort, name, p } => write!(
                f,
                "the reference {name} seems to carry the mark of cohort {cohort} (p = {p}): what both have learned cancels, so the \
                 z of that cohort is understated; use another"
            ),
            Self::MarkedReading => f.write_str(
                "the suspect read text that may carry the mark: each context counts at its first occurrence alone, the p of an open-* \
                 test is calibrated, not proven, and the verdict rests on its bound exp(-ln_e)",
            ),
            Self::StoppedByScores => f.write_str(
                "the suspect was asked until evidence was seen or the budget spent: every p is the bound exp(-ln_e), which holds at \
                 any stop, and the tests whose p would not hold are left out",
            ),
            Self::NoReference => f.write_str(
                "no reference was given: a score centred by an unmarked model sees the same effect in fewer tokens; see \
                 --reference",
            ),
            Self::MarkedReference { name, p } => write!(
                f,
                "the reference {name} seems to carry this key's mark itself (p = {p}): what both have learned cancels, so the \
                 evidence is understated; use another"
            ),
            Self::SilentReference { name, positions, tokens } => write!(
                f,
                "the reference {name} speaks about {positions} of {tokens} tokens; elsewhere nothing is expected"
            ),
            Self::UnlistedMass { listed } => write!(
                f,
                "the suspect's lists hold {:.0} % of its probability on average: what they leave out is not seen; ask for \
                 more tokens in each list",
                listed * 100.0
            ),
        }
    }
}

/// From here on a reference is suspected of carrying the mark: ln 1e-3.
pub(crate) const SUSPICIOUS_LN_P: f64 = -6.907_755_278_982_137;
