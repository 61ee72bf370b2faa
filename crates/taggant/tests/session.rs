//! Sessions: what a row becomes, what is refused, what rolling back means.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use half::{bf16, f16};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use taggant::channel::Channel;
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant::writer::RepeatRule;
use taggant::{ContextWidth, Family, Mark, Marking, Name, Profile, SamplingParams, Secret, Session};

fn green(gamma: &str, delta: f64) -> Scheme {
    Scheme::Green(GreenList::new(gamma.parse().unwrap(), delta).unwrap())
}

fn schemes() -> [Scheme; 3] {
    [green("1/4", 2.0), Scheme::Gumbel(GumbelMax::new()), Scheme::Tournament(Tournament::default())]
}

fn profile(scheme: Scheme, width: u64) -> Profile {
    Profile::new(scheme, ContextWidth::new(width).unwrap(), "2026q4").unwrap()
}

fn mark(scheme: Scheme) -> Mark {
    Mark::new(&Secret::from_bytes([3; 32]), &profile(scheme, 2))
}

fn session_after(mark: &Mark, tokens: &[u32]) -> Session {
    let mut session = mark.session(tokens.len());
    tokens.iter().for_each(|&token| session.accept(token));
    session
}

/// A row with some -inf, and as many distinct values as it has entries.
fn row(vocab_size: usize, salt: u32) -> Vec<f32> {
    let logit = |v: usize| match (v as u32 * 7 + salt) % 11 {
        0 => f32::NEG_INFINITY,
        _ => ((v as f32 + salt as f32) * 0.77).sin() * 4.0,
    };
    (0..vocab_size).map(logit).collect()
}

#[test]
fn green_tokens_gain_delta_and_nothing_else_changes() {
    let mark = mark(green("1/4", 2.0));
    let mut session = session_after(&mark, &[5, 9]);
    let before = row(1000, 1);
    let mut after = before.clone();
    assert_eq!(session.bias(&mut after).unwrap(), Marking::Marked);
    let mut mask = [0; 32];
    mark.green_mask_into(&[5, 9], 1000, &mut mask).unwrap();
    for v in 0..1000 {
        let gain = if mask[v / 32] >> (v % 32) & 1 == 1 { 2.0 } else { 0.0 };
        assert_eq!(after[v].to_bits(), (before[v] + gain).to_bits(), "token {v}");
    }
    assert!(mask.iter().map(|word| word.count_ones()).sum::<u32>() > 150);
}

#[test]
fn minus_infinity_stays_and_is_never_drawn() {
    for scheme in schemes() {
        let mark = mark(scheme);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut session = mark.session(200);
        for step in 0..200 {
            let mut logits = row(64, step);
            let before = logits.clone();
            let token = session.sample(&mut logits, &SamplingParams::default(), &mut rng).unwrap();
            assert!(before[token as usize] > f32::NEG_INFINITY, "{scheme:?} drew a token of probability 0");
            for (a, b) in before.iter().zip(&logits) {
                assert_eq!(*a == f32::NEG_INFINITY, *b == f32::NEG_INFINITY);
            }
            session.accept(token);
        }
    }
}

#[test]
fn half_precision_rows_get_the_nearest_sum() {
    let mark = mark(green("1/2", 1.5));
    let wide: Vec<f32> = row(300, 2);
    let halves: Vec<f16> = wide.iter().map(|&x| f16::from_f32(x)).collect();
    let brains: Vec<bf16> = wide.iter().map(|&x| bf16::from_f32(x)).collect();
    let (mut f32s, mut f16s, mut bf16s) = (wide.clone(), halves.clone(), brains.clone());
    session_after(&mark, &[1, 2]).bias(&mut f32s).unwrap();
    session_after(&mark, &[1, 2]).bias(&mut f16s).unwrap();
    session_after(&mark, &[1, 2]).bias(&mut bf16s).unwrap();
    for v in 0..300 {
        let gain = if f32s[v].to_bits() == wide[v].to_bits() { 0.0 } else { 1.5 };
        assert_eq!(f16s[v], f16::from_f32(halves[v].to_f32() + gain));
        assert_eq!(bf16s[v], bf16::from_f32(brains[v].to_f32() + gain));
    }
}

#[test]
fn a_bias_beyond_the_largest_logit_stays_finite() {
    let mark = mark(green("255/256", 16.0));
    let mut row = [f16::from_f32(65504.0), f16::from_f32(0.0), f16::NEG_INFINITY];
    session_after(&mark, &[1, 2]).bias(&mut row).unwrap();
    assert!(row[0] == f16::MAX && row[1] <= f16::from_f32(16.0) && row[2] == f16::NEG_INFINITY, "{row:?}");
    let mut row = [f32::MAX; 8];
    session_after(&mark, &[1, 2]).bias(&mut row).unwrap();
    assert_eq!(row, [f32::MAX; 8]);
    assert!(GreenList::new("1/4".parse().unwrap(), 1e39).is_err());
}

