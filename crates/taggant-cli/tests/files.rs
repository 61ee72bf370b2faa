//! Key files and report files: what is made, what is left alone, what is found in them.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use std::path::Path;

use common::{SECRET, folder, run, run_on, set_mode, stdout_of, write};

/// A report of `verify` as it was written once; see `tests/cmd/report` for what it renders to.
const REPORT: &str = include_str!("fixtures/report.json");

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn keygen_makes_a_key_for_its_owner_alone() {
    let folder = folder();
    let made = run(folder.path(), "keygen --output new.key");
    assert_eq!(made.status, 0);
    assert_eq!(made.stderr, "taggant: wrote a new key to new.key; keep it secret, and keep a copy\n");
    let key = std::fs::read_to_string(folder.path().join("new.key")).unwrap();
    assert_eq!(key.len(), 65);
    let digits = key.strip_suffix('\n').unwrap();
    assert!(
        digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        "not lower-case hexadecimal"
    );
    assert!(!made.stdout.contains(digits) && !made.stderr.contains(digits), "the key was shown");
    let id = made.stdout.strip_suffix('\n').unwrap();
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id:?}");
    assert_eq!(stdout_of(folder.path(), "keygen --show new.key"), made.stdout);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join("new.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn two_keys_differ_and_the_first_is_left_alone() {
    let folder = folder();
    let first = run(folder.path(), "keygen --output new.key");
    let key = std::fs::read_to_string(folder.path().join("new.key")).unwrap();
    let again = run(folder.path(), "keygen --output new.key");
    assert_eq!((again.status, again.stdout.as_str()), (2, ""));
    assert_eq!(std::fs::read_to_string(folder.path().join("new.key")).unwrap(), key);
    assert_ne!(run(folder.path(), "keygen --output other.key").stdout, first.stdout);
    assert_eq!(names(folder.path()), ["key", "new.key", "other.key"]);
}

#[cfg(unix)]
#[test]
fn key_file_that_others_can_read_is_warned_about_and_used() {
    let folder = folder();
    let id = stdout_of(folder.path(), "keygen --show key");
    for (mode, shown) in [(0o644, "644"), (0o640, "640"), (0o604, "604")] {
        set_mode(&folder.path().join("key"), mode);
        let warned = run(folder.path(), "keygen --show key");
        let warning = format!(
            "taggant: warning: key file key can be read by others (mode {shown}); run `chmod 600` on it\n"
        );
        assert_eq!((warned.status, warned.stdout, warned.stderr), (0, id.clone(), warning));
    }
}

#[test]
fn key_file_and_variable_hold_the_same_text() {
    let folder = folder();
    let id = stdout_of(folder.path(), "keygen --show key");
    let mut command = common::command(folder.path(), "keygen --show env:TAGGANT_TEST_KEY");
    for text in [SECRET.to_owned(), format!("{SECRET}\r\n"), SECRET.to_ascii_uppercase()] {
        let output = command.env("TAGGANT_TEST_KEY", text).output().unwrap();
        let shown = common::told("keygen --show env:TAGGANT_TEST_KEY", output);
        assert_eq!((shown.status, &shown.stdout), (0, &id));
    }
}

#[test]
fn run_that_fails_leaves_no_file_behind() {
    let folder = folder();
    write(folder.path(), "green.toml", include_str!("fixtures/green.toml"));
    write(folder.path(), "bad.jsonl", "{\"tokens\": [1, 2, 3]}\nno row\n");
    write(folder.path(), "good.jsonl", "{\"tokens\": [1, 2, 3]}\n");
    write(folder.path(), "short.jsonl", "{\"tokens\": [1, 2]}\n");
    std::fs::create_dir(folder.path().join("taken.json")).unwrap();
    let before = names(folder.path());
    for (status, line) in [
        (2, "verify bad.jsonl --profile green.toml --key key --output r.json --output r.html"),
        (3, "verify short.jsonl --profile green.toml --key key --output r.json"),
        (2, "verify bad.jsonl --profile green.toml --key key --output r.json --output r.pdf"),
        (2, "verify good.jsonl --profile green.toml --key key --output taken.json"),
        (2, "report bad.jsonl --output r.md"),
        (2, "profile --gamma 1/3 --output p.toml"),
        (2, "profile --output taken.json"),
        (2, "keygen --output taken.json"),
        (2, "generate --profile green.toml --key none"),
    ] {
        let failed = run(folder.path(), line);
        assert_eq!((failed.status, failed.stdout.as_str()), (status, ""), "{line}: {}", failed.stderr);
        assert_eq!(failed.stderr.lines().count(), 1, "{line}: {}", failed.stderr);
        assert_eq!(names(folder.path()), before, "{line}");
    }
}

