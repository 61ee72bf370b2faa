//! Spans: against a scan that takes every window by hand, and on text whose marked part is known.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::ops::Range;

use common::{Toy, channel, green, gumbel, mark, profile, tournament};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use taggant::channel::Channel;
use taggant::law::Law;
use taggant::reader::{ContextRule, Identity, Input, Ngrams, Reader, Reading};
use taggant::scheme::Scheme;
use taggant::{ContextWidth, TokenId};
use taggant_verify::p_value::PKind;
use taggant_verify::spans::{Scan, Span, n_windows, spans};
use taggant_verify::tail::{binomial, gamma};

const COIN: Law = Law::Bernoulli { numerator: 1, denominator: 4 };

/// One document, one key, one dialect.
const ONE: NonZeroU64 = NonZeroU64::MIN;

/// Contexts of one token; the value of an n-gram is that listed for its last token.
#[derive(Debug)]
struct Listed {
    law: Law,
    values: Vec<u64>,
    identity: Identity,
    channels: Vec<Channel>,
}

impl Listed {
    fn new(law: Law, values: &[u64]) -> Self {
        let channels = vec![channel("fleet", 256, false)];
        Self { law, values: values.to_vec(), identity: Identity::Ngram, channels }
    }

    /// Tokens of which each has the value listed at its own place; the first is a context alone.
    fn tokens(&self) -> Vec<TokenId> {
        (0..self.values.len() as TokenId).collect()
    }

    fn spans(&self, alpha: f64) -> Vec<Span> {
        spans(self, &self.tokens(), alpha, ONE)
    }
}

impl Reader for Listed {
    fn context_rule(&self) -> ContextRule {
        ContextRule::completion(ContextWidth::new(1).unwrap())
    }

    fn identity(&self) -> Identity {
        self.identity
    }

    fn law(&self) -> Law {
        self.law
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn inputs(&self, ngrams: Ngrams<'_>, inputs: &mut [Input]) {
        assert_eq!(ngrams.len(), inputs.len());
        for (ngram, input) in ngrams.iter().zip(inputs) {
            // Under a keyed identity the last token alone, as for a list that does not look at the context.
            let context = if self.identity == Identity::Ngram { ngram[0] } else { 0 };
            *input = Input(u128::from(context) << 32 | u128::from(ngram[1]));
        }
    }

    fn readings(&self, ngrams: Ngrams<'_>, readings: &mut [Reading]) {
        assert_eq!(ngrams.len(), readings.len());
        for (ngram, reading) in ngrams.iter().zip(readings) {
            let channel = ngram[1] % self.channels.len() as u32;
            let value = self.values[ngram[1] as usize];
            *reading = Reading { channel: channel as u8, bucket: 0, value };
        }
    }
}

/// Values of a law, in stretches that carry none of the mark, some, or much.
fn values(law: Law, n: usize, seed: u64) -> Vec<u64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::new();
    while values.len() < n {
        let stretch = 10 + rng.next_u32() % 90;
        let strength = rng.next_u32() % 3;
        for _ in 0..stretch {
            // The largest of up to three draws.
            let largest = (0..=strength).map(|_| rng.next_u32()).max().unwrap();
            values.push(match law {
                Law::Bernoulli { .. } => u64::from(largest >> 30 == 3),
                Law::Bits { depth } => {
                    let n_ones = (u64::from(largest) * (u64::from(depth) + 1)) >> 32;
                    (1 << n_ones) - 1
                }
                _ => {
                    let u = (f64::from(largest) + 0.5) / 4_294_967_296.0;
                    (-(1.0 - u).ln() * (1_u64 << 40) as f64) as u64
                }
            });
        }
    }
    values.truncate(n);
    values
}

