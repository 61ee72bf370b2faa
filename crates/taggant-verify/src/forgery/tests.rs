//! Simulated rows: a genuine writer, a forger who knows common contexts only, and the edges.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use taggant::reader::{ContextRule, Identity, Input, Ngrams, Reader, Reading};
use taggant::sampling::UnmarkedSampler;
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant::writer::{RepeatRule, Writer};
use taggant::{ContextWidth, Mark, Profile, SamplingParams, Secret, TokenId};

use super::*;
use crate::error::Error;

const VOCAB: usize = 64;

fn mark(scheme: Scheme, key: u64) -> Mark {
    let profile = Profile::new(scheme, ContextWidth::new(2).unwrap(), "2026q4").unwrap();
    let mut secret = [0; 32];
    ChaCha8Rng::seed_from_u64(key).fill_bytes(&mut secret);
    Mark::new(&Secret::from_bytes(secret), &profile)
}

fn green() -> Scheme {
    Scheme::Green(GreenList::new("1/4".parse().unwrap(), 2.0).unwrap())
}

/// Logits after a token: one clear favourite after low tokens, which are frequent, and none after high ones, so that
/// strata differ in how free the writer is. Integer arithmetic: the same on every platform.
fn logits(history: &[TokenId], row: &mut [f32]) {
    let last = history.last().copied().unwrap_or(0);
    for (token, logit) in (0..).zip(&mut *row) {
        let noise = (token ^ last.wrapping_mul(37)).wrapping_mul(2_654_435_761) >> 28;
        *logit = noise as f32 * 0.125 - token as f32 * 0.0625;
    }
    if last < 16 {
        row[(last * 5 + 3) as usize % 64] += 6.0;
    }
}

fn row_after(history: &[TokenId], row: &mut [f64]) -> Result<(), Error> {
    let mut ln = vec![0.0; row.len()];
    logits(history, &mut ln);
    row.iter_mut().zip(ln).for_each(|(p, ln)| *p = libm::exp(ln.into()));
    Ok(())
}

fn frequencies() -> Frequencies {
    let mut frequencies = Frequencies::new(2);
    (0..40).for_each(|seed| frequencies.add(&unmarked(seed, 500)));
    frequencies
}

fn unmarked(seed: u64, n_tokens: usize) -> Vec<TokenId> {
    let (mut rng, mut sampler) = (ChaCha8Rng::seed_from_u64(seed), UnmarkedSampler::new());
    let (mut tokens, mut row) = (Vec::new(), [0.0; VOCAB]);
    while tokens.len() < n_tokens {
        logits(&tokens, &mut row);
        tokens.push(sampler.sample(&row, &SamplingParams::default(), &mut rng).unwrap());
    }
    tokens
}

/// A text in which a context is marked if `knows` it.
fn written(mark: &Mark, seed: u64, n_tokens: usize, knows: impl Fn(&[TokenId]) -> bool) -> Vec<TokenId> {
    let (mut rng, mut sampler) = (ChaCha8Rng::seed_from_u64(seed), UnmarkedSampler::new());
    let (mut session, mut row) = (mark.session(n_tokens), [0.0; VOCAB]);
    let params = SamplingParams::default();
    while session.tokens().len() < n_tokens {
        let known = session.tokens().last_chunk::<2>().is_some_and(|context| knows(context));
        logits(session.tokens(), &mut row);
        let token = if known {
            session.sample(&mut row, &params, &mut rng)
        } else {
            sampler.sample(&row, &params, &mut rng)
        };
        session.accept(token.unwrap());
    }
    session.tokens().to_vec()
}

fn contrast(mark: &Mark, frequencies: &Frequencies, texts: &[Vec<TokenId>]) -> Option<Contrast> {
    let mut scorer = Scorer::new(mark, frequencies, 1.0, VOCAB).unwrap();
    texts.iter().for_each(|text| scorer.add(text, row_after).unwrap());
    let dropped = scorer.dropped();
    let lost = dropped.short_context + dropped.repeated_context + dropped.no_account + dropped.impossible;
    let tokens = texts.iter().map(|text| text.len() as u64).sum::<u64>();
    assert_eq!(scorer.items().len() as u64 + lost, tokens, "tokens are items or dropped");
    Contrast::new(scorer.items(), Strata { rare_at_least: 0, rare_at_most: 3, common_at_least: 12 })
}

