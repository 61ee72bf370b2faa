//! How many of n p-values may lie at or below alpha, and how many such counts may be off.

use taggant_verify::tail::quantile::binomial_critical;

/// The levels at which shares of p-values are counted.
pub(crate) const ALPHAS: [f64; 3] = [1e-2, 1e-3, 1e-4];

/// The central interval of Bin(n, p) that leaves out at most half of [`MISSED`] on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) low: u64,
    pub(super) high: u64,
}

impl Interval {
    pub(super) fn new(n: u64, p: f64) -> Self {
        let ln_side = (MISSED / 2.0).ln();
        // P(X >= high + 1) and P(n - X >= n - low + 1) are small enough; where no count is, none is left out.
        let high = binomial_critical(n, p, ln_side).map_or(n, |beyond| beyond - 1);
        let low = binomial_critical(n, 1.0 - p, ln_side).map_or(0, |beyond| n + 1 - beyond);
        Self { low, high }
    }
}

/// How many of `n` p-values were at or below a level that each reaches with probability `p`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) found: u64,
    interval: Interval,
}

impl Share {
    pub(super) fn new(found: u64, n: u64, p: f64) -> Self {
        Self { found, interval: Interval::new(n, p) }
    }

    /// The share of `ln_p` at or below `alpha`, a level that is reached with probability `p`.
    pub(super) fn at(ln_p: &[f64], alpha: f64, p: f64) -> Self {
        let found = ln_p.iter().filter(|&&ln_p| ln_p <= alpha.ln()).count();
        Self::new(found as u64, ln_p.len() as u64, p)
    }

    /// Too many or too few.
    pub(crate) fn is_outside(self) -> bool {
        self.is_above() || self.found < self.interval.low
    }

    /// Too many.
    pub(crate) fn is_above(self) -> bool {
        self.found > self.interval.high
    }
}

/// How many of `cells` independent counts may lie outside their intervals: the 99.9 % point of Bin(cells, 0.01).
pub(super) fn most_outside(cells: u64) -> u64 {
    binomial_critical(cells, MISSED, 0.001_f64.ln()).map_or(cells, |beyond| beyond - 1)
}

/// The smallest of the p-values times their number: below this with a probability of at most as much.
pub(super) const LEAST_SMALLEST: f64 = 1e-3;

/// How often a count is outside its interval at most: one minus its confidence.
pub(super) const MISSED: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        // R: qbinom(c(0.005, 0.995), n, p); qbinom(0.999, 162, 0.01).
        let check = |n, p, low, high| assert_eq!(Interval::new(n, p), Interval { low, high }, "{n} {p}");
        check(10_000, 1e-2, 75, 127);
        check(10_000, 1e-3, 3, 19);
        check(10_000, 1e-4, 0, 4);
        check(10, 0.0, 0, 0);
        check(1, 0.5, 0, 1);
        assert_eq!(most_outside(162), 7);
        assert_eq!(most_outside(1), 1);
    }

    #[test]
    fn a_share_is_outside_on_either_side_and_above_on_one() {
        let flags = |found| {
            let share = Share::new(found, 10_000, 1e-2);
            (share.is_outside(), share.is_above())
        };
        assert_eq!(
            [74, 75, 127, 128].map(flags),
            [(true, false), (false, false), (false, false), (true, true)]
        );
    }
}
