//! Verdicts, the JSON and its check against itself, and the renderings.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use std::collections::BTreeSet;

use common::{Toy, channel, corpus, evidence, green, gumbel, mark, profile, served, subject, tournament};
use serde_json::Value;
use taggant::channel::Channel;
use taggant::law::Law;
use taggant::reader::{ContextRule, Identity, Input, Ngrams, Reader, Reading};
use taggant::scheme::Scheme;
use taggant::{ContextWidth, Mark, TokenId};
use taggant_verify::check::check;
use taggant_verify::documents::adjust_documents;
use taggant_verify::null::Null;
use taggant_verify::render::{html, markdown, table};
use taggant_verify::report::{DocumentResult, Excerpt, PKind, SpanResult};
use taggant_verify::{Corpus, Evidence, Plan, Report, SequenceSet, Verdict, Verifier};

fn schemes() -> [Scheme; 3] {
    [green("1/4", 2.0), gumbel(), tournament(30)]
}

/// About 3500 tokens under key 1: a strong mark.
fn marked_text(scheme: Scheme) -> Vec<Vec<TokenId>> {
    Toy::new(1, 500).marked(&mark(&profile(scheme, 2), 1), 1, 40, 90)
}

fn unmarked_text(n_documents: u64, n_tokens: usize) -> Vec<Vec<TokenId>> {
    let toy = Toy::new(2, 30);
    (0..n_documents).map(|n| toy.unmarked(n, n_tokens)).collect()
}

fn test(reader: &Mark, documents: &[Vec<TokenId>], plan: Plan, served: Option<&SequenceSet>) -> Report {
    let profile = reader.profile().clone();
    let decoy = move |n: u64| -> Box<dyn Reader> { Box::new(mark(&profile, 1_000_000 + n)) };
    let verifier = Verifier::new(reader, plan).unwrap();
    verifier.test(&evidence(&corpus(reader, documents), served), subject(), &decoy).unwrap()
}

/// A reader that says the same of every n-gram.
#[derive(Clone, Debug)]
struct Constant {
    law: Law,
    value: u64,
    channels: Vec<Channel>,
}

impl Constant {
    fn new(law: Law, value: u64) -> Self {
        Self { law, value, channels: vec![channel("fleet", 256, false)] }
    }

    fn largest(law: Law) -> Self {
        Self::new(
            law,
            match law {
                Law::Bernoulli { .. } => 1,
                Law::Bits { depth } => (1 << depth) - 1,
                // 33 ln 2 nats: the score of the largest word.
                _ => (33.0 * std::f64::consts::LN_2 * law.unit() as f64) as u64,
            },
        )
    }
}

impl Reader for Constant {
    fn context_rule(&self) -> ContextRule {
        ContextRule::completion(ContextWidth::new(1).unwrap())
    }

    fn identity(&self) -> Identity {
        Identity::Ngram
    }

