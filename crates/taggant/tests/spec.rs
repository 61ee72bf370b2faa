//! The core against the page: every value equals that of the plain reference in the testkit.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use proptest::prelude::*;
use taggant::channel::{Channel, Sign};
use taggant::reader::{Ngrams, Reader, Reading};
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant::writer::Writer;
use taggant::{ContextWidth, Gamma, Mark, Name, Profile, Secret};
use taggant_testkit::reference;

#[derive(Clone, Debug)]
struct Case {
    secret: [u8; 32],
    context: Vec<u32>,
    tokens: Vec<u32>,
}

/// Ids of every size: small ones share blocks, large ones reach the ends of u32.
fn token() -> impl Strategy<Value = u32> {
    prop_oneof![0..600_u32, any::<u32>(), Just(u32::MAX), Just(0)]
}

fn case() -> impl Strategy<Value = Case> {
    let context = prop::collection::vec(token(), 1..=12);
    (any::<[u8; 32]>(), context, prop::collection::vec(token(), 1..40))
        .prop_map(|(secret, context, tokens)| Case { secret, context, tokens })
}

fn profile(case: &Case, scheme: Scheme) -> Profile {
    Profile::new(scheme, ContextWidth::new(case.context.len() as u64).unwrap(), "2026q4").unwrap()
}

fn readings(case: &Case, mark: &Mark) -> Vec<Reading> {
    let packed: Vec<u32> =
        case.tokens.iter().flat_map(|&token| case.context.iter().copied().chain([token])).collect();
    let mut readings = vec![Reading::default(); case.tokens.len()];
    mark.readings(Ngrams::packed(&packed, case.context.len() + 1), &mut readings);
    readings
}

proptest! {
    #[test]
    fn green_values_and_masks_equal_the_reference(case in case(), m in 0..4_u32, j in any::<u32>()) {
        let m = 1 << m;
        let j = j % ((1 << m) - 1) + 1;
        let gamma: Gamma = format!("{j}/{}", 1_u32 << m).parse().unwrap();
        let scheme = Scheme::Green(GreenList::new(gamma, 2.0).unwrap());
        let mark = Mark::new(&Secret::from_bytes(case.secret), &profile(&case, scheme));
        let path = format!("epoch/2026q4/channel/fleet/green/{}", case.context.len());
        for (&token, reading) in case.tokens.iter().zip(readings(&case, &mark)) {
            let expected = reference::is_green(&case.secret, &path, &case.context, token, j, m);
            prop_assert_eq!(reading.value == 1, expected);
        }
        for vocab_size in [1, 31, 32, 33, 700] {
            let mut mask = vec![0xdead_beef; usize::div_ceil(vocab_size, 32)];
            mark.green_mask_into(&case.context, vocab_size, &mut mask).unwrap();
            for token in 0..(mask.len() * 32) as u32 {
                let bit = mask[token as usize / 32] >> (token % 32) & 1 == 1;
                let expected = (token as usize) < vocab_size
                    && reference::is_green(&case.secret, &path, &case.context, token, j, m);
                prop_assert_eq!(bit, expected, "token {} of {}", token, vocab_size);
            }
        }
    }

    #[test]
    fn words_equal_the_reference(case in case()) {
        let schemes = [Scheme::Gumbel(GumbelMax::new()), Scheme::Tournament(Tournament::new(32).unwrap())];
        for scheme in schemes {
            let mark = Mark::new(&Secret::from_bytes(case.secret), &profile(&case, scheme));
            let path = format!("epoch/2026q4/channel/fleet/{}/{}", scheme.name(), case.context.len());
            let mut words = vec![0; case.tokens.len()];
            mark.words_into(&case.context, &case.tokens, &mut words);
            for ((&token, word), reading) in case.tokens.iter().zip(words).zip(readings(&case, &mark)) {
                prop_assert_eq!(word, reference::word(&case.secret, &path, &case.context, token));
                let u = (f64::from(word) + 0.5) / 4_294_967_296.0;
                let expected = match scheme {
                    Scheme::Tournament(_) => u64::from(word),
                    _ => (-libm::log(1.0 - u) * (1_u64 << 40) as f64).round() as u64,
                };
                prop_assert_eq!(reading.value, expected);
            }
        }
    }

    #[test]
    fn routes_and_signs_equal_the_reference(case in case(), cut in 0..=256_u32) {
        let shares = [cut, 256 - cut];
        let channel = |(at, &share): (usize, &u32)| Channel {
            accounts: true,
            name: Name::new("channel", &format!("c{at}")).unwrap(),
            share: share as u16,
        };
        let profile = profile(&case, Scheme::Gumbel(GumbelMax::new()))
            .with_channels(shares.iter().enumerate().map(channel).collect())
            .unwrap();
        let secret = Secret::from_bytes(case.secret);
        let mark = Mark::for_account(&secret, &profile, "reseller_7").unwrap();
        let (at, bucket) = reference::route(&case.secret, "2026q4", &case.context, &shares);
        let sign = reference::sign(&case.secret, "epoch/2026q4/account/reseller_7", bucket);
        for reading in readings(&case, &mark) {
            prop_assert_eq!((usize::from(reading.channel), u32::from(reading.bucket)), (at, bucket));
        }
        let name = Name::new("account", "reseller_7").unwrap();
        let column = secret.account_column(profile.epoch(), &name);
        prop_assert_eq!(column.sign(bucket as u16).as_i8(), sign);

        let path = format!("epoch/2026q4/channel/c{at}/gumbel/{}", case.context.len());
        let flip = if column.sign(bucket as u16) == Sign::Minus { u32::MAX } else { 0 };
        let mut words = vec![0; case.tokens.len()];
        mark.words_into(&case.context, &case.tokens, &mut words);
        for (&token, word) in case.tokens.iter().zip(words) {
            prop_assert_eq!(word ^ flip, reference::word(&case.secret, &path, &case.context, token));
        }
    }

    #[test]
    fn inputs_are_the_ngram_up_to_width_three(case in case()) {
        let mark = Mark::new(&Secret::from_bytes(case.secret), &profile(&case, Scheme::Gumbel(GumbelMax::new())));
        let packed: Vec<u32> =
            case.tokens.iter().flat_map(|&token| case.context.iter().copied().chain([token])).collect();
        let mut inputs = vec![Default::default(); case.tokens.len()];
        mark.inputs(Ngrams::packed(&packed, case.context.len() + 1), &mut inputs);
        let same_input = |a: usize, b: usize| inputs[a] == inputs[b];
        for a in 0..inputs.len() {
            for b in 0..inputs.len() {
                prop_assert_eq!(same_input(a, b), case.tokens[a] == case.tokens[b]);
            }
            if case.context.len() <= 3 {
                let lane = |at: usize| case.context.get(at).map_or(0, |&id| u128::from(id)) << (32 * at);
                let expected = lane(0) | lane(1) | lane(2) | u128::from(case.tokens[a]) << 96;
                prop_assert_eq!(inputs[a].0, expected);
            }
        }
    }
}
