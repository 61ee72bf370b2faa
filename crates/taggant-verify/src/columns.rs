//! Simulated decoys: sums under thousands of fresh random keys at once, one column a decoy.
//!
//! Under the null the values of distinct inputs are independent and follow a known [`Law`]. A decoy key of
//! [`decoys`](crate::decoys) draws them through the mark's own pseudorandom function, one key at a time; a column
//! here draws them from a keystream of the input, so that one block of ChaCha8 gives an input's coins for 512 columns.
//! Thousands of columns then cost what a few decoy keys do. What a column shows is the law of a statistic under the
//! null; that the mark's own function has that law it cannot show, and [`decoys`](crate::decoys) does.
//!
//! # Formula
//! The value of column c for an input:
//! ```text
//! block(input, i)   ChaCha8: key = the input's 16 bytes, low first, then "taggant columns!"; block number i; nonce 0
//! plane k, bit c    bit c mod 32, from the low end, of word (c mod 512) / 32 of block(input, 2^26 k + c / 512)
//! word c            word c mod 16 of block(input, c / 16)
//!
//! Bernoulli, j / 2^m reduced:   1 iff v >= 2^m - j,   v the number of m bits whose highest is in plane 0
//! Bits of depth d:              how many of the bits of planes 0 .. d are 1
//! Exponential:                  -ln(1 - u) nats,   u = (word c + 0.5) / 2^32
//! ```
//! A Bernoulli share whose denominator is no power of two is first rounded down to a multiple of 2^-64: off by less
//! than 5.5e-20. A share of 1 or more is always 1. The exponential law is that of [`Law::Exponential`] but for the
//! rounding of each score to 2^-40 nats.
//!
//! A column depends on nothing but the input and its own number: any shard, order and number of columns rebuilds the
//! same one. Sums of coins are exact integers, equal for every split of the work. Sums of nats are f64 and may differ
//! by the bound at [`Columns::statistics`] and [`WeightedColumns::statistics`] when the work is split elsewhere; one
//! call of `add` and one of `add_parallel` with the same list give the same bits, on any platform and number of
//! threads.
//!
//! Inputs are taken as distinct; an input that is added twice counts twice. Nothing here is secret, and no security
//! is claimed: who knows an input knows its columns.
//!
//! # Paper
//! ChaCha: Bernstein 2008. Carry-save counting: Harley and Seal, in Warren 2012, Hacker's Delight, section 5-1.

use rayon::prelude::*;
use taggant::law::Law;
use taggant::reader::Input;

mod carry_save;
mod coins;
mod keystream;
mod logarithm;
mod masked_sum;
mod product;
mod weighted;

pub use self::weighted::{COEFFICIENT_UNIT, WeightedColumns};

use self::carry_save::{CarrySave, Counters};
use self::coins::Coins;
use self::keystream::{Pack, n_blocks, packs};
use self::product::Products;

/// Sums of the values of each column (decoy) over inputs. Merging is associative and commutative, for nats up to
/// rounding.
#[derive(Clone, Debug)]
pub struct Columns {
    law: Law,
    n_columns: usize,
    n: u64,
    sums: Sums,
}

/// One entry for each block's worth of columns.
#[derive(Clone, Debug)]
enum Sums {
    Coins(Coins, Vec<Counters>),
    Nats(Vec<Products>),
}

impl Columns {
    /// No inputs yet. Memory: 3 to 5 bytes a column for coins, 16 for nats.
    ///
    /// # Panics
    /// When the law is none, with a denominator of 0 or a depth above 64, or for more than 2^30 columns of nats or
    /// 2^35 of coins, which have no block numbers.
    #[must_use]
    pub fn new(law: Law, n_columns: usize) -> Self {
        let sums = match Coins::of(law) {
            Some(coins) => {
                Sums::Coins(coins, vec![Counters::default(); n_blocks(n_columns, Coins::PER_BLOCK)])
            }
            None => Sums::Nats(vec![Products::default(); n_blocks(n_columns, Products::PER_BLOCK)]),
        };
        Self { law, n_columns, n: 0, sums }
    }

