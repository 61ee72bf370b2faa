//! The e-process of a weighted sum: fixed tilts of every size, one coefficient for each input.

use taggant::law::Law;

use crate::e_value::EValue;
use crate::error::{Error, Kind};
use crate::null::Null;
use crate::p_value::PValue;
use crate::tail::bet_grid::{BetGrid, ln_mean_exp};
use crate::tail::special::{expm1_remainder, ln_add_exp, log1p_remainder};

/// Evidence along fresh inputs whose scores count with coefficients.
///
/// ```text
/// E_n = mean_j exp( lambda_j sum_u a_u (phi(u) - mu) - sum_u kappa(lambda_j a_u) ),    kappa(t) = ln E0 e^(t (phi - mu))
/// coins:   kappa(t) = d (ln(1 - p + p e^t) - p t),      phi in green tokens or one-bits, d coins an input
/// scores:  kappa(t) = -ln(1 - t) - t,  t < 1,           phi in nats
/// ```
///
/// Each term is a martingale under the null, so E is an e-process (see [`EProcess`](crate::e_process::EProcess) for
/// what it needs) provided that each a_u is **predictable**: it may depend on the text, on the past and on the scores
/// so far, never on the key otherwise, and never on the score to come.
///
/// The tilts lambda_j are fixed: the slopes of a [`BetGrid`], over `scale`; for coins eight more above, up to 16 times
/// its largest, for sums in which few coefficients are near the scale. With all coefficients at the scale it is the
/// grid of the plain mixture. `scale` is the largest size a coefficient may have, fixed beforehand: it shapes the grid,
/// and for scores it keeps every lambda_j a_u below 1, where the moment is finite.
///
/// A negative coefficient on scores pays 2.4e-10 nats more: on the grid of 2^32 uniforms `E (1-u)^|t|` exceeds that of
/// Exp(1) by at most half a cell, 2^-33, and scores are rounded to 2^-40 nats.
///
/// # Paper
/// Howard, Ramdas, McAuliffe, Sekhon 2021, arXiv:1810.08240, section 2 (sub-psi processes, here with equality).
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedEProcess {
    tilts: Tilts,
    n: u64,
    /// sum a (phi - mu).
    excess: CompensatedSum,
    /// sum kappa(lambda_j a), one for each tilt.
    costs: Vec<CompensatedSum>,
    ln_e_max: f64,
}

impl WeightedEProcess {
    /// Nothing read yet: E = 1.
    ///
    /// # Errors
    /// When `scale` is not a positive number, or is below 1e-150 or above 1e150.
    pub fn new(law: Law, scale: f64) -> Result<Self, Error> {
        let tilts = Tilts::new(law, scale)?;
        let costs = vec![CompensatedSum::default(); tilts.lambdas.len()];
        Ok(Self { tilts, n: 0, excess: CompensatedSum::default(), costs, ln_e_max: 0.0 })
    }

    /// Reads the score of the next fresh input, in [`Law::unit`]s, with its coefficient.
    ///
    /// # Errors
    /// When the coefficient is NaN or larger than the scale, or no value has that score. Nothing is read then.
    pub fn add(&mut self, coefficient: f64, score: u64) -> Result<(), Error> {
        self.tilts.check(coefficient)?;
        if let Some((largest, _)) = self.tilts.coins
            && score > largest
        {
            return Err(Kind::Score { found: score, largest }.into());
        }
        if coefficient == 0.0 {
            return Ok(()); // no bet
        }
        let law = self.tilts.law;
        self.n += 1;
        self.excess.add(coefficient * (score as f64 / law.unit() as f64 - law.mean()));
        for (cost, lambda) in self.costs.iter_mut().zip(&self.tilts.lambdas) {
            cost.add(self.tilts.cost(lambda * coefficient));
        }
        // A mean is at most its largest term.
        if self.ln_terms().fold(0.0, f64::max) > self.ln_e_max {
            self.ln_e_max = self.ln_e_max.max(self.ln_e());
        }
        Ok(())
    }

    /// How many inputs with a coefficient other than 0 were read.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// ln E now. In another order of the inputs it is the same up to rounding; [`terminal`](Self::terminal) is the same
    /// to the last byte.
    #[must_use]
    pub fn ln_e(&self) -> f64 {
        ln_mean_exp(self.ln_terms())
    }

    /// E now, an e-value if the rule for stopping here did not look ahead.
    #[must_use]
    pub fn e_value(&self) -> EValue {
        EValue::from_ln(self.ln_e()).expect("finite scores have a finite e-value")
    }

    /// The largest ln E so far, at least 0.
    #[must_use]
    pub fn ln_e_max(&self) -> f64 {
        self.ln_e_max
    }

    /// The anytime-valid p-value `1 / max E` (Ville 1939), certified.
    #[must_use]
    pub fn p(&self) -> PValue {
        EValue::from_ln(self.ln_e_max).expect("finite scores have a finite e-value").p()
    }

