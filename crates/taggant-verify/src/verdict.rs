//! The verdict, and the adjustments it rests on.

use crate::ln_p::LnP;
use crate::p_value::holm;
use crate::report::{PKind, Power, TestResult, Verdict};
use crate::verifier::Plan;

/// ln of the level that Bonferroni leaves each of these tests, where `runs` of them share alpha.
pub(crate) fn level(alpha: f64, tests: &[TestResult], runs: u64) -> f64 {
    libm::log(alpha / tests.len().max(1) as f64 / runs as f64)
}

/// Holm over the deciding family. A test whose own p is calibrated but not proven enters with the proven bound
/// `p <= exp(-ln_e)` (Ville 1939) instead. Then times `runs`, for as many families as share alpha.
pub(crate) fn adjust(tests: &mut [TestResult], runs: u64) {
    let mut family: Vec<&mut TestResult> = tests.iter_mut().filter(|test| test.decides).collect();
    let proven = |test: &&mut TestResult| match (test.p_kind, test.ln_e) {
        (PKind::Calibrated, Some(ln_e)) => LnP::from_ln(-ln_e),
        _ => LnP::from_ln(test.ln_p),
    };
    let p: Vec<LnP> = family.iter().map(proven).collect();
    let hypotheses = (p.len() as u64).saturating_mul(runs);
    for (test, adjusted) in family.iter_mut().zip(holm(&p)) {
        test.ln_p_adjusted = adjusted.times(runs).ln();
        test.hypotheses = hypotheses;
    }
}

/// The verdict that follows from the numbers.
pub(crate) fn verdict(tests: &[TestResult], plan: &Plan, is_calibrated: bool, power: &Power) -> Verdict {
    let smallest = tests.iter().filter(|test| test.decides).map(|test| test.ln_p_adjusted);
    let smallest = smallest.fold(0.0, f64::min);
    if !is_calibrated {
        Verdict::Invalid
    } else if smallest <= libm::log(plan.alpha) {
        Verdict::Evidence
    } else if smallest <= libm::log(SUGGESTIVE_P)
        || power.detectable_effect.is_none_or(|effect| effect > plan.min_effect)
    {
        Verdict::Inconclusive
    } else {
        Verdict::NoEvidence
    }
}

/// The power at which effects are stated.
pub(crate) const AT_POWER: f64 = 0.9;

/// Above alpha but at most this, a p-value is neither evidence nor its absence.
const SUGGESTIVE_P: f64 = 1e-3;
