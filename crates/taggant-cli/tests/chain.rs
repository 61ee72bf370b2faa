//! The whole chain as a user has it: `generate | verify -`, and the demonstration.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;

use common::{command, folder, run, run_on, stdout_of, told, write};
use serde_json::{Map, Value};
use tempfile::TempDir;

/// Enough for the verdict to be clear either way: 9 900 scored tokens see 0.07 standard deviations of one value.
const SIZE: &str = "--documents 50 --tokens 200";

/// A folder with the key and a profile of the scheme at its defaults.
fn place(scheme: &str) -> TempDir {
    let folder = folder();
    stdout_of(folder.path(), &format!("profile --scheme {scheme} --epoch 2026q4 --output profile.toml"));
    folder
}

/// Marked completions under the green scheme, made once, on two threads.
fn marked() -> &'static str {
    static MARKED: OnceLock<String> = OnceLock::new();
    MARKED.get_or_init(|| on_threads(place("green").path(), "2", &format!("generate {MARK} {SIZE} --seed 1")))
}

/// Completions without a mark, made once.
fn unmarked() -> &'static str {
    static UNMARKED: OnceLock<String> = OnceLock::new();
    UNMARKED.get_or_init(|| stdout_of(folder().path(), &format!("generate {SIZE} --seed 2")))
}

/// The stdout of a run on so many threads.
fn on_threads(folder: &Path, threads: &str, line: &str) -> String {
    let run = told(line, command(folder, line).env("RAYON_NUM_THREADS", threads).output().unwrap());
    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{line}");
    run.stdout
}

/// Verifies what comes on standard input, and checks what every report promises.
fn verify(folder: &Path, flags: &str, stdin: &str) -> Value {
    let verified = run_on(folder, &format!("verify - --format json {flags}"), stdin);
    assert_eq!((verified.status, verified.stderr.as_str()), (0, ""), "{flags}");
    report(&verified.stdout)
}

fn keys(object: &Map<String, Value>) -> Vec<&str> {
    object.keys().map(String::as_str).collect()
}

/// Reads a report: every key is there and no other, and every token is accounted for.
fn report(json: &str) -> Value {
    let report: Value = serde_json::from_str(json).unwrap();
    let top = report.as_object().unwrap();
    let mut expected = TOP.to_vec();
    if report["command"] != "demo" {
        expected.retain(|key| *key != "students");
    }
    assert_eq!(keys(top), expected);
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["dialect"], "taggant-1");
    assert_eq!(report["alpha"], 1e-6);
    assert_eq!(report["profile_digest"].as_str().unwrap().len(), 64);
    assert_eq!(report["key_id"].as_str().unwrap().len(), 16);

    let corpus = report["corpus"].as_object().unwrap();
    assert_eq!(keys(corpus), ["documents", "tokens", "scored", "distinct", "dropped"]);
    let dropped: u64 = corpus["dropped"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(corpus["tokens"].as_u64().unwrap(), corpus["distinct"].as_u64().unwrap() + dropped);

    for test in report["tests"].as_array().unwrap() {
        assert_eq!(keys(test.as_object().unwrap()), TEST);
        assert_eq!(test["hypotheses"], report["tests"].as_array().unwrap().len());
        assert!(
            test["ln_p"].as_f64() <= Some(0.0) && test["ln_p_adjusted"].as_f64() >= test["ln_p"].as_f64()
        );
    }
    let calibration = [
        "decoys",
        "decoy_inputs",
        "decoy_mean_z",
        "decoy_sd_z",
        "decoy_ks",
        "decoy_weighted_ks",
        "rank",
        "columns",
        "variance_inflation",
    ];
    assert_eq!(keys(report["calibration"].as_object().unwrap()), calibration);
    assert_eq!(keys(report["power"].as_object().unwrap()), ["detectable_effect", "at_power", "min_effect"]);
    for document in report["documents"].as_array().into_iter().flatten() {
        assert_eq!(keys(document.as_object().unwrap()), DOCUMENT);
    }
    report
}

fn check_verdict(report: &Value, expected: &str, what: &str) {
    assert_eq!(report["verdict"], expected, "{what}: {:#}", report["tests"]);
}

