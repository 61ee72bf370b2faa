//! Linear statistics against their definition: one input at a time, in floating point, with no batches and no groups.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use std::collections::HashMap;

use common::{Toy, channel, corpus, green, gumbel, mark, profile, tournament};
use proptest::prelude::*;
use taggant::channel::Channel;
use taggant::law::Law;
use taggant::reader::{ContextRule, Identity, Input, Ngrams, Reader, Reading};
use taggant::scheme::Scheme;
use taggant::{Mark, TokenId};
use taggant_verify::coefficient::Coefficient;
use taggant_verify::linear::{LayerWeights, LinearNull, LinearSum, Statistic};
use taggant_verify::null::Null;
use taggant_verify::report::PKind;
use taggant_verify::{Corpus, Items};

fn number(value: f64) -> Coefficient {
    Coefficient::new(value).unwrap()
}

fn read(reader: &dyn Reader, ngram: &[TokenId]) -> (Input, Reading) {
    let (mut input, mut reading) = ([Input::default()], [Reading::default()]);
    reader.inputs(Ngrams::packed(ngram, ngram.len()), &mut input);
    reader.readings(Ngrams::packed(ngram, ngram.len()), &mut reading);
    (input[0], reading[0])
}

/// sum a phi, mean and variance of each channel, from the definition.
fn oracle(reader: &dyn Reader, items: &Items, layers: Option<&[f64]>) -> Vec<[f64; 3]> {
    let law = reader.law();
    let mut of_inputs: HashMap<Input, (f64, Reading)> = HashMap::new();
    for (ngram, coefficient) in items.ngrams().iter().zip(items.coefficients()) {
        let (input, reading) = read(reader, ngram);
        of_inputs.entry(input).or_insert((0.0, reading)).0 += coefficient.value();
    }
    let mut sums = vec![[0.0; 3]; reader.channels().len()];
    for (a, reading) in of_inputs.values() {
        let values: Vec<(f64, f64, f64, f64)> = match (law, layers) {
            // (weight, value, mean, variance) of each independent part
            (Law::Bits { depth }, layers) => (0..usize::from(depth))
                .map(|l| (layers.map_or(1.0, |w| w[l]), (reading.value >> l & 1) as f64, 0.5, 0.25))
                .collect(),
            _ => vec![(1.0, law.score(reading.value) as f64 / law.unit() as f64, law.mean(), law.variance())],
        };
        for (weight, value, mean, variance) in values {
            let sum = &mut sums[usize::from(reading.channel)];
            sum[0] += a * weight * value;
            sum[1] += a * weight * mean;
            sum[2] += (a * weight).powi(2) * variance;
        }
    }
    sums
}

fn check_sums(reader: &dyn Reader, items: &Items, layers: Option<&[f64]>) {
    let statistic = match layers {
        None => Statistic::new(items),
        Some(weights) => {
            let weights = weights.iter().map(|weight| number(*weight)).collect();
            Statistic::with_layers(items, LayerWeights::new(reader.law(), weights).unwrap())
        }
    };
    let sums = statistic.sum(reader, None);
    let size: f64 = items.coefficients().iter().map(|a| a.value().abs()).sum();
    for (sum, [value, mean, variance]) in sums.iter().zip(oracle(reader, items, layers)) {
        let null = LinearNull::new(reader.law(), sum);
        // A coefficient enters within 0.1 % of itself, and a value is at most 30 or so.
        let slack = 1e-3 * 32.0 * size + 1e-9;
        assert!((sum.statistic(reader.law()) - value).abs() <= slack, "{value}, {sum:?}");
        assert!((null.mean() - mean).abs() <= slack, "{mean}, {null:?}");
        assert!((null.variance() - variance).abs() <= 3e-3 * variance + 1e-9, "{variance}, {null:?}");
    }
}

fn texts() -> Vec<Vec<TokenId>> {
    let toy = Toy::new(4, 60);
    (0..6).map(|n| toy.unmarked(n, 80)).collect()
}

fn marks() -> Vec<Mark> {
    let schemes = [green("1/4", 2.0), green("3/16", 2.0), gumbel(), tournament(30), tournament(5)];
    schemes.into_iter().map(|scheme: Scheme| mark(&profile(scheme, 2), 7)).collect()
}

/// A mark that sees the token alone, so that n-grams share inputs.
#[derive(Debug)]
struct TokenOnly(Mark);

impl Reader for TokenOnly {
    fn context_rule(&self) -> ContextRule {
        self.0.context_rule()
    }

    fn identity(&self) -> Identity {
        Identity::Keyed
    }

    fn law(&self) -> Law {
        self.0.law()
    }

    fn channels(&self) -> &[Channel] {
        self.0.channels()
    }

    fn inputs(&self, ngrams: Ngrams<'_>, inputs: &mut [Input]) {
        for (input, ngram) in inputs.iter_mut().zip(ngrams.iter()) {
            *input = Input(ngram[2].into());
        }
    }

