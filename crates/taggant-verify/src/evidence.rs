//! What is tested: a text, and what else is known without the key.

use crate::corpus::Corpus;
use crate::linear::Statistic;
use crate::sequence_set::SequenceSet;
use crate::test_name::{Filter, TestName};

/// A text, with the filters and the linear statistics that go with it.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    pub(crate) corpus: &'a Corpus,
    pub(crate) is_counted: bool,
    pub(crate) served: Option<&'a SequenceSet>,
    pub(crate) familiar: Option<&'a SequenceSet>,
    pub(crate) linear: Vec<(TestName, &'a Statistic<'a>)>,
    pub(crate) decides: Option<TestName>,
    pub(crate) is_stopped_by_scores: bool,
    pub(crate) is_marked_reading: bool,
}

impl<'a> Evidence<'a> {
    /// A text alone.
    #[must_use]
    pub fn new(corpus: &'a Corpus) -> Self {
        Self {
            corpus,
            is_counted: true,
            served: None,
            familiar: None,
            linear: Vec::new(),
            decides: None,
            is_stopped_by_scores: false,
            is_marked_reading: false,
        }
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

    /// Adds a test on the contexts in `familiar`: those of text that the same teacher wrote without the mark.
    ///
    /// The set must be made without the key: then the test is as exact as one without a filter.
    #[must_use]
    pub fn familiar(self, familiar: &'a SequenceSet) -> Self {
        Self { familiar: Some(familiar), ..self }
    }

    /// Adds a test of a weighted statistic on the same text.
    #[must_use]
    pub fn weighted(self, statistic: &'a Statistic<'a>) -> Self {
        self.linear(TestName::WEIGHTED, statistic)
    }

    /// Adds a test of a linear statistic under a name; a filtered name needs that filter, and is left out without it.
    #[must_use]
    pub fn linear(mut self, name: TestName, statistic: &'a Statistic<'a>) -> Self {
        self.linear.push((name, statistic));
        self
    }

    /// Leaves out the counts of the text's own tokens: it was read by a model and not written by the suspect.
    #[must_use]
    pub fn uncounted(self) -> Self {
        Self { is_counted: false, ..self }
    }

    /// The verdict rests on the tests of this name alone; without it, on all of them together.
    #[must_use]
    pub fn decided_by(self, name: TestName) -> Self {
        Self { decides: Some(name), ..self }
    }

    /// How much was read depended on the scores: the text ends where evidence was seen.
    ///
    /// Then a count's p is `exp(-ln_e)` (Ville 1939, at a stopping time), certified, and linear statistics, whose
    /// coefficients would depend on the key through the stop, are refused.
    #[must_use]
    pub fn stopped_by_scores(self) -> Self {
        Self { is_stopped_by_scores: true, ..self }
    }

    /// The linear statistic that the panels draw: the one that decides, or else the last.
    pub(crate) fn drawn(&self) -> Option<&'a Statistic<'a>> {
        let decides = self.linear.iter().find(|(name, _)| Some(*name) == self.decides);
        decides.or(self.linear.last()).map(|(_, statistic)| *statistic)
    }

    /// The open tests' coefficients come from text that may carry the mark, each context at its first occurrence alone.
    ///
    /// Then a coefficient depends on the key through what came before it, and on the value it counts with not at all: the
    /// sum is a martingale in the order of reading. Its p is calibrated, and proven through an e-value whose bets are scaled
    /// by 1, which no difference of probabilities exceeds.
    #[must_use]
    pub fn marked_reading(self) -> Self {
        Self { is_marked_reading: true, ..self }
    }

    /// Whether what this test gives is calibrated and proven through its e-value alone.
    pub(crate) fn is_calibrated(&self, name: TestName) -> bool {
        is_calibrated(name, self.is_marked_reading)
    }

    /// The contexts of a filter; `None` where it has none of its own.
    pub(crate) fn contexts(&self, filter: Filter) -> Option<&'a SequenceSet> {
        match filter {
            Filter::All => None,
            Filter::Served => self.served,
            Filter::Familiar => self.familiar,
        }
    }
}

/// Whether a test looks at the key through its filter, or through the text that a model read.
pub(crate) fn is_calibrated(name: TestName, is_marked_reading: bool) -> bool {
    name.filter() == Filter::Served || (is_marked_reading && name.is_open())
}
