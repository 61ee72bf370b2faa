//! What the intervals for the effect cover: the model's own where the model holds and where it does not, and the
//! bootstrap's; and where an e-process stops against where the plan says it does.

use std::collections::HashMap;
use std::num::NonZeroU64;

use anyhow::{Context, Result, ensure};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use taggant::law::Law;
use taggant::reader::Reader;
use taggant::sampling::UnmarkedSampler;
use taggant::scheme::{GreenList, Scheme};
use taggant::{ContextWidth, Mark, Profile, SamplingParams, Secret, TokenId};
use taggant_lm::{Author, KneserNey, Tokenizer, VOCAB_SIZE};
use taggant_verify::bootstrap::{REPLICATES, SEED, bootstrap, contributions};
use taggant_verify::effect::{Interval, effect_of_excess};
use taggant_verify::null::Null;
use taggant_verify::tail::binomial;
use taggant_verify::tally::Tally;
use taggant_verify::{Claim, Corpus, EffectInterval};

/// Arguments: simulated runs for each row (2000), keys for each row of real text (100).
pub(crate) fn run(args: &[String]) -> Result<()> {
    let number = |at: usize, default: u64| -> Result<u64> {
        args.get(at)
            .map_or(Ok(default), |text| text.parse().with_context(|| format!("{text:?} is no number")))
    };
    let (runs, keys) = (number(0, 2000)?, number(1, 100)?);
    ensure!(runs > 0 && keys > 0, "at least one run of each");
    println!("# Intervals for the effect\n");
    constant_excess(runs)?;
    simulated_documents(runs / 2 + 1)?;
    real_text(keys)?;
    stopping(runs / 4 + 1)
}

const LEVELS: [f64; 2] = [0.95, 0.99];
const QUARTER: Law = Law::Bernoulli { numerator: 1, denominator: 4 };

/// Where the model holds: every input shifted alike.
fn constant_excess(runs: u64) -> Result<()> {
    println!("## Exact interval, every input shifted alike ({runs} runs a row)\n");
    println!("| law | n | effect | covered at 95 % | at 99 % |\n|---|--:|--:|--:|--:|");
    let laws =
        [QUARTER, Law::Bernoulli { numerator: 1, denominator: 2 }, Law::Bits { depth: 3 }, Law::Exponential];
    let cells: Vec<(Law, u64, f64)> = laws
        .iter()
        .flat_map(|&law| [50, 1000, 100_000].map(|n| (law, n)))
        .flat_map(|(law, n)| [0.0, 0.1].map(|effect| (law, n, effect)))
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for &(law, n, effect) in &cells {
        let mut covered = [0; 2];
        let mut known: HashMap<u64, [bool; 2]> = HashMap::new();
        for _ in 0..runs {
            let statistic = draw(law, n, effect, &mut rng);
            let covers = || {
                LEVELS.map(|level| {
                    let found = EffectInterval::exact(law, n, statistic, level).expect("a possible outcome");
                    holds(&found.effect, effect)
                })
            };
            let covers = known.entry(statistic.to_bits()).or_insert_with(covers);
            covered = [0, 1].map(|at| covered[at] + u64::from(covers[at]));
        }
        println!("| {} | {n} | {effect} | {} |", name(law), shares(covered, runs));
        for (level, covered) in LEVELS.into_iter().zip(covered) {
            // Below the nominal level only by a chance of 1 % over all rows.
            let ln_chance = binomial::ln_lower(runs, level, covered);
            let least = (0.01 / (2 * cells.len()) as f64).ln();
            ensure!(
                ln_chance >= least,
                "{law:?} n={n} effect={effect}: {covered} of {runs} covered at {level}"
            );
        }
    }
    println!();
    Ok(())
}

/// Documents of 50 to 250 inputs whose rates differ or do not.
fn simulated_documents(runs: u64) -> Result<()> {
    println!("## Documents of 50 to 250 coins, gamma 1/4 and a mean excess of 0.1 ({runs} runs a row)\n");
    println!(
        "| documents | rates differ by | model 95 % | 99 % | bootstrap 95 % | 99 % | percentile 95 % | 99 % |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|");
    for n_documents in [3, 5, 10, 30, 100] {
        for spread in [0.0, 0.2] {
            let outcomes: Vec<Covers> = (0..runs)
                .into_par_iter()
                .map(|run| {
                    let mut rng = ChaCha8Rng::seed_from_u64(run << 32 | n_documents);
                    let document = |_| {
                        let n = 50 + (uniform(&mut rng) * 201.0) as u64;
                        let rate = 0.35 + spread * (uniform(&mut rng) - 0.5) * 2.0;
                        let sum = (0..n).filter(|_| uniform(&mut rng) < rate).count() as u128;
                        tally(n, sum)
                    };
                    let documents: Vec<Tally> = (0..n_documents).map(document).collect();
                    Covers::new(&documents, 0.1)
                })
                .collect();
            println!("| {n_documents} | ±{spread} | {} |", Covers::row(&outcomes));
            Covers::check(&outcomes, n_documents)?;
        }
    }
    println!();
    Ok(())
}

