//! The report as one HTML page: no network, plots as inline SVG, and one script of its own that sorts a table.

use askama::Template;

use super::cohorts::CohortPlot;
use super::plot::{Bars, Growth, Histogram, bars, growth, histogram};
use super::table::{
    alpha, calibration_sentence, columns_sentence, document_rows, documents, effect_sentence, power_sentence,
    sentence, span_numbers, span_place, student_rows, test_rows, without_controls,
};
use crate::report::{Excerpt, Report};

/// The report as HTML.
///
/// # Panics
/// Never: the template writes to memory.
#[must_use]
pub fn html(report: &Report) -> String {
    let page = Page {
        report,
        alpha: alpha(report),
        n_documents: documents(report.corpus.documents),
        sentence: sentence(report),
        calibration: calibration_sentence(report),
        power: power_sentence(report),
        dropped: report.corpus.dropped.iter().map(|(reason, n)| format!("{n} {reason}")).collect(),
        tests: test_rows(report),
        students: report.students.as_deref().map(student_rows),
        documents: report.documents.as_ref().map(|_| sortable_documents(report)),
        spans: spans(report),
        columns: columns_sentence(report),
        effect: effect_sentence(report),
        audit_tables: super::audit::tables(report),
        audit: super::audit::sentences(report),
        cohorts: report.cohorts.as_ref().map(super::cohorts::rows),
        cohort_sentences: super::cohorts::sentences(report),
        cohort_plot: report.cohorts.as_ref().and_then(super::cohorts::plot),
        bars: bars(report),
        histogram: histogram(report),
        growth: growth(report),
    };
    let text = page.render().expect("a template writes to memory");
    // A report from elsewhere must not turn or end a line of the page's own.
    let lines: Vec<String> = text.lines().map(without_controls).collect();
    lines.join("\n") + "\n"
}

/// A span as the page shows it.
struct ShownSpan<'a> {
    document: &'a str,
    place: String,
    numbers: String,
    excerpt: Option<&'a Excerpt>,
}

fn spans(report: &Report) -> Vec<ShownSpan<'_>> {
    let of_documents = report.documents.iter().flatten();
    of_documents
        .flat_map(|document| document.spans.iter().flatten().map(move |span| (document, span)))
        .map(|(document, span)| ShownSpan {
            document: &document.id,
            place: span_place(span),
            numbers: span_numbers(span),
            excerpt: span.excerpt.as_ref(),
        })
        .collect()
}

/// A cell, and the number it sorts by.
type SortableCell = (String, Option<f64>);

/// The documents' rows, each cell with the number it sorts by where its text would sort wrongly.
fn sortable_documents(report: &Report) -> Vec<Vec<SortableCell>> {
    let documents = report.documents.as_deref().unwrap_or_default();
    let mut rows: Vec<Vec<SortableCell>> = document_rows(documents)
        .into_iter()
        .map(|row| row.into_iter().map(|cell| (cell, None)).collect())
        .collect();
    for (row, document) in rows.iter_mut().skip(1).zip(documents) {
        let numbers = [
            None,
            Some(document.tokens as f64),
            Some(document.scored as f64),
            Some(document.statistic),
            Some(document.z.unwrap_or(f64::MIN)),
            Some(document.ln_p),
            Some(document.ln_p_adjusted),
        ];
        for (cell, number) in row.iter_mut().zip(numbers) {
            cell.1 = number;
        }
    }
    rows
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    alpha: String,
    n_documents: String,
    sentence: String,
    calibration: String,
    power: String,
    dropped: Vec<String>,
    tests: Vec<Vec<String>>,
    students: Option<Vec<Vec<String>>>,
    documents: Option<Vec<Vec<SortableCell>>>,
    spans: Vec<ShownSpan<'a>>,
    columns: Option<String>,
    effect: Option<String>,
    audit_tables: Vec<Vec<Vec<String>>>,
    audit: Vec<String>,
    cohorts: Option<Vec<Vec<String>>>,
    cohort_sentences: Vec<String>,
    cohort_plot: Option<CohortPlot>,
    bars: Bars,
    histogram: Option<Histogram>,
    growth: Option<Growth>,
}
