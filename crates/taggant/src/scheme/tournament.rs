//! The tournament: layers of keyed coins that reweigh the distribution.

use crate::error::{Error, Kind};

/// Parameters of the tournament.
///
/// # Paper
/// Dathathri et al. 2024, Nature 634, "Scalable watermarking for identifying large language model
/// outputs", vectorised two-leaf tournament. Differs: g-values come from a pseudorandom function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tournament {
    depth: u8,
}

impl Tournament {
    /// A tournament of `depth` layers.
    ///
    /// # Errors
    /// When `depth` is not 1 to 32.
    pub fn new(depth: u64) -> Result<Self, Error> {
        match u8::try_from(depth) {
            Ok(depth @ 1..=32) => Ok(Self { depth }),
            _ => Err(Kind::Depth { found: depth }.into()),
        }
    }

    /// How many layers.
    #[must_use]
    pub fn depth(&self) -> u8 {
        self.depth
    }
}

impl Default for Tournament {
    /// Thirty layers, taggant-1's default.
    fn default() -> Self {
        Self { depth: 30 }
    }
}

/// The g-bits of a word that count: bit i is the g-value of layer i, i < depth.
pub(crate) fn g_bits(word: u32, depth: u8) -> u32 {
    word & (u32::MAX >> (32 - u32::from(depth)))
}

/// Plays the tournament on probabilities that sum to 1 (taggant-1, section 5).
///
/// ```text
/// for layer i:   m = sum_v p_v g_i(v)      p_v <- p_v (1 + g_i(v) - m)
/// ```
///
/// The sum stays 1 up to rounding: sum p (1 + g - m) = 1 + m - m.
pub(crate) fn play(probs: &mut [f64], words: &[u32], depth: u8) {
    for layer in 0..depth {
        let g_value = |word: u32| f64::from(word >> layer & 1);
        let mean: f64 = probs.iter().zip(words).map(|(p, &word)| p * g_value(word)).sum();
        for (p, &word) in probs.iter_mut().zip(words) {
            *p *= 1.0 + g_value(word) - mean;
        }
    }
}