    fn law(&self) -> Law {
        self.law
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn inputs(&self, ngrams: Ngrams<'_>, inputs: &mut [Input]) {
        for (input, ngram) in inputs.iter_mut().zip(ngrams.iter()) {
            *input = Input(ngram.iter().fold(0, |input, &token| input << 32 | u128::from(token)));
        }
    }

    fn readings(&self, _: Ngrams<'_>, readings: &mut [Reading]) {
        readings.fill(Reading { channel: 0, bucket: 0, value: self.value });
    }
}

const LAWS: [Law; 3] =
    [Law::Bernoulli { numerator: 1, denominator: 4 }, Law::Exponential, Law::Bits { depth: 30 }];

fn constant_report(reader: &Constant, n: u32, plan: Plan, decoy: &Constant) -> Report {
    let mut corpus = Corpus::new(reader.context_rule());
    corpus.add(&(0..=n).collect::<Vec<_>>());
    let verifier = Verifier::new(reader, plan).unwrap();
    verifier.test(&Evidence::new(&corpus), subject(), &|_| Box::new(decoy.clone())).unwrap()
}

fn without_decoys() -> Plan {
    Plan { decoys: 0, columns: 0, ..Plan::default() }
}

// --- verdicts ---

#[test]
fn marked_text_under_its_key_is_evidence_and_under_another_it_is_not() {
    for scheme in schemes() {
        let text = marked_text(scheme);
        let profile = profile(scheme, 2);
        let right = test(&mark(&profile, 1), &text, Plan::default(), None);
        assert_eq!(right.verdict, Verdict::Evidence, "{scheme:?}: ln p {}", right.tests[0].ln_p);
        assert_eq!(right.calibration.rank, Some(1));
        // What a wrong key says is what an unmarked text says. Gumbel-max repeats itself most: 400 values.
        for wrong in 2..6 {
            let plan = Plan { min_effect: 0.5, ..Plan::default() };
            let wrong = test(&mark(&profile, wrong), &text, plan, None);
            assert_eq!(wrong.verdict, Verdict::NoEvidence, "{scheme:?}: ln p {}", wrong.tests[0].ln_p);
        }
    }
}

#[test]
fn served_contexts_are_evidence_too_and_both_tests_decide() {
    for scheme in schemes() {
        let text = marked_text(scheme);
        let set = served(2, &text);
        let report = test(&mark(&profile(scheme, 2), 1), &text, without_decoys(), Some(&set));
        let [all, filtered] = &report.tests[..] else { panic!("{:?}", report.tests) };
        // Every context of this text was served.
        assert_eq!((all.n, all.statistic, all.ln_p), (filtered.n, filtered.statistic, filtered.ln_p));
        assert!(report.tests.iter().all(|test| test.decides && test.hypotheses == 2));
        assert!((all.ln_p_adjusted - all.ln_p - 2_f64.ln()).abs() < 1e-9);
        assert_eq!(report.verdict, Verdict::Evidence);
    }
}

#[test]
fn short_text_is_inconclusive() {
    for scheme in schemes() {
        let mark = mark(&profile(scheme, 2), 1);
        for n_tokens in [3, 4, 50, 500] {
            let report = test(&mark, &unmarked_text(1, n_tokens), without_decoys(), None);
            assert_eq!(report.verdict, Verdict::Inconclusive, "{scheme:?}, {n_tokens} tokens");
        }
    }
}

#[test]
fn enough_unmarked_text_is_no_evidence() {
    for scheme in schemes() {
        let report = test(&mark(&profile(scheme, 2), 1), &unmarked_text(20, 400), Plan::default(), None);
        assert!(report.power.detectable_effect.unwrap() <= 0.1, "{:?}", report.power);
        assert_eq!(report.verdict, Verdict::NoEvidence, "{scheme:?}");
    }
}

/// Prefixes of a marked text, until p lies between alpha and 1e-3. The effect asked about is so large that
/// the power alone would say `no-evidence`.
#[test]
fn between_alpha_and_a_thousandth_is_inconclusive() {
    for scheme in schemes() {
        let text: Vec<TokenId> = marked_text(scheme).concat();
        let mark = mark(&profile(scheme, 2), 1);
        let plan = Plan { min_effect: 1e3, ..without_decoys() };
        let verdicts: BTreeSet<String> = (3..200)
            .map(|n| test(&mark, &[text[..n].to_vec()], plan, None))
            .filter(|report| report.power.detectable_effect.is_some())
            .map(|report| {
                let ln_p = report.tests[0].ln_p_adjusted;
                let expected = match ln_p {
                    ln_p if ln_p <= 1e-6_f64.ln() => Verdict::Evidence,
                    ln_p if ln_p <= 1e-3_f64.ln() => Verdict::Inconclusive,
                    _ => Verdict::NoEvidence,
                };
                assert_eq!(report.verdict, expected, "{scheme:?}: ln p {ln_p}");
                report.verdict.as_str().to_owned()
            })
            .collect();
        let all = ["evidence", "inconclusive", "no-evidence"].map(str::to_owned);
        assert_eq!(verdicts, BTreeSet::from(all), "{scheme:?}");
    }
}

#[test]
fn decoys_that_are_biased_make_the_report_invalid() {
    for law in LAWS {
        let (fair, biased) = (Constant::new(law, 0), Constant::largest(law));
        let plan = Plan { decoys: 200, ..Plan::default() };
        let report = constant_report(&biased, 2000, plan, &biased);
        assert_eq!(report.verdict, Verdict::Invalid, "{law:?}");
        assert!(report.cautions.iter().any(|caution| caution.contains("cannot be relied on")));
        let report = constant_report(&fair, 2000, plan, &biased);
        assert_eq!(report.verdict, Verdict::Invalid, "{law:?}");
    }
}

#[test]
fn decoys_that_all_have_one_key_make_the_report_invalid() {
    let profile = profile(gumbel(), 2);
    let reader = mark(&profile, 1);
    let verifier = Verifier::new(&reader, Plan::default()).unwrap();
    let corpus = corpus(&reader, &unmarked_text(10, 200));
    let report = verifier.test(&Evidence::new(&corpus), subject(), &|_| Box::new(mark(&profile, 5))).unwrap();
    assert_eq!(report.verdict, Verdict::Invalid);
}

#[test]
fn the_plan_refuses_what_is_no_level_and_no_effect() {
    let mark = mark(&profile(gumbel(), 2), 1);
    for alpha in [0.0, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY] {
        assert!(Verifier::new(&mark, Plan { alpha, ..Plan::default() }).is_err(), "alpha {alpha}");
    }
    for min_effect in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Verifier::new(&mark, Plan { min_effect, ..Plan::default() }).is_err(), "effect {min_effect}");
    }
}

