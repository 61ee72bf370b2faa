//! Sums over positions, gathered by context and token.

use hashbrown::HashMap;
use rayon::prelude::*;
use taggant::TokenId;
use taggant::reader::ContextRule;
use taggant_verify::{Coefficient, Error, Items};

use crate::passage::Passage;

/// For each context and token a sum over positions, exact: a sum of multiples of 2^-40, in any order.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    rule: ContextRule,
    contexts: Vec<TokenId>,
    numbers: HashMap<Vec<TokenId>, u32>,
    /// How many positions each context has.
    positions: Vec<u64>,
    entries: Vec<Entry>,
    /// How many entries are sorted and hold each (context, token) once.
    merged: usize,
}

/// A share of the sum of one context and token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    context: u32,
    token: TokenId,
    units: i64,
}

impl Entry {
    /// An amount of at most 2^20.
    pub(crate) fn new(context: u32, token: TokenId, amount: f64) -> Self {
        Self { context, token, units: (amount * UNIT).round() as i64 }
    }
}

/// What a context's coefficients are divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ContextWeight {
    /// Nothing.
    Plain,
    /// The square root of how often the suspect wrote the context.
    InverseRoot,
}

impl Sums {
    pub(crate) fn new(rule: ContextRule) -> Self {
        Self {
            rule,
            contexts: Vec::new(),
            numbers: HashMap::new(),
            positions: Vec::new(),
            entries: Vec::new(),
            merged: 0,
        }
    }

    /// The number of a context, for one more position of it.
    pub(crate) fn position(&mut self, context: &[TokenId]) -> u32 {
        let next = self.positions.len() as u32;
        let number = *self.numbers.entry_ref(context).or_insert(next);
        if number == next {
            self.contexts.extend_from_slice(context);
            self.positions.push(0);
        }
        self.positions[number as usize] += 1;
        number
    }

    /// The number of the context of each position of a passage: `None` before the first full one, and where `counts`,
    /// which sees the context and the position, says no.
    pub(crate) fn positions_of(
        &mut self,
        passage: &Passage,
        mut counts: impl FnMut(&[TokenId], usize) -> bool,
    ) -> Vec<Option<u32>> {
        let width = self.rule.width.len();
        let number = |at: usize| {
            let context = &passage.tokens[at.checked_sub(width)?..at];
            counts(context, at).then(|| self.position(context))
        };
        (0..passage.tokens.len()).map(number).collect()
    }

    /// Adds shares.
    pub(crate) fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.entries.extend(entries);
        if self.entries.len() > 2 * self.merged + LEAST_BATCH {
            self.merge();
        }
    }

    fn merge(&mut self) {
        self.entries.par_sort_unstable_by_key(|entry| (entry.context, entry.token));
        self.entries.dedup_by(|entry, kept| {
            let is_same = (entry.context, entry.token) == (kept.context, kept.token);
            kept.units += if is_same { entry.units } else { 0 };
            is_same
        });
        self.merged = self.entries.len();
    }

    /// The sums as coefficients of distinct n-grams. Those that round to 0 are left out.
    ///
    /// # Errors
    /// Where a sum is no coefficient: a context with more than 2^31 positions.
    pub(crate) fn items(&mut self, weight: ContextWeight) -> Result<Items, Error> {
        self.merge();
        let width = self.rule.width.len();
        let context = |number: usize| &self.contexts[number * width..(number + 1) * width];
        let mut order: Vec<u32> = (0..self.positions.len() as u32).collect();
        order.par_sort_unstable_by_key(|&number| context(number as usize));
        let mut starts = vec![self.entries.len(); self.positions.len() + 1];
        for (at, entry) in self.entries.iter().enumerate().rev() {
            starts[entry.context as usize] = at;
        }
        let (mut tokens, mut coefficients) = (Vec::new(), Vec::new());
        for number in order {
            let n = self.positions[number as usize] as f64;
            let divisor = match weight {
                ContextWeight::Plain => 1.0,
                ContextWeight::InverseRoot => n.sqrt(),
            };
            let of_context =
                self.entries[starts[number as usize]..].iter().take_while(|it| it.context == number);
            for entry in of_context {
                let coefficient = Coefficient::new(entry.units as f64 / UNIT / divisor)?;
                if coefficient.units() != 0 {
                    tokens.extend_from_slice(context(number as usize));
                    tokens.push(entry.token);
                    coefficients.push(coefficient);
                }
            }
        }
        Ok(Items::of_rising(self.rule, tokens, coefficients))
    }
}

/// One, in units of an entry.
const UNIT: f64 = (1_u64 << 40) as f64;

/// Entries that are not worth a sort.
const LEAST_BATCH: usize = 1 << 22;
