//! A report checked against its own counts.

use taggant::law::Law;

use crate::corpus::SHORT_CONTEXT;
use crate::decoys::is_calibrated;
use crate::ln_p::LnP;
use crate::null::Null;
use crate::p_value::holm;
use crate::report::{PKind, Report, TestResult};
use crate::verifier::{AT_POWER, Plan, adjust, level, verdict};

/// A number in a report that does not follow from its counts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Discrepancy {
    /// The path of the field.
    pub field: String,
    /// What the report says.
    pub stated: String,
    /// What follows from the counts.
    pub recomputed: String,
}

/// Recomputes every p-value, z, e-value, adjusted p, effect and the verdict from the counts in a report.
///
/// What it cannot check, as nothing else in a report determines it: the plan, the numbers of documents and of each
/// document's tokens, the inflation, and of a demonstration's rows all but the plain p.
///
/// Numbers agree when they differ by no more than 1e-9 of themselves, which is what separates two platforms'
/// exponential functions with room to spare; a changed digit among the first nine is found.
#[must_use]
pub fn check(report: &Report) -> Vec<Discrepancy> {
    let mut found = Vec::new();
    let mut recomputed = report.clone();
    for (at, test) in recomputed.tests.iter_mut().enumerate() {
        let mut report = |field, stated, recomputed: &str| {
            let field = format!("tests[{at}].{field}");
            found.push(Discrepancy { field, stated, recomputed: recomputed.into() });
        };
        match parse_law(&test.law) {
            None => report("law", test.law.clone(), "no law of this build"),
            Some(law) if !Null::new(law, test.n).is_possible(test.statistic) => {
                report("statistic", test.statistic.to_string(), IMPOSSIBLE);
            }
            Some(law) => recompute(test, law),
        }
    }
    impossible_documents(report, &mut found);
    if !found.is_empty() {
        return found;
    }
    adjust(&mut recomputed.tests);
    recompute_power(&mut recomputed);
    recompute_documents(&mut recomputed);
    recompute_calibration(&mut recomputed);
    recompute_students(&mut recomputed);
    let plan = Plan { alpha: report.alpha, min_effect: report.power.min_effect, decoys: 0 };
    let is_calibrated = is_panel_calibrated(&recomputed);
    recomputed.verdict = verdict(&recomputed.tests, &plan, is_calibrated, &recomputed.power);
    recompute_corpus(&mut recomputed);

    let json = |report: &Report| serde_json::to_value(report).expect("a report is JSON");
    compare("", &json(report), &json(&recomputed), &mut found);
    found
}

fn recompute(test: &mut TestResult, law: Law) {
    let null = Null::new(law, test.n);
    let p = null.p_value(test.statistic);
    test.null_mean = null.mean();
    test.null_variance = null.variance();
    test.z = null.z(test.statistic);
    test.ln_p = p.ln();
    test.log10_p = p.unadjusted().log10();
    test.ln_e = Some(null.ln_e(test.statistic));
}

/// Says which documents state a sum that no text can have.
fn impossible_documents(report: &Report, found: &mut Vec<Discrepancy>) {
    let Some(law) = report.tests.first().and_then(|test| parse_law(&test.law)) else { return };
    for (at, document) in report.documents.iter().flatten().enumerate() {
        if !Null::new(law, document.scored).is_possible(document.statistic) {
            let (field, stated) = (format!("documents[{at}].statistic"), document.statistic.to_string());
            found.push(Discrepancy { field, stated, recomputed: IMPOSSIBLE.into() });
        }
    }
}

/// Every token was scored or dropped.
fn recompute_corpus(report: &mut Report) {
    let corpus = &mut report.corpus;
    corpus.tokens = corpus.dropped.values().fold(corpus.distinct, |sum, n| sum.saturating_add(*n));
    let without_context = corpus.dropped.get(SHORT_CONTEXT).copied().unwrap_or_default();
    corpus.scored = corpus.tokens.saturating_sub(without_context);
}

fn recompute_power(report: &mut Report) {
    let ln_alpha = level(report.alpha, &report.tests);
    let effect = |test: &TestResult| {
        Null::new(parse_law(&test.law)?, test.n).detectable_effect(ln_alpha, report.power.at_power)
    };
    let exact = report.tests.iter().filter(|test| test.p_kind == PKind::Exact);
    report.power.detectable_effect = exact.filter_map(effect).min_by(f64::total_cmp);
    report.power.at_power = AT_POWER;
}