/// The places and scores of the inputs that count, by a set.
fn items(reader: &Listed, tokens: &[TokenId]) -> Vec<(usize, f64)> {
    let mut seen = HashSet::new();
    let mut items = Vec::new();
    for at in 1..tokens.len() {
        let ngram = &tokens[at - 1..=at];
        let mut reading = [Reading::default()];
        reader.readings(Ngrams::packed(ngram, 2), &mut reading);
        let input = if reader.identity == Identity::Ngram { (ngram[0], ngram[1]) } else { (0, ngram[1]) };
        if seen.insert(input) && !reader.channels[usize::from(reading[0].channel)].accounts {
            let score = reader.law.score(reading[0].value) as f64 / reader.law.unit() as f64;
            items.push((at, score));
        }
    }
    items
}

/// Every window of the family over n items, from its description.
fn family(n: usize) -> Vec<Range<usize>> {
    let is_rung = |length: usize| {
        length.is_power_of_two() || (length.is_multiple_of(3) && (length / 3).is_power_of_two())
    };
    let lengths = (16..=n).filter(|&length| is_rung(length) || length == n);
    let windows = |length: usize| {
        let starts = 0..=n - length;
        starts
            .filter(move |start| start % (length / 8) == 0 || *start == n - length)
            .map(move |start| start..start + length)
    };
    lengths.flat_map(windows).collect()
}

/// ln p of a window, every hypothesis counted; `None` if its sum is not above its mean.
fn adjusted(law: Law, items: &[(usize, f64)], window: &Range<usize>, family: &[Range<usize>]) -> Option<f64> {
    let sum: f64 = items[window.clone()].iter().map(|item| item.1).sum();
    let n = window.len();
    let ln_p = match law {
        Law::Bernoulli { .. } => binomial::ln_upper(n as u64, law.mean(), sum as u64),
        Law::Bits { depth } => binomial::ln_upper(n as u64 * u64::from(depth), 0.5, sum as u64),
        _ => gamma::ln_upper(n as f64, sum),
    };
    let lengths: HashSet<usize> = family.iter().map(Range::len).collect();
    let alike = family.iter().filter(|other| other.len() == n).count();
    let hypotheses = (lengths.len() * alike) as f64;
    (sum > n as f64 * law.mean()).then(|| (ln_p + hypotheses.ln()).min(0.0))
}

/// Rounding of sums of up to 400 likelihood ratios and of tails: 1e-12 each.
const ROUNDING: f64 = 1e-9;

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// Holds the items, the windows and their p to their description, window by window.
fn check_against_all_windows(
    reader: &Listed,
    tokens: &[TokenId],
    alpha: f64,
) -> Result<usize, TestCaseError> {
    let law = reader.law;
    let items = items(reader, tokens);
    let family = family(items.len());
    let scan = Scan::new(reader, tokens);
    prop_assert_eq!(scan.n_items(), items.len());
    prop_assert_eq!(n_windows(items.len()), family.len() as u64);
    let p: Vec<_> = family.iter().map(|window| adjusted(law, &items, window, &family)).collect();

    let spans = scan.spans(alpha, ONE);
    prop_assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start));
    let is_any_significant = p.iter().flatten().any(|ln_p| *ln_p <= alpha.ln());
    prop_assert_eq!(!spans.is_empty(), is_any_significant);
    let item = |token: usize| items.binary_search_by_key(&token, |item| item.0).unwrap();
    let segments: Vec<_> = spans.iter().map(|span| item(span.start)..item(span.end - 1) + 1).collect();
    for (span, segment) in spans.iter().zip(&segments) {
        let window = item(span.window_start)..item(span.window_end - 1) + 1;
        let own = family.iter().position(|other| *other == window);
        prop_assert!(own.is_some(), "{:?} is no window of the scan", window);
        let ln_p = p[own.unwrap()].unwrap();
        prop_assert!((span.p.adjusted().ln() - ln_p).abs() < ROUNDING, "{:?} {}", span, ln_p);
        let meets_it_alone =
            |window: &Range<usize>| segments.iter().all(|other| overlap(other, window) == (other == segment));
        prop_assert!(meets_it_alone(&window), "{:?}", spans);
        let alone = family.iter().zip(&p).filter(|(window, _)| meets_it_alone(window));
        let best = alone.filter_map(|(_, p)| *p).fold(0.0, f64::min);
        prop_assert!((best - ln_p).abs() < ROUNDING, "{:?}: {} < {}", span, best, ln_p);
    }
    Ok(spans.len())
}

