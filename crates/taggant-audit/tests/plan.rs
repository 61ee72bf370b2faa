//! Plans: what is read and refused, that they round-trip, and that nothing can change unseen.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taggant_audit::endpoint::Api;
use taggant_audit::plan::{
    Budget, Endpoint, Filter, PlannedFile, PlannedKey, PlannedReference, Reading, Role, SCHEMA_VERSION, Terms,
};
use taggant_audit::{AuditPlan, Digest};
use taggant_verify::audit_result::{Origin, ReferenceKind};
use taggant_verify::test_name::StatisticName;
use taggant_verify::{Filter as TestFilter, TestName};

/// Made by `data/plan.py`.
const GOLDEN: &str = include_str!("data/plan.json");
const GOLDEN_DIGEST: &str = include_str!("data/plan.sha256");

fn golden() -> AuditPlan {
    AuditPlan::from_json(GOLDEN.as_bytes()).unwrap()
}

fn changed(change: impl FnOnce(&mut Terms)) -> AuditPlan {
    let mut terms = golden().terms().clone();
    change(&mut terms);
    AuditPlan::new(terms).unwrap()
}

fn file(role: Role, name: &str, content: &str) -> PlannedFile {
    PlannedFile::read(role, name, content.as_bytes()).unwrap()
}

