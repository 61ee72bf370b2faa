//! Columns of weighted sums: every input with its own coefficient.

use rayon::prelude::*;
use taggant::law::Law;
use taggant::reader::Input;

use super::coins::Coins;
use super::keystream::{LANES, Pack, Words, counter, n_blocks, packs};
use super::logarithm::nats;
use super::masked_sum::{DigitSums, Digits};
use super::product::Products;

/// Sums of coefficient times value of each column over inputs; the values are those of [`Columns`](super::Columns).
///
/// Coefficients are integers, in units of 1 / [`COEFFICIENT_UNIT`]. Sums of coins are exact, whatever the
/// coefficients.
#[derive(Clone, Debug)]
pub struct WeightedColumns {
    law: Law,
    n_columns: usize,
    n: u64,
    sums: Sums,
}

#[derive(Clone, Debug)]
enum Sums {
    Coins(Coins, Vec<[i128; Coins::PER_BLOCK]>),
    Nats(Vec<[Compensated; Products::PER_BLOCK]>),
}

impl WeightedColumns {
    /// No inputs yet. Memory: 16 bytes a column.
    ///
    /// # Panics
    /// As [`Columns::new`](super::Columns::new).
    #[must_use]
    pub fn new(law: Law, n_columns: usize) -> Self {
        let sums = match Coins::of(law) {
            Some(coins) => {
                Sums::Coins(coins, vec![[0; Coins::PER_BLOCK]; n_blocks(n_columns, Coins::PER_BLOCK)])
            }
            None => Sums::Nats(vec![Default::default(); n_blocks(n_columns, Products::PER_BLOCK)]),
        };
        Self { law, n_columns, n: 0, sums }
    }

    /// Adds coefficient times value of inputs to every column. The cost is that of the next multiple of 64 inputs.
    pub fn add(&mut self, items: &[(Input, i64)]) {
        self.n += items.len() as u64;
        for tile in items.chunks(TILE) {
            let packs = packs(tile.iter().map(|item| item.0));
            match &mut self.sums {
                Sums::Coins(coins, groups) => {
                    let digits = digits(tile);
                    for (block, sums) in (0..).zip(groups) {
                        add_coins(*coins, &packs, &digits, block, sums);
                    }
                }
                Sums::Nats(groups) => {
                    let coefficients = coefficients(tile);
                    for (block, sums) in (0..).zip(groups) {
                        add_nats(&packs, &coefficients, block, sums);
                    }
                }
            }
        }
    }

