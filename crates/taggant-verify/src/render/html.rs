//! The report as one HTML page: no network, no script, plots as inline SVG.

use askama::Template;

use super::plot::{Bars, Growth, Histogram, bars, growth, histogram};
use super::table::{
    alpha, calibration_sentence, document_rows, documents, power_sentence, sentence, student_rows, test_rows,
    without_controls,
};
use crate::report::Report;

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
        documents: report.documents.as_deref().map(document_rows),
        bars: bars(report),
        histogram: histogram(report),
        growth: growth(report),
    };
    let text = page.render().expect("a template writes to memory");
    // A report from elsewhere must not turn or end a line of the page's own.
    let lines: Vec<String> = text.lines().map(without_controls).collect();
    lines.join("\n") + "\n"
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
    documents: Option<Vec<Vec<String>>>,
    bars: Bars,
    histogram: Option<Histogram>,
    growth: Option<Growth>,
}
