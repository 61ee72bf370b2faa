//! How many inputs a claim needs, and what effect a number of inputs can show.
//!
//! The alternative is the model of [`effect`](crate::effect): every input shifted by the same amount. Numbers for the exact
//! test are exact under it, up to the rounding of the tails; those for the e-process and for a score statistic are called
//! approximate where they stand.

use std::num::NonZeroU64;

use taggant::law::Law;

use crate::effect::excess_of_effect;
use crate::error::{Error, Kind};
use crate::null::Null;
use crate::tail::quantile::smallest;
use crate::tail::{gamma, mixture, quantile};

mod sawtooth;

use sawtooth::Coins;

/// A claim to be planned: a test at level alpha over a number of hypotheses that sees an effect with the given power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    law: Law,
    alpha: f64,
    power: f64,
    hypotheses: NonZeroU64,
}

impl Claim {
    /// A claim about values of this law, at level `alpha` over all hypotheses (each gets `alpha / hypotheses`).
    ///
    /// # Errors
    /// When alpha is not above 0 and below 1, or the power not in [0.5, 0.99] or not above alpha. A higher power is
    /// refused because the search of [`inputs_needed`](Self::inputs_needed) would no longer be sharp.
    pub fn new(law: Law, alpha: f64, power: f64, hypotheses: NonZeroU64) -> Result<Self, Error> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(Kind::Alpha { found: alpha }.into());
        }
        if !(0.5..=0.99).contains(&power) || power <= alpha {
            return Err(Kind::Power { found: power }.into());
        }
        Ok(Self { law, alpha, power, hypotheses })
    }

    /// The law of a value.
    #[must_use]
    pub fn law(&self) -> Law {
        self.law
    }

    /// How many distinct inputs the exact test needs for this effect, in standard deviations of one value.
    ///
    /// The answer n has the power at n and at every larger number. For counts the power is a sawtooth in n: it rises with
    /// each input and drops where the critical count goes up by one, so there are smaller numbers that have the power
    /// too, but each of them is followed by one that has not. The search goes down from a proven bound through at most 2^16
    /// teeth. At a power of 0.9 these suffice up to 10^10 inputs, and n is the smallest with that property; where they
    /// do not, n still has the property but is too large, by less than a part in 1,000 (in 10^5 at a power of 0.9).
    ///
    /// ```text
    /// n = min { n : P1(S_m >= c_m) >= power for all m >= n },      c_m = min { c : P0(S_m >= c) <= alpha / hypotheses }
    /// ```
    ///
    /// `None` for an effect that is not a number above 0, that no value can have (a rate above 1), or that needs more
    /// than 2^53 coins or scores.
    #[must_use]
    pub fn inputs_needed(&self, effect: f64) -> Option<u64> {
        match self.alternative(effect)? {
            Alternative::Coins(coins) => coins.inputs_needed(),
            Alternative::Scale(scale) => {
                let ln_power = libm::log(self.power);
                first(MOST, |n| {
                    let critical = quantile::gamma_critical(n as f64, self.ln_alpha());
                    gamma::ln_upper(n as f64, critical / scale) >= ln_power
                })
            }
        }
    }

    /// The effect that the exact test sees with the claim's power in `n` distinct inputs; `None` if it sees none.
    ///
    /// The inverse of [`inputs_needed`](Self::inputs_needed) up to the sawtooth: for counts, that one may ask for a few
    /// inputs more.
    #[must_use]
    pub fn detectable_effect(&self, n: u64) -> Option<f64> {
        Null::new(self.law, n).detectable_effect(self.ln_alpha(), self.power)
    }

    /// Where an e-process typically stops: the number of distinct inputs at which the mixture e-value of the *expected*
    /// statistic reaches hypotheses / alpha. Approximate; near the median of the stopping time, and no quantile of it: the
    /// power of the claim does not enter.
    ///
    /// ```text
    /// n = min { n : ln E(n, S = expected) >= ln(hypotheses / alpha) },      coins: S = n q, rounded
    ///   > ln(hypotheses / alpha) / KL(q || p), what a bettor who knew q would need
    /// ```
    ///
    /// with E the mixture of [`mixture`]. `None` as for [`inputs_needed`](Self::inputs_needed).
    #[must_use]
    pub fn typical_stop(&self, effect: f64) -> Option<u64> {
        let target = -self.ln_alpha();
        match self.alternative(effect)? {
            Alternative::Coins(coins) => {
                // The rounding of S is a sawtooth of its own, of no more than one coin.
                let ln_e = |n: u64| {
                    let n_coins = n * coins.per_value;
                    mixture::ln_e_binomial(n_coins, coins.p, (n_coins as f64 * coins.q).round() as u64)
                };
                first(MOST / coins.per_value, |n| ln_e(n) >= target)
            }
            Alternative::Scale(scale) => first(MOST, |n| mixture::ln_e_gamma(n, n as f64 * scale) >= target),
        }
    }

    /// ln of the level of one hypothesis.
    fn ln_alpha(&self) -> f64 {
        libm::log(self.alpha) - libm::log(self.hypotheses.get() as f64)
    }

    fn alternative(&self, effect: f64) -> Option<Alternative> {
        if !(effect > 0.0 && effect.is_finite()) {
            return None;
        }
        // One value as a statistic of its own: d coins, or none.
        let Some((per_value, p)) = Null::new(self.law, 1).coins() else {
            return Some(Alternative::Scale(1.0 + effect));
        };
        let q = p + excess_of_effect(self.law, effect) / per_value as f64;
        let is_rate = p > 0.0 && q > p && q <= 1.0 + RATE_ROUNDING;
        let (ln_alpha, ln_power) = (self.ln_alpha(), libm::log(self.power));
        is_rate.then(|| Alternative::Coins(Coins { per_value, p, q: q.min(1.0), ln_alpha, ln_power }))
    }
}

