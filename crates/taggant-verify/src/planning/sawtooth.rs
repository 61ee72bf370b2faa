//! The sawtooth of the power of an exact test on counts, and the last of its dips.

use super::{MOST, RATE_ROUNDING, first};
use crate::tail::quantile::smallest;
use crate::tail::special::{deviance, ln_1m_exp};
use crate::tail::{binomial, quantile};

/// Coins that come up with rate p under the null and q > p under the alternative; `per_value` of them to an input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coins {
    pub(super) per_value: u64,
    pub(super) p: f64,
    pub(super) q: f64,
    pub(super) ln_alpha: f64,
    pub(super) ln_power: f64,
}

impl Coins {
    /// Downwards from a number that is certainly enough, tooth by tooth, to the last that falls short.
    pub(super) fn inputs_needed(&self) -> Option<u64> {
        let enough = self.certainly_enough()?;
        let critical = quantile::binomial_critical(self.coins(enough), self.p, self.ln_alpha)?;
        let mut tooth = self.tooth(enough, critical, 1);
        for _ in 0..TEETH {
            // Power holds at every number beyond this tooth. Within it, it rises.
            if !self.has_power(tooth.first, tooth.critical) {
                return Some(smallest(tooth.first, tooth.last + 1, |n| self.has_power(n, tooth.critical)));
            }
            if tooth.first == 1 {
                return Some(1);
            }
            // Some coins less: the critical count is less by one at least, as another tooth begins, and by all of them at most.
            let last = tooth.first - 1;
            let least = tooth.critical.saturating_sub(self.per_value).max(1);
            let critical = smallest(least, tooth.critical - 1, |count| self.is_significant(last, count));
            tooth = self.tooth(last, critical, tooth.last - tooth.first + 1);
        }
        Some(tooth.last + 1)
    }

    /// A number of inputs from which on the power is proven to hold: the smaller of two.
    ///
    /// ```text
    /// 1. Let x be between p and q with ln(1/alpha) / KL(x||p) = ln(1/(1-power)) / KL(x||q) = N. From N on
    ///    P0(S >= N x) <= e^(-N KL(x||p)) <= alpha, so the critical count is at most N x, and
    ///    P1(S < N x) <= e^(-N KL(x||q)) <= 1 - power.
    /// 2. The randomised test at alpha is most powerful, so its power rises with N (one may ignore a coin). The test
    ///    falls short of it by at most P1(S = c-1) <= 1/sqrt(2 e N q (1-q)), which falls with N. So where the one
    ///    less the other reaches the power, it stays above.
    /// ```
    ///
    /// Sources: 1. Chernoff 1952; 2. Neyman and Pearson 1933, and for the largest binomial weight Herzog 1947.
    fn certainly_enough(&self) -> Option<u64> {
        let most = MOST / self.per_value;
        let ln_fails = ln_1m_exp(self.ln_power);
        let (mut low, mut high) = (self.p, self.q);
        for _ in 0..f64::MANTISSA_DIGITS {
            let x = f64::midpoint(low, high);
            let alpha_asks_more =
                relative_entropy(x, self.p) * ln_fails > relative_entropy(x, self.q) * self.ln_alpha;
            if alpha_asks_more { low = x } else { high = x }
        }
        // The lower end, as for q = 1 the upper one would be q itself.
        let coins =
            (self.ln_alpha / -relative_entropy(low, self.p)).max(ln_fails / -relative_entropy(low, self.q));
        // One more for the rounding of the quotients.
        let by_chernoff = coins / self.per_value as f64 * (1.0 + RATE_ROUNDING) + 1.0;
        let exp = libm::exp;
        let by_randomised = first(most, |n| {
            let n_coins = self.coins(n);
            let Some(critical) = quantile::binomial_critical(n_coins, self.p, self.ln_alpha) else {
                return false;
            };
            let size = binomial::ln_upper(n_coins, self.p, critical);
            let ln_point = binomial::ln_pmf(n_coins, self.p, critical - 1);
            let left = exp(self.ln_alpha - ln_point) - exp(size - ln_point);
            let randomised = exp(binomial::ln_upper(n_coins, self.q, critical))
                + left * exp(binomial::ln_pmf(n_coins, self.q, critical - 1));
            randomised - largest_weight(n_coins, self.q) >= exp(self.ln_power)
        });
        let by_chernoff = (by_chernoff < most as f64).then_some(by_chernoff.ceil() as u64);
        by_chernoff.into_iter().chain(by_randomised).min()
    }

