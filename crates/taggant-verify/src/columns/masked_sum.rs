//! Sums of integers over the ones of 512 columns, exact.

use super::keystream::{LANES, Words};

/// The coefficients of a pack in balanced digits: `sum_d 2^(26 d) digits[d]`.
#[derive(Clone, Debug)]
pub(super) struct Digits {
    digits: Vec<[i32; LANES]>,
}

impl Digits {
    /// At most [`LANES`] coefficients; the other lanes are 0. One digit where all are below 2^25 in absolute value.
    pub(super) fn new(coefficients: impl Iterator<Item = i64> + Clone) -> Self {
        let mut digits = Vec::new();
        let mut rest: [i128; LANES] = [0; LANES];
        rest.iter_mut().zip(coefficients).for_each(|(rest, coefficient)| *rest = coefficient.into());
        while rest.iter().any(|rest| *rest != 0) {
            digits.push(rest.map(|rest| ((rest + HALF).rem_euclid(2 * HALF) - HALF) as i32));
            rest = rest.map(|rest| (rest + HALF).div_euclid(2 * HALF));
        }
        Self { digits }
    }

    /// Adds to `sums[d][column]` the d-th digits of the lanes whose bit is 1.
    ///
    /// 64 digits from -2^25 to 2^25 - 1 make a sum that fits an i32.
    #[inline]
    pub(super) fn add_to(&self, words: &Words, sums: &mut DigitSums) {
        if sums.0.len() < self.digits.len() {
            sums.0.resize(self.digits.len(), [0; 512]);
        }
        for (digits, sums) in self.digits.iter().zip(&mut sums.0) {
            for (lanes, sums) in words.iter().zip(sums.as_chunks_mut::<32>().0) {
                for (bit, sum) in (0..).zip(sums) {
                    *sum += i64::from(masked_sum(lanes, digits, 31 - bit));
                }
            }
        }
    }
}

/// The sums of digits of each place, for 512 columns.
#[derive(Clone, Debug, Default)]
pub(super) struct DigitSums(Vec<[i64; 512]>);

impl DigitSums {
    /// What the digits of one column sum up to.
    pub(super) fn value(&self, column: usize) -> i128 {
        self.0.iter().rev().fold(0, |value, sums| 2 * HALF * value + i128::from(sums[column]))
    }
}

#[inline(always)]
fn masked_sum(lanes: &[u32; LANES], digits: &[i32; LANES], shift: u32) -> i32 {
    // The bit, moved to the sign and spread over the word, is a mask.
    lanes.iter().zip(digits).map(|(word, digit)| ((word << shift) as i32 >> 31) & digit).sum()
}

/// Digits are below this in absolute value, or equal to its negative.
const HALF: i128 = 1 << 25;
