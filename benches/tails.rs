//! The two tails behind every p-value, for few and many scores, near the mean and far out.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use taggant_verify::tail::{binomial, gamma};

criterion_main!(tails);
criterion_group!(tails, benchmark);

fn benchmark(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tails");
    for n in [100_u64, 10_000, 100_000_000] {
        for z in [-3.0, 0.5, 3.0, 10.0] {
            let n_float = n as f64;
            let k = (n_float * 0.25 + z * (n_float * 0.1875).sqrt()) as u64;
            group.bench_function(BenchmarkId::new("binomial", format!("n {n}, z {z}")), |bencher| {
                bencher.iter(|| binomial::ln_upper(black_box(n), black_box(0.25), black_box(k)));
            });
            let x = n_float + z * n_float.sqrt();
            group.bench_function(BenchmarkId::new("gamma", format!("n {n}, z {z}")), |bencher| {
                bencher.iter(|| gamma::ln_upper(black_box(n_float), black_box(x)));
            });
        }
    }
    group.finish();
}