#[test]
fn report_is_rendered_again_byte_for_byte() {
    let folder = folder();
    write(folder.path(), "r.json", REPORT);
    assert_eq!(stdout_of(folder.path(), "report r.json --format json"), REPORT);
    assert_eq!(run_on(folder.path(), "report - --format json", REPORT).stdout, REPORT);
    let outputs = "--output a.json --output a.md --output a.html --output a.txt";
    let table = stdout_of(folder.path(), &format!("report r.json {outputs}"));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("a.json"), REPORT);
    assert_eq!(read("a.txt"), table);
    assert_eq!(read("a.md"), stdout_of(folder.path(), "report r.json --format md"));
    assert_eq!(read("a.html"), stdout_of(folder.path(), "report r.json --format html"));
    assert!(!read("a.html").contains("http"), "the page reaches outside itself");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        write(folder.path(), "plain", "");
        assert_eq!(mode("a.json"), mode("plain"), "a report is as readable as any new file");
    }
}

/// `report --check` of the report with one thing changed: the exit status, and words of what it says.
fn check_changed(from: &str, to: &str, status: i32, words: &str) {
    assert!(REPORT.contains(from), "the report has no {from}");
    let folder = folder();
    write(folder.path(), "r.json", &REPORT.replacen(from, to, 1));
    let checked = run(folder.path(), "report r.json --check");
    let said = if status == 2 { &checked.stderr } else { &checked.stdout };
    assert_eq!(checked.status, status, "{from} -> {to}: {said}");
    assert!(said.contains(words), "{from} -> {to}: {said}");
    assert_eq!(said.lines().count(), 1, "{from} -> {to}: {said}");
}

#[test]
fn check_finds_a_changed_digit() {
    check_changed(
        "taggant 0.0.0-test",
        "taggant 9.9.9",
        0,
        "every number that follows from the counts is as stated",
    );
    check_changed(
        "\"ln_p\": -93.78196",
        "\"ln_p\": -93.78197",
        1,
        "tests[0].ln_p: the report says -93.78197",
    );
    check_changed("\"z\": 14.8", "\"z\": 14.9", 1, "tests[0].z: ");
    check_changed("\"statistic\": 154.0", "\"statistic\": 254.0", 1, "tests[0].statistic: ");
    check_changed("\"verdict\": \"evidence\"", "\"verdict\": \"no-evidence\"", 1, "verdict: ");
    check_changed("\"tokens\": 240", "\"tokens\": 241", 1, "corpus.tokens: ");
    check_changed("\"rank\": 1", "\"rank\": 2", 1, "calibration.rank: ");
    check_changed("\"evidence\": true", "\"evidence\": false", 1, "documents[0].evidence: ");
    check_changed("\"law\": \"bernoulli 1/4\"", "\"law\": \"cauchy\"", 1, "tests[0].law: ");
}

#[test]
fn what_is_no_report_is_refused() {
    check_changed(
        "\"schema_version\": 1",
        "\"schema_version\": 2",
        2,
        "schema_version 2, this build reads 1",
    );
    check_changed("\"alpha\"", "\"level\"", 2, "unknown field `level`");
    check_changed("\"verdict\": \"evidence\",", "", 2, "missing field `verdict`");
    check_changed(
        "\"verdict\": \"evidence\"",
        "\"verdict\": \"AI-written\"",
        2,
        "unknown variant `AI-written`",
    );
    check_changed("\"alpha\": 1e-6", "\"alpha\": \"small\"", 2, "expected f64 at line 8");
    check_changed("{", "", 2, "not a report");
}
