//! The verdict, and the adjustments it rests on.

use taggant::law::Law;

use crate::linear::LinearNull;
use crate::ln_p::LnP;
use crate::null::Null;
use crate::p_value::holm;
use crate::report::{PKind, Power, TestResult, Verdict};
use crate::tail::normal::upper_quantile;
use crate::verifier::Plan;

/// ln of the level that Bonferroni leaves each of these tests, where `runs` of them share alpha.
pub(crate) fn level(alpha: f64, tests: &[TestResult], runs: u64) -> f64 {
    let family = tests.iter().filter(|test| test.decides).count();
    libm::log(alpha / family.max(1) as f64 / runs as f64)
}

/// The smallest effect that a deciding test could have seen at [`AT_POWER`], in standard deviations of one value; the exact
/// tests speak where there are any.
///
/// ```text
/// exact:      see Null::detectable_effect
/// otherwise:  (z_alpha + z_power) / sqrt(n_eff),   n_eff = (sum |a|)^2 / sum a^2
/// ```
///
/// For a weighted statistic it is the shift of every value towards the sign of its coefficient, from normal quantiles. What
/// is decided through an e-value pays for its mixture: ln alpha - ln(n) / 2 - 1, the regret of a mixture over one rate.
pub(crate) fn detectable_effect(law: Law, tests: &[TestResult], ln_alpha: f64) -> Option<f64> {
    let deciding = || tests.iter().filter(|test| test.decides);
    let exact = || deciding().filter(|test| test.p_kind == PKind::Exact);
    if exact().next().is_some() {
        let effect = |test: &TestResult| Null::new(law, test.n).detectable_effect(ln_alpha, AT_POWER);
        return exact().filter_map(effect).min_by(f64::total_cmp);
    }
    let effect = |test: &TestResult| {
        let n_eff = match &test.coefficients {
            None => test.n as f64,
            Some(coefficients) => LinearNull::of_values(law, coefficients)?.effective_n(),
        };
        let paid = if test.p_kind == PKind::Certified && test.coefficients.is_some() {
            0.0
        } else {
            0.5 * libm::log(test.n.max(1) as f64) + 1.0
        };
        let quantile = upper_quantile(libm::exp(ln_alpha - paid)) - upper_quantile(AT_POWER);
        (n_eff > 0.0).then(|| quantile / n_eff.sqrt())
    };
    deciding().filter_map(effect).min_by(f64::total_cmp)
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
    // A test that is shown and does not decide makes no evidence; but beside one below alpha nobody can say that there is none.
    let is_contradicted = tests.iter().any(|test| !test.decides && test.ln_p <= libm::log(plan.alpha));
    if !is_calibrated {
        Verdict::Invalid
    } else if smallest <= libm::log(plan.alpha) {
        Verdict::Evidence
    } else if smallest <= libm::log(SUGGESTIVE_P)
        || is_contradicted
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
