//! What an audit adds to a rendering.

use crate::audit_result::{AuditResult, Origin, ScoreEffect};
use crate::decoys::mean_and_sd;
use crate::ln_p::LnP;
use crate::report::{Report, TestResult, Verdict};

/// The verdict of an audit in words.
pub(super) fn sentence(verdict: Verdict, audit: &AuditResult, numbers: &str) -> String {
    let learned = match audit.origin {
        Origin::Suspect => "what the suspect wrote",
        Origin::KeyFree | Origin::Marked => "what the suspect expects",
    };
    match verdict {
        Verdict::Evidence => {
            format!("{learned} is consistent with training on text that carries this key's mark ({numbers})")
        }
        Verdict::NoEvidence => {
            format!("no evidence in {learned} of training on text that carries this key's mark ({numbers})")
        }
        Verdict::Inconclusive => {
            format!("neither evidence of training on marked text nor its absence in {learned} ({numbers})")
        }
        Verdict::Invalid => format!("a self-check failed; do not rely on these numbers ({numbers})"),
    }
}

/// ` centred by NAME` for a test that a reference centres.
pub(super) fn centred_by(report: &Report, test: &TestResult) -> String {
    let is_centred = test.name.starts_with("score") || test.name == "open-paired";
    let references = report.audit.as_ref().map_or(&[][..], |audit| &audit.references);
    let used: Vec<&str> = references.iter().filter(|it| it.share > 0.0).map(|it| &it.name[..]).collect();
    if is_centred && !used.is_empty() { format!(" centred by {}", used.join(" + ")) } else { String::new() }
}

/// The tables of an audit: its references, its effects, its controls.
pub(super) fn tables(report: &Report) -> Vec<Vec<Vec<String>>> {
    let Some(audit) = &report.audit else { return Vec::new() };
    let tables = [reference_rows(audit), effect_rows(audit), control_rows(audit)];
    tables.into_iter().filter(|rows| rows.len() > 1).collect()
}

pub(super) fn reference_rows(audit: &AuditResult) -> Vec<Vec<String>> {
    let header = ["reference", "kind", "tokens", "perplexity", "positions", "share", "p of its own mark"];
    let row = |reference: &crate::audit_result::ReferenceResult| {
        vec![
            reference.name.clone(),
            reference.kind.as_str().into(),
            reference.fitted_tokens.map_or_else(|| "-".into(), |n| n.to_string()),
            format!("{:.1}", (-reference.mean_ln_likelihood).exp()),
            reference.positions.to_string(),
            format!("{:.0} %", reference.share * 100.0),
            reference.mark_ln_p.map_or_else(|| "-".into(), |ln_p| LnP::from_ln(ln_p).to_string()),
        ]
    };
    with_header(&header, audit.references.iter().map(row))
}

pub(super) fn effect_rows(audit: &AuditResult) -> Vec<Vec<String>> {
    let level = audit.effects.first().map_or(0.95, |effect| effect.level);
    let interval = format!("{} % interval", level * 100.0);
    let header = ["effect of", "channel", "positions", "excess each", &interval];
    let row = |effect: &ScoreEffect| {
        vec![
            effect.name.clone(),
            effect.channel.clone(),
            effect.positions.to_string(),
            format!("{:+.5}", effect.excess),
            format!("{:+.5} to {:+.5}", effect.low, effect.high),
        ]
    };
    with_header(&header, audit.effects.iter().map(row))
}

pub(super) fn control_rows(audit: &AuditResult) -> Vec<Vec<String>> {
    let header = ["control", "tokens", "test", "channel", "n", "z", "p"];
    let rows = audit.controls.iter().flat_map(|control| {
        control.tests.iter().map(move |test| {
            vec![
                control.name.clone(),
                control.tokens.to_string(),
                test.name.clone(),
                test.channel.clone(),
                test.n.to_string(),
                test.z.map_or_else(|| "-".into(), |z| format!("{z:.2}")),
                LnP::from_ln(test.ln_p).to_string(),
            ]
        })
    });
    with_header(&header, rows)
}

/// What an audit says in sentences.
pub(super) fn sentences(report: &Report) -> Vec<String> {
    let Some(audit) = &report.audit else { return Vec::new() };
    let by = match audit.decided_by {
        crate::audit_result::DecidedBy::Plan => "the plan",
        crate::audit_result::DecidedBy::Flag => "a flag",
        crate::audit_result::DecidedBy::DefaultOrder => "the default order",
    };
    let mut sentences = vec![format!(
        "the verdict rests on {} alone, named by {by}; the other tests are shown beside it and adjusted for nothing",
        audit.decides
    )];
    if let Some(prompts) = audit.prompts {
        sentences.push(format!(
            "prompts: {} rows with one, {} without; {} distinct contexts of prompts count in no answer, token for token",
            prompts.prompts, prompts.without, prompts.contexts
        ));
    }
    if let Some(open) = &audit.open {
        let of_reference = open
            .reference_listed_mass
            .map_or_else(String::new, |mass| format!(", of the reference's {:.1} %", mass * 100.0));
        sentences.push(format!(
            "log-probs: {} positions, {} count, {} repeated; the lists hold {:.1} % of the suspect's probability{of_reference}",
            open.positions,
            open.kept,
            open.repeated,
            open.mean_listed_mass * 100.0
        ));
    }
    let plots = report.plots.as_ref();
    if let Some((plots, observed)) = plots.and_then(|plots| Some((plots, plots.weighted_observed_z?)))
        && let Some((mean, sd)) = mean_and_sd(&plots.decoy_weighted_z)
    {
        sentences.push(format!(
            "under {} fresh secrets the linear statistic has mean z {mean:+.2}, sd {sd:.2} on its heaviest inputs; there the \
             observed z is {observed:.2}",
            plots.decoy_weighted_z.len()
        ));
    }
    sentences.push(format!("either: {}", audit.propositions.learned));
    sentences.push(format!("or: {}", audit.propositions.not_learned));
    if let Some(digest) = &audit.plan_digest {
        sentences.push(format!("plan: sha256:{digest}"));
    }
    sentences
}

fn with_header(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    let header = header.iter().map(|cell| (*cell).to_owned()).collect();
    std::iter::once(header).chain(rows).collect()
}
