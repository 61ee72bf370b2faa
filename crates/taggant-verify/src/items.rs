//! The items of a linear statistic: distinct n-grams, each with a coefficient that no key went into.

use taggant::TokenId;
use taggant::reader::{ContextRule, Ngrams};

use crate::coefficient::Coefficient;
use crate::corpus::Corpus;
use crate::sample::Sample;
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
    ngrams: SequenceSet,
    coefficients: Vec<Coefficient>,
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
        Self { ngrams: SequenceSet::new(rule.width.len() + 1), coefficients: Vec::new() }
    }

    /// The distinct n-grams of a corpus, each with the coefficient that `coefficient` gives it.
    #[must_use]
    pub fn of_corpus(corpus: &Corpus, mut coefficient: impl FnMut(Occurrences<'_>) -> Coefficient) -> Self {
        let mut items = Self {
            ngrams: SequenceSet::new(corpus.ngrams().ngram_len()),
            coefficients: Vec::with_capacity(corpus.ngrams().len()),
        };
        for (ngram, &times) in corpus.ngrams().iter().zip(corpus.multiplicities()) {
            items.add(ngram, coefficient(Occurrences { ngram, times }));
        }
        items
    }

    /// Adds to an n-gram's coefficient.
    ///
    /// # Panics
    /// When the n-gram is of another length than those of this mark.
    pub fn add(&mut self, ngram: &[TokenId], amount: Coefficient) {
        assert_eq!(ngram.len(), self.ngrams.length(), "an n-gram is a context and one token");
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
        assert_eq!(ngram.len(), self.ngrams.length(), "an n-gram is a context and one token");
        let (at, is_new) = self.ngrams.insert(ngram);
        if is_new {
            self.coefficients.push(coefficient);
        }
        self.coefficients[at] = self.coefficients[at].max(coefficient);
    }

    /// At most `most` of the items, chosen by the fingerprints of their n-grams as a [`Sample`] is.
    #[must_use]
    pub fn sampled(&self, most: usize) -> Self {
        let sample = Sample::new(self.ngrams(), most);
        let mut items = Self { ngrams: SequenceSet::new(self.ngrams.length()), coefficients: Vec::new() };
        for (ngram, &coefficient) in self.ngrams().iter().zip(&self.coefficients) {
            if sample.keeps(ngram) {
                items.add(ngram, coefficient);
            }
        }
        items
    }

    /// The n-grams, in order of first occurrence.
    #[must_use]
    pub fn ngrams(&self) -> Ngrams<'_> {
        Ngrams::packed(self.ngrams.tokens(), self.ngrams.length())
    }

    /// Their coefficients, in the same order.
    #[must_use]
    pub fn coefficients(&self) -> &[Coefficient] {
        &self.coefficients
    }
}
