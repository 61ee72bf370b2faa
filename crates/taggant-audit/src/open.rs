//! The open-model statistics: what the suspect expects, position by position.

use rayon::prelude::*;
use taggant::TokenId;
use taggant::reader::ContextRule;
use taggant_corpus::LnRow;
use taggant_verify::audit_result::{OpenCounts, Origin};
use taggant_verify::{Coefficient, Items, SequenceSet};

use crate::blind::Lists;
use crate::error::Error;
use crate::mixture::{MixedRow, Mixture};
use crate::occurrence::Occurrences;
use crate::passage::Passage;
use crate::sums::{ContextWeight, Entry, Sums};

/// The coefficients of the open statistics, over the positions that count.
///
/// ```text
/// open-argmax:   a(c, v) = 1                              if v is the suspect's likeliest token at some position with context c
/// open-mass:     a(c, v) = sum_t p_s(v | h_t)             so that T is the green mass the suspect expects
/// open-paired:   a(c, v) = sum_t (p_s - p_ref)(v | h_t)   what both expect cancels
/// ```
///
/// Under the null a, made without the key, may be anything; Var T = v sum a^2 is the exact conditional variance.
///
/// Rows that list the likeliest tokens alone bound the others: a probability that one side does not list is taken as the
/// value within its bounds that lies nearest to the other side's. It costs power and never validity.
///
/// # Paper
/// `open-argmax` is the reading mode of Sander et al. 2024, arXiv 2402.14904, section 4; `open-mass` has the
/// coefficients of arXiv 2602.03812, with the exact variance instead of Hoeffding's bound.
#[derive(Debug)]
pub struct Open {
    /// The likeliest tokens.
    pub argmax: Items,
    /// The suspect's probabilities.
    pub mass: Items,
    /// The differences; `None` without a reference.
    pub paired: Option<Items>,
    /// What was seen.
    pub counts: OpenCounts,
}

impl Open {
    /// Sums over passages with log-probs; `None` if none has any.
    ///
    /// # Errors
    /// When a reference cannot read a passage, a sum is beyond what a coefficient can hold, or on marked text lists differ in
    /// length and the shortest has one token.
    pub fn new(
        rule: ContextRule,
        passages: &[Passage],
        origin: Origin,
        excluded: &SequenceSet,
        reference: Option<&Mixture<'_>>,
    ) -> Result<Option<Self>, Error> {
        if passages.iter().all(|passage| passage.log_probs.is_none()) {
            return Ok(None);
        }
        let width = rule.width.len();
        let lists = match origin {
            Origin::Marked => Some(Lists::of(passages.iter().flat_map(Passage::known_rows))?),
            _ => None,
        };
        let mut occurrences = Occurrences::new(origin, excluded);
        let (mut mass, mut paired, mut argmax) = (Sums::new(rule), Sums::new(rule), Items::new(rule));
        let mut seen = Seen::default();
        for batch in passages.chunks(BATCH) {
            let mut numbers = Vec::with_capacity(batch.len());
            for passage in batch {
                let counts = occurrences.of_passage(passage);
                let rows = passage.log_probs.as_deref().unwrap_or_default();
                let has_row = |at: usize| rows.get(at).is_some_and(Option::is_some);
                let of_passage = mass.positions_of(passage, |_, at| counts[at] && has_row(at));
                // The paired sums have the same contexts under the same numbers.
                paired.positions_of(passage, |_, at| counts[at] && has_row(at));
                seen.positions += (width..passage.tokens.len()).filter(|&at| has_row(at)).count() as u64;
                numbers.push(of_passage);
            }
            let of_passage = |(passage, numbers): (&Passage, &Vec<Option<u32>>)| -> Result<Part, Error> {
                let rows = passage.log_probs.as_deref().unwrap_or_default();
                let blinded = lists.map(|lists| lists.blind(rows, &passage.tokens));
                let rows = blinded.as_deref().unwrap_or(rows);
                let references = reference.map(|reference| reference.rows(passage, LEAST_P)).transpose()?;
                let mut part = Part::default();
                for (at, number) in numbers.iter().enumerate() {
                    let (Some(number), Some(Some(row))) = (*number, rows.get(at)) else { continue };
                    let reference = references.as_ref().and_then(|rows| rows[at].as_ref());
                    part.add(number, row, reference);
                    if let Some(token) = row.most_likely() {
                        part.argmax.push((at, token));
                    }
                }
                Ok(part)
            };
            let parts: Result<Vec<Part>, Error> = batch.par_iter().zip(&numbers).map(of_passage).collect();
            for (part, passage) in parts?.into_iter().zip(batch) {
                seen.add(&part);
                mass.extend(part.mass);
                paired.extend(part.paired);
                for (at, token) in part.argmax {
                    let mut ngram = passage.tokens[at - width..at].to_vec();
                    ngram.push(token);
                    argmax.raise(&ngram, Coefficient::ONE);
                }
            }
        }
        let per = |sum: f64, n: u64| if n == 0 { 0.0 } else { sum / n as f64 };
        Ok(Some(Self {
            argmax,
            mass: mass.items(ContextWeight::Plain)?,
            paired: reference.map(|_| paired.items(ContextWeight::Plain)).transpose()?,
            counts: OpenCounts {
                positions: seen.positions,
                kept: seen.kept,
                repeated: occurrences.repeated(),
                mean_listed_mass: per(seen.mass, seen.kept),
                reference_listed_mass: reference.map(|_| per(seen.reference_mass, seen.paired)),
            },
        }))
    }
}

/// What one passage adds.
#[derive(Debug, Default)]
struct Part {
    mass: Vec<Entry>,
    paired: Vec<Entry>,
    argmax: Vec<(usize, TokenId)>,
    kept: u64,
    n_paired: u64,
    listed: f64,
    reference_listed: f64,
}

impl Part {
    fn add(&mut self, number: u32, row: &LnRow, reference: Option<&MixedRow>) {
        self.kept += 1;
        self.listed += row.listed_mass();
        self.mass.extend(row.iter().map(|(token, p)| Entry::new(number, token, p)));
        let Some(reference) = reference else { return };
        self.n_paired += 1;
        self.reference_listed += reference.p.iter().map(|(_, p)| p).sum::<f64>();
        let mut differ = |token, difference: f64| {
            if difference != 0.0 {
                self.paired.push(Entry::new(number, token, difference));
            }
        };
        let mut of_suspect = row.iter().peekable();
        for &(token, p_ref) in &reference.p {
            while let Some((earlier, p)) = of_suspect.next_if(|(id, _)| *id < token) {
                differ(earlier, p - p.min(reference.unlisted_bound));
            }
            let p = match of_suspect.next_if(|(id, _)| *id == token) {
                Some((_, p)) => p,
                None => p_ref.min(row.unlisted_bound()),
            };
            differ(token, p - p_ref);
        }
        for (token, p) in of_suspect {
            differ(token, p - p.min(reference.unlisted_bound));
        }
    }
}

/// Totals over all passages.
#[derive(Debug, Default)]
struct Seen {
    positions: u64,
    kept: u64,
    paired: u64,
    mass: f64,
    reference_mass: f64,
}

impl Seen {
    fn add(&mut self, part: &Part) {
        self.kept += part.kept;
        self.paired += part.n_paired;
        self.mass += part.listed;
        self.reference_mass += part.reference_listed;
    }
}

/// Passages whose rows are held at once.
const BATCH: usize = 64;

/// The least probability that a fitted reference lists where differences of probabilities are summed.
const LEAST_P: f64 = 1.0 / 4096.0;