#[test]
fn shards_equal_the_whole_row() {
    let mark = mark(green("3/16", 2.0));
    let mut whole = row(1000, 3);
    let mut shards = whole.clone();
    session_after(&mark, &[4, 4]).bias(&mut whole).unwrap();
    for (at, shard) in shards.chunks_mut(333).enumerate() {
        session_after(&mark, &[4, 4]).bias_shard(at as u32 * 333, shard).unwrap();
    }
    assert_eq!(whole, shards);
}

#[test]
fn short_and_repeated_contexts_are_not_marked() {
    let mark = mark(green("1/4", 2.0));
    let mut session = mark.session(16);
    let expected = [
        (1, Marking::ShortContext),
        (2, Marking::ShortContext),
        (1, Marking::Marked),          // after 1 2
        (2, Marking::Marked),          // after 2 1
        (3, Marking::RepeatedContext), // after 1 2 again
        (1, Marking::Marked),          // after 2 3
    ];
    for (token, marking) in expected {
        assert_eq!(session.marking(), marking, "before {token} at {}", session.tokens().len());
        let before = row(50, 1);
        let mut after = before.clone();
        assert_eq!(session.bias(&mut after).unwrap(), marking);
        assert_eq!(before == after, marking != Marking::Marked);
        session.accept(token);
    }
    let every_time = Mark::new(
        &Secret::from_bytes([3; 32]),
        &profile(green("1/4", 2.0), 2).with_repeat_rule(RepeatRule::None),
    );
    assert_eq!(session_after(&every_time, &[1, 2, 1, 2]).marking(), Marking::Marked);
    assert_eq!(session_after(&mark, &[1, 2, 1, 2]).marking(), Marking::RepeatedContext);
}

#[test]
fn account_channels_are_left_unmarked_without_an_account() {
    let channel = Channel { accounts: true, name: Name::new("channel", "account").unwrap(), share: 256 };
    let profile = profile(green("1/2", 2.0), 1).with_channels(vec![channel]).unwrap();
    let secret = Secret::from_bytes([3; 32]);
    let anonymous = session_after(&Mark::new(&secret, &profile), &[7]);
    assert_eq!(anonymous.marking(), Marking::NoAccount);
    let named = Mark::for_account(&secret, &profile, "acct-1").unwrap();
    assert_eq!(session_after(&named, &[7]).marking(), Marking::Marked);
    assert!(Mark::for_account(&secret, &profile, "acct/1").is_err());
}

#[test]
fn opposite_signs_have_complementary_green_lists() {
    let channel = Channel { accounts: true, name: Name::new("channel", "account").unwrap(), share: 256 };
    let profile = profile(green("1/2", 2.0), 1).with_channels(vec![channel]).unwrap();
    let secret = Secret::from_bytes([3; 32]);
    let mask = |account: &str| {
        let mut mask = [0; 4];
        let mark = Mark::for_account(&secret, &profile, account).unwrap();
        mark.green_mask_into(&[7], 100, &mut mask).unwrap();
        mask
    };
    let first = mask("a0");
    let others: Vec<_> = (1..20).map(|n| mask(&format!("a{n}"))).collect();
    let turned = [!first[0], !first[1], !first[2], !first[3] & 0xf];
    assert!(others.iter().all(|other| *other == first || *other == turned));
    assert!(others.contains(&first) && others.contains(&turned));
}

#[test]
fn greedy_takes_the_largest_logit_and_the_lowest_id_on_ties() {
    let greedy = SamplingParams::default().with_temperature(0.0).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for scheme in [Scheme::Gumbel(GumbelMax::new()), Scheme::Tournament(Tournament::default())] {
        let mut session = session_after(&mark(scheme), &[1, 2]);
        let mut logits = [0.0_f32, 3.0, 3.0, f32::NEG_INFINITY];
        assert_eq!(session.sample(&mut logits, &greedy, &mut rng).unwrap(), 1);
    }
    // A green list survives greedy decoding: the bias decides among near ties.
    let mark = mark(green("1/2", 2.0));
    let mut mask = [0; 1];
    mark.green_mask_into(&[1, 2], 32, &mut mask).unwrap();
    let token = session_after(&mark, &[1, 2]).sample(&mut [0.0_f32; 32], &greedy, &mut rng).unwrap();
    assert_eq!(token, mask[0].trailing_zeros());
}

