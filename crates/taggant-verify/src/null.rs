//! The law of a count statistic under the null, exact.

use taggant::law::Law;

use crate::ln_p::LnP;
use crate::p_value::{PKind, PValue};
use crate::tail::special::ln_add_exp;
use crate::tail::{binomial, gamma, mixture, quantile};
use crate::tally::Tally;

/// The null of a count statistic: the sum of the scores of `n` distinct inputs.
///
/// ```text
/// Bernoulli(gamma):   S ~ Bin(n, gamma)          green tokens
/// Exponential:        S ~ Gamma(n, 1)            nats
/// Bits of depth d:    S ~ Bin(n d, 1/2)          one-bits
/// ```
///
/// Exact for the first and the third. For the second the scores live on a grid of 2^32 uniforms: a single input has
/// the tail `e^-x + 2^-33`, which is what is computed; for two inputs the printed p is at most 1.022 times too small
/// (near p = 3e-9; by less than 1e-5 of itself at 1e-6), for three at most 1.0005 times, and from then on it is too large, as the
/// grid shortens the mean by 8.1e-11 per input (by a relative `z sqrt(n) 8.1e-11`; 1e-5 at z = 10, n = 10^8).
/// `tests/grid.rs` counts the grid exactly.
///
/// # Paper
/// Fernandez et al. 2023, arXiv 2308.00113, section 3, for the binomial and Gamma tails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Null {
    law: Law,
    n: u64,
}

impl Null {
    /// The null of `n` distinct inputs under a law.
    #[must_use]
    pub fn new(law: Law, n: u64) -> Self {
        Self { law, n }
    }

    /// The mean of the statistic.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.n as f64 * self.law.mean()
    }

    /// The variance of the statistic.
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.n as f64 * self.law.variance()
    }

    /// The statistic of a tally: green tokens, nats or one-bits.
    #[must_use]
    pub fn statistic(&self, tally: &Tally) -> f64 {
        tally.sum as f64 / self.law.unit() as f64
    }

    /// Standard deviations above the mean; `None` without inputs.
    #[must_use]
    pub fn z(&self, statistic: f64) -> Option<f64> {
        (self.n > 0).then(|| (statistic - self.mean()) / self.variance().sqrt())
    }

    /// The exact p-value: P(S >= statistic).
    #[must_use]
    pub fn p_value(&self, statistic: f64) -> PValue {
        let ln_p = match self.coins() {
            _ if self.n == 0 => 0.0,
            Some((n_coins, p)) => binomial::ln_upper(n_coins, p, statistic as u64),
            None if self.n == 1 => ln_add_exp(-statistic, LN_HALF_CELL).min(0.0),
            None => gamma::ln_upper(self.n as f64, statistic),
        };
        PValue::new(LnP::from_ln(ln_p), PKind::Exact)
    }

    /// ln P(S > statistic): the p-value less the weight of the statistic itself.
    pub(crate) fn ln_above(&self, statistic: f64) -> f64 {
        match self.coins() {
            _ if self.n == 0 => f64::NEG_INFINITY,
            Some((n_coins, p)) => binomial::ln_upper(n_coins, p, statistic as u64 + 1),
            // The point weighs 2^-32 at most.
            None => self.p_value(statistic).ln(),
        }
    }

    /// Whether the statistic can be that of some tally: a whole number of coins, or a sum of scores.
    pub(crate) fn is_possible(&self, statistic: f64) -> bool {
        match self.coins() {
            Some((n_coins, _)) => statistic >= 0.0 && statistic.fract() == 0.0 && statistic as u64 <= n_coins,
            None => (0.0..f64::INFINITY).contains(&statistic) && (self.n > 0 || statistic == 0.0),
        }
    }

    /// ln of the terminal e-value: a fixed mixture of bets on an excess, settled on the counts.
    ///
    /// The mixture does not depend on the order of the data, so any split of the work gives the same
    /// number, and read along fresh inputs it is an e-process.
    #[must_use]
    pub fn ln_e(&self, statistic: f64) -> f64 {
        match self.coins() {
            Some((n_coins, p)) => mixture::ln_e_binomial(n_coins, p, statistic as u64),
            None => mixture::ln_e_gamma(self.n, statistic),
        }
    }

    /// The smallest effect that a test at `alpha` sees with probability `power`, in standard deviations of
    /// one value; `None` where no effect however large would do.
    ///
    /// ```text
    /// critical value c: the smallest with P0(S >= c) <= alpha;   effect: P(S >= c) = power, where
    /// coins:        S ~ Bin(n d, q),  effect = (q - p) sqrt(d) / sqrt(p (1 - p))
    /// exponential:  S ~ s Gamma(n),   effect = s - 1
    /// ```
    #[must_use]
    pub fn detectable_effect(&self, ln_alpha: f64, power: f64) -> Option<f64> {
        if self.n == 0 {
            return None;
        }
        match self.coins() {
            Some((n_coins, p)) => {
                let critical = quantile::binomial_critical(n_coins, p, ln_alpha)?;
                let q = quantile::binomial_rate_at_power(n_coins, critical, libm::log(power));
                let per_value = n_coins as f64 / self.n as f64;
                Some((q - p) * (per_value / (p * (1.0 - p))).sqrt())
            }
            None => {
                let critical = quantile::gamma_critical(self.n as f64, ln_alpha);
                Some(quantile::gamma_scale_at_power(self.n as f64, critical, libm::log(power)) - 1.0)
            }
        }
    }

    /// How many coins of which bias make the statistic, if coins it is.
    pub(crate) fn coins(&self) -> Option<(u64, f64)> {
        match self.law {
            Law::Bernoulli { .. } => Some((self.n, self.law.mean())),
            Law::Bits { depth } => Some((self.n.saturating_mul(depth.into()), 0.5)),
            _ => None,
        }
    }
}

/// ln of 2^-33: half a cell of the grid of Gumbel uniforms.
const LN_HALF_CELL: f64 = -33.0 * std::f64::consts::LN_2;
