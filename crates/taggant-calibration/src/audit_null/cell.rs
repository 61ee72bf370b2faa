//! One cell: what many keys say of one statistic.

use rand_chacha::ChaCha8Rng;
use taggant::law::Law;
use taggant_testkit::statistics::ks_uniform;
use taggant_verify::null::Null;

use super::panel::Column;
use crate::null::cell::{Counts, attainable, mean_and_sd, randomized};
use crate::null::interval::ALPHAS;

/// What a cell is about.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    pub(super) setting: &'static str,
    pub(super) suspect: &'static str,
    pub(super) test: &'static str,
    pub(super) reference: &'static str,
}

/// A suspect, a test, a reference, and what the p-values rest on.
pub(super) type Tested = (&'static str, &'static str, &'static str, Kind);

/// What the keys of a cell say.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) about: About,
    /// Inputs with a coefficient; the mean where they differ between keys.
    pub(super) n: f64,
    pub(super) kind: Kind,
    /// p-values that are held on both sides; `None` where some key has none.
    pub(super) sharp: Option<Sharp>,
    /// Proven bounds, which are held from above.
    pub(super) bound: Option<Counts>,
    pub(super) mean_z: f64,
    pub(super) sd_z: f64,
}

/// What the p-values that are held on both sides rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The exact tail of a count.
    Exact,
    /// The saddlepoint beside a certified bound.
    Saddlepoint,
    /// Either, where the coefficients or the filter look at the key.
    Calibrated,
    /// None: a rule of the audit is left out.
    Invalid,
}

/// p-values that are uniform under the null.
#[derive(Debug)]
pub(super) struct Sharp {
    pub(super) counts: Counts,
    pub(super) ks_p: f64,
}

/// What one key says where the coefficients differ between keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) n: u64,
    pub(super) z: f64,
    /// ln p: of a count randomised, else by saddlepoint where it has a value.
    pub(super) ln_p: Option<f64>,
    /// ln of the proven bound, 1 / E.
    pub(super) ln_bound: f64,
}

impl Cell {
    /// Of a statistic whose coefficients no key went into.
    pub(super) fn of_column(
        about: About,
        column: &Column,
        law: Law,
        statistics: &[f64],
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let null = &column.null;
        let z: Vec<f64> = statistics.iter().filter_map(|&t| null.z(t)).collect();
        let ln_p: Vec<f64> = statistics.iter().map(|&t| null.p_value(t).ln()).collect();
        let (kind, sharp, bound) = if column.is_count {
            let p: Vec<f64> = statistics.iter().map(|&t| randomized(law, column.n, t, rng)).collect();
            let counts = Counts::new(&ln_p, attainable(law, column.n));
            (Kind::Exact, Some(Sharp { counts, ks_p: ks_uniform(&p).1 }), None)
        } else {
            let approximate: Option<Vec<f64>> = statistics.iter().map(|&t| null.ln_p_approx(t)).collect();
            (Kind::Saddlepoint, approximate.map(|ln_p| Sharp::new(&ln_p)), Some(Counts::new(&ln_p, ALPHAS)))
        };
        let (mean_z, sd_z) = mean_and_sd(&z);
        Self { about, n: column.n as f64, kind, sharp, bound, mean_z, sd_z }
    }

    /// Of a statistic whose coefficients each key has for itself.
    pub(super) fn of_drawn(about: About, kind: Kind, drawn: &[Drawn]) -> Self {
        let z: Vec<f64> = drawn.iter().map(|drawn| drawn.z).collect();
        let (mean_z, sd_z) = mean_and_sd(&z);
        let ln_p: Option<Vec<f64>> = drawn.iter().map(|drawn| drawn.ln_p).collect();
        let bounds: Vec<f64> = drawn.iter().map(|drawn| drawn.ln_bound).collect();
        Self {
            about,
            n: drawn.iter().map(|drawn| drawn.n as f64).sum::<f64>() / drawn.len() as f64,
            kind,
            sharp: ln_p.map(|ln_p| Sharp::new(&ln_p)),
            bound: Some(Counts::new(&bounds, ALPHAS)),
            mean_z,
            sd_z,
        }
    }
}

impl Sharp {
    fn new(ln_p: &[f64]) -> Self {
        let p: Vec<f64> = ln_p.iter().map(|ln_p| ln_p.exp()).collect();
        Self { counts: Counts::new(ln_p, ALPHAS), ks_p: ks_uniform(&p).1 }
    }
}

/// ln of the randomised p of a count.
pub(super) fn ln_randomized(law: Law, n: u64, statistic: f64, rng: &mut ChaCha8Rng) -> f64 {
    if n == 0 {
        return 0.0;
    }
    let p = randomized(law, n, statistic, rng);
    // What rounding leaves at or below 0 is the tail itself.
    if p > 0.0 { p.ln() } else { Null::new(law, n).p_value(statistic).ln() }
}