/// Expects exactly these deviations, as they are printed.
fn check_differences(run: &AuditPlan, expected: &[&str]) {
    let found: Vec<String> = golden().differences(run.terms()).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

fn check_refused(change: impl FnOnce(&mut Terms), words: &str) {
    let mut terms = golden().terms().clone();
    change(&mut terms);
    let message = AuditPlan::new(terms).unwrap_err().to_string();
    assert!(message.contains(words), "{message:?}, expected {words:?}");
    assert!(!message.contains('\n'), "more than one line: {message:?}");
}

#[test]
fn the_canonical_form_and_its_digest_are_those_of_the_python_reference() {
    let plan = golden();
    assert_eq!(plan.to_json(), GOLDEN);
    assert_eq!(plan.digest().to_string(), GOLDEN_DIGEST.split(' ').next().unwrap());
}

#[test]
fn the_plan_on_the_page_is_the_golden_one() {
    let page = include_str!("../../../docs/formats.md").split_once("\n## Audit plan\n").unwrap().1;
    let json = page.split_once("```json\n").unwrap().1.split_once("```").unwrap().0;
    assert_eq!(AuditPlan::from_json(json.as_bytes()).unwrap(), golden());
}

#[test]
fn the_layout_of_the_file_does_not_change_the_digest() {
    let value: serde_json::Value = serde_json::from_str(GOLDEN).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap() + "\n";
    assert_eq!(AuditPlan::from_json(pretty.as_bytes()).unwrap().digest(), golden().digest());
}

#[test]
fn a_deviation_is_named_with_both_values() {
    check_differences(&golden(), &[]);
    check_differences(&changed(|terms| terms.alpha = 1e-3), &["alpha: the plan says 1e-6, this run 0.001"]);
    check_differences(
        &changed(|terms| terms.keys[1].key_id = "00000000000000aa".into()),
        &[
            "key 45b2a241baf5f8f5: the plan says tested, this run not tested",
            "key 00000000000000aa: the plan says not tested, this run tested",
        ],
    );
    check_differences(
        &changed(|terms| (terms.keys[0].commitment, terms.keys[0].published) = (None, None)),
        &[
            "commitment of key 45b2a241baf5f8f4: the plan says sha256 8d11a6531c94efe2..., this run none",
            "publication of key 45b2a241baf5f8f4: the plan says \"transparency log, 2026-09-01\", this run none",
        ],
    );
    check_differences(
        &changed(|terms| {
            terms.statistic = "count".parse().unwrap();
            let endpoint = terms.endpoint.as_mut().unwrap();
            (endpoint.temperature, endpoint.api) = (None, Api::Completions);
            (endpoint.seed, endpoint.top_logprobs) = (None, Some(5));
            terms.budget.tokens = None;
            terms.references.clear();
        }),
        &[
            "statistic: the plan says score-familiar, this run count",
            "reference \"base.jsonl\": the plan says log-probs, this run no such reference",
            "budget.tokens: the plan says 100000, this run no limit",
            "endpoint.api: the plan says chat, this run completions",
            "endpoint.temperature: the plan says 0.7, this run the server's default",
            "endpoint.seed: the plan says 7, this run none",
            "endpoint.top_logprobs: the plan says none, this run 5",
        ],
    );
}

#[test]
fn another_file_is_named_by_role_and_name() {
    let role = Role::Served;
    let at = golden().terms().files.iter().position(|file| file.role == role).unwrap();
    check_differences(
        &changed(|terms| terms.files[at] = file(role, "log.jsonl", "other")),
        &["served file \"log.jsonl\": the plan says sha256 ba7816bf8f01cfea..., 3 bytes, this run sha256 \
           d9298a10d1b07358..., 5 bytes"],
    );
    check_differences(
        &changed(|terms| terms.files.push(file(role, "more.jsonl", "more"))),
        &[
            "served file \"more.jsonl\": the plan says no such file, this run sha256 187897ce0afcf20b..., 4 bytes",
        ],
    );
    let without = |terms: &mut Terms| {
        terms.files.retain(|file| file.role != role);
        terms.filters.remove(&Filter::Served);
    };
    check_differences(
        &changed(without),
        &[
            "filters: the plan says served, familiar, prompts, this run familiar, prompts",
            "served file \"log.jsonl\": the plan says sha256 ba7816bf8f01cfea..., 3 bytes, this run was given no file that holds that",
            "served file \"south.jsonl\" of cohort \"south\": the plan says sha256 2daa8d4a05dfc643..., 5 bytes, \
             this run was given no file that holds that",
        ],
    );
    // The same file once more is another corpus to a reader, though not to the test.
    let twice = |terms: &mut Terms| {
        let again = terms.files[at].clone();
        terms.files.push(again);
    };
    assert_eq!(golden().differences(changed(twice).terms()).len(), 1);
}

#[test]
fn cohorts_that_trade_keys_profiles_or_logs_deviate() {
    let trade = |terms: &mut Terms| {
        terms.keys[0].cohort = Some("south".into());
        terms.keys[1].cohort = Some("north".into());
    };
    check_differences(
        &changed(trade),
        &[
            "cohort of key 45b2a241baf5f8f4: the plan says \"north\", this run \"south\"",
            "cohort of key 45b2a241baf5f8f5: the plan says \"south\", this run \"north\"",
        ],
    );
    check_differences(
        &changed(|terms| terms.keys[1].profile_digest = None),
        &[
            "profile of key 45b2a241baf5f8f5: the plan says sha256 1900eab6c028483d..., this run that of the plan",
        ],
    );
    check_differences(
        &changed(|terms| terms.files[1].cohort = Some("north".into())),
        &[
            "served file \"south.jsonl\" of cohort \"south\": the plan says sha256 2daa8d4a05dfc643..., 5 bytes, \
             this run was given no file that holds that",
            "served file \"south.jsonl\" of cohort \"north\": the plan says no such file, this run sha256 \
             2daa8d4a05dfc643..., 5 bytes",
        ],
    );
}

#[test]
fn files_that_are_read_otherwise_deviate() {
    check_differences(
        &changed(|terms| {
            terms.reading = Reading { text_field: "answer".into(), least_p: 0.01, ..Reading::default() };
        }),
        &[
            "reading.tokenizer: the plan says sha256:ba7816bf8f01cfea..., this run none",
            "reading.text_field: the plan says \"text\", this run \"answer\"",
            "reading.least_p: the plan says 1e-5, this run 0.01",
        ],
    );
    check_differences(
        &changed(|terms| {
            let other = Reading {
                suspect_tokenizer: Some("other".into()),
                format: Some("txt".into()),
                tokens_field: "ids".into(),
                logprobs_field: "lp".into(),
                skip_bad: true,
                ..terms.reading.clone()
            };
            terms.reading = other;
        }),
        &[
            "reading.suspect_tokenizer: the plan says none, this run \"other\"",
            "reading.format: the plan says what names say, this run \"txt\"",
            "reading.tokens_field: the plan says \"tokens\", this run \"ids\"",
            "reading.logprobs_field: the plan says \"logprobs\", this run \"lp\"",
            "reading.skip_bad: the plan says false, this run true",
        ],
    );
}

#[test]
fn references_to_come_are_open_unless_the_plan_names_them() {
    let to_come = |references: Vec<PlannedReference>| {
        changed(|terms| {
            terms.files.retain(|file| file.role != Role::Reference);
            terms.to_come.insert(Role::Reference);
            terms.references = references;
        })
    };
    assert_eq!(to_come(Vec::new()).differences(golden().terms()), vec![]);
    let named = PlannedReference { name: "base.jsonl".into(), kind: ReferenceKind::Fitted };
    let found: Vec<String> =
        to_come(vec![named]).differences(golden().terms()).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["reference \"base.jsonl\": the plan says fitted, this run log-probs"]);
}

