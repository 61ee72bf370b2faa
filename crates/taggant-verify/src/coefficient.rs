//! Coefficients of a linear statistic: fixed-point numbers that no key went into.

use crate::error::{Error, Kind};

/// A coefficient a_u, in fixed point: a multiple of 2^-16.
///
/// Sums of fixed-point numbers do not depend on their order, so any split of the work gives the same statistic, and a
/// statistic of coins lives on a lattice that the tails can use.
///
/// # Contract
/// **A coefficient must be computed without the key**: from the text, from a reference model, from a log of another key's
/// contexts. Then the statistic has the null that is stated for it, whatever the numbers are; rounding them, even to
/// nonsense, costs power and never validity. A coefficient that looks at the values of the key makes evidence of anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coefficient(i64);

impl Coefficient {
    /// The coefficient of a plain count.
    pub const ONE: Self = Self(UNIT);

    /// From a number, rounded to the nearest multiple of 2^-16.
    ///
    /// # Errors
    /// When it is not finite or its magnitude exceeds 2^31.
    pub fn new(value: f64) -> Result<Self, Error> {
        if value.is_finite() && value.abs() <= MOST {
            Ok(Self((value * UNIT as f64).round() as i64))
        } else {
            Err(Kind::Coefficient { found: value }.into())
        }
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0 as f64 / UNIT as f64
    }

    /// The number in units of 2^-16.
    #[must_use]
    pub fn units(self) -> i64 {
        self.0
    }

    /// The sum, held at 2^47 units at most.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self((self.0 + other.0).clamp(-LIMIT, LIMIT))
    }

    /// The product with another coefficient, rounded to the grid and held at 2^47 units at most.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        let product = i128::from(self.0) * i128::from(other.0);
        let half = i128::from(UNIT / 2);
        let rounded = (product + half).div_euclid(i128::from(UNIT));
        Self(rounded.clamp((-LIMIT).into(), LIMIT.into()) as i64)
    }

    /// Rounded to ten significant bits: within 0.1 % of itself.
    ///
    /// A statistic so has some thousands of different coefficients at most, so that a report can list them and anyone can
    /// compute its p-value again.
    #[must_use]
    pub fn rounded(self) -> Self {
        let excess_bits = (64 - self.0.unsigned_abs().leading_zeros()).saturating_sub(SIGNIFICANT_BITS);
        if excess_bits == 0 {
            return self;
        }
        let half = 1_u64 << (excess_bits - 1);
        let magnitude = ((self.0.unsigned_abs() + half) >> excess_bits) << excess_bits;
        Self(self.0.signum() * magnitude as i64)
    }
}

/// One, in units.
pub(crate) const UNIT: i64 = 1 << 16;

/// The largest magnitude.
const MOST: f64 = 2_147_483_648.0;

/// The same, in units.
const LIMIT: i64 = 1 << 47;

const SIGNIFICANT_BITS: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rounding_keeps_a_tenth_of_a_percent_and_the_sign(units in -LIMIT..=LIMIT) {
            let rounded = Coefficient(units).rounded();
            prop_assert!((rounded.0 - units).unsigned_abs() <= units.unsigned_abs() / 1024 + u64::from(units == 0));
            prop_assert_eq!(rounded.0.signum(), units.signum());
            prop_assert_eq!(rounded.rounded(), rounded);
        }

        #[test]
        fn the_product_is_within_half_a_unit(a in -1000.0..1000.0_f64, b in -1000.0..1000.0_f64) {
            let (a, b) = (Coefficient::new(a).unwrap(), Coefficient::new(b).unwrap());
            let product = a.times(b).value();
            prop_assert!((product - a.value() * b.value()).abs() <= 0.5000001 / UNIT as f64);
        }
    }

    #[test]
    fn small_whole_numbers_are_exact_and_what_is_no_number_is_refused() {
        for m in 0..=1024 {
            let coefficient = Coefficient::new(f64::from(m)).unwrap();
            assert_eq!(coefficient.rounded().value(), f64::from(m));
        }
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2.2e9, -2.2e9] {
            assert!(Coefficient::new(wrong).is_err(), "{wrong}");
        }
    }
}