#[test]
fn truncation_keeps_what_its_definition_says() {
    // Probabilities .4 .3 .2 .1 (ids 2 0 3 1).
    let logits = [0.3_f32, 0.1, 0.4, 0.2].map(f32::ln);
    let seen = |params: SamplingParams| {
        let mut session = mark(green("1/2", 2.0)).session(0); // short context: plain sampling
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut seen = [false; 4];
        for _ in 0..2000 {
            seen[session.sample(&mut logits.clone(), &params, &mut rng).unwrap() as usize] = true;
        }
        seen
    };
    let params = SamplingParams::default();
    assert_eq!(seen(params), [true; 4]);
    assert_eq!(seen(params.with_top_k(1)), [false, false, true, false]);
    assert_eq!(seen(params.with_top_k(3)), [true, false, true, true]);
    assert_eq!(seen(params.with_top_k(9)), [true; 4]);
    assert_eq!(seen(params.with_top_p(0.4).unwrap()), [false, false, true, false]);
    assert_eq!(seen(params.with_top_p(0.65).unwrap()), [true, false, true, false]);
    assert_eq!(seen(params.with_top_p(1e-9).unwrap()), [false, false, true, false]);
    assert_eq!(seen(params.with_min_p(0.6).unwrap()), [true, false, true, false]);
    assert_eq!(seen(params.with_min_p(1.0).unwrap()), [false, false, true, false]);
    // top-p after top-k: .4 / .7 = .57, so the nucleus of .5 holds one token, that of .6 both.
    assert_eq!(seen(params.with_top_k(2).with_top_p(0.5).unwrap()), [false, false, true, false]);
    assert_eq!(seen(params.with_top_k(2).with_top_p(0.6).unwrap()), [true, false, true, false]);
    // Temperature comes first: at 0.1 the nucleus of .9 is the top token alone.
    let cold = params.with_temperature(0.1).unwrap().with_top_p(0.9).unwrap();
    assert_eq!(seen(cold), [false, false, true, false]);
    // Ties go to the lowest ids.
    let mut session = mark(green("1/2", 2.0)).session(0);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..200 {
        assert!(session.sample(&mut [0.0_f32; 4], &params.with_top_k(2), &mut rng).unwrap() < 2);
    }
}

#[test]
fn parameters_out_of_range_are_refused() {
    let params = SamplingParams::default();
    for bad in [f64::NAN, f64::INFINITY, -0.5] {
        assert!(params.with_temperature(bad).is_err() && params.with_top_p(bad).is_err());
        assert!(params.with_min_p(bad).is_err());
    }
    assert!(params.with_top_p(0.0).is_err() && params.with_top_p(1.1).is_err());
    assert_eq!(params.with_min_p(2.0).unwrap_err().family(), Family::Misuse);
}

#[test]
fn bad_rows_are_typed_errors_and_stay_as_they_were() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let params = SamplingParams::default();
    for scheme in schemes() {
        let mark = mark(scheme);
        let mut fails = |logits: &mut [f32]| {
            let before: Vec<u32> = logits.iter().map(|x| x.to_bits()).collect();
            let mut session = session_after(&mark, &[1, 2]);
            let error = session.sample(logits, &params, &mut rng).unwrap_err();
            let untouched = logits.iter().map(|x| x.to_bits()).eq(before);
            assert!(untouched, "{scheme:?} touched a row it refused");
            error
        };
        assert!(fails(&mut []).to_string().contains("empty"));
        let nan = fails(&mut [0.0, f32::NAN, 1.0]);
        assert_eq!((nan.token(), nan.family()), (Some(1), Family::BadInput));
        assert_eq!(fails(&mut [0.0, 1.0, f32::INFINITY]).token(), Some(2));
        assert!(fails(&mut [f32::NEG_INFINITY; 3]).to_string().contains("-infinity"));

        let mut session = mark.session(0);
        session.sample(&mut [0.0_f32; 8], &params, &mut rng).unwrap();
        let error = session.sample(&mut [0.0_f32; 9], &params, &mut rng).unwrap_err();
        assert_eq!(error.family(), Family::Misuse);
        assert!(error.to_string().contains("9 entries, expected 8"), "{error}");
    }
    let error = mark(schemes()[1]).session(0).bias(&mut [0.0_f32; 8]).unwrap_err();
    assert!(error.to_string().contains("sample"), "{error}");
    let gumbel = mark(schemes()[1]);
    assert!(gumbel.green_mask_into(&[1, 2], 8, &mut [0]).is_err());
    let list = mark(schemes()[0]);
    assert!(list.green_mask_into(&[1], 8, &mut [0]).is_err());
    assert!(list.green_mask_into(&[1, 2], 33, &mut [0]).is_err());
    assert!(list.session(4).rollback(1).is_err());
}

