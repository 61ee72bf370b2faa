//! p-values of sums that are weighted by multiplicity: certified, and by saddlepoint.

use taggant::law::Law;
use taggant_verify::tail::weighted::{Atom, WeightedSum};

use super::cell::coins;

/// The tail of a sum in which every distinct input counts as often as it occurs.
#[derive(Debug)]
pub(super) struct WeightedTail {
    atom: Atom,
    groups: Vec<(f64, u64)>,
}

impl WeightedTail {
    /// From (multiplicity, how many inputs have it): of coins there are several for an input.
    pub(super) fn new(law: Law, weights: &[(u64, u64)]) -> Self {
        let (per_input, atom) = match coins(law, 1) {
            Some((per_input, p)) => (per_input, Atom::Coin { p }),
            None => (1, Atom::Exponential),
        };
        let group = |&(multiplicity, n): &(u64, u64)| (multiplicity as f64, n * per_input);
        Self { atom, groups: weights.iter().map(group).collect() }
    }

    /// Certified ln p of a sum.
    pub(super) fn ln_certified(&self, sum: f64) -> f64 {
        WeightedSum::new(self.atom, &self.groups).ln_certified_upper(sum)
    }

    /// Saddlepoint ln p of a sum; none where a few inputs hold so much of the variance that it has no meaning.
    pub(super) fn ln_saddlepoint(&self, sum: f64) -> Option<f64> {
        let span = matches!(self.atom, Atom::Coin { .. }).then_some(1.0);
        WeightedSum::new(self.atom, &self.groups).ln_saddlepoint_upper(sum, span)
    }
}
