//! Reports: what the other side of a dispute hands over to be checked and shown.

use taggant_verify::{Report, check, render};

/// Reads a report; one that is accepted can be checked, rendered and written again.
pub fn report(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(report) = Report::from_json(text) else { return };
    let _ = check::check(&report);
    let _ = render::table(&report);
    let _ = render::markdown(&report);
    let _ = render::html(&report);
    let written = report.to_json();
    Report::from_json(&written).expect("what was written can be read");
}
