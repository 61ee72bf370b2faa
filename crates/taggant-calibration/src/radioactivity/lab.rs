//! The chain in small: a teacher, text that it wrote with and without a mark, students that learned from it.

use anyhow::Result;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use taggant::sampling::UnmarkedSampler;
use taggant::scheme::Scheme;
use taggant::{ContextWidth, Mark, Profile, SamplingParams, Secret};
use taggant_audit::Passage;
use taggant_lm::{Author, KneserNey, Tokenizer, VOCAB_SIZE};

/// What every student of a context width shares.
pub(crate) struct Lab {
    pub(crate) width: usize,
    pub(crate) teacher: KneserNey,
    filler: Vec<u32>,
    human: Vec<u32>,
}

impl Lab {
    /// A teacher of one author's text; students get another's beside what the teacher wrote.
    pub(crate) fn new(width: usize) -> Result<Self> {
        let tokenizer = Tokenizer::embedded();
        let austen = tokenizer.encode(&taggant_lm::text(Author::Austen)?)?;
        let filler = tokenizer.encode(&taggant_lm::text(Author::Spurgeon)?)?;
        let order = width + 2;
        Ok(Self {
            width,
            teacher: train(austen[..TEACHER_TOKENS].chunks(DOCUMENT_TOKENS), order)?,
            filler,
            human: austen[TEACHER_TOKENS..].to_vec(),
        })
    }

    pub(crate) fn order(&self) -> usize {
        self.width + 2
    }

    pub(crate) fn profile(&self, scheme: Scheme) -> Result<Profile> {
        Ok(Profile::new(scheme, ContextWidth::new(self.width as u64)?, "2026q4")?)
    }

    /// What the teacher writes: `n_tokens` tokens in documents, marked or not.
    pub(crate) fn teach(&self, mark: Option<&Mark>, n_tokens: usize, label: &str) -> Result<Vec<Vec<u32>>> {
        write(&self.teacher, mark, n_tokens, label)
    }

    /// Text of the teacher's author that no model learned from.
    pub(crate) fn human(&self, n_tokens: usize) -> Vec<Vec<u32>> {
        self.human[..n_tokens.min(self.human.len())].chunks(DOCUMENT_TOKENS).map(<[u32]>::to_vec).collect()
    }

    /// A student that learned `taught` beside the other author's text, `STUDENT_TOKENS` in all.
    pub(crate) fn student(&self, taught: &[Vec<u32>]) -> Result<KneserNey> {
        self.student_of(STUDENT_TOKENS, taught)
    }

    /// The same, of so many tokens in all.
    pub(crate) fn student_of(&self, n_tokens: usize, taught: &[Vec<u32>]) -> Result<KneserNey> {
        let n_taught: usize = taught.iter().map(Vec::len).sum();
        let n_filler = n_tokens.saturating_sub(n_taught).min(self.filler.len());
        let documents =
            self.filler[..n_filler].chunks(DOCUMENT_TOKENS).chain(taught.iter().map(Vec::as_slice));
        train(documents, self.order())
    }
}

/// The mark of a numbered key.
pub(crate) fn mark(profile: &Profile, label: &str, n: usize) -> Mark {
    let mut secret = [0; 32];
    rng(label, n).fill_bytes(&mut secret);
    Mark::new(&Secret::from_bytes(secret), profile)
}

/// Documents of `DOCUMENT_TOKENS` tokens from a model.
pub(crate) fn write(
    model: &KneserNey,
    mark: Option<&Mark>,
    n_tokens: usize,
    label: &str,
) -> Result<Vec<Vec<u32>>> {
    let params = SamplingParams::default();
    let document = |n: usize| -> Result<Vec<u32>> {
        let mut rng = rng(label, n);
        Ok(match mark {
            Some(mark) => {
                let mut session = mark.session(DOCUMENT_TOKENS);
                taggant_lm::complete(model, DOCUMENT_TOKENS, |row| {
                    let token = session.sample(row, &params, &mut rng)?;
                    session.accept(token);
                    Ok(token)
                })?
            }
            None => {
                let mut sampler = UnmarkedSampler::new();
                taggant_lm::complete(model, DOCUMENT_TOKENS, |row| sampler.sample(row, &params, &mut rng))?
            }
        })
    };
    (0..n_tokens.div_ceil(DOCUMENT_TOKENS)).into_par_iter().map(document).collect()
}

/// Documents as an audit reads them.
pub(crate) fn passages(documents: &[Vec<u32>]) -> Vec<Passage> {
    let passage = |(n, tokens): (usize, &Vec<u32>)| Passage::of_tokens(n.to_string(), tokens.clone());
    documents.iter().enumerate().map(passage).collect()
}

fn train<'a>(documents: impl Iterator<Item = &'a [u32]>, order: usize) -> Result<KneserNey> {
    let documents: Vec<&[u32]> = documents.collect();
    Ok(KneserNey::train(&documents, order, VOCAB_SIZE)?)
}

/// A generator for a label and a number.
pub(crate) fn rng(label: &str, n: usize) -> ChaCha8Rng {
    let mut seed = [0_u8; 32];
    for (at, byte) in label.bytes().enumerate() {
        seed[8 + at % 24] = seed[8 + at % 24].wrapping_mul(31).wrapping_add(byte);
    }
    seed[..8].copy_from_slice(&(n as u64).to_le_bytes());
    ChaCha8Rng::from_seed(seed)
}

/// Tokens of a document.
pub(crate) const DOCUMENT_TOKENS: usize = 200;

/// Tokens the teacher learns from.
const TEACHER_TOKENS: usize = 400_000;

/// Tokens a student learns from.
pub(crate) const STUDENT_TOKENS: usize = 1_090_000;
