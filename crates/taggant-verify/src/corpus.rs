//! A corpus as the tests see it: which n-grams occur, once each, and how many tokens were dropped for what.

use std::collections::BTreeMap;

use taggant::TokenId;
use taggant::reader::{ContextRule, Ngrams};

use crate::sample::fingerprint;
use crate::sequence_set::SequenceSet;

/// The distinct n-grams of a corpus, in order of first occurrence, with their multiplicities.
///
/// Each (context, token) counts once per corpus, however many documents hold it: its value is one draw of the
/// key, and a repeat adds nothing but variance. Nothing here looks at a key.
#[derive(Clone, Debug)]
pub struct Corpus {
    ngrams: SequenceSet,
    multiplicities: Vec<u64>,
    /// For each n-gram the smallest fingerprint of a document that holds it.
    owners: Vec<u64>,
    /// Contexts that count nowhere.
    excluded: Option<SequenceSet>,
    counts: Counts,
}

/// Where the tokens of a corpus went. `tokens = distinct + sum(dropped)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Documents, empty ones included.
    pub documents: u64,
    /// Tokens of all documents.
    pub tokens: u64,
    /// Tokens with a full context before them.
    pub scored: u64,
    /// Distinct n-grams among them.
    pub distinct: u64,
    /// Tokens that the tests do not see, by reason: `short-context`, `duplicate`, `prompt-context`.
    pub dropped: BTreeMap<&'static str, u64>,
}

impl Corpus {
    /// An empty corpus, read under a mark's context rule.
    #[must_use]
    pub fn new(rule: ContextRule) -> Self {
        let dropped = BTreeMap::from([(DUPLICATE, 0), (SHORT_CONTEXT, 0)]);
        Self {
            ngrams: SequenceSet::new(rule.width.len() + 1),
            multiplicities: Vec::new(),
            owners: Vec::new(),
            excluded: None,
            counts: Counts { dropped, ..Counts::default() },
        }
    }

    /// An empty corpus that leaves out every token after one of these contexts: those of prompts, from which a model copies.
    ///
    /// # Panics
    /// When the contexts are of another width than those of this mark.
    #[must_use]
    pub fn without_contexts(rule: ContextRule, excluded: SequenceSet) -> Self {
        assert_eq!(excluded.length(), rule.width.len(), "contexts as wide as those of the mark");
        let mut corpus = Self::new(rule);
        corpus.counts.dropped.insert(PROMPT_CONTEXT, 0);
        corpus.excluded = Some(excluded);
        corpus
    }

    /// Adds one document: the tokens of one completion. N-grams never cross documents.
    pub fn add(&mut self, tokens: &[TokenId]) {
        let windows = Ngrams::windows(tokens, self.ngrams.length());
        let document = fingerprint(tokens);
        let (mut n_distinct, mut n_excluded) = (0, 0);
        for ngram in windows.iter() {
            if self.excluded.as_ref().is_some_and(|excluded| excluded.contains(&ngram[..ngram.len() - 1])) {
                n_excluded += 1;
                continue;
            }
            let (at, is_new) = self.ngrams.insert(ngram);
            if is_new {
                self.multiplicities.push(0);
                self.owners.push(u64::MAX);
                n_distinct += 1;
            }
            self.multiplicities[at] += 1;
            self.owners[at] = self.owners[at].min(document);
        }
        let (n_tokens, n_scored) = (tokens.len() as u64, windows.len() as u64);
        self.counts.documents += 1;
        self.counts.tokens += n_tokens;
        self.counts.scored += n_scored;
        self.counts.distinct += n_distinct;
        *self.counts.dropped.entry(SHORT_CONTEXT).or_default() += n_tokens - n_scored;
        *self.counts.dropped.entry(DUPLICATE).or_default() += n_scored - n_distinct - n_excluded;
        if n_excluded > 0 {
            *self.counts.dropped.entry(PROMPT_CONTEXT).or_default() += n_excluded;
        }
    }

    /// Where the tokens went.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The distinct n-grams, in order of first occurrence.
    #[must_use]
    pub fn ngrams(&self) -> Ngrams<'_> {
        Ngrams::packed(self.ngrams.tokens(), self.ngrams.length())
    }

    /// The document that each of them is booked to, in the same order: of those that hold it, the one of the smallest
    /// fingerprint, so that the order of documents does not matter.
    #[must_use]
    pub fn owners(&self) -> &[u64] {
        &self.owners
    }

    /// How often each of them occurs, in the same order.
    #[must_use]
    pub fn multiplicities(&self) -> &[u64] {
        &self.multiplicities
    }

    /// By how much repetition would have inflated the variance: sum m^2 / sum m over multiplicities m.
    /// 1 when nothing repeats; 1 for an empty corpus.
    #[must_use]
    pub fn variance_inflation(&self) -> f64 {
        let sum = |power: i32| self.multiplicities.iter().map(|&m| (m as f64).powi(power)).sum::<f64>();
        if self.multiplicities.is_empty() { 1.0 } else { sum(2) / sum(1) }
    }
}

pub(crate) const SHORT_CONTEXT: &str = "short-context";
pub(crate) const DUPLICATE: &str = "duplicate";
const PROMPT_CONTEXT: &str = "prompt-context";
