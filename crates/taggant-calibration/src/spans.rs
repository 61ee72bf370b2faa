//! Spans on real text: marked stretches of 100 and 400 tokens in 12,000 human ones, and human documents alone.
//!
//! Human text is Spurgeon's; marked text is drawn from a model of Austen's, as large as the demo's teacher. A fresh key
//! for every document. Arguments: trials of each power row (50), human documents (2,000), human tokens of each
//! (12,000).

use std::num::NonZeroU64;

use anyhow::{Context, Result, bail, ensure};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant::{ContextWidth, Mark, Profile, SamplingParams, Secret, TokenId};
use taggant_lm::{Author, KneserNey, Tokenizer, VOCAB_SIZE, complete};
use taggant_verify::spans::{Scan, Span, n_windows};
use taggant_verify::tail::quantile;
use taggant_verify::{Plan, Verifier};

pub(crate) fn run(args: &[String]) -> Result<()> {
    let size = |at: usize, default: usize| match args.get(at) {
        Some(text) => text.parse().with_context(|| format!("expected a number, found {text:?}")),
        None => Ok(default),
    };
    let (n_trials, n_human, n_tokens) = (size(0, 50)?, size(1, 2000)?, size(2, 12_000)?);
    ensure!(n_trials > 0 && n_human > 0 && n_tokens > 0, "expected sizes of at least 1");
    let texts = Texts::new(n_tokens)?;
    let schemes = [
        ("green 1/4, delta 2", Scheme::Green(GreenList::new("1/4".parse()?, 2.0)?)),
        ("Gumbel-max", Scheme::Gumbel(GumbelMax::new())),
        ("tournament, depth 30", Scheme::Tournament(Tournament::new(30)?)),
    ];

    println!(
        "| scheme | marked tokens | documents | found | whole document | start off | end off | other spans |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut broken = Vec::new();
    for (name, scheme) in &schemes {
        for n_marked in [100, 400] {
            let row = power(&texts, scheme, n_marked, n_trials)?;
            println!("| {name} | {n_marked} | {n_trials} | {row} |");
            if n_marked == 400
                && !(row.found == n_trials && row.off.is_some_and(|off| off.0.max(off.1) <= 25))
            {
                broken.push(format!("{name}: 400 marked tokens are not always found, or not where they are"));
            }
        }
    }

    println!("\n| scheme | human documents | tokens | windows | with a span at 1e-3 | at most |");
    println!("|---|---|---|---|---|---|");
    for (name, scheme) in &schemes {
        let row = false_spans(&texts, scheme, n_human)?;
        let most = most_false_spans(n_human);
        println!("| {name} | {n_human} | {n_tokens} | {} | {} | {most} |", row.windows, row.accused);
        if row.accused > most {
            broken.push(format!("{name}: {} of {n_human} human documents have a span", row.accused));
        }
    }
    ensure!(broken.is_empty(), "{}", broken.join("; "));
    Ok(())
}

/// Human tokens, how many of them make a document, and the model that writes marked ones.
struct Texts {
    human: Vec<TokenId>,
    n_tokens: usize,
    teacher: KneserNey,
}

impl Texts {
    fn new(n_tokens: usize) -> Result<Self> {
        let tokenizer = Tokenizer::embedded();
        let human = tokenizer.encode(&taggant_lm::text(Author::Spurgeon)?)?;
        if human.len() <= n_tokens {
            bail!("the human text has {} tokens, expected more than {n_tokens}", human.len());
        }
        let austen = tokenizer.encode(&taggant_lm::text(Author::Austen)?)?;
        let documents: Vec<&[TokenId]> = austen[..TEACHER_TOKENS].chunks(TEACHER_DOCUMENT).collect();
        let order = WIDTH as usize + 2;
        Ok(Self { human, n_tokens, teacher: KneserNey::train(&documents, order, VOCAB_SIZE)? })
    }

    fn human(&self, rng: &mut ChaCha20Rng) -> &[TokenId] {
        let start = rng.next_u64() as usize % (self.human.len() - self.n_tokens);
        &self.human[start..start + self.n_tokens]
    }
}

/// A generator of its own for each document of a row, and the mark under a key drawn from it.
fn trial(scheme: &Scheme, row: u64, n: usize) -> Result<(ChaCha20Rng, Mark)> {
    let mut rng = ChaCha20Rng::seed_from_u64(SEED + row);
    rng.set_stream(n as u64);
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    let profile = Profile::new(*scheme, ContextWidth::new(WIDTH)?, "2026q4")?;
    let mark = Mark::new(&Secret::from_bytes(secret), &profile);
    Ok((rng, mark))
}

/// What was found of marked stretches.
struct Power {
    found: usize,
    by_whole_document: usize,
    /// Medians over what was found, in tokens.
    off: Option<(usize, usize)>,
    other_spans: usize,
}

impl std::fmt::Display for Power {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { found, by_whole_document, off, other_spans } = self;
        let off = off.map_or("- | -".into(), |(start, end)| format!("{start} | {end}"));
        write!(f, "{found} | {by_whole_document} | {off} | {other_spans}")
    }
}

