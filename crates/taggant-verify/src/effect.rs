//! How strong the mark is in a text: an interval for the shift of the mean of a value.
//!
//! A p-value needs no model. An effect does: it is a number about an alternative, and so is its interval. The model here
//! is the simplest one,
//!
//! ```text
//! each distinct input is independently shifted by the same amount
//! coins:        green, or a one-bit, with probability p + eps
//! exponential:  a score is s Exp(1)
//! ```
//!
//! and within it the interval is exact: the parameters that the exact test would not reject. Text is not like that; it
//! holds inputs that are marked strongly and inputs that cannot be. A sum of unequal coins varies less than one of equal
//! coins (Hoeffding 1956), so within a document the interval is rather too wide. Where documents differ from each other
//! it is too narrow, without limit: for completions of one marked model it held the truth at its level, and for a mixture
//! of marked and unmarked ones in a third of the runs (`cargo xtask calibrate effect`). [`bootstrap`](crate::bootstrap)
//! belongs beside it.
//!
//! The interval says nothing of which share of a training text was marked: that share is not identified by one key.

use taggant::law::Law;

use crate::null::Null;
use crate::tail::quantile;

/// An estimate and the interval around it, in two units.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct EffectInterval {
    /// In standard deviations of one value under the null: the unit of [`Null::detectable_effect`].
    pub effect: Interval,
    /// In the unit of the statistic for each input, less the null mean:
    ///
    /// ```text
    /// coins of a green list:  S/n - gamma       green tokens for each input
    /// exponential:            S/n - 1           nats for each input
    /// bits of depth d:        S/n - d/2         one-bits for each input
    /// ```
    pub excess: Interval,
    /// The level of the interval, such as 0.95.
    pub level: f64,
}

/// `low <= estimate <= high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// What was found.
    pub estimate: f64,
    /// The upper end.
    pub high: f64,
}

impl EffectInterval {
    /// The exact interval under the model of a constant shift: Clopper-Pearson for coins, its counterpart for sums of
    /// scores.
    ///
    /// ```text
    /// a = (1 - level) / 2
    /// coins:        P(Bin(N, q_low) >= S) = a,  P(Bin(N, q_high) <= S) = a,      N = n, or n d for bits
    /// exponential:  P(s_low G >= S) = a,        P(s_high G <= S) = a,            G ~ Gamma(n, 1)
    /// ```
    ///
    /// The interval holds the true shift with a probability of at least `level`, whatever it is; exactly `level` for
    /// scores. Either end alone is a bound at 1 - a.
    ///
    /// Range: n up to 2^53, any possible statistic; relative error of an end's rate or scale: below 1e-12. Cost: about 125
    /// tails.
    ///
    /// Edges: S = 0 has the lower end at rate 0, S = N the upper end at rate 1. For n = 1 nearly everything is in the
    /// interval. A sum of scores of 0, which no input gives, is an estimate of scale 0 and both ends there. `None` without
    /// inputs, for a statistic that no tally has (above N, not a whole number of coins, negative, NaN), for a law without
    /// variance, and for a level outside [0.5, 1), below which an end could pass the estimate.
    ///
    /// # Paper
    /// Clopper and Pearson 1934, Biometrika 26(4).
    #[must_use]
    pub fn exact(law: Law, n: u64, statistic: f64, level: f64) -> Option<Self> {
        let null = Null::new(law, n);
        if n == 0 || !null.is_possible(statistic) || !is_level(level) {
            return None;
        }
        let ln_side = libm::log((1.0 - level) / 2.0);
        let values = n as f64;
        let rates = match null.coins() {
            Some((n_coins, _)) => {
                let successes = statistic as u64;
                let per_value = n_coins as f64 / values;
                let low = quantile::binomial_rate_at_power(n_coins, successes, ln_side);
                let high = quantile::binomial_rate_at_lower_tail(n_coins, successes, ln_side);
                [low * per_value, statistic / values, high * per_value]
            }
            None => {
                let low = quantile::gamma_scale_at_power(values, statistic, ln_side);
                let high = quantile::gamma_scale_at_lower_tail(values, statistic, ln_side);
                [low, statistic / values, high]
            }
        };
        Self::of_rates(law, rates, level)
    }

    /// From the ends and the estimate of the mean of a value, low, estimate, high.
    pub(crate) fn of_rates(law: Law, rates: [f64; 3], level: f64) -> Option<Self> {
        if law.variance() <= 0.0 {
            return None;
        }
        let excess = rates.map(|rate| rate - law.mean());
        let interval = |[low, estimate, high]: [f64; 3]| Interval { low, estimate, high };
        let effect = excess.map(|excess| effect_of_excess(law, excess));
        Some(Self { effect: interval(effect), excess: interval(excess), level })
    }
}

/// An excess, in units of the statistic for each input, as an effect in standard deviations of one value.
///
/// ```text
/// effect = excess / sqrt(variance of one score)
/// ```
///
/// NaN or infinite for a law without variance.
#[must_use]
pub fn effect_of_excess(law: Law, excess: f64) -> f64 {
    excess / law.variance().sqrt()
}

/// The inverse of [`effect_of_excess`].
#[must_use]
pub fn excess_of_effect(law: Law, effect: f64) -> f64 {
    effect * law.variance().sqrt()
}

/// Whether intervals are made at this level.
pub(crate) fn is_level(level: f64) -> bool {
    (0.5..1.0).contains(&level)
}