    /// The e-value of a complete sum, from how often each coefficient came and `statistic = sum a phi`.
    ///
    /// The same bytes for the same groups in any order, split in any way; it is what [`ln_e`](Self::ln_e) ends at, up to
    /// rounding.
    ///
    /// # Errors
    /// When `scale` or a coefficient is refused as above, or no scores have that sum.
    pub fn terminal(law: Law, scale: f64, groups: &[(f64, u64)], statistic: f64) -> Result<EValue, Error> {
        let tilts = Tilts::new(law, scale)?;
        groups.iter().try_for_each(|(coefficient, _)| tilts.check(*coefficient))?;
        let groups = merged(groups);
        let (mut mean, mut low, mut high) = <(CompensatedSum, CompensatedSum, CompensatedSum)>::default();
        let most = tilts.coins.map_or(f64::INFINITY, |(per_input, _)| per_input as f64);
        for &(coefficient, count) in &groups {
            let weight = coefficient * count as f64;
            mean.add(weight * law.mean());
            if weight < 0.0 { low.add(weight * most) } else { high.add(weight * most) }
        }
        let (low, high) = (low.value(), high.value());
        if !(low - SUM_ROUNDING * low.abs() <= statistic && statistic <= high + SUM_ROUNDING * high) {
            return Err(Kind::Sum { found: statistic, low, high }.into());
        }
        let excess = statistic - mean.value();
        let term = |lambda: &f64| {
            let mut cost = CompensatedSum::default();
            for &(coefficient, count) in &groups {
                cost.add(count as f64 * tilts.cost(lambda * coefficient));
            }
            lambda * excess - cost.value()
        };
        EValue::from_ln(ln_mean_exp(tilts.lambdas.iter().map(term)))
    }

    fn ln_terms(&self) -> impl Iterator<Item = f64> + Clone {
        let excess = self.excess.value();
        self.tilts.lambdas.iter().zip(&self.costs).map(move |(lambda, cost)| lambda * excess - cost.value())
    }
}

/// The fixed tilts of a law and a scale, and what a bet costs.
#[derive(Clone, Debug, PartialEq)]
struct Tilts {
    law: Law,
    /// How many coins of which bias an input holds, if coins it holds.
    coins: Option<(u64, f64)>,
    scale: f64,
    lambdas: Vec<f64>,
}

impl Tilts {
    fn new(law: Law, scale: f64) -> Result<Self, Error> {
        if !(SMALLEST_SCALE..=1.0 / SMALLEST_SCALE).contains(&scale) {
            return Err(Kind::Scale { found: scale }.into());
        }
        let coins = Null::new(law, 1).coins();
        let grid = coins.map_or_else(BetGrid::of_scores, |(_, p)| BetGrid::of_coins(p));
        let largest = grid.slopes().next().filter(|_| coins.is_some());
        let above = |largest: f64| {
            (1..=STEPS_ABOVE).rev().map(move |step| largest * libm::exp2(0.5 * f64::from(step)))
        };
        let slopes = largest.into_iter().flat_map(above).chain(grid.slopes());
        let lambdas: Vec<f64> = slopes.map(|slope| slope / scale).collect();
        // A law without alternatives (a green share of 0 or 1) leaves one bet: none.
        Ok(Self { law, coins, scale, lambdas: if lambdas.is_empty() { vec![0.0] } else { lambdas } })
    }

    fn check(&self, coefficient: f64) -> Result<(), Error> {
        if coefficient.abs() <= self.scale {
            return Ok(());
        }
        Err(Kind::BetCoefficient { found: coefficient, scale: self.scale }.into())
    }

    /// kappa(t), in nats; never negative.
    fn cost(&self, t: f64) -> f64 {
        match self.coins {
            Some((per_input, p)) => per_input as f64 * coin_cost(p, t),
            None if t < 0.0 => log1p_remainder(-t) + GRID_COST,
            None => log1p_remainder(-t),
        }
    }
}

/// ln(1 - p + p e^t) - p t, with a small relative error for small t.
///
/// ```text
/// m = min(p, 1-p),  w = +t or -t:      m g - h(m (g + w)),      g = e^w - 1 - w,  h(y) = y - ln(1+y)
/// ```
fn coin_cost(p: f64, t: f64) -> f64 {
    if t.abs() > 1.0 {
        return ln_add_exp(libm::log1p(-p), libm::log(p) + t) - p * t;
    }
    let (rarer, w) = if p <= 0.5 { (p, t) } else { (1.0 - p, -t) };
    let g = expm1_remainder(w);
    rarer * g - log1p_remainder(rarer * (g + w))
}

/// Groups in the order of their coefficients, each coefficient once, without those that bet nothing.
fn merged(groups: &[(f64, u64)]) -> Vec<(f64, u64)> {
    let counts = |&(coefficient, count): &(f64, u64)| coefficient != 0.0 && count > 0;
    let mut sorted: Vec<(f64, u64)> = groups.iter().copied().filter(counts).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    sorted.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        is_same
    });
    sorted
}

/// A sum of f64 whose error does not grow with the number of terms (Neumaier 1974).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct CompensatedSum {
    sum: f64,
    lost: f64,
}

impl CompensatedSum {
    fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        self.lost +=
            if self.sum.abs() >= term.abs() { (self.sum - sum) + term } else { (term - sum) + self.sum };
        self.sum = sum;
    }

    fn value(self) -> f64 {
        // An infinite sum has lost NaN.
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

/// What one score with a negative coefficient costs beyond Exp(1), in nats: above (1 + |t|) 2^-33 + 2^-41 for |t| < 1.
const GRID_COST: f64 = 2.4e-10;

/// Tilts above the grid, in steps of sqrt(2).
const STEPS_ABOVE: i32 = 8;

/// Far from where the tilts, their squares or their inverses leave the range of f64.
const SMALLEST_SCALE: f64 = 1e-150;

/// How far a sum of rounded products may exceed its bounds, relative to them.
const SUM_ROUNDING: f64 = 1e-9;
