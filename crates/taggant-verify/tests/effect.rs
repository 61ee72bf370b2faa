//! Intervals for the effect against the definition written out, their exact coverage, and the bootstrap's contract.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use std::collections::HashSet;

use common::{Toy, channel, corpus, green, gumbel, mark, profile, report, tournament};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taggant::TokenId;
use taggant::law::Law;
use taggant::reader::{ContextRule, Identity, Input, Ngrams, Reader, Reading};
use taggant_verify::EffectInterval;
use taggant_verify::bootstrap::{REPLICATES, SEED, bootstrap, contributions};
use taggant_verify::null::Null;
use taggant_verify::tail::quantile;
use taggant_verify::tally::Tally;

const QUARTER: Law = Law::Bernoulli { numerator: 1, denominator: 4 };

/// Tail probabilities of both implementations differ by 1e-12 at most; a grid point that close to an end proves nothing.
const GRID_TIE: f64 = 1e-9;

fn pmf(n: u64, q: f64, k: u64) -> f64 {
    let choose: f64 = (1..=k).map(|j| (n + 1 - j) as f64 / j as f64).product();
    choose * q.powi(k as i32) * (1.0 - q).powi((n - k) as i32)
}

/// The rates that neither one-sided test rejects, from a grid, by the sums in the definition: no bisection.
#[test]
fn coin_intervals_hold_exactly_the_rates_that_the_test_does_not_reject() {
    for (n, level) in [(1, 0.95), (2, 0.9), (7, 0.99), (20, 0.95), (40, 0.5)] {
        for s in 0..=n {
            let interval = EffectInterval::exact(QUARTER, n, s as f64, level).unwrap().excess;
            let side = (1.0 - level) / 2.0;
            for step in 0..=2000 {
                let q = f64::from(step) / 2000.0;
                let upper: f64 = (s..=n).map(|k| pmf(n, q, k)).sum();
                let lower: f64 = (0..=s).map(|k| pmf(n, q, k)).sum();
                if (upper - side).abs() < GRID_TIE || (lower - side).abs() < GRID_TIE {
                    continue;
                }
                let is_in = (interval.low..=interval.high).contains(&(q - 0.25));
                assert_eq!(
                    is_in,
                    upper > side && lower > side,
                    "n={n} s={s} level={level} q={q}: {interval:?}"
                );
            }
        }
    }
}

#[test]
fn intervals_equal_published_ones() {
    // Clopper-Pearson for 4 of 20 at 95 %: 0.0573 to 0.4366 (R, binom.test(4, 20)).
    let interval = EffectInterval::exact(QUARTER, 20, 4.0, 0.95).unwrap().excess;
    assert!((interval.low + 0.25 - 0.057_334).abs() < 1e-6, "{interval:?}");
    assert!((interval.high + 0.25 - 0.436_614).abs() < 1e-6, "{interval:?}");
    // 2 S / scale is chi-square with 2 n degrees of freedom; its 2.5 and 97.5 % points for 20 are 9.5908 and 34.1696.
    let interval = EffectInterval::exact(Law::Exponential, 10, 10.0, 0.95).unwrap().excess;
    assert!((interval.low + 1.0 - 20.0 / 34.169_607).abs() < 1e-7, "{interval:?}");
    assert!((interval.high + 1.0 - 20.0 / 9.590_777).abs() < 1e-7, "{interval:?}");
}

/// Summed over all outcomes, no simulation: at least the level at every rate.
#[test]
fn coverage_of_coin_intervals_is_never_below_the_level() {
    for (n, level) in [(1_u64, 0.95), (5, 0.95), (30, 0.95), (30, 0.99)] {
        let intervals: Vec<_> =
            (0..=n).map(|s| EffectInterval::exact(QUARTER, n, s as f64, level).unwrap().excess).collect();
        for step in 0..=500 {
            let q = f64::from(step) / 500.0;
            let covers = |s: &u64| {
                let interval = &intervals[*s as usize];
                // The ends themselves are in, whatever their last rounding.
                interval.low - 1e-12 <= q - 0.25 && q - 0.25 <= interval.high + 1e-12
            };
            let coverage: f64 = (0..=n).filter(covers).map(|s| pmf(n, q, s)).sum();
            assert!(coverage >= level - 1e-12, "n={n} q={q}: {coverage} < {level}");
        }
    }
}

