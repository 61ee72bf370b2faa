//! Several references as one: weighed by how likely they make the suspect's text.

use rayon::prelude::*;
use taggant::TokenId;
use taggant_corpus::LnRow;
use taggant_verify::audit_result::ReferenceKind;

use crate::blind::{LEAST_P, Lists};
use crate::error::{Error, Kind};
use crate::passage::Passage;
use crate::reference::ReferenceModel;

/// References with weights that maximise the likelihood of the suspect's text.
///
/// ```text
/// p(v | h) = sum_r w_r p_r(v | h),     w = argmax sum_t ln p(x_t | h_t)      by expectation maximisation
/// ```
///
/// The weights look at the text alone. A reference is never chosen by what the test says of it.
#[derive(Debug)]
pub struct Mixture<'a> {
    references: Vec<&'a dyn ReferenceModel>,
    /// Per reference: its weight and how it fared, in the order of the references.
    parts: Vec<Part>,
    /// Whether rows may not know which tokens came.
    /// On marked text: of each reference how long its lists are, where it gives lists.
    blind: Option<Vec<Option<Lists>>>,
}

/// One reference of a mixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Its weight.
    pub share: f64,
    /// Positions it speaks about.
    pub positions: u64,
    /// The mean ln probability it gives the token that came there.
    pub mean_ln_likelihood: f64,
}

impl<'a> Mixture<'a> {
    /// Weighs references on passages.
    ///
    /// # Errors
    /// When a reference cannot read a passage.
    pub fn new(references: Vec<&'a dyn ReferenceModel>, passages: &[Passage]) -> Result<Self, Error> {
        let mut likelihoods: Vec<Vec<Option<f64>>> = Vec::with_capacity(references.len());
        for reference in &references {
            // Only the token that came is asked for, so that rows stay short.
            let of_passage = |passage: &Passage| -> Result<Vec<Option<f64>>, Error> {
                let rows = reference.rows(passage, LEAST_FOR_LIKELIHOOD)?;
                let p = |(row, &token): (&Option<LnRow>, &TokenId)| {
                    row.as_ref().map(|row| likelihood(row, token))
                };
                Ok(rows.iter().zip(&passage.tokens).map(p).collect())
            };
            let of_passages: Result<Vec<_>, Error> = passages.par_iter().map(of_passage).collect();
            likelihoods.push(of_passages?.into_iter().flatten().collect());
        }
        let shares = shares(&likelihoods);
        let part = |(of_reference, &share): (&Vec<Option<f64>>, &f64)| {
            let spoken: Vec<f64> = of_reference.iter().flatten().map(|p| p.ln()).collect();
            let positions = spoken.len() as u64;
            let mean_ln_likelihood = spoken.iter().sum::<f64>() / positions.max(1) as f64;
            Part { share, positions, mean_ln_likelihood }
        };
        let parts = likelihoods.iter().zip(&shares).map(part).collect();
        Ok(Self { references, parts, blind: None })
    }

    /// The same references with equal weights: where the passages depend on a key, nothing may be fitted to them, and
    /// [`rows`](Self::rows) list no token for no better reason than that it came.
    ///
    /// # Errors
    /// When a reference cannot read a passage, or gives lists that differ in length and the shortest has one token.
    pub fn with_equal_shares(mut self, passages: &[Passage]) -> Result<Self, Error> {
        let lists = |reference: &&dyn ReferenceModel| -> Result<Option<Lists>, Error> {
            if reference.kind() != ReferenceKind::LogProbs {
                return Ok(None);
            }
            let read = |passage: &Passage| reference.rows(passage, LEAST_P);
            let rows: Vec<Vec<Option<LnRow>>> = passages.iter().map(read).collect::<Result<_, _>>()?;
            let with_token = |(rows, passage): (&'_ Vec<Option<LnRow>>, &Passage)| {
                let rows = rows.iter().zip(passage.tokens.clone());
                rows.filter_map(|(row, token)| Some((row.clone()?, token))).collect::<Vec<_>>()
            };
            let known: Vec<(LnRow, TokenId)> = rows.iter().zip(passages).flat_map(with_token).collect();
            if known.iter().any(|(row, _)| row.is_aligned()) {
                return Err(Kind::AlignedReading.into());
            }
            Lists::of(known.iter().map(|(row, token)| (row, *token))).map(Some)
        };
        self.blind = Some(self.references.iter().map(lists).collect::<Result<_, _>>()?);
        let share = 1.0 / self.parts.len() as f64;
        self.parts.iter_mut().for_each(|part| part.share = share);
        Ok(self)
    }

