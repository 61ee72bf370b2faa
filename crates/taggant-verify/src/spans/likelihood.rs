//! How much likelier scores are under the mark than under the null.

use std::ops::Range;

use taggant::law::Law;

/// The law of one score in marked text: the null's, with its mean moved to what was seen.
///
/// ```text
/// ln f1(x) / f0(x) = slope (x - reference)      slope > 0
/// ```
///
/// d coins, from p to q, and exponential scores, from scale 1 to s:
///
/// ```text
/// coins          slope = ln(q/p) + ln((1-p)/(1-q))     reference = d ln((1-p)/(1-q)) / slope
/// exponential    slope = (s - 1) / s                   reference = ln(s) / slope
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Alternative {
    law: Law,
    /// The score that is as likely under either, in units of the statistic: between both means.
    pub(super) reference: f64,
    slope: f64,
}

impl Alternative {
    /// Fitted to the scores of some items, whose sum is above its mean.
    ///
    /// The mean is taken over one more score, at the null's mean: so q < 1, though every coin came up.
    pub(super) fn fit(law: Law, sums: &[u128], parts: &[&Range<usize>]) -> Self {
        let sum: u128 = parts.iter().map(|part| sums[part.end] - sums[part.start]).sum();
        let n: usize = parts.iter().map(|part| part.len()).sum();
        let mean = (sum as f64 / law.unit() as f64 + law.mean()) / (n as f64 + 1.0);
        let n_coins = match law {
            Law::Bernoulli { .. } => 1.0,
            Law::Bits { depth } => f64::from(depth),
            _ => {
                let slope = (mean - 1.0) / mean;
                return Self { law, reference: libm::log1p(mean - 1.0) / slope, slope };
            }
        };
        let (p, rise) = (law.mean() / n_coins, (mean - law.mean()) / n_coins);
        let of_failure = -libm::log1p(-rise / (1.0 - p));
        let slope = libm::log1p(rise / p) + of_failure;
        Self { law, reference: n_coins * of_failure / slope, slope }
    }

    /// ln of the likelihood ratio of some items, in nats.
    pub(super) fn ln_ratio(&self, sums: &[u128], items: &Range<usize>) -> f64 {
        self.slope * self.rise(sums, items.start, items.end)
    }

    /// The sum of the scores from one item to another beyond the reference; negated from a later to an earlier one.
    ///
    /// Sums are subtracted as integers, so that what rounds is as small as the stretch, not as the document.
    pub(super) fn rise(&self, sums: &[u128], from: usize, to: usize) -> f64 {
        let sum = sums[to] as i128 - sums[from] as i128;
        sum as f64 / self.law.unit() as f64 - self.reference * (to as f64 - from as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_the_densities() {
        let coin = Law::Bernoulli { numerator: 1, denominator: 4 };
        for (law, score) in [(coin, 1), (Law::Bits { depth: 30 }, 24), (Law::Exponential, 3_u64 << 40)] {
            let mut sums = vec![0_u128];
            (0..40).for_each(|i| sums.push(sums[i] + if i < 30 { score.into() } else { 0 }));
            let alternative = Alternative::fit(law, &sums, &[&(0..10), &(10..40)]);
            let mean = (sums[40] as f64 / law.unit() as f64 + law.mean()) / 41.0;
            assert!(law.mean() < alternative.reference && alternative.reference < mean, "{alternative:?}");
            for (items, x) in [(29..30, score as f64 / law.unit() as f64), (30..31, 0.0)] {
                let direct = match law {
                    Law::Exponential => x - x / mean - mean.ln(),
                    _ => {
                        let d = if law == coin { 1.0 } else { 30.0 };
                        let (p, q) = (law.mean() / d, mean / d);
                        x * (q / p).ln() + (d - x) * ((1.0 - q) / (1.0 - p)).ln()
                    }
                };
                let found = alternative.ln_ratio(&sums, &items);
                // A few roundings of numbers up to 30.
                assert!((found - direct).abs() < 1e-12, "{law:?} {x}: {found} {direct}");
            }
        }
    }
}
