//! What the files of an audit hold: read as what they are for.

use anyhow::{Context, Result, bail};
use taggant::TokenId;
use taggant_audit::plan::{PlannedReference, Role};
use taggant_audit::{NgramReference, Passage, ReferenceModel, RowsReference};
use taggant_corpus::{Aligned, Alignment, Document, SuspectVocabulary};
use taggant_verify::audit_result::ReferenceKind;

use super::files::short_name;
use super::settings::AuditReading;
use crate::input;

/// What reads the files of one audit.
#[derive(Debug)]
pub(crate) struct Inputs<'a> {
    reading: &'a AuditReading,
    /// What was met on the way.
    pub(crate) cautions: Vec<String>,
}

/// What a reference was read from, before anything is fitted.
#[derive(Debug)]
pub(crate) struct ReferenceText {
    pub(crate) planned: PlannedReference,
    passages: Vec<Passage>,
}

impl<'a> Inputs<'a> {
    pub(crate) fn new(reading: &'a AuditReading) -> Self {
        Self { reading, cautions: Vec::new() }
    }

    /// The suspect's passages.
    pub(crate) fn suspect(&mut self, inputs: &[String]) -> Result<Vec<Passage>> {
        self.passages(Role::Suspect, inputs)
    }

    /// Documents of tokens; `None` without inputs.
    pub(crate) fn documents(&mut self, role: Role, inputs: &[String]) -> Result<Option<Vec<Vec<u32>>>> {
        if inputs.is_empty() {
            return Ok(None);
        }
        let passages = self.passages(role, inputs)?;
        Ok(Some(passages.into_iter().map(|passage| passage.tokens).collect()))
    }

    /// One reference for each input: its log-probs where its rows have any, or else its text.
    pub(crate) fn references(&mut self, inputs: &[String]) -> Result<Vec<ReferenceText>> {
        inputs.iter().map(|input| self.reference(input)).collect()
    }

    fn reference(&mut self, input: &String) -> Result<ReferenceText> {
        let passages = self.passages(Role::Reference, std::slice::from_ref(input))?;
        let with_rows = passages.iter().filter(|passage| passage.log_probs.is_some()).count();
        if with_rows != 0 && with_rows != passages.len() {
            bail!(
                "the reference {input}: {with_rows} of {} rows have log-probs; expected all of them or none",
                passages.len()
            );
        }
        let kind = if with_rows == 0 { ReferenceKind::Fitted } else { ReferenceKind::LogProbs };
        Ok(ReferenceText { planned: PlannedReference { name: short_name(input), kind }, passages })
    }

    /// One control for each input.
    pub(crate) fn controls(&mut self, inputs: &[String]) -> Result<Vec<(String, Vec<Passage>)>> {
        let control = |input: &String| {
            Ok((short_name(input), self.passages(Role::Control, std::slice::from_ref(input))?))
        };
        inputs.iter().map(control).collect()
    }

    fn passages(&mut self, role: Role, inputs: &[String]) -> Result<Vec<Passage>> {
        let mut documents = Vec::new();
        let summary = input::each(inputs, &self.reading.options, |document| documents.push(document))?;
        input::note(&summary, &format!("--{}", role.as_str()), &mut self.cautions);
        match (&self.reading.aligned, role) {
            (Some((alignment, vocabulary)), Role::Suspect | Role::Control | Role::Reference) => {
                self.align(role, documents, alignment, vocabulary)
            }
            // What the teacher gave out is in the tokens of the mark.
            _ => Ok(documents.into_iter().map(passage).collect()),
        }
    }

    /// Turns rows over the suspect's tokens into rows over the mark's. Rows of text are the mark's already, and so is unmarked text
    /// that a reference is fitted on.
    fn align(
        &mut self,
        role: Role,
        documents: Vec<Document>,
        alignment: &Alignment,
        vocabulary: &SuspectVocabulary,
    ) -> Result<Vec<Passage>> {
        let tokenizer = self.reading.options.tokenizer.as_ref().context("an alignment has a tokenizer")?;
        let again = |tokens: &[TokenId], at: &str| tokenizer.encode(&vocabulary.text(tokens), at);
        let (mut passages, mut share) = (Vec::with_capacity(documents.len()), AlignedShare::default());
        for document in documents {
            let is_of_suspect =
                document.is_of_tokens && (role != Role::Reference || document.log_probs.is_some());
            let is_prompt_of_suspect =
                document.is_prompt_of_tokens && (role != Role::Reference || is_of_suspect);
            let at = document.at.clone();
            let mut passage = passage(document);
            if let Some(prompt) = passage.prompt.as_mut().filter(|_| is_prompt_of_suspect) {
                *prompt = again(prompt, &at)?;
            }
            match passage.log_probs.take().filter(|_| is_of_suspect) {
                Some(log_probs) => {
                    let text = vocabulary.text(&passage.tokens);
                    let aligned = alignment.align_ids(&text, vocabulary, &passage.tokens, &log_probs)?;
                    share.add(&aligned);
                    passage.tokens = aligned.tokens;
                    passage.log_probs = Some(aligned.log_probs);
                }
                None if is_of_suspect => passage.tokens = again(&passage.tokens, &at)?,
                None => {}
            }
            passages.push(passage);
        }
        self.cautions.extend(share.caution(&format!("of --{}", role.as_str())));
        Ok(passages)
    }
}

/// How much of log-probs over another tokenizer could be read.
#[derive(Debug, Default)]
pub(crate) struct AlignedShare {
    positions: u64,
    kept: u64,
    mass: f64,
}

impl AlignedShare {
    pub(crate) fn add(&mut self, aligned: &Aligned) {
        self.positions += aligned.positions;
        self.kept += aligned.positions_kept;
        self.mass += aligned.mass_kept * aligned.positions_kept as f64;
    }

    /// Whether every position was read.
    pub(crate) fn is_whole(&self) -> bool {
        self.kept == self.positions
    }

    /// What the report says of it; `None` where there was nothing to align.
    pub(crate) fn caution(&self, of: &str) -> Option<String> {
        let Self { positions, kept, mass } = self;
        (*positions > 0).then(|| {
            format!(
                "the log-probs {of} are over another tokenizer: {kept} of {positions} positions begin a token of both and were read, \
                 with {:.0} % of what is listed there; the choice looks at no key",
                100.0 * mass / (*kept as f64).max(1.0)
            )
        })
    }
}

impl ReferenceText {
    /// The model: log-probs as they are, or an n-gram model of the text with contexts a token longer than the mark's, over a
    /// vocabulary that holds the suspect's tokens.
    pub(crate) fn model(self, context_width: usize, suspect: &[Passage]) -> Result<Box<dyn ReferenceModel>> {
        let Self { planned: PlannedReference { name, kind }, passages } = self;
        if kind == ReferenceKind::LogProbs {
            return Ok(Box::new(RowsReference::new(name, passages)?));
        }
        let largest = suspect.iter().flat_map(|passage| &passage.tokens).max();
        let vocab_size = largest.map_or(1, |&token| token as usize + 1);
        let documents = passages.into_iter().map(|passage| passage.tokens).collect();
        Ok(Box::new(NgramReference::fit(name, documents, context_width + 2, vocab_size)?))
    }
}

fn passage(document: Document) -> Passage {
    Passage {
        id: document.id,
        prompt: document.prompt,
        tokens: document.tokens,
        log_probs: document.log_probs,
    }
}
