//! The null: what share of unmarked text each test accuses, over random keys. Beside it, what a test without
//! de-duplication would say.

pub(crate) mod cell;
pub(crate) mod claims;
mod corpora;
mod distinct;
pub(crate) mod interval;
mod real;
mod secondary;
mod sizes;
pub(crate) mod table;
mod vocabulary;
mod weighted;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use taggant::reader::Reader;
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant::{ContextWidth, Mark, Profile, Secret};

use cell::Cell;
use corpora::Text;
use distinct::Distinct;
use real::Real;
use sizes::Sizes;
use vocabulary::{Documents, Vocabulary};

pub(crate) fn run(args: &[String]) -> Result<()> {
    let sizes = Sizes::parse(args)?;
    let start = Instant::now();
    let texts = corpora::read(&sizes.folder)?;
    let vocabularies = Vocabulary::both(&texts)?;
    let mut read = Vec::new();
    for vocabulary in &vocabularies {
        read.push(tokenize(&texts, vocabulary, &sizes)?);
    }
    eprintln!("calibrate: null: texts read and tokenised after {:.0} s", start.elapsed().as_secs_f64());
    let rows = rows(&texts, &vocabularies, &read, &sizes)?;

    let timed =
        |what: &str| eprintln!("calibrate: null: {what} after {:.0} s", start.elapsed().as_secs_f64());
    timed("counts and weighted sums done");
    let chosen: Vec<(&'static str, &Documents)> = (texts.iter().zip(&read[0]))
        .filter(|(text, _)| CHOSEN.contains(&text.name))
        .map(|(text, documents)| (text.name, documents))
        .collect();
    let e_processes = secondary::e_processes(&chosen, &sizes)?;
    timed("e-processes done");
    let served = secondary::served(&sizes)?;
    timed("served contexts done");
    let spans = secondary::spans(&chosen, &sizes)?;
    timed("spans done");
    let secondary =
        [("e-process", &e_processes[..]), ("served contexts", &served[..]), ("spans", &spans[..])];

    let claims = table::claims(&rows, &secondary);
    let n_tokens = read.iter().flatten().flatten().map(Vec::len).sum();
    table::print_summary(&sizes, &claims, &rows, n_tokens, start.elapsed());
    table::print_texts(&texts, &vocabularies, &read);
    table::print_secondary(&secondary, &sizes);
    table::print_cells(&rows, sizes.keys);
    let broken = claims.into_broken();
    if broken.is_empty() { Ok(()) } else { bail!("{}", broken.join("; ")) }
}

/// One line of the table: a text, a vocabulary, a scheme and a width.
#[derive(Debug)]
struct Row {
    text: &'static str,
    vocabulary: usize,
    scheme: &'static str,
    width: u64,
    n: u64,
    inflation: f64,
    cell: Cell,
    real: Real,
}

fn tokenize(texts: &[Text], vocabulary: &Vocabulary, sizes: &Sizes) -> Result<Vec<Documents>> {
    let read: Vec<Documents> =
        texts.par_iter().map(|text| vocabulary.documents(text, sizes.tokens)).collect::<Result<_>>()?;
    let n_tokens: usize = read.iter().flatten().map(Vec::len).sum();
    // Smaller runs are for trying things out; a full one makes the claim.
    ensure!(
        sizes.tokens < Sizes::default().tokens || n_tokens >= LEAST_TOKENS,
        "expected at least {LEAST_TOKENS} tokens over {} token ids, found {n_tokens}",
        vocabulary.size()
    );
    Ok(read)
}

/// All rows: by text, vocabulary, width and scheme.
fn rows(
    texts: &[Text],
    vocabularies: &[Vocabulary],
    read: &[Vec<Documents>],
    sizes: &Sizes,
) -> Result<Vec<Row>> {
    let mut jobs = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        for (vocabulary, read) in vocabularies.iter().zip(read) {
            for width in WIDTHS {
                jobs.push((text.name, vocabulary.size(), &read[at], width));
            }
        }
    }
    let (n_jobs, n_done) = (jobs.len(), AtomicUsize::new(0));
    let rows: Vec<Vec<Row>> = jobs
        .into_par_iter()
        .enumerate()
        .map(|(job, (text, vocabulary, documents, width))| {
            let reader = Mark::new(&secret(0), &profile(SCHEMES[0].1()?, width)?);
            let distinct = Distinct::new(documents, &reader, sizes.real_inputs)?;
            let rows = SCHEMES.iter().enumerate().map(|(at, (scheme, open))| {
                let number = (job * SCHEMES.len() + at) as u64;
                let profile = profile(open()?, width)?;
                let law = Mark::new(&secret(0), &profile).law();
                let mut rng = ChaCha8Rng::seed_from_u64(number);
                let tag = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
                let cell = Cell::new(&distinct, law, sizes.keys, tag, &mut rng);
                let first = 1 + number * sizes.real_keys;
                let real = Real::new(&distinct.sample, &profile, first, sizes.real_keys, &mut rng);
                let inflation = distinct.variance_inflation();
                Ok(Row { text, vocabulary, scheme, width, n: distinct.n, inflation, cell, real })
            });
            let rows = rows.collect::<Result<Vec<Row>>>();
            let n_done = n_done.fetch_add(1, Ordering::Relaxed) + 1;
            eprintln!("calibrate: null: {n_done} of {n_jobs}: {text}, {vocabulary} ids, width {width}");
            rows
        })
        .collect::<Result<_>>()?;
    Ok(rows.into_iter().flatten().collect())
}

pub(crate) fn profile(scheme: Scheme, width: u64) -> Result<Profile> {
    Ok(Profile::new(scheme, ContextWidth::new(width)?, "2026q4")?)
}

/// Secret `n`: as good as random, and the same in every run.
pub(crate) fn secret(n: u64) -> Secret {
    let mut bytes = [0; 32];
    let mut rng = ChaCha8Rng::seed_from_u64(n);
    rng.set_stream(SECRETS);
    rng.fill_bytes(&mut bytes);
    Secret::from_bytes(bytes)
}

/// A scheme's name in the table, and the scheme.
type Named = (&'static str, fn() -> Result<Scheme>);

const SCHEMES: [Named; 3] = [
    ("green 1/4", || Ok(Scheme::Green(GreenList::new("1/4".parse()?, 2.0)?))),
    ("Gumbel", || Ok(Scheme::Gumbel(GumbelMax::new()))),
    ("tournament 30", || Ok(Scheme::Tournament(Tournament::new(30)?))),
];

/// The texts of the tests that take a real key each time: prose, and the most repetitive text.
const CHOSEN: [&str; 2] = ["austen", "wn"];

/// Tokens of context.
const WIDTHS: [u64; 3] = [1, 2, 4];

/// Tokens of all texts together, for each vocabulary.
const LEAST_TOKENS: usize = 5_000_000;

/// The stream of secrets, apart from that of the simulated keys: "secret" as a number.
const SECRETS: u64 = 0x7365_6372_6574;