#[test]
fn edges_of_the_interval_are_as_documented() {
    let exact = EffectInterval::exact;
    let none = exact(QUARTER, 100, 0.0, 0.95).unwrap();
    assert_eq!((none.excess.low, none.excess.estimate), (-0.25, -0.25));
    assert!(
        (none.excess.high + 0.25 - (1.0 - 0.025_f64.powf(0.01))).abs() < 1e-13,
        "the rule of three, exactly"
    );
    let all = exact(QUARTER, 100, 100.0, 0.95).unwrap();
    assert_eq!((all.excess.high, all.excess.estimate), (0.75, 0.75));
    let one = exact(QUARTER, 1, 1.0, 0.95).unwrap();
    assert!((one.excess.low + 0.225).abs() < 1e-13 && one.excess.high == 0.75);
    assert_eq!(one.level, 0.95);
    let score = exact(Law::Exponential, 1, 2.0, 0.95).unwrap();
    assert!((score.excess.low + 1.0 - 2.0 / -(0.025_f64.ln())).abs() < 1e-13);
    assert!((score.excess.high + 1.0 - 2.0 / -((-0.025_f64).ln_1p())).abs() < 1e-11);
    assert_eq!(exact(Law::Exponential, 5, 0.0, 0.95).unwrap().excess.high, -1.0);

    assert_eq!(exact(QUARTER, 0, 0.0, 0.95), None);
    for impossible in [101.0, 0.5, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(exact(QUARTER, 100, impossible, 0.95), None, "{impossible}");
    }
    for impossible in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(exact(Law::Exponential, 100, impossible, 0.95), None, "{impossible}");
    }
    for level in [0.0, 0.499, 1.0, 1.5, -0.1, f64::NAN, f64::INFINITY] {
        assert_eq!(exact(QUARTER, 100, 30.0, level), None, "{level}");
    }
    for law in
        [Law::Bernoulli { numerator: 0, denominator: 2 }, Law::Bernoulli { numerator: 2, denominator: 2 }]
    {
        assert_eq!(exact(law, 10, 0.0, 0.95), None, "{law:?}");
    }
}

#[test]
fn edges_of_the_upper_bounds_are_as_documented() {
    let rate = quantile::binomial_rate_at_lower_tail;
    assert_eq!((rate(9, 3, 0.0), rate(9, 9, -3.0), rate(9, 10, -3.0)), (0.0, 1.0, 1.0));
    assert_eq!((rate(9, 3, f64::NEG_INFINITY), rate(9, 3, f64::NAN), rate(0, 0, -1.0)), (1.0, 1.0, 1.0));
    // One coin, no success: 1 - q = tail.
    assert!((rate(1, 0, 0.025_f64.ln()) - 0.975).abs() < 1e-15);
    let scale = quantile::gamma_scale_at_lower_tail;
    assert_eq!((scale(3.0, 0.0, -1.0), scale(3.0, -1.0, -1.0), scale(3.0, 1.0, 0.0)), (0.0, 0.0, 0.0));
    for (shape, x, ln_tail) in [
        (3.0, 1.0, f64::NEG_INFINITY),
        (3.0, 1.0, f64::NAN),
        (3.0, f64::NAN, -1.0),
        (3.0, f64::INFINITY, -1.0),
        (0.0, 1.0, -1.0),
        (0.1, 1.0, -1.0),
    ] {
        assert_eq!(scale(shape, x, ln_tail), f64::INFINITY, "{shape} {x} {ln_tail}");
    }
}

