//! The exponential of many numbers at once.

/// Writes `exp(x)` for each `x <= 0`.
///
/// # Formula
/// ```text
/// k = round(x / ln 2),  r = x - k ln 2  (ln 2 in two parts, Cody and Waite 1980),
/// exp(x) = 2^k sum_{j <= 13} r^j / j!
/// ```
///
/// Within 1.5 units in the last place for x >= -708, and 0 below: a token that far under the most probable one has
/// no chance on a 53-bit draw. Only additions and multiplications of f64, one element at a time, so that the result is
/// the same on every platform and the loop can run in vector lanes.
///
/// # Shapes and units
/// `results.len() == exponents.len()`.
pub(crate) fn exp_into(exponents: &[f64], results: &mut [f64]) {
    for (result, &x) in results.iter_mut().zip(exponents) {
        let held = if x < SMALLEST { SMALLEST } else { x };
        // Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits.
        let shifted = held * core::f64::consts::LOG2_E + ROUNDER;
        let k = shifted - ROUNDER;
        let r = (held - k * LN_2_HIGH) - k * LN_2_LOW;
        let series = INVERSE_FACTORIALS.iter().rev().fold(0.0, |sum, &coefficient| sum * r + coefficient);
        let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
        *result = if x < SMALLEST { 0.0 } else { series * power };
    }
}

/// Below this the result would leave the normal numbers.
const SMALLEST: f64 = -708.0;

/// 1.5 * 2^52: an f64 of this size has no fraction bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// ln 2 with its last 21 bits zero, so that k times it is exact, and the rest.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// 1 / j! for j = 0 .. 13.
const INVERSE_FACTORIALS: [f64; 14] = [
    1.0,
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn exp(x: f64) -> f64 {
        let mut result = [f64::NAN];
        exp_into(&[x], &mut result);
        result[0]
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place_of_libm() {
        let mut worst = 0_u64;
        for step in 0..2_000_000_u64 {
            // Dense near 0 and near every multiple of ln 2 / 2, down to the end of the range.
            let x = -(step as f64 * 3.54e-4);
            worst = worst.max(exp(x).to_bits().abs_diff(libm::exp(x).to_bits()));
        }
        assert!(worst <= 2, "{worst} units in the last place");
    }

    #[test]
    fn exp_at_the_ends() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-0.0), 1.0);
        assert!(exp(-708.0) > 0.0);
        assert_eq!(exp(-708.1), 0.0);
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
    }
}
