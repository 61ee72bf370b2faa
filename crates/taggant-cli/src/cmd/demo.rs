//! `taggant demo`: mark, distil, verdict.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result};
use rayon::prelude::*;
use taggant::SamplingParams;
use taggant::writer::Writer;
use taggant_dialects::{KeyMaterial, Opened, Profile};
use taggant_lm::{Author, KneserNey, Tokenizer, VOCAB_SIZE};
use taggant_verify::report::Student;
use taggant_verify::{Corpus, Evidence, Plan, Report, SequenceSet, Verifier};

use crate::args::DemoArgs;
use crate::cmd::generate::{DOCUMENT_TOKENS, complete, train_on};
use crate::cmd::profile::default_profile;
use crate::failure::Status;
use crate::{key, mark, output, progress, seed};

pub(crate) fn run(args: &DemoArgs) -> Result<Status> {
    let folder = args.out.display();
    let profile = default_profile()?;
    let keys = Keys::new(args, &profile)?;
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make the folder {folder}"))?;
    let report = demonstrate(args, &profile, &keys)?;
    output::write(&args.out.join("report.json"), &report.to_json())?;
    output::write(&args.out.join("report.html"), &taggant_verify::render::html(&report))?;
    output::print(&output::render(&report, args.format.format))?;
    eprintln!("taggant: wrote report.json and report.html to {folder}");
    Ok(Status::Ran)
}