// --- extremes ---

#[test]
fn the_most_extreme_text_has_a_finite_p_and_prints_no_zero() {
    for law in LAWS {
        for n in [1, 2, 1000, 1_000_000] {
            let report =
                constant_report(&Constant::largest(law), n, without_decoys(), &Constant::largest(law));
            let test = &report.tests[0];
            assert_eq!(test.n, u64::from(n));
            assert!(test.ln_p.is_finite() && test.ln_p < 0.0, "{law:?}, n = {n}: ln p {}", test.ln_p);
            assert!(test.ln_e.unwrap().is_finite());
            assert_eq!(check(&report), [], "{law:?}, n = {n}");
            assert_eq!(Report::from_json(&report.to_json()).unwrap(), report);
            for text in [table(&report), markdown(&report), html(&report)] {
                assert!(!text.contains("p = 0,") && !text.contains("inf") && !text.contains("NaN"), "{text}");
            }
        }
    }
    let all_green = constant_report(
        &Constant::largest(LAWS[0]),
        1_000_000,
        without_decoys(),
        &Constant::largest(LAWS[0]),
    );
    // P(Bin(n, 1/4) >= n) = 4^-n; one product of two rounded factors.
    assert!((all_green.tests[0].ln_p / (-1e6 * 4_f64.ln()) - 1.0).abs() < 1e-15);
}

#[test]
fn the_least_extreme_text_has_p_one() {
    for law in LAWS {
        let report = constant_report(&Constant::new(law, 0), 100, without_decoys(), &Constant::new(law, 0));
        assert_eq!(report.tests[0].ln_p, 0.0, "{law:?}");
        assert_eq!(check(&report), []);
    }
}

// --- power ---

/// P(Bin(n, p) >= k), term by term.
fn naive_binomial(n: u64, p: f64, k: u64) -> f64 {
    let choose = |j: u64| (0..j).fold(1.0, |c, i| c * (n - i) as f64 / (i + 1) as f64);
    (k..=n).map(|j| choose(j) * p.powi(j as i32) * (1.0 - p).powi((n - j) as i32)).sum()
}

/// P(Gamma(n) >= x), term by term.
fn naive_gamma(n: u64, x: f64) -> f64 {
    (0..n)
        .scan((-x).exp(), |term, j| {
            let found = *term;
            *term *= x / (j + 1) as f64;
            Some(found)
        })
        .sum()
}

#[test]
fn the_detectable_effect_is_that_of_exact_enumeration() {
    // Sums of at most 60 rounded terms.
    const ROUNDING: f64 = 1e-11;
    let coins = [
        (LAWS[0], 0.25, 1),
        (Law::Bernoulli { numerator: 1, denominator: 2 }, 0.5, 1),
        (Law::Bits { depth: 3 }, 0.5, 3),
    ];
    for alpha in [0.05, 1e-3, 1e-6] {
        for n in 1..=20 {
            for (law, p, depth) in coins {
                let n_coins = n * depth;
                let critical = (0..=n_coins).find(|&k| naive_binomial(n_coins, p, k) <= alpha);
                let effect = Null::new(law, n).detectable_effect(f64::ln(alpha), 0.9);
                let what =
                    format!("{law:?}, n = {n}, alpha = {alpha}: critical {critical:?}, effect {effect:?}");
                assert_eq!(critical.is_some(), effect.is_some(), "{what}");
                if let (Some(critical), Some(effect)) = (critical, effect) {
                    // One value has depth coins: mean shift depth (q - p), deviation sqrt(depth p (1 - p)).
                    let q = p + effect * (p * (1.0 - p) / depth as f64).sqrt();
                    let power = naive_binomial(n_coins, q, critical);
                    assert!((power - 0.9).abs() < ROUNDING, "{what}: power {power}");
                }
            }
            let effect = Null::new(Law::Exponential, n).detectable_effect(f64::ln(alpha), 0.9).unwrap();
            let (mut low, mut high) = (0.0, 100.0);
            for _ in 0..100 {
                let middle = (low + high) / 2.0;
                if naive_gamma(n, middle) <= alpha { high = middle } else { low = middle }
            }
            let power = naive_gamma(n, high / (1.0 + effect));
            assert!(
                (power - 0.9).abs() < ROUNDING,
                "n = {n}, alpha = {alpha}: effect {effect}, power {power}"
            );
        }
    }
}