    /// Adds the values of inputs to every column.
    ///
    /// The cost is that of the next multiple of 64 inputs, and of 512 columns of coins or 16 of nats; some thousand
    /// inputs a call keep the bookkeeping below a tenth.
    pub fn add(&mut self, inputs: &[Input]) {
        self.n += inputs.len() as u64;
        for tile in inputs.chunks(TILE) {
            let packs = packs(tile.iter().copied());
            match &mut self.sums {
                Sums::Coins(coins, groups) => {
                    for (block, counters) in (0..).zip(groups) {
                        count(coins, &packs, block, counters);
                    }
                }
                Sums::Nats(groups) => {
                    for (block, products) in (0..).zip(groups) {
                        packs.iter().for_each(|pack| products.multiply(pack, block));
                    }
                }
            }
        }
    }

    /// The same on all cores, with the same result: coins split the inputs, nats the columns.
    pub fn add_parallel(&mut self, inputs: &[Input]) {
        match &mut self.sums {
            Sums::Coins(..) => {
                let empty = Self::new(self.law, self.n_columns);
                let sum = inputs
                    .par_chunks(TILE)
                    .fold(
                        || empty.clone(),
                        |mut sum, tile| {
                            sum.add(tile);
                            sum
                        },
                    )
                    .reduce(
                        || empty.clone(),
                        |mut sum, part| {
                            sum.merge(&part);
                            sum
                        },
                    );
                self.merge(&sum);
            }
            Sums::Nats(groups) => {
                self.n += inputs.len() as u64;
                for tile in inputs.chunks(TILE) {
                    let packs = packs(tile.iter().copied());
                    groups.par_iter_mut().enumerate().for_each(|(block, products)| {
                        packs.iter().for_each(|pack| products.multiply(pack, block as u32));
                    });
                }
            }
        }
    }

    /// Adds the sums of other inputs.
    ///
    /// # Panics
    /// When the other has another law or number of columns.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!((self.law, self.n_columns), (other.law, other.n_columns), "columns of one kind");
        self.n += other.n;
        match (&mut self.sums, &other.sums) {
            (Sums::Coins(_, groups), Sums::Coins(_, others)) => {
                groups.iter_mut().zip(others).for_each(|(counters, other)| counters.merge(other));
            }
            (Sums::Nats(groups), Sums::Nats(others)) => {
                groups.iter_mut().zip(others).for_each(|(products, other)| products.merge(other));
            }
            _ => unreachable!("one law has one kind of sum"),
        }
    }

    /// The law of a value.
    #[must_use]
    pub fn law(&self) -> Law {
        self.law
    }

    /// How many columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// How many inputs were added.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// The sum of each column: green tokens, nats, one-bits. Zeros without inputs.
    ///
    /// Coins are exact up to 2^53. For nats each value enters as one factor of a product, with one rounding each, and
    /// each merge is one more:
    /// ```text
    /// |S - exact| <= 1.01 (n + merges) 2^-53 + 2^-51 (S + 1)       n below 2^46
    /// ```
    #[must_use]
    pub fn statistics(&self) -> Vec<f64> {
        let mut statistics: Vec<f64> = match &self.sums {
            Sums::Coins(_, groups) => {
                groups.iter().flat_map(Counters::counts).map(|count| count as f64).collect()
            }
            Sums::Nats(groups) => groups.iter().flat_map(Products::nats).collect(),
        };
        statistics.truncate(self.n_columns);
        statistics
    }
}

/// Adds the coins of one block of columns over a tile.
fn count(coins: &Coins, packs: &[Pack], block: u32, counters: &mut Counters) {
    let mut carry_save = CarrySave::default();
    for pack in packs {
        coins.for_each_bit(pack, block, |words| carry_save.add(words));
    }
    carry_save.drain_into(counters);
}

/// How many inputs are packed at once: 1 MiB, read once for every block of columns.
const TILE: usize = 1 << 14;
