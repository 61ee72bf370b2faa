//! The score statistic: how often a token came after a context, less how often a reference expected it.

use rayon::prelude::*;
use taggant::reader::ContextRule;
use taggant_verify::{Items, SequenceSet};

use crate::error::Error;
use crate::mixture::Mixture;
use crate::passage::Passage;
use crate::sums::{ContextWeight, Entry, Sums};

/// The coefficients of the score statistic before contexts are weighed.
///
/// ```text
/// a(c, v) = n(c, v) - sum over positions t with context c of p_ref(v | everything before t)
/// ```
///
/// n counts what the suspect wrote. If training tilts the suspect towards green tokens, p_s is about p_ref exp(theta green),
/// and this is the derivative of the log-likelihood in theta: the locally most powerful test. Tokens that a model is sure
/// of cancel, so nothing else is needed to weigh by entropy. A reference lists a token or not; one that it does not list
/// counts as if not expected, which costs a little spread and no validity.
#[derive(Debug)]
pub struct Score {
    sums: Sums,
    positions: u64,
}

impl Score {
    /// Sums over the positions of passages that have a full context outside `excluded`.
    ///
    /// # Errors
    /// When a reference cannot read a passage.
    pub fn new(
        rule: ContextRule,
        passages: &[Passage],
        excluded: &SequenceSet,
        reference: &Mixture<'_>,
    ) -> Result<Self, Error> {
        let mut score = Self { sums: Sums::new(rule), positions: 0 };
        for batch in passages.chunks(BATCH) {
            let numbers: Vec<Vec<Option<u32>>> = batch
                .iter()
                .map(|passage| score.sums.positions_of(passage, |context, _| !excluded.contains(context)))
                .collect();
            score.positions += numbers.iter().flatten().flatten().count() as u64;
            let entries = |(passage, numbers): (&Passage, &Vec<Option<u32>>)| -> Result<Vec<Entry>, Error> {
                let rows = reference.rows(passage, LEAST_P)?;
                let mut entries = Vec::new();
                for ((row, number), &token) in rows.iter().zip(numbers).zip(&passage.tokens) {
                    let Some(number) = *number else { continue };
                    entries.push(Entry::new(number, token, 1.0));
                    let expected = row.iter().flat_map(|row| &row.p);
                    entries.extend(expected.map(|&(token, p)| Entry::new(number, token, -p)));
                }
                Ok(entries)
            };
            let entries: Result<Vec<_>, Error> = batch.par_iter().zip(&numbers).map(entries).collect();
            entries?.into_iter().for_each(|entries| score.sums.extend(entries));
        }
        Ok(score)
    }

    /// Positions that were summed over.
    #[must_use]
    pub fn positions(&self) -> u64 {
        self.positions
    }

    /// The items of the statistic.
    ///
    /// # Errors
    /// When a sum is beyond what a coefficient can hold.
    pub fn items(&mut self, weight: ContextWeight) -> Result<Items, Error> {
        Ok(self.sums.items(weight)?)
    }
}

/// Passages whose rows are held at once.
const BATCH: usize = 64;

/// Tokens that a reference holds less likely are not centred: together they hold a small part of any row's variance.
pub const LEAST_P: f64 = 0.002;
