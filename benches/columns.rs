//! Simulated decoys, beside the least that one key's statistic can cost: one pass that adds up values at hand.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use taggant::law::Law;
use taggant::reader::Input;
use taggant_verify::columns::{COEFFICIENT_UNIT, Columns, WeightedColumns};
use taggant_verify::tally::Tally;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    benchmark(&mut criterion);
    criterion.final_summary();
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    if has("--bench") && !has("--test") && !has("--list") {
        print_ratio();
        print_panels();
    }
}

fn benchmark(criterion: &mut Criterion) {
    let inputs = inputs(1 << 14);
    let mut group = criterion.benchmark_group("columns, 1,024 of 2^14 inputs");
    group.throughput(Throughput::Elements(1024 << 14)).sample_size(20);
    for (name, law) in LAWS {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut columns = Columns::new(law, 1024);
                columns.add(black_box(&inputs));
                columns
            });
        });
    }
    group.finish();
}

/// The columns and the plain pass in turn, and the ratio of the least times: other work can only add to a time.
fn print_ratio() {
    let inputs = inputs(1_000_000);
    let values: Vec<u64> = inputs.iter().map(|input| input.0 as u64 >> 3 & 1).collect();
    let (mut decoys, mut pass) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let passes = timed(|| (0..PASSES).map(|_| plain_count(GREEN_HALF, black_box(&values))).sum());
        pass = pass.min(passes / PASSES);
        decoys = decoys.min(timed(|| panel(GREEN_HALF, 1024, black_box(&inputs))));
    }
    println!(
        "1,024 decoys x 10^6 inputs, gamma 1/2: {:.1} ms; plain count pass over 10^6 values: {:.3} ms; ratio {:.0} \
         (least of {ROUNDS} interleaved rounds)",
        decoys.as_secs_f64() * 1e3,
        pass.as_secs_f64() * 1e3,
        decoys.as_secs_f64() / pass.as_secs_f64()
    );
}

fn print_panels() {
    for (name, law) in LAWS {
        // The default panel at the shares; a 16th of its inputs where a value is not one bit.
        let n_inputs = if matches!(law, Law::Bernoulli { .. }) { 1 << 20 } else { 1 << 16 };
        let inputs = inputs(n_inputs);
        print_panel(name, &inputs, |inputs| panel(law, PANEL, inputs));
    }
    for (name, law) in LAWS {
        let items: Vec<(Input, i64)> = inputs(1 << 15)
            .into_iter()
            .map(|input| (input, (input.0 % 262_144) as i64 - COEFFICIENT_UNIT))
            .collect();
        print_panel(&format!("weighted, {name}"), &items, |items| {
            let mut columns = WeightedColumns::new(law, PANEL);
            columns.add(items);
            columns.statistics().into_iter().sum()
        });
    }
}

fn print_panel<T>(name: &str, items: &[T], run: impl Fn(&[T]) -> f64) {
    let least = (0..3).map(|_| timed(|| run(black_box(items)))).min().unwrap_or_default();
    let ns = least.as_secs_f64() * 1e9 / (PANEL * items.len()) as f64;
    println!(
        "{name}: {PANEL} decoys x {} inputs in {:.3} s, {ns:.4} ns a (decoy, input); 2^20 inputs: {:.2} s",
        items.len(),
        least.as_secs_f64(),
        ns * (PANEL << 20) as f64 / 1e9
    );
}

fn panel(law: Law, n_columns: usize, inputs: &[Input]) -> f64 {
    let mut columns = Columns::new(law, n_columns);
    columns.add(inputs);
    columns.statistics().into_iter().sum()
}

/// The limit: what one key's count costs when its values lie ready.
fn plain_count(law: Law, values: &[u64]) -> f64 {
    let mut tally = Tally::default();
    values.iter().for_each(|value| tally.add(law.score(*value)));
    tally.sum as f64
}

fn inputs(n: u128) -> Vec<Input> {
    (0..n).map(|i| Input(i.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))).collect()
}

fn timed(run: impl FnOnce() -> f64) -> Duration {
    let (start, start_cpu) = (Instant::now(), cpu_time());
    black_box(run());
    match (start_cpu, cpu_time()) {
        (Some(start), Some(end)) => end - start,
        _ => start.elapsed(),
    }
}

/// What this thread has had of a core; `None` where the system does not say.
fn cpu_time() -> Option<Duration> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    statistics.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

const GREEN_HALF: Law = Law::Bernoulli { numerator: 1, denominator: 2 };

const LAWS: [(&str, Law); 4] = [
    ("green 1/2", GREEN_HALF),
    ("green 1/4", Law::Bernoulli { numerator: 1, denominator: 4 }),
    ("gumbel", Law::Exponential),
    ("tournament of depth 30", Law::Bits { depth: 30 }),
];

/// Decoys of the default panel.
const PANEL: usize = 10_000;

const ROUNDS: usize = 9;

/// Plain passes in a round: a core's time may be told in steps of 4 ms.
const PASSES: u32 = 100;
