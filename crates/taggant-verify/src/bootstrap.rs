//! The same effect without the model of a constant shift: documents drawn anew.
//!
//! What is resampled is documents, not inputs: within one, marked inputs come in runs and topics. Each distinct input is
//! booked to one of the documents that hold it, so that the contributions are of disjoint inputs. The interval is an
//! approximation whose error falls with the number of documents; `cargo xtask calibrate effect` measures it.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use taggant::law::Law;
use taggant::reader::{Identity, Input, Reader, Reading};

use crate::corpus::Corpus;
use crate::effect::{EffectInterval, is_level};
use crate::tally::Tally;

/// What documents contribute: each distinct input once, over the channels without accounts, booked to one of the documents
/// that hold it ([`Corpus::owners`]); documents without any are left out. In the order of their fingerprints, so that the
/// order of the corpus does not matter. Their sum is the tally of the corpus.
///
/// # Panics
/// When the corpus was read with another context width than the reader's.
#[must_use]
pub fn contributions(reader: &dyn Reader, corpus: &Corpus) -> Vec<Tally> {
    let law = reader.law();
    let ngrams = corpus.ngrams();
    let mut readings = vec![Reading::default(); ngrams.len()];
    reader.readings(ngrams, &mut readings);
    let mut of_documents = BTreeMap::<u64, Tally>::new();
    let mut book = |owner: u64, reading: &Reading| {
        if !reader.channels()[usize::from(reading.channel)].accounts {
            of_documents.entry(owner).or_default().add(law.score(reading.value));
        }
    };
    if reader.identity() == Identity::Ngram {
        corpus.owners().iter().zip(&readings).for_each(|(&owner, reading)| book(owner, reading));
    } else {
        let mut inputs = vec![Input::default(); ngrams.len()];
        reader.inputs(ngrams, &mut inputs);
        let mut shared = HashMap::<Input, (u64, Reading)>::new();
        for ((input, &owner), &reading) in inputs.iter().zip(corpus.owners()).zip(&readings) {
            let entry = shared.entry(*input).or_insert((owner, reading));
            entry.0 = entry.0.min(owner);
        }
        shared.values().for_each(|(owner, reading)| book(*owner, reading));
    }
    of_documents.into_values().collect()
}

/// The interval of a studentised bootstrap over documents, for the ratio r = sum of scores / number of inputs.
///
/// ```text
/// r = S/n,  S = sum S_d,  n = sum n_d,  e_d = S_d - r n_d,  se^2 = sum e_d^2 / n^2
/// each replicate draws as many documents with replacement:  r*, se* from them,  t* = (r* - r) / se*
/// interval: [r - t_(high) se, r - t_(low) se],  t_(low), t_(high) the order statistics k and R+1-k of R replicates,
/// k = floor((R+1) (1-level)/2); cut to the values that a mean can take
/// ```
///
/// Approximate. Studentised rather than percentile because it covers better with few documents. Of simulated documents,
/// at 95 %, it held the truth in 95 to 96 % with 5 to 100 of them, alike or not; the percentile interval in 85 % with 5
/// and 90 % with 10; the exact interval of the model in 95 % where documents are alike and in 45 % where their rates
/// differ by up to 0.2 (`cargo xtask calibrate effect`). With two or three documents it is nearly everything, as it should
/// be, and with ten of which a random half is marked it is too wide. Documents are taken as draws from one source,
/// independent of each other; that a document keeps only what is not booked to another is not undone.
///
/// `seed` drives the generator (splitmix64) and must be fixed without looking at the data: [`SEED`]. The result is the same on
/// every platform up to the rounding of `sqrt`, which is exact. Cost: `replicates` times the number of documents.
///
/// `None` with fewer than two documents that have inputs, when all of them have the same rate (there is no spread to
/// learn from), for a level outside [0.5, 1), and for fewer replicates than 2 / (1 - level) - 1, which have no such order
/// statistic.
///
/// # Paper
/// Davison and Hinkley 1997, Bootstrap Methods and their Application, sections 2.4 and 5.2.1; the variance is that of a
/// ratio, section 2.7.2.
#[must_use]
pub fn bootstrap(
    contributions: &[Tally],
    law: Law,
    level: f64,
    replicates: usize,
    seed: u64,
) -> Option<EffectInterval> {
    let documents: Vec<&Tally> = contributions.iter().filter(|tally| tally.n > 0).collect();
    let first = documents.first()?;
    let is_level_rate =
        |tally: &&Tally| tally.sum.saturating_mul(first.n.into()) == first.sum.saturating_mul(tally.n.into());
    if documents.len() < 2 || documents.iter().all(is_level_rate) || !is_level(level) {
        return None;
    }
    let rank = ((replicates as f64 + 1.0) * (1.0 - level) / 2.0 + RANK_ROUNDING) as usize;
    if rank == 0 {
        return None;
    }
    let sample = Sample::new(&documents, law);
    if sample.error <= 0.0 {
        return None;
    }
    let mut random = SplitMix64 { state: seed };
    let mut studentised: Vec<f64> = (0..replicates).map(|_| sample.replicate(&mut random)).collect();
    studentised.sort_by(f64::total_cmp);
    let (low, high) = (studentised[rank - 1], studentised[replicates - rank]);
    let largest = match law {
        Law::Bernoulli { .. } => 1.0,
        Law::Bits { depth } => depth.into(),
        _ => f64::INFINITY,
    };
    let end = |t: f64| (sample.ratio - t * sample.error).clamp(0.0, largest);
    // The estimate is in the interval of nearly every sample, but nothing forces it to be.
    let ends = [end(high).min(sample.ratio), sample.ratio, end(low).max(sample.ratio)];
    EffectInterval::of_rates(law, ends, level)
}

