//! Decoys: the whole pipeline again under fresh secrets, beside the real one.

use rayon::prelude::*;
use taggant::reader::{Ngrams, Reader};

use crate::null::Null;
use crate::self_check::{SelfCheck, randomised};
use crate::tally::{pooled, tally};

/// The statistic under fresh secrets, through the real pseudorandom function.
///
/// It does not make the p-value: it shows that the null the p-value rests on is the one this text meets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Panel {
    /// The z of each decoy, in order of its number.
    pub z: Vec<f64>,
    /// The randomised p of each decoy, in the same order: uniform under the null.
    pub randomised_p: Vec<f64>,
    /// Their mean z; 0 under the null, give or take 1 / sqrt(decoys).
    pub mean_z: f64,
    /// Their standard deviation, n - 1 in the denominator; 1 under the null.
    pub sd_z: f64,
    /// 1 + how many decoys are at or above the observed statistic.
    pub rank: u64,
    /// Whether the randomised p-values can be uniform.
    pub check: SelfCheck,
}

/// What the pipeline gave under one secret.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Standard deviations above the mean.
    pub z: f64,
    /// ln P(S >= s) under the null.
    pub ln_at_least: f64,
    /// ln P(S > s) under the null.
    pub ln_above: f64,
}

impl Outcome {
    /// Where a statistic lies in its null; `None` without inputs.
    #[must_use]
    pub fn of(null: &Null, statistic: f64) -> Option<Self> {
        null.z(statistic).map(|z| Self {
            z,
            ln_at_least: null.p_value(statistic).ln(),
            ln_above: null.ln_above(statistic),
        })
    }
}

/// Runs a pipeline under `n_decoys` fresh secrets, on all cores; `None` if fewer than two of them gave an outcome.
///
/// `pipeline(i)` does everything that the observed statistic came from, under secret i: what is left out of it is not
/// checked. For a keyed input identity that includes finding the distinct inputs anew.
pub fn panel(
    n_decoys: u64,
    observed_z: f64,
    pipeline: &(dyn Fn(u64) -> Option<Outcome> + Sync),
) -> Option<Panel> {
    let outcomes: Vec<(u64, Outcome)> =
        (0..n_decoys).into_par_iter().filter_map(|n| pipeline(n).map(|outcome| (n, outcome))).collect();
    let z: Vec<f64> = outcomes.iter().map(|(_, outcome)| outcome.z).collect();
    let randomised_p: Vec<f64> =
        outcomes.iter().map(|(n, outcome)| randomised(*n, outcome.ln_at_least, outcome.ln_above)).collect();
    let (mean_z, sd_z) = mean_and_sd(&z)?;
    let rank = rank(&z, observed_z);
    Some(Panel { check: SelfCheck::new(&randomised_p), z, randomised_p, mean_z, sd_z, rank })
}

/// The inputs of some n-grams under a reader and their count statistic, with its tails; `None` without inputs.
pub(crate) fn count(reader: &dyn Reader, ngrams: Ngrams<'_>) -> Option<(u64, Outcome)> {
    let tallies = tally(reader, ngrams, None, |_, _, _| {});
    let sum = pooled(reader.channels(), &tallies, |tallied| &tallied.all);
    let null = Null::new(reader.law(), sum.n);
    Outcome::of(&null, null.statistic(&sum)).map(|outcome| (sum.n, outcome))
}

/// Mean and standard deviation (n - 1 in the denominator); `None` below two values.
pub(crate) fn mean_and_sd(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (values.len() >= 2).then(|| (mean, variance.sqrt()))
}

/// 1 + how many of `values` are at or above `observed`.
pub(crate) fn rank(values: &[f64], observed: f64) -> u64 {
    1 + values.iter().filter(|&&value| value >= observed).count() as u64
}

/// A smaller panel can see gross faults alone, and a report says so.
pub(crate) const ENOUGH_DECOYS: u64 = 100;

/// How many inputs a decoy reads at most: enough to see any fault of the code, at 200 secrets in seconds.
pub(crate) const MOST_INPUTS: usize = 131_072;