// --- JSON ---

/// Two plain channels and one with accounts, decoys, a filter and documents: every part of a report.
fn rich_report(scheme: Scheme) -> Report {
    let channels =
        vec![channel("fleet", 128, false), channel("account", 28, true), channel("public", 100, false)];
    let profile = profile(scheme, 2).with_channels(channels).unwrap();
    let reader = mark(&profile, 1);
    let toy = Toy::new(1, 500);
    let text = toy.marked(&reader, 1, 6, 90);
    let set = served(2, &toy.marked(&reader, 2, 3, 90));
    let mut report = test(&reader, &text, Plan { decoys: 60, columns: 1000, ..Plan::default() }, Some(&set));
    let ids = ["plain.txt", "<b>&\"|", "bell\u{7}, escape \u{1b}[31m, tab\t, newline\nend"];
    let mut named: Vec<(String, Vec<TokenId>)> = ids.into_iter().map(String::from).zip(text).collect();
    named.push(("empty".into(), Vec::new()));
    let verifier = Verifier::new(&reader, Plan::default()).unwrap();
    let mut documents = verifier.documents(&named);
    adjust_documents(&mut documents, report.alpha, std::num::NonZeroU64::MIN);
    report.documents = Some(documents);
    report
}

fn rich_reports() -> [Report; 3] {
    [green("1/2", 2.0), gumbel(), tournament(30)].map(rich_report)
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_json_has_exactly_these_keys_in_this_order() {
    for report in rich_reports() {
        let json: Value = serde_json::from_str(&report.to_json()).unwrap();
        let top = "schema_version tool command profile_digest key_id dialect alpha verdict corpus tests calibration \
                   effect power cautions audit cohort_verdict cohorts documents plots";
        assert_eq!(keys(&json).join(" "), top);
        assert_eq!(keys(&json["corpus"]).join(" "), "documents tokens scored distinct dropped");
        assert_eq!(keys(&json["corpus"]["dropped"]).join(" "), "account-channel duplicate short-context");
        let test = "name channel law n statistic null_mean null_variance z p_kind ln_p ln_p_approx coefficients scale log10_p \
                    ln_p_adjusted hypotheses decides ln_e";
        assert!(json["tests"].as_array().unwrap().iter().all(|found| keys(found).join(" ") == test));
        let calibration = "decoys decoy_inputs decoy_mean_z decoy_sd_z decoy_ks decoy_weighted_ks rank columns \
                           variance_inflation";
        assert_eq!(keys(&json["calibration"]).join(" "), calibration);
        let columns = "columns inputs mean_z sd_z largest_z rank";
        assert_eq!(keys(&json["calibration"]["columns"]).join(" "), columns);
        let effect = "model n statistic excess low high level bootstrap";
        assert_eq!(keys(&json["effect"]).join(" "), effect);
        assert_eq!(keys(&json["power"]).join(" "), "detectable_effect at_power min_effect");
        let document = "id tokens scored statistic z ln_p ln_p_adjusted evidence spans";
        assert!(json["documents"].as_array().unwrap().iter().all(|found| keys(found).join(" ") == document));
        assert_eq!(
            keys(&json["plots"]).join(" "),
            "decoy_z decoy_p decoy_weighted_p decoy_weighted_z weighted_observed_z observed_z column_z column_observed_z growth"
        );
    }
}

#[test]
fn what_does_not_apply_is_null_and_present() {
    let report = test(&mark(&profile(green("1/4", 2.0), 2), 1), &[vec![1, 2, 3]], without_decoys(), None);
    let json: Value = serde_json::from_str(&report.to_json()).unwrap();
    for path in [
        "/calibration/decoy_mean_z",
        "/calibration/decoy_sd_z",
        "/calibration/rank",
        "/calibration/columns",
        "/documents",
        "/tests/0/coefficients",
        "/plots/observed_z",
    ] {
        assert_eq!(json.pointer(path), Some(&Value::Null), "{path}");
    }
    assert_eq!(json.pointer("/power/detectable_effect"), Some(&Value::Null), "one value never reaches 1e-6");
    assert_eq!(json.pointer("/tests/0/ln_p_approx"), Some(&Value::Null));
    assert_eq!(json["calibration"]["decoys"], 0);
    let set = SequenceSet::new(2);
    let nothing = test(&mark(&profile(gumbel(), 2), 1), &[vec![1, 2, 3]], without_decoys(), Some(&set));
    let json: Value = serde_json::from_str(&nothing.to_json()).unwrap();
    assert_eq!(json.pointer("/tests/1/z"), Some(&Value::Null));
    assert_eq!(json.pointer("/tests/1/ln_p").unwrap().as_f64(), Some(0.0));
    assert!(nothing.cautions.iter().any(|caution| caution.contains("among the served ones")));
}

#[test]
fn the_json_round_trip_is_the_identity() {
    for report in rich_reports() {
        let json = report.to_json();
        let read = Report::from_json(&json).unwrap();
        assert_eq!(read, report);
        assert_eq!(read.to_json(), json);
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for (first, second) in rich_reports().iter().zip(&rich_reports()) {
        assert_eq!(first.to_json(), second.to_json());
        assert_eq!(html(first), html(second));
    }
}

#[test]
fn json_with_a_key_too_many_or_too_few_or_of_another_schema_is_refused() {
    let json: Value = serde_json::from_str(&rich_report(gumbel()).to_json()).unwrap();
    let read = |json: &Value| Report::from_json(&json.to_string());
    assert!(read(&json).is_ok());
    for path in ["", "/corpus", "/tests/0", "/calibration", "/power", "/documents/0", "/plots"] {
        let mut more = json.clone();
        more.pointer_mut(path).unwrap()["extra"] = 1.into();
        assert!(read(&more).is_err(), "an extra key in {path:?}");
        // An absent optional key reads as null; an absent number does not.
        for key in keys(json.pointer(path).unwrap()) {
            let mut less = json.clone();
            less.pointer_mut(path).unwrap().as_object_mut().unwrap().shift_remove(key);
            let is_optional = read(&less).is_ok();
            let mut null = json.clone();
            null.pointer_mut(path).unwrap()[key] = Value::Null;
            assert!(!is_optional || read(&null).is_ok(), "{path}/{key} may be absent but not null");
        }
    }
    let mut other = json.clone();
    other["schema_version"] = 2.into();
    assert!(read(&other).unwrap_err().contains("schema_version 2"));
    for text in ["", "{}", "[]", "null", "{\"schema_version\": 1}", "not json", "\u{0}"] {
        assert!(Report::from_json(text).is_err(), "{text:?}");
    }
}

// --- the check ---

#[test]
fn fresh_reports_pass_the_check() {
    for report in rich_reports() {
        assert_eq!(check(&report), []);
        assert_eq!(check(&Report::from_json(&report.to_json()).unwrap()), []);
    }
    for scheme in schemes() {
        assert_eq!(check(&test(&mark(&profile(scheme, 2), 1), &[vec![1, 2, 3]], without_decoys(), None)), []);
    }
}

/// The pointers of all numbers in a report.
fn numbers(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(path.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| numbers(item, &format!("{path}/{at}"), found));
        }
        Value::Object(items) => {
            items.iter().for_each(|(key, item)| numbers(item, &format!("{path}/{key}"), found));
        }
        _ => {}
    }
}

