//! The log: what it holds, what it is bound to, and going on from it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;

use crate::common::{Bench, number};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::Value;
use taggant_audit::endpoint::{Api, End, Endpoint, Note};
use taggant_testserver::{Fault, Options};

#[test]
fn each_response_is_kept_as_it_came() {
    let body = "{\"choices\": [{\"message\":\r\n {\"content\": \"caf\\u00e9 \u{e9}\"}}],\t\"x\": 1.50}\n";
    let bench = Bench::with_faults(move |_| Some(Fault::Body(body.into())));
    let run = bench.run();
    assert_eq!(run.answers[3].text, "caf\u{e9} \u{e9}");
    let text = bench.log_text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let header = &lines[0];
    assert_eq!(header["url"], bench.server.url());
    assert_eq!((&header["model"], &header["api"]), (&"student".into(), &"chat".into()));
    assert_eq!((&header["questions"], &header["sampling"]["max_tokens"]), (&12.into(), &24.into()));
    assert_eq!(header["questions_sha256"].as_str().unwrap().len(), 64);
    let answers: Vec<&Value> = lines.iter().filter(|line| line["event"] == "answer").collect();
    assert_eq!(answers.len(), 12);
    for answer in answers {
        let index = answer["index"].as_u64().unwrap() as usize;
        assert_eq!(answer["question"], bench.questions[index].id);
        assert_eq!(answer["prompt"], bench.questions[index].prompt);
        assert_eq!((&answer["body"], &answer["status"]), (&body.into(), &200.into()));
        assert_eq!((&answer["attempt"], &answer["tokens_spent"]), (&1.into(), &24.into()));
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_was() {
    let mut bench = Bench::new();
    let all = bench.undisturbed();
    bench.stop_after = Some(5);
    let first = bench.run();
    assert_eq!((first.summary().end, &*first.answers), (End::Stopped, &all[..5]));
    // The same stop, from the log alone.
    let n_requests = bench.server.requests().len();
    let again = bench.run();
    assert_eq!((again.summary().requests, &*again.answers), (0, &all[..5]));
    assert_eq!(bench.server.requests().len(), n_requests);
    bench.stop_after = None;
    let rest = bench.run();
    assert_eq!(rest.answers, all);
    assert_eq!(rest.summary().answers_before, first.summary().answers);
    assert!(rest.notes.contains(&Note::Resumed { answers: first.summary().answers }));
    assert_eq!(bench.server.requests().len(), 12);
}

#[test]
fn a_complete_log_needs_no_server() {
    let mut bench = Bench::new();
    let first = bench.run();
    bench.server = Bench::new().server;
    let again = bench.run();
    assert_eq!((again.answers, again.result.unwrap().requests), (first.answers, 0));
    assert!(bench.server.requests().is_empty());
}

#[test]
fn the_log_of_another_run_is_refused_with_what_differs_and_left_alone() {
    let check = |change: fn(&mut Bench), words: &[&str]| {
        let mut bench = Bench::new();
        bench.limits.budget_queries = Some(2);
        bench.run();
        let before = bench.log_text();
        change(&mut bench);
        let run = bench.run();
        let message = run.error().to_string();
        assert!(run.error().is_log() && words.iter().all(|words| message.contains(words)), "{message}");
        assert!(message.contains("log.jsonl") && message.ends_with("name another log"), "{message}");
        assert_eq!(bench.log_text(), before);
    };
    check(
        |bench| bench.endpoint = Endpoint::new("https://other.example.com", "student", Api::Chat).unwrap(),
        &["endpoint http://127.0.0.1:", "/v1 there, https://other.example.com/v1 here"],
    );
    check(
        |bench| bench.endpoint = Endpoint::new(&bench.server.url(), "teacher", Api::Completions).unwrap(),
        &[r#"model "student" there, "teacher" here; API chat there, completions here"#],
    );
    check(
        |bench| {
            bench.sampling.max_tokens = 25;
            bench.sampling.temperature = None;
            bench.sampling.seed = Some(8);
            bench.sampling.top_logprobs = Some(1);
            bench.sampling.system = Some("hidden".into());
        },
        &[
            "max tokens 24 there, 25 here; temperature 1 there, unset here; seed 7 there, 8 here; top log-probs unset there, \
             1 here; another system message",
        ],
    );
    check(|bench| bench.questions.truncate(11), &["questions 12 there, 11 here"]);
    check(|bench| bench.questions.swap(3, 4), &["other questions, or in another order (SHA-256 "]);
    check(|bench| bench.questions[5].prompt.push('!'), &["other questions, or in another order"]);
}

#[test]
fn other_files_are_refused_and_left_alone() {
    for text in
        ["", "\n", "my novel", "my novel\n", "{}\n", "{\"taggant_endpoint_log\":1}\n", "\u{0}\u{ff}\n"]
    {
        let bench = Bench::new();
        fs::write(bench.log(), text).unwrap();
        let run = bench.run();
        if text.is_empty() {
            assert_eq!(run.answers.len(), 12);
        } else {
            let message = run.error().to_string();
            assert!(
                run.error().is_log() && message.contains("log.jsonl:1: not the log of an endpoint"),
                "{message}"
            );
            assert_eq!(bench.log_text(), text);
        }
    }
    let bench = Bench::new();
    fs::create_dir(bench.log()).unwrap();
    assert!(bench.run().error().is_log());
    let bench = Bench::new();
    fs::remove_dir(bench.folder.path()).unwrap();
    let run = bench.run();
    assert!(run.error().to_string().ends_with("cannot open the log"), "{}", run.error());
}

#[test]
fn a_log_in_use_is_refused() {
    let bench = Bench::new();
    let file = OpenOptions::new().append(true).create(true).open(bench.log()).unwrap();
    file.try_lock().unwrap();
    let run = bench.run();
    assert!(
        run.error().is_log() && run.error().to_string().contains("another process is asking with this log")
    );
    drop(file);
    assert_eq!(bench.run().answers.len(), 12);
}

#[test]
fn a_damaged_log_is_refused_with_its_line() {
    let check = |change: fn(Vec<String>) -> Vec<String>, words: &str| {
        let bench = Bench::new();
        bench.run();
        let lines = bench.log_text().lines().map(str::to_owned).collect();
        let text: String = change(lines).iter().map(|line| format!("{line}\n")).collect();
        fs::write(bench.log(), &text).unwrap();
        let run = bench.run();
        let message = run.error().to_string();
        assert!(run.error().is_log() && message.contains(words), "{message}");
        assert_eq!(bench.log_text(), text);
    };
    check(
        |mut lines| {
            lines[4].truncate(20);
            lines
        },
        "log.jsonl:5: the log is damaged: expected an entry, found something else",
    );
    check(
        |mut lines| {
            lines[3] = lines[3].replace(r#""question":"q"#, r#""question":"z"#);
            lines
        },
        "log.jsonl:4: the log is damaged: its question is not at this place",
    );
    check(
        |mut lines| {
            let answer = lines.iter().find(|line| line.contains(r#""event":"answer""#)).unwrap().clone();
            lines.push(answer);
            lines
        },
        "log.jsonl:26: the log is damaged: its question has an answer already",
    );
    check(
        |mut lines| {
            lines.push(r#"{"event":"set-aside","first_line":9,"bytes":3}"#.into());
            lines
        },
        "log.jsonl:26: the log is damaged: it sets aside lines that can be read",
    );
}

#[test]
fn an_answer_that_was_changed_in_the_log_is_not_handed_over() {
    let bench = Bench::new();
    bench.run();
    fs::write(bench.log(), bench.log_text().replace("choices", "chances")).unwrap();
    let run = bench.run();
    assert!(
        run.error().is_log() && run.error().to_string().contains("its answer cannot be read"),
        "{}",
        run.error()
    );
    assert!(run.answers.is_empty());
}

#[test]
fn requests_that_were_cut_off_count_as_spent_and_are_sent_again() {
    let bench = Bench::new();
    bench.run();
    let text = bench.log_text();
    // As if the process had been killed right after it sent its last three requests.
    let (kept, answered): (Vec<&str>, Vec<&str>) = text
        .lines()
        .partition(|line| !line.contains(r#""event":"answer""#) || !line.contains("\"question\":\"q1"));
    assert_eq!(answered.len(), 3);
    fs::write(bench.log(), kept.join("\n") + "\n").unwrap();
    let run = bench.run();
    assert_eq!(run.answers, bench.undisturbed());
    assert!(run.notes.contains(&Note::CutOff { requests: 3, tokens: 72 }), "{}", run.talk());
    assert_eq!((run.summary().requests, run.summary().tokens_lost), (3, 72));
    // And only once.
    let again = bench.run();
    assert_eq!((again.summary().tokens, again.summary().tokens_lost), (run.summary().tokens, 72));
    assert!(!again.talk().contains("cut off"));
}

#[test]
fn half_a_line_is_set_aside_and_stays_where_it_is() {
    let bench = Bench::new();
    bench.run();
    let text = bench.log_text();
    let cut = text.len() - 50;
    fs::write(bench.log(), &text[..cut]).unwrap();
    let run = bench.run();
    assert_eq!((run.answers, run.result.unwrap().requests), (bench.undisturbed(), 1));
    assert!(matches!(run.notes[0], Note::SetAside { line: 25, .. }), "{:?}", run.notes);
    assert!(bench.log_text().starts_with(&text[..cut]));
    assert!(bench.log_text().contains("{\"event\":\"set-aside\",\"first_line\":25,\"bytes\":"));
    assert_eq!(bench.run().answers.len(), 12);

    // Killed again, while it said so, and once more.
    let text = bench.log_text();
    let cut = text.find("{\"event\":\"set-aside\"").unwrap() + 9;
    fs::write(bench.log(), &text[..cut]).unwrap();
    let run = bench.run();
    assert_eq!(run.answers.len(), 12);
    assert!(matches!(run.notes[0], Note::SetAside { line: 25, .. }), "{:?}", run.notes);
    let mut file = OpenOptions::new().append(true).open(bench.log()).unwrap();
    file.write_all(b"{\"event\":").unwrap();
    drop(file);
    assert_eq!(bench.run().answers.len(), 12);
}

/// A whole log with failures in it, and the server that wrote it.
fn whole() -> &'static (Bench, String) {
    static WHOLE: OnceLock<(Bench, String)> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let fault = |request: &taggant_testserver::Request| {
            (request.attempt == 1 && number(request) % 5 == 2).then_some(Fault::Truncated)
        };
        let bench = Bench::with_options(Options { fault: Box::new(fault), ..Options::default() });
        bench.run();
        let text = bench.log_text();
        (bench, text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn a_log_cut_anywhere_goes_on_to_the_same_answers(
        share in 0.0_f64..1.0,
        stop_after in proptest::option::of(1_usize..12),
        garbage in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let (bench, text) = whole();
        let cut = (share * text.len() as f64) as usize;
        let header = text.find('\n').unwrap();
        let mut bytes = text.as_bytes()[..cut].to_vec();
        if cut > header && !bytes.ends_with(b"\n") {
            // What a failing disk may leave behind.
            bytes.extend(garbage.iter().filter(|byte| **byte != b'\n'));
        }
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.jsonl");
        fs::write(&log, &bytes).unwrap();
        let mut answers = Vec::new();
        let mut run = |stop_after: Option<usize>| {
            answers.clear();
            let summary = taggant_audit::endpoint::ask(
                &bench.endpoint,
                &bench.questions,
                &bench.sampling,
                &bench.limits,
                &log,
                &mut |answer| {
                    answers.push(answer.clone());
                    let is_over = stop_after.is_some_and(|n| answers.len() >= n);
                    if is_over { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
                },
                &mut |_| {},
            );
            (answers.clone(), summary.unwrap())
        };
        static EXPECTED: OnceLock<Vec<taggant_audit::endpoint::Answer>> = OnceLock::new();
        let expected = EXPECTED.get_or_init(|| bench.undisturbed());
        let (first, _) = run(stop_after);
        prop_assert_eq!(&first[..], &expected[..stop_after.unwrap_or(12)]);
        let (all, summary) = run(None);
        prop_assert_eq!(&all[..], &expected[..]);
        prop_assert_eq!(summary.answers, 12);
        // Whatever was there is still there, in front.
        prop_assert!(fs::read(&log).unwrap().starts_with(&bytes));
        // The log adds up.
        let spent: u64 = fs::read(&log).unwrap().split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<Value>(line).ok()?["tokens_spent"].as_u64())
            .sum();
        prop_assert_eq!(spent, summary.tokens);
    }
}
