//! Evidence while a suspect is still being asked.

use hashbrown::HashSet;
use taggant::reader::{Input, Ngrams, Reader, Reading};
use taggant_verify::null::Null;
use taggant_verify::tally::Tally;
use taggant_verify::{Plan, SequenceSet};

use crate::passage::Passage;

/// Counts fresh inputs answer by answer, and says when the evidence suffices.
///
/// Under the null E is an e-process along fresh inputs, so the chance that it ever reaches 1/alpha is at most alpha (Ville
/// 1939), whatever is asked next and whenever asking ends. The report of what was read by then states `exp(-ln_e)`.
#[derive(Debug)]
pub struct Watch<'a> {
    reader: &'a dyn Reader,
    excluded: &'a SequenceSet,
    seen: HashSet<Input>,
    tallies: Vec<Tally>,
    /// ln E that some channel must reach.
    target: f64,
}

impl<'a> Watch<'a> {
    /// Nothing read yet; contexts in `excluded` count nowhere. They must be those of the audit that follows, which has
    /// them from [`Materials::contexts_of_prompts`](crate::Materials::contexts_of_prompts): every prompt that may be asked
    /// is among [`Materials::prompts`](crate::Materials) before the first answer, or the stop would choose what counts.
    #[must_use]
    pub fn new(reader: &'a dyn Reader, plan: &Plan, excluded: &'a SequenceSet) -> Self {
        let channels = reader.channels();
        let n_tested = channels.iter().filter(|channel| !channel.accounts).count().max(1);
        let hypotheses = n_tested as f64 * plan.hypotheses.get() as f64;
        let tallies = vec![Tally::default(); channels.len()];
        Self { reader, excluded, seen: HashSet::new(), tallies, target: (hypotheses / plan.alpha).ln() }
    }

    /// Reads the next answer; whether the evidence suffices now.
    pub fn add(&mut self, passage: &Passage) -> bool {
        let width = self.reader.context_rule().width.len();
        let (law, mut packed) = (self.reader.law(), Vec::new());
        for ngram in passage.tokens.windows(width + 1) {
            if !self.excluded.contains(&ngram[..width]) {
                packed.extend_from_slice(ngram);
            }
        }
        let ngrams = Ngrams::packed(&packed, width + 1);
        let mut readings = vec![Reading::default(); ngrams.len()];
        let mut inputs = vec![Input::default(); ngrams.len()];
        self.reader.readings(ngrams, &mut readings);
        self.reader.inputs(ngrams, &mut inputs);
        for (reading, input) in readings.iter().zip(inputs) {
            if self.seen.insert(input) {
                self.tallies[usize::from(reading.channel)].add(law.score(reading.value));
            }
        }
        self.ln_e() >= self.target
    }

    /// The largest ln E of a channel without accounts.
    #[must_use]
    pub fn ln_e(&self) -> f64 {
        let law = self.reader.law();
        let of_channel = |tally: &Tally| {
            let null = Null::new(law, tally.n);
            null.ln_e(null.statistic(tally))
        };
        let tested =
            self.reader.channels().iter().zip(&self.tallies).filter(|(channel, _)| !channel.accounts);
        tested.map(|(_, tally)| of_channel(tally)).fold(f64::NEG_INFINITY, f64::max)
    }

    /// Fresh inputs read so far.
    #[must_use]
    pub fn inputs(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.n).sum()
    }
}