#[test]
fn each_changed_number_is_found() {
    // Facts that nothing else in a report determines.
    let facts = BTreeSet::from([
        "calibration/variance_inflation", // the multiplicities are not in a report
        "alpha", // part of the plan; changes a count's critical value only from one whole number to the next
        "corpus/documents",
        "documents/*/tokens",
        "power/min_effect", // part of the plan
        // A picture is drawn from the text, which is not in a report; nor is where in it a window lies.
        "calibration/columns/columns",
        "calibration/columns/inputs",
        "calibration/columns/largest_z",
        "calibration/columns/mean_z",
        "calibration/columns/rank",
        "calibration/columns/sd_z",
        "calibration/decoy_inputs",
        "plots/column_observed_z",
        "plots/column_z/*/*",
        "plots/growth/*/*", // the last point follows, see `the_curve_of_evidence_ends_at_all_there_is`
        "plots/decoy_p/*",  // one of many need not move the distance
        "documents/*/spans/*/start",
        "documents/*/spans/*/end", // a place in the document is all that is asked of it
        "documents/*/spans/*/window_start",
        "documents/*/spans/*/window_end",
    ]);
    let mut missed = BTreeSet::new();
    for report in rich_reports() {
        let json: Value = serde_json::from_str(&report.to_json()).unwrap();
        let mut paths = Vec::new();
        numbers(&json, "", &mut paths);
        assert!(paths.len() > 100, "{paths:?}");
        for path in paths {
            let mut changed = json.clone();
            let number = changed.pointer_mut(&path).unwrap();
            *number = match number.as_u64() {
                Some(whole) => (whole + 1).into(),
                // The check's tolerance is 1e-9 of a number, and a decoy is one of 60 in a mean.
                None => (number.as_f64().unwrap() * (1.0 + 1e-5) + 1e-5).into(),
            };
            if path == "/schema_version" {
                assert!(Report::from_json(&changed.to_string()).is_err());
                continue;
            }
            if check(&Report::from_json(&changed.to_string()).unwrap()).is_empty() {
                let is_index = |part: &&str| part.parse::<u64>().is_ok();
                let parts = path.split('/').skip(1).map(|part| if is_index(&part) { "*" } else { part });
                missed.insert(parts.collect::<Vec<_>>().join("/"));
            }
        }
    }
    missed.insert("alpha".into());
    assert_eq!(missed.iter().map(String::as_str).collect::<BTreeSet<_>>(), facts);
}

