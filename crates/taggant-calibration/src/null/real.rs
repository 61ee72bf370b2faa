//! The real pseudorandom function on a part of a cell: the same law as the simulated keys.

use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use taggant::law::Law;
use taggant::reader::{Ngrams, Reader, Reading};
use taggant::{Mark, Profile};
use taggant_testkit::statistics::ks_uniform;
use taggant_verify::null::Null;

use super::cell::{mean_and_sd, randomized};
use super::distinct::Sample;
use super::secret;
use super::weighted::WeightedTail;

/// What real keys say of a part of a cell.
#[derive(Debug)]
pub(super) struct Real {
    pub(super) mean_z: f64,
    pub(super) sd_z: f64,
    /// The exact p of each key, randomised where it is discrete.
    pub(super) p: Vec<f64>,
    /// How far these are from uniform.
    pub(super) ks_p: f64,
    /// How far the saddlepoint p's of the sum weighted by multiplicity are, where every key has one.
    pub(super) weighted_ks_p: Option<f64>,
}

impl Real {
    /// Reads the sample under `n_keys` secrets, those after number `first`.
    pub(super) fn new(
        sample: &Sample,
        profile: &Profile,
        first: u64,
        n_keys: u64,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let law = Mark::new(&secret(first), profile).law();
        let sums: Vec<(f64, f64)> = (first..first + n_keys)
            .into_par_iter()
            .map(|key| sums(sample, &Mark::new(&secret(key), profile), law))
            .collect();
        let null = Null::new(law, sample.n());
        let z: Vec<f64> = sums.iter().filter_map(|&(plain, _)| null.z(plain)).collect();
        let p: Vec<f64> = sums.iter().map(|&(plain, _)| randomized(law, sample.n(), plain, rng)).collect();
        let tail = WeightedTail::new(law, &sample.weights());
        let weighted_p: Option<Vec<f64>> =
            sums.iter().map(|&(_, weighted)| tail.ln_saddlepoint(weighted).map(f64::exp)).collect();
        let weighted_ks_p = weighted_p.map(|p| ks_uniform(&p).1);
        let (mean_z, sd_z) = mean_and_sd(&z);
        Self { mean_z, sd_z, ks_p: ks_uniform(&p).1, weighted_ks_p, p }
    }
}

/// The plain and the multiplicity-weighted sum of scores, in units of the statistic.
fn sums(sample: &Sample, mark: &Mark, law: Law) -> (f64, f64) {
    let (mut plain, mut weighted) = (0_u128, 0_u128);
    let mut readings = [Reading::default(); BATCH];
    let ngrams = sample.ngrams.chunks(BATCH * sample.ngram_len);
    for (ngrams, multiplicities) in ngrams.zip(sample.multiplicities.chunks(BATCH)) {
        let readings = &mut readings[..multiplicities.len()];
        mark.readings(Ngrams::packed(ngrams, sample.ngram_len), readings);
        for (reading, &multiplicity) in readings.iter().zip(multiplicities) {
            let score = u128::from(law.score(reading.value));
            plain += score;
            weighted += u128::from(multiplicity) * score;
        }
    }
    let unit = law.unit() as f64;
    (plain as f64 / unit, weighted as f64 / unit)
}

/// How many n-grams a reader gets at once.
const BATCH: usize = 1024;
