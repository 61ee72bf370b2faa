//! Every example runs to its end; what it promises it asserts itself. The server, which has no end, is started and asked.

#![allow(unreachable_pub, reason = "`pub fn main` is what lets an example be called from here")]

#[path = "../mark.rs"]
mod mark;
#[path = "../openai_server.rs"]
mod openai_server;
#[path = "../own_reader.rs"]
mod own_reader;
#[path = "../verify.rs"]
mod verify;

#[test]
fn mark_runs() {
    mark::main().unwrap();
}

#[test]
fn verify_runs() {
    verify::main().unwrap();
}

#[test]
fn own_reader_runs() {
    own_reader::main().unwrap();
}

#[test]
fn openai_server_answers_from_what_it_was_trained_on() {
    use clap::Parser;
    use std::ops::ControlFlow;
    use taggant_audit::endpoint::{Api, Endpoint, Limits, Question, Sampling, ask};

    let folder = tempfile::tempdir().unwrap();
    let train = folder.path().join("train.jsonl");
    std::fs::write(&train, "{\"text\": \"the sea, the sea, the sea, the sea\"}\n").unwrap();
    let args = ["server", "--train", train.to_str().unwrap(), "--faults", "500,truncated", "--every", "2"];
    let server = openai_server::start(openai_server::Args::parse_from(args)).unwrap();
    let endpoint = Endpoint::new(&server.url(), "student", Api::Completions).unwrap();
    let questions =
        ["1", "2", "3"].map(|id| Question { id: id.into(), prompt: "the sea, the sea".into() }).to_vec();
    let sampling = Sampling { max_tokens: 8, temperature: Some(0.0), ..Sampling::default() };
    let limits = Limits { first_wait: std::time::Duration::from_millis(1), ..Limits::default() };
    let mut texts = Vec::new();
    let mut on_answer = |answer: &taggant_audit::endpoint::Answer| {
        texts.push(answer.text.clone());
        ControlFlow::Continue(())
    };
    let log = folder.path().join("log.jsonl");
    let summary = ask(&endpoint, &questions, &sampling, &limits, &log, &mut on_answer, &mut |_| {}).unwrap();
    assert_eq!(summary.answers, 3);
    assert!(texts.iter().all(|text| text.starts_with(", the sea")), "{texts:?}");
    assert!(summary.requests > 3);
}