#[test]
fn the_curve_of_evidence_ends_at_all_there_is() {
    for mut report in rich_reports() {
        let points = &report.plots.as_ref().unwrap().growth;
        assert_eq!(points[0], (0, 0.0));
        assert!(points.is_sorted_by(|a, b| a.0 < b.0) && points.len() > 20, "{points:?}");
        assert_eq!(points.last().unwrap().0, report.corpus.distinct);
        report.plots.as_mut().unwrap().growth.last_mut().unwrap().1 += 1e-3;
        assert_eq!(check(&report).len(), 1);
    }
}

/// A far observed z makes bins wider; each must then hold whole ones of the report's, or there are false peaks.
#[test]
fn wide_bins_of_the_histogram_hold_whole_narrow_ones() {
    for observed in [3.0, 40.0, 122.3, 5000.0] {
        let mut report = rich_report(gumbel());
        let plots = report.plots.as_mut().unwrap();
        plots.column_z = (-14..14).map(|at| (f64::from(at) * 0.25, 100)).collect();
        plots.column_observed_z = Some(observed);
        plots.decoy_z.clear();
        let page = html(&report);
        let counts: Vec<f64> = page
            .split("<title>")
            .skip(2) // what stands before, and the page's own
            .map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(counts.iter().sum::<f64>(), 2800.0, "{observed}: {counts:?}");
        // All bins but the first and the last hold as many.
        let inner = counts.get(1..counts.len() - 1).unwrap_or_default();
        assert!(inner.windows(2).all(|pair| pair[0] == pair[1]), "{observed}: {counts:?}");
    }
}

/// What an opponent, or an eager owner, might do to a report.
#[test]
fn forgeries_of_a_report_are_found() {
    for report in rich_reports() {
        let forged = |what: &str, change: &dyn Fn(&mut Report)| {
            let mut changed = report.clone();
            change(&mut changed);
            assert_ne!(changed, report, "{what} changes nothing");
            assert_ne!(check(&changed), [], "{what}");
        };
        forged("a served test called exact", &|report| {
            let test = &mut report.tests[1];
            test.p_kind = PKind::Exact;
            test.ln_p_adjusted = test.ln_p + (test.hypotheses as f64).ln();
        });
        forged("a test of another name", &|report| report.tests[0].name = "score".into());
        forged("an approximate p beside a count", &|report| report.tests[0].ln_p_approx = Some(-9999.0));
        forged("no p-values of decoys", &|report| report.plots.as_mut().unwrap().decoy_p.clear());
        forged("no decoys", &|report| {
            let plots = report.plots.as_mut().unwrap();
            (plots.decoy_p, plots.decoy_z) = (Vec::new(), Vec::new());
        });
        forged("no plots", &|report| report.plots = None);
        forged("weighted p-values of decoys from nowhere", &|report| {
            report.plots.as_mut().unwrap().decoy_weighted_p = vec![0.5];
        });
        let is_marked = |document: &&DocumentResult| document.spans.iter().flatten().next().is_some();
        if report.documents.iter().flatten().any(|document| is_marked(&document)) {
            fn span(report: &mut Report) -> &mut SpanResult {
                let documents = report.documents.iter_mut().flatten();
                documents.flat_map(|document| document.spans.iter_mut().flatten()).next().unwrap()
            }
            forged("a window that no scan has", &|report| span(report).n = 17);
            forged("a span that ends before it starts", &|report| span(report).end = span(report).start);
            forged("a window beyond the document", &|report| span(report).window_end = 1 << 40);
        }
    }
}

