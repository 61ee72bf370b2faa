//! The null on a given text: what a test says of it under thousands of random keys. It tests the test, not the text.

use serde::{Deserialize, Serialize};
use taggant::reader::Reader;

use crate::decoys::{Outcome, mean_and_sd};
use crate::null::Null;
use crate::self_check::{SelfCheck, randomised};
use crate::sequence_set::SequenceSet;
use crate::tail::binomial;
use crate::tally::{pooled, tally};
use crate::{Corpus, LnP};

/// What a test said of one text under many random keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibrated {
    /// How many keys gave an outcome.
    pub keys: u64,
    /// Distinct inputs under the first of them; the same under all, unless inputs or the channels tested depend on the key.
    pub n: u64,
    /// The mean of z; 0 under the null, give or take 1 / sqrt(keys).
    pub z_mean: f64,
    /// The standard deviation of z; 1 under the null, give or take 1 / sqrt(2 keys).
    pub z_sd: f64,
    /// The largest distance of the randomised p from uniform (Kolmogorov and Smirnov).
    pub ks: f64,
    /// How often a correct test would do as badly, for mean, spread and distance together: at least the true share.
    pub p: f64,
    /// How often p fell below each level.
    pub levels: Vec<Level>,
    /// log10 of the smallest p; near -log10(keys) under the null.
    pub smallest_log10_p: f64,
}

/// How often p fell below a level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// The level.
    pub alpha: f64,
    /// The share of keys whose randomised p is at most alpha.
    pub share: f64,
    /// Under the null the share is below this with a chance of at most 0.5 %.
    pub low99: f64,
    /// Under the null the share is above this with a chance of at most 0.5 %.
    pub high99: f64,
}

/// The outcome of a count under one key, on the contexts in `served` if there is such a filter; `None` without inputs.
#[must_use]
pub fn count(reader: &dyn Reader, corpus: &Corpus, served: Option<&SequenceSet>) -> Option<(u64, Outcome)> {
    let tallies = tally(reader, corpus.ngrams(), served, |_, _, _| {});
    let sum = pooled(reader.channels(), &tallies, |tallied| match served {
        Some(_) => &tallied.served,
        None => &tallied.all,
    });
    let null = Null::new(reader.law(), sum.n);
    Outcome::of(&null, null.statistic(&sum)).map(|outcome| (sum.n, outcome))
}

/// Puts the outcomes of many keys together; `None` with fewer than two.
///
/// Shares are of randomised p-values ([`randomised`]), which are exactly uniform under the null where a plain p of a count
/// can only be conservative.
#[must_use]
pub fn calibrated(outcomes: &[(u64, Outcome)]) -> Option<Calibrated> {
    let z: Vec<f64> = outcomes.iter().map(|(_, outcome)| outcome.z).collect();
    let (z_mean, z_sd) = mean_and_sd(&z)?;
    let p: Vec<f64> = (0..)
        .zip(outcomes)
        .map(|(key, (_, outcome))| randomised(key, outcome.ln_at_least, outcome.ln_above))
        .collect();
    let check = SelfCheck::new(&p);
    let keys = outcomes.len() as u64;
    let level = |alpha: f64| {
        let (low, high) = central(keys, alpha, 0.01);
        let n_below = p.iter().filter(|p| **p <= alpha).count();
        Level { alpha, share: n_below as f64 / keys as f64, low99: low, high99: high }
    };
    let smallest = outcomes.iter().map(|(_, outcome)| outcome.ln_at_least).fold(0.0, f64::min);
    Some(Calibrated {
        keys,
        n: outcomes[0].0,
        z_mean,
        z_sd,
        ks: check.ks,
        p: libm::exp(check.mean.ln().min(check.spread.ln()).min(check.shape.ln()) + libm::log(3.0)).min(1.0),
        levels: LEVELS.map(level).to_vec(),
        smallest_log10_p: LnP::from_ln(smallest).log10(),
    })
}

/// The central range of a share of `n` draws of probability `p`: each side is left with a chance of `outside / 2` at most.
///
/// # Source
/// Quantiles of the binomial law, by bisection over its exact tails.
#[must_use]
pub fn central(n: u64, p: f64, outside: f64) -> (f64, f64) {
    let ln_side = libm::log(outside / 2.0);
    // The fewest successes that are not too few, and the most that are not too many.
    let low = first(n, |k| binomial::ln_lower(n, p, k) > ln_side);
    let too_many = first(n + 1, |k| binomial::ln_upper(n, p, k) <= ln_side);
    (low as f64 / n as f64, (too_many.max(1) - 1) as f64 / n as f64)
}

/// The first k of 0 ..= n that holds, of a property that goes on holding; n if none does.
fn first(n: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The levels of the table.
const LEVELS: [f64; 4] = [0.05, 1e-2, 1e-3, 1e-4];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_central_range_is_the_binomials_own() {
        // P(Bin(1000, 0.01) <= 2) = 0.0027, <= 3 = 0.0100; P(>= 19) = 0.0070, P(>= 20) = 0.0032.
        assert_eq!(central(1000, 0.01, 0.01), (0.003, 0.019));
        assert_eq!(central(1000, 1e-4, 0.01), (0.0, 0.001));
        assert_eq!(central(1, 0.5, 0.01), (0.0, 1.0));
    }

    #[test]
    fn too_few_keys_make_no_table() {
        let outcome = Outcome { z: 0.0, ln_at_least: -0.7, ln_above: -0.7 };
        assert_eq!(calibrated(&[]), None);
        assert_eq!(calibrated(&[(1, outcome)]), None);
        let two = calibrated(&[(5, outcome), (5, outcome)]).unwrap();
        assert_eq!((two.keys, two.n, two.z_sd), (2, 5, 0.0));
        assert_eq!(two.levels.len(), 4);
    }
}
