//! One green-list step on a row of logits, beside the least that any bias can cost: one pass that adds to the row.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use taggant::scheme::{GreenList, Scheme};
use taggant::writer::RepeatRule;
use taggant::{ContextWidth, Mark, Profile, Secret, Session, TokenId};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    benchmark(&mut criterion);
    criterion.final_summary();
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    if has("--bench") && !has("--test") && !has("--list") {
        for gamma in GAMMAS {
            print_ratio(gamma);
        }
    }
}

fn benchmark(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("green_step");
    group.throughput(Throughput::Elements(VOCAB_SIZE as u64));
    let mut row = row();
    group.bench_function("limit: add a constant", |bencher| bencher.iter(|| add(black_box(&mut row))));
    for gamma in GAMMAS {
        let mut step = Step::new(gamma);
        let mut row = self::row();
        group.bench_function(format!("bias, gamma {gamma}"), |bencher| {
            bencher.iter(|| step.run(black_box(&mut row)));
        });
    }
    group.finish();
}

/// Step and limit in turn on one row, so that whatever slows the machine slows both; the ratio of the medians.
fn print_ratio(gamma: &str) {
    let (mut step, mut row) = (Step::new(gamma), row());
    let (mut steps, mut limits) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        limits.push(timed(|| add(black_box(&mut row))));
        steps.push(timed(|| step.run(black_box(&mut row))));
    }
    let (step, limit) = (median(steps), median(limits));
    println!(
        "gamma {gamma}: step {:.1} us, limit {:.1} us, ratio {:.2} (medians of {ROUNDS} interleaved rounds)",
        step.as_secs_f64() * 1e6,
        limit.as_secs_f64() * 1e6,
        step.as_secs_f64() / limit.as_secs_f64()
    );
}

/// A session that marks at every step, each time after another context.
struct Step {
    session: Session,
    next: TokenId,
}

impl Step {
    fn new(gamma: &str) -> Self {
        let gamma = gamma.parse().expect("a gamma of the spec");
        let green = GreenList::new(gamma, 2.0).expect("2 nats are a delta");
        let width = ContextWidth::new(2).expect("2 is a width");
        let profile = Profile::new(Scheme::Green(green), width, "bench").expect("a name");
        let mark = Mark::new(&Secret::from_bytes([7; 32]), &profile.with_repeat_rule(RepeatRule::None));
        let mut session = mark.session(4096);
        [1, 2].into_iter().for_each(|token| session.accept(token));
        Self { session, next: 3 }
    }

    fn run(&mut self, row: &mut [f32]) {
        black_box(self.session.bias(row)).expect("the row holds finite numbers");
        self.session.accept(self.next);
        self.next = self.next.wrapping_add(1);
    }
}

/// The limit: read every logit, add, write it back.
fn add(row: &mut [f32]) {
    for logit in row {
        *logit += 2.0;
    }
}

fn row() -> Vec<f32> {
    (0..VOCAB_SIZE).map(|v| (v as f32 * 0.77).sin() * 4.0).collect()
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort();
    durations[durations.len() / 2]
}

/// Tokens of a large vocabulary: that of Llama 3.
const VOCAB_SIZE: usize = 128_256;

const GAMMAS: [&str; 2] = ["1/4", "1/2"];

const ROUNDS: usize = 2001;
