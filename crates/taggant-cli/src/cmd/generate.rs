//! `taggant generate`: completions of the embedded model, marked or not.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result};
use rayon::prelude::*;
use serde::Serialize;
use taggant::sampling::UnmarkedSampler;
use taggant::writer::Writer;
use taggant::{SamplingParams, Session};
use taggant_lm::{Author, KneserNey, MAX_ORDER, Tokenizer, VOCAB_SIZE};

use crate::args::{AuthorArg, GenerateArgs};
use crate::failure::Status;
use crate::{mark, progress, seed};

pub(crate) fn run(args: &GenerateArgs) -> Result<Status> {
    let params = SamplingParams::default()
        .with_temperature(args.temperature)?
        .with_top_k(args.top_k)
        .with_top_p(args.top_p)?
        .with_min_p(args.min_p)?;
    let writer = match (&args.mark.profile, &args.mark.key) {
        (Some(path), Some(key)) => {
            let profile = mark::read_profile(path)?;
            let opened = mark::open(&profile, key)?;
            let cannot = || format!("dialect {} can be read but not written", profile.dialect());
            Some(opened.writer.with_context(cannot)?)
        }
        _ => None,
    };
    let width = writer.as_ref().map_or(DEFAULT_WIDTH, |writer| writer.context_rule().width.len());
    let tokenizer = Tokenizer::embedded();
    let author = match args.author {
        AuthorArg::Austen => Author::Austen,
        AuthorArg::Spurgeon => Author::Spurgeon,
    };
    let model = train_on(&tokenizer, author, usize::MAX, (width + 2).min(MAX_ORDER))?;

    let bar = progress::steps(args.documents, "sampling documents");
    let mut stdout = std::io::stdout().lock();
    let mut next = 0;
    while next < args.documents {
        let end = args.documents.min(next + BATCH);
        let lines: Result<Vec<String>> = (next..end)
            .into_par_iter()
            .map(|index| {
                let mut rng = seed::rng(args.seed, "generate", index);
                let tokens = complete(&model, writer.as_ref(), args.tokens as usize, &params, &mut rng)?;
                let row = Row { id: format!("{index}"), text: tokenizer.decode(&tokens)?, tokens };
                Ok(serde_json::to_string(&row)?)
            })
            .collect();
        for line in lines? {
            writeln!(stdout, "{line}").context("cannot write to stdout")?;
            bar.inc(1);
        }
        next = end;
    }
    stdout.flush().context("cannot write to stdout")?;
    bar.finish_and_clear();
    Ok(Status::Ran)
}

/// One completion through the real sampler: marked by a session, or drawn without a mark.
pub(crate) fn complete(
    model: &KneserNey,
    writer: Option<&Arc<dyn Writer>>,
    n_tokens: usize,
    params: &SamplingParams,
    rng: &mut impl rand_core::Rng,
) -> Result<Vec<u32>> {
    let completed = match writer {
        Some(writer) => {
            let mut session = Session::new(writer.clone(), n_tokens);
            taggant_lm::complete(model, n_tokens, |row| {
                let token = session.sample(row, params, rng)?;
                session.accept(token);
                Ok(token)
            })
        }
        None => {
            let mut sampler = UnmarkedSampler::new();
            taggant_lm::complete(model, n_tokens, |row| sampler.sample(row, params, rng))
        }
    };
    Ok(completed?)
}

/// A model of one author's text, or of its first `n_tokens` tokens, cut into documents.
pub(crate) fn train_on(
    tokenizer: &Tokenizer,
    author: Author,
    n_tokens: usize,
    order: usize,
) -> Result<KneserNey> {
    let tokens = tokenizer.encode(&taggant_lm::text(author)?)?;
    let documents: Vec<&[u32]> = tokens[..n_tokens.min(tokens.len())].chunks(DOCUMENT_TOKENS).collect();
    Ok(KneserNey::train(&documents, order, VOCAB_SIZE)?)
}

#[derive(Serialize)]
struct Row {
    id: String,
    tokens: Vec<u32>,
    text: String,
}

/// The context width that an unmarked model is sized for: that of the default profile.
const DEFAULT_WIDTH: usize = 2;

/// The length of a document that a model learns from: an answer.
pub(crate) const DOCUMENT_TOKENS: usize = 200;

/// Documents sampled between two writes.
const BATCH: u64 = 64;
