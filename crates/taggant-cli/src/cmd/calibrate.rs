//! `taggant calibrate`: the null on the user's own text.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use serde::Serialize;
use taggant::reader::Reader;
use taggant_corpus::Summary;
use taggant_dialects::Profile;
use taggant_verify::Corpus;
use taggant_verify::calibrate::{Calibrated, calibrated, count};

use crate::args::{CalibrateArgs, ListFormat};
use crate::failure::Status;
use crate::{input, mark, output, progress, seed};

pub(crate) fn run(args: &CalibrateArgs) -> Result<Status> {
    input::check_stdin(args.inputs.iter().chain(&args.served))?;
    let profile = mark::read_profile(&args.profile)?;
    let options = input::options(&args.reading, &profile)?;
    let rule = open(&profile, 0)?.context_rule();
    let mut cautions = Vec::new();
    let served = input::served(&args.served, &options, rule, &mut cautions)?;
    let mut corpus = Corpus::new(rule);
    let summary: Summary = input::each(&args.inputs, &options, |document| corpus.add(&document.tokens))?;
    input::note(&summary, "the input", &mut cautions);

    let bar = progress::steps(args.keys, "random keys");
    let outcomes: Result<Vec<_>> = (0..args.keys)
        .into_par_iter()
        .map(|n| {
            let outcome = count(&*open(&profile, n)?, &corpus, served.as_ref());
            bar.inc(1);
            Ok(outcome)
        })
        .collect();
    bar.finish_and_clear();
    let outcomes: Vec<_> = outcomes?.into_iter().flatten().collect();
    let Some(result) = calibrated(&outcomes) else {
        eprintln!(
            "taggant: nothing to score: {} tokens in all, {} of them with a full context of {}{}",
            corpus.counts().tokens,
            corpus.counts().scored,
            rule.width.len(),
            if served.is_some() { ", and none in a served context" } else { "" }
        );
        return Ok(Status::NothingToScore);
    };
    let report = Report {
        schema_version: 1,
        tool: concat!("taggant ", env!("CARGO_PKG_VERSION")),
        command: "calibrate",
        profile_digest: profile.digest(),
        dialect: profile.dialect(),
        test: if served.is_some() { "count-served" } else { "count" },
        documents: corpus.counts().documents,
        tokens: corpus.counts().tokens,
        variance_inflation: corpus.variance_inflation(),
        calibrated: result.p > LEVEL,
        result: &result,
        cautions,
    };
    output::print(&match args.format {
        ListFormat::Json => serde_json::to_string_pretty(&report).context("a report is JSON")? + "\n",
        ListFormat::Table => table(&report),
    })?;
    Ok(if args.exit_code && !report.calibrated { Status::Invalid } else { Status::Ran })
}

/// The reader of random key `n`. The keys are the same in every run, so that a result can be repeated.
fn open(profile: &Profile, n: u64) -> Result<std::sync::Arc<dyn Reader>> {
    let key = profile.key_from_bytes(seed::bytes(0, "calibrate", n));
    match profile.open(&key) {
        Ok(opened) => Ok(opened.reader),
        Err(error) => bail!("{error}"),
    }
}

/// What goes out: the study's own numbers, and what they are about.
#[derive(Serialize)]
struct Report<'a> {
    schema_version: u64,
    tool: &'static str,
    command: &'static str,
    profile_digest: String,
    dialect: &'a str,
    test: &'static str,
    documents: u64,
    tokens: u64,
    variance_inflation: f64,
    /// Whether the null can be the stated one, at the level of a report's self-check.
    calibrated: bool,
    #[serde(flatten)]
    result: &'a Calibrated,
    cautions: Vec<String>,
}

fn table(report: &Report<'_>) -> String {
    let result = report.result;
    let mut text = String::new();
    let mut line = |content: String| writeln!(text, "{content}").expect("writing to a String cannot fail");
    line(format!(
        "{}: {}",
        if report.calibrated { "calibrated" } else { "NOT calibrated" },
        if report.calibrated {
            "under keys that have nothing to do with this text, its p-values are uniform"
        } else {
            "a correct test does not look like this under any text; do not rely on its p-values, and report a bug"
        }
    ));
    line(format!(
        "{} under {} random keys: {} documents, {} tokens, {} distinct inputs; repetition would inflate the variance {:.2} times",
        report.test, result.keys, report.documents, report.tokens, result.n, report.variance_inflation
    ));
    line(String::new());
    line(format!("z     mean {:+.3}  sd {:.3}", result.z_mean, result.z_sd));
    line(format!(
        "p     farthest from uniform {:.4}; a correct test does as badly in {} of runs",
        result.ks,
        share(result.p)
    ));
    line(format!(
        "      smallest 10^{:.2}; among {} keys one expects about 10^{:.2}",
        result.smallest_log10_p,
        result.keys,
        -(result.keys as f64).log10()
    ));
    line(String::new());
    line(format!("{:>8}  {:>9}  {:>22}", "alpha", "p <= alpha", "chance alone, 99 %"));
    for level in &result.levels {
        let within = (level.low99..=level.high99).contains(&level.share);
        line(format!(
            "{:>8}  {:>9}  {:>10} to {:>8}{}",
            level.alpha,
            share(level.share),
            share(level.low99),
            share(level.high99),
            if within { "" } else { "  outside" }
        ));
    }
    for caution in &report.cautions {
        line(format!("caution: {caution}"));
    }
    text
}

/// A share in per cent.
fn share(value: f64) -> String {
    let percent = value * 100.0;
    if percent >= 1.0 || percent == 0.0 { format!("{percent:.1} %") } else { format!("{percent:.2} %") }
}

/// At what level the study fails, as the self-check of a report does.
const LEVEL: f64 = taggant_verify::self_check::LEVEL;