/// `generate | verify -`, both at once: the second reads what the first is still writing.
fn check_chain(scheme: &str) {
    let place = place(scheme);
    let line = format!("generate {MARK} {SIZE} --seed 1");
    let mut writer =
        command(place.path(), &line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pipe = writer.stdout.take().unwrap();
    let verified = command(place.path(), &format!("verify - {MARK} --format json")).stdin(pipe).output();
    assert_eq!(told(&line, writer.wait_with_output().unwrap()).status, 0);
    let verified = told("verify -", verified.unwrap());
    assert_eq!((verified.status, verified.stderr.as_str()), (0, ""));
    let piped = report(&verified.stdout);
    check_verdict(&piped, "evidence", "marked text");
    if scheme == "green" {
        assert_eq!(piped, verify(place.path(), MARK, marked()), "the same commands, run before");
    }

    let clean = verify(place.path(), MARK, unmarked());
    check_verdict(&clean, "no-evidence", "unmarked text");
    assert_eq!(clean["corpus"]["documents"], 50);
    assert_eq!(clean["corpus"]["tokens"], 10_000);
    assert_eq!(clean["corpus"]["dropped"]["short-context"], 100);
}

#[test]
fn green_mark_is_found_where_it_is() {
    check_chain("green");
}

#[test]
fn gumbel_mark_is_found_where_it_is() {
    check_chain("gumbel");
}

#[test]
fn tournament_mark_is_found_where_it_is() {
    check_chain("tournament");
}

#[test]
fn wrong_key_or_profile_finds_no_mark() {
    let place = place("green");
    check_verdict(&verify(place.path(), MARK, marked()), "evidence", "the right key");
    // Fixed, for a verdict that is the same in every run.
    write(place.path(), "wrong.key", &"5a".repeat(32));
    common::set_mode(&place.path().join("wrong.key"), 0o600);
    let wrong = verify(place.path(), "--profile profile.toml --key wrong.key", marked());
    check_verdict(&wrong, "no-evidence", "another key");
    stdout_of(place.path(), "profile --epoch 2027q1 --output later.toml");
    let later = verify(place.path(), "--profile later.toml --key key", marked());
    check_verdict(&later, "no-evidence", "another epoch");
}

#[test]
fn text_carries_the_mark_as_its_tokens_do() {
    let place = place("green");
    let rows = marked().lines().map(|line| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        row.as_object_mut().unwrap().remove("tokens").unwrap();
        row.to_string() + "\n"
    });
    let from_text = verify(place.path(), &format!("{MARK} --tokenizer embedded"), &rows.collect::<String>());
    let from_tokens = verify(place.path(), MARK, marked());
    check_verdict(&from_text, "evidence", "text");
    // Sampled tokens need not be those that their text is encoded to; nearly all are.
    let n = |report: &Value| report["tests"][0]["n"].as_f64().unwrap();
    let kept = n(&from_text) / n(&from_tokens);
    assert!((0.9..=1.02).contains(&kept), "n from text {}, from tokens {}", n(&from_text), n(&from_tokens));
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let place = place("green");
    let alone = on_threads(place.path(), "1", &format!("generate {MARK} {SIZE} --seed 1"));
    assert!(alone == marked(), "the completions differ");
    write(place.path(), "marked.jsonl", marked());
    let line = format!("verify marked.jsonl {MARK} --per-document --format json");
    let reports = ["1", "2", "2"].map(|threads| on_threads(place.path(), threads, &line));
    assert!(reports.iter().all(|text| *text == reports[0]), "the reports differ");
}

#[test]
fn report_of_the_same_rows_in_another_order_has_the_same_counts() {
    let place = place("green");
    let reversed: Vec<&str> = marked().lines().rev().collect();
    let forward = verify(place.path(), MARK, marked());
    let backward = verify(place.path(), MARK, &reversed.join("\n"));
    assert_eq!(forward, backward);
}

#[test]
fn served_log_adds_a_test_that_rests_on_its_e_value() {
    let place = place("green");
    let half: Vec<&str> = marked().lines().take(25).collect();
    write(place.path(), "log.jsonl", &half.join("\n"));
    let report = verify(place.path(), &format!("{MARK} --served log.jsonl"), marked());
    check_verdict(&report, "evidence", "served");
    let [plain, served] = &report["tests"].as_array().unwrap()[..] else { panic!("not two tests") };
    assert_eq!((&plain["name"], &plain["p_kind"]), (&"count".into(), &"exact".into()));
    assert_eq!((&served["name"], &served["p_kind"]), (&"count-served".into(), &"calibrated".into()));
    assert!(served["n"].as_u64() > Some(0) && served["n"].as_u64() < plain["n"].as_u64());
    let proven = -served["ln_e"].as_f64().unwrap();
    assert!(served["ln_p_adjusted"].as_f64() >= Some(proven), "adjusted below the proven bound: {served:#}");
    assert!(
        report["cautions"].as_array().unwrap().iter().any(|text| text.as_str().unwrap().contains("served"))
    );
}

#[test]
fn per_document_results_are_adjusted_by_holm() {
    let place = place("green");
    let report = verify(place.path(), &format!("{MARK} --per-document"), marked());
    let documents = report["documents"].as_array().unwrap();
    let ids: Vec<&str> = documents.iter().map(|document| document["id"].as_str().unwrap()).collect();
    assert_eq!(ids, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
    let number = |document: &Value, field: &str| document[field].as_f64().unwrap();
    let mut sorted: Vec<&Value> = documents.iter().collect();
    sorted.sort_by(|a, b| number(a, "ln_p").total_cmp(&number(b, "ln_p")));
    let mut floor = f64::NEG_INFINITY;
    for (rank, document) in sorted.iter().enumerate() {
        floor = floor.max(number(document, "ln_p") + ((documents.len() - rank) as f64).ln()).min(0.0);
        // One addition of a logarithm: some units in the last place.
        assert!((number(document, "ln_p_adjusted") - floor).abs() <= 1e-12 * floor.abs(), "{document:#}");
        assert_eq!(document["evidence"], number(document, "ln_p_adjusted") <= 1e-6_f64.ln(), "{document:#}");
    }
    assert!(documents.iter().any(|document| document["evidence"] == true));
    assert!(verify(place.path(), MARK, marked())["documents"].is_null());
}

#[test]
fn rows_are_what_was_asked_for() {
    let mut texts = HashSet::new();
    for (number, line) in unmarked().lines().enumerate() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert_eq!(keys(row.as_object().unwrap()), ["id", "tokens", "text"]);
        assert_eq!(row["id"], number.to_string());
        assert_eq!(row["tokens"].as_array().unwrap().len(), 200);
        assert!(texts.insert(row["text"].as_str().unwrap().to_owned()), "document {number} came before");
    }
    assert_eq!(texts.len(), 50);
}

