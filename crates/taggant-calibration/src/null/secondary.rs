//! The tests that real keys alone can check, on two of the texts: e-processes read along the text, the filter to served
//! contexts, and the scan for spans.

use std::num::NonZeroU64;

use anyhow::{Context, Result, ensure};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use taggant::reader::{Ngrams, Reader, Reading};
use taggant::{Mark, Profile, SamplingParams, TokenId};
use taggant_lm::{Author, KneserNey, Tokenizer, VOCAB_SIZE, complete};
use taggant_testkit::statistics::ks_uniform;
use taggant_verify::e_process::EProcess;
use taggant_verify::report::TestResult;
use taggant_verify::spans::Scan;
use taggant_verify::{Corpus, Evidence, Plan, SequenceSet, Subject, Verifier};

use super::cell::{Counts, mean_and_sd, randomized};
use super::interval::ALPHAS;
use super::sizes::Sizes;
use super::vocabulary::Documents;
use super::{SCHEMES, profile, secret};

/// What one test says under many real keys, of one text and scheme.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) text: &'static str,
    pub(super) scheme: &'static str,
    /// How many inputs each key read; the mean where it differs between keys.
    pub(super) n: f64,
    /// The certified p of each key: 1 / max E, 1 / E, or that of the best window.
    pub(super) certified: Counts,
    /// The calibrated p of a filter.
    pub(super) calibrated: Option<Calibrated>,
}

/// A p-value that is calibrated and not proven.
#[derive(Debug)]
pub(super) struct Calibrated {
    pub(super) p: Counts,
    pub(super) mean_z: f64,
    pub(super) sd_z: f64,
    pub(super) ks_p: f64,
}

