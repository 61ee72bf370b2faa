//! Servers that fail, refuse, stop midway, or talk too much.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::common::{Bench, number, student};
use taggant_audit::endpoint::{Api, ApiKey, End, Endpoint, Note};
use taggant_testserver::{Fault, Options, Server};

/// The first request of every second question meets `fault`; all answers arrive all the same, and `words` are said.
fn check_survived(fault: Fault, words: &str) {
    let name = format!("{fault:?}");
    let mut bench = Bench::with_faults(move |request| {
        (request.attempt == 1 && number(request) % 2 == 1).then(|| fault.clone())
    });
    bench.limits.timeout = Duration::from_millis(300);
    let run = bench.run();
    assert_eq!(run.answers, bench.undisturbed(), "{name}: {}", run.talk());
    assert_eq!((run.summary().requests, run.summary().answers), (18, 12), "{name}");
    assert!(run.summary().failed.is_empty(), "{name}");
    let retries = run.notes.iter().filter(|note| matches!(note, Note::Retry { .. })).count();
    assert_eq!(retries, 6, "{name}");
    assert!(run.talk().lines().all(|line| line.contains(words)), "{name}: {}", run.talk());
    let why = words.split("; asked again").next().unwrap();
    assert!(run.summary().last_failure.as_ref().unwrap().contains(why), "{name}");
}

#[test]
fn overload_is_survived() {
    check_survived(Fault::status(429, "slow down"), "status 429: slow down; asked again in 0.0 s");
    check_survived(
        Fault::Status { status: 429, retry_after: Some("0.2".into()), body: String::new() },
        "status 429; asked again in 0.2 s",
    );
}

#[test]
fn broken_servers_are_survived() {
    check_survived(Fault::status(500, "out of memory"), "status 500: out of memory");
    check_survived(
        Fault::Status { status: 502, retry_after: None, body: "<html>Bad\nGateway".into() },
        "502: <html>Bad Gateway",
    );
    check_survived(Fault::status(503, "loading"), "status 503");
    check_survived(Fault::status(408, "too slow"), "status 408");
}