    fn coins(&self, n: u64) -> u64 {
        n * self.per_value
    }

    fn has_power(&self, n: u64, critical: u64) -> bool {
        binomial::ln_upper(self.coins(n), self.q, critical) >= self.ln_power
    }

    fn is_significant(&self, n: u64, count: u64) -> bool {
        binomial::ln_upper(self.coins(n), self.p, count) <= self.ln_alpha
    }

    /// The tooth that ends at `last`, which has this critical count; `length` is a guess.
    fn tooth(&self, last: u64, critical: u64, length: u64) -> Tooth {
        let is_in = |n: u64| !self.is_significant(n, critical - 1);
        let guess = last.saturating_sub(length - 1).max(1);
        let (mut inside, mut step) = if is_in(guess) { (guess, 1) } else { (last, 1) };
        let mut outside = if inside == guess { 0 } else { guess };
        while outside == 0 && inside > 1 {
            let below = inside.saturating_sub(step).max(1);
            if is_in(below) {
                (inside, step) = (below, 2 * step);
            } else {
                outside = below;
            }
        }
        Tooth { first: smallest(outside + 1, inside, is_in), last, critical }
    }
}

/// Neighboring numbers of inputs with the same critical count.
#[derive(Clone, Copy, Debug)]
struct Tooth {
    first: u64,
    last: u64,
    critical: u64,
}

/// x ln(x/p) + (1-x) ln((1-x)/(1-p)), without cancellation.
fn relative_entropy(x: f64, p: f64) -> f64 {
    deviance(x, p, x - p) + deviance(1.0 - x, 1.0 - p, p - x)
}

/// At least as large as every weight of Bin(n, q): 1/sqrt(2 e n q (1-q)), Herzog 1947. Infinite for q = 1.
fn largest_weight(n: u64, q: f64) -> f64 {
    1.0 / (2.0 * std::f64::consts::E * n as f64 * q * (1.0 - q)).sqrt()
}

/// How many teeth are looked at before a bound is returned instead: about a second.
const TEETH: u32 = 1 << 16;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]
mod tests {
    use super::*;

    #[test]
    fn no_binomial_weight_is_above_the_bound_that_the_search_starts_from() {
        for n in [1_u64, 2, 3, 5, 10, 50, 200, 10_000] {
            for q in [0.001, 0.1, 0.25, 0.3, 0.5, 0.9, 0.9999] {
                let mode = ((n + 1) as f64 * q) as u64;
                let largest = binomial::ln_pmf(n, q, mode.min(n)).exp();
                assert!(largest <= largest_weight(n, q), "n={n} q={q}: {largest}");
            }
        }
    }

    #[test]
    fn the_proven_start_is_enough_and_not_far_off() {
        for (p, q) in
            [(0.25, 0.26), (0.25, 0.9), (0.25, 1.0), (0.5, 0.501), (0.004, 0.3), (0.25, 1.0 - 1e-12)]
        {
            let coins = Coins { per_value: 1, p, q, ln_alpha: 1e-6_f64.ln(), ln_power: 0.9_f64.ln() };
            let (start, found) = (coins.certainly_enough().unwrap(), coins.inputs_needed().unwrap());
            // Chernoff's bounds cost (sqrt(2 ln 1e6) + sqrt(2 ln 10))^2 / (4.75 + 1.28)^2 = 1.5; tiny numbers some more.
            assert!(found <= start && start <= 2 * found + 10, "{p} {q}: {found} {start}");
        }
    }
}