#[test]
fn reader_that_has_seen_enough_ends_the_run_quietly() {
    let place = place("green");
    // More than a pipe holds, so that the writer meets the closed end.
    let mut writer = command(place.path(), "generate --documents 64 --tokens 200")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(writer.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("{\"id\":\"0\",") && first.ends_with("}\n"));
    let mut stderr = String::new();
    writer.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((writer.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

/// The only slow test: it trains and samples a teacher and four students.
#[test]
fn demonstration_tells_the_students_apart() {
    let folder = folder();
    let shown = run(folder.path(), "demo --seed 1 --out new/folder");
    assert_eq!(shown.status, 0, "{}", shown.stderr);
    assert_eq!(shown.stderr, "taggant: wrote report.json and report.html to new/folder\n");
    assert!(shown.stdout.starts_with("verdict: evidence\n"), "{}", shown.stdout);

    let read = |name: &str| std::fs::read_to_string(folder.path().join("new/folder").join(name)).unwrap();
    let (json, html) = (read("report.json"), read("report.html"));
    let report = report(&json);
    let students = report["students"].as_array().unwrap();
    for (student, (share, key)) in students.iter().zip(STUDENTS) {
        assert_eq!((student["share"].as_f64(), student["key"].as_str()), (Some(share), Some(key)));
        for field in ["n", "green_excess", "ln_p", "n_filtered", "ln_p_filtered"] {
            assert!(student[field].is_number(), "{field}: {student:#}");
        }
        assert!(student["n_filtered"].as_u64() <= student["n"].as_u64());
    }
    assert_eq!(students.len(), STUDENTS.len());
    let ln_p = |at: usize| students[at]["ln_p"].as_f64().unwrap();
    assert!(ln_p(0) <= 1e-6_f64.ln(), "the first student's ln p is {}", ln_p(0));
    // The control and the wrong key: no evidence at the level of the report.
    assert!(ln_p(3) > 1e-6_f64.ln() && ln_p(4) > 1e-6_f64.ln(), "{} {}", ln_p(3), ln_p(4));

    assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"));
    for outside in ["http://", "https://", "<script src", "<link", "@import", "url("] {
        assert!(!html.contains(outside), "the page reaches outside itself: {outside}");
    }
    let key = key_of_seed(1);
    for text in [&json, &html, &shown.stdout] {
        assert!(!text.to_ascii_lowercase().contains(&key), "the key of the demonstration is shown");
        assert!(!text.contains("new/folder"), "a report holds no path");
    }
    assert_eq!(stdout_of(folder.path(), "report new/folder/report.json --format json"), json);
    let checked = stdout_of(folder.path(), "report new/folder/report.json --check");
    assert_eq!(checked, "every number that follows from the counts is as stated\n");
}

/// The secret that a demonstration draws from a seed.
fn key_of_seed(seed: u64) -> String {
    use sha2::{Digest, Sha256};
    let numbers = [seed.to_le_bytes(), [0; 8]].concat();
    let digest = Sha256::new().chain_update("taggant seed\0right key\0").chain_update(numbers).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

const MARK: &str = "--profile profile.toml --key key";

const STUDENTS: [(f64, &str); 5] =
    [(0.10, "right"), (0.05, "right"), (0.01, "right"), (0.0, "right"), (0.10, "wrong")];

const TOP: [&str; 20] = [
    "schema_version",
    "tool",
    "command",
    "profile_digest",
    "key_id",
    "dialect",
    "alpha",
    "verdict",
    "corpus",
    "tests",
    "calibration",
    "effect",
    "power",
    "cautions",
    "audit",
    "cohort_verdict",
    "cohorts",
    "documents",
    "students",
    "plots",
];

const TEST: [&str; 18] = [
    "name",
    "channel",
    "law",
    "n",
    "statistic",
    "null_mean",
    "null_variance",
    "z",
    "p_kind",
    "ln_p",
    "ln_p_approx",
    "coefficients",
    "scale",
    "log10_p",
    "ln_p_adjusted",
    "hypotheses",
    "decides",
    "ln_e",
];

const DOCUMENT: [&str; 9] =
    ["id", "tokens", "scored", "statistic", "z", "ln_p", "ln_p_adjusted", "evidence", "spans"];
