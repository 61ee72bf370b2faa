//! Sequential evidence: error rates when one looks after every input, how soon an effect is seen, and how often the
//! confidence sequences cover.
//!
//! Values are drawn from the laws themselves, by ChaCha8 with fixed seeds, so that millions of looks take a minute; a
//! smaller run reads them through the pseudorandom function of real marks.

use anyhow::{Context, Result, ensure};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use taggant::law::Law;
use taggant::reader::{Ngrams, Reader, Reading};
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament, gumbel_max};
use taggant::{ContextWidth, Mark, Profile, Secret};
use taggant_verify::confidence_sequence::ConfidenceSequence;
use taggant_verify::e_process::EProcess;
use taggant_verify::null::Null;
use taggant_verify::tail::{binomial, quantile};
use taggant_verify::tally::Tally;
use taggant_verify::weighted_e_process::WeightedEProcess;

/// `[STREAMS [INPUTS [EFFECT_STREAMS]]]`, 2000 streams of 20000 inputs and 200 streams with an effect by default.
///
/// The bounds are those of the default sizes: a median of few streams can exceed its own by chance.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let size = |at: usize, default: u64| {
        args.get(at).map_or(Ok(default), |arg| {
            arg.parse().with_context(|| format!("a size must be a whole number, found {arg:?}"))
        })
    };
    let (n_streams, n_inputs, n_effect_streams) = (size(0, 2000)?, size(1, 20_000)?, size(2, 200)?);
    let mut broken = peeking(n_streams, n_inputs);
    broken.extend(stopping(n_effect_streams));
    broken.extend(coverage(n_streams, n_inputs));
    ensure!(broken.is_empty(), "{}", broken.join("; "));
    Ok(())
}

/// The share of null streams that ever reach 1/alpha.
fn peeking(n_streams: u64, n_inputs: u64) -> Vec<String> {
    println!("## Null streams that ever reach 1/alpha, looking after every input\n");
    println!(
        "| evidence | streams | inputs | alpha | reached | share | 99 % limit |\n|---|---|---|---|---|---|---|"
    );
    let mut broken = Vec::new();
    for (seed, law) in LAWS.into_iter().enumerate().filter(|(_, law)| *law != SIXTEENTH) {
        let source = Source::new(law, 0.0);
        let largest: Vec<f64> = streams(n_streams, seed as u64, |rng| {
            let mut process = EProcess::new(law);
            (0..n_inputs).for_each(|_| process.add(source.draw(rng)).expect("a score of this law"));
            process.ln_e_max()
        });
        broken.extend(report_peeking(name(law), n_inputs, &largest));
    }
    let source = Source::new(LAWS[0], 0.0);
    let n_weighted = n_inputs / 2;
    let largest: Vec<f64> = streams(n_streams, 10, |rng| {
        let mut process = WeightedEProcess::new(LAWS[0], 1.0).expect("1 is a scale");
        for _ in 0..n_weighted {
            let coefficient = SKEWED[rng.next_u32() as usize % SKEWED.len()];
            process.add(coefficient, source.draw(rng)).expect("a score of this law");
        }
        process.ln_e_max()
    });
    broken.extend(report_peeking("green 1/4, skewed weights", n_weighted, &largest));
    for (seed, scheme) in schemes().into_iter().enumerate() {
        let profile =
            Profile::new(scheme, ContextWidth::new(1).expect("a width"), "2026q4").expect("a profile");
        let (n_keys, n_inputs) = (n_streams / 5, n_inputs / 5);
        let pairs: Vec<u32> = (0..n_inputs as u32).flat_map(|n| [n / 1000, n % 1000]).collect();
        let largest: Vec<f64> = streams(n_keys, 20 + seed as u64, |rng| {
            let mut secret = [0; 32];
            rng.fill_bytes(&mut secret);
            let mark = Mark::new(&Secret::from_bytes(secret), &profile);
            let mut readings = vec![Reading::default(); n_inputs as usize];
            mark.readings(Ngrams::packed(&pairs, 2), &mut readings);
            let mut process = EProcess::new(mark.law());
            for reading in readings {
                process.add(mark.law().score(reading.value)).expect("a score of this law");
            }
            process.ln_e_max()
        });
        broken.extend(report_peeking(
            ["green 1/4, real keys", "Gumbel, real keys", "30 bits, real keys"][seed],
            n_inputs,
            &largest,
        ));
    }
    broken
}