#[test]
fn order_and_names_of_files_are_no_deviation() {
    check_differences(&changed(|terms| terms.files.reverse()), &[]);
    check_differences(&changed(|terms| terms.keys.reverse()), &[]);
    check_differences(&changed(|terms| terms.files[0].name = "renamed.jsonl".into()), &[]);
}

#[test]
fn files_to_come_are_accepted_whatever_they_hold() {
    let with_answers = |terms: &mut Terms| {
        terms.to_come.remove(&Role::Suspect);
        terms.files.push(file(Role::Suspect, "answers.jsonl", "{}"));
    };
    let by_hand = changed(|terms| terms.endpoint = None);
    let mut answered = by_hand.terms().clone();
    with_answers(&mut answered);
    assert_eq!(by_hand.differences(&answered), []);
    // And not the other way round.
    let found = AuditPlan::new(answered).unwrap().differences(by_hand.terms());
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().ends_with("this run was given no file that holds that"), "{}", found[0]);
    check_differences(
        &changed(|terms| {
            terms.to_come.remove(&Role::Prompts);
        }),
        &["prompts files: the plan says to come, this run none"],
    );
    check_differences(
        &changed(|terms| {
            terms.to_come.insert(Role::Control);
        }),
        &["control files: the plan says none, this run to come"],
    );
}

#[test]
fn terms_out_of_range_are_refused_with_what_was_found() {
    check_refused(|terms| terms.schema_version = 2, "plan: schema_version 2, this build reads 1");
    check_refused(|terms| terms.alpha = 0.0, "plan: alpha must be above 0 and below 1, found 0");
    check_refused(|terms| terms.alpha = f64::NAN, "alpha must be above 0 and below 1, found NaN");
    check_refused(
        |terms| terms.min_effect = f64::INFINITY,
        "min_effect must be a finite number above 0, found inf",
    );
    check_refused(
        |terms| terms.decoys = (1 << 53) + 1,
        "decoys must be at most 2^53, found 9007199254740993",
    );
    check_refused(|terms| terms.budget.queries = Some(0), "budget.queries must be from 1 to 2^53, found 0");
    check_refused(|terms| terms.tool = String::new(), "tool must be 1 to 1000 bytes on one line, found \"\"");
    check_refused(|terms| terms.tool = "a\nb".into(), "found \"a\\nb\"");
    check_refused(|terms| terms.keys.clear(), "keys must be at least one key, found none");
    check_refused(
        |terms| terms.keys[1] = terms.keys[0].clone(),
        "keys[1].key_id must be unlike those before it",
    );
    check_refused(
        |terms| terms.reading.least_p = 1.0,
        "reading.least_p must be at least 0 and below 1, found 1",
    );
    check_refused(
        |terms| terms.reading.text_field = String::new(),
        "reading.text_field must be 1 to 1000 bytes on one line, found \"\"",
    );
    check_refused(
        |terms| terms.cohort_level = Some(1.0),
        "cohort_level must be above 0 and below 1, found 1",
    );
    for name in ["", "a/b", "a\\b", "..", "a\0b", &"n".repeat(256)] {
        check_refused(
            |terms| terms.files[0].name = name.into(),
            "files[0].name must be a file's name without folders",
        );
    }
    let endpoint =
        |change: fn(&mut Endpoint)| move |terms: &mut Terms| change(terms.endpoint.as_mut().unwrap());
    check_refused(
        endpoint(|e| e.temperature = Some(-1.0)),
        "temperature must be a finite number of at least 0, found -1",
    );
    check_refused(endpoint(|e| e.top_p = Some(0.0)), "endpoint.top_p must be above 0 and at most 1, found 0");
    check_refused(endpoint(|e| e.max_tokens = 0), "endpoint.max_tokens must be from 1 to 2^53, found 0");
}

