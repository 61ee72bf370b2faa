//! The Gumbel scores live on a grid of 2^32 uniforms, the printed p is, from two on, that of continuous scores:
//! by how much the two differ, by exact counting.
//!
//! With 1 - u = (m - 1/2) / 2^32 for m = 1 .. 2^32, a sum of n scores is at least s iff
//!
//! ```text
//! (m_1 - 1/2) ... (m_n - 1/2) <= A,      A = 2^(32 n) e^-s
//! ```
//!
//! so the true tail is a number of lattice points under a hyperbola, over 2^(32 n). The rounding of scores to
//! 2^-40 nats is left out: it moves p by a relative 1e-12.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use taggant::law::Law;
use taggant_verify::null::Null;

/// How many values a uniform takes.
const GRID: f64 = 4_294_967_296.0;

fn printed(n: u64, a: f64) -> f64 {
    let statistic = n as f64 * GRID.ln() - a.ln();
    Null::new(Law::Exponential, n).p_value(statistic).ln().exp()
}

/// How many m in 1 ..= 2^32 have m - 1/2 <= a.
fn count_1(a: f64) -> f64 {
    (a + 0.5).floor().min(GRID)
}

/// How many pairs have (m_1 - 1/2) (m_2 - 1/2) <= a: those with a small m_1 twice, less the square of small ones.
fn count_2(a: f64) -> f64 {
    let small = count_1(a.sqrt());
    let below: f64 = (1..=small as u64).map(|m| count_1(a / (m as f64 - 0.5))).sum();
    2.0 * below - small * small
}

/// One score alone: the tail of Exp(1) is that of the middle of its cell, half a cell short; the printed p adds it.
#[test]
fn the_p_of_one_gumbel_score_is_exact() {
    for m in [1.0, 2.0, 3.0, 10.0, 4295.0, 1e6, GRID] {
        let printed = printed(1, m - 0.5);
        // ln p carries 4e-15 ln p of rounding.
        assert!((m / GRID - printed).abs() < 1e-12 * printed, "m = {m}: {printed}");
    }
}

/// Two scores: the cap of each at 33 ln 2 makes the printed p too large beyond, by 7 % at 1e-9 and tenfold at
/// the top. It is too small only around the largest score of one, where that cell counts whole or not at all:
/// by 2.2 % at 2.8e-9.
#[test]
fn the_p_of_two_gumbel_scores_is_too_small_by_a_fortieth_at_most() {
    let ratio = |a: f64| count_2(a) / GRID / GRID / printed(2, a);
    // The sums next to the largest, then p from 1e-18 to 4e-6 in steps of 3 %, then the kink at A = 2^31.
    let tops = (1..200_u64).map(|m| (m as f64 - 0.5) * 0.5);
    let steps = (200..1000).map(|e| 2_f64.powf(f64::from(e) * 0.043));
    let kink = (900..1100).map(|e| f64::from(e) * 2_f64.powi(31) / 1000.0);
    let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
    for a in tops.chain(steps).chain(kink) {
        let ratio = ratio(a);
        assert!(ratio < 1.025, "A = {a}: printed {}, true / printed = {ratio}", printed(2, a));
        (least, most) = (least.min(ratio), most.max(ratio));
    }
    assert!(least < 0.1 && most > 1.02, "from {least} to {most}");
    let at = |p: f64| {
        let a = (0..4000).map(|e| 2_f64.powf(f64::from(e) * 0.015)).find(|&a| printed(2, a) >= p).unwrap();
        ratio(a)
    };
    assert!((0.92..0.95).contains(&at(1e-9)), "{}", at(1e-9));
    assert!((at(1e-6) - 1.0).abs() < 1e-5, "{}", at(1e-6));
}