fn settings() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(0x7461_6767),
        failure_persistence: None,
        cases: 64,
        ..Default::default()
    }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn a_scan_equals_all_its_windows_taken_by_hand(
        law in prop::sample::select(vec![COIN, Law::Exponential, Law::Bits { depth: 12 }]),
        n in 0_usize..400,
        seed in any::<u64>(),
        is_keyed in any::<bool>(),
        has_accounts in any::<bool>(),
        repeated in 0_usize..200,
    ) {
        let mut reader = Listed::new(law, &values(law, n, seed));
        if is_keyed {
            reader.identity = Identity::Keyed;
        }
        if has_accounts {
            reader.channels = vec![channel("fleet", 192, false), channel("account", 64, true), channel("b", 0, false)];
        }
        // A part of the text occurs again in its middle: those n-grams carry no value there.
        let mut tokens = reader.tokens();
        let again = tokens[..repeated.min(n)].to_vec();
        tokens.splice(n / 2..n / 2, again);
        for alpha in [0.5, 1e-4] {
            check_against_all_windows(&reader, &tokens, alpha)?;
        }
    }
}

#[test]
fn the_scans_above_find_spans_at_all() {
    for law in [COIN, Law::Exponential, Law::Bits { depth: 12 }] {
        let found = |seed| {
            let reader = Listed::new(law, &values(law, 400, seed));
            check_against_all_windows(&reader, &reader.tokens(), 0.01).unwrap()
        };
        let n_spans: Vec<usize> = (0..8).map(found).collect();
        assert!(n_spans.iter().any(|&n| n >= 2), "{law:?}: {n_spans:?}");
    }
}

#[test]
fn a_short_document_has_no_window_and_no_span() {
    let all_green = Listed::new(COIN, &[1; 17]);
    for n_tokens in [0, 1, 2, 16] {
        let scan = Scan::new(&all_green, &all_green.tokens()[..n_tokens]);
        assert_eq!(scan.n_items(), n_tokens.saturating_sub(1));
        assert!(n_windows(scan.n_items()) == 0 && scan.spans(0.1, ONE).is_empty(), "{n_tokens} tokens");
    }
    let spans = all_green.spans(0.1);
    assert_eq!((spans.len(), spans[0].start, spans[0].end, spans[0].p.hypotheses()), (1, 1, 17, 1));
    assert!((spans[0].p.ln() - 16.0 * 0.25_f64.ln()).abs() < 1e-12); // 16 roundings of ln 1/4
    assert_eq!(spans[0].p.kind(), PKind::Certified);
}

#[test]
fn an_alpha_that_is_no_level_reports_nothing_and_a_loose_one_nothing_below_the_mean() {
    let reader = Listed::new(COIN, &values(COIN, 400, 1));
    for alpha in [0.0, -0.5, f64::NAN, f64::NEG_INFINITY] {
        assert!(reader.spans(alpha).is_empty(), "alpha {alpha}");
    }
    assert!(Listed::new(COIN, &[0; 400]).spans(1.0).is_empty());
    let quarter: Vec<u64> = (0..401).map(|i| u64::from(i % 4 == 0)).collect();
    assert!(Listed::new(COIN, &quarter).spans(f64::INFINITY).iter().all(|span| span.end <= 401));
}

/// 300 tokens without the mark, 120 with all of it, and so on.
fn planted(n_planted: usize) -> Listed {
    let mut values: Vec<u64> = (0..301).map(|i| u64::from(i % 4 == 0)).collect();
    for _ in 0..n_planted {
        values.extend([1; 120]);
        values.extend((0..300).map(|i| u64::from(i % 4 == 3)));
    }
    Listed::new(COIN, &values)
}

