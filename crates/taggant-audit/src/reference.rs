//! Reference models: what a token was to be expected with, had the suspect not learned the mark.

use std::fmt;

use hashbrown::HashMap;
use taggant::TokenId;
use taggant_corpus::LnRow;
use taggant_lm::KneserNey;
use taggant_verify::audit_result::ReferenceKind;

use crate::error::{Error, Kind};
use crate::passage::Passage;

/// A model that says what it would have expected at each token of a passage.
///
/// Must hold, or p-values are wrong: **no key went into the choice of the model**. What it says may be anything; a poor
/// reference costs power and never validity.
pub trait ReferenceModel: Send + Sync + fmt::Debug {
    /// What the report calls it.
    fn name(&self) -> &str;

    /// Where its probabilities come from.
    fn kind(&self) -> ReferenceKind;

    /// The text it was fitted on, if it was: what is tested for the mark.
    fn text(&self) -> Option<&[Vec<TokenId>]> {
        None
    }

    /// One row for each token of a passage, from the prompt and the tokens before it; `None` where the model is silent.
    ///
    /// Tokens less likely than `least_p` may be left out of a row, the passage's own token never.
    ///
    /// # Errors
    /// When the model cannot read these tokens.
    fn rows(&self, passage: &Passage, least_p: f64) -> Result<Vec<Option<LnRow>>, Error>;
}

/// An n-gram model, of the embedded kind or fitted on the spot.
#[derive(Debug)]
pub struct NgramReference {
    name: String,
    model: KneserNey,
    documents: Vec<Vec<TokenId>>,
}

impl NgramReference {
    /// Fits an n-gram model on an unmarked model's text: interpolated Kneser-Ney over `order` tokens.
    ///
    /// The vocabulary is that of the text and of `vocab_size`, the larger of both and at most 2^20; tokens beyond it leave the model silent.
    ///
    /// # Errors
    /// When there is no token to fit on.
    pub fn fit(
        name: impl Into<String>,
        documents: Vec<Vec<TokenId>>,
        order: usize,
        vocab_size: usize,
    ) -> Result<Self, Error> {
        let name = name.into();
        if documents.iter().all(Vec::is_empty) {
            return Err(Kind::EmptyReference { name }.into());
        }
        let largest = documents.iter().flatten().max().map_or(0, |&token| token as usize + 1);
        if largest > MOST_VOCABULARY {
            return Err(Kind::Vocabulary { name, found: largest, most: MOST_VOCABULARY }.into());
        }
        // Beyond its vocabulary the model is silent: a stray id of the suspect's must not make a row of billions.
        let vocab_size = vocab_size.min(MOST_VOCABULARY);
        let model = KneserNey::train(&documents, order, largest.max(vocab_size))
            .map_err(|source| Kind::Model { name: name.clone(), source })?;
        Ok(Self { name, model, documents })
    }

    /// A model that is there already, and whose text is not at hand.
    #[must_use]
    pub fn new(name: impl Into<String>, model: KneserNey) -> Self {
        Self { name: name.into(), model, documents: Vec::new() }
    }

    /// The row after a history, with the token that came and every token of at least `least_p`.
    fn row(
        &self,
        history: &[TokenId],
        observed: TokenId,
        least_ln_p: f32,
        logits: &mut [f32],
    ) -> Option<LnRow> {
        let known = history.len().saturating_sub(self.model.order() - 1);
        let is_known = |token: &TokenId| (*token as usize) < logits.len();
        if !history[known..].iter().all(is_known) || !is_known(&observed) {
            return None;
        }
        self.model.logits_into(history, logits).ok()?;
        let is_kept = |(id, ln_p): &(usize, &f32)| **ln_p >= least_ln_p || *id == observed as usize;
        let kept = logits.iter().enumerate().filter(is_kept);
        let (ids, ln_p) = kept.map(|(id, &ln_p)| (id as TokenId, ln_p.min(0.0))).unzip();
        let row = LnRow::new(ids, ln_p).ok()?.with_observed(observed);
        Some(row.with_unlisted_at_most(f64::from(least_ln_p).exp()))
    }
}

impl ReferenceModel for NgramReference {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> ReferenceKind {
        ReferenceKind::Fitted
    }

    fn text(&self) -> Option<&[Vec<TokenId>]> {
        Some(&self.documents).filter(|documents| !documents.is_empty()).map(Vec::as_slice)
    }

    fn rows(&self, passage: &Passage, least_p: f64) -> Result<Vec<Option<LnRow>>, Error> {
        let (history, start) = passage.history();
        let mut logits = vec![0.0; self.model.vocab_size()];
        let least_ln_p = least_p.ln() as f32;
        let row = |at: usize| self.row(&history[..at], history[at], least_ln_p, &mut logits);
        Ok((start..history.len()).map(row).collect())
    }
}

/// A model of which the log-probs on the suspect's own passages are at hand.
#[derive(Debug)]
pub struct RowsReference {
    name: String,
    rows: HashMap<Vec<TokenId>, Vec<Option<LnRow>>>,
}

impl RowsReference {
    /// From passages with log-probs: they are found again by their tokens, and of two with the same tokens the first counts.
    ///
    /// # Errors
    /// When no passage has log-probs.
    pub fn new(name: impl Into<String>, passages: Vec<Passage>) -> Result<Self, Error> {
        let name = name.into();
        let mut rows = HashMap::new();
        for passage in passages {
            if let Some(log_probs) = passage.log_probs {
                rows.entry(passage.tokens).or_insert(log_probs);
            }
        }
        if rows.is_empty() { Err(Kind::NoLogProbs { name }.into()) } else { Ok(Self { name, rows }) }
    }
}

impl ReferenceModel for RowsReference {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> ReferenceKind {
        ReferenceKind::LogProbs
    }

    fn rows(&self, passage: &Passage, _least_p: f64) -> Result<Vec<Option<LnRow>>, Error> {
        let silent = || vec![None; passage.tokens.len()];
        Ok(self.rows.get(&passage.tokens).cloned().unwrap_or_else(silent))
    }
}

/// The largest vocabulary a reference is fitted over: a row of it is made for every token that is read.
const MOST_VOCABULARY: usize = 1 << 20;
