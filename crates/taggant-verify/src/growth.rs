//! The evidence against the amount of text: what a curve of e-values is drawn from.

use taggant::law::Law;
use taggant::reader::Reader;

use crate::null::Null;
use crate::tally::Tally;

/// Tallies of the inputs by the first bits of their fingerprints: integers that add up, whatever the order of the text.
///
/// Read bucket after bucket the e-value of what was seen so far is an e-process: the order looks at no value, and each
/// input is fresh. It is the order of a shuffle, not of the text, so that any split of the work draws the same curve.
#[derive(Clone, Debug)]
pub(crate) struct Buckets {
    tallies: Vec<Tally>,
    is_tested: Vec<bool>,
}

impl Buckets {
    pub(crate) fn new(reader: &dyn Reader) -> Self {
        let is_tested = reader.channels().iter().map(|channel| !channel.accounts).collect();
        Self { tallies: vec![Tally::default(); 1 << BITS], is_tested }
    }

    pub(crate) fn add(&mut self, channel: usize, score: u64, fingerprint: u64) {
        if self.is_tested[channel] {
            self.tallies[(fingerprint >> (64 - BITS)) as usize].add(score);
        }
    }

    /// (distinct inputs so far, ln e) from nothing to everything; buckets without inputs make no point.
    pub(crate) fn growth(&self, law: Law) -> Vec<(u64, f64)> {
        let mut sum = Tally::default();
        let mut points = vec![(0, 0.0)];
        for tally in self.tallies.iter().filter(|tally| tally.n > 0) {
            sum.merge(tally);
            let null = Null::new(law, sum.n);
            points.push((sum.n, null.ln_e(null.statistic(&sum))));
        }
        points
    }
}

/// So many bits make so many buckets: points of a curve.
const BITS: u32 = 7;