/// z under fresh keys: mean 0, deviation 1, each within five standard errors of this many keys.
fn check_null(scheme: Scheme) {
    let frequencies = frequencies();
    let z: Vec<f64> = (0..200)
        .map(|key| {
            let mark = mark(scheme, key);
            let text = written(&mark, 1000 + key, 600, |_| true);
            contrast(&mark, &frequencies, &[text]).unwrap().test().z
        })
        .collect();
    let n = z.len() as f64;
    let mean = z.iter().sum::<f64>() / n;
    let sd = (z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    assert!(mean.abs() < 5.0 / n.sqrt(), "{scheme:?}: mean z {mean}");
    assert!((sd - 1.0).abs() < 5.0 / (2.0 * n).sqrt(), "{scheme:?}: sd of z {sd}");
}

#[test]
fn genuine_green_texts_have_a_standard_z() {
    check_null(green());
}

#[test]
fn genuine_gumbel_texts_have_a_standard_z() {
    check_null(Scheme::Gumbel(GumbelMax::new()));
}

/// Without the reference's rows, the colours of genuine texts differ between strata, for the strata differ.
#[test]
fn colours_alone_would_not_do() {
    let frequencies = frequencies();
    let (mut n, mut sum) = ([0.0; 2], [0.0; 2]);
    for key in 0..60 {
        let mark = mark(green(), key);
        let mut scorer = Scorer::new(&mark, &frequencies, 1.0, VOCAB).unwrap();
        scorer.add(&written(&mark, 1000 + key, 600, |_| true), row_after).unwrap();
        for item in scorer.items().iter().filter(|item| !(4..12).contains(&item.frequency)) {
            let stratum = usize::from(item.frequency >= 12);
            n[stratum] += 1.0;
            sum[stratum] += item.score;
        }
    }
    let rate = [sum[0] / n[0], sum[1] / n[1]];
    let variance = |at: usize| rate[at] * (1.0 - rate[at]) / n[at];
    let z = (rate[1] - rate[0]) / (variance(0) + variance(1)).sqrt();
    assert!(z.abs() > 6.0, "the strata are too alike to show anything: rates {rate:?}, z {z}");
}

#[test]
fn forger_who_knows_common_contexts_is_flagged() {
    let frequencies = frequencies();
    for scheme in [green(), Scheme::Gumbel(GumbelMax::new())] {
        let mark = mark(scheme, 1);
        let text = written(&mark, 2, 2000, |context| frequencies.of(context) >= 6);
        let found = contrast(&mark, &frequencies, &[text]).unwrap();
        let test = found.test();
        assert!(test.is_flagged() && test.p.ln() < -12.0, "{scheme:?}: {found:?} {test:?}");
        assert!(found.rare.value < 0.4 && found.common.value > 0.7, "{scheme:?}: {found:?}");
    }
}

/// Half of the text written by somebody else, wherever: weaker, but no forgery.
#[test]
fn diluted_text_is_weaker_and_not_flagged() {
    let frequencies = frequencies();
    let (mut flagged, mut overall) = (0, 0.0);
    for key in 0..40 {
        let mark = mark(green(), key);
        let text = written(&mark, 3000 + key, 1500, |context| (context[0] + context[1]) % 2 == 0);
        let found = contrast(&mark, &frequencies, &[text]).unwrap();
        flagged += u32::from(found.test().is_flagged());
        overall += found.overall / 40.0;
    }
    // P(Bin(40, 0.01) > 4) = 5e-5.
    assert!(flagged <= 4, "{flagged} of 40 diluted texts are flagged");
    assert!((0.35..0.65).contains(&overall), "overall strength {overall}");
}

#[test]
fn what_genuine_texts_show_is_taken_off() {
    let frequencies = frequencies();
    let mark = mark(green(), 5);
    let learned = |context: &[TokenId]| frequencies.of(context) >= 6;
    let texts: Vec<_> = (0..4).map(|seed| written(&mark, seed, 1500, learned)).collect();
    let one = contrast(&mark, &frequencies, &texts[..1]).unwrap();
    let others = contrast(&mark, &frequencies, &texts[1..]).unwrap();
    assert!(one.test().is_flagged());
    let against = one.test_against(&others);
    assert!(!against.is_flagged(), "{against:?}");
    assert!(against.standard_error > one.test().standard_error && one.test_against(&one).gap == 0.0);
}

fn item(frequency: u64, score: f64) -> Item {
    let unmarked = Moments { mean: 0.25, variance: 0.1875 };
    Item { frequency, score, marked: Moments { mean: 0.75, variance: 0.1875 }, unmarked }
}

/// At the edges of the default strata: 100 rare items of which `rare` are green, and 100 common ones.
fn strata(rare: usize, common: usize) -> Vec<Item> {
    let stratum =
        |frequency, green: usize| (0..100).map(move |at| item(frequency, if at < green { 1.0 } else { 0.0 }));
    stratum(7, rare).chain(stratum(32, common)).collect()
}

#[test]
fn strengths_follow_from_counts() {
    let mut items = strata(25, 75);
    // Neither rare nor common: they do not enter, but for the overall strength.
    items.extend([0, 8, 31].into_iter().flat_map(|frequency| [item(frequency, 0.0), item(frequency, 1.0)]));
    let found = Contrast::new(&items, Strata::default()).unwrap();
    assert_eq!((found.rare.n, found.common.n), (100, 100));
    assert!(found.rare.value.abs() < 1e-12 && (found.common.value - 1.0).abs() < 1e-12, "{found:?}");
    assert!((found.overall - 0.5).abs() < 1e-12);
    // At strength 1/2 the mean is 1/2 and the variance 1/4: z = 50 / sqrt(200 / 4), p from tables.
    let test = found.test();
    assert!((test.z - 50.0 / 50.0_f64.sqrt()).abs() < 1e-9, "{test:?}");
    assert_eq!((test.p.kind(), test.p.hypotheses()), (PKind::Calibrated, 1));
    let equal = Contrast::new(&strata(75, 75), Strata::default()).unwrap().test();
    assert!(equal.z == 0.0 && (equal.p.ln() + LN_2).abs() < 1e-15 && !equal.is_flagged());
    let reversed = Contrast::new(&strata(75, 25), Strata::default()).unwrap().test();
    assert!(reversed.z < -5.0 && !reversed.is_flagged() && reversed.p.ln() > -1e-9);
}

#[test]
fn too_little_data_is_no_number() {
    assert_eq!(Contrast::new(&[], Strata::default()), None);
    let few: Vec<Item> = strata(25, 75).into_iter().skip(51).collect();
    assert_eq!(Contrast::new(&few, Strata::default()), None, "49 rare items");
    let mut unchanged = strata(25, 75);
    unchanged[..100].iter_mut().for_each(|item| item.marked = item.unmarked);
    assert_eq!(Contrast::new(&unchanged, Strata::default()), None, "a mark changes nothing");
    // Strata that overlap: an item is rare before it is common.
    assert_eq!(
        Contrast::new(&strata(25, 75), Strata { rare_at_least: 0, rare_at_most: 32, common_at_least: 0 }),
        None
    );
}

#[test]
fn numbers_of_no_experiment_are_no_result() {
    for broken in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let fields: [fn(&mut Item) -> &mut f64; 5] = [
            |item| &mut item.score,
            |item| &mut item.marked.mean,
            |item| &mut item.marked.variance,
            |item| &mut item.unmarked.mean,
            |item| &mut item.unmarked.variance,
        ];
        for field in fields {
            let mut items = strata(25, 75);
            *field(&mut items[7]) = broken;
            assert_eq!(Contrast::new(&items, Strata::default()), None);
        }
    }
}

