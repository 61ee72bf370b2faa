//! One cell: the distinct inputs of one text, one vocabulary and one width, under one scheme and many simulated keys.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use taggant::law::Law;
use taggant::reader::Input;
use taggant_testkit::statistics::ks_uniform;
use taggant_verify::columns::Columns;
use taggant_verify::null::Null;
use taggant_verify::tail::{binomial, quantile};

use super::distinct::Distinct;
use super::interval::{ALPHAS, Share};
use super::weighted::WeightedTail;

/// What simulated keys say of a cell.
#[derive(Debug)]
pub(super) struct Cell {
    /// Exact p of the plain count, at the levels that it can reach.
    pub(super) exact: Counts,
    /// How far the exact p's, randomised where they are discrete, are from uniform.
    pub(super) exact_ks_p: f64,
    /// Certified p of the sum weighted by multiplicity.
    pub(super) certified: Counts,
    /// The saddlepoint approximation to the same p, where every key has one.
    pub(super) saddlepoint: Option<Counts>,
    /// What a test without de-duplication would say.
    pub(super) naive: Naive,
}

/// How many p-values are at or below each alpha, the smallest of them, and how many there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) shares: [Share; 3],
    pub(crate) ln_smallest: f64,
    pub(crate) n: u64,
}

/// What becomes of a test that counts every occurrence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Naive {
    pub(super) sd_z: f64,
    /// The share of keys with p <= 1e-6.
    pub(super) accused: f64,
}

impl Cell {
    /// Draws `n_keys` simulated keys. `tag` sets this cell's inputs apart from those of every other cell, so that cells
    /// are independent.
    pub(super) fn new(distinct: &Distinct, law: Law, n_keys: usize, tag: u128, rng: &mut ChaCha8Rng) -> Self {
        let (plain, weighted) = statistics(distinct, law, n_keys, tag);
        let null = Null::new(law, distinct.n);
        let exact: Vec<f64> = plain.iter().map(|&s| null.p_value(s).ln()).collect();
        let randomized: Vec<f64> = plain.iter().map(|&s| randomized(law, distinct.n, s, rng)).collect();

        let tail = WeightedTail::new(law, &distinct.weights());
        let mut falling = weighted.clone();
        falling.sort_by(|a, b| b.total_cmp(a));
        Self {
            exact: Counts::new(&exact, attainable(law, distinct.n)),
            exact_ks_p: ks_uniform(&randomized).1,
            certified: Counts::of_falling(&falling, |sum| Some(tail.ln_certified(sum)))
                .expect("every sum has a certified p"),
            saddlepoint: Counts::of_falling(&falling, |sum| tail.ln_saddlepoint(sum)),
            naive: Naive::new(law, distinct.occurrences, &weighted),
        }
    }
}

impl Counts {
    pub(crate) fn new(ln_p: &[f64], levels: [f64; 3]) -> Self {
        let share = |at: usize| Share::at(ln_p, ALPHAS[at], levels[at]);
        Self {
            shares: [share(0), share(1), share(2)],
            ln_smallest: ln_p.iter().copied().fold(0.0, f64::min),
            n: ln_p.len() as u64,
        }
    }

    /// The same of tails of sums that fall: as their tails rise, a few of them say how many are at or below alpha.
    /// `None` where one of those has none.
    fn of_falling(sums: &[f64], ln_p: impl Fn(f64) -> Option<f64>) -> Option<Self> {
        let n = sums.len() as u64;
        let mut shares = [Share::new(0, n, 0.0); 3];
        for (share, alpha) in shares.iter_mut().zip(ALPHAS) {
            let (mut within, mut beyond) = (0, sums.len());
            while within < beyond {
                let at = within.midpoint(beyond);
                if ln_p(sums[at])? <= alpha.ln() { within = at + 1 } else { beyond = at }
            }
            *share = Share::new(within as u64, n, alpha);
        }
        Some(Self { shares, ln_smallest: ln_p(sums[0])?, n })
    }
}

impl Naive {
    fn new(law: Law, occurrences: u64, weighted: &[f64]) -> Self {
        let null = Null::new(law, occurrences);
        let z: Vec<f64> = weighted.iter().filter_map(|&t| null.z(t)).collect();
        let accused = weighted.iter().filter(|&&t| null.p_value(t).ln() <= NAIVE_ALPHA.ln()).count();
        Self { sd_z: mean_and_sd(&z).1, accused: accused as f64 / weighted.len() as f64 }
    }
}

/// The p-value less a uniform share of its boundary point: exactly uniform for counts, whose p-values take few values
/// and are conservative as they stand; the p-value itself for sums of continuous scores.
pub(crate) fn randomized(law: Law, n: u64, statistic: f64, rng: &mut ChaCha8Rng) -> f64 {
    let p = Null::new(law, n).p_value(statistic).ln().exp();
    let uniform = (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
    let point =
        coins(law, n).map_or(0.0, |(n_coins, bias)| binomial::ln_pmf(n_coins, bias, statistic as u64).exp());
    p - uniform * point
}

/// The mean and the standard deviation (n - 1) of a sample.
pub(crate) fn mean_and_sd(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, variance.sqrt())
}

/// The plain and the multiplicity-weighted sum under each key: one pass, as `sum_u m_u phi(u) = sum_m m S_m`, where S_m
/// is the plain sum over the inputs that occur m times.
fn statistics(distinct: &Distinct, law: Law, n_keys: usize, tag: u128) -> (Vec<f64>, Vec<f64>) {
    let (mut plain, mut weighted) = (vec![0.0; n_keys], vec![0.0; n_keys]);
    for (multiplicity, inputs) in &distinct.groups {
        let tagged: Vec<Input> = inputs.iter().map(|input| Input(input.0 ^ tag)).collect();
        let mut columns = Columns::new(law, n_keys);
        columns.add(&tagged);
        for ((plain, weighted), sum) in plain.iter_mut().zip(&mut weighted).zip(columns.statistics()) {
            *plain += sum;
            *weighted += *multiplicity as f64 * sum;
        }
    }
    (plain, weighted)
}

/// P(p <= alpha) for each alpha: below alpha for counts, which are discrete.
pub(crate) fn attainable(law: Law, n: u64) -> [f64; 3] {
    ALPHAS.map(|alpha| match coins(law, n) {
        None => alpha,
        Some((n_coins, bias)) => quantile::binomial_critical(n_coins, bias, alpha.ln())
            .map_or(0.0, |critical| binomial::ln_upper(n_coins, bias, critical).exp()),
    })
}

/// How many coins of which bias make the count, if coins it is.
pub(super) fn coins(law: Law, n: u64) -> Option<(u64, f64)> {
    match law {
        Law::Bernoulli { .. } => Some((n, law.mean())),
        Law::Bits { depth } => Some((n * u64::from(depth), 0.5)),
        _ => None,
    }
}

/// The level at which the naive test is shown to fail.
const NAIVE_ALPHA: f64 = 1e-6;
