//! Over random keys each scheme has the distribution it claims. Fixed seeds; alpha 1e-6 for each test.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant::{ContextWidth, Mark, Profile, SamplingParams, Secret};
use taggant_testkit::statistics::assert_frequencies;

/// A false alarm of a correct implementation: one in a million seeds, and the seed is fixed.
const ALPHA: f64 = 1e-6;

/// Keys per test: a probability of 0.2 is known to about 0.01 at this alpha.
const N_KEYS: u64 = 40_000;

const PROBS: [f64; 6] = [0.4, 0.25, 0.15, 0.1, 0.07, 0.03];

/// How often each token follows a fixed context, each time under a fresh key.
fn counts(scheme: Scheme, params: SamplingParams) -> Vec<u64> {
    let profile = Profile::new(scheme, ContextWidth::new(2).unwrap(), "e").unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    let mut counts = vec![0; PROBS.len()];
    for _ in 0..N_KEYS {
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        let mut session = Mark::new(&Secret::from_bytes(secret), &profile).session(2);
        session.accept(11);
        session.accept(42);
        let mut logits = PROBS.map(|p| p.ln() as f32);
        counts[session.sample(&mut logits, &params, &mut rng).unwrap() as usize] += 1;
    }
    counts
}

#[test]
fn gumbel_max_keeps_the_distribution() {
    let scheme = Scheme::Gumbel(GumbelMax::new());
    assert_frequencies(&counts(scheme, SamplingParams::default()), &PROBS, ALPHA);
}

#[test]
fn gumbel_max_keeps_the_truncated_distribution() {
    let params = SamplingParams::default().with_temperature(0.5).unwrap().with_top_k(3);
    let weights = PROBS.map(|p| p * p);
    let total: f64 = weights[..3].iter().sum();
    let counts = counts(Scheme::Gumbel(GumbelMax::new()), params);
    assert_eq!(counts[3..], [0, 0, 0]);
    assert_frequencies(&counts[..3], &weights[..3].iter().map(|w| w / total).collect::<Vec<_>>(), ALPHA);
}

#[test]
fn tournaments_keep_the_distribution() {
    for depth in [1, 30, 32] {
        let scheme = Scheme::Tournament(Tournament::new(depth).unwrap());
        assert_frequencies(&counts(scheme, SamplingParams::default()), &PROBS, ALPHA);
    }
}

/// The tilt, by brute force: the average over all 2^6 green sets, weighted by their probability.
#[test]
fn green_lists_tilt_as_stated() {
    for (gamma, delta) in [("1/4", 2.0), ("1/2", 1.0), ("11/16", 4.0)] {
        let list = GreenList::new(gamma.parse().unwrap(), delta).unwrap();
        let share = list.gamma().as_f64();
        let mut expected = [0.0; 6];
        for set in 0..64_u32 {
            let is_green = |v: usize| set >> v & 1 == 1;
            let chance: f64 = (0..6).map(|v| if is_green(v) { share } else { 1.0 - share }).product();
            let weight = |v: usize| PROBS[v] * if is_green(v) { delta.exp() } else { 1.0 };
            let total: f64 = (0..6).map(weight).sum();
            (0..6).for_each(|v| expected[v] += chance * weight(v) / total);
        }
        assert_frequencies(&counts(Scheme::Green(list), SamplingParams::default()), &expected, ALPHA);
    }
}
