//! A live suspect, from flags to verdict: asked, killed and resumed, through faults, within its budget, under a plan.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use common::{Run, command, folder, run, stdout_of, write};
use serde_json::{Value, json};
use taggant_testserver::{Fault, Options, Request, Server, Student};
use tempfile::TempDir;

/// A student of marked text: every fourth token that it learned from is far too often green.
fn student() -> Arc<Student> {
    static STUDENT: OnceLock<Arc<Student>> = OnceLock::new();
    Arc::clone(STUDENT.get_or_init(|| {
        let folder = place();
        let line = "generate --profile profile.toml --key key --documents 200 --tokens 200 --seed 1";
        let documents: Vec<Vec<u32>> = stdout_of(folder.path(), line)
            .lines()
            .map(|line| serde_json::from_value(json(line)["tokens"].take()).unwrap())
            .collect();
        Arc::new(Student::train(&documents, 4).unwrap())
    }))
}

fn serve(fault: impl Fn(&Request) -> Option<Fault> + Send + Sync + 'static) -> Server {
    let options = Options { port: 0, model: "student".into(), key: None, fault: Box::new(fault) };
    Server::start(student(), options).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A folder with the key, a profile and 40 prompts.
fn place() -> TempDir {
    let folder = folder();
    stdout_of(
        folder.path(),
        "profile --gamma 1/2 --delta 4 --context-width 1 --epoch 2026q4 --output profile.toml",
    );
    let prompt = |n: usize| json!({"id": format!("q{n}"), "prompt": format!("She was {n} years of age")});
    let prompts: Vec<String> = (0..40).map(|n| prompt(n).to_string() + "\n").collect();
    write(folder.path(), "prompts.jsonl", &prompts.concat());
    folder
}

const MARK: &str = "--profile profile.toml --key key --tokenizer embedded --decoys 20 --columns 0";
const ASKED: &str =
    "--model student --prompts prompts.jsonl --max-tokens 60 --temperature 1 --sampling-seed 7";

fn audit(folder: &Path, server: &Server, flags: &str) -> Run {
    run(folder, &format!("audit run --endpoint {} {ASKED} {MARK} --format json {flags}", server.url()))
}

/// A report without what is said of the log, whose lines have times.
fn result(run: &Run) -> Value {
    assert_eq!(run.status, 0, "{}", run.stderr);
    let mut report = json(&run.stdout);
    let inputs = report["audit"]["inputs"].as_array_mut().unwrap();
    let len = inputs.len();
    inputs.retain(|input| input["role"] != "suspect");
    assert_eq!(inputs.len() + 1, len, "the log is bound to the report");
    report
}

#[test]
fn answers_are_asked_for_kept_and_tested() {
    let (folder, server) = (place(), serve(|_| None));
    let first = audit(folder.path(), &server, "--log log.jsonl --answers answers.jsonl");
    let report = result(&first);
    assert_eq!(report["verdict"], "evidence", "{}", first.stdout);
    assert_eq!(report["audit"]["decides"], "count");
    assert_eq!(report["audit"]["prompts"]["prompts"], 40);
    assert_eq!(server.requests().len(), 40);
    let said =
        format!("answers: 40, tokens charged: {}, requests: 40; all prompts were asked", server.tokens());
    assert!(first.stderr.contains(&said), "{}", first.stderr);

    // What is logged is not asked again, and gives the same report.
    assert_eq!(result(&audit(folder.path(), &server, "--log log.jsonl")), report);
    assert_eq!(server.requests().len(), 40);

    // The answers are rows that an audit reads: the same numbers from a file.
    let line = format!("audit run --suspect answers.jsonl {MARK} --format json");
    let from_file = json(&stdout_of(folder.path(), &line));
    assert_eq!(from_file["tests"], report["tests"]);
    assert_eq!(from_file["audit"]["prompts"], report["audit"]["prompts"]);

    // The same log under other settings is another run's.
    let other = audit(folder.path(), &server, "--log log.jsonl --top-p 0.9");
    assert_eq!(other.status, 2);
    assert!(other.stderr.contains("top-p unset there, 0.9 here"), "{}", other.stderr);
}

#[test]
fn a_client_that_is_killed_half_way_comes_to_the_same_report() {
    let whole = result(&audit(place().path(), &serve(|_| None), "--log log.jsonl"));
    // The first 15 requests are answered; the next never are, while the first client lives.
    let hang = |request: &Request| {
        (16..=19).contains(&request.number).then_some(Fault::Hang(Duration::from_secs(3600)))
    };
    let (folder, server) = (place(), serve(hang));
    let line = format!("audit run --endpoint {} {ASKED} {MARK} --log log.jsonl", server.url());
    let mut child =
        command(folder.path(), &line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let log = folder.path().join("log.jsonl");
    let start = Instant::now();
    let answered =
        || std::fs::read_to_string(&log).unwrap_or_default().matches(r#""event":"answer""#).count();
    while answered() < 15 || server.requests().len() < 19 {
        assert!(start.elapsed() < Duration::from_secs(60), "waited too long for answers");
        assert_eq!(child.try_wait().unwrap(), None, "the client ended early");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = audit(folder.path(), &server, "--log log.jsonl");
    assert_eq!(result(&resumed), whole, "{}", resumed.stderr);
    // 15 answers and up to 4 requests that were under way, and what was missing.
    assert!(server.requests().len() <= 44, "{}", server.requests().len());
}

#[test]
fn faults_are_survived_and_told() {
    let whole = result(&audit(place().path(), &serve(|_| None), "--log log.jsonl"));
    let faulty = |request: &Request| match request.number % 7 {
        1 => Some(Fault::Status { status: 429, retry_after: Some("0".into()), body: "{}".into() }),
        3 => Some(Fault::status(500, "out of memory")),
        5 => Some(Fault::Truncated),
        _ => None,
    };
    let (folder, server) = (place(), serve(faulty));
    let faced = audit(folder.path(), &server, "--log log.jsonl --retries 20");
    assert_eq!(result(&faced), whole, "{}", faced.stderr);
    for said in ["429", "500", "out of memory"] {
        assert!(faced.stderr.contains(said), "{said}: {}", faced.stderr);
    }
}

#[test]
fn a_budget_is_kept_to_the_token() {
    let (folder, server) = (place(), serve(|_| None));
    for (budget, log) in [(500, "a.jsonl"), (61, "b.jsonl")] {
        let before = server.tokens();
        let run = audit(folder.path(), &server, &format!("--log {log} --budget-tokens {budget}"));
        let spent = server.tokens() - before;
        assert!(spent <= budget && spent > budget.saturating_sub(60), "{spent} of {budget}: {}", run.stderr);
        assert!(run.stderr.contains("the budget of tokens is spent"), "{}", run.stderr);
        assert_eq!(run.status, 0);
    }
    let run = audit(folder.path(), &server, "--log c.jsonl --budget-queries 3");
    assert!(
        run.stderr.contains("answers: 3,") && run.stderr.contains("the budget of queries is spent"),
        "{}",
        run.stderr
    );
}

#[test]
fn asking_ends_when_the_evidence_suffices() {
    let (folder, server) = (place(), serve(|_| None));
    write(folder.path(), "reference.jsonl", &stdout_of(folder.path(), "generate --documents 5 --seed 9"));
    let early = audit(
        folder.path(),
        &server,
        "--log log.jsonl --stop-early --alpha 0.01 --concurrency 1 --reference reference.jsonl",
    );
    let report = result(&early);
    assert!(early.stderr.contains("the evidence sufficed"), "{}", early.stderr);
    assert!(server.requests().len() < 40, "{}", server.requests().len());
    let [test] = &report["tests"].as_array().unwrap()[..] else { panic!("{}", early.stdout) };
    assert_eq!((&test["name"], &test["p_kind"]), (&json!("count"), &json!("certified")));
    assert_eq!(test["ln_p"].as_f64().unwrap(), -test["ln_e"].as_f64().unwrap());
    assert_eq!(
        (&report["verdict"], &report["audit"]["stopped_by_scores"]),
        (&json!("evidence"), &json!(true))
    );
    // The same log comes to the same stop.
    assert_eq!(
        result(&audit(
            folder.path(),
            &server,
            "--log log.jsonl --stop-early --alpha 0.01 --concurrency 1 --reference reference.jsonl"
        )),
        report
    );

    let named = audit(
        folder.path(),
        &server,
        "--log other.jsonl --stop-early --statistic score --reference reference.jsonl",
    );
    assert_eq!(named.status, 2);
    assert!(named.stderr.contains("no run that stops early rests on score"), "{}", named.stderr);
    assert!(!folder.path().join("other.jsonl").exists(), "nothing was asked");
}

#[test]
fn log_probs_of_a_live_suspect_are_read() {
    let (folder, server) = (place(), serve(|_| None));
    let run = audit(folder.path(), &server, "--log log.jsonl --top-logprobs 20");
    let report = result(&run);
    let names: Vec<&str> =
        report["tests"].as_array().unwrap().iter().map(|test| test["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"open-mass") && names.contains(&"count"), "{names:?}");
    assert!(
        report["audit"]["open"]["mean_listed_mass"].as_f64().unwrap() > 0.3,
        "{}",
        report["audit"]["open"]
    );
}

#[test]
fn a_plan_fixes_what_is_asked() {
    let (folder, server) = (place(), serve(|_| None));
    let plan = format!(
        "audit plan --endpoint {} {ASKED} {MARK} --budget-tokens 1500 --output plan.json",
        server.url()
    );
    let planned = run(folder.path(), &plan);
    assert_eq!(planned.status, 0, "{}", planned.stderr);
    assert!(server.requests().is_empty(), "a plan asks nobody");
    let terms = json(&std::fs::read_to_string(folder.path().join("plan.json")).unwrap());
    assert_eq!(terms["endpoint"]["url"], server.url());
    assert_eq!((&terms["to_come"], &terms["budget"]["tokens"]), (&json!(["suspect"]), &json!(1500)));

    // The plan stands in for every flag but the secrets, the files and the log.
    let under = "audit run --plan plan.json --profile profile.toml --key key --prompts prompts.jsonl --log log.jsonl --format json";
    let kept = run(folder.path(), under);
    let report = result(&kept);
    assert_eq!(report["audit"]["decided_by"], "plan");
    assert!(server.tokens() <= 1500, "{}", server.tokens());

    let asked = server.requests().len();
    for (flag, said) in [
        ("--temperature 0.5", "endpoint.temperature: the plan says 1, this run 0.5"),
        ("--budget-tokens 9999", "budget.tokens: the plan says 1500, this run 9999"),
        ("--stop-early", "sequential: the plan says false, this run true"),
        ("--endpoint http://127.0.0.1:9/v1", "endpoint.url: the plan says"),
        ("--prompts profile.toml", "profile.toml"),
    ] {
        let refused = run(folder.path(), &format!("{under} {flag}"));
        assert_eq!(refused.status, 2, "{flag}: {}", refused.stderr);
        assert!(refused.stderr.contains(said), "{flag}: {}", refused.stderr);
    }
    let files = under.replace("--prompts prompts.jsonl --log log.jsonl", "--suspect prompts.jsonl");
    let refused = run(folder.path(), &files);
    assert!(refused.stderr.contains("endpoint: the plan says") && refused.status == 2, "{}", refused.stderr);
    assert_eq!(server.requests().len(), asked, "a refused run asks nobody");
}

#[test]
fn what_is_missing_is_said_before_anyone_is_asked() {
    let (folder, server) = (place(), serve(|_| None));
    let url = server.url();
    let log = "--log log.jsonl";
    for (flags, said) in [
        (format!("--endpoint {url} --prompts prompts.jsonl {log}"), "--endpoint needs --model NAME"),
        (format!("--endpoint {url} --model student {log}"), "--endpoint needs --prompts INPUT"),
        (format!("--endpoint {url} {ASKED}"), "a live suspect needs --log FILE"),
        (format!("--endpoint {url} {ASKED} {log} --answers none/a.jsonl"), "there is no folder none"),
        (format!("--endpoint {url} {ASKED} {log} --endpoint-key 12345"), "a key is never an argument"),
        (format!("--endpoint {url} {ASKED} {log} --endpoint-key env:TAGGANT_NO_SUCH"), "TAGGANT_NO_SUCH"),
        ("--suspect prompts.jsonl --model student".into(), "--model is about a live suspect"),
        ("--suspect prompts.jsonl --budget-tokens 5".into(), "it needs --endpoint or --plan"),
        (format!("--endpoint ftp://127.0.0.1/v1 {ASKED} {log}"), "http"),
    ] {
        let run = run(folder.path(), &format!("audit run {MARK} {flags}"));
        assert_eq!(run.status, 2, "{flags}: {}", run.stderr);
        assert!(run.stderr.contains(said), "{flags}: {}", run.stderr);
        assert!(!run.stderr.contains("12345"), "{}", run.stderr);
    }
    assert!(server.requests().is_empty());
}