    /// How each reference fared, in their order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What the mixture expects at each token of a passage; `None` where all references are silent.
    ///
    /// Where only some references speak, their weights are scaled to sum to 1.
    ///
    /// # Errors
    /// When a reference cannot read the passage.
    pub fn rows(&self, passage: &Passage, least_p: f64) -> Result<Vec<Option<MixedRow>>, Error> {
        let mut of_references = Vec::new();
        for (at, (reference, part)) in self.references.iter().zip(&self.parts).enumerate() {
            if part.share > 0.0 {
                let rows = reference.rows(passage, least_p)?;
                let rows = match &self.blind {
                    Some(lists) => blinded(rows, passage, lists[at]),
                    None => rows,
                };
                of_references.push((part.share, rows));
            }
        }
        let mixed = |at: usize| {
            let speaking =
                || of_references.iter().filter_map(|(share, rows)| Some((share, rows[at].as_ref()?)));
            let total: f64 = speaking().map(|(share, _)| share).sum();
            if total == 0.0 {
                return None;
            }
            let parts =
                speaking().flat_map(|(share, row)| row.iter().map(move |(v, p)| (v, p * share / total)));
            let mut p: Vec<(TokenId, f64)> = parts.collect();
            p.sort_by_key(|(token, _)| *token);
            p.dedup_by(|entry, kept| {
                let is_same = entry.0 == kept.0;
                kept.1 += if is_same { entry.1 } else { 0.0 };
                is_same
            });
            let bound = speaking().map(|(share, row)| row.unlisted_bound() * share / total).sum();
            Some(MixedRow { p, unlisted_bound: bound })
        };
        Ok((0..passage.tokens.len()).map(mixed).collect())
    }
}

/// What a mixture expects of one token.
#[derive(Clone, Debug, PartialEq)]
pub struct MixedRow {
    /// The tokens that some reference lists, rising, and their probabilities.
    pub p: Vec<(TokenId, f64)>,
    /// The largest probability of a token that none of them lists.
    pub unlisted_bound: f64,
}

/// Rows without the tokens that are there only because they came.
fn blinded(rows: Vec<Option<LnRow>>, passage: &Passage, lists: Option<Lists>) -> Vec<Option<LnRow>> {
    let above = |row: Option<LnRow>| row.map(|row| row.without_below(LEAST_P));
    let rows = match lists {
        Some(lists) => lists.blind(&rows, &passage.tokens),
        // A model that is at hand gives every token above a threshold.
        None => rows.into_iter().map(above).collect(),
    };
    rows.into_iter().map(|row| row.filter(|row| !row.is_empty())).collect()
}

/// What a row gives a token; one that it does not list has a part of what is unlisted.
fn likelihood(row: &LnRow, token: TokenId) -> f64 {
    let unlisted = || (row.unlisted_mass() / NOMINAL_UNLISTED).min(row.unlisted_bound());
    row.p(token).unwrap_or_else(unlisted).max(LEAST_LIKELIHOOD)
}

/// The weights of greatest likelihood, over positions where every reference speaks.
fn shares(likelihoods: &[Vec<Option<f64>>]) -> Vec<f64> {
    let n = likelihoods.len();
    let positions = likelihoods.first().map_or(0, Vec::len);
    let all = |at: usize| -> Option<Vec<f64>> { likelihoods.iter().map(|of| of[at]).collect() };
    let rows: Vec<Vec<f64>> = (0..positions).filter_map(all).collect();
    let mut shares = vec![1.0 / n as f64; n];
    if n < 2 || rows.is_empty() {
        return shares;
    }
    for _ in 0..ROUNDS {
        let mut sums = vec![0.0; n];
        for row in &rows {
            let total: f64 = row.iter().zip(&shares).map(|(p, share)| p * share).sum();
            for ((sum, p), share) in sums.iter_mut().zip(row).zip(&shares) {
                *sum += p * share / total;
            }
        }
        shares = sums.iter().map(|sum| sum / rows.len() as f64).collect();
    }
    // What hardly adds to the likelihood is not worth its rows.
    let kept: f64 = shares.iter().filter(|share| **share >= LEAST_SHARE).sum();
    shares.iter().map(|share| if *share >= LEAST_SHARE { share / kept } else { 0.0 }).collect()
}

/// Only the observed token matters to a likelihood.
const LEAST_FOR_LIKELIHOOD: f64 = 1.0;

/// Among how many tokens unlisted mass is taken to be spread.
const NOMINAL_UNLISTED: f64 = 4096.0;

/// A token that a reference holds impossible must not make all others so.
const LEAST_LIKELIHOOD: f64 = 1e-12;

/// Expectation maximisation of a few weights has converged well before.
const ROUNDS: usize = 100;

/// A smaller share is dropped.
const LEAST_SHARE: f64 = 0.01;
