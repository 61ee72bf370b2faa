//! Decoys: the whole statistic again under fresh secrets, beside the real one.

use rayon::prelude::*;
use taggant::reader::Reader;

use crate::corpus::Corpus;
use crate::null::Null;
use crate::tally::{Tally, tally};

/// The statistic under fresh secrets, through the real pseudorandom function.
///
/// It does not make the p-value: it shows that the null the p-value rests on is the one this text meets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Panel {
    /// The z of each decoy, in order of its number.
    pub z: Vec<f64>,
    /// Their mean; 0 under the null, give or take 1 / sqrt(decoys).
    pub mean_z: f64,
    /// Their standard deviation, n - 1 in the denominator; 1 under the null.
    pub sd_z: f64,
    /// 1 + how many decoys are at or above the observed statistic.
    pub rank: u64,
    /// Whether mean and spread can be what they should.
    pub is_calibrated: bool,
}

/// Reads the corpus under `n_decoys` fresh secrets, all cores; `None` below 2 decoys or without inputs.
///
/// `open(i)` gives the reader of decoy i. Statistics are summed over the channels without accounts, as the
/// observed one is; for a keyed input identity the distinct inputs are found anew under every secret.
///
/// # Formula
/// ```text
/// calibrated iff  |mean z| <= 6 / sqrt(N)  and  |sd^2 - 1| <= 6 sqrt((2 + kurtosis) / N)
/// ```
/// with the excess kurtosis of the statistic, six standard errors, from 100 decoys on: fewer say too little to fail a
/// test by. The sample variance leans to the right, so a sound test fails more often than six errors of a normal law
/// would: 1.5e-7 of the time at 200 decoys where z is normal, up to 1e-4 for a single input of a very skew law.
pub(crate) fn panel<'a>(
    corpus: &Corpus,
    observed_z: Option<f64>,
    n_decoys: u64,
    open: &(dyn Fn(u64) -> Box<dyn Reader + 'a> + Sync),
) -> Option<Panel> {
    let observed_z = observed_z.filter(|_| n_decoys >= 2)?;
    let decoys: Vec<(Null, f64)> = (0..n_decoys)
        .into_par_iter()
        .filter_map(|n| {
            let reader = open(n);
            let sum = pooled(&*reader, corpus);
            let null = Null::new(reader.law(), sum.n);
            null.z(null.statistic(&sum)).map(|z| (null, z))
        })
        .collect();
    let z: Vec<f64> = decoys.iter().map(|(_, z)| *z).collect();
    let n = z.len() as f64;
    if n < 2.0 {
        return None;
    }
    let mean_z = z.iter().sum::<f64>() / n;
    let variance = z.iter().map(|z| (z - mean_z).powi(2)).sum::<f64>() / (n - 1.0);
    let kurtosis = decoys.iter().map(|(null, _)| null.excess_kurtosis()).fold(0.0, f64::max);
    let rank = 1 + z.iter().filter(|&&decoy| decoy >= observed_z).count() as u64;
    let sd_z = variance.sqrt();
    Some(Panel {
        mean_z,
        sd_z,
        rank,
        is_calibrated: is_calibrated(z.len() as u64, mean_z, sd_z, kurtosis),
        z,
    })
}

/// Whether mean and spread of so many decoys can be what they should, see [`panel`].
pub(crate) fn is_calibrated(n_decoys: u64, mean_z: f64, sd_z: f64, kurtosis: f64) -> bool {
    let n = n_decoys as f64;
    let is_centered = mean_z.abs() <= STANDARD_ERRORS / n.sqrt();
    let is_spread = (sd_z.powi(2) - 1.0).abs() <= STANDARD_ERRORS * ((2.0 + kurtosis) / n).sqrt();
    n_decoys < ENOUGH_DECOYS || (is_centered && is_spread)
}

/// The tally over all channels without accounts.
pub(crate) fn pooled(reader: &dyn Reader, corpus: &Corpus) -> Tally {
    let mut sum = Tally::default();
    let tallies = tally(reader, corpus.ngrams(), None, |_, _| {});
    for (channel, tallied) in reader.channels().iter().zip(&tallies) {
        if !channel.accounts {
            sum.merge(&tallied.all);
        }
    }
    sum
}

/// A smaller panel is shown and not judged.
pub(crate) const ENOUGH_DECOYS: u64 = 100;

/// How far the panel's mean and variance may lie from what they should be.
const STANDARD_ERRORS: f64 = 6.0;
