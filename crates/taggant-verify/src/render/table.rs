//! Text renderings: aligned columns for a terminal, pipes for Markdown.

use std::fmt::Write;

use crate::ln_p::LnP;
use crate::report::{PKind, Report, SpanResult, TestResult, Verdict};

/// The report as aligned text.
#[must_use]
pub fn table(report: &Report) -> String {
    render(report, Style::Terminal)
}

/// The report as Markdown.
#[must_use]
pub fn markdown(report: &Report) -> String {
    render(report, Style::Markdown)
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Terminal,
    Markdown,
}

fn render(report: &Report, style: Style) -> String {
    let mut text = String::new();
    // A report may come from anyone's file: nothing in it drives the terminal or starts a line of its own.
    let mut line = |content: &str| {
        text.push_str(&without_controls(content));
        text.push('\n');
    };
    if style == Style::Markdown {
        line("# Taggant report");
        line("");
    }
    let bold = if style == Style::Markdown { "**" } else { "" };
    line(&format!("{bold}verdict: {}{bold}", report.verdict.as_str()));
    if style == Style::Markdown {
        line("");
    }
    line(&sentence(report));
    if let Some(cohorts) = &report.cohorts {
        line("");
        line(&format!("{bold}cohort verdict: {}{bold}", cohorts.verdict.as_str()));
    }
    line("");
    let corpus = &report.corpus;
    let dropped: Vec<String> = corpus.dropped.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    line(&format!(
        "{}, {} tokens: {} distinct inputs scored; dropped {}",
        documents(corpus.documents),
        corpus.tokens,
        corpus.distinct,
        dropped.join(", ")
    ));
    line("");
    let students = report.students.as_deref().map(student_rows);
    let documents = report.documents.as_deref().map(document_rows);
    for rows in [Some(test_rows(report)), students, documents].iter().flatten() {
        aligned(style, rows).lines().for_each(&mut line);
        line("");
    }
    let spans = span_rows(report);
    if spans.len() > 1 {
        aligned(style, &spans).lines().for_each(&mut line);
        line("");
    }
    for rows in super::audit::tables(report) {
        aligned(style, &rows).lines().for_each(&mut line);
        line("");
    }
    if let Some(cohorts) = &report.cohorts {
        aligned(style, &super::cohorts::rows(cohorts)).lines().for_each(&mut line);
        line("");
    }
    for sentence in super::audit::sentences(report).iter().chain(&super::cohorts::sentences(report)) {
        line(sentence);
    }
    for sentence in [effect_sentence(report), Some(calibration_sentence(report)), columns_sentence(report)] {
        sentence.iter().for_each(|sentence| line(sentence));
    }
    line(&power_sentence(report));
    for caution in &report.cautions {
        if style == Style::Markdown {
            line("");
        }
        line(&format!("caution: {caution}"));
    }
    line("");
    line(&format!(
        "{}, dialect {}, key id {}, profile {}, alpha {}",
        report.tool,
        report.dialect,
        report.key_id,
        report.profile_digest.get(..16).unwrap_or(&report.profile_digest),
        alpha(report)
    ));
    text
}

/// `1 document`, `2 documents`.
pub(super) fn documents(n: u64) -> String {
    if n == 1 { "1 document".into() } else { format!("{n} documents") }
}

/// The level as people write it: `1e-6`, `0.05`.
pub(super) fn alpha(report: &Report) -> String {
    if report.alpha < 1e-3 { format!("{:e}", report.alpha) } else { report.alpha.to_string() }
}

/// The verdict in words.
pub(super) fn sentence(report: &Report) -> String {
    let deciding = report.deciding().min_by(|a, b| a.ln_p_adjusted.total_cmp(&b.ln_p_adjusted));
    let numbers = deciding.map_or_else(String::new, |test| {
        let reference = super::audit::centred_by(report, test);
        let p = LnP::from_ln(test.ln_p_adjusted);
        let adjusted = if test.hypotheses > 1 { "adjusted " } else { "" };
        format!(
            "{}{reference}: {adjusted}p = {p}, n = {}, hypotheses = {}",
            test.name, test.n, test.hypotheses
        )
    });
    if let Some(audit) = &report.audit {
        return super::audit::sentence(report.verdict, audit, &numbers);
    }
    match report.verdict {
        Verdict::Evidence => format!("consistent with a mark under this key ({numbers})"),
        Verdict::NoEvidence => format!("no evidence of a mark under this key ({numbers})"),
        Verdict::Inconclusive => format!("neither evidence nor its absence ({numbers})"),
        Verdict::Invalid => format!("a self-check failed; do not rely on these numbers ({numbers})"),
    }
}

