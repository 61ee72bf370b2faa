//! One key's student under every test.

use anyhow::{Context, Result};
use taggant::Mark;
use taggant::reader::Reader;
use taggant_audit::{ContextWeight, Mixture, Open, Passage, ReferenceModel, Score};
use taggant_lm::KneserNey;
use taggant_verify::audit_result::Origin;
use taggant_verify::linear::{LinearNull, LinearSum, Statistic};
use taggant_verify::{Coefficient, Corpus, Items, SequenceSet};

use super::lab::{Lab, passages, write};

/// What a test gave: z, and ln of the p that a verdict would rest on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) z: f64,
    pub(crate) ln_p: f64,
}

/// A student that learned from text under one key, and that text.
pub(crate) struct Case {
    pub(crate) mark: Mark,
    pub(crate) log: Vec<Vec<u32>>,
    pub(crate) student: KneserNey,
}

impl Case {
    pub(crate) fn new(lab: &Lab, mark: Mark, n_taught: usize, label: &str) -> Result<Self> {
        let log = lab.teach(Some(&mark), n_taught, &format!("taught {label}"))?;
        let student = lab.student(&log)?;
        Ok(Self { mark, log, student })
    }

    /// What the student writes.
    pub(crate) fn text(&self, n_tokens: usize, label: &str) -> Result<Vec<Vec<u32>>> {
        write(&self.student, None, n_tokens, &format!("student {label}"))
    }

    pub(crate) fn served(&self) -> SequenceSet {
        contexts(&self.log, self.width())
    }

    fn width(&self) -> usize {
        self.mark.context_rule().width.len()
    }

    /// Each distinct input of a text.
    pub(crate) fn count(&self, text: &[Vec<u32>]) -> Items {
        let mut corpus = Corpus::new(self.mark.context_rule());
        text.iter().for_each(|tokens| corpus.add(tokens));
        Items::of_corpus(&corpus, |_| Coefficient::ONE)
    }

    /// The score of a text, centred by references: plain, and with contexts weighed by the root of their number.
    pub(crate) fn score(
        &self,
        text: &[Vec<u32>],
        references: Vec<&dyn ReferenceModel>,
    ) -> Result<(Items, Items)> {
        let passages = passages(text);
        let mixture = Mixture::new(references, &passages)?;
        let none = SequenceSet::new(self.width());
        let mut score = Score::new(self.mark.context_rule(), &passages, &none, &mixture)?;
        Ok((score.items(ContextWeight::Plain)?, score.items(ContextWeight::InverseRoot)?))
    }

    /// What the student expects of a text that it reads.
    pub(crate) fn open(
        &self,
        text: &[Vec<u32>],
        origin: Origin,
        reference: &dyn ReferenceModel,
        student: &dyn ReferenceModel,
    ) -> Result<Open> {
        let read = |passage: Passage| -> Result<Passage> {
            let log_probs = Some(student.rows(&passage, LEAST_P)?);
            Ok(Passage { log_probs, ..passage })
        };
        let passages: Vec<Passage> = passages(text).into_iter().map(read).collect::<Result<_>>()?;
        let mixture = Mixture::new(vec![reference], &passages)?;
        let none = SequenceSet::new(self.width());
        Open::new(self.mark.context_rule(), &passages, origin, &none, Some(&mixture))?
            .context("rows were read")
    }

    /// A statistic under the case's own key.
    pub(crate) fn outcome(&self, items: &Items, filter: Filter<'_>) -> Outcome {
        outcome(&self.mark, items, filter)
    }
}

/// How a statistic is read.
#[derive(Clone, Copy)]
pub(crate) enum Filter<'a> {
    /// Over all contexts: p is exact or certified.
    All,
    /// Over contexts of unmarked text: the same.
    Familiar(&'a SequenceSet),
    /// Over contexts of the log: p is the bound of the e-value.
    Served(&'a SequenceSet),
    /// Over text that may carry the mark: the same, with bets scaled by 1.
    Marked,
}

/// A statistic under a key.
pub(crate) fn outcome(reader: &dyn Reader, items: &Items, filter: Filter<'_>) -> Outcome {
    let (contexts, scale) = match filter {
        Filter::All => (None, None),
        Filter::Familiar(contexts) => (Some(contexts), None),
        Filter::Served(contexts) => (Some(contexts), Some(Statistic::new(items).scale())),
        Filter::Marked => (None, Some(1.0)),
    };
    let mut sum = LinearSum::default();
    Statistic::new(items).sum(reader, contexts).iter().for_each(|of_channel| sum.merge(of_channel));
    let null = LinearNull::new(reader.law(), &sum);
    let statistic = sum.statistic(reader.law());
    let ln_p = match scale {
        None => null.p_value(statistic).ln(),
        Some(scale) => -null.ln_e(statistic, scale).max(0.0),
    };
    Outcome { z: null.z(statistic).unwrap_or(0.0), ln_p }
}

/// The contexts of documents.
pub(crate) fn contexts(documents: &[Vec<u32>], width: usize) -> SequenceSet {
    let mut contexts = SequenceSet::new(width);
    documents.iter().for_each(|tokens| contexts.add_windows(tokens));
    contexts
}

/// What a suspect of these measurements lists.
const LEAST_P: f64 = 1.0 / 4096.0;