/// Documents with one marked completion in the middle of human text.
fn power(texts: &Texts, scheme: &Scheme, n_marked: usize, n_trials: usize) -> Result<Power> {
    let middle = texts.n_tokens / 2;
    let run = |n: usize| -> Result<(Vec<Span>, bool)> {
        let (mut rng, mark) = trial(scheme, n_marked as u64, n)?;
        let human = texts.human(&mut rng);
        let params = SamplingParams::default();
        let mut session = mark.session(n_marked);
        let marked = complete(&texts.teacher, n_marked, |row| {
            let token = session.sample(row, &params, &mut rng)?;
            session.accept(token);
            Ok(token)
        })?;
        let document = [&human[..middle], &marked, &human[middle..]].concat();
        let whole = Verifier::new(&mark, Plan::default())?.document(String::new(), &document);
        let spans = Scan::new(&mark, &document).spans(POWER_ALPHA, NonZeroU64::MIN);
        Ok((spans, whole.ln_p <= POWER_ALPHA.ln()))
    };
    let runs: Vec<(Vec<Span>, bool)> = (0..n_trials).into_par_iter().map(run).collect::<Result<_>>()?;

    let is_there = |span: &&Span| span.start < middle + n_marked && middle < span.end;
    let there: Vec<&Span> = runs.iter().filter_map(|(spans, _)| spans.iter().find(is_there)).collect();
    let median = |mut off: Vec<usize>| {
        off.sort_unstable();
        off.get(off.len() / 2).copied()
    };
    let start_off = median(there.iter().map(|span| span.start.abs_diff(middle)).collect());
    let end_off = median(there.iter().map(|span| span.end.abs_diff(middle + n_marked)).collect());
    Ok(Power {
        found: there.len(),
        by_whole_document: runs.iter().filter(|(_, is_found)| *is_found).count(),
        off: start_off.zip(end_off),
        other_spans: runs.iter().map(|(spans, _)| spans.len()).sum::<usize>() - there.len(),
    })
}

/// What was found of human documents.
struct FalseSpans {
    windows: u64,
    accused: usize,
}

fn false_spans(texts: &Texts, scheme: &Scheme, n_documents: usize) -> Result<FalseSpans> {
    let run = |n: usize| -> Result<(u64, bool)> {
        let (mut rng, mark) = trial(scheme, 0, n)?;
        let human = texts.human(&mut rng);
        let scan = Scan::new(&mark, human);
        let is_accused = !scan.spans(NULL_ALPHA, NonZeroU64::MIN).is_empty();
        Ok((n_windows(scan.n_items()), is_accused))
    };
    let runs: Vec<(u64, bool)> = (0..n_documents).into_par_iter().map(run).collect::<Result<_>>()?;
    Ok(FalseSpans {
        windows: runs.iter().map(|run| run.0).sum::<u64>() / n_documents as u64,
        accused: runs.iter().filter(|run| run.1).count(),
    })
}

/// The most documents with a span that chance allows with a probability above 2e-3, if alpha were used up: 7 of 2,000.
fn most_false_spans(n_documents: usize) -> usize {
    let critical = quantile::binomial_critical(n_documents as u64, NULL_ALPHA, 2e-3_f64.ln());
    critical.map_or(n_documents, |critical| critical as usize - 1)
}

/// The corrected level of the power rows.
const POWER_ALPHA: f64 = 1e-4;

/// The corrected level of the human documents.
const NULL_ALPHA: f64 = 1e-3;

/// How many tokens make a context.
const WIDTH: u64 = 2;

/// How much text the teacher learns from, and how long its documents are: those of `taggant demo`.
const TEACHER_TOKENS: usize = 400_000;
const TEACHER_DOCUMENT: usize = 200;

/// Of all keys, offsets and draws.
const SEED: u64 = 20_260_701;