#[test]
fn batches_are_refused_whole() {
    let mark = mark(schemes()[0]);
    let mut sessions = [session_after(&mark, &[1, 2]), session_after(&mark, &[2, 3])];
    let before: Vec<f32> = row(20, 1);
    let mut rows = before.clone();
    assert!(Session::bias_batch(&mut sessions, &mut rows, 9).is_err());
    assert!(Session::bias_batch(&mut sessions, &mut rows[..0], 0).is_err());
    rows[15] = f32::NAN;
    assert_eq!(Session::bias_batch(&mut sessions, &mut rows, 10).unwrap_err().token(), Some(5));
    assert_eq!(rows[..10], before[..10], "the first row was touched though the second was refused");
    let none: &mut [Session] = &mut [];
    assert!(Session::bias_batch(none, &mut [0.0_f32; 0], 0).is_ok());
}

proptest! {
    #[test]
    fn a_batch_equals_its_rows(scheme in 0..3_usize, n in 1..5_usize, vocab_size in 1..70_usize, seed: u64) {
        let mark = mark(schemes()[scheme]);
        let history = |at: usize| -> Vec<u32> { (0..at as u32 + 1).map(|i| i % 3).collect() };
        let mut sessions: Vec<Session> = (0..n).map(|at| session_after(&mark, &history(at))).collect();
        let rows: Vec<f32> = (0..n).flat_map(|at| row(vocab_size + 1, at as u32)[1..].to_vec()).collect();
        prop_assume!(rows.chunks(vocab_size).all(|row| row.iter().any(|x| x.is_finite())));
        let rng = |at: usize| ChaCha8Rng::seed_from_u64(seed ^ at as u64);
        let params = SamplingParams::default().with_top_k(20);

        let mut batch_rows = rows.clone();
        let mut rngs: Vec<_> = (0..n).map(rng).collect();
        let mut tokens = vec![0; n];
        let mut twins = sessions.clone();
        Session::sample_batch(&mut sessions, &mut batch_rows, vocab_size, &params, &mut rngs, &mut tokens)
            .unwrap();
        let mut single_rows = rows.clone();
        for (at, row) in single_rows.chunks_mut(vocab_size).enumerate() {
            prop_assert_eq!(twins[at].sample(row, &params, &mut rng(at)).unwrap(), tokens[at]);
        }
        prop_assert_eq!(&batch_rows, &single_rows);

        if scheme == 0 {
            let mut biased = rows.clone();
            Session::bias_batch(&mut sessions, &mut biased, vocab_size).unwrap();
            prop_assert_eq!(biased, batch_rows);
        }
    }

    /// Rolling back is as if it had never happened, whatever comes after and however often contexts repeat.
    #[test]
    fn rollback_equals_never(
        scheme in 0..3_usize,
        width in 1..5_u64,
        kept in prop::collection::vec(0..3_u32, 0..30),
        dropped in prop::collection::vec(0..3_u32, 0..30),
        after in prop::collection::vec(0..3_u32, 0..30),
    ) {
        let mark = Mark::new(&Secret::from_bytes([9; 32]), &profile(schemes()[scheme], width));
        let mut rolled = session_after(&mark, &kept);
        let twin = rolled.clone();
        dropped.iter().for_each(|&token| rolled.accept(token));
        rolled.rollback(dropped.len()).unwrap();
        prop_assert_eq!(rolled.tokens(), twin.tokens());
        let mut never = session_after(&mark, &kept);
        for &token in &after {
            prop_assert_eq!(rolled.marking(), never.marking());
            let (mut a, mut b) = (row(40, token), row(40, token));
            let params = SamplingParams::default();
            let draw = |session: &mut Session, row: &mut [f32]| {
                session.sample(row, &params, &mut ChaCha8Rng::seed_from_u64(5)).unwrap()
            };
            prop_assert_eq!(draw(&mut rolled, &mut a), draw(&mut never, &mut b));
            prop_assert_eq!(a, b);
            rolled.accept(token);
            never.accept(token);
        }
    }

    /// The repeat rule against the naive reading of its definition.
    #[test]
    fn a_context_is_marked_once(tokens in prop::collection::vec(0..3_u32, 0..60), width in 1..4_usize) {
        let mark = Mark::new(&Secret::from_bytes([9; 32]), &profile(schemes()[0], width as u64));
        let mut session = mark.session(4);
        for at in 0..tokens.len() {
            let expected = if at < width {
                Marking::ShortContext
            } else if (width..at).any(|earlier| tokens[earlier - width..earlier] == tokens[at - width..at]) {
                Marking::RepeatedContext
            } else {
                Marking::Marked
            };
            prop_assert_eq!(session.marking(), expected);
            session.accept(tokens[at]);
        }
    }
}
