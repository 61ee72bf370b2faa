//! What is tested: a text, and what else is known without the key.

use crate::corpus::Corpus;
use crate::linear::Statistic;
use crate::sequence_set::SequenceSet;

/// A text, with the filter and the weighted items that go with it.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    pub(crate) corpus: &'a Corpus,
    pub(crate) served: Option<&'a SequenceSet>,
    pub(crate) weighted: Option<&'a Statistic<'a>>,
}

impl<'a> Evidence<'a> {
    /// A text alone.
    #[must_use]
    pub fn new(corpus: &'a Corpus) -> Self {
        Self { corpus, served: None, weighted: None }
    }

    /// Adds a test on the contexts in `served`.
    ///
    /// It is a filter on contexts alone, never on (context, token): that one would select on the value itself and is
    /// refused. The set must come from all that was served, or from a part chosen without regard to what was written after
    /// a context.
    #[must_use]
    pub fn served(self, served: &'a SequenceSet) -> Self {
        Self { served: Some(served), ..self }
    }

    /// Adds a test of a weighted statistic on the same text.
    #[must_use]
    pub fn weighted(self, statistic: &'a Statistic<'a>) -> Self {
        Self { weighted: Some(statistic), ..self }
    }
}
