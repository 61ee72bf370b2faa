//! Cohorts in a report: the JSON and the renderings.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use common::{green, mark, profile, report};
use taggant_verify::Report;
use taggant_verify::cohort_result::{CohortEntry, CohortResult, CohortVerdict};
use taggant_verify::render::{html, markdown, table};

fn entry(at: u32, flagged: bool, z: f64) -> CohortEntry {
    CohortEntry {
        name: format!("cohort {at}"),
        key_id: format!("{at:016x}"),
        flagged,
        exposure: Some(1000.0 * f64::from(at)),
        volume: None,
        z,
        centred_z: z - 0.25,
        ln_p: -z.max(0.0),
        ln_p_adjusted: -z.max(1.0) + 1.0,
        self_check_passed: at != 3,
    }
}

/// A report on 40 tokens, with 4 cohorts as if 16 keys had been tested.
fn with_cohorts() -> Report {
    let mut report = report(&mark(&profile(green("1/4", 2.0), 2), 1), &[(0..40).collect()], None);
    let result = CohortResult {
        alpha: 1e-6,
        level: 0.01,
        cohorts: vec![entry(1, true, 9.5), entry(2, true, 8.0), entry(3, false, -1.5), entry(4, false, 0.0)],
        contrast: 9.5,
        permutation_p: 1.0 / 1820.0,
        floor: 1.0 / 1820.0,
        exact: true,
        arrangements: 1820,
        verdict: CohortVerdict::CohortEvidence,
        meaning: "consistent with use of the flagged cohorts' text".into(),
    };
    (report.cohort_verdict, report.cohorts) = (Some(result.verdict), Some(result));
    report
}

#[test]
fn cohorts_survive_the_json_and_every_key_of_them_is_there() {
    let report = with_cohorts();
    let json = report.to_json();
    assert_eq!(Report::from_json(&json).unwrap(), report);
    assert!(
        json.contains("\"audit\": null,\n  \"cohort_verdict\": \"cohort-evidence\",\n  \"cohorts\": {"),
        "{json}"
    );
    for line in
        ["\"floor\": ", "\"meaning\": ", "\"self_check_passed\": true,\n", "\"exposure\": ", "\"volume\": "]
    {
        let key = line.split(':').next().unwrap();
        let without: String =
            json.lines().filter(|it| !it.contains(key)).map(|it| format!("{it}\n")).collect();
        assert!(Report::from_json(&without).is_err(), "without {key}");
    }
    let null = Report { cohort_verdict: None, cohorts: None, ..report };
    assert!(null.to_json().contains("\"cohort_verdict\": null,\n  \"cohorts\": null,\n"));
}

#[test]
fn the_cohorts_of_a_table_are_the_snapshot() {
    insta::assert_snapshot!(table(&with_cohorts()));
}

#[test]
fn markdown_and_html_show_rows_contrast_and_verdict() {
    let report = with_cohorts();
    let markdown = markdown(&report);
    assert!(markdown.contains("**cohort verdict: cohort-evidence**"), "{markdown}");
    assert!(markdown.contains("| cohort 3 | 0000000000000003 |      no |"), "{markdown}");
    let html = html(&report);
    for words in [
        "<p>Cohort verdict: <b>cohort-evidence</b></p>",
        "floor 1 in 1820 arrangements = 5.5e-4",
        "<td>cohort 2</td><td>0000000000000002</td><td>yes</td><td>2000</td>",
        "<title>cohort 3: z = -1.50</title>",
        "consistent with use of the flagged cohorts",
    ] {
        assert!(html.contains(words), "{words}");
    }
    assert_eq!(html.matches("<rect class=\"flagged\"").count(), 2);
    assert!(!html.contains("NaN") && !html.contains("inf"), "a position that no screen has");
}

#[test]
fn volumes_draws_and_labels_alone_are_named_as_such() {
    let mut report = with_cohorts();
    let result = report.cohorts.as_mut().unwrap();
    for entry in &mut result.cohorts {
        (entry.exposure, entry.volume) = (None, Some(f64::from(u8::from(entry.flagged)) * 5e-7));
    }
    (result.exact, result.level) = (false, 5e-4);
    let text = table(&report);
    assert!(text.contains("sd per unit of volume; permutation p = 5.5e-4 (level 5e-4)"), "{text}");
    assert!(text.contains("1820 arrangements, drawn from all there are = 5.5e-4"), "{text}");
    assert!(text.contains("volume") && text.contains("5e-7") && !text.contains("exposure"), "{text}");
}

#[test]
fn hostile_cohorts_are_rendered_without_a_panic() {
    for value in [0.0, -0.0, 1e308, -1e308, 5e-324] {
        for n in [0, 1, 2000] {
            let mut report = with_cohorts();
            let result = report.cohorts.as_mut().unwrap();
            result.cohorts =
                (0..n).map(|at| entry(at, at % 2 == 0, if at == 0 { value } else { -value })).collect();
            (result.contrast, result.permutation_p, result.floor, result.level) =
                (value, value, value, value);
            result.meaning = "<b>\u{1b}[31m\n# x".into();
            let (text, html) = (table(&report), html(&report));
            assert!(!text.contains('\u{1b}') && !text.contains("\n# x"));
            assert!(!html.contains("<b>\u{1b}") && html.contains("&#60;b&#62;"), "{value} {n}");
            let _ = markdown(&report);
        }
    }
}
