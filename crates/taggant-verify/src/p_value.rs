//! p-values that say what they are: how far each can be relied on, and among how many hypotheses it was found.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::ln_p::LnP;

/// A p-value of one test: its logarithm, how far it can be relied on, and how many hypotheses were looked at.
///
/// There is no way to make one without saying what kind it is, and no way to read it adjusted without its hypotheses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PValue {
    ln_p: LnP,
    kind: PKind,
    hypotheses: NonZeroU64,
}

/// How far a p-value can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PKind {
    /// The tail of the exact null.
    Exact,
    /// A proven bound: at least the exact tail.
    Certified,
    /// Calibrated on many keys, not proven: the filter looks at the key.
    Calibrated,
}

impl PValue {
    /// A p-value of a single hypothesis.
    #[must_use]
    pub fn new(ln_p: LnP, kind: PKind) -> Self {
        Self { ln_p, kind, hypotheses: NonZeroU64::MIN }
    }

    /// The same p-value found among `hypotheses` times as many: keys times dialects times windows.
    #[must_use]
    pub fn among(self, hypotheses: NonZeroU64) -> Self {
        Self { hypotheses: self.hypotheses.saturating_mul(hypotheses), ..self }
    }

    /// ln p of this hypothesis alone.
    #[must_use]
    pub fn ln(self) -> f64 {
        self.ln_p.ln()
    }

    /// ln p with every hypothesis counted: `min(0, ln p + ln hypotheses)` (Bonferroni), valid under any dependence.
    #[must_use]
    pub fn adjusted(self) -> LnP {
        self.ln_p.times(self.hypotheses.get())
    }

    /// The bare number, not adjusted.
    #[must_use]
    pub fn unadjusted(self) -> LnP {
        self.ln_p
    }

    /// How far it can be relied on.
    #[must_use]
    pub fn kind(self) -> PKind {
        self.kind
    }

    /// How many hypotheses were looked at, this one included.
    #[must_use]
    pub fn hypotheses(self) -> u64 {
        self.hypotheses.get()
    }
}

/// Holm's step-down adjustment over a family of p-values: valid under any dependence.
///
/// ```text
/// sorted p_(1) <= ... <= p_(m):   adjusted_(i) = max over j <= i of min(1, (m - j + 1) p_(j))
/// ```
///
/// # Paper
/// Holm 1979, Scand. J. Statist. 6(2).
#[must_use]
pub fn holm(p_values: &[LnP]) -> Vec<LnP> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].ln().total_cmp(&p_values[b].ln()));
    let mut adjusted = vec![LnP::ONE; p_values.len()];
    let mut largest = f64::NEG_INFINITY;
    for (rank, &at) in order.iter().enumerate() {
        largest = largest.max(p_values[at].times((p_values.len() - rank) as u64).ln());
        adjusted[at] = LnP::from_ln(largest);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holm_equals_its_definition() {
        let p = |values: &[f64]| values.iter().map(|p| LnP::from_ln(p.ln())).collect::<Vec<_>>();
        let adjusted: Vec<f64> = holm(&p(&[0.01, 0.04, 0.03, 0.005])).iter().map(|p| p.ln().exp()).collect();
        for (found, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert!(holm(&[]).is_empty());
    }
}
