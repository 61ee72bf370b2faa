//! A suspect with a tokenizer of its own: what it wrote, what it was asked and its log-probs are read through that.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use common::{folder, run, stdout_of, write};
use serde_json::{Value, json};

/// The embedded tokenizer with its ids in reverse, but for the special token: the same text in other numbers.
fn reversed() -> String {
    let mut tokenizer: Value =
        serde_json::from_str(include_str!("../../taggant-lm/data/tokenizer.json")).unwrap();
    let vocabulary = tokenizer["model"]["vocab"].as_object_mut().unwrap();
    let n = vocabulary.len() as u64;
    for id in vocabulary.values_mut() {
        let old = id.as_u64().unwrap();
        *id = json!(reverse(old, n));
    }
    tokenizer.to_string()
}

fn reverse(id: u64, n: u64) -> u64 {
    if id == 0 { 0 } else { n - id }
}

#[test]
fn tokens_and_prompts_are_read_through_the_tokenizer_they_are_in() {
    let folder = folder();
    let path = folder.path();
    stdout_of(path, "profile --epoch 2026q4 --output profile.toml");
    write(path, "theirs.json", &reversed());
    // Half of each text is what was asked, and all of it is what was answered: an answer that repeats its prompt.
    let line = "generate --profile profile.toml --key key --documents 5 --tokens 200 --seed 3";
    let documents = stdout_of(path, line);
    let rows = |change: fn(u64) -> u64, field: &str| -> String {
        let row = |line: &str| {
            let tokens: Vec<u64> = serde_json::from_str::<Value>(line).unwrap()["tokens"]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| change(id.as_u64().unwrap()))
                .collect();
            json!({"tokens": tokens, field: tokens[..100]}).to_string() + "\n"
        };
        documents.lines().map(row).collect()
    };
    write(path, "ours.jsonl", &rows(|id| id, "prompt_tokens"));
    write(path, "theirs.jsonl", &rows(|id| reverse(id, 4096), "prompt_tokens"));
    let audit = |file: &str, more: &str| -> Value {
        let mark =
            "--profile profile.toml --key key --tokenizer embedded --decoys 0 --columns 0 --format json";
        let run = run(path, &format!("audit run --suspect {file} {mark} {more}"));
        assert_eq!(run.status, 0, "{}", run.stderr);
        serde_json::from_str(&run.stdout).unwrap()
    };
    let (ours, theirs) = (audit("ours.jsonl", ""), audit("theirs.jsonl", "--suspect-tokenizer theirs.json"));
    // Sampled tokens need not be those that a text has again: numbers are close, and contexts of prompts are left out of both.
    let n = |report: &Value| report["tests"][0]["n"].as_u64().unwrap();
    assert!(n(&ours).abs_diff(n(&theirs)) * 10 <= n(&ours), "{} and {}", n(&ours), n(&theirs));
    let dropped = |report: &Value| report["corpus"]["dropped"]["prompt-context"].as_u64().unwrap();
    assert!(dropped(&ours) >= 400 && dropped(&theirs) >= 400, "{} and {}", dropped(&ours), dropped(&theirs));
    assert_eq!(theirs["verdict"], "evidence");
    // Read as the mark's own, the same ids say nothing.
    assert_ne!(audit("theirs.jsonl", "")["verdict"], "evidence");
}

#[test]
fn log_probs_over_another_tokenizer_are_not_read_on_marked_text() {
    let folder = folder();
    let path = folder.path();
    stdout_of(path, "profile --epoch 2026q4 --output profile.toml");
    write(path, "theirs.json", &reversed());
    let row = json!({"tokens": [5, 6, 7, 8], "logprobs": [null, {"ids": [6], "ln_p": [-0.5]}, {"ids": [7], "ln_p": [-0.5]}, null]});
    write(path, "read.jsonl", &format!("{row}\n"));
    let line = "audit run --suspect read.jsonl --profile profile.toml --key key --tokenizer embedded --suspect-tokenizer theirs.json";
    let refused = run(path, &format!("{line} --origin marked"));
    assert_eq!(refused.status, 2, "{}", refused.stdout);
    assert!(
        refused.stderr.contains("log-probs over another tokenizer are not read on marked text"),
        "{}",
        refused.stderr
    );
}