fn report_peeking(name: &str, n_inputs: u64, largest: &[f64]) -> Vec<String> {
    let mut broken = Vec::new();
    for alpha in [0.05, 0.01, 1e-3_f64] {
        let reached = largest.iter().filter(|ln_e| **ln_e >= -alpha.ln()).count() as u64;
        let n = largest.len() as u64;
        // The smallest count that is seen with a chance of at most 1 % at a rate of alpha.
        let critical = quantile::binomial_critical(n, alpha, 0.01_f64.ln());
        let limit = critical.map_or(n, |critical| critical - 1);
        let share = reached as f64 / n as f64;
        println!("| {name} | {n} | {n_inputs} | {alpha} | {reached} | {share:.4} | {limit} |");
        if reached > limit {
            broken
                .push(format!("{name}: {reached} of {n} null streams reached 1/{alpha}, more than {limit}"));
        }
    }
    broken
}

/// How many inputs until E reaches 1e6, beside the inputs of an exact test with power 1/2.
fn stopping(n_streams: u64) -> Vec<String> {
    println!("\n## Inputs until E reaches 1e6, at a constant effect\n");
    println!(
        "The exact test has its n fixed beforehand: alpha 1e-6, power 1/2. Rows without streams follow the mean path.\n"
    );
    println!(
        "| evidence | effect, sd of one value | exact test | streams | median stop | ratio |\n|---|---|---|---|---|---|"
    );
    let mut broken = Vec::new();
    for (seed, law) in LAWS.into_iter().enumerate() {
        let simulated = SIMULATED_EFFECTS.into_iter().map(|effect| (effect, true));
        for (effect, is_simulated) in
            MEAN_PATH_EFFECTS.into_iter().map(|effect| (effect, false)).chain(simulated)
        {
            let source = Source::new(law, effect);
            if !source.is_possible() {
                continue;
            }
            let exact = smallest(|n| {
                Null::new(law, n).detectable_effect(LN_ALPHA, 0.5).is_some_and(|seen| seen <= effect)
            });
            let stop = if is_simulated {
                let mut stops = streams(n_streams, 100 + seed as u64, |rng| {
                    let mut process = EProcess::new(law);
                    while process.ln_e_max() < -LN_ALPHA {
                        process.add(source.draw(rng)).expect("a score of this law");
                    }
                    process.n()
                });
                stops.sort_unstable();
                stops[stops.len() / 2]
            } else {
                smallest(|n| Null::new(law, n).ln_e((n as f64 * source.mean()).round()) >= -LN_ALPHA)
            };
            let (name, ratio) = (name(law), stop as f64 / exact as f64);
            let n_streams = if is_simulated { n_streams.to_string() } else { "-".into() };
            println!("| {name} | {effect} | {exact} | {n_streams} | {stop} | {ratio:.2} |");
            if ratio > LARGEST_RATIO {
                broken.push(format!(
                    "{name}: an effect of {effect} takes {ratio:.2} times the inputs of the exact test"
                ));
            }
        }
    }
    broken
}

/// The share of streams whose intervals ever miss the parameter.
fn coverage(n_streams: u64, n_inputs: u64) -> Vec<String> {
    println!("\n## Confidence sequences that ever miss their parameter, looking after every input\n");
    println!(
        "| law | effect | streams | inputs | alpha | missed | 99 % limit | median width at the end, sd |\n|---|---|---|---|---|---|---|---|"
    );
    let mut broken = Vec::new();
    for (seed, law) in LAWS.into_iter().enumerate().filter(|(_, law)| *law != SIXTEENTH) {
        let (alpha, effect) = (0.05, 0.1);
        let source = Source::new(law, effect);
        let sequence = ConfidenceSequence::new(law, alpha).expect("a level");
        let mut ends: Vec<(f64, bool)> = streams(n_streams, 200 + seed as u64, |rng| {
            let (mut tally, mut is_missed) = (Tally::default(), false);
            for _ in 0..n_inputs {
                tally.add(source.draw(rng));
                is_missed = is_missed || sequence.excludes(&tally, source.parameter);
            }
            let interval = sequence.interval(&tally);
            (sequence.effect(interval.high) - sequence.effect(interval.low), is_missed)
        });
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let missed = ends.iter().filter(|(_, is_missed)| *is_missed).count() as u64;
        let critical = quantile::binomial_critical(n_streams, alpha, 0.01_f64.ln());
        let limit = critical.map_or(n_streams, |critical| critical - 1);
        let (name, width) = (name(law), ends[ends.len() / 2].0);
        println!(
            "| {name} | {effect} | {n_streams} | {n_inputs} | {alpha} | {missed} | {limit} | {width:.4} |"
        );
        if missed > limit {
            broken.push(format!(
                "{name}: {missed} of {n_streams} confidence sequences missed, more than {limit}"
            ));
        }
    }
    broken
}

