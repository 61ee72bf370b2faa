//! How often each context occurs in ordinary output: what a learner of the mark could see.

use hashbrown::HashMap;
use taggant::TokenId;

/// How often each context occurs in a body of text.
///
/// The text should be like what a forger learned from: unmarked output of the same model, output under other keys, or
/// the served log. Only the first two know nothing of the key, and only with them is the co-test measured.
#[derive(Clone, Debug)]
pub struct Frequencies {
    width: usize,
    counts: HashMap<Box<[TokenId]>, u64>,
}

impl Frequencies {
    /// No text yet; contexts of `width` tokens.
    ///
    /// # Panics
    /// When `width` is 0.
    #[must_use]
    pub fn new(width: usize) -> Self {
        assert!(width > 0, "a context holds at least one token");
        Self { width, counts: HashMap::new() }
    }

    /// Counts every window of `width` tokens of one document; shorter documents have none.
    pub fn add(&mut self, tokens: &[TokenId]) {
        for context in tokens.windows(self.width) {
            match self.counts.get_mut(context) {
                Some(count) => *count += 1,
                None => _ = self.counts.insert(context.into(), 1),
            }
        }
    }

    /// How often `context` occurred; 0 for one of another width.
    #[must_use]
    pub fn of(&self, context: &[TokenId]) -> u64 {
        self.counts.get(context).copied().unwrap_or(0)
    }

    /// How many tokens a context holds.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_is_counted_and_none_crosses_documents() {
        let mut frequencies = Frequencies::new(2);
        [&[1, 2, 1, 2][..], &[2, 2], &[7], &[]].iter().for_each(|document| frequencies.add(document));
        for (context, count) in
            [(&[1, 2][..], 2), (&[2, 1], 1), (&[2, 2], 1), (&[2, 7], 0), (&[1], 0), (&[], 0)]
        {
            assert_eq!(frequencies.of(context), count, "{context:?}");
        }
    }
}
