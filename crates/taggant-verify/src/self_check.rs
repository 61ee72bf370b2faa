//! Whether the numbers of decoys are those of the null: the check that a report's p-values stand on.

use crate::ln_p::LnP;
use crate::tail::{gamma, normal};

/// What randomised p-values under fresh secrets say of the code that made them.
///
/// Under a secret that nobody used, the randomised p of a correct pipeline is exactly uniform on (0, 1), whatever the text:
///
/// ```text
/// u = P(S > s) + V (P(S >= s) - P(S > s)),      V uniform on (0, 1)
/// q = the z with P(Z >= z) = u                   exactly standard normal
/// ```
///
/// Three things are looked at, from M decoys:
///
/// ```text
/// mean      sqrt(M) mean(q)                      standard normal                    exact
/// spread    sum (q - mean q)^2                   chi-squared, M - 1 degrees         exact
/// shape     D = sup |share of u <= x  -  x|      P(D >= d) <= 2 exp(-2 M d^2)       proven bound
/// ```
///
/// Together they fail a correct pipeline with a chance of at most [`LEVEL`], for every M. It is the code that is tested
/// so: a broken pseudorandom function, a missing de-duplication, a coefficient that looks at the key. What it cannot see is
/// a fault in the data that no key changes; for that, run the same test on an unmarked control.
///
/// For counts the p-values are exactly uniform, and a report's verdict rests on them. For a weighted statistic they come from
/// approximate tails; a report shows those and does not judge by them.
///
/// # Paper
/// Massart 1990, Ann. Probab. 18(3), for the bound of the shape (Dvoretzky, Kiefer and Wolfowitz 1956, with the constant 2).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SelfCheck {
    /// How many randomised p-values.
    pub decoys: u64,
    /// Their largest distance from uniform, D.
    pub ks: f64,
    /// ln of the chance of a mean this far off, two-sided.
    pub mean: LnP,
    /// ln of the chance of a spread this far off, two-sided.
    pub spread: LnP,
    /// ln of the bound on the chance of a distance D.
    pub shape: LnP,
}

impl SelfCheck {
    /// Looks at randomised p-values, in any order. Fewer than two say nothing: all chances are 1.
    #[must_use]
    pub fn new(randomised: &[f64]) -> Self {
        // What no pipeline gives, a report from elsewhere may hold.
        let inside = |u: &f64| if u.is_nan() { 0.0 } else { u.clamp(0.0, 1.0) };
        let randomised: Vec<f64> = randomised.iter().map(inside).collect();
        let decoys = randomised.len() as u64;
        let ks = distance_from_uniform(&randomised);
        let n = randomised.len() as f64;
        if decoys < 2 {
            return Self { decoys, ks, mean: LnP::ONE, spread: LnP::ONE, shape: LnP::ONE };
        }
        let q: Vec<f64> = randomised.iter().map(|&u| normal::upper_quantile(u)).collect();
        let mean = q.iter().sum::<f64>() / n;
        let squares: f64 = q.iter().map(|q| (q - mean).powi(2)).sum();
        let half_degrees = (n - 1.0) / 2.0;
        let tail = f64::min(
            gamma::ln_upper(half_degrees, squares / 2.0),
            // All equal is possible only when something is very wrong; its tail is 0.
            gamma::ln_lower(half_degrees, squares / 2.0).max(LEAST_LN),
        );
        Self {
            decoys,
            ks,
            mean: LnP::from_ln(normal::ln_two_sided(mean * n.sqrt())),
            spread: LnP::from_ln(tail).times(2),
            shape: LnP::from_ln(std::f64::consts::LN_2 - 2.0 * n * ks * ks),
        }
    }

    /// Whether all three can be what they should be.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        let each = libm::log(LEVEL / 3.0);
        [self.mean, self.spread, self.shape].iter().all(|p| p.ln() > each)
    }
}

/// The randomised p of decoy `number`: `ln_at_least` = ln P(S >= s), `ln_above` = ln P(S > s).
///
/// V follows from the number alone, so the same run gives the same bytes.
#[must_use]
pub fn randomised(number: u64, ln_at_least: f64, ln_above: f64) -> f64 {
    let v = (crate::sample::mix(number) >> 11) as f64 / (1_u64 << 53) as f64;
    let (at_least, above) = (libm::exp(ln_at_least), libm::exp(ln_above));
    above + v * (at_least - above)
}

/// sup over x of |share of values at most x - x|; 0 without values.
#[must_use]
pub fn distance_from_uniform(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let steps = sorted.iter().enumerate();
    steps.map(|(at, &x)| ((at + 1) as f64 / n - x).max(x - at as f64 / n)).fold(0.0, f64::max)
}

/// The chance at which a correct pipeline fails, at most.
pub const LEVEL: f64 = 1e-6;

/// Stands for ln 0.
const LEAST_LN: f64 = -1e300;

#[cfg(test)]
mod tests {
    use super::*;

    fn uniform(n: u64) -> Vec<f64> {
        (0..n).map(|i| (crate::sample::mix(i ^ 0xabcd) >> 11) as f64 / (1_u64 << 53) as f64).collect()
    }

    #[test]
    fn uniform_values_pass_at_any_number() {
        for n in [0, 1, 2, 3, 10, 200, 5000] {
            assert!(SelfCheck::new(&uniform(n)).is_passed(), "{n}: {:?}", SelfCheck::new(&uniform(n)));
        }
    }

    #[test]
    fn a_shift_a_spread_and_a_shape_are_each_seen() {
        let shifted: Vec<f64> = uniform(200).iter().map(|u| u.powf(2.0)).collect();
        let check = SelfCheck::new(&shifted);
        assert!(!check.is_passed() && check.mean.ln() < -14.9, "{check:?}");

        let wide: Vec<f64> = uniform(200)
            .iter()
            .map(|u| if *u < 0.5 { (2.0 * u).powi(4) / 2.0 } else { 1.0 - (2.0 - 2.0 * u).powi(4) / 2.0 })
            .collect();
        let check = SelfCheck::new(&wide);
        assert!(!check.is_passed() && check.spread.ln() < -14.9 && check.mean.ln() > -10.0, "{check:?}");

        // Two heaps with the mean and spread of the normal law.
        let heaps: Vec<f64> = (0..1000).map(|i| if i % 2 == 0 { 0.1587 } else { 0.8413 }).collect();
        let check = SelfCheck::new(&heaps);
        assert!(!check.is_passed() && check.shape.ln() < -14.9 && check.mean.ln() > -1.0, "{check:?}");
    }

    #[test]
    fn values_that_are_all_alike_or_at_an_end_are_finite_and_fail() {
        for value in [0.0, 0.5, 1.0, 1e-300, -1e300, f64::NAN, f64::INFINITY] {
            let check = SelfCheck::new(&[value; 50]);
            assert!(!check.is_passed(), "{value}: {check:?}");
        }
    }

    #[test]
    fn the_distance_is_the_tabulated_one() {
        assert_eq!(distance_from_uniform(&[]), 0.0);
        assert_eq!(distance_from_uniform(&[0.5]), 0.5);
        assert!((distance_from_uniform(&[0.9, 0.1]) - 0.4).abs() < 1e-15);
    }

    #[test]
    fn a_randomised_p_lies_between_its_two_tails() {
        let u = randomised(7, 0.5_f64.ln(), 0.25_f64.ln());
        assert!((0.25..=0.5).contains(&u));
        assert_eq!(randomised(7, -3.0, -3.0), libm::exp(-3.0));
    }
}
