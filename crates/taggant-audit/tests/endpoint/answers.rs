//! Questions and answers: their order, their contents, the pace.

use std::time::{Duration, Instant};

use crate::common::{Bench, number, questions, student};
use taggant_audit::endpoint::{Api, End, Endpoint, Limits, Question, Sampling};
use taggant_testserver::{Fault, Settings};

#[test]
fn answers_come_in_the_order_of_the_questions_whatever_arrives_first() {
    let mut bench = Bench::with_faults(|request| {
        // Every third answer is slow, so that later ones overtake it.
        let is_slow = number(request).is_multiple_of(3);
        is_slow.then_some(Fault::Hang(Duration::from_millis(60)))
    });
    bench.limits.concurrency = 5;
    let run = bench.run();
    assert_eq!(run.ids(), (0..12).map(|i| format!("q{i}")).collect::<Vec<_>>());
    assert_eq!(run.answers, bench.undisturbed());
    assert_eq!(run.summary().end, End::AllAsked);
    assert_eq!((run.summary().answers, run.summary().requests), (12, 12));
    let lines: Vec<String> = bench.log_text().lines().map(str::to_owned).collect();
    let arrived = lines.iter().filter(|line| line.contains(r#""event":"answer""#));
    let indices: Vec<&str> = arrived.map(|line| line.split(r#""index":"#).nth(1).unwrap()).collect();
    assert!(!indices.is_sorted(), "nothing was overtaken");
}

#[test]
fn requests_run_at_once_and_not_too_far_ahead() {
    let mut bench = Bench::with_faults(|request| {
        let time = if number(request) == 0 { 400 } else { 5 };
        Some(Fault::Hang(Duration::from_millis(time)))
    });
    bench.questions = questions(30);
    bench.limits.concurrency = 3;
    bench.stop_after = Some(1);
    let run = bench.run();
    assert_eq!((run.ids(), run.summary().end), (vec!["q0"], End::Stopped));
    // Twelve at most were sent while the first was waited for; all of them are kept.
    assert_eq!((run.summary().requests, run.summary().answers), (12, 12));
    assert_eq!(bench.server.requests().len(), 12);
}

#[test]
fn answers_and_log_probs_are_those_of_the_student() {
    for api in [Api::Chat, Api::Completions] {
        let mut bench = Bench::new();
        bench.endpoint = Endpoint::new(&bench.server.url(), "student", api).unwrap();
        bench.sampling = Sampling { top_logprobs: Some(3), ..bench.sampling };
        let run = bench.run();
        assert_eq!((run.answers.len(), run.summary().without_log_probs), (12, 0));
        for (i, answer) in run.answers.iter().enumerate() {
            let end = if api == Api::Chat { "\n" } else { "" };
            let settings = Settings {
                min_tokens: 0,
                max_tokens: 24,
                sampling: taggant::sampling::SamplingParams::default(),
                seed: 7 + i as u64,
                top: 3,
            };
            let (draws, ended) =
                student().answer(&format!("{}{end}", bench.questions[i].prompt), &settings).unwrap();
            let tokens = answer.log_probs.as_ref().unwrap();
            assert_eq!(tokens.len(), draws.len());
            for (token, draw) in tokens.iter().zip(&draws) {
                assert_eq!((&token.bytes, token.ln_p), (&draw.bytes, draw.ln_p));
                assert_eq!(token.top, draw.top);
            }
            assert_eq!(answer.completion_tokens, Some(draws.len() as u64));
            assert_eq!(answer.finish_reason.as_deref(), Some(if ended { "stop" } else { "length" }));
            assert_eq!(answer.prompt, bench.questions[i].prompt);
            // Half a character at the end of a token has no place in the text.
            assert_eq!(answer.is_aligned(), !answer.text.contains('\u{fffd}'), "{answer:?}");
        }
    }
}

#[test]
fn log_probs_that_a_server_leaves_out_are_counted() {
    let plain = r#"{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],"usage":{"completion_tokens":1}}"#;
    let mut bench = Bench::with_faults(|_| Some(Fault::Body(plain.into())));
    bench.sampling.top_logprobs = Some(0);
    let run = bench.run();
    assert_eq!((run.summary().without_log_probs, run.summary().tokens), (12, 12));
    assert!(run.answers.iter().all(|answer| answer.text == "yes" && answer.log_probs.is_none()));
}

#[test]
fn a_system_message_goes_before_each_prompt() {
    let mut bench = Bench::new();
    bench.sampling.system = Some("Be brief.".into());
    bench.run();
    assert!(bench.server.requests().iter().all(|request| request.prompt.starts_with("Be brief.\n")));
}

#[test]
fn equal_prompts_get_seeds_of_their_own() {
    let mut bench = Bench::new();
    bench.questions = (0..4).map(|i| Question { id: i.to_string(), prompt: "She".into() }).collect();
    let run = bench.run();
    let mut texts: Vec<&str> = run.answers.iter().map(|answer| answer.text.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 4);
    let mut seeds: Vec<_> = bench.server.requests().iter().map(|request| request.seed).collect();
    seeds.sort_unstable();
    assert_eq!(seeds, [Some(7), Some(8), Some(9), Some(10)]);
}

#[test]
fn requests_keep_to_the_rate() {
    let mut bench = Bench::new();
    bench.questions.truncate(6);
    bench.limits.requests_per_minute = Some(1200);
    let start = Instant::now();
    let run = bench.run();
    assert_eq!(run.answers.len(), 6);
    // The first goes at once; five more, 50 ms apart.
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
}

#[test]
fn nothing_to_ask_is_no_error() {
    let mut bench = Bench::new();
    bench.questions.clear();
    let run = bench.run();
    assert_eq!((run.summary().end, run.summary().requests), (End::AllAsked, 0));
}

#[test]
fn settings_that_make_no_sense_are_refused_before_anything_is_sent() {
    let check = |change: fn(&mut Bench), words: &str| {
        let mut bench = Bench::new();
        change(&mut bench);
        let run = bench.run();
        assert!(run.error().is_misuse() && run.error().to_string().contains(words), "{}", run.error());
        assert!(bench.server.requests().is_empty() && !bench.log().exists());
    };
    check(|bench| bench.limits.concurrency = 0, "concurrency: expected 1 to 1024");
    check(|bench| bench.limits.requests_per_minute = Some(0), "requests per minute");
    check(|bench| bench.limits.failures_in_a_row = 0, "failures in a row");
    check(|bench| bench.limits.timeout = Duration::ZERO, "timeout");
    check(|bench| bench.sampling.max_tokens = 0, "max tokens");
    check(|bench| bench.questions[3].id = "q1".into(), "found that of question 4 again");
}

#[test]
fn a_key_goes_over_http_only_where_it_is_asked_for_by_name() {
    let key = || taggant_audit::endpoint::ApiKey::new("sk-hunter2-hunter2").unwrap();
    let remote = || Endpoint::new("http://10.0.0.1/v1", "m", Api::Chat).unwrap();
    let error = remote().with_key(key()).unwrap_err();
    assert!(error.is_misuse() && error.to_string().contains("use https"), "{error}");
    let _ = remote().with_key_in_the_clear(key());
    for url in ["https://10.0.0.1/v1", "http://127.0.0.1/v1", "http://localhost:1", "http://[::1]:1"] {
        let endpoint = Endpoint::new(url, "m", Api::Chat).unwrap().with_key(key()).unwrap();
        assert!(!format!("{endpoint:?}").contains("hunter2"));
    }
    let proxied = remote().with_proxy("http://user:hunter2@proxy:3128").unwrap();
    assert!(!format!("{proxied:?}").contains("hunter2"));
    let error = remote().with_proxy("gopher://hunter2@proxy").unwrap_err();
    assert!(error.is_misuse() && !format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn the_defaults_are_valid() {
    let bench = Bench::new();
    let bench = Bench {
        limits: Limits::default(),
        sampling: Sampling { max_tokens: 2, ..Sampling::default() },
        ..bench
    };
    assert_eq!(bench.run().answers.len(), 12);
}