/// Documents as the bootstrap sees them: inputs, and scores beyond what the common ratio gives.
struct Sample {
    documents: Vec<(f64, f64)>,
    ratio: f64,
    error: f64,
}

impl Sample {
    fn new(documents: &[&Tally], law: Law) -> Self {
        let unit = law.unit() as f64;
        let n: u64 = documents.iter().map(|tally| tally.n).sum();
        let sum: u128 = documents.iter().map(|tally| tally.sum).sum();
        let ratio = sum as f64 / unit / n as f64;
        let residual = |tally: &Tally| tally.sum as f64 / unit - ratio * tally.n as f64;
        let documents: Vec<(f64, f64)> =
            documents.iter().map(|tally| (tally.n as f64, residual(tally))).collect();
        let error = documents.iter().map(|(_, residual)| residual * residual).sum::<f64>().sqrt() / n as f64;
        Self { documents, ratio, error }
    }

    /// (r* - r) / se* of documents drawn with replacement. Infinite when all drawn have one rate that is not r.
    ///
    /// ```text
    /// shift = r* - r = sum e / sum n,   sum (e - shift n)^2 = sum e^2 - 2 shift sum e n + shift^2 sum n^2
    /// ```
    fn replicate(&self, random: &mut SplitMix64) -> f64 {
        let (mut n, mut e, mut nn, mut ne, mut ee) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for _ in 0..self.documents.len() {
            let (inputs, residual) = self.documents[random.below(self.documents.len())];
            n += inputs;
            e += residual;
            nn += inputs * inputs;
            ne += inputs * residual;
            ee += residual * residual;
        }
        let shift: f64 = e / n;
        let spread: f64 = ee - 2.0 * shift * ne + shift * shift * nn;
        // What is left of a cancellation is no spread.
        let error = if spread > SPREAD_ROUNDING * ee { spread.sqrt() / n } else { 0.0 };
        if shift == 0.0 { 0.0 } else { shift / error }
    }
}

/// Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", with Vigna's constants.
struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform below `n`, off by at most n 2^-64 (Lemire 2019).
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

/// The seed of a report's bootstrap: fixed, and no number of the data.
pub const SEED: u64 = 1;

/// Replicates that settle the ends of a 95 or 99 % interval to a few per cent of its width.
pub const REPLICATES: usize = 1999;

/// (1999 + 1) (1 - 0.95) / 2 is 50, and 50 less a rounding in f64: far above that rounding, far below one rank.
const RANK_ROUNDING: f64 = 1e-9;

/// Four sums of rounded terms cancel to about 1e-16 of themselves for each document drawn.
const SPREAD_ROUNDING: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_the_published_numbers() {
        // From the reference implementation at prng.di.unimi.it with the state 1234567.
        let mut random = SplitMix64 { state: 1_234_567 };
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(expected.map(|_| random.next()), expected);
        assert!((0..1000).all(|_| random.below(3) < 3));
        assert_eq!(random.below(1), 0);
    }
}
