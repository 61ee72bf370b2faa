//! Gumbel-max: the keyed argmax of `ln p_v - ln(-ln u_v)`.

/// The parameters of Gumbel-max: none.
///
/// # Paper
/// Aaronson 2022 (talk); Kuditipudi et al. 2023, arXiv 2307.15593, section 2.3. Differs: u comes from a
/// pseudorandom function of the context and takes 2^32 values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GumbelMax;

impl GumbelMax {
    /// The scheme; it has nothing to choose.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

/// u = (w + 0.5) / 2^32, exact in f64 and never 0 or 1.
pub(crate) fn uniform(word: u32) -> f64 {
    (f64::from(word) + 0.5) / WORDS
}

/// The Gumbel noise `-ln(-ln u)` of a word.
pub(crate) fn noise(word: u32) -> f64 {
    -libm::log(-libm::log(uniform(word)))
}

/// The score of a word: the integer nearest to `2^40 * -ln(1 - u)`, halves rounded away from zero
/// (taggant-1, section 4).
///
/// Under the null it is Exp(1) in units of 2^-40 nats, up to the grid of u.
///
/// # Stability
/// The same integer on every platform: `1 - u` is exact and the logarithm is software.
#[must_use]
pub fn score(word: u32) -> u64 {
    libm::round(-libm::log(1.0 - uniform(word)) * SCORE_UNIT as f64) as u64
}

/// One nat in the fixed point of Gumbel scores.
pub const SCORE_UNIT: u64 = 1 << 40;

/// How many values a word takes.
const WORDS: f64 = 4_294_967_296.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_at_the_ends_are_finite_and_ordered() {
        // -ln(1 - 0.5 / 2^32) = 1.1641532182693481e-10 nats; -ln(0.5 / 2^32) = 33 ln 2 nats.
        assert_eq!(score(0), 128);
        assert_eq!(score(u32::MAX), (33.0 * core::f64::consts::LN_2 * SCORE_UNIT as f64).round() as u64);
        assert!(score(1) > score(0) && score(u32::MAX) > score(u32::MAX - 1));
    }

    #[test]
    fn noise_is_finite_at_the_ends() {
        assert!(noise(0).is_finite() && noise(u32::MAX).is_finite() && noise(u32::MAX) > noise(0));
    }
}