    /// The same on all cores, with the same result: coins split the inputs, nats the columns.
    pub fn add_parallel(&mut self, items: &[(Input, i64)]) {
        match &mut self.sums {
            Sums::Coins(..) => {
                let empty = Self::new(self.law, self.n_columns);
                let sum = items
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
                self.n += items.len() as u64;
                for tile in items.chunks(TILE) {
                    let packs = packs(tile.iter().map(|item| item.0));
                    let coefficients = coefficients(tile);
                    groups.par_iter_mut().enumerate().for_each(|(block, sums)| {
                        add_nats(&packs, &coefficients, block as u32, sums);
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
                let others = others.as_flattened();
                groups.as_flattened_mut().iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
            }
            (Sums::Nats(groups), Sums::Nats(others)) => {
                for (sum, other) in groups.as_flattened_mut().iter_mut().zip(others.as_flattened()) {
                    sum.add(other.sum);
                    sum.add(other.rest);
                }
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

    /// The exact sums of coins, in units of 1 / [`COEFFICIENT_UNIT`]; `None` for nats, which have none.
    #[must_use]
    pub fn exact(&self) -> Option<&[i128]> {
        match &self.sums {
            Sums::Coins(_, groups) => Some(&groups.as_flattened()[..self.n_columns]),
            Sums::Nats(_) => None,
        }
    }

    /// The sum of each column, in units of the statistic: green tokens, nats, one-bits. Zeros without inputs.
    ///
    /// Coins are [`exact`](Self::exact), rounded once. For nats, with the terms `a v` of a column:
    /// ```text
    /// |S - exact| <= 24 * 2^-53 sum |a v|
    /// ```
    /// whatever n below 2^40: terms of 64 inputs are added in f64, and those sums with compensation (Neumaier 1974).
    #[must_use]
    pub fn statistics(&self) -> Vec<f64> {
        let unit = COEFFICIENT_UNIT as f64;
        match &self.sums {
            Sums::Coins(_, groups) => {
                groups.as_flattened()[..self.n_columns].iter().map(|&sum| sum as f64 / unit).collect()
            }
            Sums::Nats(groups) => groups.as_flattened()[..self.n_columns]
                .iter()
                .map(|sum| (sum.sum + sum.rest) / unit)
                .collect(),
        }
    }
}

/// A sum of floats and what its roundings lost.
#[derive(Clone, Copy, Debug, Default)]
struct Compensated {
    sum: f64,
    rest: f64,
}

impl Compensated {
    fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        let lost =
            if self.sum.abs() >= term.abs() { (self.sum - sum) + term } else { (term - sum) + self.sum };
        self.rest += lost;
        self.sum = sum;
    }
}

/// The coefficients of each pack of a tile, for sums of coins.
fn digits(tile: &[(Input, i64)]) -> Vec<Digits> {
    tile.chunks(LANES).map(|items| Digits::new(items.iter().map(|item| item.1))).collect()
}

/// The coefficients of each pack of a tile, for sums of nats; 0 where there is no input.
fn coefficients(tile: &[(Input, i64)]) -> Vec<[f64; LANES]> {
    let of_pack = |items: &[(Input, i64)]| {
        let mut coefficients = [0.0; LANES];
        coefficients.iter_mut().zip(items).for_each(|(coefficient, item)| *coefficient = item.1 as f64);
        coefficients
    };
    tile.chunks(LANES).map(of_pack).collect()
}

fn add_coins(
    coins: Coins,
    packs: &[Pack],
    digits: &[Digits],
    block: u32,
    sums: &mut [i128; Coins::PER_BLOCK],
) {
    // One list for each weight of a coin: 1 for one coin, 1, 2, 4, ... for the bits of how many of several are 1.
    let mut weights: Vec<DigitSums> = Vec::new();
    let mut counts: Vec<Words> = Vec::new();
    for (pack, digits) in packs.iter().zip(digits) {
        counts.iter_mut().for_each(|bits| bits.as_flattened_mut().fill(0));
        coins.for_each_bit(pack, block, |words| count(&mut counts, words));
        weights.resize_with(counts.len().max(weights.len()), DigitSums::default);
        for (bits, sums) in counts.iter().zip(&mut weights) {
            digits.add_to(bits, sums);
        }
    }
    for (column, sum) in sums.iter_mut().enumerate() {
        *sum += (0..).zip(&weights).map(|(level, sums)| sums.value(column) << level).sum::<i128>();
    }
}

/// Adds one coin to each count; bit k of every count is in `counts[k]`.
fn count(counts: &mut Vec<Words>, coins: &Words) {
    let mut carry = *coins;
    for level in 0.. {
        if level == counts.len() {
            if carry.as_flattened().iter().any(|bits| *bits != 0) {
                counts.push(carry);
            }
            return;
        }
        let rows = counts[level].as_flattened_mut().iter_mut().zip(carry.as_flattened_mut());
        rows.for_each(|(sum, carry)| (*sum, *carry) = (*sum ^ *carry, *sum & *carry));
    }
}

fn add_nats(
    packs: &[Pack],
    coefficients: &[[f64; LANES]],
    block: u32,
    sums: &mut [Compensated; Products::PER_BLOCK],
) {
    let mut words = [[0; LANES]; 16];
    for (pack, coefficients) in packs.iter().zip(coefficients) {
        pack.blocks(counter(0, block), &mut words);
        for (lanes, sum) in words.iter().zip(&mut *sums) {
            // Lanes without an input have a finite value and the coefficient 0.
            let mut terms: [f64; LANES] = lanes.map(nats);
            terms.iter_mut().zip(coefficients).for_each(|(term, coefficient)| *term *= coefficient);
            let mut partial = [0.0; 8];
            for eight in terms.as_chunks::<8>().0 {
                partial.iter_mut().zip(eight).for_each(|(partial, term)| *partial += term);
            }
            sum.add(partial.iter().sum());
        }
    }
}

/// How many coefficient units make 1: a coefficient is a multiple of 2^-16.
pub const COEFFICIENT_UNIT: i64 = 1 << 16;

/// How many inputs are packed at once, as for unweighted columns.
const TILE: usize = 1 << 14;