#[test]
fn planted_spans_are_found_with_their_ends_and_equal_ones_alike() {
    for n_planted in 0..4 {
        let spans = planted(n_planted).spans(1e-6);
        let found: Vec<(usize, usize)> = spans.iter().map(|span| (span.start, span.end)).collect();
        // Token 300 is green by chance, as is the third after each planted stretch: too few to be worth the gap.
        let expected: Vec<(usize, usize)> = (0..n_planted).map(|i| (300 + 420 * i, 421 + 420 * i)).collect();
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                found.0.abs_diff(expected.0) <= 1 && found.1.abs_diff(expected.1) <= 1,
                "{found:?} {expected:?}"
            );
        }
        assert_eq!(found.len(), n_planted, "{found:?}");
    }
}

/// 120 green tokens, some that are not, and 120 green tokens.
#[test]
fn a_dip_is_part_of_a_span_and_a_paragraph_parts_two() {
    for (gap, expected) in [(0, 1), (1, 1), (15, 1), (16, 2), (200, 2)] {
        let reader = Listed::new(COIN, &[vec![1; 120], vec![0; gap], vec![1; 120]].concat());
        let spans = reader.spans(1e-6);
        assert_eq!(spans.len(), expected, "{gap}: {spans:?}");
        assert_eq!((spans[0].start, spans[expected - 1].end), (1, 240 + gap), "{gap}: {spans:?}");
    }
}

#[test]
fn a_wholly_marked_document_is_one_span() {
    let spans = Listed::new(COIN, &[1; 1000]).spans(1e-6);
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!((spans[0].start, spans[0].end), (1, 1000));
    assert_eq!((spans[0].window_start, spans[0].window_end), (1, 1000));
}

#[test]
fn every_further_hypothesis_costs_its_logarithm() {
    let reader = planted(1);
    let scan = Scan::new(&reader, &reader.tokens());
    let many = NonZeroU64::new(1_000_000).unwrap();
    let (alone, among) = (scan.spans(1e-6, ONE)[0].p, scan.spans(1e-6, many)[0].p);
    assert_eq!(among.hypotheses(), alone.hypotheses() * 1_000_000);
    assert!((among.adjusted().ln() - alone.adjusted().ln() - 1e6_f64.ln()).abs() < ROUNDING);
    // Its p is about 1e-70.
    assert!(scan.spans(1e-6, NonZeroU64::MAX).len() == 1 && scan.spans(1e-80, ONE).is_empty());
}

#[test]
fn a_marked_paragraph_is_found_where_it_occurs_first() {
    let reader = planted(1);
    let mut tokens = reader.tokens();
    tokens.extend(tokens.clone());
    let (once, twice) = (reader.spans(1e-6), spans(&reader, &tokens, 1e-6, ONE));
    assert_eq!((once.len(), twice.len()), (1, 1));
    assert_eq!((once[0].start, once[0].end), (twice[0].start, twice[0].end));
}

/// The share of keys under which a document of one paragraph, 50 times, has a span; and the share whose sum over all
/// occurrences would be as significant.
#[test]
fn repeated_text_is_counted_once() {
    let profile = profile(green("1/4", 2.0), 2);
    let document = Toy::new(1, 500).unmarked(2, 120).repeat(50);
    let alpha = 0.01;
    let runs: Vec<(bool, bool)> = (0..300_u64)
        .into_par_iter()
        .map(|key| {
            let mark = mark(&profile, key);
            let mut readings = vec![Reading::default(); document.len() - 2];
            mark.readings(Ngrams::windows(&document, 3), &mut readings);
            let n_green = readings.iter().map(|reading| reading.value).sum();
            let naive = binomial::ln_upper(readings.len() as u64, 0.25, n_green);
            (!spans(&mark, &document, alpha, ONE).is_empty(), naive <= alpha.ln())
        })
        .collect();
    let count = |accused: fn(&(bool, bool)) -> bool| runs.iter().filter(|run| accused(run)).count();
    // P(Bin(300, 0.01) >= 13) = 1e-5.
    assert!(count(|run| run.0) <= 12, "{} of 300 keys", count(|run| run.0));
    assert!(count(|run| run.1) >= 60, "the text would not show that repeats count");
}