/// Where scores come from: a law, and a parameter that is off the null by an effect.
struct Source {
    law: Law,
    /// The rate of coins, or the scale of scores.
    parameter: f64,
    /// Coins: the chance of at most so many, in 2^-32.
    cumulative: Vec<f64>,
}

impl Source {
    /// `effect` in standard deviations of one value.
    fn new(law: Law, effect: f64) -> Self {
        let (per_input, p) = match law {
            Law::Bits { depth } => (u64::from(depth), 0.5),
            _ => (1, law.mean()),
        };
        if law == Law::Exponential {
            return Self { law, parameter: 1.0 + effect, cumulative: Vec::new() };
        }
        let q = p + effect * (p * (1.0 - p) / per_input as f64).sqrt();
        let cumulative = (0..per_input).map(|k| binomial::ln_lower(per_input, q, k).exp() * WORDS).collect();
        Self { law, parameter: q, cumulative }
    }

    fn is_possible(&self) -> bool {
        self.law == Law::Exponential || self.parameter < 1.0
    }

    /// The mean of one score, in units of the statistic.
    fn mean(&self) -> f64 {
        match self.law {
            Law::Exponential => self.parameter,
            _ => self.parameter * self.cumulative.len() as f64,
        }
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> u64 {
        let word = rng.next_u32();
        if self.law == Law::Exponential {
            let score = gumbel_max::score(word);
            return if self.parameter == 1.0 { score } else { (score as f64 * self.parameter) as u64 };
        }
        self.cumulative.partition_point(|below| *below <= f64::from(word)) as u64
    }
}

/// One result for each stream, every stream with its own generator.
fn streams<T: Send>(n_streams: u64, seed: u64, stream: impl Fn(&mut ChaCha8Rng) -> T + Sync) -> Vec<T> {
    let run = |n: u64| stream(&mut ChaCha8Rng::seed_from_u64(seed << 32 | n));
    (0..n_streams).into_par_iter().map(run).collect()
}

/// The smallest n at which something holds, for what stays true once it is, up to the teeth of discrete tests.
fn smallest(holds: impl Fn(u64) -> bool) -> u64 {
    let mut last = 1;
    while !holds(last) {
        last *= 2;
    }
    let mut first = last / 2;
    while first + 1 < last {
        let middle = first + (last - first) / 2;
        if holds(middle) { last = middle } else { first = middle }
    }
    last
}

fn name(law: Law) -> &'static str {
    match law {
        Law::Bernoulli { denominator: 4, .. } => "green 1/4",
        Law::Bernoulli { denominator: 2, .. } => "green 1/2",
        Law::Bernoulli { .. } => "green 1/16",
        Law::Exponential => "Gumbel",
        _ => "30 bits",
    }
}

fn schemes() -> [Scheme; 3] {
    let quarter = "1/4".parse().expect("a share");
    [
        Scheme::Green(GreenList::new(quarter, 2.0).expect("a green list")),
        Scheme::Gumbel(GumbelMax::new()),
        Scheme::Tournament(Tournament::new(30).expect("a depth")),
    ]
}

const LAWS: [Law; 5] = [
    Law::Bernoulli { numerator: 1, denominator: 4 },
    Law::Bernoulli { numerator: 1, denominator: 2 },
    SIXTEENTH,
    Law::Exponential,
    Law::Bits { depth: 30 },
];

/// A law of which the rates are not looked at, only how soon an effect is seen.
const SIXTEENTH: Law = Law::Bernoulli { numerator: 1, denominator: 16 };

/// One input in eight carries most of the sum of squares.
const SKEWED: [f64; 8] = [1.0, 0.25, 0.2, 0.1, 0.1, 0.05, 0.02, 0.01];

/// Effects that are simulated, in standard deviations of one value.
const SIMULATED_EFFECTS: [f64; 4] = [0.05, 0.2, 0.5, 1.5];

/// Effects too small to be simulated. For bits, 5e-4 is 2.7 times the smallest alternative of their grid.
const MEAN_PATH_EFFECTS: [f64; 3] = [5e-4, 2e-3, 1e-2];

/// The ratio that the documentation states.
const LARGEST_RATIO: f64 = 1.8;

/// ln 1e-6.
const LN_ALPHA: f64 = -6.0 * std::f64::consts::LN_10;

/// How many values a word takes.
const WORDS: f64 = 4_294_967_296.0;
