//! A live suspect: asked within budgets, its answers kept, and read as passages.

use std::fmt::Write;
use std::ops::ControlFlow;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use taggant::reader::Reader;
use taggant_audit::endpoint::{Answer, End, Question, TokenLogProb, ask};
use taggant_audit::plan::{self, PlannedFile, Role};
use taggant_audit::{Materials, Passage, Watch};
use taggant_corpus::{Alignment, Options, SuspectToken, Tokenizer};
use taggant_verify::Plan;

use super::asked::{Asked, server};
use super::files;
use super::inputs::AlignedShare;
use crate::audit_args::AuditRunArgs;
use crate::{failure, input, output};

/// What is asked, and how its answers are read.
pub(crate) struct Ask<'a> {
    pub(crate) live: &'a plan::Endpoint,
    pub(crate) asked: &'a Asked,
    pub(crate) args: &'a AuditRunArgs,
    pub(crate) options: &'a Options,
    pub(crate) plan: &'a Plan,
}

/// Asks every prompt, or until a budget is spent or the evidence suffices, and adds what was asked and answered to the
/// materials. Gives the log, as a file of the audit.
pub(crate) fn answers(
    ask_for: &Ask<'_>,
    reader: &dyn Reader,
    materials: &mut Materials,
    cautions: &mut Vec<String>,
) -> Result<PlannedFile> {
    let Ask { live, asked, args, options, plan } = *ask_for;
    let log = args.server.log.as_ref();
    let log = log.context("a live suspect needs --log FILE, where its answers are kept")?;
    let tokenizer = options.tokenizer.as_ref().context("answers are text: they need --tokenizer")?;
    let questions = questions(&args.ask.prompts, options)?;
    let server = server(live, &args.server)?;
    let alignment = live.top_logprobs.map(|_| Alignment::new(tokenizer)).transpose()?;

    // Every prompt that may be asked is known before the first answer.
    let prompts = questions.iter().map(|it| tokenizer.encode(&it.prompt, &it.id));
    materials.prompts = prompts.collect::<Result<_, _>>()?;
    let excluded = materials.contexts_of_prompts(reader.context_rule().width.len());
    let mut watch = Watch::new(reader, plan, &excluded);
    let (mut passages, mut rows) = (Vec::new(), String::new());
    let (mut failed, mut share) = (None, AlignedShare::default());
    let mut on_answer = |answer: &Answer| match passage(answer, tokenizer, alignment.as_ref(), &mut share) {
        Ok(passage) => {
            let row = json!({ "id": answer.question, "prompt": answer.prompt, "text": answer.text });
            // Writing to a string cannot fail.
            let _ = writeln!(rows, "{row}");
            let suffices = asked.stop_early && watch.add(&passage);
            passages.push(passage);
            if suffices { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    };
    let mut on_note = |note: &_| failure::tell(&format!("{note}"));
    let (sampling, limits) = (Asked::sampling(live, &args.server), asked.limits(&args.server));
    let summary = ask(&server, &questions, &sampling, &limits, log, &mut on_answer, &mut on_note)?;
    if let Some(error) = failed {
        return Err(error);
    }
    let end = match summary.end {
        End::Stopped => "the evidence sufficed",
        End::TokenBudget => "the budget of tokens is spent",
        End::QueryBudget => "the budget of queries is spent",
        _ => "all prompts were asked",
    };
    failure::tell(&format!(
        "answers: {}, tokens charged: {}, requests: {}; {end}",
        summary.delivered, summary.tokens, summary.requests
    ));
    if !summary.failed.is_empty() {
        cautions.push(format!(
            "{} of {} questions had no answer in the end ({}); run again with the same --log to ask them again, if the reason \
             can pass; each further look at a growing log is a look of its own, and --hypotheses counts them",
            summary.failed.len(),
            questions.len(),
            summary.last_failure.as_deref().unwrap_or("see the log")
        ));
    }
    ensure!(!passages.is_empty(), "the endpoint gave no answer; {end}");
    if live.top_logprobs.is_some() && passages.iter().all(|passage| passage.log_probs.is_none()) {
        cautions.push(
            "the endpoint was asked for log-probs and gave none: nothing but its text is tested".into(),
        );
    }
    // With the mark's own tokenizer nothing is lost, and nothing is to be said.
    if !share.is_whole() {
        cautions.extend(share.caution("of the endpoint"));
    }
    if let Some(path) = &args.server.answers {
        output::write(path, &rows)?;
    }
    materials.suspect = passages;
    materials.stopped_by_scores = asked.stop_early;
    let name = log.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    files::read(Role::Suspect, &log.display().to_string(), &name)
}

/// The prompts, as rows with a field `prompt`.
pub(crate) fn questions(inputs: &[String], options: &Options) -> Result<Vec<Question>> {
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
fn passage(
    answer: &Answer,
    tokenizer: &Tokenizer,
    alignment: Option<&Alignment>,
    share: &mut AlignedShare,
) -> Result<Passage> {
    let mut passage = Passage::of_tokens(&answer.question, tokenizer.encode(&answer.text, &answer.question)?);
    passage.prompt = Some(tokenizer.encode(&answer.prompt, &answer.question)?);
    if let (Some(alignment), Some(log_probs)) = (alignment, &answer.log_probs) {
        let suspect = |token: &TokenLogProb| SuspectToken {
            bytes: token.bytes.clone(),
            log_probs: Some(token.top.iter().map(|(bytes, ln_p)| (bytes.clone(), *ln_p as f32)).collect()),
        };
        let tokens: Vec<SuspectToken> = log_probs.iter().map(suspect).collect();
        let aligned = alignment.align(&answer.text, &tokens)?;
        share.add(&aligned);
        passage.tokens = aligned.tokens;
        passage.log_probs = Some(aligned.log_probs);
    }
    Ok(passage)
}