/// Completions of a marked teacher, each key with documents of its own; and the same half diluted with unmarked ones.
fn real_text(keys: u64) -> Result<()> {
    let tokenizer = Tokenizer::embedded();
    let tokens = tokenizer.encode(&taggant_lm::text(Author::Austen)?)?;
    let training: Vec<&[u32]> = tokens[..TEACHER_TOKENS.min(tokens.len())].chunks(DOCUMENT_TOKENS).collect();
    let model = KneserNey::train(&training, 4, VOCAB_SIZE)?;
    let green = GreenList::new("1/4".parse()?, 2.0)?;
    let profile = Profile::new(Scheme::Green(green), ContextWidth::new(2)?, "calibration")?;
    let params = SamplingParams::default();
    let sample = |mark: &Mark, is_marked: bool, rng: &mut ChaCha8Rng| -> Result<Vec<TokenId>> {
        let mut unmarked = UnmarkedSampler::new();
        let mut session = mark.session(DOCUMENT_TOKENS);
        Ok(taggant_lm::complete(&model, DOCUMENT_TOKENS, |row| {
            if !is_marked {
                return unmarked.sample(row, &params, rng);
            }
            let token = session.sample(row, &params, rng)?;
            session.accept(token);
            Ok(token)
        })?)
    };
    println!(
        "## Completions of the embedded model, {DOCUMENT_TOKENS} tokens each: green 1/4, delta 2, width 2\n"
    );
    println!(
        "A fresh key and fresh documents in each of {keys} runs. Truth: the excess over all runs of the row.\n"
    );
    println!(
        "| documents | marked | excess | sd of it, model's | found | model 95 % | 99 % | bootstrap 95 % | 99 % | percentile 95 % | 99 % |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (n_documents, marked_share) in [(10, 1.0), (30, 1.0), (10, 0.5), (30, 0.5)] {
        let runs: Vec<Vec<Tally>> = (0..keys)
            .into_par_iter()
            .map(|key| {
                let mut rng = ChaCha8Rng::seed_from_u64(key << 32 | n_documents);
                let mut secret = [0; 32];
                rng.fill_bytes(&mut secret);
                let mark = Mark::new(&Secret::from_bytes(secret), &profile);
                let mut corpus = Corpus::new(mark.context_rule());
                for _ in 0..n_documents {
                    let is_marked = uniform(&mut rng) < marked_share;
                    corpus.add(&sample(&mark, is_marked, &mut rng)?);
                }
                Ok(contributions(&mark, &corpus))
            })
            .collect::<Result<_>>()?;
        let pooled: Vec<Tally> = runs.iter().map(|run| pool(run)).collect();
        let all = pool(&pooled);
        let truth = all.sum as f64 / all.n as f64 - 0.25;
        let outcomes: Vec<Covers> = runs.par_iter().map(|run| Covers::new(run, truth)).collect();
        let excess: Vec<f64> = pooled.iter().map(|run| run.sum as f64 / run.n as f64 - 0.25).collect();
        let (q, n) = (truth + 0.25, all.n as f64 / keys as f64);
        let found = (excess.iter().map(|x| (x - truth).powi(2)).sum::<f64>() / keys as f64).sqrt();
        let model = (q * (1.0 - q) / n).sqrt();
        println!(
            "| {n_documents} | {marked_share} | {truth:.4} | {model:.4} | {found:.4} | {} |",
            Covers::row(&outcomes)
        );
        Covers::check(&outcomes, n_documents)?;
    }
    println!();
    Ok(())
}

/// Where paths reach 1/alpha, against the number that the plan calls typical.
fn stopping(runs: u64) -> Result<()> {
    println!("## Where an e-process stops, alpha 1e-6 ({runs} runs a row)\n");
    println!(
        "| law | effect | typical stop | 10 % | median | 90 % | median / typical |\n|---|--:|--:|--:|--:|--:|--:|"
    );
    let one = NonZeroU64::MIN;
    for law in [QUARTER, Law::Bits { depth: 3 }, Law::Exponential] {
        for effect in [0.1, 0.3] {
            let typical = Claim::new(law, 1e-6, 0.9, one)?.typical_stop(effect).context("within reach")?;
            let stop = |run: u64| {
                let mut rng = ChaCha8Rng::seed_from_u64(run);
                let mut statistic = 0.0;
                let mut n = 0;
                while Null::new(law, n).ln_e(statistic) < 1e6_f64.ln() {
                    n += 1;
                    statistic += draw(law, 1, effect, &mut rng);
                }
                n
            };
            let mut stops: Vec<u64> = (0..runs).into_par_iter().map(stop).collect();
            stops.sort_unstable();
            let [low, median, high] = [1, 5, 9].map(|tenth| stops[stops.len() * tenth / 10]);
            let ratio = median as f64 / typical as f64;
            let law_name = name(law);
            println!("| {law_name} | {effect} | {typical} | {low} | {median} | {high} | {ratio:.2} |");
            // The typical stop is no quantile. The median of a walk to a boundary is within a fifth of it here.
            ensure!((ratio - 1.0).abs() < 0.2, "{law:?} {effect}: median {median}, typical {typical}");
        }
    }
    println!();
    Ok(())
}