#[test]
fn intervals_hold_for_a_billion_inputs_and_at_extremes() {
    let n = 1_000_000_000;
    let found = EffectInterval::exact(QUARTER, n, 250_010_000.0, 0.95).unwrap().excess;
    // 1.96 standard deviations of 13,693.25 green tokens to either side, and half a token for the steps of a count.
    assert!((found.estimate - 1e-5).abs() < 1e-12);
    assert!((found.high - found.low - 2.0 * 1.959_964 * 13_693.25e-9 - 1e-9).abs() < 2e-10, "{found:?}");
    let rare = EffectInterval::exact(QUARTER, n, 1.0, 0.99).unwrap().excess;
    // The Poisson limits for one event at 99 %: 0.005013 and 7.430.
    assert!(
        ((rare.low + 0.25) * 1e9 - 0.005_013).abs() < 1e-6 && ((rare.high + 0.25) * 1e9 - 7.430).abs() < 1e-3
    );
    let scores = EffectInterval::exact(Law::Exponential, n, 1.1e9, 0.95).unwrap().effect;
    assert!((scores.high - scores.low - 2.2 * 1.959_964 / 1e9_f64.sqrt()).abs() < 1e-8, "{scores:?}");
}

fn laws() -> impl Strategy<Value = Law> {
    prop_oneof![
        (1_u64..256).prop_map(|numerator| Law::Bernoulli { numerator, denominator: 256 }),
        Just(Law::Exponential),
        (1_u8..=32).prop_map(|depth| Law::Bits { depth }),
    ]
}

/// A law, a size from 1 to 1e9, and a statistic anywhere in its range, near the null as a rule.
fn outcomes() -> impl Strategy<Value = (Law, u64, f64)> {
    (laws(), 0.0..9.0_f64, -8.0..8.0_f64).prop_map(|(law, size, z)| {
        let null = Null::new(law, 10_f64.powf(size) as u64);
        let statistic = null.mean() + z * null.variance().sqrt();
        let most = null.mean() / law.mean()
            * f64::from(match law {
                Law::Bits { depth } => depth,
                _ => 1,
            });
        match law {
            Law::Exponential => (law, 10_f64.powf(size) as u64, statistic.max(1e-3)),
            _ => (law, 10_f64.powf(size) as u64, statistic.clamp(0.0, most).floor()),
        }
    })
}

fn repeatable(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(2),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(repeatable(400))]

    #[test]
    fn intervals_are_nested_in_the_level_and_hold_the_estimate((law, n, statistic) in outcomes()) {
        let at = |level| EffectInterval::exact(law, n, statistic, level).unwrap().effect;
        let (narrow, wide) = (at(0.9), at(0.99));
        prop_assert!(wide.low <= narrow.low && narrow.low <= narrow.estimate, "{law:?} {n} {statistic} {narrow:?}");
        prop_assert!(narrow.estimate <= narrow.high && narrow.high <= wide.high, "{law:?} {n} {statistic} {narrow:?}");
        prop_assert!(wide.high.is_finite());
    }

    #[test]
    fn ends_rise_with_the_statistic((law, n, statistic) in outcomes()) {
        let at = |statistic| EffectInterval::exact(law, n, statistic, 0.95);
        let here = at(statistic).unwrap().excess;
        if let Some(next) = at(statistic + 1.0) {
            prop_assert!(here.low < next.excess.low + 1e-15 && here.high < next.excess.high + 1e-15, "{law:?} {n} {statistic}");
        }
    }

    /// The test at a and the lower end at level 1 - 2 a are one thing.
    #[test]
    fn the_lower_end_is_above_zero_exactly_when_the_test_rejects((law, n, statistic) in outcomes()) {
        // One input of a Gumbel mark is tested on the grid of scores, a hair away from the exponential law.
        prop_assume!(n > 1 || law != Law::Exponential);
        let p = Null::new(law, n).p_value(statistic).ln().exp();
        prop_assume!((p - 0.025).abs() > 1e-9);
        let low = EffectInterval::exact(law, n, statistic, 0.95).unwrap().excess.low;
        prop_assert_eq!(low > 0.0, p < 0.025, "{:?} {} {}: p {} low {}", law, n, statistic, p, low);
    }

    #[test]
    fn both_units_are_one_effect((law, n, statistic) in outcomes()) {
        let found = EffectInterval::exact(law, n, statistic, 0.95).unwrap();
        let sd = law.variance().sqrt();
        for (effect, excess) in [(found.effect.low, found.excess.low), (found.effect.high, found.excess.high)] {
            prop_assert!((effect * sd - excess).abs() <= 1e-12 * excess.abs().max(1.0));
        }
        prop_assert!((found.excess.estimate - (statistic / n as f64 - law.mean())).abs() < 1e-12);
    }
}

