//! Linear statistics: sums of values with key-free coefficients, and their null.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use taggant::law::Law;
use taggant::reader::{Identity, Input, Ngrams, Reader, Reading};

use crate::coefficient::{Coefficient, UNIT};
use crate::decoys::Outcome;
use crate::e_value::EValue;
use crate::error::{Error, Kind};
use crate::items::Items;
use crate::ln_p::LnP;
use crate::null::Null;
use crate::p_value::{PKind, PValue};
use crate::sequence_set::SequenceSet;
use crate::tail::normal;
use crate::tail::weighted::{Atom, WeightedSum};
use crate::weighted_e_process::WeightedEProcess;

/// What a linear statistic summed under one key. Merging is associative and commutative.
///
/// The atoms of the sum are its independent values: one for each input, or one for each bit of a tournament.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinearSum {
    n: u64,
    sum: i128,
    atoms: HashMap<Coefficient, u64>,
}

impl LinearSum {
    /// How many inputs have a coefficient other than 0.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// How many atoms carry each coefficient, the smallest first.
    #[must_use]
    pub fn atoms(&self) -> BTreeMap<Coefficient, u64> {
        self.atoms.iter().map(|(&coefficient, &count)| (coefficient, count)).collect()
    }

    /// The statistic T = sum a phi, not centred.
    #[must_use]
    pub fn statistic(&self, law: Law) -> f64 {
        self.sum as f64 / UNIT as f64 / law.unit() as f64
    }

    /// Adds another sum's values. The two must be over different inputs.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.sum += other.sum;
        for (&coefficient, &count) in &other.atoms {
            *self.atoms.entry(coefficient).or_default() += count;
        }
    }

    fn add(&mut self, coefficient: Coefficient, value: u64, law: Law, layers: Option<&[Coefficient]>) {
        if coefficient.units() == 0 {
            return;
        }
        self.n += 1;
        match (law, layers) {
            (Law::Bits { .. }, Some(layers)) => {
                for (layer, &weight) in layers.iter().enumerate() {
                    self.add_atoms(coefficient.times(weight).rounded(), 1, value >> layer & 1);
                }
            }
            (Law::Bits { depth }, None) => self.add_atoms(coefficient, depth.into(), law.score(value)),
            _ => self.add_atoms(coefficient, 1, law.score(value)),
        }
    }

    fn add_atoms(&mut self, coefficient: Coefficient, count: u64, score: u64) {
        if coefficient.units() != 0 {
            self.sum += i128::from(coefficient.units()) * i128::from(score);
            *self.atoms.entry(coefficient).or_default() += count;
        }
    }
}

/// A weight for each layer of a tournament, first layer first.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerWeights(Vec<Coefficient>);

impl LayerWeights {
    /// Weights for the layers of a law.
    ///
    /// # Errors
    /// When the law is not of several bits, or has another number of them.
    pub fn new(law: Law, weights: Vec<Coefficient>) -> Result<Self, Error> {
        let expected = match law {
            Law::Bits { depth } => usize::from(depth),
            _ => 0,
        };
        if expected != weights.len() || expected == 0 {
            return Err(Kind::LayerWeights { expected, found: weights.len() }.into());
        }
        Ok(Self(weights))
    }
}

/// A linear statistic: its items, and how it weighs the layers of one value.
#[derive(Clone, Debug)]
pub struct Statistic<'a> {
    items: &'a Items,
    layers: Option<LayerWeights>,
}

impl<'a> Statistic<'a> {
    /// All layers alike.
    #[must_use]
    pub fn new(items: &'a Items) -> Self {
        Self { items, layers: None }
    }

    /// With a weight for each layer.
    #[must_use]
    pub fn with_layers(items: &'a Items, layers: LayerWeights) -> Self {
        Self { items, layers: Some(layers) }
    }

