//! What a key says of a corpus: how many inputs, and the sum of their scores.

use hashbrown::HashSet;
use taggant::channel::Channel;
use taggant::reader::{Identity, Input, Ngrams, Reader, Reading};

use crate::sample::{fingerprint, fold};
use crate::sequence_set::SequenceSet;

/// The sufficient statistics of a count test. Merging is associative and commutative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many distinct inputs.
    pub n: u64,
    /// The sum of their scores, in [`Law::unit`](taggant::law::Law::unit)s.
    pub sum: u128,
}

impl Tally {
    /// Adds one score.
    pub fn add(&mut self, score: u64) {
        self.n += 1;
        self.sum += u128::from(score);
    }

    /// Adds another tally's counts.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.sum += other.sum;
    }
}

/// The tallies of one channel: over all inputs, and over those whose context was served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelTally {
    /// Over all distinct inputs.
    pub all: Tally,
    /// Over those whose context is in the filter; empty without one.
    pub served: Tally,
}

/// The sum over channels without accounts of one part of their tallies.
pub(crate) fn pooled(
    channels: &[Channel],
    tallies: &[ChannelTally],
    part: impl Fn(&ChannelTally) -> &Tally,
) -> Tally {
    let mut sum = Tally::default();
    for (channel, tallied) in channels.iter().zip(tallies) {
        if !channel.accounts {
            sum.merge(part(tallied));
        }
    }
    sum
}

/// Reads distinct n-grams under one key and adds up their scores, channel by channel.
///
/// With [`Identity::Keyed`] several n-grams may share an input: it counts once, and as served if any of their
/// contexts was. Which of them comes first does not matter, since one input has one value.
///
/// `visit` sees each counted score in order, with its channel and a fingerprint of its input that does not depend on
/// the order.
pub(crate) fn tally(
    reader: &dyn Reader,
    ngrams: Ngrams<'_>,
    served: Option<&SequenceSet>,
    mut visit: impl FnMut(usize, u64, u64),
) -> Vec<ChannelTally> {
    let law = reader.law();
    let mut tallies = vec![ChannelTally::default(); reader.channels().len()];
    let (mut seen, mut seen_served) = (HashSet::<Input>::new(), HashSet::<Input>::new());
    let mut readings = vec![Reading::default(); BATCH];
    let mut inputs = vec![Input::default(); BATCH];
    let mut packed = Vec::with_capacity(BATCH * ngrams.ngram_len());
    let mut rest = ngrams.iter();
    loop {
        packed.clear();
        rest.by_ref().take(BATCH).for_each(|ngram| packed.extend_from_slice(ngram));
        let batch = Ngrams::packed(&packed, ngrams.ngram_len());
        if batch.is_empty() {
            return tallies;
        }
        let (readings, inputs) = (&mut readings[..batch.len()], &mut inputs[..batch.len()]);
        reader.readings(batch, readings);
        if reader.identity() != Identity::Ngram {
            reader.inputs(batch, inputs);
        }
        let is_distinct = reader.identity() == Identity::Ngram;
        for ((reading, input), ngram) in readings.iter().zip(&*inputs).zip(batch.iter()) {
            let score = law.score(reading.value);
            let channel = usize::from(reading.channel);
            let is_served = served.is_some_and(|set| set.contains(&ngram[..ngram.len() - 1]));
            if is_served && (is_distinct || seen_served.insert(*input)) {
                tallies[channel].served.add(score);
            }
            if is_distinct || seen.insert(*input) {
                tallies[channel].all.add(score);
                visit(channel, score, if is_distinct { fingerprint(ngram) } else { fold(*input) });
            }
        }
    }
}

/// How many n-grams a reader gets at once: enough for wide lanes, few enough for the nearest cache.
const BATCH: usize = 1024;
