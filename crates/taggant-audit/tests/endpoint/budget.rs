//! Budgets: to the token, with requests at once, over failures and over several runs.

use std::time::Duration;

use crate::common::{Bench, Run, number, questions};
use taggant_audit::endpoint::{End, Note};
use taggant_testserver::Fault;

/// What the answers hold in tokens.
fn tokens(run: &Run) -> u64 {
    run.answers.iter().filter_map(|answer| answer.completion_tokens).sum()
}

#[test]
fn the_budget_is_spent_to_the_token_and_not_beyond() {
    for budget in [1, 23, 24, 25, 100, 131, 200] {
        let run_with = |concurrency| {
            let mut bench = Bench::with_faults(|request| {
                Some(Fault::Hang(Duration::from_millis(number(request) as u64 % 4 * 3)))
            });
            bench.questions = questions(40);
            bench.limits.budget_tokens = Some(budget);
            bench.limits.concurrency = concurrency;
            let run = bench.run();
            assert_eq!(bench.server.tokens(), budget, "{concurrency} at once");
            assert_eq!((run.summary().tokens, tokens(&run)), (budget, budget), "{concurrency} at once");
            assert_eq!((run.summary().end, run.summary().tokens_lost), (End::TokenBudget, 0));
            run.answers
        };
        let one_by_one = run_with(1);
        // What is clipped follows from the answers before it, not from what came when.
        assert_eq!(run_with(7), one_by_one, "budget {budget}");
        assert_eq!(run_with(16), one_by_one, "budget {budget}");
    }
}

#[test]
fn a_budget_of_nothing_asks_nothing() {
    let mut bench = Bench::new();
    bench.limits.budget_tokens = Some(0);
    let run = bench.run();
    assert_eq!((run.summary().end, run.summary().requests), (End::TokenBudget, 0));
}

#[test]
fn refused_requests_change_neither_the_bill_nor_the_answers() {
    let mut calm = Bench::new();
    calm.limits.budget_tokens = Some(170);
    let expected = calm.run().answers;
    let mut bench = Bench::with_faults(|request| {
        let status = [429, 500, 503][number(request) % 3];
        (request.attempt <= 2 && number(request).is_multiple_of(2)).then(|| Fault::status(status, "later"))
    });
    bench.limits.budget_tokens = Some(170);
    let run = bench.run();
    assert_eq!(run.answers, expected);
    assert_eq!((run.summary().tokens, run.summary().tokens_lost), (170, 0));
    assert_eq!(bench.server.tokens(), 170);
}

#[test]
fn lost_answers_count_in_full_and_never_beyond_the_budget() {
    for budget in [50, 173, 250] {
        let mut bench = Bench::with_faults(|request| {
            let fault = [Fault::Truncated, Fault::ClosedMidBody, Fault::status(504, "gone")]
                [number(request) % 3]
                .clone();
            (request.attempt == 1 && number(request).is_multiple_of(2)).then_some(fault)
        });
        bench.questions = questions(40);
        bench.limits.budget_tokens = Some(budget);
        let run = bench.run();
        let summary = run.summary();
        assert_eq!(summary.tokens, budget);
        assert_eq!(run.answers.len() as u64, summary.answers);
        assert!(summary.tokens_lost >= 24 && tokens(&run) + summary.tokens_lost == budget, "{summary:?}");
        assert!(bench.server.tokens() <= budget);
    }
}

#[test]
fn an_answer_without_a_count_costs_all_that_it_was_allowed() {
    let mut bench = Bench::with_faults(|_| Some(Fault::NoUsage));
    bench.limits.budget_tokens = Some(100);
    let run = bench.run();
    // Four whole answers and one of four tokens.
    assert_eq!((run.answers.len(), run.summary().tokens), (5, 100));
    assert!(run.answers.iter().all(|answer| answer.completion_tokens.is_none()));
    assert!(bench.server.tokens() <= 100);
}

#[test]
fn a_server_that_writes_more_than_asked_is_charged_for_it_and_reported() {
    let mut bench = Bench::with_faults(|request| (number(request) == 0).then_some(Fault::TooLong(500)));
    bench.limits.concurrency = 1;
    bench.limits.budget_tokens = Some(100);
    let run = bench.run();
    let found = run.answers[0].completion_tokens.unwrap();
    assert_eq!((found, run.answers.len()), (524, 1));
    assert_eq!((run.summary().too_long, run.summary().tokens), (1, 524));
    let note = Note::TooLong { question: "q0".into(), asked: 24, found };
    assert!(run.notes.contains(&note), "{}", run.talk());
    assert_eq!(bench.server.tokens(), run.summary().tokens);
}

#[test]
fn earlier_runs_count() {
    let mut bench = Bench::new();
    bench.limits.budget_tokens = Some(60);
    let first = bench.run();
    bench.limits.budget_tokens = Some(40);
    let poorer = bench.run();
    assert_eq!(poorer.answers, first.answers);
    assert_eq!((poorer.summary().requests, poorer.summary().tokens), (0, 60));
    bench.limits.budget_tokens = Some(130);
    let richer = bench.run();
    assert_eq!(richer.answers[..first.answers.len()], first.answers);
    assert_eq!((richer.summary().tokens, bench.server.tokens()), (130, 130));
}

#[test]
fn the_budget_of_questions_counts_questions() {
    let mut bench = Bench::with_faults(|request| (request.attempt == 1).then(|| Fault::status(500, "again")));
    bench.limits.budget_queries = Some(5);
    let run = bench.run();
    assert_eq!(run.ids(), ["q0", "q1", "q2", "q3", "q4"]);
    assert_eq!((run.summary().end, run.summary().requests), (End::QueryBudget, 10));
    bench.limits.budget_queries = Some(7);
    assert_eq!(bench.run().answers.len(), 7);
    bench.limits.budget_queries = Some(6);
    let run = bench.run();
    assert_eq!((run.answers.len(), run.summary().answers, run.summary().requests), (6, 7, 0));
    bench.limits.budget_queries = Some(12);
    assert_eq!(bench.run().summary().end, End::AllAsked);
}