    /// The largest size of a coefficient, whatever a filter will keep: fixed without the key.
    #[must_use]
    pub fn scale(&self) -> f64 {
        let layer = self.layers.iter().flat_map(|layers| &layers.0).map(|weight| weight.value().abs());
        let layer = layer.reduce(f64::max).unwrap_or(1.0);
        let sizes = self.items.coefficients().iter().map(|a| a.rounded().value().abs());
        sizes.fold(0.0, f64::max) * layer
    }

    /// The items.
    pub(crate) fn items(&self) -> &Items {
        self.items
    }

    /// The same weights on other items.
    pub(crate) fn on<'b>(&self, items: &'b Items) -> Statistic<'b> {
        Statistic { items, layers: self.layers.clone() }
    }

    /// Where the sum under one key lies in its null, over all channels without accounts.
    #[must_use]
    pub fn outcome(&self, reader: &dyn Reader) -> Option<Outcome> {
        let mut sum = LinearSum::default();
        for (channel, of_channel) in reader.channels().iter().zip(self.sum(reader, None)) {
            if !channel.accounts {
                sum.merge(&of_channel);
            }
        }
        LinearNull::new(reader.law(), &sum).outcome(sum.statistic(reader.law()))
    }

    /// The n-grams of the items.
    #[must_use]
    pub fn ngrams(&self) -> Ngrams<'_> {
        self.items.ngrams()
    }

    /// The sum under one key, channel by channel, over the contexts in `served` if there is such a filter.
    ///
    /// Where several n-grams share an input ([`Identity::Keyed`]) its coefficient is the sum of theirs. Coefficients enter
    /// [`rounded`](Coefficient::rounded).
    #[must_use]
    pub fn sum(&self, reader: &dyn Reader, served: Option<&SequenceSet>) -> Vec<LinearSum> {
        let law = reader.law();
        let layers = self.layers.as_ref().map(|layers| &layers.0[..]);
        let mut sums = vec![LinearSum::default(); reader.channels().len()];
        let mut shared: HashMap<Input, (Coefficient, Reading)> = HashMap::new();
        let ngrams = self.items.ngrams();
        let mut readings = vec![Reading::default(); BATCH];
        let mut inputs = vec![Input::default(); BATCH];
        let mut kept: Vec<Coefficient> = Vec::with_capacity(BATCH);
        let mut packed = Vec::with_capacity(BATCH * ngrams.ngram_len());
        let mut rest = ngrams.iter().zip(self.items.coefficients()).peekable();
        while rest.peek().is_some() {
            packed.clear();
            kept.clear();
            for (ngram, &coefficient) in rest.by_ref().take(BATCH) {
                if served.is_none_or(|set| set.contains(&ngram[..ngram.len() - 1])) {
                    packed.extend_from_slice(ngram);
                    kept.push(coefficient);
                }
            }
            let batch = Ngrams::packed(&packed, ngrams.ngram_len());
            let (readings, inputs) = (&mut readings[..batch.len()], &mut inputs[..batch.len()]);
            reader.readings(batch, readings);
            if reader.identity() == Identity::Ngram {
                for (reading, coefficient) in readings.iter().zip(&kept) {
                    sums[usize::from(reading.channel)].add(coefficient.rounded(), reading.value, law, layers);
                }
            } else {
                reader.inputs(batch, inputs);
                for ((reading, input), coefficient) in readings.iter().zip(&*inputs).zip(&kept) {
                    let entry = shared.entry(*input).or_insert((Coefficient::default(), *reading));
                    entry.0 = entry.0.plus(*coefficient);
                }
            }
        }
        for (coefficient, reading) in shared.values() {
            sums[usize::from(reading.channel)].add(coefficient.rounded(), reading.value, law, layers);
        }
        sums
    }
}

/// The null of a linear statistic: independent atoms of an exactly known law, with known coefficients.
///
/// ```text
/// E T   = mu sum a          Var T = v sum a^2          exact, whatever wrote the text
/// n_eff = (sum |a|)^2 / sum a^2
/// ```
///
/// # Source
/// The p-value is exact when all coefficients are one positive number, and else the certified bound of
/// [`crate::tail::chernoff`], with a Lugannani-Rice saddlepoint ([`crate::tail::saddlepoint`]) beside it as an
/// approximation.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearNull {
    law: Law,
    atoms: Vec<(f64, u64)>,
    span: Option<f64>,
}

