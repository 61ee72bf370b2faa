//! Bets on single alternatives, evenly spaced in the logarithm of their effect.
//!
//! The effect of an alternative is in standard deviations of one draw. With a spacing of sqrt(2), the alternative
//! nearest to any true effect is off by a factor of at most 2^(1/4), and its bet grows at 0.96 of the best rate:
//! `2 r - r^2` at r = 2^(1/4) and 0.97 at 2^(-1/4), to second order in the effect.

use super::special::{ln_add_exp, log1p_remainder};

/// Fixed bets on an excess, one for each alternative of a grid, all of one weight.
///
/// ```text
/// effects   theta_j = 2^(-j/2),  j = -6..28                     8 to 2^-14 standard deviations of one draw
/// coins     q_j = p + theta_j sqrt(p (1-p)),                    those with q_j - p <= 15/16 (1-p)
/// scores    lambda_j = 1 / (1 + theta_j)                        Exp with mean 1 + theta_j
/// ```
///
/// 2^-14 is an effect that the exact test sees half of the time at alpha = 1e-6 after 6e9 draws. What lies above the
/// grid, or below, is left to the uniform mixture.
#[derive(Clone, Debug, PartialEq)]
pub struct BetGrid {
    bets: Vec<Bet>,
}

/// One likelihood ratio: `ln M = slope * excess - cost * n`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bet {
    /// The tilt, in nats per unit of the sum.
    slope: f64,
    /// ln E0 exp(slope (X - mean)) for one draw X, in nats.
    cost: f64,
}

impl BetGrid {
    /// Bets that coins of probability `p` under the null come up more often.
    ///
    /// ```text
    /// M = (q/p)^s ((1-q)/(1-p))^(n-s),      t = (q-p)/p,  u = (q-p)/(1-p)
    /// ln M = (s - n p) (ln(1+t) - ln(1-u)) - n (p h(t) + (1-p) h(-u)),      h(y) = y - ln(1+y)
    /// ```
    ///
    /// The two terms of ln M do not cancel where M is large, so neither does its accuracy.
    ///
    /// Edges: empty for p outside (0, 1) or NaN, and for p so near 1 that no alternative is left.
    #[must_use]
    pub fn of_coins(p: f64) -> Self {
        let q = 1.0 - p;
        let bet = |effect: f64| {
            let excess = effect * (p * q).sqrt();
            let (gain, loss) = (excess / p, excess / q);
            (p > 0.0 && loss <= LARGEST_LOSS).then(|| Bet {
                slope: libm::log1p(gain) - libm::log1p(-loss),
                cost: p * log1p_remainder(gain) + q * log1p_remainder(-loss),
            })
        };
        Self { bets: effects().filter_map(bet).collect() }
    }

    /// Bets that scores are larger than Exp(1).
    ///
    /// ```text
    /// M = lambda^n e^((1-lambda) x)
    /// ln M = b (x - n) - n h(-b),      b = 1 - lambda = theta / (1 + theta),  h(y) = y - ln(1+y)
    /// ```
    ///
    /// With p = e^-x, the tail of one score, its factor is `lambda p^(lambda-1)`: the power calibrators of Vovk and Wang
    /// 2021, "E-values: calibration, combination and applications", Ann. Statist. 49(3), section 2.
    #[must_use]
    pub fn of_scores() -> Self {
        let bet = |effect: f64| {
            let slope = effect / (1.0 + effect);
            Bet { slope, cost: log1p_remainder(-slope) }
        };
        Self { bets: effects().map(bet).collect() }
    }

    /// How many alternatives there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bets.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bets.is_empty()
    }

    /// ln of the mean of all M, after `n` draws whose sum is `excess` above its mean.
    ///
    /// -inf for an empty grid, and where every bet has lost more than an `f64` can say.
    #[must_use]
    pub fn ln_mean(&self, n: f64, excess: f64) -> f64 {
        ln_mean_exp(self.bets.iter().map(|bet| bet.slope * excess - bet.cost * n))
    }

    /// The tilts, from the largest to the smallest.
    pub(crate) fn slopes(&self) -> impl Iterator<Item = f64> {
        self.bets.iter().map(|bet| bet.slope)
    }
}

/// ln of the mean of e^x; -inf for none. Terms e^-45 below the largest do not change it and are left out.
pub(crate) fn ln_mean_exp(ln_terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = ln_terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    let (mut sum, mut n_terms) = (0.0, 0_u32);
    for ln in ln_terms {
        n_terms += 1;
        if ln > largest - NEGLIGIBLE_NATS {
            sum += libm::exp(ln - largest);
        }
    }
    largest + libm::log(sum / f64::from(n_terms))
}

/// ln(w e^a + (1-w) e^b) for a weight w of `share`.
pub(super) fn ln_weighted(share: f64, a: f64, b: f64) -> f64 {
    ln_add_exp(a + libm::log(share), b + libm::log1p(-share))
}

/// The effects of the grid, from the largest to the smallest.
fn effects() -> impl Iterator<Item = f64> {
    (SMALLEST_STEP..=LARGEST_STEP).map(|step| libm::exp2(-0.5 * f64::from(step)))
}

/// The first step of the grid: an effect of 2^3.
const SMALLEST_STEP: i32 = -6;

/// The last step of the grid: an effect of 2^-14.
const LARGEST_STEP: i32 = 28;

/// A bet that would lose more of itself on one failure is not on the grid.
const LARGEST_LOSS: f64 = 15.0 / 16.0;

/// e^-45 = 3e-20 is below the rounding of a sum of a few dozen terms.
const NEGLIGIBLE_NATS: f64 = 45.0;
