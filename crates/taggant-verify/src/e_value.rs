//! e-values, how they combine, and which of many are discoveries.

use crate::error::{Error, Kind};
use crate::ln_p::LnP;
use crate::p_value::{PKind, PValue};
use crate::tail::bet_grid::ln_mean_exp;

/// An e-value, as its natural logarithm: what one unit staked against the null has become.
///
/// Its expectation under the null is at most 1, so it reaches 1/alpha with a chance of at most alpha (Markov). ln E is
/// a number or -infinity, the bet that lost all; +infinity, which would be p = 0, is no e-value of a possible outcome.
///
/// # Paper
/// Vovk, Wang 2021, "E-values: calibration, combination and applications", Ann. Statist. 49(3).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct EValue {
    ln_e: f64,
}

impl EValue {
    /// E = 1: no bet, no evidence.
    pub const ONE: Self = Self { ln_e: 0.0 };

    /// From the natural logarithm.
    ///
    /// # Errors
    /// When it is NaN or +infinity.
    pub fn from_ln(ln_e: f64) -> Result<Self, Error> {
        if ln_e < f64::INFINITY { Ok(Self { ln_e }) } else { Err(Kind::EValue { found: ln_e }.into()) }
    }

    /// ln E.
    #[must_use]
    pub fn ln(self) -> f64 {
        self.ln_e
    }

    /// The certified p-value `min(1, 1/E)`; 1 for E = 0.
    #[must_use]
    pub fn p(self) -> PValue {
        PValue::new(LnP::from_ln(-self.ln_e), PKind::Certified)
    }
}

/// The average of e-values: an e-value under **any** dependence; 1 for none.
///
/// The same bytes in whatever order they come.
#[must_use]
pub fn average(e_values: &[EValue]) -> EValue {
    if e_values.is_empty() {
        return EValue::ONE;
    }
    EValue { ln_e: ln_mean_exp(sorted(e_values).into_iter()) }
}

/// The product of e-values: an e-value **only** if they are independent, or each is one given those before it.
///
/// That is so for disjoint inputs of one pseudorandom function, and for independent keys. It is not so for several
/// tests of one text under one key: take the [`average`]. 1 for none; 0 as soon as one is 0. The same bytes in whatever
/// order they come.
#[must_use]
pub fn product(e_values: &[EValue]) -> EValue {
    let ln_e: f64 = sorted(e_values).into_iter().sum();
    EValue { ln_e: ln_e.min(f64::MAX) }
}

/// Which of many hypotheses are discoveries at a false discovery rate of `alpha`, under **any** dependence (e-BH).
///
/// ```text
/// sorted e_(1) >= ... >= e_(K):   k = max { k : k e_(k) >= K / alpha },      discoveries: the k largest
/// ```
///
/// In the order of the arguments. None for alpha that is not above 0, or NaN. Equality is decided in f64: an e-value
/// within 1e-15 of the threshold, in logarithms, may fall on either side.
///
/// # Paper
/// Wang, Ramdas 2022, "False discovery rate control with e-values", J. R. Statist. Soc. B 84(3), section 4.
#[must_use]
pub fn e_bh(e_values: &[EValue], alpha: f64) -> Vec<bool> {
    if alpha.is_nan() || alpha <= 0.0 {
        return vec![false; e_values.len()];
    }
    let ln_threshold = libm::log(e_values.len() as f64) - libm::log(alpha);
    let sorted = sorted(e_values);
    let is_enough = |(rank, ln_e): &(usize, &f64)| *ln_e + libm::log((rank + 1) as f64) >= ln_threshold;
    let smallest = sorted.iter().enumerate().rfind(is_enough).map(|(_, ln_e)| *ln_e);
    e_values.iter().map(|e| smallest.is_some_and(|smallest| e.ln_e >= smallest)).collect()
}

/// The logarithms, the largest first.
fn sorted(e_values: &[EValue]) -> Vec<f64> {
    let mut ln: Vec<f64> = e_values.iter().map(|e| e.ln_e).collect();
    ln.sort_by(|a, b| b.total_cmp(a));
    ln
}