#[test]
fn hostile_numbers_make_no_rendering_panic() {
    let hostile = [1e308, -1e308, 0.0, 5e-324];
    for report in rich_reports() {
        for (at, value) in hostile.into_iter().enumerate() {
            let mut report = report.clone();
            report.tests[0].name = "weighted".into();
            report.tests[0].coefficients = Some(vec![(1.0, 5), (0.5, 1)]);
            report.tests[0].statistic = [5.500000002, 1e308, -1e308, 5e-10][at];
            let plots = report.plots.as_mut().unwrap();
            plots.column_z = vec![(value, 1), (-value, u64::MAX)];
            plots.decoy_z.push(value);
            plots.decoy_p.push(value);
            plots.growth.push((u64::MAX, value));
            let document = &mut report.documents.as_mut().unwrap()[0];
            document.scored = u64::MAX;
            for span in document.spans.iter_mut().flatten() {
                (span.start, span.end, span.ln_p) = (u64::MAX, 0, value);
            }
            let _ = (check(&report), table(&report), markdown(&report), html(&report));
            for (law, coefficients) in [
                ("exponential", vec![(-1.0, 5), (-0.5, 1)]),
                ("exponential", vec![(1.0 / 65536.0, 5)]),
                ("bits 30", vec![(2147483648.0, u64::MAX), (-1.0, 1)]),
            ] {
                report.tests[0].law = law.into();
                report.tests[0].coefficients = Some(coefficients);
                let _ = check(&report);
            }
        }
    }
}

#[test]
fn each_changed_answer_is_found() {
    for report in rich_reports() {
        for verdict in [Verdict::Evidence, Verdict::Inconclusive, Verdict::NoEvidence, Verdict::Invalid] {
            let changed = Report { verdict, ..report.clone() };
            assert_eq!(check(&changed).is_empty(), verdict == report.verdict, "{verdict:?}");
        }
        let mut changed = report.clone();
        changed.tests[0].decides = false;
        assert!(!check(&changed).is_empty());
        let mut changed = report.clone();
        changed.tests[0].law = "bits 31".into();
        assert!(!check(&changed).is_empty());
        changed.tests[0].law = "bernoulli 1/0".into();
        assert!(!check(&changed).is_empty());
        let mut changed = report.clone();
        let document = &mut changed.documents.as_mut().unwrap()[0];
        document.evidence = !document.evidence;
        assert!(!check(&changed).is_empty());
        let mut changed = report;
        changed.tests[0].z = None;
        assert!(!check(&changed).is_empty());
    }
}

/// An uncalibrated panel that is reported as evidence.
#[test]
fn an_invalid_report_that_claims_evidence_is_found() {
    for law in LAWS {
        let biased = Constant::largest(law);
        let mut report = constant_report(&biased, 2000, Plan::default(), &biased);
        assert_eq!((report.verdict, check(&report)), (Verdict::Invalid, vec![]));
        report.verdict = Verdict::Evidence;
        assert_eq!(check(&report)[0].field, "verdict", "{law:?}");
    }
}

/// A report is a file, and a file may hold anything: nothing in it may panic, overflow or run forever.
#[test]
fn no_number_in_a_report_makes_the_check_panic() {
    for report in rich_reports() {
        let json: Value = serde_json::from_str(&report.to_json()).unwrap();
        let mut paths = Vec::new();
        numbers(&json, "", &mut paths);
        let hostile: [Value; 8] = [
            0.into(),
            (-1).into(),
            u64::MAX.into(),
            (1_u64 << 63).into(),
            0.5.into(),
            1e300.into(),
            (-1e300).into(),
            5e-324.into(),
        ];
        for path in &paths {
            for value in &hostile {
                let mut changed = json.clone();
                *changed.pointer_mut(path).unwrap() = value.clone();
                if let Ok(changed) = Report::from_json(&changed.to_string()) {
                    let _ = check(&changed);
                }
            }
        }
    }
}

