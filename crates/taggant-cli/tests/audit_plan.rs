//! An audit under its plan: a run that keeps to it, and every kind of run that does not.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use std::path::Path;
use std::sync::OnceLock;

use common::{Run, folder, run, set_mode, stdout_of, write};
use serde_json::Value;
use tempfile::TempDir;

const MARK: &str = "--profile profile.toml --key key";

/// Answers, a log, a reference and a control; no key marked any of them.
fn texts() -> &'static [(&'static str, String)] {
    static TEXTS: OnceLock<Vec<(&str, String)>> = OnceLock::new();
    TEXTS.get_or_init(|| {
        let folder = folder();
        let text =
            |seed| stdout_of(folder.path(), &format!("generate --documents 4 --tokens 60 --seed {seed}"));
        vec![
            ("answers.jsonl", text(1)),
            ("log.jsonl", text(2)),
            ("other.jsonl", text(3)),
            ("innocent.jsonl", text(4)),
        ]
    })
}

/// A folder with the key, a profile and the texts.
fn place() -> TempDir {
    let folder = folder();
    stdout_of(folder.path(), "profile --epoch 2026q4 --output profile.toml");
    texts().iter().for_each(|(name, text)| write(folder.path(), name, text));
    folder
}

fn plan(folder: &Path, flags: &str) {
    let planned = run(folder, &format!("audit plan {MARK} --output plan.json {flags}"));
    assert_eq!(planned.status, 0, "{flags}: {}", planned.stderr);
}

/// The report of a run under the plan.
fn report(folder: &Path, flags: &str) -> Value {
    let tested = under_plan(folder, flags);
    assert_eq!((tested.status, tested.stderr.as_str()), (0, ""), "{flags}");
    write(folder, "report.json", &tested.stdout);
    stdout_of(folder, "report report.json --check");
    serde_json::from_str(&tested.stdout).unwrap()
}

fn under_plan(folder: &Path, flags: &str) -> Run {
    run(folder, &format!("audit run --plan plan.json {MARK} --format json {flags}"))
}

/// Expects a refusal that names exactly these deviations; `[..]` stands for the rest of a line.
fn check_refused(folder: &Path, flags: &str, expected: &[&str]) {
    let refused = under_plan(folder, flags);
    assert_eq!((refused.status, refused.stdout.as_str()), (2, ""), "{flags}: {}", refused.stderr);
    let lines: Vec<&str> = refused.stderr.lines().collect();
    let (last, lines) = lines.split_last().unwrap();
    assert!(last.starts_with("taggant: this run deviates from plan.json in "), "{flags}: {last}");
    assert_eq!(lines.len(), expected.len(), "{flags}: {}", refused.stderr);
    for (line, expected) in lines.iter().zip(expected) {
        let line = line.strip_prefix("taggant: plan.json: ").unwrap();
        let is_same = match expected.strip_suffix("[..]") {
            Some(start) => line.starts_with(start),
            None => line == *expected,
        };
        assert!(is_same, "{flags}: {line}, expected {expected}");
    }
}

fn cautions(report: &Value) -> String {
    report["cautions"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned() + "\n").collect()
}

