//! The tails against 60-digit references, written by `data/tail_reference.py`.
//!
//! Two bounds are asserted for probabilities, the first one for e-values. The worst errors are printed with
//! `--nocapture`:
//!
//! - |ln P - reference| <= 1e-14 max(1, |ln P|). The deviance is rounded a few times, to 1.1e-16 of ln P each; the
//!   factor beside it is a sum of up to 173 terms, or of 32, rounded to 1e-15 together.
//! - Where P is near 1, ln P itself to 1e-12 of its size. It is minus the other tail e^t, and t is as large
//!   as 700 with the error above, so this cannot be better than 700 times the first bound.

use serde_json::Value;
use taggant_verify::tail::{binomial, gamma, mixture, special, uniform_mixture};

/// Relative to max(1, |ln P|); see the module docs.
const TOLERANCE: f64 = 1e-14;

/// Relative to ln P where P is near 1; see the module docs.
const NEAR_ONE_TOLERANCE: f64 = 1e-12;

/// The largest errors over a file, in the two ranges that the docs of the tails report.
#[derive(Debug, Default)]
struct Worst {
    moderate: (f64, String),
    far: (f64, String),
    near_one: (f64, String),
    cases: usize,
}

impl Worst {
    /// Any logarithm: the first bound.
    fn check(&mut self, what: &str, computed: f64, reference: f64) {
        self.cases += 1;
        if computed == reference {
            return; // two infinities among them
        }
        let (error, size) = ((computed - reference).abs(), reference.abs());
        let report = format!("{what}: {computed:e}, reference {reference:e}, error {error:e}");
        assert!(error <= TOLERANCE * size.max(1.0), "{report}");
        if size > 1e3 {
            keep_larger(&mut self.far, error / size, report);
        } else {
            keep_larger(&mut self.moderate, error, report);
        }
    }

    /// The logarithm of a probability: both bounds.
    fn check_tail(&mut self, what: &str, computed: f64, reference: f64) {
        self.check(what, computed, reference);
        assert!(computed <= 0.0, "{what}: {computed:e}");
        // A number below the smallest normal one has fewer digits.
        if (-1.0..=-f64::MIN_POSITIVE).contains(&reference) {
            let relative = (computed / reference - 1.0).abs();
            let report =
                format!("{what}: {computed:e}, reference {reference:e}, relative error {relative:e}");
            assert!(relative <= NEAR_ONE_TOLERANCE, "{report}");
            keep_larger(&mut self.near_one, relative, report);
        }
    }
}

fn keep_larger(kept: &mut (f64, String), error: f64, report: String) {
    if error > kept.0 {
        *kept = (error, report);
    }
}

fn rows(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("the vector file is a list")
}

fn real(row: &Value, field: &str) -> f64 {
    row[field].as_str().expect(field).parse().expect(field)
}

fn count(row: &Value, field: &str) -> u64 {
    row[field].as_u64().expect(field)
}

#[test]
fn binomial_tails_match_the_reference() {
    let (mut upper, mut lower) = (Worst::default(), Worst::default());
    for row in rows(include_str!("data/tail_binomial.json")) {
        let (n, p, k) = (count(&row, "n"), real(&row, "p"), count(&row, "k"));
        upper.check_tail(
            &format!("upper n={n} p={p:?} k={k}"),
            binomial::ln_upper(n, p, k),
            real(&row, "ln_upper"),
        );
        lower.check_tail(
            &format!("lower n={n} p={p:?} k={k}"),
            binomial::ln_lower(n, p, k),
            real(&row, "ln_lower"),
        );
    }
    println!("{upper:#?}\n{lower:#?}");
    assert!(upper.cases >= 150);
}

#[test]
fn gamma_tails_match_the_reference() {
    let (mut upper, mut lower) = (Worst::default(), Worst::default());
    for row in rows(include_str!("data/tail_gamma.json")) {
        let (shape, x) = (real(&row, "shape"), real(&row, "x"));
        upper.check_tail(
            &format!("upper shape={shape:?} x={x:?}"),
            gamma::ln_upper(shape, x),
            real(&row, "ln_upper"),
        );
        lower.check_tail(
            &format!("lower shape={shape:?} x={x:?}"),
            gamma::ln_lower(shape, x),
            real(&row, "ln_lower"),
        );
    }
    println!("{upper:#?}\n{lower:#?}");
    assert!(upper.cases >= 150);
}

#[test]
fn e_values_match_the_reference() {
    let (mut counts, mut sums) = (Worst::default(), Worst::default());
    for row in rows(include_str!("data/tail_mixture.json")) {
        let (n, ln_uniform, ln_e) = (count(&row, "n"), real(&row, "ln_uniform"), real(&row, "ln_e"));
        if row["p"].is_string() {
            let (p, s) = (real(&row, "p"), count(&row, "s"));
            let what = format!("n={n} p={p:?} s={s}");
            counts.check(&format!("uniform {what}"), uniform_mixture::ln_e_binomial(n, p, s), ln_uniform);
            counts.check(&format!("e {what}"), mixture::ln_e_binomial(n, p, s), ln_e);
        } else {
            let x = real(&row, "x");
            let what = format!("n={n} x={x:?}");
            sums.check(&format!("uniform {what}"), uniform_mixture::ln_e_gamma(n, x), ln_uniform);
            sums.check(&format!("e {what}"), mixture::ln_e_gamma(n, x), ln_e);
        }
    }
    println!("{counts:#?}\n{sums:#?}");
    assert!(counts.cases >= 300 && sums.cases >= 120);
}

#[test]
fn pieces_match_the_reference() {
    // Name, computed, reference, and the scale and bound of the error that the docs promise.
    let mut worst: std::collections::BTreeMap<String, f64> = std::collections::BTreeMap::new();
    for row in rows(include_str!("data/tail_special.json")) {
        let (a, b, reference) = (real(&row, "a"), real(&row, "b"), real(&row, "value"));
        let name = row["name"].as_str().expect("name");
        let (computed, scale, bound) = match name {
            "stirling_error whole" => (special::stirling_error(a), 1.0, 1.2e-16),
            "stirling_error" => (special::stirling_error(a), 1.0, 1e-15),
            "deviance" => (special::deviance(a, b, a - b), reference, 1e-15),
            "ln_choose" => (special::ln_choose(a as u64, b as u64), reference.max(3.0), 1e-15),
            "ln_1m_exp" => (special::ln_1m_exp(a), reference, 3e-16),
            "ln_add_exp" => (special::ln_add_exp(a, b), a.abs().max(b.abs()).max(1.0), 3e-16),
            _ => panic!("unknown piece {name}"),
        };
        let error = if computed == reference { 0.0 } else { ((computed - reference) / scale).abs() };
        assert!(
            error <= bound,
            "{name}({a:?}, {b:?}): {computed:e}, reference {reference:e}, error {error:e}"
        );
        let entry = worst.entry(name.to_owned()).or_default();
        *entry = entry.max(error);
    }
    println!("{worst:#?}");
    assert_eq!(worst.len(), 6);
}
