//! The items of a linear statistic: distinct n-grams, each with a coefficient that no key went into.

use taggant::TokenId;
use taggant::reader::{ContextRule, Ngrams};

use crate::coefficient::Coefficient;
use crate::corpus::Corpus;
use crate::sample::fingerprint;
use crate::sequence_set::SequenceSet;

/// Distinct n-grams with coefficients: what a linear statistic is a choice of.
///
/// ```text
/// T = sum over distinct inputs u of a_u phi(u)
/// ```
///
/// | a_u | statistic |
/// |---|---|
/// | 1 | the count of a de-duplicated text |
/// | how often u occurs | the count of every occurrence, with its true variance |
/// | f(entropy of the model at u) | an entropy-weighted count |
/// | sum over occurrences of (1 - p_ref(token)), and of -p_ref for tokens not taken | the score statistic |
///
/// There is no reader and no key here, and none can be passed: what is added is fixed before a key is opened. See the
/// contract of [`Coefficient`].
///
/// # Source
/// The locally most powerful form is the multinomial score test; Sander et al. 2024, arXiv 2402.14904, has a_u = 1.
#[derive(Clone, Debug)]
pub struct Items {
    ngrams: Distinct,
    coefficients: Vec<Coefficient>,
}

/// Distinct n-grams: with what finds one of them, or only laid end to end.
#[derive(Clone, Debug)]
enum Distinct {
    Found(SequenceSet),
    Packed { tokens: Vec<TokenId>, ngram_len: usize },
}

impl Distinct {
    fn ngrams(&self) -> Ngrams<'_> {
        match self {
            Self::Found(set) => Ngrams::packed(set.tokens(), set.length()),
            Self::Packed { tokens, ngram_len } => Ngrams::packed(tokens, *ngram_len),
        }
    }

    /// The place of an n-gram, and whether it is new.
    fn insert(&mut self, ngram: &[TokenId]) -> (usize, bool) {
        if let Self::Packed { tokens, ngram_len } = self {
            let mut set = SequenceSet::new(*ngram_len);
            for ngram in tokens.chunks(*ngram_len) {
                set.insert(ngram);
            }
            *self = Self::Found(set);
        }
        match self {
            Self::Found(set) => set.insert(ngram),
            Self::Packed { .. } => unreachable!("found above"),
        }
    }
}

/// What a coefficient may look at: an n-gram and how often it occurs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Occurrences<'a> {
    /// The context and then the token.
    pub ngram: &'a [TokenId],
    /// How often in the corpus, at least once.
    pub times: u64,
}

impl Items {
    /// No items, for marks of this context rule.
    #[must_use]
    pub fn new(rule: ContextRule) -> Self {
        Self { ngrams: Distinct::Found(SequenceSet::new(rule.width.len() + 1)), coefficients: Vec::new() }
    }

    /// From n-grams laid end to end, in rising order, with a coefficient for each.
    ///
    /// # Panics
    /// When the n-grams do not rise, or are not as many as the coefficients.
    #[must_use]
    pub fn of_rising(rule: ContextRule, tokens: Vec<TokenId>, coefficients: Vec<Coefficient>) -> Self {
        let ngram_len = rule.width.len() + 1;
        assert_eq!(tokens.len(), coefficients.len() * ngram_len, "one coefficient for each n-gram");
        assert!(tokens.chunks(ngram_len).is_sorted_by(|a, b| a < b), "n-grams that rise are distinct");
        Self { ngrams: Distinct::Packed { tokens, ngram_len }, coefficients }
    }

    /// The distinct n-grams of a corpus, each with the coefficient that `coefficient` gives it.
    #[must_use]
    pub fn of_corpus(corpus: &Corpus, mut coefficient: impl FnMut(Occurrences<'_>) -> Coefficient) -> Self {
        let counted = || corpus.ngrams().iter().zip(corpus.multiplicities());
        Self {
            ngrams: Distinct::Packed {
                tokens: corpus.ngrams().iter().flatten().copied().collect(),
                ngram_len: corpus.ngrams().ngram_len(),
            },
            coefficients: counted()
                .map(|(ngram, &times)| coefficient(Occurrences { ngram, times }))
                .collect(),
        }
    }

    /// Adds to an n-gram's coefficient.
    ///
    /// # Panics
    /// When the n-gram is of another length than those of this mark.
    pub fn add(&mut self, ngram: &[TokenId], amount: Coefficient) {
        assert_eq!(ngram.len(), self.ngrams().ngram_len(), "an n-gram is a context and one token");
        let (at, is_new) = self.ngrams.insert(ngram);
        if is_new {
            self.coefficients.push(Coefficient::default());
        }
        self.coefficients[at] = self.coefficients[at].plus(amount);
    }

    /// Gives an n-gram a coefficient, or keeps its own where that is larger: whatever the order, the largest counts.
    ///
    /// # Panics
    /// When the n-gram is of another length than those of this mark.
    pub fn raise(&mut self, ngram: &[TokenId], coefficient: Coefficient) {
        assert_eq!(ngram.len(), self.ngrams().ngram_len(), "an n-gram is a context and one token");
        let (at, is_new) = self.ngrams.insert(ngram);
        if is_new {
            self.coefficients.push(coefficient);
        }
        self.coefficients[at] = self.coefficients[at].max(coefficient);
    }

    /// At most `most` of the items: those with the largest coefficients, among equals those with the smallest fingerprints.
    ///
    /// They hold most of the variance of a sum in which most coefficients are small, and no key enters the choice.
    #[must_use]
    pub fn heaviest(&self, most: usize) -> Self {
        let mut order: Vec<(u64, u64, usize)> = self
            .ngrams()
            .iter()
            .zip(&self.coefficients)
            .enumerate()
            .map(|(at, (ngram, a))| (u64::MAX - a.units().unsigned_abs(), fingerprint(ngram), at))
            .collect();
        if order.len() > most {
            order.select_nth_unstable(most);
            order.truncate(most);
            order.sort_unstable_by_key(|(_, _, at)| *at);
        }
        let kept = || order.iter().map(|(_, _, at)| *at);
        Self {
            ngrams: Distinct::Packed {
                tokens: kept().flat_map(|at| self.ngrams().ngram(at)).copied().collect(),
                ngram_len: self.ngrams().ngram_len(),
            },
            coefficients: kept().map(|at| self.coefficients[at]).collect(),
        }
    }

    /// The n-grams, in order of first occurrence.
    #[must_use]
    pub fn ngrams(&self) -> Ngrams<'_> {
        self.ngrams.ngrams()
    }

    /// Their coefficients, in the same order.
    #[must_use]
    pub fn coefficients(&self) -> &[Coefficient] {
        &self.coefficients
    }
}