/// Documents that know no key: how many have a span at 0.05, and that the windows are what keeps them few.
fn check_false_spans(scheme: Scheme) {
    let profile = profile(scheme, 2);
    let toy = Toy::new(1, 50);
    let alpha = 0.05_f64;
    let runs: Vec<(bool, bool)> = (0..1000_u64)
        .into_par_iter()
        .map(|n| {
            let mark = mark(&profile, n);
            let text = toy.unmarked(10_000 + n, 500);
            // A document of 16 items has one window: any of the 27 at the same level, none of the others counted.
            let is_significant = |part: &[TokenId]| {
                let part = Scan::new(&mark, part);
                part.n_items() == 16 && !part.spans(alpha, ONE).is_empty()
            };
            let alone = text.chunks(18).any(is_significant);
            (!spans(&mark, &text, alpha, ONE).is_empty(), alone)
        })
        .collect();
    let count = |accused: fn(&(bool, bool)) -> bool| runs.iter().filter(|run| accused(run)).count();
    // P(Bin(1000, 0.05) >= 86) = 2e-6.
    assert!(count(|run| run.0) <= 85, "{profile:?}: {} of 1000 documents", count(|run| run.0));
    assert!(count(|run| run.1) >= 300, "{profile:?}: {} without a correction", count(|run| run.1));
}

#[test]
fn green_documents_without_a_mark_have_few_spans() {
    check_false_spans(green("1/4", 2.0));
}

#[test]
fn gumbel_documents_without_a_mark_have_few_spans() {
    check_false_spans(gumbel());
}

#[test]
fn tournament_documents_without_a_mark_have_few_spans() {
    check_false_spans(tournament(30));
}

/// A marked document has stretches that look unmarked. Without the rule on weak gaps 3 of these fall apart.
#[test]
fn marked_documents_seldom_fall_apart() {
    let mark = mark(&profile(green("1/4", 2.0), 2), 8);
    let documents = Toy::new(1, 50).marked(&mark, 5, 60, 800);
    let n_spans: Vec<usize> =
        documents.iter().map(|document| spans(&mark, document, 1e-4, ONE).len()).collect();
    assert!(n_spans.iter().all(|&n| n == 1), "{n_spans:?}");
}

/// A marked completion between two unmarked texts, through the real sampler and reader.
fn check_marked_part(scheme: Scheme, n_marked: usize) {
    let mark = mark(&profile(scheme, 2), 5);
    let toy = Toy::new(1, 50);
    let part = &toy.marked(&mark, 3, 1, n_marked)[0];
    let text = [toy.unmarked(1, 3000), part.clone(), toy.unmarked(2, 3000)].concat();
    let spans = spans(&mark, &text, 1e-6, ONE);
    assert_eq!(spans.len(), 1, "{spans:?}");
    let off = (spans[0].start.abs_diff(3000), spans[0].end.abs_diff(3000 + n_marked));
    // What the first and last tokens say is little; the seed is fixed.
    assert!(off.0 <= 25 && off.1 <= 25, "{spans:?}");
}

#[test]
fn a_marked_part_is_found_among_unmarked_text() {
    check_marked_part(green("1/4", 2.0), 400);
    check_marked_part(gumbel(), 200);
    check_marked_part(tournament(30), 200);
}

#[test]
fn a_marked_document_is_one_span_almost_to_its_ends() {
    let mark = mark(&profile(gumbel(), 2), 6);
    let document = &Toy::new(1, 50).marked(&mark, 4, 1, 2000)[0];
    let spans = spans(&mark, document, 1e-6, ONE);
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert!(spans[0].start <= 25 && spans[0].end >= 1975, "{spans:?}");
}
