//! A report checked against its own counts.

use std::num::NonZeroU64;

use taggant::law::Law;

use crate::audit_result::{AuditResult, DecidedBy, Origin, ScoreEffect};
use crate::corpus::SHORT_CONTEXT;
use crate::decoys::{mean_and_sd, rank};
use crate::documents::adjust_documents;
use crate::effect::EffectInterval;
use crate::evidence::is_calibrated;
use crate::linear::LinearNull;
use crate::null::Null;
use crate::report::{Plots, Report, TestResult};
use crate::self_check::{SelfCheck, distance_from_uniform};
use crate::spans::hypotheses;
use crate::test_name::{Filter, StatisticName, TestName};
use crate::test_result::Reliance;
use crate::verdict::{AT_POWER, adjust, detectable_effect, level, verdict};
use crate::verifier::{EFFECT_LEVEL, Plan};

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
/// What it cannot check, as nothing else in a report determines it: the plan; the numbers of documents and of each
/// document's tokens; the inflation; the simulated keys and their picture; how many inputs the decoys read; the curve of
/// evidence before its end; the interval of the bootstrap; where in a document a window lies, what text stands there and
/// which stretch of it is likeliest; and of a demonstration's rows all but the plain p.
///
/// Numbers agree when they differ by no more than 1e-9 of themselves, which is what separates two platforms'
/// exponential functions with room to spare; a changed digit among the first nine is found.
#[must_use]
pub fn check(report: &Report) -> Vec<Discrepancy> {
    let mut found = Vec::new();
    let mut recomputed = report.clone();
    let is_stopped = report.audit.as_ref().is_some_and(|audit| audit.stopped_by_scores);
    let is_marked = report.audit.as_ref().is_some_and(|audit| audit.origin == Origin::Marked);
    let reliance = |name: TestName| Reliance::of(is_calibrated(name, is_marked), is_stopped);
    let decides = report.audit.as_ref().map(|audit| &audit.decides[..]);
    for (at, test) in recomputed.tests.iter_mut().enumerate() {
        recompute_test(test, &reliance, &format!("tests[{at}]"), &mut found);
        test.decides = decides.is_none_or(|name| test.name == name);
    }
    for (number, control) in recomputed.audit.iter_mut().flat_map(|audit| &mut audit.controls).enumerate() {
        for (at, test) in control.tests.iter_mut().enumerate() {
            recompute_test(test, &reliance, &format!("audit.controls[{number}].tests[{at}]"), &mut found);
            test.decides = false;
            (test.ln_p_adjusted, test.hypotheses) = (test.ln_p, 1);
        }
    }
    if !recomputed.tests.iter().any(|test| test.decides) {
        let stated = decides.unwrap_or("no tests").to_owned();
        found.push(Discrepancy {
            field: "audit.decides".into(),
            stated,
            recomputed: "the name of one of the tests".into(),
        });
    }
    if let Some(audit) = &report.audit {
        impossible_audit(report, audit, &mut found);
    }
    impossible_documents(report, &mut found);
    if let Some(plots) = &report.plots
        && plots.decoy_p.len() != plots.decoy_z.len()
    {
        let (field, stated) = ("plots.decoy_p".into(), format!("{} numbers", plots.decoy_p.len()));
        found.push(Discrepancy {
            field,
            stated,
            recomputed: format!("one for each of {}", plots.decoy_z.len()),
        });
    }
    if !found.is_empty() {
        return found;
    }
    let runs = runs(report);
    adjust(&mut recomputed.tests, runs.get());
    recompute_power(&mut recomputed, runs);
    recompute_documents(&mut recomputed, runs);
    recompute_effect(&mut recomputed);
    recompute_audit(&mut recomputed);
    recompute_growth(&mut recomputed);
    recompute_observed_z(&mut recomputed);
    recompute_calibration(&mut recomputed);
    recompute_students(&mut recomputed);
    recomputed.cohort_verdict = report.cohorts.as_ref().map(|cohorts| cohorts.verdict);
    let plan = Plan { alpha: report.alpha, min_effect: report.power.min_effect, ..Plan::default() };
    let is_calibrated = has_passed(&recomputed);
    recomputed.verdict = verdict(&recomputed.tests, &plan, is_calibrated, &recomputed.power);
    recompute_corpus(&mut recomputed);

    let json = |report: &Report| serde_json::to_value(report).expect("a report is JSON");
    compare("", &json(report), &json(&recomputed), &mut found);
    found
}

