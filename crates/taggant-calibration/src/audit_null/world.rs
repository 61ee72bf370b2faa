//! The models of the measurement and their text: a teacher, students, what they wrote and what they read.

use anyhow::{Result, ensure};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use taggant::sampling::UnmarkedSampler;
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant::{Mark, Profile, SamplingParams, TokenId};
use taggant_audit::{NgramReference, Passage};
use taggant_lm::{Author, KneserNey, Tokenizer, VOCAB_SIZE, complete};

use crate::null::{profile, secret};

/// Token ids, document by document.
pub(super) type Documents = Vec<Vec<TokenId>>;

/// A scheme and a context width, by name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) width: usize,
    /// By how many references the innocent student's score is centred; with 0 it is left out.
    pub(super) references: usize,
    /// What centres the open test on served text; without one it is left out.
    pub(super) served: Option<Reference>,
    scheme: fn() -> Result<Scheme>,
}

/// A reference of the open test on served text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reference {
    Control,
    Teacher,
}

impl Setting {
    pub(super) fn profile(&self) -> Result<Profile> {
        profile((self.scheme)()?, self.width as u64)
    }
}

/// All that is measured; the first is that of the prompts.
pub(super) const SETTINGS: [Setting; 4] = [
    Setting {
        name: "green 1/4, k = 2",
        width: 2,
        references: 5,
        served: Some(Reference::Control),
        scheme: || Ok(Scheme::Green(GreenList::new("1/4".parse()?, 2.0)?)),
    },
    Setting {
        name: "green 1/2, k = 1",
        width: 1,
        references: 3,
        served: Some(Reference::Teacher),
        scheme: || Ok(Scheme::Green(GreenList::new("1/2".parse()?, 2.0)?)),
    },
    Setting {
        name: "Gumbel, k = 2",
        width: 2,
        references: 2,
        served: Some(Reference::Teacher),
        scheme: || Ok(Scheme::Gumbel(GumbelMax::new())),
    },
    Setting {
        name: "tournament 10, k = 2",
        width: 2,
        references: 0,
        served: None,
        scheme: || Ok(Scheme::Tournament(Tournament::new(10)?)),
    },
];

/// The models of one context width.
#[derive(Debug)]
pub(super) struct World {
    pub(super) width: usize,
    pub(super) teacher: KneserNey,
    /// A student that learned no marked text.
    pub(super) innocent: KneserNey,
    /// Another one, of the same filler and other text of the teacher.
    pub(super) control: KneserNey,
    /// A model of text that neither the teacher nor a student has read.
    pub(super) other: KneserNey,
    /// What the teacher wrote unmarked.
    pub(super) familiar: Documents,
    /// Text that no model has read.
    pub(super) held_out: Documents,
    filler: Vec<TokenId>,
}

impl World {
    pub(super) fn new(width: usize) -> Result<Self> {
        let tokenizer = Tokenizer::embedded();
        let austen = tokenizer.encode(&taggant_lm::text(Author::Austen)?)?;
        let mut filler = tokenizer.encode(&taggant_lm::text(Author::Spurgeon)?)?;
        ensure!(austen.len() >= TEACHER_TOKENS + OTHER_TOKENS, "the embedded text is long enough");
        ensure!(filler.len() >= STUDENT_TOKENS + HELD_OUT_TOKENS, "the embedded text is long enough");
        let held_out = documents(&filler[STUDENT_TOKENS..STUDENT_TOKENS + HELD_OUT_TOKENS]);
        filler.truncate(STUDENT_TOKENS);
        let (taught, rest) = austen.split_at(TEACHER_TOKENS);
        let teacher = train(&documents(taught), width)?;
        let student = |label| student(&filler, &write(&teacher, TAUGHT_TOKENS, label)?, width);
        Ok(Self {
            width,
            innocent: student(Label::TaughtToInnocent)?,
            control: student(Label::TaughtToControl)?,
            other: train(&documents(&rest[..OTHER_TOKENS]), width)?,
            familiar: write(&teacher, FAMILIAR_TOKENS, Label::Familiar)?,
            held_out,
            filler,
            teacher,
        })
    }

    /// A student that learned what the teacher wrote under a mark: 5 % of its text.
    pub(super) fn marked_student(&self, log: &Documents) -> Result<KneserNey> {
        student(&self.filler, log, self.width)
    }

    /// What the teacher writes under a mark for a student.
    pub(super) fn taught(&self, mark: &Mark) -> Result<Documents> {
        let write = |n: usize| write_marked(&self.teacher, mark, DOCUMENT_TOKENS, (Label::TaughtMarked, n));
        (0..TAUGHT_TOKENS / DOCUMENT_TOKENS).into_par_iter().map(write).collect()
    }