/// Whether the model's interval, the bootstrap's and a percentile bootstrap's hold the truth, at both levels. A
/// bootstrap that gives none does not.
struct Covers([bool; 6]);

impl Covers {
    fn new(documents: &[Tally], excess: f64) -> Self {
        let all = pool(documents);
        let model = LEVELS.map(|level| {
            let found = EffectInterval::exact(QUARTER, all.n, all.sum as f64, level);
            found.is_some_and(|found| holds(&found.excess, excess))
        });
        let resampled = LEVELS.map(|level| {
            let found = bootstrap(documents, QUARTER, level, REPLICATES, SEED);
            found.is_some_and(|found| holds(&found.excess, excess))
        });
        let percentile = percentile(documents);
        let percentile = LEVELS.map(|level| {
            let rank = (percentile.len() as f64 * (1.0 - level) / 2.0) as usize;
            (percentile[rank]..=percentile[percentile.len() - 1 - rank]).contains(&(excess + 0.25))
        });
        Self([model[0], model[1], resampled[0], resampled[1], percentile[0], percentile[1]])
    }

    /// From ten documents on the bootstrap holds the truth in 92 % at 95 %, but for a chance of 0.1 % in each row. That is
    /// a bound on what the docs call approximate, not a promise of the method.
    fn check(outcomes: &[Self], n_documents: u64) -> Result<()> {
        let covered = outcomes.iter().filter(|covers| covers.0[2]).count() as u64;
        let ln_chance = binomial::ln_lower(outcomes.len() as u64, 0.92, covered);
        ensure!(
            n_documents < 10 || ln_chance >= 1e-3_f64.ln(),
            "the bootstrap of {n_documents} documents covered {covered} of {}",
            outcomes.len()
        );
        Ok(())
    }

    fn row(outcomes: &[Self]) -> String {
        let share =
            |at: usize| outcomes.iter().filter(|covers| covers.0[at]).count() as f64 / outcomes.len() as f64;
        (0..6).map(|at| format!("{:.1}", 100.0 * share(at))).collect::<Vec<_>>().join(" | ")
    }
}

/// The rates of resampled documents in order: the simplest bootstrap, to compare with.
fn percentile(documents: &[Tally]) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let replicate = |_| {
        let draw = |_| documents[(uniform(&mut rng) * documents.len() as f64) as usize];
        let drawn = pool(&(0..documents.len()).map(draw).collect::<Vec<_>>());
        drawn.sum as f64 / drawn.n as f64
    };
    let mut rates: Vec<f64> = (0..REPLICATES).map(replicate).collect();
    rates.sort_by(f64::total_cmp);
    rates
}

/// A statistic of `n` values under a constant effect.
fn draw(law: Law, n: u64, effect: f64, rng: &mut ChaCha8Rng) -> f64 {
    let coins = |n_coins: u64, rate: f64, rng: &mut ChaCha8Rng| {
        let below = (rate * 4_294_967_296.0) as u32;
        (0..n_coins).filter(|_| rng.next_u32() < below).count() as f64
    };
    match law {
        Law::Exponential => {
            // Sixteen uniforms are multiplied before each logarithm: their product does not underflow.
            let mut left = n;
            let mut sum = 0.0;
            while left > 0 {
                let batch = left.min(16);
                sum -= (0..batch).map(|_| uniform(rng)).product::<f64>().ln();
                left -= batch;
            }
            sum * (1.0 + effect)
        }
        Law::Bits { depth } => {
            let depth = u64::from(depth);
            coins(n * depth, 0.5 + effect * law.variance().sqrt() / depth as f64, rng)
        }
        _ => coins(n, law.mean() + effect / effect_of_excess(law, 1.0), rng),
    }
}

fn name(law: Law) -> String {
    match law {
        Law::Bernoulli { numerator, denominator } => format!("green {numerator}/{denominator}"),
        Law::Bits { depth } => format!("{depth} bits"),
        _ => "Gumbel".into(),
    }
}

/// In (0, 1).
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0
}

fn holds(interval: &Interval, value: f64) -> bool {
    (interval.low..=interval.high).contains(&value)
}

fn tally(n: u64, sum: u128) -> Tally {
    let mut tally = Tally::default();
    (tally.n, tally.sum) = (n, sum);
    tally
}

fn pool(tallies: &[Tally]) -> Tally {
    let mut all = Tally::default();
    tallies.iter().for_each(|tally| all.merge(tally));
    all
}

fn shares(covered: [u64; 2], runs: u64) -> String {
    covered.map(|n| format!("{:.1} %", 100.0 * n as f64 / runs as f64)).join(" | ")
}

/// What the teacher learns from: as in the demonstration.
const TEACHER_TOKENS: usize = 400_000;

/// The length of a document: an answer.
const DOCUMENT_TOKENS: usize = 200;
