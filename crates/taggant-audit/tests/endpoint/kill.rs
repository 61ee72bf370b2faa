//! A client that is killed in the middle, as a whole process.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Bench, number};
use taggant_audit::endpoint::{Api, Endpoint, Limits, Note, Sampling, ask};
use taggant_testserver::Fault;

const URL: &str = "TAGGANT_TEST_URL";
const LOG: &str = "TAGGANT_TEST_LOG";

/// What the child process runs: this very test, told by its environment where to ask.
#[test]
fn the_child_asks_and_a_plain_test_run_does_nothing() {
    let (Ok(url), Some(log)) = (std::env::var(URL), std::env::var_os(LOG).map(PathBuf::from)) else { return };
    let endpoint = Endpoint::new(&url, "student", Api::Chat).unwrap();
    let sampling = Sampling { max_tokens: 24, seed: Some(7), ..Sampling::default() };
    let limits = Limits { concurrency: 3, ..Limits::default() };
    let questions = crate::common::questions(12);
    ask(&endpoint, &questions, &sampling, &limits, &log, &mut |_| ControlFlow::Continue(()), &mut |_| {})
        .unwrap();
}

fn spawn(bench: &Bench) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::the_child_asks_and_a_plain_test_run_does_nothing"])
        .env(URL, bench.server.url())
        .env(LOG, bench.log())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_killed_run_goes_on_with_the_same_answers_and_loses_none() {
    // The first six answers are quick; the others never come while the child lives.
    let mut bench = Bench::with_faults(|request| {
        (request.number <= 9 && number(request) >= 6).then_some(Fault::Hang(Duration::from_secs(3600)))
    });
    let mut child = spawn(&bench);
    wait_until("six answers and three requests under way", || {
        let log = std::fs::read_to_string(bench.log()).unwrap_or_default();
        log.matches(r#""event":"answer""#).count() == 6 && bench.server.requests().len() == 9
    });

    // While it lives, nobody else writes to its log.
    let run = bench.run();
    assert!(run.error().is_log() && run.error().to_string().contains("another process"), "{}", run.error());

    child.kill().unwrap();
    child.wait().unwrap();
    bench.limits.concurrency = 5;
    let run = bench.run();
    assert_eq!(run.answers, bench.undisturbed());
    assert_eq!((run.summary().answers_before, run.summary().requests), (6, 6));
    assert!(run.notes.contains(&Note::CutOff { requests: 3, tokens: 72 }), "{}", run.talk());
    assert_eq!(bench.server.requests().len(), 15);
}

#[test]
fn runs_killed_again_and_again_come_to_the_same_end() {
    let bench = Bench::with_faults(|_| Some(Fault::Hang(Duration::from_millis(30))));
    let n_answers = || {
        let log = std::fs::read_to_string(bench.log()).unwrap_or_default();
        log.matches(r#""event":"answer""#).count()
    };
    for n in [1, 4, 7] {
        let mut child = spawn(&bench);
        wait_until("a few answers", || n_answers() >= n);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let run = bench.run();
    assert_eq!(run.answers, bench.undisturbed());
    let summary = run.summary();
    assert!(summary.answers_before >= 7, "{summary:?}");
    let answered: u64 = run.answers.iter().filter_map(|answer| answer.completion_tokens).sum();
    assert_eq!(summary.tokens, answered + summary.tokens_lost);
}
