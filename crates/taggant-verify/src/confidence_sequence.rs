//! Confidence sequences: intervals for the size of the mark's trace that hold at all times at once.
//!
//! These are **model-based**, unlike the tests. A test needs only that the key is independent of the text; an interval
//! for a size needs a model of what the size is the size of:
//!
//! | law | model of distinct inputs | parameter | under the null |
//! |---|---|---|---|
//! | green | each green with probability q, independently | q | gamma |
//! | bits of depth d | each of the d bits 1 with probability q, independently | q | 1/2 |
//! | scores | each s times Exp(1), independently | s | 1 |
//!
//! Where inputs differ in their effect, as they do, q and s stand for an average, and coverage is not proven. That the
//! null parameter is excluded is then no evidence by itself: the e-process says that.

use taggant::law::Law;

use crate::error::{Error, Kind};
use crate::null::Null;
use crate::tail::binomial::successes_beyond_mean;
use crate::tail::quantile::smallest_f64;
use crate::tail::special::{LN_2PI, deviance, log1p_remainder, stirling_error};
use crate::tally::Tally;

/// Intervals that contain the parameter at all times at once, with a chance of at least 1 - alpha under the model.
///
/// ```text
/// interval = { parameter : R(parameter) < 1/alpha },      P( R_n(true) >= 1/alpha for some n ) <= alpha  (Ville 1939)
/// coins    R(q) = Int M(r) Beta(1/2, 1/2)(dr) / M(q),     M(q) = q^k (1-q)^(n-k)
/// scores   R(s) = Int M(r) e^-r dr / M(1/s),              M(r) = r^n e^(-r x)
/// ```
///
/// R is the likelihood ratio of a mixture against the parameter, a martingale when the parameter is true. In closed form
/// with Beta and Gamma functions; log-concave in the parameter, so the set is an interval, and its ends are found by
/// bisection down to neighboring f64s.
///
/// # Paper
/// Krichevsky, Trofimov 1981, IEEE Trans. Inf. Theory 27(2), for the mixture; Robbins 1970, Ann. Math. Stat. 41, for the
/// intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfidenceSequence {
    law: Law,
    alpha: f64,
}

/// An interval for a parameter, ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end; infinite where nothing bounds a scale.
    pub high: f64,
}

impl ConfidenceSequence {
    /// Intervals for the parameter of a law.
    ///
    /// # Errors
    /// When alpha is not above 0 and below 1.
    pub fn new(law: Law, alpha: f64) -> Result<Self, Error> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(Kind::Alpha { found: alpha }.into());
        }
        Ok(Self { law, alpha })
    }

    /// The interval after the inputs of a tally.
    ///
    /// Without inputs it is everything: rates from 0 to 1, scales from 0 to infinity. So it is for counts that no
    /// inputs have, and for scores that are all 0.
    #[must_use]
    pub fn interval(&self, tally: &Tally) -> Interval {
        let (estimate, last) = match self.observed(tally) {
            Observed::Coins { n, k } => (k as f64 / n as f64, 1.0),
            Observed::Scores { n, x } => (x / n as f64, f64::INFINITY),
            Observed::Nothing => {
                let high = if Null::new(self.law, 1).coins().is_some() { 1.0 } else { f64::INFINITY };
                return Interval { low: 0.0, high };
            }
        };
        Interval {
            low: smallest_f64(estimate, |parameter| !self.excludes(tally, parameter)),
            high: smallest_f64(last, |parameter| parameter > estimate && self.excludes(tally, parameter)),
        }
    }

    /// Whether a parameter is outside the interval. What is no rate, or no scale, is; NaN is not.
    #[must_use]
    pub fn excludes(&self, tally: &Tally, parameter: f64) -> bool {
        let ln_ratio = match self.observed(tally) {
            Observed::Nothing => return false,
            _ if parameter.is_nan() => return false,
            Observed::Coins { .. } if !(0.0..=1.0).contains(&parameter) => return true,
            Observed::Scores { x, .. } if parameter <= 0.0 || x / parameter == f64::INFINITY => return true,
            Observed::Coins { n, k } => {
                let excess = successes_beyond_mean(n, parameter, k);
                let (all, hits, misses) = (n as f64, k as f64, (n - k) as f64);
                deviance(hits, all * parameter, excess) + deviance(misses, all * (1.0 - parameter), -excess)
                    - rate_regret(all, hits, misses)
            }
            Observed::Scores { n, x } => {
                let (n, mean) = (n as f64, x / parameter);
                deviance(n, mean, n - mean) - scale_regret(n, x)
            }
        };
        ln_ratio >= -libm::log(self.alpha)
    }

    /// The effect that a parameter is, in standard deviations of one value, as [`Null::detectable_effect`] states it.
    ///
    /// ```text
    /// coins:   (q - p) sqrt(d) / sqrt(p (1 - p))          scores:  s - 1
    /// ```
    #[must_use]
    pub fn effect(&self, parameter: f64) -> f64 {
        match Null::new(self.law, 1).coins() {
            Some((per_input, p)) => (parameter - p) * (per_input as f64 / (p * (1.0 - p))).sqrt(),
            None => parameter - 1.0,
        }
    }

    fn observed(&self, tally: &Tally) -> Observed {
        match Null::new(self.law, tally.n).coins() {
            _ if tally.n == 0 => Observed::Nothing,
            Some((n, _)) if tally.sum <= u128::from(n) => Observed::Coins { n, k: tally.sum as u64 },
            None if tally.sum > 0 => {
                Observed::Scores { n: tally.n, x: tally.sum as f64 / self.law.unit() as f64 }
            }
            _ => Observed::Nothing,
        }
    }
}

/// What a tally says under a law.
enum Observed {
    Coins { n: u64, k: u64 },
    Scores { n: u64, x: f64 },
    Nothing,
}

/// How much the Beta(1/2, 1/2) mixture falls short of the best rate, in nats.
///
/// ```text
/// max_q ln M(q) - ln( B(k+1/2, n-k+1/2) / pi ) = ln pi + ln(n / (2 pi)) / 2 + delta(n) - g(k) - g(n-k)
/// ```
fn rate_regret(n: f64, hits: f64, misses: f64) -> f64 {
    LN_PI + 0.5 * (libm::log(n) - LN_2PI) + stirling_error(n) - half_gamma(hits) - half_gamma(misses)
}

/// g(k), what Stirling's leading terms leave of ln Gamma(k + 1/2).
///
/// ```text
/// g(k) = ln Gamma(k + 1/2) - (k ln k - k) - ln(2 pi) / 2 = delta(k - 1/2) - k h(-1 / (2 k)),   h(y) = y - ln(1+y)
/// g(0) = -ln(2) / 2
/// ```
fn half_gamma(k: f64) -> f64 {
    if k == 0.0 {
        return -0.5 * std::f64::consts::LN_2;
    }
    stirling_error(k - 0.5) - k * log1p_remainder(-0.5 / k)
}

/// How much the Exp(1) mixture of rates falls short of the best rate n / x, in nats.
///
/// ```text
/// max_r ln M(r) - ln( n! / (1 + x)^(n+1) ) = ln(1 + x) + n ln(1 + 1/x) - ln(2 pi n) / 2 - delta(n)
/// ```
fn scale_regret(n: f64, x: f64) -> f64 {
    libm::log1p(x) + n * libm::log1p(1.0 / x) - 0.5 * (LN_2PI + libm::log(n)) - stirling_error(n)
}

/// ln(pi).
const LN_PI: f64 = 1.144_729_885_849_400_2;