#[test]
fn unusable_rows_are_errors() {
    let (mark, frequencies) = (mark(green(), 1), Frequencies::new(2));
    let text = [1, 2, 3];
    let add = |text: &[TokenId], broken: f64| {
        let mut scorer = Scorer::new(&mark, &frequencies, 1.0, VOCAB).unwrap();
        let filled = scorer.add(text, |_, row: &mut [f64]| {
            row.fill(1.0);
            row[9] = broken;
            Ok::<(), Error>(())
        });
        filled.map(|()| scorer.items().len())
    };
    assert_eq!(add(&text, 1.0).unwrap(), 1);
    for broken in [f64::NAN, f64::INFINITY, -1.0] {
        assert!(add(&text, broken).unwrap_err().to_string().contains("position 2"), "{broken}");
    }
    assert!(add(&[1, 2, VOCAB as TokenId], 1.0).is_err());
    assert_eq!(add(&[1, 2, 9], 0.0).unwrap(), 0, "a token of probability 0 gives no item");
    for short in [&[][..], &[1], &[1, 2]] {
        assert_eq!(add(short, 1.0).unwrap(), 0);
    }
}

#[test]
fn marks_without_a_law_are_refused() {
    let frequencies = Frequencies::new(2);
    let new = |mark: &dyn Writer, temperature| Scorer::new(mark, &frequencies, temperature, VOCAB).map(drop);
    let tournament = mark(Scheme::Tournament(Tournament::new(8).unwrap()), 1);
    assert!(new(&tournament, 1.0).unwrap_err().to_string().contains("tournament"));
    let green = mark(green(), 1);
    assert!(new(&green, 0.7).is_ok());
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(new(&green, temperature).is_err(), "{temperature}");
    }
    assert!(Scorer::new(&green, &Frequencies::new(3), 1.0, VOCAB).is_err());
    assert!(new(&Shared(green), 1.0).is_err());
}

