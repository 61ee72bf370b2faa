//! `taggant verify`: are these texts marked?

use anyhow::{Result, bail};
use taggant_corpus::{Document, Fields, Format, Options, Source, Summary, read};
use taggant_verify::verifier::adjust_documents;
use taggant_verify::{Corpus, Plan, SequenceSet, Verdict, Verifier};

use crate::args::{InputFormatArg, VerifyArgs};
use crate::failure::Status;
use crate::{mark, output, progress};

pub(crate) fn run(args: &VerifyArgs) -> Result<Status> {
    output::check_files(&args.output)?;
    if args.inputs.iter().chain(&args.served).filter(|input| *input == "-").count() > 1 {
        bail!("- is standard input and can be read once only; name a file for the others");
    }
    let profile = mark::read_profile(&args.mark.profile)?;
    let opened = mark::open(&profile, &args.mark.key)?;
    let options = options(args, profile.tokenizer())?;
    let plan = Plan { alpha: args.alpha, min_effect: args.min_effect, decoys: args.decoys };
    let verifier = Verifier::new(&opened.reader, plan)?;
    let rule = verifier.context_rule();

    let mut cautions = Vec::new();
    let mut served = None;
    if !args.served.is_empty() {
        let mut contexts = SequenceSet::new(rule.width.len());
        let summary = each(&args.served, &options, |document| contexts.add_windows(&document.tokens))?;
        note(&summary, "--served", &mut cautions);
        served = Some(contexts);
    }
    let mut corpus = Corpus::new(rule);
    let mut results = args.per_document.then(Vec::new);
    let mut waiting = Vec::new();
    let summary = each(&args.inputs, &options, |document| {
        corpus.add(&document.tokens);
        if let Some(results) = &mut results {
            waiting.push((document.id, document.tokens));
            if waiting.len() == BATCH {
                results.extend(verifier.documents(&std::mem::take(&mut waiting)));
            }
        }
    })?;
    note(&summary, "the input", &mut cautions);

    let subject = mark::subject(&profile, &opened);
    let decoy = |n| profile.open_decoy(opened.key_id, n);
    let mut report = verifier.test(&corpus, served.as_ref(), subject, &decoy)?;
    report.cautions.extend(cautions);
    if let Some(mut results) = results {
        results.extend(verifier.documents(&waiting));
        adjust_documents(&mut results, args.alpha);
        report.documents = Some(results);
    }
    output::write_report(&report, &args.output)?;
    output::print(&output::render(&report, args.format.format))?;
    Ok(if args.exit_code { status(report.verdict) } else { Status::Ran })
}

fn options(args: &VerifyArgs, stated: Option<&str>) -> Result<Options> {
    let tokenizer = args.tokenizer.as_deref().map(mark::tokenizer).transpose()?;
    if let (Some(tokenizer), Some(stated)) = (&tokenizer, stated)
        && tokenizer.digest() != stated
    {
        bail!("the profile is about tokenizer {stated}, and --tokenizer is {}", tokenizer.digest());
    }
    Ok(Options {
        fields: Fields {
            text: args.text_field.clone(),
            tokens: args.tokens_field.clone(),
            ..Fields::default()
        },
        format: args.input_format.map(|format| match format {
            InputFormatArg::Txt => Format::Txt,
            InputFormatArg::Jsonl => Format::Jsonl,
        }),
        skip_bad: args.skip_bad,
        tokenizer,
    })
}

/// Reads every document of every input, with progress.
fn each(inputs: &[String], options: &Options, on_document: impl FnMut(Document)) -> Result<Summary> {
    let mut sources = Vec::new();
    for input in inputs {
        sources.extend(Source::find(input)?);
    }
    let bar = progress::bytes("reading");
    let summary = read(&sources, options, on_document, |n_bytes| bar.inc(n_bytes))?;
    bar.finish_and_clear();
    Ok(summary)
}

/// What was met in the input and belongs in the report.
fn note(summary: &Summary, what: &str, cautions: &mut Vec<String>) {
    if summary.skipped_lines > 0 {
        eprintln!(
            "taggant: warning: skipped {} bad lines of {what}; the first: {}",
            summary.skipped_lines,
            summary.first_skipped.as_deref().unwrap_or_default()
        );
        cautions
            .push(format!("{} bad lines of {what} were skipped and are not counted", summary.skipped_lines));
    }
    if summary.byte_order_marks > 0 {
        cautions.push(format!("{} byte order marks of {what} were dropped", summary.byte_order_marks));
    }
}

fn status(verdict: Verdict) -> Status {
    match verdict {
        Verdict::Evidence => Status::Difference,
        Verdict::NoEvidence => Status::Ran,
        Verdict::Inconclusive => Status::Inconclusive,
        Verdict::Invalid => Status::Invalid,
    }
}

/// Documents tested at once.
const BATCH: usize = 512;