fn recompute_documents(report: &mut Report) {
    let Some(law) = report.tests.first().and_then(|test| parse_law(&test.law)) else { return };
    let Some(documents) = &mut report.documents else { return };
    for document in documents.iter_mut() {
        let null = Null::new(law, document.scored);
        document.z = null.z(document.statistic);
        document.ln_p = null.p_value(document.statistic).ln();
    }
    let p: Vec<LnP> = documents.iter().map(|document| LnP::from_ln(document.ln_p)).collect();
    for (document, adjusted) in documents.iter_mut().zip(holm(&p)) {
        document.ln_p_adjusted = adjusted.ln();
        document.evidence = adjusted.ln() <= libm::log(report.alpha);
    }
}

/// The plain p of each student again, from its count and excess.
fn recompute_students(report: &mut Report) {
    let Some(law) = report.tests.first().and_then(|test| parse_law(&test.law)) else { return };
    for student in report.students.iter_mut().flatten() {
        let null = Null::new(law, student.n);
        let statistic = ((student.green_excess + law.mean()) * student.n as f64).round();
        if null.is_possible(statistic) {
            student.ln_p = null.p_value(statistic).ln();
        }
    }
}

/// The observed z again from the tests on all contexts; mean, spread and rank from the decoys' own z.
fn recompute_calibration(report: &mut Report) {
    let pooled = pooled(report);
    let Some(plots) = &mut report.plots else { return };
    if let Some((null, statistic)) = pooled {
        plots.observed_z = null.z(statistic);
    }
    let n = plots.decoy_z.len() as f64;
    if n < 2.0 {
        return;
    }
    let mean = plots.decoy_z.iter().sum::<f64>() / n;
    let variance = plots.decoy_z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / (n - 1.0);
    report.calibration.decoys = plots.decoy_z.len() as u64;
    report.calibration.decoy_mean_z = Some(mean);
    report.calibration.decoy_sd_z = Some(variance.sqrt());
    report.calibration.rank = plots
        .observed_z
        .map(|observed| 1 + plots.decoy_z.iter().filter(|&&decoy| decoy >= observed).count() as u64);
}

/// The null and the statistic over all channels, which the decoys stand beside.
fn pooled(report: &Report) -> Option<(Null, f64)> {
    let tests = || report.tests.iter().filter(|test| test.name == "count");
    let law = parse_law(&tests().next()?.law)?;
    let n = tests().fold(0, |sum: u64, test| sum.saturating_add(test.n));
    Some((Null::new(law, n), tests().map(|test| test.statistic).sum()))
}

/// What the panel says; without one nothing speaks against it.
fn is_panel_calibrated(report: &Report) -> bool {
    let calibration = &report.calibration;
    match (calibration.decoy_mean_z, calibration.decoy_sd_z, pooled(report)) {
        (Some(mean), Some(sd), Some((null, _))) => {
            is_calibrated(calibration.decoys, mean, sd, null.excess_kurtosis())
        }
        _ => true,
    }
}

fn parse_law(text: &str) -> Option<Law> {
    match text.split_once(' ') {
        None if text == "exponential" => Some(Law::Exponential),
        Some(("bits", depth)) => match depth.parse() {
            Ok(depth @ 1..=64) => Some(Law::Bits { depth }),
            _ => None,
        },
        Some(("bernoulli", share)) => {
            let (numerator, denominator) = share.split_once('/')?;
            let (numerator, denominator) = (numerator.parse().ok()?, denominator.parse().ok()?);
            (numerator > 0 && numerator < denominator).then_some(Law::Bernoulli { numerator, denominator })
        }
        _ => None,
    }
}

fn compare(
    path: &str,
    stated: &serde_json::Value,
    recomputed: &serde_json::Value,
    found: &mut Vec<Discrepancy>,
) {
    use serde_json::Value;
    match (stated, recomputed) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                let dot = if path.is_empty() { "" } else { "." };
                compare(&format!("{path}{dot}{key}"), value, b.get(key).unwrap_or(&Value::Null), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{at}]"), a, b, found);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            if (a - b).abs() > 1e-9 * a.abs().max(b.abs()).max(1e-6) || a.is_nan() {
                found.push(Discrepancy {
                    field: path.into(),
                    stated: a.to_string(),
                    recomputed: b.to_string(),
                });
            }
        }
        (a, b) if a == b => {}
        (a, b) => {
            found.push(Discrepancy { field: path.into(), stated: a.to_string(), recomputed: b.to_string() });
        }
    }
}

/// What stands in for a number that does not follow from any counts.
const IMPOSSIBLE: &str = "no sum of these many values";