#[test]
fn what_may_be_a_secret_is_refused_without_echo() {
    let refused = |change: &dyn Fn(&mut Terms)| {
        let mut terms = golden().terms().clone();
        change(&mut terms);
        AuditPlan::new(terms).unwrap_err().to_string()
    };
    let message = refused(&|terms| terms.keys[0].key_id = "5a".repeat(32));
    assert!(message.ends_with("16 lower-case hexadecimal digits, found 64 other characters"), "{message}");
    for url in [
        "https://user:sesame@host/v1",
        "https://host/v1?key=sesame",
        "sesame://host",
        "http://",
        "http:///v1",
    ] {
        let message = refused(&|terms| terms.endpoint.as_mut().unwrap().url = url.into());
        assert!(message.starts_with("plan: endpoint.url must be an http or https URL"), "{message}");
        assert!(!message.contains("sesame"), "{message}");
    }
}

#[test]
fn terms_that_contradict_each_other_are_refused() {
    check_refused(
        |terms| assert!(terms.filters.remove(&Filter::Familiar)),
        "score-familiar needs the filter familiar",
    );
    check_refused(
        |terms| terms.files.retain(|file| file.role != Role::Served),
        "the filter served needs a file of the role served, found none",
    );
    check_refused(
        |terms| {
            terms.statistic = "open-paired".parse().unwrap();
            terms.references.clear();
        },
        "open-paired needs a reference, found none",
    );
    check_refused(
        |terms| (terms.statistic, terms.origin) = ("score".parse().unwrap(), Origin::KeyFree),
        "score counts what the suspect wrote, and the origin is key-free",
    );
    let stops_early = |name: &'static str| {
        move |terms: &mut Terms| {
            (terms.sequential, terms.statistic, terms.cohort_level) = (true, name.parse().unwrap(), None);
            terms.files.retain(|file| file.role != Role::Cohorts && file.cohort.is_none());
            terms.keys.iter_mut().for_each(|key| (key.cohort, key.profile_digest) = (None, None));
        }
    };
    check_refused(
        |terms| (terms.sequential, terms.statistic) = (true, TestName::COUNT),
        "no run stops early on cohorts: the stop looks at one key, and their contrast at all",
    );
    check_refused(
        stops_early("count-served"),
        "no run stops early on count-served: which contexts were served depends on the key",
    );
    check_refused(stops_early("score-familiar"), "its coefficients would depend on the key through the stop");
    changed(stops_early("count-familiar"));
    check_refused(
        |terms| {
            stops_early("count")(terms);
            terms.endpoint = None;
        },
        "only what asks a live suspect can stop early, and there is no endpoint",
    );
    check_refused(
        |terms| {
            terms.to_come.remove(&Role::Suspect);
            terms.files.push(file(Role::Suspect, "answers.jsonl", "answers"));
        },
        "a live suspect has not answered yet, and files of the role suspect are not to come",
    );
    check_refused(
        |terms| terms.statistic = TestName::WEIGHTED,
        "statistic must be count or score, alone or with -served or -familiar, open-argmax, open-mass or open-paired, \
         found \"weighted\"",
    );
    check_refused(
        |terms| terms.statistic = TestName::OPEN_MASS.under(TestFilter::Served),
        "found \"open-mass-served\"",
    );
    check_refused(
        |terms| terms.keys[0].cohort = None,
        "keys[0].cohort must be the name of a cohort, found null",
    );
    check_refused(
        |terms| terms.keys[1].cohort = terms.keys[0].cohort.clone(),
        "keys[1].cohort must be unlike those before it, found \"north\"",
    );
    check_refused(
        |terms| terms.keys[1].profile_digest = Some(terms.profile_digest),
        "keys[1].profile_digest must be null, or that of a cohort's own profile",
    );
    check_refused(
        |terms| terms.files[1].cohort = Some("east".into()),
        "files[1].cohort must be null, or for a served file the cohort of a key, found \"east\"",
    );
    check_refused(|terms| terms.files[4].cohort = Some("south".into()), "files[4].cohort must be null");
    check_refused(
        |terms| {
            terms.cohort_level = None;
            terms.files.retain(|file| file.role != Role::Cohorts);
        },
        "keys[0].cohort must be null without cohorts, found a name",
    );
    check_refused(
        |terms| terms.cohort_level = None,
        "cohort_level and a file of the role cohorts go together",
    );
    check_refused(|terms| assert!(terms.keys.pop().is_some()), "cohorts need at least two keys, found one");
    check_refused(
        |terms| assert!(terms.to_come.insert(Role::Familiar)),
        "role familiar must be fixed in a plan",
    );
    check_refused(
        |terms| assert!(terms.to_come.insert(Role::Reference)),
        "role reference are given or to come, found both",
    );
    check_refused(
        |terms| {
            assert!(terms.to_come.remove(&Role::Suspect));
            terms.endpoint = None;
        },
        "role suspect must be given or to come",
    );
    check_refused(
        |terms| terms.keys[1].published = Some("x".into()),
        "published must be null without a commitment",
    );
}

