//! Sums and products in twice the precision, for means that a statistic is close to.
//!
//! Source: T. J. Dekker, "A floating-point technique for extending the available precision", 1971 (two-sum, and the
//! product by one fused multiply-add).

/// A running sum whose rounding errors are kept: off by about n 2^-105 of the sum of the sizes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    /// Adds one number.
    pub(super) fn add(&mut self, x: f64) {
        let (sum, error) = two_sum(self.high, x);
        self.high = sum;
        self.low += error;
    }

    /// Adds a b c, of which a b is exact and its product with c almost.
    pub(super) fn add_product(&mut self, a: f64, b: f64, c: f64) {
        let (product, error) = two_product(a, b);
        let (whole, rest) = two_product(product, c);
        self.add(whole);
        self.low += rest + error * c;
    }

    /// x minus the sum, rounded once.
    pub(super) fn below(&self, x: f64) -> f64 {
        let (difference, error) = two_sum(x, -self.high);
        difference + (error - self.low)
    }

    /// The sum, rounded once.
    pub(super) fn value(&self) -> f64 {
        self.high + self.low
    }
}

fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let added = sum - a;
    (sum, (a - (sum - added)) + (b - added))
}

fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    (product, libm::fma(a, b, -product))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plain_sum_loses_is_kept() {
        let mut sum = Sum::default();
        sum.add(1e16);
        sum.add(1.0);
        sum.add_product(3.0, 1e10, 0.1);
        sum.add(-1e16);
        sum.add(-3e9);
        // 0.1 as an f64 is 0.1 + 5.55e-18, and 3e10 of it 3e9 + 1.67e-7.
        assert!((sum.value() - (1.0 + 3e10 * 5.551_115_123_125_783e-18)).abs() < 1e-15, "{sum:?}");
        assert!((sum.below(2.0) - (1.0 - 3e10 * 5.551_115_123_125_783e-18)).abs() < 1e-15, "{sum:?}");
    }
}
