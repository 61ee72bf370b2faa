//! Input: documents from files, folders, patterns and standard input, with progress.

use anyhow::{Result, bail};
use taggant::reader::ContextRule;
use taggant_corpus::{Document, Fields, Format, Options, Source, Summary, read};
use taggant_dialects::Profile;
use taggant_verify::SequenceSet;

use crate::args::{InputFormatArg, ReadingArgs};
use crate::{mark, progress};

/// Refuses to read standard input twice.
pub(crate) fn check_stdin<'a>(inputs: impl IntoIterator<Item = &'a String>) -> Result<()> {
    if inputs.into_iter().filter(|input| *input == "-").count() > 1 {
        bail!("- is standard input and can be read once only; name a file for the others");
    }
    Ok(())
}

/// How the flags say input is to be read under a profile.
pub(crate) fn options(args: &ReadingArgs, profile: &Profile) -> Result<Options> {
    let tokenizer = args.tokenizer.as_deref().map(mark::tokenizer).transpose()?;
    if let (Some(tokenizer), Some(stated)) = (&tokenizer, profile.tokenizer())
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
        ..Options::default()
    })
}

/// Reads every document of every input, with progress.
pub(crate) fn each(
    inputs: &[String],
    options: &Options,
    on_document: impl FnMut(Document),
) -> Result<Summary> {
    let mut sources = Vec::new();
    for input in inputs {
        sources.extend(Source::find(input)?);
    }
    let bar = progress::bytes("reading");
    let summary = read(&sources, options, on_document, |n_bytes| bar.inc(n_bytes))?;
    bar.finish_and_clear();
    Ok(summary)
}

/// The contexts of a log of served text; `None` without one.
pub(crate) fn served(
    inputs: &[String],
    options: &Options,
    rule: ContextRule,
    cautions: &mut Vec<String>,
) -> Result<Option<SequenceSet>> {
    if inputs.is_empty() {
        return Ok(None);
    }
    let mut contexts = SequenceSet::new(rule.width.len());
    let summary = each(inputs, options, |document| contexts.add_windows(&document.tokens))?;
    note(&summary, "--served", cautions);
    Ok(Some(contexts))
}

/// What was met in the input and belongs in the report.
pub(crate) fn note(summary: &Summary, what: &str, cautions: &mut Vec<String>) {
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