#[test]
fn broken_answers_are_survived() {
    check_survived(Fault::Truncated, "bytes is not valid JSON: EOF while parsing");
    check_survived(Fault::ClosedMidBody, "connection: ");
    check_survived(Fault::Body(String::new()), "the answer of 0 bytes is not valid JSON");
    check_survived(Fault::Body("{}".into()), "expected an entry in `choices`");
    check_survived(
        Fault::Body(r#"{"error":{"message":"model crashed"}}"#.into()),
        "an error for an answer: model crashed",
    );
}

#[test]
fn silence_is_survived() {
    check_survived(Fault::Hang(Duration::from_secs(5)), "no answer within 0.3 s");
}

#[test]
fn retry_after_is_honoured_by_all_requests() {
    let mut bench = Bench::with_faults(|request| {
        let first = request.number == 1;
        first.then(|| Fault::Status { status: 429, retry_after: Some("1".into()), body: String::new() })
    });
    bench.limits.concurrency = 1;
    let start = Instant::now();
    let run = bench.run();
    assert_eq!(run.answers.len(), 12);
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(run.talk().contains("asked again in 1.0 s"), "{}", run.talk());
}

#[test]
fn a_wait_beyond_the_limit_ends_the_run() {
    let bench = Bench::with_faults(|request| {
        let retry_after = Some("86400".into());
        (number(request) == 5).then(|| Fault::Status { status: 429, retry_after, body: String::new() })
    });
    let run = bench.run();
    let message = run.error().to_string();
    assert!(
        run.error().is_server() && message.contains("wait for 86400 s, which is longer than 600 s"),
        "{message}"
    );
    assert!(run.answers.len() >= 5 && run.error().summary().unwrap().end == End::Error);
}

#[test]
fn a_question_whose_retries_are_used_up_fails_and_is_asked_again_by_the_next_run() {
    let is_down = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let switch = std::sync::Arc::clone(&is_down);
    let mut bench = Bench::with_faults(move |request| {
        let fails = switch.load(std::sync::atomic::Ordering::SeqCst) && number(request) == 4;
        fails.then(|| Fault::status(500, "no luck"))
    });
    bench.limits.retries = 2;
    let run = bench.run();
    assert_eq!((run.summary().end, &*run.summary().failed), (End::AllAsked, &["q4".to_owned()][..]));
    assert_eq!((run.answers.len(), run.summary().requests), (11, 14));
    assert!(run.talk().contains("question q4 failed: status 500: no luck; the next run asks it again"));
    assert!(bench.log_text().contains(r#"{"event":"failed","question":"q4","index":4,"attempts":3}"#));

    is_down.store(false, std::sync::atomic::Ordering::SeqCst);
    let run = bench.run();
    assert_eq!(run.answers, bench.undisturbed());
    assert_eq!((run.summary().requests, run.summary().answers_before), (1, 11));
    assert!(bench.log_text().contains(r#""attempt":4"#));
}

#[test]
fn too_many_failures_in_a_row_end_the_run_with_what_was_kept() {
    let mut bench =
        Bench::with_faults(|request| (number(request) >= 6).then(|| Fault::status(500, "broken")));
    bench.limits.retries = 1;
    bench.limits.concurrency = 1;
    bench.limits.failures_in_a_row = 3;
    let run = bench.run();
    let message = run.error().to_string();
    assert!(
        message.contains("fails question after question (3 in a row), the last with: status 500: broken"),
        "{message}"
    );
    let summary = run.error().summary().unwrap();
    // While one of them waits for its retry, the next is asked.
    assert!(summary.answers == 6 && summary.failed.len() == 3 && summary.requests >= 12, "{summary:?}");
    assert_eq!(run.answers, bench.undisturbed()[..6]);
}

#[test]
fn a_server_that_is_not_there_is_an_error_and_the_log_goes_on_when_it_is() {
    let mut bench = Bench::new();
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    bench.endpoint = Endpoint::new(&format!("http://127.0.0.1:{port}"), "student", Api::Chat).unwrap();
    bench.limits.retries = 2;
    let run = bench.run();
    let message = run.error().to_string();
    assert!(run.error().is_server() && message.contains("connection: "), "{message}");
    assert_eq!(run.error().summary().unwrap().tokens, 0);

    let _server = Server::start(student(), Options { port, ..Options::default() }).unwrap();
    assert_eq!(bench.run().answers, bench.undisturbed());
}

#[test]
fn refusals_end_the_run_at_once_with_the_servers_words() {
    let check = |fault: Fault, status: u16, words: &[&str]| {
        let bench = Bench::with_faults(move |_| Some(fault.clone()));
        let run = bench.run();
        let message = run.error().to_string();
        assert!(words.iter().all(|words| message.contains(words)), "{message}");
        assert!(run.error().is_server() && run.error().status() == Some(status), "{message}");
        assert!(bench.server.requests().len() <= bench.limits.concurrency);
        assert!(message.len() < 600 && !message.contains('\u{1b}'), "{message}");
    };
    check(
        Fault::status(400, "temperature?\u{1b}[2J"),
        400,
        &["/v1/chat/completions refuses with status 400: temperature? [2J"],
    );
    check(Fault::status(401, "who?"), 401, &["status 401: who?; is the API key right"]);
    check(Fault::status(403, "not you"), 403, &["403: not you"]);
    check(Fault::status(404, &"x".repeat(5000)), 404, &["404: xxx", "...; is the URL right"]);
    check(Fault::status(422, "no"), 422, &["422: no"]);
    check(
        Fault::Redirect("https://elsewhere.example.com/v1?token=hunter2".into()),
        307,
        &["status 307: it leads to https://elsewhere.example.com/v1; redirects are not followed"],
    );
}

#[test]
fn unknown_model_and_wrong_key_are_said_and_the_key_is_not() {
    let options = || Options { key: Some("sk-right-right-right".into()), ..Options::default() };
    let mut bench = Bench::with_options(options());
    let endpoint = |model, key: &str| {
        Endpoint::new(&bench.server.url(), model, Api::Chat)
            .unwrap()
            .with_key(ApiKey::new(key).unwrap())
            .unwrap()
    };
    let (wrong_key, wrong_model, right) = (
        endpoint("student", "sk-hunter2-hunter2"),
        endpoint("teacher", "sk-right-right-right"),
        endpoint("student", "sk-right-right-right"),
    );
    bench.endpoint = wrong_key;
    let run = bench.run();
    let all = format!("{} {:?} {}", run.error(), run.error(), bench.log_text());
    assert!(all.contains("incorrect API key provided: Bearer [redacted]"), "{all}");
    assert!(!all.contains("hunter2"), "{all}");
    std::fs::remove_file(bench.log()).unwrap();

    bench.endpoint = wrong_model;
    let run = bench.run();
    assert!(run.error().to_string().contains("the model `teacher` does not exist"), "{}", run.error());
    std::fs::remove_file(bench.log()).unwrap();

    bench.endpoint = right;
    assert_eq!(bench.run().answers.len(), 12);
    assert!(!bench.log_text().contains("sk-right") && !bench.log_text().contains("Bearer"));
}

#[test]
fn an_answer_that_repeats_the_key_is_kept_without_it() {
    let echo = r#"{"choices":[{"message":{"content":"you sent sk-hunter2-hunter2"}}]}"#;
    let mut bench = Bench::with_faults(|_| Some(Fault::Body(echo.into())));
    bench.endpoint = bench.endpoint.with_key(ApiKey::new("sk-hunter2-hunter2").unwrap()).unwrap();
    let run = bench.run();
    assert_eq!(run.answers[0].text, "you sent [redacted]");
    assert!(!bench.log_text().contains("hunter2"));
    assert!(run.talk().contains("question q0: the answer repeats the API key"), "{}", run.talk());
}

#[test]
fn a_refused_question_among_answered_ones_fails_alone() {
    let mut bench =
        Bench::with_faults(|request| (number(request) == 7).then(|| Fault::status(400, "flagged")));
    bench.limits.concurrency = 1;
    let run = bench.run();
    assert_eq!((run.answers.len(), &*run.summary().failed), (11, &["q7".to_owned()][..]));
    assert_eq!(run.summary().requests, 12);
    assert!(run.talk().contains("question q7 failed: refused with status 400: flagged"), "{}", run.talk());
}

#[test]
fn endless_answers_are_not_read_to_the_end() {
    let mut bench = Bench::with_faults(|_| Some(Fault::Body(" ".repeat(100_000))));
    bench.limits.response_bytes = 20_000;
    bench.limits.retries = 0;
    let run = bench.run();
    assert!(run.error().to_string().contains("the answer is longer than 20000 bytes"), "{}", run.error());
}
