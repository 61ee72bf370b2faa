//! What the keys and the contrast say together.

use taggant_verify::cohort_result::{CohortEntry, CohortVerdict};

/// The verdict, and what it supports and what else could cause it.
pub(crate) fn decide(
    cohorts: &[CohortEntry],
    alpha: f64,
    is_contrast: bool,
) -> (CohortVerdict, &'static str) {
    let ln_alpha = libm::log(alpha);
    let is_seen = |cohort: &&CohortEntry| cohort.ln_p_adjusted <= ln_alpha;
    let is_key_seen = cohorts.iter().any(|cohort| is_seen(&cohort));
    let is_unflagged_seen = cohorts.iter().filter(|cohort| !cohort.flagged).any(|cohort| is_seen(&cohort));
    if !cohorts.iter().all(|cohort| cohort.self_check_passed) {
        return (CohortVerdict::Invalid, INVALID);
    }
    match (is_key_seen, is_contrast, is_unflagged_seen) {
        (true, true, _) => (CohortVerdict::CohortEvidence, COHORT_EVIDENCE),
        (true, false, true) => (CohortVerdict::Ambiguous, KEYS_ALIKE),
        (true, false, false) => (CohortVerdict::KeyEvidence, KEY_EVIDENCE),
        (false, true, _) => (CohortVerdict::Ambiguous, CONTRAST_ALONE),
        (false, false, _) => (CohortVerdict::NoEvidence, NO_EVIDENCE),
    }
}

const COHORT_EVIDENCE: &str = "a key was seen, and the flagged cohorts stand out more than the draw of accounts to keys explains: \
    consistent with text of the flagged cohorts having been used beyond the exposure that is recorded of them (without any, a difference in it may be all). It does not say by which way \
    that text came, or which account of a cohort it was. A leak of exactly those cohorts' text, its sale or publication by \
    their accounts, or text planted under their keys would look the same";

const KEY_EVIDENCE: &str = "flagged keys alone were seen, and their contrast with the others is within what the draw of accounts to \
    keys explains: consistent with some text marked under a seen key having been used, which says nothing of the flagged \
    accounts as a group. A leak of one cohort's text, copies on the web, a vendor in common, another model trained on it, or \
    planted text would look the same";

const KEYS_ALIKE: &str = "unflagged keys were seen too, and the flagged cohorts do not stand out: consistent with text marked under \
    deployed keys having been used, whosever it was. Use of the flagged accounts cannot be told from public copies, which \
    are of all cohorts";

const CONTRAST_ALONE: &str = "no key was seen by itself, yet the flagged cohorts stand out at the level of the contrast: a chance of \
    that level, a trace too weak for the level of the keys, or exposure that was not recorded. It supports no claim; more of \
    the suspect's text may settle it";

const NO_EVIDENCE: &str = "no key was seen and the flagged cohorts do not stand out. That does not show that their text was not used: \
    too little text, paraphrase or later training can hide it";

const INVALID: &str = "the self-check of at least one key failed, so the p-values of this run cannot be relied on: the build, the \
    tokenizer or the pipeline is at fault, and that comes before any conclusion";
