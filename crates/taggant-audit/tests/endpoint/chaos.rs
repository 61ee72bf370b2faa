//! Everything at once: random faults, limits, stops and resumes.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taggant_testserver::{Fault, Request};

use crate::common::{Bench, Run, questions};

/// What happens to a request: decided by its number and attempt, so that most of them pass in the end.
fn fault(request: &Request, salt: u64) -> Option<Fault> {
    let mut hash = request.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt;
    hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    match (hash >> 40) % 20 {
        0 => Some(Fault::status(429, "slow down")),
        1 => Some(Fault::status(500, "broken")),
        2 => Some(Fault::status(504, "late")),
        3 => Some(Fault::Truncated),
        4 => Some(Fault::ClosedMidBody),
        5 => Some(Fault::Body("{}".into())),
        6 | 7 => Some(Fault::Hang(Duration::from_millis(8))),
        8 => Some(Fault::NoUsage),
        _ => None,
    }
}

/// What holds of every run, whatever happens.
fn check(bench: &Bench, run: &Run, budget: Option<u64>) {
    let summary = run.result.as_ref().unwrap_or_else(|error| error.summary().unwrap());
    let indices: Vec<usize> = run.answers.iter().map(|answer| answer.index).collect();
    assert!(indices.is_sorted_by(|a, b| a < b), "{indices:?}");
    assert_eq!(summary.delivered, indices.len() as u64);
    assert!(summary.tokens <= budget.unwrap_or(u64::MAX), "{summary:?}");
    // The student's own count: nothing was written that was not paid for.
    assert!(bench.server.tokens() <= summary.tokens, "{} and {summary:?}", bench.server.tokens());
    for answer in &run.answers {
        assert_eq!(answer.question, bench.questions[answer.index].id);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn runs_end_within_their_limits_and_resume_to_all_answers(
        salt in any::<u64>(),
        concurrency in 1_usize..9,
        budget in proptest::option::of(0_u64..600),
        retries in 0_u32..4,
        stops in proptest::collection::vec(proptest::option::of(1_usize..20), 0..3),
    ) {
        let mut bench = Bench::with_faults(move |request| fault(request, salt));
        bench.questions = questions(20);
        bench.limits.concurrency = concurrency;
        bench.limits.retries = retries;
        bench.limits.first_wait = Duration::from_millis(1);
        bench.limits.budget_tokens = budget;
        let mut answers_before = 0;
        for stop in stops {
            bench.stop_after = stop;
            let run = bench.run();
            check(&bench, &run, budget);
            let answers = run.result.map_or_else(|error| error.summary().unwrap().answers, |summary| summary.answers);
            prop_assert!(answers >= answers_before);
            answers_before = answers;
        }
        // Without a budget and with patience all answers come; those that were not clipped are the student's.
        bench.stop_after = None;
        bench.limits.budget_tokens = None;
        bench.limits.retries = 30;
        let run = bench.run();
        check(&bench, &run, None);
        let expected = bench.undisturbed();
        prop_assert_eq!(run.answers.len(), 20);
        for (found, expected) in run.answers.iter().zip(&expected) {
            let is_clipped = found.text.len() < expected.text.len();
            prop_assert!(is_clipped || found.text == expected.text, "{:?} {:?}", found, expected);
            prop_assert!(!is_clipped || budget.is_some() && expected.text.starts_with(found.text.trim_end_matches(HALF)));
        }
    }
}

/// What the student's server shows for half a character.
const HALF: char = '\u{fffd}';
