//! `taggant verify`: are these texts marked?

use anyhow::{Context, Result, ensure};
use taggant_corpus::Document;
use taggant_verify::documents::adjust_documents;
use taggant_verify::linear::Statistic;
use taggant_verify::report::{DocumentResult, Excerpt};
use taggant_verify::{Coefficient, Corpus, Evidence, Items, Plan, Verifier};

use crate::args::VerifyArgs;
use crate::failure::Status;
use crate::{input, mark, output};

pub(crate) fn run(args: &VerifyArgs) -> Result<Status> {
    output::check_files(&args.output)?;
    input::check_stdin(args.inputs.iter().chain(&args.served))?;
    let profile = mark::read_profile(&args.mark.profile)?;
    let opened = mark::open(&profile, &args.mark.key)?;
    let mut options = input::options(&args.reading, &profile)?;
    let plan = Plan {
        alpha: args.alpha,
        min_effect: args.min_effect,
        hypotheses: args.hypotheses,
        decoys: args.decoys,
        columns: args.columns,
    };
    let verifier = Verifier::new(&opened.reader, plan)?;
    let rule = verifier.context_rule();

    let mut cautions = Vec::new();
    let served = input::served(&args.served, &options, rule, &mut cautions)?;
    options.fields.weights.clone_from(&args.weights_field);
    options.keep_text = args.per_document;
    let mut corpus = Corpus::new(rule);
    let mut items = Items::new(rule);
    let mut bad_weight = None;
    let mut results = args.per_document.then(Vec::new);
    let mut waiting = Vec::new();
    let summary = input::each(&args.inputs, &options, |document| {
        corpus.add(&document.tokens);
        if let Err(error) = weigh(&document, &mut items) {
            bad_weight.get_or_insert(error);
        }
        if let Some(results) = &mut results {
            waiting.push(document);
            if waiting.len() == BATCH {
                results.extend(located(&verifier, std::mem::take(&mut waiting)));
            }
        }
    })?;
    if let Some(error) = bad_weight {
        return Err(error);
    }
    input::note(&summary, "the input", &mut cautions);

    let statistic = Statistic::new(&items);
    let mut evidence = Evidence::new(&corpus);
    if let Some(contexts) = &served {
        evidence = evidence.served(contexts);
    }
    if args.weights_field.is_some() {
        evidence = evidence.weighted(&statistic);
    }
    let decoy = |n| profile.open_decoy(opened.key_id, n);
    let mut report = verifier.test(&evidence, mark::subject(&profile, &opened), &decoy)?;
    report.cautions.extend(cautions);
    if let Some(mut results) = results {
        results.extend(located(&verifier, waiting));
        adjust_documents(&mut results, args.alpha, args.hypotheses);
        report.documents = Some(results);
    }
    output::write_report(&report, &args.output)?;
    output::print(&output::render(&report, args.format.format))?;
    Ok(if args.exit_code { Status::of(report.verdict) } else { Status::Ran })
}

/// Gives each n-gram the weight of its token, the largest of its occurrences.
fn weigh(document: &Document, items: &mut Items) -> Result<()> {
    let Some(weights) = &document.weights else { return Ok(()) };
    let ngram_len = items.ngrams().ngram_len();
    for (ngram, &weight) in
        document.tokens.windows(ngram_len).zip(&weights[(ngram_len - 1).min(weights.len())..])
    {
        let coefficient = Coefficient::new(weight).with_context(|| format!("{}: a weight", document.at))?;
        ensure!(
            weight == 0.0 || coefficient.units() != 0,
            "{}: a weight of {weight:e} is no multiple of 2^-16 but 0; scale the weights, their size does not matter",
            document.at
        );
        items.raise(ngram, coefficient);
    }
    Ok(())
}

/// The results of documents, with the places of their spans in the text.
fn located(verifier: &Verifier<'_>, documents: Vec<Document>) -> Vec<DocumentResult> {
    let (named, texts): (Vec<_>, Vec<_>) =
        documents.into_iter().map(|document| ((document.id, document.tokens), document.text)).unzip();
    let mut results = verifier.documents(&named);
    for (result, text) in results.iter_mut().zip(texts) {
        for span in result.spans.iter_mut().flatten() {
            let Some(encoded) = &text else { continue };
            let start = encoded.offsets[span.start as usize].0;
            let end = encoded.offsets[span.end as usize - 1].1;
            span.byte_start = Some(start as u64);
            span.byte_end = Some(end as u64);
            span.excerpt = Some(Excerpt::of(&encoded.text, start, end));
        }
    }
    results
}

/// Documents tested at once.
const BATCH: usize = 512;