/// Like a mark, but the value depends on the scored token alone: n-grams share inputs.
#[derive(Debug)]
struct TokenOnly<R>(R);

impl<R: Reader> Reader for TokenOnly<R> {
    fn context_rule(&self) -> ContextRule {
        self.0.context_rule()
    }

    fn identity(&self) -> Identity {
        Identity::Keyed
    }

    fn law(&self) -> Law {
        self.0.law()
    }

    fn channels(&self) -> &[taggant::channel::Channel] {
        self.0.channels()
    }

    fn inputs(&self, ngrams: Ngrams<'_>, inputs: &mut [Input]) {
        for (input, ngram) in inputs.iter_mut().zip(ngrams.iter()) {
            *input = Input(ngram[ngram.len() - 1].into());
        }
    }

    fn readings(&self, ngrams: Ngrams<'_>, readings: &mut [Reading]) {
        let tokens: Vec<TokenId> = ngrams.iter().flat_map(|ngram| [0, 0, ngram[ngram.len() - 1]]).collect();
        self.0.readings(Ngrams::packed(&tokens, 3), readings);
    }
}

fn texts() -> Vec<Vec<TokenId>> {
    let toy = Toy::new(3, 500);
    let mut texts: Vec<Vec<TokenId>> = (0..6).map(|seed| toy.unmarked(seed, 120)).collect();
    texts.insert(2, Vec::new());
    texts.insert(4, texts[0].clone());
    texts
}

fn check_contributions(reader: &dyn Reader) {
    let texts = texts();
    let found = contributions(reader, &corpus(reader, &texts));
    assert!(found.len() < texts.len(), "one text is empty, and one says what others say");
    assert!(found.iter().all(|tally| tally.n > 0));
    let reversed: Vec<_> = texts.iter().rev().cloned().collect();
    assert_eq!(contributions(reader, &corpus(reader, &reversed)), found, "the order of documents matters");
    let reported = report(reader, &texts, None);
    let n: u64 = found.iter().map(|tally| tally.n).sum();
    assert_eq!(n, reported.tests.iter().map(|test| test.n).sum::<u64>());
    let sum: u128 = found.iter().map(|tally| tally.sum).sum();
    let statistic: f64 = reported.tests.iter().map(|test| test.statistic).sum();
    assert_eq!(sum as f64 / reader.law().unit() as f64, statistic);
    // A document on its own keeps all that it holds.
    let alone = report(reader, &texts[..1], None);
    let found = contributions(reader, &corpus(reader, &texts[..1]));
    assert_eq!((found.len(), found[0].n), (1, alone.tests.iter().map(|test| test.n).sum::<u64>()));
}

#[test]
fn contributions_book_each_input_to_one_document_that_holds_it() {
    for scheme in [green("1/4", 2.0), gumbel(), tournament(30)] {
        check_contributions(&mark(&profile(scheme, 2), 1));
    }
    let channels = [channel("fleet", 100, false), channel("account", 60, true), channel("public", 96, false)];
    check_contributions(&mark(&profile(green("1/2", 2.0), 2).with_channels(channels.to_vec()).unwrap(), 1));
    let keyed = TokenOnly(mark(&profile(green("1/4", 2.0), 2), 1));
    check_contributions(&keyed);
    let texts = texts();
    let tokens: HashSet<TokenId> = texts.iter().flat_map(|text| text.iter().skip(2)).copied().collect();
    let found = contributions(&keyed, &corpus(&keyed, &texts));
    assert_eq!(found.iter().map(|tally| tally.n).sum::<u64>(), tokens.len() as u64);
}