fn demonstrate(args: &DemoArgs, profile: &Profile, keys: &Keys) -> Result<Report> {
    let seed = match args.seed {
        Some(seed) => seed,
        None => u64::from_le_bytes(fresh()?),
    };
    let bar = progress::steps(3 + 2 * SHARES.len() as u64, "training the teacher");
    let tokenizer = Tokenizer::embedded();
    let order = keys.right.reader.context_rule().width.len() + 2;
    let teacher = train_on(&tokenizer, Author::Austen, TEACHER_TOKENS, order)?;
    let filler = tokenizer.encode(&taggant_lm::text(Author::Spurgeon)?)?;
    bar.inc(1);

    bar.set_message("sampling the teacher, marked");
    let writer = keys.right.writer.as_ref().context("the demo's dialect cannot write")?;
    let n_taught = documents_of(STUDENT_TOKENS, SHARES[0]);
    let marked = sample(&teacher, Some(writer), n_taught, seed, "marked")?;
    bar.inc(1);
    bar.set_message("sampling the teacher, unmarked");
    let unmarked = sample(&teacher, None, n_taught, seed, "unmarked")?;
    bar.inc(1);
    drop(teacher);

    let plan = Plan { decoys: args.decoys, ..Plan::default() };
    let mut students = Vec::new();
    let mut report: Option<Report> = None;
    for share in SHARES {
        bar.set_message("training and sampling students");
        let n_marked = documents_of(STUDENT_TOKENS, share);
        // The control learns from as much of the teacher as the first student, but unmarked.
        let taught = if n_marked > 0 { &marked[..n_marked] } else { &unmarked[..] };
        let model = train_student(&filler, taught, order)?;
        let drawn =
            sample(&model, None, SAMPLED_TOKENS / DOCUMENT_TOKENS, seed, &format!("student {share}"))?;
        drop(model);
        bar.inc(1);

        bar.set_message("testing what they wrote");
        // What was served: the student's own share of the log, or for the control all of it.
        let served = if n_marked > 0 { &marked[..n_marked] } else { &marked[..] };
        let tested = test(profile, &keys.right, plan, &drawn, served)?;
        students.push(student(&tested, share, "right"));
        if report.is_none() {
            let wrong = test(profile, &keys.wrong, plan, &drawn, served)?;
            students.push(student(&wrong, share, "wrong"));
            report = Some(tested.report);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    // The wrong key stands last in the table.
    let wrong = students.remove(1);
    students.push(wrong);
    let mut report = report.expect("there is a first student");
    report.command = "demo".into();
    report.students = Some(students);
    Ok(report)
}

/// The key that marks, and one that marked nothing.
struct Keys {
    right: Opened,
    wrong: Opened,
}

impl Keys {
    fn new(args: &DemoArgs, profile: &Profile) -> Result<Self> {
        let draw = |label: &str| -> Result<KeyMaterial> {
            Ok(profile.key_from_bytes(match args.seed {
                Some(seed) => seed::bytes(seed, label, 0),
                None => fresh()?,
            }))
        };
        let right = match &args.key {
            Some(place) => key::read(place)?,
            None => draw("right key")?,
        };
        let open = |key: &KeyMaterial| profile.open(key);
        let right =
            open(&right).with_context(|| format!("key {}", args.key.as_deref().unwrap_or("drawn")))?;
        Ok(Self { right, wrong: open(&draw("wrong key")?)? })
    }
}

/// One student's corpus, tested.
struct Tested {
    report: Report,
    gamma: f64,
}

fn test(
    profile: &Profile,
    opened: &Opened,
    plan: Plan,
    drawn: &[Vec<u32>],
    served: &[Vec<u32>],
) -> Result<Tested> {
    let verifier = Verifier::new(&opened.reader, plan)?;
    let mut corpus = Corpus::new(verifier.context_rule());
    drawn.iter().for_each(|tokens| corpus.add(tokens));
    let mut contexts = SequenceSet::new(verifier.context_rule().width.len());
    served.iter().for_each(|tokens| contexts.add_windows(tokens));
    let decoy = |n| profile.open_decoy(opened.key_id, n);
    let evidence = Evidence::new(&corpus).served(&contexts);
    let report = verifier.test(&evidence, mark::subject(profile, opened), &decoy)?;
    Ok(Tested { report, gamma: verifier.law().mean() })
}

fn student(tested: &Tested, share: f64, key: &str) -> Student {
    let report = &tested.report;
    let [plain, filtered] = &report.tests[..] else {
        unreachable!("one channel, with and without the filter")
    };
    Student {
        share,
        key: key.into(),
        n: plain.n,
        green_excess: plain.statistic / plain.n as f64 - tested.gamma,
        ln_p: plain.ln_p,
        n_filtered: filtered.n,
        ln_p_filtered: filtered.ln_p,
        verdict: report.verdict,
        decoy_mean_z: report.calibration.decoy_mean_z,
        decoy_sd_z: report.calibration.decoy_sd_z,
        rank: report.calibration.rank,
        growth: report.plots.as_ref().map(|plots| plots.growth.clone()).unwrap_or_default(),
    }
}

/// The student's text: the teacher's documents, and the other author's up to the student's size.
fn train_student(filler: &[u32], taught: &[Vec<u32>], order: usize) -> Result<KneserNey> {
    let n_filler = STUDENT_TOKENS - taught.len() * DOCUMENT_TOKENS;
    let documents: Vec<&[u32]> =
        filler[..n_filler].chunks(DOCUMENT_TOKENS).chain(taught.iter().map(Vec::as_slice)).collect();
    Ok(KneserNey::train(&documents, order, VOCAB_SIZE)?)
}

/// Documents from a model, on all cores, each with a generator of its own.
fn sample(
    model: &KneserNey,
    writer: Option<&Arc<dyn Writer>>,
    n_documents: usize,
    seed: u64,
    label: &str,
) -> Result<Vec<Vec<u32>>> {
    let params = SamplingParams::default();
    (0..n_documents as u64)
        .into_par_iter()
        .map(|index| complete(model, writer, DOCUMENT_TOKENS, &params, &mut seed::rng(seed, label, index)))
        .collect()
}

fn documents_of(n_tokens: usize, share: f64) -> usize {
    (n_tokens as f64 * share / DOCUMENT_TOKENS as f64).round() as usize
}

fn fresh<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness to be had: {error}"))?;
    Ok(bytes)
}

/// The students' shares of marked text, the headline first.
const SHARES: [f64; 4] = [0.10, 0.05, 0.01, 0.0];

/// How much text the teacher learns from. A teacher of less text is less sure of its next token, and so marks more of
/// what it writes; `docs/error-rates.md` shows what these sizes give over many seeds.
const TEACHER_TOKENS: usize = 400_000;

/// How much text a student learns from: what the other author's embedded text allows.
const STUDENT_TOKENS: usize = 1_090_000;

/// How much text is drawn from a student.
const SAMPLED_TOKENS: usize = 110_000;
