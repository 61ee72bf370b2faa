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

/// What a file of references reaches, so that a shorter one does not pass unseen.
struct Coverage {
    sizes: (f64, f64),
    rates: std::collections::BTreeSet<u64>,
    /// For the upper and the lower tail: how many ln P lie in -1e6 ..= -1e-3, the least and the largest below 0.
    tails: [(usize, f64, f64); 2],
}

impl Coverage {
    fn of(rows: &[Value], size_and_rate: impl Fn(&Value) -> (f64, f64)) -> Self {
        let mut covered = Self {
            sizes: (f64::INFINITY, 0.0),
            rates: Default::default(),
            tails: [(0, 0.0, f64::NEG_INFINITY); 2],
        };
        for row in rows {
            let (size, rate) = size_and_rate(row);
            covered.sizes = (covered.sizes.0.min(size), covered.sizes.1.max(size));
            covered.rates.insert(rate.to_bits());
            for (tail, field) in covered.tails.iter_mut().zip(["ln_upper", "ln_lower"]) {
                let ln = real(row, field);
                if ln < 0.0 {
                    let is_counted = (-1e6..=-1e-3).contains(&ln);
                    *tail = (tail.0 + usize::from(is_counted), tail.1.min(ln), tail.2.max(ln));
                }
            }
        }
        covered
    }

    /// n from 1 to 1e9, and for both tails 200 references, of both together 300, from -1e-3 to -1e6.
    fn check(&self) {
        assert!(self.sizes.0 <= 1.0 && self.sizes.1 >= 1e9, "sizes {:?}", self.sizes);
        let [(upper, ..), (lower, ..)] = self.tails;
        assert!(upper + lower >= 300, "{:?}", self.tails);
        for (inside, least, largest) in self.tails {
            assert!(inside >= 200 && least <= -1e6 && largest >= -1e-3, "{:?}", self.tails);
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
    let rows = rows(include_str!("data/tail_binomial.json"));
    for row in &rows {
        let (n, p, k) = (count(row, "n"), real(row, "p"), count(row, "k"));
        upper.check_tail(
            &format!("upper n={n} p={p:?} k={k}"),
            binomial::ln_upper(n, p, k),
            real(row, "ln_upper"),
        );
        lower.check_tail(
            &format!("lower n={n} p={p:?} k={k}"),
            binomial::ln_lower(n, p, k),
            real(row, "ln_lower"),
        );
    }
    println!("{upper:#?}\n{lower:#?}");
    let covered = Coverage::of(&rows, |row| (count(row, "n") as f64, real(row, "p")));
    covered.check();
    let has_rate = |j: u32| covered.rates.contains(&(f64::from(j) / 256.0).to_bits());
    assert!((1..256).all(has_rate), "every green share in 256ths");
    for (name, is_edge) in [
        ("S = 0", (|n, k| n > 1 && k == 0) as fn(u64, u64) -> bool),
        ("S = n", |n, k| n > 1 && k == n),
        ("n = 1", |n, _| n == 1),
    ] {
        let found = rows.iter().filter(|row| is_edge(count(row, "n"), count(row, "k"))).count();
        assert!(found >= 10, "{name}: {found} references");
    }
}

#[test]
fn gamma_tails_match_the_reference() {
    let (mut upper, mut lower) = (Worst::default(), Worst::default());
    let rows = rows(include_str!("data/tail_gamma.json"));
    for row in &rows {
        let (shape, x) = (real(row, "shape"), real(row, "x"));
        upper.check_tail(
            &format!("upper shape={shape:?} x={x:?}"),
            gamma::ln_upper(shape, x),
            real(row, "ln_upper"),
        );
        lower.check_tail(
            &format!("lower shape={shape:?} x={x:?}"),
            gamma::ln_lower(shape, x),
            real(row, "ln_lower"),
        );
    }
    println!("{upper:#?}\n{lower:#?}");
    Coverage::of(&rows, |row| (real(row, "shape"), 0.0)).check();
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