/// How many runs share alpha: what the stated hypotheses are, over the tests of this one. It is part of the plan.
fn runs(report: &Report) -> NonZeroU64 {
    let stated = report.deciding().next().map_or(1, |test| test.hypotheses);
    let family = report.deciding().count().max(1) as u64;
    NonZeroU64::new(stated / family).unwrap_or(NonZeroU64::MIN)
}

/// Computes one test again, or says what in it no test can state.
fn recompute_test(
    test: &mut TestResult,
    reliance: &impl Fn(TestName) -> Reliance,
    path: &str,
    found: &mut Vec<Discrepancy>,
) {
    let mut report = |field: &str, stated: String, recomputed: &str| {
        let field = format!("{path}.{field}");
        found.push(Discrepancy { field, stated, recomputed: recomputed.into() });
    };
    let Ok(name) = test.name.parse::<TestName>() else {
        return report("name", test.name.clone(), "the name of a test of this build");
    };
    let Some(law) = parse_law(&test.law) else {
        return report("law", test.law.clone(), "no law of this build");
    };
    match (name.is_count(), test.coefficients.take(), test.scale) {
        (true, None, None) if !Null::new(law, test.n).is_possible(test.statistic) => {
            report("statistic", test.statistic.to_string(), IMPOSSIBLE);
        }
        (true, None, None) => recompute_count(test, law, reliance(name)),
        (true, ..) => report("coefficients", "present".into(), "null, for a count, and so is the scale"),
        (false, Some(coefficients), Some(scale)) => match LinearNull::of_values(law, &coefficients) {
            None => {
                report("coefficients", format!("{coefficients:?}"), "multiples of 2^-16 other than 0");
            }
            Some(null) if !null.is_possible(test.statistic) => {
                report("statistic", test.statistic.to_string(), IMPOSSIBLE);
            }
            Some(null) if !null.is_of_inputs(test.n) => {
                report("n", test.n.to_string(), "as many as the coefficients say");
            }
            Some(null) if !null.is_within(scale) => {
                report("scale", scale.to_string(), "at least the largest coefficient");
            }
            Some(null) => recompute_linear(test, &null, scale, reliance(name)),
        },
        (false, ..) => {
            report("coefficients", "null".into(), "the coefficients and the scale of a linear test");
        }
    }
}

fn recompute_count(test: &mut TestResult, law: Law, reliance: Reliance) {
    let null = Null::new(law, test.n);
    let p = reliance.of_count(&null, test.statistic);
    test.p_kind = p.kind();
    test.null_mean = null.mean();
    test.null_variance = null.variance();
    test.z = null.z(test.statistic);
    test.ln_p = p.ln();
    test.log10_p = p.unadjusted().log10();
    test.ln_e = Some(null.ln_e(test.statistic));
    test.ln_p_approx = None;
}

fn recompute_linear(test: &mut TestResult, null: &LinearNull, scale: f64, reliance: Reliance) {
    let p = reliance.of_tail(null.p_value(test.statistic));
    test.null_mean = null.mean();
    test.null_variance = null.variance();
    test.z = null.z(test.statistic);
    test.ln_p = p.ln();
    test.log10_p = p.unadjusted().log10();
    test.p_kind = p.kind();
    test.ln_p_approx = null.ln_p_approx(test.statistic);
    test.ln_e = Some(null.ln_e(test.statistic, scale));
    test.coefficients = Some(null.coefficients());
}

/// The effects behind the tests, from their statistics.
fn recompute_audit(report: &mut Report) {
    let Some(audit) = &mut report.audit else { return };
    for effect in &mut audit.effects {
        let is_its = |test: &&TestResult| (&test.name, &test.channel) == (&effect.name, &effect.channel);
        if let Some(test) = report.tests.iter().find(is_its) {
            *effect = ScoreEffect::of(test, effect.positions);
        }
    }
}