/// What the decoys say, in words.
pub(super) fn calibration_sentence(report: &Report) -> String {
    let calibration = &report.calibration;
    let (Some(mean), Some(sd), Some(rank)) =
        (calibration.decoy_mean_z, calibration.decoy_sd_z, calibration.rank)
    else {
        return "calibration: no decoys".into();
    };
    format!(
        "calibration: {} decoys on {} inputs, mean z {mean:+.2}, sd {sd:.2}; observed ranks {rank} of {}; repetition would \
         inflate the variance {:.2} times",
        calibration.decoys,
        calibration.decoy_inputs,
        calibration.decoys.saturating_add(1),
        calibration.variance_inflation
    )
}

/// What the simulated keys say, in words.
pub(super) fn columns_sentence(report: &Report) -> Option<String> {
    let panel = report.calibration.columns.as_ref()?;
    Some(format!(
        "simulated: {} keys on {} inputs, mean z {:+.2}, sd {:.2}, largest {:.2}; observed ranks {} of {}",
        panel.columns,
        panel.inputs,
        panel.mean_z,
        panel.sd_z,
        panel.largest_z,
        panel.rank,
        panel.columns.saturating_add(1)
    ))
}

/// How large the excess is, in words.
pub(super) fn effect_sentence(report: &Report) -> Option<String> {
    let effect = report.effect.as_ref()?;
    let bootstrap = effect.bootstrap.map_or_else(String::new, |[low, high]| {
        format!("; bootstrap over documents {low:+.4} to {high:+.4}")
    });
    Some(format!(
        "effect: excess {:+.4} per value, {} % interval {:+.4} to {:+.4} ({}){bootstrap}",
        effect.excess,
        effect.level * 100.0,
        effect.low,
        effect.high,
        effect.model
    ))
}

/// Where a span is, in words.
pub(super) fn span_place(span: &SpanResult) -> String {
    match (span.byte_start, span.byte_end) {
        (Some(start), Some(end)) => {
            format!("tokens {} to {}, bytes {start} to {end}", span.start, span.end)
        }
        _ => format!("tokens {} to {}", span.start, span.end),
    }
}

/// What was measured of a span, in words.
pub(super) fn span_numbers(span: &SpanResult) -> String {
    format!(
        "adjusted p = {}, n = {}, hypotheses = {}",
        LnP::from_ln(span.ln_p_adjusted),
        span.n,
        span.hypotheses
    )
}

