//! Exact sets of token sequences: contexts that were served, n-grams that were seen.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use taggant::TokenId;

/// A set of sequences of one length, exact: contexts that were served, or n-grams that were seen.
///
/// Sequences lie end to end in one vector, in the order in which they came; the table holds their numbers.
#[derive(Clone, Debug)]
pub struct SequenceSet {
    length: usize,
    tokens: Vec<TokenId>,
    table: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl SequenceSet {
    /// An empty set of sequences of `length` tokens.
    ///
    /// # Panics
    /// When `length` is 0.
    #[must_use]
    pub fn new(length: usize) -> Self {
        assert!(length > 0, "a sequence holds at least one token");
        Self { length, tokens: Vec::new(), table: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }

    /// Adds every window of `length` tokens, the last one included.
    pub fn add_windows(&mut self, tokens: &[TokenId]) {
        for window in tokens.windows(self.length) {
            self.insert(window);
        }
    }

    /// Adds a sequence; says whether it is new.
    ///
    /// # Panics
    /// When it is of another length.
    pub fn add(&mut self, sequence: &[TokenId]) -> bool {
        assert_eq!(sequence.len(), self.length, "a sequence of the set's length");
        self.insert(sequence).1
    }

    /// The number of `sequence` in order of first occurrence, and whether this was it.
    pub(crate) fn insert(&mut self, sequence: &[TokenId]) -> (usize, bool) {
        debug_assert_eq!(sequence.len(), self.length);
        let hash = self.hasher.hash_one(sequence);
        if let Some(&at) = self.table.find(hash, |&at| self.sequence(at) == sequence) {
            return (at, false);
        }
        let at = self.len();
        self.tokens.extend_from_slice(sequence);
        let (tokens, length, hasher) = (&self.tokens, self.length, &self.hasher);
        self.table.insert_unique(hash, at, |&at| hasher.hash_one(&tokens[at * length..(at + 1) * length]));
        (at, true)
    }

    /// Whether `sequence` is in the set.
    #[must_use]
    pub fn contains(&self, sequence: &[TokenId]) -> bool {
        let hash = self.hasher.hash_one(sequence);
        self.table.find(hash, |&at| self.sequence(at) == sequence).is_some()
    }

    /// How many sequences.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len() / self.length
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// How many tokens each sequence holds.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// The sequences laid end to end, in order of first occurrence.
    pub(crate) fn tokens(&self) -> &[TokenId] {
        &self.tokens
    }

    fn sequence(&self, at: usize) -> &[TokenId] {
        &self.tokens[at * self.length..(at + 1) * self.length]
    }
}
