//! Counting the ones of 512 columns by carry-save adders: sums as bit planes, never as numbers.

use super::keystream::{LANES, Words};

/// Counts of 512 columns: bit k of every count, 512 of them, in plane k.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    planes: Vec<[u32; 16]>,
}

impl Counters {
    /// Adds `2^level` to every column whose bit is 1.
    fn add(&mut self, level: usize, mut carry: [u32; 16]) {
        for level in level.. {
            if carry == [0; 16] {
                return;
            }
            if self.planes.len() <= level {
                self.planes.resize(level + 1, [0; 16]);
            }
            for (sum, carry) in self.planes[level].iter_mut().zip(&mut carry) {
                (*sum, *carry) = (*sum ^ *carry, *sum & *carry);
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.planes.iter().enumerate().for_each(|(level, plane)| self.add(level, *plane));
    }

    /// The counts as numbers, in order of columns.
    pub(super) fn counts(&self) -> impl Iterator<Item = u64> {
        (0..512).map(|column| {
            let bit = |plane: &[u32; 16]| u64::from(plane[column / 32] >> (column % 32) & 1);
            self.planes.iter().rev().fold(0, |count, plane| 2 * count + bit(plane))
        })
    }
}

/// 4 partial sums for each of 16 words: vector v of word w is `[4 w .. 4 w + 4]`.
type Partial = [u32; 64];

/// A sum under way, as bits of weight 1, 2, 4, ... that have not been carried to the end.
///
/// The 64 lanes of a pack are 16 partial sums of 4, which 15 full adders turn into one carry of weight 16 (Harley and
/// Seal). Carries of one weight then wait for a partner, as in a binary counter: one full adder a pack on average.
#[derive(Clone, Debug)]
pub(super) struct CarrySave {
    n_adds: u64,
    /// Weights 1, 2, 4, 8.
    low: [Partial; 4],
    /// Weights 16, 32, ...: the sum, and a carry that waits where `n_adds` has a one.
    high: Vec<(Partial, Partial)>,
}

impl Default for CarrySave {
    fn default() -> Self {
        Self { n_adds: 0, low: [[0; 64]; 4], high: Vec::new() }
    }
}

impl CarrySave {
    /// Adds one bit for each column and lane.
    #[inline(never)]
    pub(super) fn add(&mut self, words: &Words) {
        let mut carry = self.sixteens(words);
        let level = self.n_adds.trailing_ones() as usize;
        if self.high.len() <= level {
            self.high.push(([0; 64], [0; 64]));
        }
        for (sum, waiting) in &mut self.high[..level] {
            for i in 0..64 {
                (sum[i], carry[i]) = full_adder(sum[i], waiting[i], carry[i]);
            }
        }
        self.high[level].1 = carry;
        self.n_adds += 1;
    }

    fn sixteens(&mut self, words: &Words) -> Partial {
        let mut sixteens = [0; 64];
        let [ones, twos, fours, eights] = &mut self.low;
        for (word, lanes) in words.iter().enumerate() {
            let vectors = lanes.as_chunks::<4>().0;
            let at = 4 * word..4 * word + 4;
            let (mut one, mut two): (Vector, Vector) = (vector(ones, word), vector(twos, word));
            let (mut four, mut eight): (Vector, Vector) = (vector(fours, word), vector(eights, word));
            let mut carries = [[0; 4]; 2];
            for (half, carry) in carries.iter_mut().enumerate() {
                let x: [Vector; 8] = std::array::from_fn(|i| vectors[8 * half + i]);
                let a = add(&mut one, x[0], x[1]);
                let b = add(&mut one, x[2], x[3]);
                let c = add(&mut two, a, b);
                let a = add(&mut one, x[4], x[5]);
                let b = add(&mut one, x[6], x[7]);
                let d = add(&mut two, a, b);
                *carry = add(&mut four, c, d);
            }
            sixteens[at.clone()].copy_from_slice(&add(&mut eight, carries[0], carries[1]));
            ones[at.clone()].copy_from_slice(&one);
            twos[at.clone()].copy_from_slice(&two);
            fours[at.clone()].copy_from_slice(&four);
            eights[at].copy_from_slice(&eight);
        }
        sixteens
    }

    /// Adds everything to the counters.
    pub(super) fn drain_into(self, counters: &mut Counters) {
        let mut add = |level, partial: &Partial| {
            for v in 0..4 {
                counters.add(level, std::array::from_fn(|word| partial[4 * word + v]));
            }
        };
        self.low.iter().enumerate().for_each(|(level, partial)| add(level, partial));
        for (level, (sum, waiting)) in self.high.iter().enumerate() {
            add(level + 4, sum);
            if self.n_adds >> level & 1 == 1 {
                add(level + 4, waiting);
            }
        }
    }
}

const _: () = assert!(LANES == 64, "the tree of adders takes 16 vectors of 4");

type Vector = [u32; 4];

#[inline(always)]
fn vector(partial: &Partial, word: usize) -> Vector {
    partial.as_chunks::<4>().0[word]
}

/// Adds two vectors of bits to a third; the carry.
#[inline(always)]
fn add(sum: &mut Vector, b: Vector, c: Vector) -> Vector {
    let mut carry = [0; 4];
    for lane in 0..4 {
        (sum[lane], carry[lane]) = full_adder(sum[lane], b[lane], c[lane]);
    }
    carry
}

/// Sum and carry of three bits, 32 times.
#[inline(always)]
fn full_adder(a: u32, b: u32, c: u32) -> (u32, u32) {
    let half = a ^ b;
    (half ^ c, (a & b) | (half & c))
}