#[test]
fn json_that_is_no_plan_is_refused_in_one_line() {
    let check = |json: &str, words: &str| {
        let message = AuditPlan::from_json(json.as_bytes()).unwrap_err().to_string();
        assert!(message.starts_with("plan: ") && message.contains(words), "{message:?}, expected {words:?}");
        assert!(!message.contains('\n') && message.len() < 500, "{message:?}");
    };
    check("", "EOF");
    check("{", "line 1 column 1");
    check("[]", "expected");
    check("{}", "missing field `schema_version`");
    check("{\"schema_version\":7,\"colour\":1}", "schema_version 7, this build reads 1");
    check(&GOLDEN.replacen("\"alpha\"", "\"alhpa\"", 1), "unknown field `alhpa`");
    check(&GOLDEN.replacen("{", "{\"alpha\":0.5,", 1), "duplicate field `alpha`");
    check(&GOLDEN.replacen("\"cohort_level\":0.01,", "", 1), "missing field `cohort_level`");
    check(&GOLDEN.replacen("\"commitment\":null,", "", 1), "missing field `commitment`");
    check(&GOLDEN.replacen("\"hypotheses\":1", "\"hypotheses\":0", 1), "nonzero");
    check(&GOLDEN.replacen("score-familiar", "weighted", 1), "statistic must be count or score");
    check(&GOLDEN.replacen("score-familiar", "open-mass-served", 1), "found \"open-mass-served\"");
    check(&GOLDEN.replacen("\"least_p\":0.00001,", "", 1), "missing field `least_p`");
    check(&GOLDEN.replacen("\"cohort\":null,", "", 1), "missing field `cohort`");
    check(&GOLDEN.replacen("\"sha256\":\"ba", "\"sha256\":\"BA", 1), "found 'B' at position 1");
    check(&GOLDEN.replacen("\"alpha\":", "\"alpha\":1e999,\"x\":", 1), "out of range");
    check(&GOLDEN.replacen("\"alpha\"", &format!("\"{}\\n\"", "x".repeat(100_000)), 1), "xxx...");
    check(&format!("{GOLDEN}{}", " ".repeat(AuditPlan::MAX_LEN)), "at most 1048576 bytes");
    check(&format!("{{\"schema_version\":1,\"x\":{}", "[".repeat(100_000)), "EOF while parsing a list");
    check(&GOLDEN.replacen("\"alpha\":", "\"alpha\":\"sesame\",\"x\":", 1), "plan: expected f64 at line 1");
}

#[test]
fn a_file_is_hashed_to_its_end() {
    let long = vec![b'a'; 1_000_000];
    let file = PlannedFile::read(Role::Prompts, "prompts.jsonl", &long[..]).unwrap();
    assert_eq!(file.bytes, 1_000_000);
    // FIPS 180-2, appendix B.3.
    let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    assert_eq!(file.sha256.to_string(), expected);
}

fn any_text() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,12}".prop_filter("no control characters", |text| !text.contains(char::is_control))
}

fn any_name() -> impl Strategy<Value = String> {
    "[a-c]{1,2}\\.jsonl"
}

fn any_whole(least: u64) -> impl Strategy<Value = u64> {
    prop_oneof![least..=least + 3, least..=1 << 53]
}

fn any_digest() -> impl Strategy<Value = Digest> {
    prop_oneof![(0..3_u8).prop_map(|byte| Digest::from([byte; 32])), any::<[u8; 32]>().prop_map(Digest::from)]
}

fn any_level() -> impl Strategy<Value = f64> {
    prop_oneof![Just(1e-6), Just(0.5), any::<u64>().prop_map(f64::from_bits)]
        .prop_filter("a level", |level| *level > 0.0 && *level < 1.0)
}