#[test]
fn an_impossible_statistic_is_a_discrepancy() {
    let report = rich_report(green("1/2", 2.0));
    for statistic in [-1.0, 0.5, report.tests[0].n as f64 + 1.0, 1e300] {
        let mut changed = report.clone();
        changed.tests[0].statistic = statistic;
        assert!(check(&changed).iter().any(|found| found.field == "tests[0].statistic"), "{statistic}");
        let mut changed = report.clone();
        changed.documents.as_mut().unwrap()[1].statistic = statistic;
        assert!(check(&changed).iter().any(|found| found.field.starts_with("documents[1]")), "{statistic}");
    }
}

// --- renderings ---

/// A small report, so that a reviewer can read the snapshots.
fn small_report() -> Report {
    let mut report = rich_report(gumbel());
    report.plots.as_mut().unwrap().decoy_z.truncate(3);
    report
}

#[test]
fn the_table_is_the_snapshot() {
    insta::assert_snapshot!(table(&small_report()));
}

#[test]
fn the_markdown_is_the_snapshot() {
    insta::assert_snapshot!(markdown(&small_report()));
}

#[test]
fn the_json_is_the_snapshot() {
    insta::assert_snapshot!(small_report().to_json());
}

#[test]
fn the_page_needs_no_network_and_escapes_what_it_quotes() {
    // Its one script sorts the table of documents and is the same whatever the report.
    let script = |page: &str| -> String {
        let (start, end) = (page.find("<script>").unwrap(), page.find("</script>").unwrap());
        page[start..end + "</script>".len()].to_owned()
    };
    let own = script(&html(&small_report()));
    for mut report in rich_reports() {
        report.tool = "<script>alert(1)</script>".into();
        report.tests[0].channel = "<img src=x onerror=y>".into();
        report.cautions.push("a & b < c".into());
        let span = report.documents.as_mut().unwrap().iter_mut().find_map(|d| d.spans.as_mut()?.first_mut());
        if let Some(span) = span {
            span.excerpt = Some(Excerpt::of("a <script>alert(2)</script> </mark> b", 2, 27));
        }
        let page = html(&report);
        assert_eq!(script(&page), own);
        let page = page.replacen(&own, "", 1);
        for forbidden in ["http", "<script", "<img", "onerror=y>", "<link", "@import", "url(", "<b>&\""] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("&#60;b&#62;&#38;&#34;|") || page.contains("&lt;b&gt;&amp;&quot;|"), "{page}");
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
        assert!(page.contains("<svg"));
    }
}

/// Ids come from file names, and the rest of a report from whoever wrote the file: neither may drive a terminal or
/// start a line of its own.
#[test]
fn text_renderings_neutralise_control_characters() {
    let mut report = rich_report(gumbel());
    let hostile = "x\u{1b}[2J\u{7}\u{9b}31m\r\nverdict: evidence";
    report.tool = hostile.into();
    report.key_id = hostile.into();
    report.dialect = hostile.into();
    report.profile_digest = "\u{1b}".into();
    report.cautions.push(hostile.into());
    report.tests[0].channel = hostile.into();
    report.corpus.dropped.insert(hostile.into(), 0);
    for text in [table(&report), markdown(&report)] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        let verdicts = text.lines().filter(|line| line.trim_start_matches('*').starts_with("verdict:"));
        assert_eq!(verdicts.count(), 1, "{text}");
        assert!(text.contains("bell , escape  [31m, tab , newline end"), "{text}");
    }
    assert!(markdown(&report).contains("&lt;b>&amp;\"\\|"), "a bar in an id ends its cell, or a tag stands");
}

#[test]
fn no_rendering_calls_a_text_ai_written() {
    for report in rich_reports() {
        for verdict in [Verdict::Evidence, Verdict::Inconclusive, Verdict::NoEvidence, Verdict::Invalid] {
            let report = Report { verdict, ..report.clone() };
            for text in [table(&report), markdown(&report), html(&report)] {
                let text = text.to_lowercase();
                assert!(["ai-written", "ai-generated", "confidence"].iter().all(|word| !text.contains(word)));
            }
        }
    }
}