    fn readings(&self, ngrams: Ngrams<'_>, readings: &mut [Reading]) {
        let tokens: Vec<TokenId> = ngrams.iter().flat_map(|ngram| [0, 0, ngram[2]]).collect();
        self.0.readings(Ngrams::packed(&tokens, 3), readings);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sums_equal_their_definition(scale in -3.0..3.0_f64, turn in 1_u32..50) {
        for mark in marks() {
            let corpus = corpus(&mark, &texts());
            let items = Items::of_corpus(&corpus, |of| {
                number(scale * f64::from((of.ngram[2] * turn) % 11) - of.times as f64)
            });
            check_sums(&mark, &items, None);
            check_sums(&TokenOnly(mark), &items, None);
        }
    }

    #[test]
    fn layers_have_weights_of_their_own(weights in proptest::collection::vec(-2.0..4.0_f64, 30)) {
        let mark = mark(&profile(tournament(30), 2), 8);
        let corpus = corpus(&mark, &texts());
        let items = Items::of_corpus(&corpus, |of| number((of.times as f64).sqrt()));
        check_sums(&mark, &items, Some(&weights));
    }
}

#[test]
fn channels_have_sums_of_their_own() {
    let channels = vec![channel("fleet", 100, false), channel("other", 156, false)];
    let mark = mark(&profile(green("1/2", 2.0), 2).with_channels(channels).unwrap(), 9);
    let corpus = corpus(&mark, &texts());
    let items = Items::of_corpus(&corpus, |of| number(of.times as f64));
    check_sums(&mark, &items, None);
}

#[test]
fn parts_merge_to_the_whole() {
    for mark in marks() {
        let corpus = corpus(&mark, &texts());
        let weigh = |ngram: &[TokenId]| number(f64::from(ngram[1] % 5) - 1.3);
        let whole = Items::of_corpus(&corpus, |of| weigh(of.ngram));
        let mut merged = vec![LinearSum::default(); mark.channels().len()];
        for part in 0..3 {
            let mut items = Items::new(mark.context_rule());
            let mine = corpus.ngrams().iter().enumerate().filter(|(at, _)| at % 3 == part);
            mine.for_each(|(_, ngram)| items.add(ngram, weigh(ngram)));
            for (sum, of_part) in merged.iter_mut().zip(Statistic::new(&items).sum(&mark, None)) {
                sum.merge(&of_part);
            }
        }
        assert_eq!(merged, Statistic::new(&whole).sum(&mark, None));
    }
}

#[test]
fn a_filter_keeps_what_it_holds() {
    let mark = mark(&profile(green("1/4", 2.0), 2), 10);
    let texts = texts();
    let corpus = corpus(&mark, &texts);
    let served = common::served(2, &texts[..2]);
    let items = Items::of_corpus(&corpus, |of| number(of.times as f64));
    let kept: Vec<_> = (items.ngrams().iter().zip(items.coefficients()))
        .filter(|(ngram, _)| served.contains(&ngram[..2]))
        .collect();
    let mut expected = Items::new(mark.context_rule());
    kept.iter().for_each(|(ngram, coefficient)| expected.add(ngram, **coefficient));
    let found = Statistic::new(&items).sum(&mark, Some(&served));
    assert_eq!(found, Statistic::new(&expected).sum(&mark, None));
    assert!(found[0].n() > 0 && found[0].n() < items.coefficients().len() as u64);
}

#[test]
fn equal_coefficients_are_a_count_and_all_else_is_certified() {
    for mark in marks() {
        let corpus = corpus(&mark, &texts());
        let sum_of = |weigh: &dyn Fn(&[TokenId]) -> f64| {
            let items = Items::of_corpus(&corpus, |of| number(weigh(of.ngram)));
            Statistic::new(&items).sum(&mark, None).remove(0)
        };
        let law = mark.law();
        let p = |sum: &LinearSum| LinearNull::new(law, sum).p_value(sum.statistic(law));
        let count = sum_of(&|_| 1.0);
        let plain = Null::new(law, corpus.counts().distinct).p_value(count.statistic(law));
        assert_eq!((p(&count).kind(), p(&count).ln()), (PKind::Exact, plain.ln()));
        let triple = sum_of(&|_| 3.0);
        assert!((p(&triple).ln() - plain.ln()).abs() < 1e-9 * plain.ln().abs().max(1.0));
        // All negative: the lower tail of the count, as a bound.
        let negative = sum_of(&|_| -1.0);
        assert_eq!(p(&negative).kind(), PKind::Certified);
        let mixed = sum_of(&|ngram| f64::from(ngram[2] % 3) + 0.5);
        let null = LinearNull::new(law, &mixed);
        assert_eq!(p(&mixed).kind(), PKind::Certified);
        assert!(null.ln_p_approx(mixed.statistic(law)).unwrap() <= p(&mixed).ln());
        assert!(null.effective_n() < corpus.counts().distinct as f64 * 31.0 && null.effective_n() > 10.0);
    }
}

#[test]
fn nothing_with_a_coefficient_supports_no_claim() {
    let mark = mark(&profile(gumbel(), 2), 11);
    let empty = Corpus::new(mark.context_rule());
    let nothing = Items::of_corpus(&empty, |_| Coefficient::ONE);
    let corpus = corpus(&mark, &texts());
    let zeros = Items::of_corpus(&corpus, |_| Coefficient::default());
    for items in [nothing, zeros] {
        let sum = Statistic::new(&items).sum(&mark, None).remove(0);
        let null = LinearNull::new(mark.law(), &sum);
        assert_eq!((sum.n(), null.p_value(0.0).ln(), null.z(0.0), null.ln_e(0.0, 1.0)), (0, 0.0, None, 0.0));
        assert_eq!((null.effective_n(), null.ln_p_approx(0.0)), (0.0, None));
    }
}

#[test]
fn layer_weights_are_one_for_each_bit() {
    let bits = Law::Bits { depth: 3 };
    assert!(LayerWeights::new(bits, vec![Coefficient::ONE; 3]).is_ok());
    for (law, n) in [(bits, 2), (bits, 4), (Law::Exponential, 0), (Law::Exponential, 1)] {
        let error = LayerWeights::new(law, vec![Coefficient::ONE; n]).unwrap_err();
        assert!(error.to_string().contains(&format!("found {n}")), "{error}");
    }
}