fn any_keys() -> impl Strategy<Value = Vec<PlannedKey>> {
    let key = |id: u64| {
        let note = proptest::option::of(any_text());
        let own = proptest::option::of(any_digest());
        (proptest::option::of(any_digest()), note, own).prop_map(move |(commitment, published, own)| {
            PlannedKey {
                key_id: format!("{id:016x}"),
                cohort: Some(format!("cohort {id}")),
                profile_digest: own,
                published: published.filter(|_| commitment.is_some()),
                commitment,
            }
        })
    };
    btree_set(prop_oneof![0..4_u64, any::<u64>()], 1..4)
        .prop_flat_map(move |ids| ids.into_iter().map(key).collect::<Vec<_>>())
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let temperature = proptest::option::of(0.0..2.0);
    let top_p = proptest::option::of(0.01..=1.0);
    let url =
        prop_oneof![Just("http://127.0.0.1:8000/v1"), Just("https://example.org")].prop_map(str::to_owned);
    let api = prop_oneof![Just(Api::Chat), Just(Api::Completions)];
    let more = (api, proptest::option::of(any_whole(0)), proptest::option::of(0..20_u8));
    (url, any_text(), any_whole(1), temperature, top_p, more).prop_map(
        |(url, model, max_tokens, temperature, top_p, (api, seed, top_logprobs))| Endpoint {
            url,
            model,
            api,
            max_tokens,
            temperature,
            top_p,
            seed,
            top_logprobs,
        },
    )
}

fn any_file() -> impl Strategy<Value = PlannedFile> {
    (proptest::sample::select(Role::ALL.to_vec()), any_name(), any_digest(), any_whole(0))
        .prop_map(|(role, name, sha256, bytes)| PlannedFile { role, cohort: None, name, sha256, bytes })
}

fn any_reference() -> impl Strategy<Value = PlannedReference> {
    (any_name(), prop_oneof![Just(ReferenceKind::LogProbs), Just(ReferenceKind::Fitted)])
        .prop_map(|(name, kind)| PlannedReference { name, kind })
}

fn any_statistic() -> impl Strategy<Value = TestName> {
    let names: Vec<TestName> = TestName::ALL.into_iter().filter(|name| *name != TestName::WEIGHTED).collect();
    proptest::sample::select(names)
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let digest = || proptest::option::of(any_digest().prop_map(|digest| format!("sha256:{digest}")));
    let format = proptest::option::of(proptest::sample::select(vec!["txt".to_owned(), "jsonl".to_owned()]));
    let fields = ("[a-c]{1,2}", "[a-c]{1,2}", "[a-c]{1,2}");
    ((digest(), digest()), format, fields, prop_oneof![Just(0.0), Just(1e-5), 0.0..1.0], any::<bool>())
        .prop_map(
            |(
                (tokenizer, suspect_tokenizer),
                format,
                (text_field, tokens_field, logprobs_field),
                least_p,
                skip_bad,
            )| Reading {
                tokenizer,
                suspect_tokenizer,
                format,
                text_field,
                tokens_field,
                logprobs_field,
                least_p,
                skip_bad,
            },
        )
}

/// Terms with every value in range.
fn any_terms() -> impl Strategy<Value = Terms> {
    let who = (any_text(), any_text(), any_digest(), any_keys(), any_statistic());
    let origin = prop_oneof![Just(Origin::Suspect), Just(Origin::KeyFree), Just(Origin::Marked)];
    let filters =
        btree_set(prop_oneof![Just(Filter::Served), Just(Filter::Familiar), Just(Filter::Prompts)], 0..3);
    let what = (origin, vec(any_reference(), 0..3), filters, any_level(), any_level());
    let counts = (any_whole(1), any_whole(0), any_whole(0), any::<bool>());
    let limits = (proptest::option::of(any_whole(1)), proptest::option::of(any_whole(1)));
    let how = (limits, proptest::option::of(any_endpoint()), proptest::option::of(any_level()));
    let to_come = btree_set(proptest::sample::select(Role::ALL.to_vec()), 0..3);
    let files = (any_reading(), vec(any_file(), 0..6), to_come);
    (who, what, counts, how, files).prop_map(|(who, what, counts, how, files)| {
        let (tool, dialect, profile_digest, keys, statistic) = who;
        let (origin, references, filters, alpha, min_effect) = what;
        let (hypotheses, decoys, columns, sequential) = counts;
        let ((tokens, queries), endpoint, cohort_level) = how;
        let (reading, files, to_come) = files;
        let hypotheses = NonZeroU64::new(hypotheses).unwrap();
        let (schema_version, budget) = (SCHEMA_VERSION, Budget { tokens, queries });
        Terms {
            schema_version,
            tool,
            dialect,
            profile_digest,
            keys,
            statistic,
            origin,
            references,
            filters,
            alpha,
            min_effect,
            hypotheses,
            decoys,
            columns,
            sequential,
            budget,
            endpoint,
            cohort_level,
            reading,
            files,
            to_come,
        }
    })
}

