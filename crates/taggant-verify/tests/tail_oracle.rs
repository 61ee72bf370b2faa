//! The tails against the sum anyone would write first: all terms, in the log domain.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taggant_verify::tail::special::{ln_add_exp, ln_choose};
use taggant_verify::tail::{binomial, gamma};

/// The binomial oracle's own error: ln C(n, k) from up to 200 logarithms of size 5, each rounded, is 200 * 5
/// * 2^-53 = 1e-13, and n ln p is a few hundred, rounded once. Both enter every term alike.
const CHOOSE_ERROR: f64 = 4e-13;

/// The gamma oracle's own error: j ln x and ln j! reach 1e4 where the terms count, and each is rounded to
/// 2^-53 of that.
const FACTORIAL_ERROR: f64 = 3e-12;

/// ln C(n, k) as a product of k fractions.
fn naive_ln_choose(n: u64, k: u64) -> f64 {
    (1..=k.min(n - k)).map(|j| ((n + 1 - j) as f64 / j as f64).ln()).sum()
}

fn naive_ln_pmf(n: u64, p: f64, k: u64) -> f64 {
    naive_ln_choose(n, k) + k as f64 * p.ln() + (n - k) as f64 * (-p).ln_1p()
}

/// ln sum e^t, smallest terms first.
fn ln_sum(mut terms: Vec<f64>) -> f64 {
    terms.sort_by(f64::total_cmp);
    let largest = *terms.last().expect("a tail has a term");
    largest + terms.iter().map(|term| (term - largest).exp()).sum::<f64>().ln()
}

fn check_close(what: &str, computed: f64, oracle: f64, tolerance: f64) -> Result<(), TestCaseError> {
    let error = (computed - oracle).abs();
    prop_assert!(
        error <= tolerance * oracle.abs().max(1.0),
        "{what}: {computed:e}, oracle {oracle:e}, error {error:e}"
    );
    Ok(())
}

/// Rates from 1e-9 to 1 - 1e-9, as dense at both ends as in the middle.
fn rate() -> impl Strategy<Value = f64> {
    prop_oneof![
        0.001..0.999_f64,
        (-9.0..-3.0_f64).prop_map(|e| 10_f64.powf(e)),
        (-9.0..-3.0_f64).prop_map(|e| 1.0 - 10_f64.powf(e))
    ]
}

fn draws() -> impl Strategy<Value = (u64, f64, u64)> {
    (1..=200_u64, rate()).prop_flat_map(|(n, p)| (Just(n), Just(p), 0..=n))
}

/// The same cases on every run.
fn repeatable() -> ProptestConfig {
    ProptestConfig {
        cases: 3000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(repeatable())]

    #[test]
    fn binomial_tails_are_the_sums_of_their_terms((n, p, k) in draws()) {
        let upper = ln_sum((k..=n).map(|j| naive_ln_pmf(n, p, j)).collect());
        let lower = ln_sum((0..=k).map(|j| naive_ln_pmf(n, p, j)).collect());
        let pmf = naive_ln_pmf(n, p, k);
        check_close(&format!("pmf({n}, {p:?}, {k})"), binomial::ln_pmf(n, p, k), pmf, CHOOSE_ERROR)?;
        check_close(&format!("upper({n}, {p:?}, {k})"), binomial::ln_upper(n, p, k), upper, CHOOSE_ERROR)?;
        check_close(&format!("lower({n}, {p:?}, {k})"), binomial::ln_lower(n, p, k), lower, CHOOSE_ERROR)?;
        check_close(&format!("choose({n}, {k})"), ln_choose(n, k), naive_ln_choose(n, k), CHOOSE_ERROR)?;
    }

    #[test]
    fn gamma_tails_are_poisson_sums(shape in 1..=200_u64, factor in 0.01..4.0_f64) {
        // P(Gamma(n) >= x) = P(Poisson(x) < n); the terms after n + 40 x are below e^-100 of the first.
        let x = shape as f64 * factor;
        let ln_poisson = |j: u64| j as f64 * x.ln() - x - libm::lgamma(j as f64 + 1.0);
        let terms: Vec<f64> = (0..shape + 40 * (x.ceil() as u64) + 40).map(ln_poisson).collect();
        let (below, above) = terms.split_at(shape as usize);
        let (upper, lower, shape) = (ln_sum(below.to_vec()), ln_sum(above.to_vec()), shape as f64);
        check_close(&format!("upper({shape}, {x:?})"), gamma::ln_upper(shape, x), upper, FACTORIAL_ERROR)?;
        check_close(&format!("lower({shape}, {x:?})"), gamma::ln_lower(shape, x), lower, FACTORIAL_ERROR)?;
    }

    #[test]
    fn ln_add_exp_is_the_logarithm_of_a_sum(a in -30.0..30.0_f64, b in -30.0..30.0_f64) {
        prop_assert!((ln_add_exp(a, b) - (a.exp() + b.exp()).ln()).abs() < 1e-14);
        prop_assert_eq!(ln_add_exp(a, b).to_bits(), ln_add_exp(b, a).to_bits());
    }
}

#[test]
fn choose_counts_small_sets_exactly() {
    for (n, k, exact) in [(0, 0, 1.0_f64), (1, 1, 1.0), (5, 2, 10.0), (10, 5, 252.0), (52, 5, 2_598_960.0)] {
        // 3e-15 absolute is the bound that ln_choose documents.
        assert!(
            (ln_choose(n, k) - exact.ln()).abs() < 3e-15,
            "C({n}, {k}): {}",
            ln_choose(n, k) - exact.ln()
        );
    }
    assert_eq!(ln_choose(3, 4), f64::NEG_INFINITY);
}