#[test]
fn a_run_takes_from_the_plan_what_no_flag_says() {
    let folder = place();
    let folder = folder.path();
    plan(
        folder,
        "--to-come suspect --served log.jsonl --reference other.jsonl --control innocent.jsonl --statistic score --alpha 1e-4 \
         --min-effect 0.5 --hypotheses 3 --decoys 30 --columns 40 --published there",
    );
    let report = report(
        folder,
        "--suspect answers.jsonl --served log.jsonl --reference other.jsonl --control innocent.jsonl",
    );
    let audit = &report["audit"];
    assert_eq!((&audit["decides"], &audit["decided_by"]), (&"score".into(), &"plan".into()));
    assert_eq!(report["alpha"], 1e-4);
    assert_eq!(report["power"]["min_effect"], 0.5);
    assert_eq!(
        (&report["calibration"]["decoys"], &report["calibration"]["columns"]["columns"]),
        (&30.into(), &40.into())
    );
    let deciding = report["tests"].as_array().unwrap().iter().find(|test| test["decides"] == true).unwrap();
    assert_eq!(deciding["hypotheses"], 3);
    let bytes = std::fs::read(folder.join("plan.json")).unwrap();
    assert_eq!(audit["plan_digest"], taggant_audit::Digest::of(&bytes).to_string());
    let roles: Vec<&str> =
        audit["inputs"].as_array().unwrap().iter().map(|it| it["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["control", "reference", "served", "suspect"]);
    let cautions = cautions(&report);
    assert!(!cautions.contains("no plan"), "{cautions}");
    assert!(!cautions.contains("commitment"), "one that was published: {cautions}");
    assert!(cautions.contains("not that it was the only one"), "{cautions}");
}

#[test]
fn flags_that_repeat_the_plan_and_files_of_another_name_are_no_deviation() {
    let folder = place();
    let folder = folder.path();
    plan(folder, "--suspect answers.jsonl --reference other.jsonl --alpha 0.001 --decoys 0");
    for name in ["answers", "other"] {
        std::fs::rename(folder.join(format!("{name}.jsonl")), folder.join(format!("{name}2.jsonl"))).unwrap();
    }
    let flags = "--suspect answers2.jsonl --reference other2.jsonl --alpha 1e-3 --decoys 0 --statistic score --origin suspect \
                 --text-field text --least-p 0.00001";
    let report = report(folder, flags);
    assert_eq!(report["audit"]["decided_by"], "plan");
    assert!(cautions(&report).contains("the plan does not say where and when some commitment was published"));
}

#[test]
fn every_deviation_of_a_run_is_named_and_nothing_is_tested() {
    let folder = place();
    let folder = folder.path();
    plan(folder, "--suspect answers.jsonl --served log.jsonl --reference other.jsonl");
    let files = "--suspect answers.jsonl --served log.jsonl --reference other.jsonl";
    let check = |flags: &str, expected: &[&str]| check_refused(folder, flags, expected);

    check(&format!("{files} --alpha 0.01"), &["alpha: the plan says 1e-6, this run 0.01"]);
    check(&format!("{files} --statistic count"), &["statistic: the plan says score-served, this run count"]);
    check(
        &format!("{files} --min-effect 1 --hypotheses 2 --decoys 7 --columns 8"),
        &[
            "min_effect: the plan says 0.1, this run 1",
            "hypotheses: the plan says 1, this run 2",
            "decoys: the plan says 200, this run 7",
            "columns: the plan says 10000, this run 8",
        ],
    );
    check(
        &format!("{files} --tokens-field ids --tokenizer embedded --skip-bad --input-format jsonl"),
        &[
            "reading.tokenizer: the plan says none, this run sha256:[..]",
            "reading.format: the plan says what names say, this run \"jsonl\"",
            "reading.tokens_field: the plan says \"tokens\", this run \"ids\"",
            "reading.skip_bad: the plan says false, this run true",
        ],
    );
    // Another file, a missing one, one more; of a reference that cannot even be read.
    check(
        "--suspect innocent.jsonl --served log.jsonl --reference profile.toml",
        &[
            "suspect file \"answers.jsonl\": the plan says sha256 [..]",
            "suspect file \"innocent.jsonl\": the plan says no such file, this run sha256 [..]",
            "reference file \"other.jsonl\": the plan says sha256 [..]",
            "reference file \"profile.toml\": the plan says no such file, this run sha256 [..]",
        ],
    );
    check(
        "--suspect answers.jsonl --reference other.jsonl",
        &[
            "filters: the plan says served, prompts, this run prompts",
            "served file \"log.jsonl\": the plan says sha256 [..]",
        ],
    );
    check(
        &format!("{files} --control innocent.jsonl --origin marked"),
        &[
            "origin: the plan says suspect, this run marked",
            "control file \"innocent.jsonl\": the plan says no such file, this run sha256 [..]",
        ],
    );
    // The same names with other bytes.
    write(folder, "log.jsonl", &(texts()[1].1.clone() + "\n"));
    check(files, &["served file \"log.jsonl\": the plan says sha256 [..]"]);
}

#[test]
fn another_key_another_profile_and_more_than_the_budget_deviate() {
    let folder = place();
    let folder = folder.path();
    plan(folder, "--to-come suspect --budget-tokens 239 --budget-queries 3");
    check_refused(
        folder,
        "--suspect answers.jsonl",
        &[
            "budget.tokens: the plan says at most 239, this run 240",
            "budget.queries: the plan says at most 3, this run 4",
        ],
    );
    stdout_of(folder, "profile --epoch 2027q1 --output later.toml");
    write(folder, "other.key", &"0123456789abcdef".repeat(4));
    set_mode(&folder.join("other.key"), 0o600);
    let line = "audit run --plan plan.json --suspect answers.jsonl --profile later.toml --key";
    let refused = run(folder, &format!("{line} key"));
    // The commitment is to the profile too.
    assert!(
        refused.stderr.contains("plan.json: profile_digest: the plan says sha256 "),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("plan.json: commitment of key "), "{}", refused.stderr);
    let refused = run(folder, &format!("{line} other.key"));
    assert_eq!(refused.status, 2);
    let said = refused.stderr.matches(": the plan says tested, this run not tested").count();
    let more = refused.stderr.matches(": the plan says not tested, this run tested").count();
    assert_eq!((said, more), (1, 1), "{}", refused.stderr);
}

#[test]
fn references_to_come_are_accepted_and_their_absence_is_not() {
    let folder = place();
    let folder = folder.path();
    plan(folder, "--suspect answers.jsonl --to-come reference --to-come control");
    let report = report(
        folder,
        "--suspect answers.jsonl --reference other.jsonl --reference log.jsonl --control innocent.jsonl",
    );
    assert_eq!(report["audit"]["references"].as_array().unwrap().len(), 2);
    check_refused(
        folder,
        "--suspect answers.jsonl",
        &[
            "reference files: the plan says to come, this run none",
            "control files: the plan says to come, this run none",
        ],
    );
}

#[test]
fn a_plan_for_text_keeps_the_embedded_tokenizer() {
    let folder = place();
    let folder = folder.path();
    plan(folder, "--suspect answers.jsonl --tokens-field none --tokenizer embedded");
    let report = report(folder, "--suspect answers.jsonl");
    assert!(report["corpus"]["tokens"].as_u64().unwrap() > 0);
}

#[test]
fn a_plan_without_a_commitment_is_cautioned_about() {
    let folder = place();
    let folder = folder.path();
    plan(folder, "--suspect answers.jsonl");
    // As a plan is where keys can be guessed.
    let text = std::fs::read_to_string(folder.join("plan.json")).unwrap();
    let mut plan: Value = serde_json::from_str(&text).unwrap();
    plan["keys"][0]["commitment"] = Value::Null;
    write(folder, "plan.json", &plan.to_string());
    let report = report(folder, "--suspect answers.jsonl");
    assert!(
        cautions(&report)
            .contains("that the key was chosen afterwards, with the suspect at hand, cannot be excluded")
    );
}

/// Six keys, two of them flagged, each with a log of its own that nobody's key had a part in.
fn cohorts(folder: &Path) -> Vec<Value> {
    let cohort = |at: usize| {
        let (key, log) = (format!("key-{at}"), format!("log-{at}.jsonl"));
        write(folder, &key, &format!("{at}").repeat(64));
        set_mode(&folder.join(&key), 0o600);
        write(
            folder,
            &log,
            &stdout_of(folder, &format!("generate --documents 2 --tokens 60 --seed {}", 20 + at)),
        );
        serde_json::json!({"name": format!("cohort {at}"), "key": key, "flagged": at < 2, "served": [log]})
    };
    let cohorts: Vec<Value> = (0..6).map(cohort).collect();
    list(folder, &cohorts);
    cohorts
}

fn list(folder: &Path, cohorts: &[Value]) {
    write(folder, "cohorts.json", &serde_json::json!({ "cohorts": cohorts }).to_string());
}

#[test]
fn cohorts_run_under_a_plan_that_says_whose_keys_and_logs_are_whose() {
    let folder = place();
    let folder = folder.path();
    let mut listed = cohorts(folder);
    let flags = "--suspect answers.jsonl --profile profile.toml --cohorts cohorts.json";
    let planned =
        run(folder, &format!("audit plan {flags} --cohort-level 0.1 --decoys 20 --output plan.json"));
    assert_eq!(planned.status, 0, "{}", planned.stderr);
    assert_eq!(planned.stdout.matches("commitment  ").count(), 6);
    let line = format!("audit run {flags} --plan plan.json --format json");
    let report: Value = serde_json::from_str(&stdout_of(folder, &line)).unwrap();
    let cohorts = &report["cohorts"];
    assert_eq!(report["cohort_verdict"], cohorts["verdict"]);
    assert_eq!((&cohorts["level"], &cohorts["arrangements"]), (&0.1.into(), &15.into()));
    assert_eq!(report["key_id"], cohorts["cohorts"][0]["key_id"], "the first flagged one");
    let decided = |of: &Value| of["audit"]["decides"].clone();
    assert_eq!(decided(&report), "count-served");
    // Alone, each key finds what it found among the others.
    for (at, entry) in cohorts["cohorts"].as_array().unwrap().iter().enumerate() {
        let alone = format!(
            "audit run --suspect answers.jsonl --profile profile.toml --key key-{at} --served log-{at}.jsonl --decoys 20 --format json"
        );
        let alone: Value = serde_json::from_str(&stdout_of(folder, &alone)).unwrap();
        assert_eq!(decided(&alone), "count-served");
        let test = alone["tests"].as_array().unwrap().iter().find(|test| test["decides"] == true).unwrap();
        let difference = (test["z"].as_f64().unwrap_or(0.0) - entry["z"].as_f64().unwrap()).abs();
        assert!(difference < 1e-12, "{at}: {test}");
        assert_eq!(test["ln_p_adjusted"], entry["ln_p"], "{at}");
    }
    // The list as it was, but with the files behind it traded.
    std::fs::rename(folder.join("key-2"), folder.join("key")).unwrap();
    std::fs::rename(folder.join("key-3"), folder.join("key-2")).unwrap();
    std::fs::rename(folder.join("key"), folder.join("key-3")).unwrap();
    let traded = run(folder, &line);
    assert_eq!(traded.status, 2);
    assert_eq!(traded.stderr.matches("plan.json: cohort of key ").count(), 2, "{}", traded.stderr);
    listed[5]["flagged"] = true.into();
    list(folder, &listed);
    let flagged = run(folder, &line);
    assert!(
        flagged.stderr.contains("plan.json: cohorts file \"cohorts.json\": the plan says "),
        "{}",
        flagged.stderr
    );
}
