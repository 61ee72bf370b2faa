//! A live suspect: asked within budgets, its answers kept, and read as passages.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use taggant::reader::Reader;
use taggant_audit::endpoint::{
    Answer, Api, ApiKey, End, Endpoint, Limits, Question, Sampling, TokenLogProb, ask,
};
use taggant_audit::{Passage, Watch};
use taggant_corpus::{Alignment, Options, SuspectToken, Tokenizer};
use taggant_verify::{Plan, SequenceSet};

use crate::audit_args::{ApiArg, EndpointArgs};
use crate::input;

/// What a live suspect answered.
pub(crate) struct Answers {
    pub(crate) passages: Vec<Passage>,
    /// Whether asking was to end at evidence.
    pub(crate) stopped_by_scores: bool,
    pub(crate) cautions: Vec<String>,
}

/// Asks every prompt, or until a budget is spent or the evidence suffices.
pub(crate) fn answers(
    args: &EndpointArgs,
    options: &Options,
    reader: &dyn Reader,
    plan: &Plan,
) -> Result<Answers> {
    let url = args.endpoint.as_deref().context("an audit of a live model needs --endpoint")?;
    let log: &PathBuf =
        args.log.as_ref().context("a live suspect needs --log FILE, where its answers are kept")?;
    let tokenizer = options.tokenizer.as_ref().context("answers are text: they need --tokenizer")?;
    let questions = questions(&args.prompts, options)?;
    let endpoint = endpoint(args, url)?;
    let alignment = args.top_logprobs.map(|_| Alignment::new(tokenizer)).transpose()?;

    // Every prompt that will be asked is known before the first answer.
    let mut excluded = SequenceSet::new(reader.context_rule().width.len());
    for question in &questions {
        excluded.add_windows(&tokenizer.encode(&question.prompt, &question.id)?);
    }
    let mut watch = Watch::new(reader, plan, &excluded);
    let mut passages = Vec::new();
    let mut failed = None;
    let mut on_answer = |answer: &Answer| match passage(answer, tokenizer, alignment.as_ref()) {
        Ok(passage) => {
            let suffices = args.stop_early && watch.add(&passage);
            passages.push(passage);
            if suffices { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    };
    let mut on_note = |note: &_| eprintln!("taggant: {note}");
    let summary =
        ask(&endpoint, &questions, &sampling(args), &limits(args), log, &mut on_answer, &mut on_note)?;
    if let Some(error) = failed {
        return Err(error);
    }
    let end = match summary.end {
        End::Stopped => "the evidence sufficed",
        End::TokenBudget => "the budget of tokens is spent",
        End::QueryBudget => "the budget of queries is spent",
        _ => "all prompts were asked",
    };
    eprintln!(
        "taggant: {} answers, {} tokens charged, {} requests; {end}",
        summary.delivered, summary.tokens, summary.requests
    );
    let mut cautions = Vec::new();
    if !summary.failed.is_empty() {
        cautions.push(format!(
            "{} of {} questions had no answer in the end ({}); run again with the same --log to ask them again",
            summary.failed.len(),
            questions.len(),
            summary.last_failure.as_deref().unwrap_or("see the log")
        ));
    }
    ensure!(!passages.is_empty(), "the endpoint gave no answer");
    Ok(Answers { passages, stopped_by_scores: args.stop_early, cautions })
}

fn endpoint(args: &EndpointArgs, url: &str) -> Result<Endpoint> {
    let model = args.model.as_deref().context("--endpoint needs --model NAME")?;
    let api = match args.api {
        ApiArg::Chat => Api::Chat,
        ApiArg::Completions => Api::Completions,
    };
    let endpoint = Endpoint::new(url, model, api)?;
    let Some(place) = &args.endpoint_key else { return Ok(endpoint) };
    let Some(name) = place.strip_prefix("env:") else {
        bail!("--endpoint-key env:NAME names an environment variable; a key is never an argument")
    };
    let key = std::env::var(name).with_context(|| format!("cannot read environment variable {name}"))?;
    Ok(endpoint.with_key(ApiKey::new(key)?)?)
}

fn sampling(args: &EndpointArgs) -> Sampling {
    Sampling {
        max_tokens: args.max_tokens,
        temperature: args.temperature,
        top_p: args.top_p,
        seed: args.sampling_seed,
        top_logprobs: args.top_logprobs,
        ..Sampling::default()
    }
}

fn limits(args: &EndpointArgs) -> Limits {
    Limits {
        concurrency: args.concurrency,
        requests_per_minute: args.requests_per_minute,
        budget_tokens: args.budget_tokens,
        budget_queries: args.budget_queries,
        retries: args.retries,
        timeout: Duration::from_secs(args.timeout),
        ..Limits::default()
    }
}

/// The prompts, as rows with a field `prompt`.
fn questions(inputs: &[String], options: &Options) -> Result<Vec<Question>> {
    ensure!(!inputs.is_empty(), "--endpoint needs --prompts INPUT, rows with a field `prompt`");
    let mut options = options.clone();
    options.fields.text.clone_from(&options.fields.prompt);
    options.fields.tokens = "prompt_tokens".into();
    options.fields.log_probs = None;
    (options.prompts, options.keep_text) = (false, true);
    let (mut questions, mut without) = (Vec::new(), None);
    input::each(inputs, &options, |document| match document.text {
        Some(text) => questions.push(Question { id: document.id, prompt: text.text }),
        None => without = without.take().or(Some(document.at)),
    })?;
    match without {
        Some(at) => {
            bail!("{at}: a live model is asked in words; expected a field `prompt`, found tokens alone")
        }
        None => Ok(questions),
    }
}

/// An answer in the mark's tokens, with its log-probs at positions where both tokenizers begin a token.
fn passage(answer: &Answer, tokenizer: &Tokenizer, alignment: Option<&Alignment>) -> Result<Passage> {
    let mut passage = Passage::of_tokens(&answer.question, tokenizer.encode(&answer.text, &answer.question)?);
    passage.prompt = Some(tokenizer.encode(&answer.prompt, &answer.question)?);
    if let (Some(alignment), Some(log_probs)) = (alignment, &answer.log_probs) {
        let suspect = |token: &TokenLogProb| SuspectToken {
            bytes: token.bytes.clone(),
            log_probs: Some(token.top.iter().map(|(bytes, ln_p)| (bytes.clone(), *ln_p as f32)).collect()),
        };
        let tokens: Vec<SuspectToken> = log_probs.iter().map(suspect).collect();
        let aligned = alignment.align(&answer.text, &tokens)?;
        passage.tokens = aligned.tokens;
        passage.log_probs = Some(aligned.log_probs);
    }
    Ok(passage)
}