    /// An n-gram model of what the teacher wrote unmarked.
    pub(super) fn fitted(&self) -> Result<NgramReference> {
        Ok(NgramReference::fit("fitted", self.familiar.clone(), order(self.width), VOCAB_SIZE)?)
    }
}

/// What a draw is for: no two share their randomness.
#[derive(Clone, Copy, Debug)]
pub(super) enum Label {
    TaughtToInnocent,
    TaughtToControl,
    TaughtMarked,
    Familiar,
    Suspect,
    MarkedSuspect,
    Served,
    Prompt,
    Answer,
    Ties,
}

/// A generator for a label and a number.
pub(super) fn rng(label: Label, n: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
    rng.set_stream(DRAWS + label as u64);
    rng
}

/// Unmarked documents of a model.
pub(super) fn write(model: &KneserNey, n_tokens: usize, label: Label) -> Result<Documents> {
    let document = |n: usize| -> Result<Vec<TokenId>> {
        let (mut sampler, mut rng) = (UnmarkedSampler::new(), rng(label, n));
        let params = SamplingParams::default();
        Ok(complete(model, DOCUMENT_TOKENS, |row| sampler.sample(row, &params, &mut rng))?)
    };
    (0..n_tokens.div_ceil(DOCUMENT_TOKENS)).into_par_iter().map(document).collect()
}

/// One document of a model under a mark.
pub(super) fn write_marked(
    model: &KneserNey,
    mark: &Mark,
    n_tokens: usize,
    (label, n): (Label, usize),
) -> Result<Vec<TokenId>> {
    let (mut session, mut rng) = (mark.session(n_tokens), rng(label, n));
    let params = SamplingParams::default().with_top_k(CANDIDATES);
    Ok(complete(model, n_tokens, |row| {
        let token = session.sample(row, &params, &mut rng)?;
        session.accept(token);
        Ok(token)
    })?)
}

/// Documents as an audit reads them.
pub(super) fn passages(documents: &Documents) -> Vec<Passage> {
    let passage = |(n, tokens): (usize, &Vec<TokenId>)| Passage::of_tokens(n.to_string(), tokens.clone());
    documents.iter().enumerate().map(passage).collect()
}

/// The mark of key `key` of a run: no two runs share a secret.
pub(super) fn mark(profile: &Profile, run: u64, key: u64) -> Mark {
    Mark::new(&secret((FIRST_RUN + run) << 32 | key), profile)
}

/// The key that marked what a student learned: none of those that are tried.
pub(super) const MARKING_KEY: u64 = u32::MAX as u64;

fn student(filler: &[TokenId], taught: &Documents, width: usize) -> Result<KneserNey> {
    let n_taught: usize = taught.iter().map(Vec::len).sum();
    let mut text = documents(&filler[..STUDENT_TOKENS - n_taught]);
    text.extend_from_slice(taught);
    train(&text, width)
}

fn train(documents: &Documents, width: usize) -> Result<KneserNey> {
    Ok(KneserNey::train(documents, order(width), VOCAB_SIZE)?)
}

fn documents(tokens: &[TokenId]) -> Documents {
    tokens.chunks(DOCUMENT_TOKENS).map(<[TokenId]>::to_vec).collect()
}

/// A model sees one token more than the mark does.
fn order(width: usize) -> usize {
    width + 2
}

/// Tokens of a document.
pub(super) const DOCUMENT_TOKENS: usize = 200;

/// How much the teacher, a model of other text, and a student have learnt from.
const TEACHER_TOKENS: usize = 400_000;
const OTHER_TOKENS: usize = 400_000;
const STUDENT_TOKENS: usize = 600_000;

/// How much of a student's text is the teacher's: 5 %.
const TAUGHT_TOKENS: usize = STUDENT_TOKENS / 20;

/// A teacher that marks draws from its likeliest tokens: the whole row takes several times as long.
const CANDIDATES: usize = 64;

/// How much unmarked text of the teacher is at hand.
const FAMILIAR_TOKENS: usize = 100_000;

/// How much human text there is to read.
const HELD_OUT_TOKENS: usize = 100_000;

/// Runs are numbered, so that no two share a secret: those of the null of the counts are below.
const FIRST_RUN: u64 = 1_000;

/// The streams of draws, apart from those of secrets: "draws" as a number, shifted.
const DRAWS: u64 = 0x64_7261_7773 << 8;
