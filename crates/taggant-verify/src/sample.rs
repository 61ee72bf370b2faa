//! A share of a corpus's inputs, chosen by fingerprint: the same inputs from every shard and in every order.

use taggant::TokenId;
use taggant::reader::{Input, Ngrams};

/// At most so many n-grams of a list, in its order: those whose fingerprint begins with the fewest zero bits that do.
///
/// The choice looks at an n-gram alone, so a shard's sample is its part of the whole's sample at the same number of
/// bits, and no key enters.
#[derive(Clone, Debug)]
pub struct Sample {
    tokens: Vec<TokenId>,
    ngram_len: usize,
    n_bits: u32,
}

impl Sample {
    /// A sample of at most `most` of the n-grams.
    #[must_use]
    pub fn new(all: Ngrams<'_>, most: usize) -> Self {
        let ngram_len = all.ngram_len();
        if all.len() <= most {
            let tokens = all.iter().flatten().copied().collect();
            return Self { tokens, ngram_len, n_bits: 0 };
        }
        // How many n-grams a fingerprint of so many leading zero bits keeps.
        let mut n_kept = [0_usize; 65];
        for ngram in all.iter() {
            n_kept[fingerprint(ngram).leading_zeros() as usize] += 1;
        }
        for n_bits in (0..64).rev() {
            n_kept[n_bits] += n_kept[n_bits + 1];
        }
        let n_bits = n_kept.iter().position(|&kept| kept <= most).unwrap_or(64) as u32;
        let mut sample = Self { tokens: Vec::new(), ngram_len, n_bits };
        sample.tokens = all.iter().filter(|ngram| sample.keeps(ngram)).flatten().copied().collect();
        sample
    }

    /// The n-grams chosen.
    #[must_use]
    pub fn ngrams(&self) -> Ngrams<'_> {
        Ngrams::packed(&self.tokens, self.ngram_len)
    }

    /// Whether an n-gram's fingerprint belongs to the sample.
    #[must_use]
    pub fn keeps(&self, ngram: &[TokenId]) -> bool {
        fingerprint(ngram).leading_zeros() >= self.n_bits
    }

    /// How many leading bits of a fingerprint had to be zero: about one n-gram in 2^bits was chosen.
    #[must_use]
    pub fn n_bits(&self) -> u32 {
        self.n_bits
    }
}

/// 64 well-mixed bits of an n-gram; for choosing, not for identity.
///
/// Source of the finalizer: `splitmix64`, Steele, Lea and Flood 2014.
pub(crate) fn fingerprint(ngram: &[TokenId]) -> u64 {
    ngram.iter().fold(ngram.len() as u64, |hash, &token| mix(hash ^ u64::from(token)))
}

/// 64 well-mixed bits of an input.
pub(crate) fn fold(input: Input) -> u64 {
    mix(mix(input.0 as u64) ^ (input.0 >> 64) as u64)
}

/// One step of `splitmix64`.
pub(crate) fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shards_sample_is_its_part_of_the_wholes() {
        let tokens: Vec<TokenId> = (0..30_000).flat_map(|n| [n / 7, n]).collect();
        let whole = Sample::new(Ngrams::packed(&tokens, 2), 1000);
        let n = whole.ngrams().len();
        assert!((500..=1000).contains(&n), "{n} of 30000");
        assert_eq!(whole.n_bits(), 5);
        let mut parts = Vec::new();
        for part in [&tokens[..24_000], &tokens[24_000..]] {
            let kept = |ngram: &&[TokenId]| fingerprint(ngram).leading_zeros() >= whole.n_bits();
            parts.extend(Ngrams::packed(part, 2).iter().filter(kept).flatten().copied());
        }
        assert_eq!(parts, whole.tokens);
    }

    #[test]
    fn a_short_list_is_its_own_sample() {
        let tokens: Vec<TokenId> = (0..20).collect();
        let sample = Sample::new(Ngrams::windows(&tokens, 3), 18);
        assert_eq!((sample.ngrams().len(), sample.n_bits()), (18, 0));
        assert!(sample.ngrams().iter().eq(Ngrams::windows(&tokens, 3).iter()));
        assert!(Sample::new(Ngrams::packed(&[], 3), 5).ngrams().is_empty());
        assert!(Sample::new(Ngrams::packed(&tokens, 2), 0).ngrams().is_empty());
    }
}