/// The nearest terms that do not contradict each other.
fn reconciled(mut terms: Terms) -> Terms {
    match terms.statistic.filter() {
        TestFilter::Served => {
            terms.filters.insert(Filter::Served);
        }
        TestFilter::Familiar => {
            terms.filters.insert(Filter::Familiar);
        }
        _ => {}
    }
    if terms.endpoint.is_some() {
        terms.to_come.insert(Role::Suspect);
    }
    terms.sequential &= terms.endpoint.is_some()
        && [TestName::COUNT, TestName::COUNT.under(TestFilter::Familiar)].contains(&terms.statistic);
    if !terms.statistic.is_open() {
        terms.origin = Origin::Suspect;
    }
    terms.to_come.retain(|role| role.may_come_later());
    terms.files.retain(|file| !terms.to_come.contains(&file.role));
    let require = |terms: &mut Terms, role: Role| {
        if terms.files_of(role).next().is_none() {
            terms.files.push(file(role, "required.jsonl", role.as_str()));
        }
    };
    if terms.filters.contains(&Filter::Served) {
        require(&mut terms, Role::Served);
    }
    if terms.filters.contains(&Filter::Familiar) {
        require(&mut terms, Role::Familiar);
    }
    let is_centred = matches!(terms.statistic.statistic(), StatisticName::OpenPaired | StatisticName::Score);
    if is_centred && terms.references.is_empty() {
        terms.references.push(PlannedReference { name: "required.txt".into(), kind: ReferenceKind::Fitted });
    }
    if terms.keys.len() < 2 || terms.cohort_level.is_none() {
        terms.cohort_level = None;
        terms.files.retain(|file| file.role != Role::Cohorts);
        terms.keys.iter_mut().for_each(|key| (key.cohort, key.profile_digest) = (None, None));
    } else {
        terms.sequential = false;
        require(&mut terms, Role::Cohorts);
        // Every other log is that of the first cohort.
        let first = terms.keys[0].cohort.clone();
        let logs = terms.files.iter_mut().filter(|file| file.role == Role::Served);
        logs.skip(1).step_by(2).for_each(|file| file.cohort.clone_from(&first));
    }
    let plans = terms.profile_digest;
    terms.keys.iter_mut().for_each(|key| key.profile_digest = key.profile_digest.filter(|own| *own != plans));
    if !terms.to_come.contains(&Role::Suspect) && terms.files_of(Role::Suspect).next().is_none() {
        terms.to_come.insert(Role::Suspect);
    }
    terms
}

fn any_plan() -> impl Strategy<Value = AuditPlan> {
    any_terms().prop_map(|terms| AuditPlan::new(reconciled(terms)).unwrap())
}

/// Terms such that two of them are equal exactly if neither deviates from the other, as long as they leave the same to come.
fn comparable(plan: &AuditPlan) -> Terms {
    let mut terms = plan.terms().clone();
    terms.keys.sort_by(|a, b| a.key_id.cmp(&b.key_id));
    terms.references.sort();
    terms.files.iter_mut().for_each(|file| file.name.clear());
    terms.files.sort_by_key(|file| (file.role, file.cohort.clone(), file.sha256, file.bytes));
    terms
}