/// How inputs come to be: answers of so many tokens, of which a share gives a distinct input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answers {
    tokens: NonZeroU64,
    unique_share: f64,
}

impl Answers {
    /// Answers of `tokens` tokens each, with `unique_share` distinct inputs for each token: above 0 and at most 1. It
    /// falls as the sample grows, since more has been said before.
    ///
    /// # Errors
    /// When the share is out of its range.
    pub fn new(tokens: NonZeroU64, unique_share: f64) -> Result<Self, Error> {
        if !is_share(unique_share) {
            return Err(Kind::UniqueShare { found: unique_share }.into());
        }
        Ok(Self { tokens, unique_share })
    }

    /// Tokens for `n` distinct inputs: n / unique share, rounded up.
    #[must_use]
    pub fn tokens_for(&self, n: u64) -> u64 {
        (n as f64 / self.unique_share).ceil() as u64
    }

    /// Queries for `n` distinct inputs: n / (tokens in an answer * unique share), rounded up.
    #[must_use]
    pub fn queries_for(&self, n: u64) -> u64 {
        self.tokens_for(n).div_ceil(self.tokens.get())
    }

    /// Distinct inputs in so many tokens: tokens * unique share, rounded down.
    #[must_use]
    pub fn inputs_in(&self, tokens: u64) -> u64 {
        (tokens as f64 * self.unique_share) as u64
    }
}

/// How many inputs' worth of text a score statistic needs, when a count needs `n`: `n` times the informative share,
/// rounded up; `None` for a share that is not above 0 and at most 1.
///
/// ```text
/// informative share = mean over positions of 1 - C,      C = sum over tokens x of p0(x)^2
/// ```
///
/// with p0 the prediction of the reference model. Approximate: to first order in the tilt, where the count sees
/// tilt * v * (1 - C) with variance v and the score sees the same with variance v (1 - C), v being the variance of one value.
#[must_use]
pub fn score_inputs(n: u64, informative_share: f64) -> Option<u64> {
    is_share(informative_share).then(|| (n as f64 * informative_share).ceil() as u64)
}

fn is_share(share: f64) -> bool {
    share > 0.0 && share <= 1.0
}

#[derive(Clone, Copy, Debug)]
enum Alternative {
    Coins(Coins),
    /// Scores are this many times Exp(1).
    Scale(f64),
}

/// The smallest number from 1 to `most` at which `holds` is true, if it is monotone; `None` if there is none.
fn first(most: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    let mut end = 1;
    while !holds(end) {
        if end >= most {
            return None;
        }
        end = (2 * end).min(most);
    }
    Some(smallest(end / 2 + 1, end, holds))
}

/// The most coins or scores: counts up to here are exact in f64.
const MOST: u64 = 1 << 53;

/// An excess of 1 - p may come out a rounding above.
const RATE_ROUNDING: f64 = 1e-12;