/// A mark whose contexts share inputs.
#[derive(Debug)]
struct Shared(Mark);

impl Reader for Shared {
    fn context_rule(&self) -> ContextRule {
        self.0.context_rule()
    }

    fn identity(&self) -> Identity {
        Identity::Keyed
    }

    fn law(&self) -> taggant::law::Law {
        self.0.law()
    }

    fn channels(&self) -> &[taggant::channel::Channel] {
        self.0.channels()
    }

    fn inputs(&self, ngrams: Ngrams<'_>, inputs: &mut [Input]) {
        self.0.inputs(ngrams, inputs);
    }

    fn readings(&self, ngrams: Ngrams<'_>, readings: &mut [Reading]) {
        self.0.readings(ngrams, readings);
    }
}

impl Writer for Shared {
    fn scheme(&self) -> Scheme {
        self.0.scheme()
    }

    fn repeat_rule(&self) -> RepeatRule {
        self.0.repeat_rule()
    }

    fn marks(&self, context: &[TokenId]) -> bool {
        self.0.marks(context)
    }

    fn green_mask_into(&self, context: &[TokenId], vocab_size: usize, mask: &mut [u32]) {
        Writer::green_mask_into(&self.0, context, vocab_size, mask);
    }

    fn words_into(&self, context: &[TokenId], tokens: &[TokenId], words: &mut [u32]) {
        self.0.words_into(context, tokens, words);
    }
}

#[test]
fn normal_tail_is_that_of_the_tables() {
    // 1 - Phi at 0, 1.96, 10 and 40: 0.5, 0.024998, 7.6199e-24, 3.6559e-350 (DLMF 7.12.1, 60 digits).
    for (z, expected) in
        [(0.0, 0.5_f64.ln()), (1.96, -3.688_963_7), (10.0, -53.231_285_2), (40.0, -804.608_442_0)]
    {
        let found = ln_upper_normal(z);
        assert!((found - expected).abs() < 1e-6, "z = {z}: {found}, expected {expected}");
    }
    let (below, above) = (ln_upper_normal(30.0 - 1e-9), ln_upper_normal(30.0));
    assert!((below - above).abs() < 1e-7, "{below} {above}");
}