impl LinearNull {
    /// The null of a sum.
    #[must_use]
    pub fn new(law: Law, sum: &LinearSum) -> Self {
        let atoms =
            sum.atoms().into_iter().map(|(coefficient, count)| (coefficient.units(), count)).collect();
        Self::of_units(law, atoms)
    }

    /// The null of coefficients as a report lists them; `None` if one is no coefficient.
    pub(crate) fn of_values(law: Law, atoms: &[(f64, u64)]) -> Option<Self> {
        let units = |&(value, count): &(f64, u64)| {
            let coefficient = Coefficient::new(value).ok()?;
            (coefficient.value() == value && value != 0.0).then_some((coefficient.units(), count))
        };
        let atoms: Option<Vec<(i64, u64)>> = atoms.iter().map(units).collect();
        Some(Self::of_units(law, atoms?))
    }

    fn of_units(law: Law, units: Vec<(i64, u64)>) -> Self {
        let span = match law {
            Law::Exponential => None,
            _ => units.iter().map(|(units, _)| units.unsigned_abs()).reduce(greatest_common_divisor),
        };
        let value = |units: i64| units as f64 / UNIT as f64;
        Self {
            law,
            atoms: units.into_iter().map(|(units, count)| (value(units), count)).collect(),
            span: span.map(|units| units as f64 / UNIT as f64),
        }
    }

    /// The coefficients, largest first, and how many atoms carry each.
    #[must_use]
    pub fn coefficients(&self) -> Vec<(f64, u64)> {
        let mut sorted = self.atoms.clone();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        sorted
    }