/// A header row and one row for each span of each document.
fn span_rows(report: &Report) -> Vec<Vec<String>> {
    let header = ["span of", "tokens", "bytes", "window", "n", "statistic", "p", "adjusted p"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for document in report.documents.iter().flatten() {
        for span in document.spans.iter().flatten() {
            rows.push(vec![
                document.id.clone(),
                format!("{}-{}", span.start, span.end),
                match (span.byte_start, span.byte_end) {
                    (Some(start), Some(end)) => format!("{start}-{end}"),
                    _ => "-".into(),
                },
                format!("{}-{}", span.window_start, span.window_end),
                span.n.to_string(),
                number(span.statistic),
                LnP::from_ln(span.ln_p).to_string(),
                LnP::from_ln(span.ln_p_adjusted).to_string(),
            ]);
        }
    }
    rows
}

/// What could have been seen, in words.
pub(super) fn power_sentence(report: &Report) -> String {
    match report.power.detectable_effect {
        Some(effect) => format!(
            "power: an effect of {effect:.3} sd per value would have been seen with probability {}",
            report.power.at_power
        ),
        None => "power: too few inputs to reach alpha with any effect".into(),
    }
}

/// A header row and one row for each test. A saddlepoint has a column where some test has one.
pub(super) fn test_rows(report: &Report) -> Vec<Vec<String>> {
    let header = ["test", "channel", "n", "statistic", "expected", "z", "p", "adjusted p", "p is", "ln e"];
    let row = |test: &TestResult| {
        vec![
            test.name.clone(),
            test.channel.clone(),
            test.n.to_string(),
            number(test.statistic),
            number(test.null_mean),
            test.z.map_or_else(|| "-".into(), |z| format!("{z:.2}")),
            LnP::from_ln(test.ln_p).to_string(),
            LnP::from_ln(test.ln_p_adjusted).to_string(),
            p_kind(test.p_kind).into(),
            test.ln_e.map_or_else(|| "-".into(), |ln_e| format!("{ln_e:.1}")),
        ]
    };
    let mut rows: Vec<Vec<String>> =
        std::iter::once(header.map(String::from).to_vec()).chain(report.tests.iter().map(row)).collect();
    if report.tests.iter().any(|test| test.ln_p_approx.is_some()) {
        rows[0].push("p approx.".into());
        for (row, test) in rows[1..].iter_mut().zip(&report.tests) {
            let approx = test.ln_p_approx.map(|ln_p| LnP::from_ln(ln_p).to_string());
            row.push(approx.unwrap_or_else(|| "-".into()));
        }
    }
    rows
}

/// A header row and one row for each student.
pub(super) fn student_rows(students: &[crate::report::Student]) -> Vec<Vec<String>> {
    let header = [
        "marked share",
        "key",
        "n",
        "green excess",
        "p",
        "n served",
        "p served",
        "decoys mean / sd",
        "rank",
        "verdict",
    ];
    let row = |student: &crate::report::Student| {
        let decoys = match (student.decoy_mean_z, student.decoy_sd_z) {
            (Some(mean), Some(sd)) => format!("{mean:+.2} / {sd:.2}"),
            _ => "-".into(),
        };
        vec![
            format!("{} %", student.share * 100.0),
            student.key.clone(),
            student.n.to_string(),
            format!("{:+.4}", student.green_excess),
            LnP::from_ln(student.ln_p).to_string(),
            student.n_filtered.to_string(),
            LnP::from_ln(student.ln_p_filtered).to_string(),
            decoys,
            student.rank.map_or_else(|| "-".into(), |rank| rank.to_string()),
            student.verdict.as_str().into(),
        ]
    };
    std::iter::once(header.map(String::from).to_vec()).chain(students.iter().map(row)).collect()
}

/// A header row and one row for each document.
pub(super) fn document_rows(documents: &[crate::report::DocumentResult]) -> Vec<Vec<String>> {
    let header = ["document", "tokens", "scored", "statistic", "z", "p", "adjusted p", "evidence"];
    let row = |document: &crate::report::DocumentResult| {
        vec![
            document.id.clone(),
            document.tokens.to_string(),
            document.scored.to_string(),
            number(document.statistic),
            document.z.map_or_else(|| "-".into(), |z| format!("{z:.2}")),
            LnP::from_ln(document.ln_p).to_string(),
            LnP::from_ln(document.ln_p_adjusted).to_string(),
            if document.evidence { "yes" } else { "no" }.into(),
        ]
    };
    std::iter::once(header.map(String::from).to_vec()).chain(documents.iter().map(row)).collect()
}

pub(super) fn p_kind(kind: PKind) -> &'static str {
    match kind {
        PKind::Exact => "exact",
        PKind::Certified => "certified",
        PKind::Calibrated => "calibrated",
    }
}

/// Whole numbers as such, others with two decimals.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Text whose control characters, and those that turn its direction, are blanks.
pub(super) fn without_controls(text: &str) -> String {
    // U+202A to U+202E and U+2066 to U+2069 turn the direction of what follows.
    let is_unsafe =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect()
}

/// Rows with a header as columns for a terminal, all but the first right-aligned.
#[must_use]
pub fn columns(rows: &[Vec<String>]) -> String {
    aligned(Style::Terminal, rows)
}

/// Rows with a header as columns, all but the first right-aligned.
fn aligned(style: Style, rows: &[Vec<String>]) -> String {
    let clean = |cell: &String| -> String {
        let cell = without_controls(cell);
        match style {
            Style::Markdown => cell.replace('|', "\\|").replace('&', "&amp;").replace('<', "&lt;"),
            Style::Terminal => cell,
        }
    };
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(clean).collect()).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cell = |(at, cell): (usize, &String)| {
            let width = widths[at];
            if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        };
        let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
        let joined = match style {
            Style::Terminal => cells.join("  ").trim_end().to_owned(),
            Style::Markdown => format!("| {} |", cells.join(" | ")),
        };
        writeln!(text, "{joined}").expect("writing to a String cannot fail");
        if number == 0 && style == Style::Markdown {
            let rule: Vec<&str> = (0..row.len()).map(|at| if at == 0 { ":--" } else { "--:" }).collect();
            writeln!(text, "| {} |", rule.join(" | ")).expect("writing to a String cannot fail");
        }
    }
    text
}
