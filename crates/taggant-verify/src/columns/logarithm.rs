//! -ln(1 - u) of many words at once, without a branch.

/// -ln(1 - u) in nats, u = (word + 0.5) / 2^32, within 2 ulp of the correctly rounded value.
///
/// Additions, multiplications and one division only, so that a loop over words becomes vectors; every platform gives
/// the same bits.
///
/// # Paper
/// FreeBSD's `e_log.c` (Sun Microsystems 1993), whose reduction and polynomial these are: for m in (sqrt 1/2, sqrt 2)
/// and s = (m - 1) / (m + 1), `ln m = 2 s + s R(s^2)`, |R's error| < 2^-58.45. Differs: no special cases, as
/// `word + 0.5` is positive and normal.
#[inline(always)]
pub(super) fn nats(word: u32) -> f64 {
    // y = 2^32 (1 - u) = 2^exponent m, exactly.
    let y = f64::from_bits(TWO_52 | u64::from(!word)) - (EXP2_52 - 0.5);
    let shifted = y.to_bits() + (ONE - SQRT_HALF);
    let m = f64::from_bits((shifted & (u64::MAX >> 12)) + SQRT_HALF);
    // The exponent of 1 - u: biased by 1023, and by 32 for y.
    let exponent = f64::from_bits(TWO_52 | shifted >> 52) - (EXP2_52 + 1023.0 + 32.0);
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (LG[1] + w * (LG[3] + w * LG[5]));
    let odd = z * (LG[0] + w * (LG[2] + w * (LG[4] + w * LG[6])));
    let half_square = 0.5 * f * f;
    let small = s * (half_square + (even + odd)) + exponent * LN_2_LOW;
    (half_square - small) - f - exponent * LN_2_HIGH
}

const EXP2_52: f64 = 4_503_599_627_370_496.0;

/// The bits of 2^52, to whose mantissa any integer below 2^52 can be added.
const TWO_52: u64 = 1075 << 52;

/// The bits of 1.
const ONE: u64 = 1023 << 52;

/// The bits of a number just below sqrt 1/2.
const SQRT_HALF: u64 = 0x3fe6_a09e << 32;

/// ln 2 in two parts, the first with 20 zeros at its end: times an exponent it is exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// The coefficients of R.
const LG: [f64; 7] = [
    f64::from_bits(0x3FE5_5555_5555_5593),
    f64::from_bits(0x3FD9_9999_9997_FA04),
    f64::from_bits(0x3FD2_4924_9422_9359),
    f64::from_bits(0x3FCC_71C5_1D8E_78AF),
    f64::from_bits(0x3FC7_4664_96CB_03DE),
    f64::from_bits(0x3FC3_9A09_D078_C69F),
    f64::from_bits(0x3FC2_F112_DF3E_5244),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(word: u32) {
        let u = (f64::from(word) + 0.5) / 4_294_967_296.0;
        let expected = -libm::log(1.0 - u);
        let found = nats(word);
        // libm is within 1 ulp, and so is this; 4e-16 of a value is at most 2 ulp of it more.
        assert!((found - expected).abs() <= 4.5e-16 * expected, "{word}: {found} != {expected}");
    }

    #[test]
    fn ends_and_powers_of_two() {
        for bit in 0..32 {
            for near in -2_i64..=2 {
                let word = ((1_i64 << bit) + near) as u32;
                check(word);
                check(!word);
            }
        }
        // Around sqrt 1/2, where the reduction changes the exponent.
        let turn = (4_294_967_296.0 * std::f64::consts::FRAC_1_SQRT_2) as u32;
        (turn - 1000..turn + 1000).for_each(|word| check(!word));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn any_word(word: u32) {
            check(word);
        }
    }
}
