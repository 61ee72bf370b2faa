//! What one scored token should look like if it was marked, and if it was not.

/// One scored token: its score, beside the law of that score with and without the mark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Item {
    /// How often the context occurs in ordinary output.
    pub frequency: u64,
    /// The score of the token that was written, in units of the statistic: 1 or 0 for a green list, nats for
    /// Gumbel-max.
    pub score: f64,
    /// The score's law if the token was sampled under the mark from the reference's row.
    pub marked: Moments,
    /// The score's law if the token knows nothing of the key.
    pub unmarked: Moments,
}

/// Mean and variance of one score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The mean, in units of the statistic.
    pub mean: f64,
    /// The variance, in squared units.
    pub variance: f64,
}

impl Moments {
    /// A green list: the token that was written is green with this probability, given which token it is and which
    /// others are green.
    ///
    /// ```text
    /// P(green) / P(red) = gamma / (1 - gamma) * e^bias * Z0 / (Z0 + (e^bias - 1) p),   Z0 = 1 + (e^bias - 1) G
    /// ```
    ///
    /// This is Bayes: a priori the coin of the token is green with probability gamma, and a token of probability p is
    /// drawn with `p e^bias / Z` if it is green and with `p / Z` if not, Z being the sum that makes the biased row a
    /// distribution. It lies between gamma (p = 1: the token had to come) and `gamma e^bias / (1 - gamma + gamma
    /// e^bias)` (p = 0).
    ///
    /// `gamma` is above 0 and below 1; `bias` is delta over the temperature, in nats; `p` is the token's probability
    /// before the bias, and `green_mass` (G) that of all other green tokens.
    #[must_use]
    pub fn green(gamma: f64, bias: f64, p: f64, green_mass: f64) -> Self {
        let gain = libm::expm1(bias);
        let others = 1.0 + gain * green_mass;
        let ln_odds = libm::log(gamma / (1.0 - gamma)) + bias - libm::log1p(gain * p / others);
        let green = 1.0 / (1.0 + libm::exp(-ln_odds));
        // The product form keeps a variance above 0 where 1 - green would round to 0.
        Self { mean: green, variance: green / (1.0 + libm::exp(ln_odds)) }
    }

    /// Gumbel-max: the score `-ln(1 - u)` of the token that was written, given which token it is.
    ///
    /// ```text
    /// u ~ Beta(1/p, 1)      mean = H(1/p) = psi(1/p + 1) + 0.5772...      variance = pi^2 / 6 - psi'(1/p + 1)
    /// ```
    ///
    /// `p` is the token's probability in the final distribution, above 0 and at most 1. p = 1 gives the unmarked law:
    /// mean and variance 1.
    ///
    /// # Paper
    /// Kuditipudi et al. 2023, arXiv 2307.15593, section 2.3, for the rule; the law of the winner's u is `u^(1/p) <=
    /// x`.
    #[must_use]
    pub fn gumbel(p: f64) -> Self {
        let (digamma, trigamma) = polygamma(1.0 / p + 1.0);
        Self { mean: digamma + EULER, variance: PI_SQUARED_6 - trigamma }
    }
}

/// psi(x) and psi'(x) for x >= 1: moved up by the recurrence until the asymptotic series (DLMF 5.11.2 and its
/// derivative) is good to 1e-13.
fn polygamma(x: f64) -> (f64, f64) {
    let (mut x, mut digamma, mut trigamma) = (x, 0.0, 0.0);
    while x < 16.0 {
        digamma -= 1.0 / x;
        trigamma += 1.0 / (x * x);
        x += 1.0;
    }
    let (r, r2) = (1.0 / x, 1.0 / (x * x));
    let series = r2 * (1.0 / 12.0 - r2 * (1.0 / 120.0 - r2 * (1.0 / 252.0 - r2 / 240.0)));
    let slope = r2 * (1.0 / 6.0 - r2 * (1.0 / 30.0 - r2 * (1.0 / 42.0 - r2 / 30.0)));
    (digamma + libm::log(x) - 0.5 * r - series, trigamma + r * (1.0 + 0.5 * r + slope))
}

/// The Euler-Mascheroni constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// pi^2 / 6.
const PI_SQUARED_6: f64 = 1.644_934_066_848_226_4;

#[cfg(test)]
mod tests {
    use super::*;

    fn check_close(found: f64, expected: f64, tolerance: f64, what: &str) {
        assert!((found - expected).abs() <= tolerance, "{what}: {found}, expected {expected}");
    }

    /// Every list of a small vocabulary, every draw, summed: P(green | token, other colours).
    #[test]
    fn green_law_equals_the_sum_over_all_lists() {
        let (row, gamma, bias) = ([0.5, 0.3, 0.15, 0.05], 0.25_f64, 2.0_f64);
        for others in 0..8_u32 {
            for token in 0..4 {
                let others_mask = others & ((1 << token) - 1) | (others >> token) << (token + 1);
                let joint = |mask: u32| {
                    let weight = |v: usize| row[v] * if mask >> v & 1 == 1 { bias.exp() } else { 1.0 };
                    let total: f64 = (0..4).map(weight).sum();
                    let green = mask >> token & 1 == 1;
                    (if green { gamma } else { 1.0 - gamma }) * weight(token) / total
                };
                let (green, red) = (joint(others_mask | 1 << token), joint(others_mask));
                let mass: f64 = (0..4).filter(|&v| others_mask >> v & 1 == 1).map(|v| row[v]).sum();
                let found = Moments::green(gamma, bias, row[token], mass);
                check_close(found.mean, green / (green + red), 1e-14, "mean");
                check_close(found.variance, found.mean * (1.0 - found.mean), 1e-14, "variance");
            }
        }
    }

    #[test]
    fn green_law_at_the_ends() {
        let sure = Moments::green(0.25, 2.0, 1.0, 0.0);
        check_close(sure.mean, 0.25, 1e-15, "a token that had to come");
        let rare = Moments::green(0.25, 2.0, 0.0, 0.4);
        let limit = 0.25 * 2.0_f64.exp() / (0.75 + 0.25 * 2.0_f64.exp());
        check_close(rare.mean, limit, 1e-15, "a token of probability 0");
        let strongest = Moments::green(0.25, 100.0, 0.0, 0.0);
        assert!(strongest.variance > 0.0 && strongest.mean <= 1.0, "{strongest:?}");
        check_close(Moments::green(0.25, 1e-300, 0.5, 0.5).mean, 0.25, 1e-15, "no bias");
    }

    /// Harmonic numbers: H(1) = 1, H(2) = 3/2, H(4) = 25/12; the variance is the sum of 1/k^2 up to 1/p.
    #[test]
    fn gumbel_law_equals_harmonic_numbers() {
        for n in 1..=40_u32 {
            let found = Moments::gumbel(1.0 / f64::from(n));
            let sum = |power: i32| (1..=n).map(|k| f64::from(k).powi(-power)).sum::<f64>();
            check_close(found.mean, sum(1), 1e-12, "mean");
            check_close(found.variance, sum(2), 1e-12, "variance");
        }
        let tiny = Moments::gumbel(f64::MIN_POSITIVE);
        assert!(tiny.mean.is_finite() && tiny.variance.is_finite(), "{tiny:?}");
    }
}