/// Says what in an audit cannot stand beside the rest of the report: a test that the origin does not make, a default that is
/// not the first of its order, effects of other tests, digests and shares that are none.
fn impossible_audit(report: &Report, audit: &AuditResult, found: &mut Vec<Discrepancy>) {
    let mut say = |field: String, stated: String, recomputed: &str| {
        found.push(Discrepancy { field, stated, recomputed: recomputed.into() });
    };
    let names: Vec<TestName> = report.tests.iter().filter_map(|test| test.name.parse().ok()).collect();
    for (at, name) in names.iter().enumerate() {
        let is_possible = match audit.origin {
            Origin::Suspect => *name != TestName::WEIGHTED,
            Origin::KeyFree | Origin::Marked => name.is_open(),
        };
        let is_stoppable = name.statistic() == StatisticName::Count && name.filter() != Filter::Served;
        if !is_possible || (audit.stopped_by_scores && !is_stoppable) {
            let field = format!("tests[{at}].name");
            say(field, name.to_string(), "a test of this origin and this way of asking");
        }
    }
    let first = TestName::DEFAULT_ORDER.into_iter().find(|name| names.contains(name));
    if audit.decided_by == DecidedBy::DefaultOrder
        && first.is_none_or(|name| name.to_string() != audit.decides)
    {
        let first = first.map_or_else(|| "none".into(), |name| name.to_string());
        say(
            "audit.decides".into(),
            audit.decides.clone(),
            &format!("the first of the default order: {first}"),
        );
    }
    if audit.decided_by == DecidedBy::Plan && audit.plan_digest.is_none() {
        say("audit.plan_digest".into(), "null".into(), "that of the plan that named the test");
    }
    let is_digest =
        |text: &String| text.len() == 64 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if let Some(digest) = audit.plan_digest.as_ref().filter(|digest| !is_digest(digest)) {
        say("audit.plan_digest".into(), digest.clone(), "64 lower-case hexadecimal digits");
    }
    for (at, input) in audit.inputs.iter().enumerate().filter(|(_, input)| !is_digest(&input.sha256)) {
        say(format!("audit.inputs[{at}].sha256"), input.sha256.clone(), "64 lower-case hexadecimal digits");
    }
    for (at, effect) in audit.effects.iter().enumerate() {
        let of = |test: &&TestResult| (&test.name, &test.channel) == (&effect.name, &effect.channel);
        let test = report.tests.iter().find(of);
        let name = effect.name.parse::<TestName>().ok();
        let expected = match (test, name) {
            (Some(test), Some(name)) if name.is_count() => Some(test.n),
            (Some(_), Some(name)) if name.is_open() => audit.open.as_ref().map(|open| open.kept),
            (Some(_), Some(TestName::SCORE)) => Some(effect.positions.min(report.corpus.scored)),
            _ => None,
        };
        if expected != Some(effect.positions) {
            let expected = expected.map_or_else(|| "no such effect".into(), |n| n.to_string());
            say(format!("audit.effects[{at}].positions"), effect.positions.to_string(), &expected);
        }
    }
    let is_share = |share: &f64| (-1e-9..=1.0 + 1e-9).contains(share);
    if let Some(open) = &audit.open {
        let masses = [Some(open.mean_listed_mass), open.reference_listed_mass];
        if !masses.iter().flatten().all(is_share) || open.kept > open.positions {
            say("audit.open".into(), format!("{open:?}"), "parts of the positions and of a mass of 1");
        }
    }
    let shares: f64 = audit.references.iter().map(|reference| reference.share).sum();
    let are_shares = audit.references.iter().all(|reference| is_share(&reference.share));
    let is_whole = are_shares && (shares - 1.0).abs() < 1e-6;
    if !audit.references.is_empty() && !is_whole {
        say("audit.references[].share".into(), shares.to_string(), "shares that sum to 1");
    }
}