    /// The mean of the statistic.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.weighted().mean()
    }

    /// The variance of the statistic.
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.weighted().variance()
    }

    /// Standard deviations above the mean; `None` without atoms.
    #[must_use]
    pub fn z(&self, statistic: f64) -> Option<f64> {
        (!self.atoms.is_empty()).then(|| (statistic - self.mean()) / self.variance().sqrt())
    }

    /// How many equal coefficients would give the same spread: (sum |a|)^2 / sum a^2; 0 without atoms.
    #[must_use]
    pub fn effective_n(&self) -> f64 {
        let sum: f64 = self.atoms.iter().map(|(a, count)| a.abs() * *count as f64).sum();
        let squares: f64 = self.atoms.iter().map(|(a, count)| a * a * *count as f64).sum();
        if squares > 0.0 { sum * sum / squares } else { 0.0 }
    }

    /// The p-value: exact for equal coefficients, else certified.
    #[must_use]
    pub fn p_value(&self, statistic: f64) -> PValue {
        // Rounding may carry a sum past its own ends, where it would seem impossible.
        let (low, high) = self.ends();
        let statistic = statistic.clamp(low, high);
        match self.atoms[..] {
            [] => PValue::new(LnP::ONE, PKind::Exact),
            [(coefficient, count)] if coefficient > 0.0 => self.equal(count).p_value(statistic / coefficient),
            _ => {
                // A sum of nats is rounded to a double, and the bound asks for no more than was summed.
                let statistic = match self.law {
                    Law::Exponential => statistic.next_down(),
                    _ => statistic,
                };
                // What no key gives supports no claim.
                let ln_p =
                    Some(self.weighted().ln_certified_upper(statistic)).filter(|ln_p| ln_p.is_finite());
                let ln_p = ln_p.unwrap_or(0.0);
                PValue::new(LnP::from_ln(ln_p), PKind::Certified)
            }
        }
    }

    /// A sharp approximation of the same tail, for print beside a certified p; `None` where it has no meaning.
    #[must_use]
    pub fn ln_p_approx(&self, statistic: f64) -> Option<f64> {
        match self.atoms[..] {
            [] => None,
            [(coefficient, _)] if coefficient > 0.0 => None,
            _ => self.weighted().ln_saddlepoint_upper(statistic, self.span),
        }
    }

    /// ln of the terminal e-value: fixed tilts of every size, over `scale` ([`WeightedEProcess::terminal`]); 0 without atoms,
    /// for a statistic that no key gives, and where a coefficient is larger than the scale.
    ///
    /// The scale must be fixed without the key: [`Statistic::scale`], the largest coefficient before any filter.
    #[must_use]
    pub fn ln_e(&self, statistic: f64, scale: f64) -> f64 {
        let law = match self.law {
            Law::Bits { .. } => Law::Bits { depth: 1 },
            law => law,
        };
        WeightedEProcess::terminal(law, scale, &self.atoms, statistic).map_or(0.0, EValue::ln)
    }

    /// Where a statistic lies in its null; `None` without atoms. Where the coefficients differ, the tails are those of the
    /// saddlepoint, and of the normal law where that has no value: good for a check of the code, and no p-value.
    #[must_use]
    pub fn outcome(&self, statistic: f64) -> Option<Outcome> {
        if let [(coefficient, count)] = self.atoms[..]
            && coefficient > 0.0
        {
            return Outcome::of(&self.equal(count), statistic / coefficient);
        }
        let (mean, sd) = (self.mean(), self.variance().sqrt());
        let upper = |x: f64| self.ln_p_approx(x).unwrap_or_else(|| normal::ln_upper((x - mean) / sd));
        let step = self.span.unwrap_or(0.0);
        self.z(statistic).map(|z| Outcome {
            z,
            ln_at_least: upper(statistic),
            ln_above: upper(statistic + step).min(upper(statistic)),
        })
    }

    /// Whether the statistic can be that of some key.
    pub(crate) fn is_possible(&self, statistic: f64) -> bool {
        let slack = 1e-9 * (1.0 + statistic.abs());
        let (low, high) = self.ends();
        let is_within = statistic >= low - slack && statistic <= high + slack;
        // A sum beyond this in units of its smallest coefficient is of no text.
        let smallest = self.atoms.iter().map(|(a, _)| a.abs()).fold(f64::INFINITY, f64::min);
        statistic.is_finite() && is_within && (statistic / smallest).abs() < 1e300
    }

    /// Whether a number is a scale that no coefficient exceeds.
    pub(crate) fn is_within(&self, scale: f64) -> bool {
        scale.is_finite() && self.atoms.iter().all(|(a, _)| a.abs() <= scale)
    }

    /// Whether so many inputs can have these atoms: one each, or up to as many as a value has bits.
    pub(crate) fn is_of_inputs(&self, n: u64) -> bool {
        let atoms = self.atoms.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        match self.law {
            Law::Bits { depth } => n <= atoms && atoms <= n.saturating_mul(depth.into()),
            _ => n == atoms,
        }
    }

    /// The least and the largest that the statistic can be.
    fn ends(&self) -> (f64, f64) {
        let end = |sign: f64| -> f64 {
            let counted = self.atoms.iter().filter(|(a, _)| a * sign > 0.0);
            match self.law {
                Law::Exponential if counted.clone().count() > 0 => f64::MAX * sign,
                _ => counted.map(|(a, count)| a * *count as f64).sum(),
            }
        };
        (end(-1.0), end(1.0))
    }

    fn weighted(&self) -> WeightedSum<'_> {
        let atom = match self.law {
            Law::Exponential => Atom::Exponential,
            Law::Bits { .. } => Atom::Coin { p: 0.5 },
            _ => Atom::Coin { p: self.law.mean() },
        };
        WeightedSum::new(atom, &self.atoms)
    }

    /// The null of that many atoms, all alike.
    fn equal(&self, count: u64) -> Null {
        match self.law {
            Law::Bits { .. } => Null::new(Law::Bits { depth: 1 }, count),
            law => Null::new(law, count),
        }
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// How many n-grams a reader gets at once.
const BATCH: usize = 1024;