/// Puts one field of another's terms in place, and says which.
fn transplant(terms: &mut Terms, other: &Terms, at: usize) -> &'static str {
    macro_rules! fields {
        ($($index:literal => $field:ident),*) => {
            match at {
                $($index => { terms.$field = other.$field.clone(); stringify!($field) })*
                _ => unreachable!("an index of the table"),
            }
        };
    }
    fields!(
        0 => tool, 1 => dialect, 2 => profile_digest, 3 => keys, 4 => statistic, 5 => origin, 6 => references, 7 => filters,
        8 => alpha, 9 => min_effect, 10 => hypotheses, 11 => decoys, 12 => columns, 13 => sequential, 14 => budget,
        15 => endpoint, 16 => cohort_level, 17 => files, 18 => to_come, 19 => reading
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_plan_survives_its_file(plan in any_plan()) {
        let again = AuditPlan::from_json(plan.to_json().as_bytes()).unwrap();
        prop_assert_eq!(&again, &plan);
        prop_assert_eq!(again.digest(), plan.digest());
        prop_assert_eq!(plan.differences(again.terms()), vec![]);
    }

    #[test]
    fn any_single_changed_field_is_a_deviation(plan in any_plan(), other in any_plan(), at in 0..20_usize) {
        let mut terms = plan.terms().clone();
        let field = transplant(&mut terms, other.terms(), at);
        let Ok(run) = AuditPlan::new(terms) else { return Ok(()) };
        // What comes later is judged by the plan alone; its own test is above.
        prop_assume!(plan.terms().to_come == run.terms().to_come);
        let leaves_open = |terms: &Terms| terms.references.is_empty() && terms.to_come.contains(&Role::Reference);
        prop_assume!(field != "references" || !(leaves_open(plan.terms()) || leaves_open(run.terms())));
        let is_same = comparable(&plan) == comparable(&run);
        let found = plan.differences(run.terms());
        prop_assert_eq!(found.is_empty(), is_same, "{} {:?}", field, found);
        prop_assert_eq!(run.differences(plan.terms()).len(), found.len());
        prop_assert!(is_same || plan.digest() != run.digest());
    }

    #[test]
    fn the_order_of_lists_is_no_deviation(plan in any_plan(), by in 0..5_usize) {
        let mut terms = plan.terms().clone();
        let n = (terms.files.len(), terms.keys.len(), terms.references.len());
        terms.files.rotate_left(by % n.0.max(1));
        terms.keys.rotate_left(by % n.1.max(1));
        terms.references.rotate_left(by % n.2.max(1));
        prop_assert_eq!(plan.differences(&terms), vec![]);
    }

    #[test]
    fn no_bytes_make_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = AuditPlan::from_json(&bytes);
    }

    #[test]
    fn a_damaged_plan_is_refused_or_another_plan(at in 0..GOLDEN.len(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = GOLDEN.as_bytes().to_vec();
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        match AuditPlan::from_json(&bytes) {
            Ok(plan) => prop_assert_eq!(plan.digest() == golden().digest(), plan == golden()),
            Err(error) => prop_assert!(!error.to_string().contains(char::is_control), "{error}"),
        }
    }
}

#[test]
fn what_a_plan_says_of_the_verifier_is_what_the_verifier_is_given() {
    let plan = changed(|terms| (terms.decoys, terms.columns) = (7, 8)).verifier_plan();
    assert_eq!((plan.alpha, plan.min_effect, plan.hypotheses.get()), (1e-6, 0.1, 1));
    assert_eq!((plan.decoys, plan.columns), (7, 8));
    assert!(!golden().is_committed());
    let committed = changed(|terms| terms.keys[1].commitment = Some(Digest::of(b"x")));
    assert!(committed.is_committed());
    let unused: BTreeSet<Role> = Role::ALL.into_iter().filter(|role| role.may_come_later()).collect();
    assert_eq!(unused.len(), 4);
}

#[test]
fn a_plan_says_what_its_commitments_do_not_show() {
    let check = |plan: &AuditPlan, words: &[&str]| {
        let found = plan.cautions();
        assert_eq!(found.len(), words.len(), "{found:?}");
        assert!(found.iter().zip(words).all(|(caution, words)| caution.contains(words)), "{found:?}");
    };
    let (chosen, unpublished) = ("chosen afterwards", "where and when some commitment was published");
    check(&golden(), &[chosen]);
    check(&changed(|terms| terms.keys[0].published = None), &[chosen, unpublished]);
    let committed = |terms: &mut Terms| terms.keys[1].commitment = Some(Digest::of(b"x"));
    check(&changed(committed), &[unpublished]);
    check(
        &changed(|terms| {
            committed(terms);
            terms.keys[1].published = Some("there".into());
        }),
        &[],
    );
}

#[test]
fn a_budget_is_kept_to_the_token() {
    let plan = changed(|terms| terms.budget.queries = Some(10));
    assert_eq!(plan.beyond_budget(100_000, 10), vec![]);
    let found: Vec<String> = plan.beyond_budget(100_001, 11).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "budget.tokens: the plan says at most 100000, this run 100001",
            "budget.queries: the plan says at most 10, this run 11",
        ]
    );
    assert_eq!(golden().beyond_budget(0, u64::MAX), vec![]);
}