/// Says which documents state a sum that no text can have.
fn impossible_documents(report: &Report, found: &mut Vec<Discrepancy>) {
    let Some(law) = report.tests.first().and_then(|test| parse_law(&test.law)) else { return };
    for (at, document) in report.documents.iter().flatten().enumerate() {
        if !Null::new(law, document.scored).is_possible(document.statistic) {
            let (field, stated) = (format!("documents[{at}].statistic"), document.statistic.to_string());
            found.push(Discrepancy { field, stated, recomputed: IMPOSSIBLE.into() });
        }
        for (number, span) in document.spans.iter().flatten().enumerate() {
            let places = [span.start, span.end, span.window_start, span.window_end];
            let is_place = |start: u64, end: u64| start < end && end <= document.tokens;
            if !is_place(span.start, span.end) || !is_place(span.window_start, span.window_end) {
                let field = format!("documents[{at}].spans[{number}]");
                let recomputed = format!("places in a document of {} tokens", document.tokens);
                found.push(Discrepancy { field, stated: format!("{places:?}"), recomputed });
            }
            if hypotheses(document.scored as usize, span.n as usize) == 0 {
                let field = format!("documents[{at}].spans[{number}].n");
                let recomputed = "the inputs of some window of the scan".into();
                found.push(Discrepancy { field, stated: span.n.to_string(), recomputed });
            }
            if !Null::new(law, span.n).is_possible(span.statistic) {
                let field = format!("documents[{at}].spans[{number}].statistic");
                let stated = span.statistic.to_string();
                found.push(Discrepancy { field, stated, recomputed: IMPOSSIBLE.into() });
            }
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

fn recompute_power(report: &mut Report, runs: NonZeroU64) {
    let ln_alpha = level(report.alpha, &report.tests, runs.get());
    if let Some(law) = report.tests.first().and_then(|test| parse_law(&test.law)) {
        report.power.detectable_effect = detectable_effect(law, &report.tests, ln_alpha);
    }
    report.power.at_power = AT_POWER;
}

fn recompute_effect(report: &mut Report) {
    let Some(law) = report.tests.first().and_then(|test| parse_law(&test.law)) else { return };
    let pooled = pooled(report);
    let Some(effect) = &mut report.effect else { return };
    effect.level = EFFECT_LEVEL;
    if let Some((_, statistic)) = pooled {
        effect.statistic = statistic;
        effect.n = report.corpus.distinct;
    }
    if let Some(interval) = EffectInterval::exact(law, effect.n, effect.statistic, effect.level) {
        effect.excess = interval.excess.estimate;
        effect.low = interval.excess.low;
        effect.high = interval.excess.high;
    }
}

fn recompute_documents(report: &mut Report, runs: NonZeroU64) {
    let Some(law) = report.tests.first().and_then(|test| parse_law(&test.law)) else { return };
    let Some(documents) = &mut report.documents else { return };
    for document in documents.iter_mut() {
        let null = Null::new(law, document.scored);
        document.z = null.z(document.statistic);
        document.ln_p = null.p_value(document.statistic).ln();
        for span in document.spans.iter_mut().flatten() {
            let null = Null::new(law, span.n);
            span.ln_p = null.p_value(span.statistic).ln();
        }
    }
    adjust_documents(documents, report.alpha, runs);
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

/// Mean, spread, distance and rank of the decoys, from their own numbers.
fn recompute_calibration(report: &mut Report) {
    let none = Plots::default();
    let plots = report.plots.as_ref().unwrap_or(&none);
    let distance = |p: &[f64]| (!p.is_empty()).then(|| distance_from_uniform(p));
    let of_z = mean_and_sd(&plots.decoy_z);
    let calibration = &mut report.calibration;
    calibration.decoys = plots.decoy_z.len() as u64;
    calibration.decoy_mean_z = of_z.map(|(mean, _)| mean);
    calibration.decoy_sd_z = of_z.map(|(_, sd)| sd);
    calibration.decoy_ks = distance(&plots.decoy_p);
    calibration.decoy_weighted_ks = distance(&plots.decoy_weighted_p);
    calibration.rank = plots.observed_z.map(|observed| rank(&plots.decoy_z, observed));
}

/// Where the curve of evidence ends: at what all inputs say together.
fn recompute_growth(report: &mut Report) {
    let pooled = pooled(report);
    let end = report.plots.as_mut().and_then(|plots| plots.growth.last_mut());
    if let (Some((null, statistic)), Some(end)) = (pooled, end) {
        *end = (report.corpus.distinct, null.ln_e(statistic));
    }
}

/// The z observed on the decoys' inputs, where those are all there are.
fn recompute_observed_z(report: &mut Report) {
    let pooled = pooled(report);
    if let (Some((null, statistic)), Some(plots)) = (pooled, &mut report.plots)
        && plots.observed_z.is_some()
        && report.calibration.decoy_inputs == report.corpus.distinct
    {
        plots.observed_z = null.z(statistic);
    }
}

/// The null and the statistic over all channels, which the decoys stand beside.
fn pooled(report: &Report) -> Option<(Null, f64)> {
    let tests = || report.tests.iter().filter(|test| test.name == "count");
    let law = parse_law(&tests().next()?.law)?;
    let n = tests().fold(0, |sum: u64, test| sum.saturating_add(test.n));
    Some((Null::new(law, n), tests().map(|test| test.statistic).sum()))
}

/// What the decoys say; without any nothing speaks against it.
fn has_passed(report: &Report) -> bool {
    report.plots.as_ref().is_none_or(|plots| SelfCheck::new(&plots.decoy_p).is_passed())
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