fn tallies(pairs: &[(u64, u128)]) -> Vec<Tally> {
    let mut tallies = Vec::new();
    for &(n, sum) in pairs {
        let mut tally = Tally::default();
        (tally.n, tally.sum) = (n, sum);
        tallies.push(tally);
    }
    tallies
}

#[test]
fn bootstrap_needs_two_documents_that_differ() {
    let none = |pairs: &[(u64, u128)]| bootstrap(&tallies(pairs), QUARTER, 0.95, REPLICATES, SEED).is_none();
    assert!(none(&[]));
    assert!(none(&[(0, 0), (0, 0)]));
    assert!(none(&[(100, 30), (0, 0)]));
    assert!(none(&[(100, 30), (50, 15), (10, 3)]), "one rate: no spread to learn from");
    assert!(!none(&[(100, 30), (50, 16)]));
    let two = tallies(&[(100, 30), (50, 16)]);
    for (level, replicates) in
        [(0.95, 38), (0.99, 198), (1.0, 1999), (0.4, 1999), (f64::NAN, 1999), (0.95, 0)]
    {
        assert_eq!(bootstrap(&two, QUARTER, level, replicates, SEED), None, "{level} {replicates}");
    }
    assert!(bootstrap(&two, QUARTER, 0.95, 39, SEED).is_some());
    assert!(bootstrap(&two, QUARTER, 0.99, 199, SEED).is_some());
}

#[test]
fn bootstrap_of_two_documents_knows_next_to_nothing() {
    // Half of the replicates draw one document twice, and have no spread at all.
    let found = bootstrap(&tallies(&[(100, 30), (50, 16)]), QUARTER, 0.95, REPLICATES, SEED).unwrap().excess;
    assert_eq!((found.low, found.high), (-0.25, 0.75));
    let found =
        bootstrap(&tallies(&[(100, 1 << 46), (50, 1 << 46)]), Law::Exponential, 0.95, REPLICATES, SEED);
    let found = found.unwrap().excess;
    assert_eq!((found.low, found.high), (-1.0, f64::INFINITY));
}

#[test]
fn bootstrap_depends_on_its_arguments_alone() {
    let pairs: Vec<(u64, u128)> = (0..40).map(|d: u64| (50 + d % 7, u128::from(15 + d * d % 11))).collect();
    let run =
        |pairs: &[(u64, u128)], seed| bootstrap(&tallies(pairs), QUARTER, 0.95, REPLICATES, seed).unwrap();
    let first = run(&pairs, SEED);
    assert_eq!(first, run(&pairs, SEED));
    assert_ne!(first, run(&pairs, 2));
    // Documents without inputs are none.
    let mut more = pairs.clone();
    more.insert(7, (0, 0));
    assert_eq!(first, run(&more, SEED));
    let ratio = pairs.iter().map(|pair| pair.1 as f64).sum::<f64>()
        / pairs.iter().map(|pair| pair.0 as f64).sum::<f64>();
    assert!((first.excess.estimate - (ratio - 0.25)).abs() < 1e-12);
    assert!(first.excess.low < first.excess.estimate && first.excess.estimate < first.excess.high);
}

/// With many alike documents the studentised interval is the normal one: r +- 1.96 se.
#[test]
fn bootstrap_of_many_documents_is_the_normal_interval() {
    let pairs: Vec<(u64, u128)> = (0..1000).map(|d: u64| (100, u128::from(25 + d % 5 + d / 7 % 3))).collect();
    let found = bootstrap(&tallies(&pairs), QUARTER, 0.95, REPLICATES, SEED).unwrap().excess;
    let rates: Vec<f64> = pairs.iter().map(|pair| pair.1 as f64 / 100.0).collect();
    let (mean, sd) = common::mean_and_sd(&rates);
    let half = 1.96 * sd / 1000_f64.sqrt();
    // Order statistics 50 of 1999 are off by about 0.06 standard errors; this is three times that.
    assert!((found.low - (mean - 0.25 - half)).abs() < 0.1 * half, "{found:?}");
    assert!((found.high - (mean - 0.25 + half)).abs() < 0.1 * half, "{found:?}");
}