/// The largest e-value along the first inputs of a text, looked at after every one.
pub(super) fn e_processes(texts: &[(&'static str, &Documents)], sizes: &Sizes) -> Result<Vec<Checked>> {
    each(texts, |text, documents, scheme, profile, number| {
        let mut corpus = Corpus::new(Mark::new(&secret(0), profile).context_rule());
        documents.iter().for_each(|document| corpus.add(document));
        let all = corpus.ngrams();
        let first: Vec<TokenId> = all.iter().take(sizes.sequential_inputs).flatten().copied().collect();
        let ngrams = Ngrams::packed(&first, all.ngram_len());
        let ln_p: Vec<f64> = keys(E_PROCESSES + number, sizes.sequential_keys)
            .map(|key| {
                let mark = Mark::new(&secret(key), profile);
                let mut readings = vec![Reading::default(); ngrams.len()];
                mark.readings(ngrams, &mut readings);
                let mut process = EProcess::new(mark.law());
                readings.iter().try_for_each(|reading| process.add(mark.law().score(reading.value)))?;
                Ok(-process.ln_e_max())
            })
            .collect::<Result<_>>()?;
        let certified = Counts::new(&ln_p, ALPHAS);
        Ok(Checked { text, scheme, n: ngrams.len() as f64, certified, calibrated: None })
    })
}

/// The filter to served contexts: text is served afresh under every key, and the suspect is the author himself.
pub(super) fn served(sizes: &Sizes) -> Result<Vec<Checked>> {
    let tokens = Tokenizer::embedded().encode(&taggant_lm::text(Author::Austen)?)?;
    ensure!(tokens.len() >= TEACHER_TOKENS + SUSPECT_TOKENS, "the embedded text is long enough");
    let (taught, rest) = tokens.split_at(TEACHER_TOKENS);
    let taught: Vec<&[TokenId]> = taught.chunks(DOCUMENT_TOKENS).collect();
    let teacher = KneserNey::train(&taught, WIDTH as usize + 2, VOCAB_SIZE)?;
    let suspect: Documents =
        rest[..SUSPECT_TOKENS].chunks(DOCUMENT_TOKENS).map(<[TokenId]>::to_vec).collect();
    each(&[("austen", &suspect)], |text, documents, scheme, profile, number| {
        let law = Mark::new(&secret(0), profile).law();
        let mut corpus = Corpus::new(Mark::new(&secret(0), profile).context_rule());
        documents.iter().for_each(|document| corpus.add(document));
        let tests: Vec<TestResult> = keys(SERVED + number, sizes.served_keys)
            .map(|key| {
                let mark = Mark::new(&secret(key), profile);
                let contexts = serve(&teacher, &mark, key, sizes.served_tokens)?;
                filtered(&mark, &corpus, &contexts)
            })
            .collect::<Result<_>>()?;
        let mut rng = ChaCha8Rng::seed_from_u64(number);
        let p: Vec<f64> =
            tests.iter().map(|test| randomized(law, test.n, test.statistic, &mut rng)).collect();
        let z: Vec<f64> = tests.iter().filter_map(|test| test.z).collect();
        let (mean_z, sd_z) = mean_and_sd(&z);
        let ln_p: Vec<f64> = p.iter().map(|p| p.max(f64::MIN_POSITIVE).ln()).collect();
        let certified: Vec<f64> = tests.iter().map(|test| -test.ln_e.unwrap_or_default().max(0.0)).collect();
        Ok(Checked {
            text,
            scheme,
            n: tests.iter().map(|test| test.n as f64).sum::<f64>() / tests.len() as f64,
            certified: Counts::new(&certified, ALPHAS),
            calibrated: Some(Calibrated {
                p: Counts::new(&ln_p, ALPHAS),
                mean_z,
                sd_z,
                ks_p: ks_uniform(&p).1,
            }),
        })
    })
}

/// The best window of a scan over a stretch of text, another one for each key.
pub(super) fn spans(texts: &[(&'static str, &Documents)], sizes: &Sizes) -> Result<Vec<Checked>> {
    each(texts, |text, documents, scheme, profile, number| {
        let tokens = documents.concat();
        let stretches: Vec<&[TokenId]> = tokens.chunks(SCANNED_TOKENS).collect();
        let scans: Vec<(usize, f64)> = keys(SPANS + number, sizes.span_keys)
            .map(|key| {
                let stretch = stretches[key as usize % stretches.len()];
                let scan = Scan::new(&Mark::new(&secret(key), profile), stretch);
                let spans = scan.spans(ALPHAS[0], NonZeroU64::MIN);
                let best = spans.iter().map(|span| span.p.adjusted().ln()).fold(0.0, f64::min);
                (scan.n_items(), best)
            })
            .collect();
        let ln_p: Vec<f64> = scans.iter().map(|(_, ln_p)| *ln_p).collect();
        Ok(Checked {
            text,
            scheme,
            n: scans.iter().map(|(n, _)| *n as f64).sum::<f64>() / scans.len() as f64,
            certified: Counts::new(&ln_p, ALPHAS),
            calibrated: None,
        })
    })
}

/// Runs a check on each text under each scheme, at width [`WIDTH`]; its last argument numbers the runs.
fn each(
    texts: &[(&'static str, &Documents)],
    check: impl Fn(&'static str, &Documents, &'static str, &Profile, u64) -> Result<Checked>,
) -> Result<Vec<Checked>> {
    let mut checked = Vec::new();
    for (text, documents) in texts {
        for (scheme, open) in SCHEMES {
            let profile = profile(open()?, WIDTH)?;
            let number = checked.len() as u64;
            checked.push(check(text, documents, scheme, &profile, number)?);
        }
    }
    Ok(checked)
}

/// The numbers of the secrets of one run.
fn keys(run: u64, n_keys: u64) -> impl ParallelIterator<Item = u64> {
    (0..n_keys).into_par_iter().map(move |key| run << 32 | key)
}

/// The contexts of text that is marked under one key.
fn serve(teacher: &KneserNey, mark: &Mark, key: u64, n_tokens: usize) -> Result<SequenceSet> {
    let params = SamplingParams::default().with_top_k(CANDIDATES);
    let mut rng = ChaCha8Rng::seed_from_u64(key);
    let mut contexts = SequenceSet::new(WIDTH as usize);
    for _ in 0..n_tokens.div_ceil(DOCUMENT_TOKENS) {
        let mut session = mark.session(DOCUMENT_TOKENS);
        let document = complete(teacher, DOCUMENT_TOKENS, |row| {
            let token = session.sample(row, &params, &mut rng)?;
            session.accept(token);
            Ok(token)
        })?;
        contexts.add_windows(&document);
    }
    Ok(contexts)
}

/// The filtered test as a report has it.
fn filtered(mark: &Mark, corpus: &Corpus, contexts: &SequenceSet) -> Result<TestResult> {
    let verifier = Verifier::new(mark, Plan { decoys: 0, columns: 0, ..Plan::default() })?;
    let subject = Subject::new("calibrate", Profile::DIALECT, "", mark.key_id());
    let report = verifier.test(&Evidence::new(corpus).served(contexts), subject, &|_| {
        unreachable!("no decoys were asked for")
    })?;
    report.tests.into_iter().find(|test| test.name == "count-served").context("a filtered test")
}

/// The width of all of these.
const WIDTH: u64 = 2;

/// Runs are numbered, so that no two share a secret: the counts take the numbers below 2^32.
const E_PROCESSES: u64 = 100;
const SERVED: u64 = 200;
const SPANS: u64 = 300;

/// How much text the teacher that serves has learnt from, how much the suspect writes, and the length of a document.
const TEACHER_TOKENS: usize = 400_000;
const SUSPECT_TOKENS: usize = 100_000;
const DOCUMENT_TOKENS: usize = 200;

/// The teacher draws from its likeliest tokens: a fifth of the time that the whole row takes.
const CANDIDATES: usize = 64;

/// A long document: 10 pages of text.
const SCANNED_TOKENS: usize = 12_000;
