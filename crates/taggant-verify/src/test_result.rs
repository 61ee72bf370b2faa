//! The results of tests, one for each statistic, filter and channel.

use taggant::law::Law;

use crate::linear::{LinearNull, LinearSum};
use crate::ln_p::LnP;
use crate::null::Null;
use crate::p_value::{PKind, PValue};
use crate::report::TestResult;
use crate::tally::Tally;
use crate::test_name::TestName;

/// The count of one channel.
pub(crate) fn count_test(
    name: TestName,
    channel: &str,
    law: Law,
    tally: &Tally,
    reliance: Reliance,
) -> TestResult {
    let null = Null::new(law, tally.n);
    let statistic = null.statistic(tally);
    let p = reliance.of_count(&null, statistic);
    TestResult {
        null_mean: null.mean(),
        null_variance: null.variance(),
        z: null.z(statistic),
        ln_e: Some(null.ln_e(statistic)),
        ..test_result(name, channel, law, tally.n, statistic, p)
    }
}

/// What the p-value of a test can rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reliance {
    /// The null's own tail.
    Null,
    /// The same, calibrated: the coefficients look at the key, and only the e-value is proven.
    Calibration,
    /// The e-value alone: the scores decided how much was read.
    EValue,
}

impl Reliance {
    pub(crate) fn of(is_calibrated: bool, is_stopped_by_scores: bool) -> Self {
        match (is_stopped_by_scores, is_calibrated) {
            (true, _) => Self::EValue,
            (false, true) => Self::Calibration,
            (false, false) => Self::Null,
        }
    }

    pub(crate) fn of_count(self, null: &Null, statistic: f64) -> PValue {
        match self {
            Self::EValue => PValue::new(LnP::from_ln(-null.ln_e(statistic).max(0.0)), PKind::Certified),
            _ => self.of_tail(null.p_value(statistic)),
        }
    }

    pub(crate) fn of_tail(self, p: PValue) -> PValue {
        if self == Self::Null { p } else { PValue::new(p.unadjusted(), PKind::Calibrated) }
    }
}

/// A linear statistic of one channel. `scale` is the largest coefficient it could have had, whatever the filter kept.
pub(crate) fn linear_test(
    name: TestName,
    channel: &str,
    law: Law,
    sum: &LinearSum,
    scale: f64,
    reliance: Reliance,
) -> TestResult {
    let null = LinearNull::new(law, sum);
    let statistic = sum.statistic(law);
    let p = reliance.of_tail(null.p_value(statistic));
    TestResult {
        null_mean: null.mean(),
        null_variance: null.variance(),
        z: null.z(statistic),
        ln_p_approx: null.ln_p_approx(statistic),
        ln_e: Some(null.ln_e(statistic, scale)),
        coefficients: Some(null.coefficients()),
        scale: Some(scale),
        ..test_result(name, channel, law, sum.n(), statistic, p)
    }
}

fn test_result(name: TestName, channel: &str, law: Law, n: u64, statistic: f64, p: PValue) -> TestResult {
    TestResult {
        name: name.to_string(),
        channel: channel.into(),
        law: law_text(law),
        n,
        statistic,
        null_mean: 0.0,
        null_variance: 0.0,
        z: None,
        p_kind: p.kind(),
        ln_p: p.ln(),
        ln_p_approx: None,
        coefficients: None,
        scale: None,
        log10_p: p.unadjusted().log10(),
        ln_p_adjusted: p.ln(),
        hypotheses: p.hypotheses(),
        decides: true,
        ln_e: None,
    }
}

/// The law as a report writes it.
pub(crate) fn law_text(law: Law) -> String {
    match law {
        Law::Bernoulli { numerator, denominator } => format!("bernoulli {numerator}/{denominator}"),
        Law::Exponential => "exponential".into(),
        Law::Bits { depth } => format!("bits {depth}"),
        _ => unreachable!("every law of this build is named above"),
    }
}
