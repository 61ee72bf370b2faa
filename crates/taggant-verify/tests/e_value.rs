//! e-values, their averages and products, and e-BH against its definition.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taggant_verify::e_value::{EValue, average, e_bh, product};
use taggant_verify::p_value::PKind;

fn e(ln: f64) -> EValue {
    EValue::from_ln(ln).unwrap()
}

fn all(ln: &[f64]) -> Vec<EValue> {
    ln.iter().copied().map(e).collect()
}

/// The definition, hypothesis by hypothesis: the largest k such that at least k e-values are K / (alpha k) or more.
fn e_bh_by_definition(e_values: &[f64], alpha: f64) -> Vec<bool> {
    let n = e_values.len();
    let threshold = |k: usize| n as f64 / (alpha * k as f64);
    let reach = |k: usize| e_values.iter().filter(|e| **e >= threshold(k)).count();
    let k = (1..=n).rev().find(|&k| reach(k) >= k);
    e_values.iter().map(|e| k.is_some_and(|k| *e >= threshold(k))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn e_bh_equals_its_definition(
        mut e_values in prop::collection::vec(0.0..60.0_f64, 0..25), ties in 0..4_usize, alpha in 0.01..0.9_f64
    ) {
        for tie in 1..=ties.min(e_values.len() / 2) {
            e_values[tie] = e_values[0];
        }
        let ln: Vec<f64> = e_values.iter().map(|e| e.ln()).collect();
        prop_assert_eq!(e_bh(&all(&ln), alpha), e_bh_by_definition(&e_values, alpha), "{:?} {}", e_values, alpha);
    }

    #[test]
    fn averages_and_products_do_not_depend_on_the_order(ln in prop::collection::vec(-900.0..900.0_f64, 1..20)) {
        let mut turned = ln.clone();
        turned.reverse();
        prop_assert_eq!(average(&all(&ln)), average(&all(&turned)));
        prop_assert_eq!(product(&all(&ln)), product(&all(&turned)));
        let largest = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let found = average(&all(&ln)).ln();
        prop_assert!(found <= largest + 1e-12 && found >= largest - (ln.len() as f64).ln() - 1e-12);
    }
}

#[test]
fn averages_and_products_are_what_they_say() {
    let found = average(&all(&[2.0_f64.ln(), 6.0_f64.ln(), f64::NEG_INFINITY])).ln();
    assert!((found - (8.0 / 3.0_f64).ln()).abs() < 1e-15, "{found}");
    let found = product(&all(&[2.0_f64.ln(), 6.0_f64.ln(), 0.5_f64.ln()])).ln();
    assert!((found - 6.0_f64.ln()).abs() < 1e-15, "{found}");
    assert_eq!(product(&all(&[1e300, f64::NEG_INFINITY])).ln(), f64::NEG_INFINITY);
    assert_eq!(product(&all(&[f64::MAX, f64::MAX])).ln(), f64::MAX);
    assert_eq!(average(&all(&[f64::NEG_INFINITY; 3])).ln(), f64::NEG_INFINITY);
    assert_eq!((average(&[]), product(&[])), (EValue::ONE, EValue::ONE));
}

#[test]
fn an_e_value_is_any_logarithm_below_infinity() {
    assert!(EValue::from_ln(f64::NAN).is_err());
    assert!(EValue::from_ln(f64::INFINITY).is_err());
    assert_eq!(e(f64::NEG_INFINITY).ln(), f64::NEG_INFINITY);
}

#[test]
fn its_p_is_certified_and_at_most_1() {
    let p = e(1e6_f64.ln()).p();
    assert_eq!((p.kind(), p.hypotheses()), (PKind::Certified, 1));
    assert_eq!(p.ln(), -(1e6_f64.ln()));
    assert_eq!(e(-3.0).p().ln(), 0.0);
    assert_eq!(e(f64::NEG_INFINITY).p().ln(), 0.0);
}

#[test]
fn e_bh_finds_nothing_where_there_is_nothing_to_find() {
    assert!(e_bh(&[], 0.05).is_empty());
    for alpha in [0.0, -1.0, f64::NAN] {
        assert_eq!(e_bh(&all(&[1e5]), alpha), [false]);
    }
    assert_eq!(e_bh(&all(&[f64::NEG_INFINITY, 0.0]), 0.05), [false, false]);
    // 40 alone is not enough among two, twice 40 is.
    assert_eq!(e_bh(&all(&[39.0_f64.ln(), 0.0]), 0.05), [false, false]);
    assert_eq!(e_bh(&all(&[39.0_f64.ln(), 21.0_f64.ln()]), 0.05), [true, true]);
}
