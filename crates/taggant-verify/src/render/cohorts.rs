//! What cohorts add to a rendering.

use super::plot::{PLOT_HEIGHT, PLOT_WIDTH, Tick, short, steps, tenths};
use crate::cohort_result::{CohortEntry, CohortResult};
use crate::ln_p::LnP;
use crate::report::Report;

/// A header row and one row for each cohort. Amounts have a column where some cohort has one.
pub(super) fn rows(result: &CohortResult) -> Vec<Vec<String>> {
    let has =
        |amount: fn(&CohortEntry) -> Option<f64>| result.cohorts.iter().any(|entry| amount(entry).is_some());
    let (has_exposure, has_volume) = (has(|entry| entry.exposure), has(|entry| entry.volume));
    let cells = |is_shown: bool, cell: String| is_shown.then_some(cell);
    let row = |first: [String; 3], exposure: String, volume: String, last: [String; 5]| -> Vec<String> {
        let amounts = [cells(has_exposure, exposure), cells(has_volume, volume)];
        first.into_iter().chain(amounts.into_iter().flatten()).chain(last).collect()
    };
    let header = row(
        ["cohort", "key id", "flagged"].map(String::from),
        "exposure".into(),
        "volume".into(),
        ["z", "centred z", "p", "adjusted p", "self-check"].map(String::from),
    );
    let entry = |entry: &CohortEntry| {
        row(
            [entry.name.clone(), entry.key_id.clone(), yes_or_no(entry.flagged)],
            entry.exposure.map_or_else(|| "-".into(), amount),
            entry.volume.map_or_else(|| "-".into(), amount),
            [
                format!("{:.2}", entry.z),
                format!("{:.2}", entry.centred_z),
                LnP::from_ln(entry.ln_p).to_string(),
                LnP::from_ln(entry.ln_p_adjusted).to_string(),
                if entry.self_check_passed { "passed" } else { "failed" }.into(),
            ],
        )
    };
    std::iter::once(header).chain(result.cohorts.iter().map(entry)).collect()
}

/// What cohorts say in sentences, the verdict first.
pub(super) fn sentences(report: &Report) -> Vec<String> {
    let Some(result) = &report.cohorts else { return Vec::new() };
    // A report from elsewhere may state any number.
    let p = |p: f64| LnP::from_ln(p.clamp(f64::MIN_POSITIVE, 1.0).ln()).to_string();
    let drawn = if result.exact { "" } else { ", drawn from all there are" };
    let by_volume = result.cohorts.iter().any(|entry| entry.volume.is_some());
    let unit = if by_volume { "sd per unit of volume" } else { "sd between flagged cohorts and others" };
    let exposed = result.cohorts.iter().any(|entry| entry.exposure.is_some());
    let centred = if exposed { ", less what exposure explains" } else { "" };
    vec![
        format!("cohort verdict: {}: {}", result.verdict.as_str(), result.meaning),
        format!(
            "contrast: {:+.3} {unit}{centred}; permutation p = {} (level {}), floor 1 in {} arrangements{drawn} = {}",
            result.contrast,
            p(result.permutation_p),
            amount(result.level),
            result.arrangements,
            p(result.floor)
        ),
        format!(
            "keys: each of {} at alpha after Holm over all of them; the verdict of the report itself is about key id {} alone",
            result.cohorts.len(),
            report.key_id
        ),
    ]
}

/// z by cohort.
#[derive(Debug)]
pub(super) struct CohortPlot {
    pub(super) bars: Vec<CohortBar>,
    pub(super) ticks: Vec<Tick>,
    pub(super) zero_y: f64,
}

#[derive(Debug)]
pub(super) struct CohortBar {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) class: &'static str,
    pub(super) label: String,
}

/// A bar for each cohort, up to its z or down to it.
pub(super) fn plot(result: &CohortResult) -> Option<CohortPlot> {
    let z = || result.cohorts.iter().map(|entry| entry.z);
    let (low, high) = (z().fold(-1.0, f64::min), z().fold(3.0, f64::max) * 1.05);
    if result.cohorts.is_empty() || !(high - low).is_finite() {
        return None;
    }
    let step = PLOT_WIDTH / result.cohorts.len() as f64;
    let y = |z: f64| tenths((high - z) / (high - low) * PLOT_HEIGHT);
    let bar = |(at, entry): (usize, &CohortEntry)| CohortBar {
        x: tenths(at as f64 * step),
        y: y(entry.z.max(0.0)),
        width: tenths((step * 0.8).clamp(0.6, 40.0)),
        height: (y(entry.z.min(0.0)) - y(entry.z.max(0.0))).max(0.8),
        class: if entry.flagged { "flagged" } else { "plain" },
        label: format!("{}: z = {:.2}", entry.name, entry.z),
    };
    let ticks = steps(low, high, 6).into_iter().map(|z| Tick { at: y(z), label: short(z) });
    Some(CohortPlot {
        bars: result.cohorts.iter().enumerate().map(bar).collect(),
        ticks: ticks.collect(),
        zero_y: y(0.0),
    })
}

fn yes_or_no(is: bool) -> String {
    if is { "yes" } else { "no" }.into()
}

/// A number as people write it: `1e-6`, `0.05`, `1200000`.
fn amount(x: f64) -> String {
    if x != 0.0 && x.abs() < 1e-3 { format!("{x:e}") } else { x.to_string() }
}
