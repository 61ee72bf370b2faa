//! The plots of the HTML page, as inline SVG with the geometry worked out here and the drawing in the template.

use crate::ln_p::LnP;
use crate::report::{Report, Student};

/// A horizontal bar for each p-value, on a scale of -log10 p.
#[derive(Debug)]
pub(super) struct Bars {
    pub(super) height: f64,
    pub(super) alpha_x: f64,
    pub(super) rows: Vec<Bar>,
    pub(super) ticks: Vec<Tick>,
}

#[derive(Debug)]
pub(super) struct Bar {
    pub(super) y: f64,
    pub(super) label: String,
    pub(super) width: f64,
    pub(super) value: String,
    pub(super) class: &'static str,
}

/// A labelled position on an axis.
#[derive(Debug)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// The z under other keys as a histogram, with the observed z.
#[derive(Debug)]
pub(super) struct Histogram {
    pub(super) columns: Vec<Column>,
    /// The decoys as a line of steps over the simulated keys, at their scale; empty where the decoys make the columns.
    pub(super) over: String,
    pub(super) ticks: Vec<Tick>,
    pub(super) observed_x: f64,
    pub(super) observed_label: String,
    pub(super) label_on_left: bool,
    pub(super) normal: String,
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) label: String,
}

/// Evidence along the tokens drawn.
#[derive(Debug)]
pub(super) struct Growth {
    pub(super) lines: Vec<Line>,
    pub(super) x_ticks: Vec<Tick>,
    pub(super) y_ticks: Vec<Tick>,
    pub(super) alpha_y: f64,
    /// Whether every curve ends far above alpha, so that its label has room there and none at the start.
    pub(super) is_label_at_end: bool,
    pub(super) zero_y: f64,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) points: String,
    pub(super) label: String,
    pub(super) end_y: f64,
    pub(super) class: String,
}

impl Bars {
    /// Whether some bar is of served contexts.
    pub(super) fn has_served(&self) -> bool {
        self.rows.iter().any(|bar| bar.class == "served")
    }
}

pub(super) fn bars(report: &Report) -> Bars {
    let mut values: Vec<(String, f64, &'static str)> = Vec::new();
    match &report.students {
        Some(students) => {
            for student in students {
                values.push((student_label(student), student.ln_p, "plain"));
                values.push((String::new(), student.ln_p_filtered, "served"));
            }
        }
        None => {
            for test in &report.tests {
                let class = if test.name.ends_with("-served") { "served" } else { "plain" };
                values.push((format!("{} ({})", test.name, test.channel), test.ln_p, class));
            }
        }
    }
    let minus_log10 = |ln_p: f64| -LnP::from_ln(ln_p).log10() + 0.0;
    let alpha = -report.alpha.log10();
    let largest = values.iter().map(|(_, ln_p, _)| minus_log10(*ln_p)).fold(alpha * 1.5, f64::max);
    let scale = |value: f64| tenths(value / largest * BAR_SPAN);
    let mut y = 0.0;
    let mut rows = Vec::new();
    for (label, ln_p, class) in values {
        // The second bar of a pair stands close under the first.
        y += if label.is_empty() { 18.0 } else { 26.0 };
        rows.push(Bar {
            y: y - 18.0,
            label,
            width: scale(minus_log10(ln_p)).max(1.0),
            value: format!("p = {}", LnP::from_ln(ln_p)),
            class,
        });
    }
    let ticks =
        steps(0.0, largest, 6).into_iter().map(|value| Tick { at: scale(value), label: short(value) });
    Bars { height: y + 8.0, alpha_x: scale(alpha), rows, ticks: ticks.collect() }
}

pub(super) fn histogram(report: &Report) -> Option<Histogram> {
    let plots = report.plots.as_ref()?;
    let binned = |z: &[f64]| z.iter().map(|z| ((z / BIN).floor() * BIN, 1)).collect::<Vec<(f64, u64)>>();
    // Of an audit the statistic is the one that its verdict rests on, where that has a panel.
    let is_linear = report.audit.is_some() && report.deciding().any(|test| test.coefficients.is_some());
    let (main, over, observed) = match plots.weighted_observed_z {
        Some(observed) if is_linear => (binned(&plots.decoy_weighted_z), Vec::new(), observed),
        _ => {
            let observed =
                plots.column_observed_z.filter(|_| !plots.column_z.is_empty()).or(plots.observed_z)?;
            // Simulated keys are many: they make the columns where there are any, and the decoys a line over them.
            let decoys = binned(&plots.decoy_z);
            match plots.column_z.is_empty() {
                true => (decoys, Vec::new(), observed),
                false => (plots.column_z.clone(), decoys, observed),
            }
        }
    };
    if main.is_empty() {
        return None;
    }
    let starts = || main.iter().chain(&over).map(|bin| bin.0);
    let largest = starts().map(|start| start + BIN).fold(observed, f64::max).max(3.5);
    let smallest = starts().fold(observed, f64::min).min(-3.5);
    let (low, high) = (smallest.floor(), (largest + 0.5).ceil());
    let x = |z: f64| tenths((z - low) / (high - low) * PLOT_WIDTH);
    // A z of thousands must not make thousands of columns.
    // Wider bins hold whole ones of the report's, or some would swallow one more than others.
    let bin = BIN * ((high - low) / MOST_BINS / BIN).ceil().max(1.0);
    let n_bins = ((high - low) / bin).ceil() as usize;
    if !(high - low).is_finite() || n_bins == 0 {
        return None;
    }
    let binned = |values: &[(f64, u64)]| -> Vec<f64> {
        let mut counts = vec![0.0; n_bins];
        for &(start, count) in values {
            let at = ((start + BIN / 2.0 - low) / bin) as usize;
            counts[at.min(n_bins - 1)] += count as f64;
        }
        counts
    };
    let total = |values: &[(f64, u64)]| values.iter().map(|bin| bin.1 as f64).sum::<f64>();
    let counts = binned(&main);
    let n = total(&main);
    let scale = n / total(&over).max(1.0);
    let over: Vec<f64> = binned(&over).iter().map(|count| count * scale).collect();
    let peak_normal = n * bin / (2.0 * std::f64::consts::PI).sqrt();
    let tallest = counts.iter().chain(&over).copied().fold(peak_normal, f64::max) * 1.08;
    let height = |count: f64| tenths(count / tallest * PLOT_HEIGHT);
    let start_of = |at: usize| low + at as f64 * bin;
    let columns = counts.iter().enumerate().filter(|(_, count)| **count > 0.0).map(|(at, &count)| Column {
        x: x(start_of(at)),
        y: tenths(PLOT_HEIGHT - height(count)),
        width: tenths((x(start_of(at) + bin) - x(start_of(at)) - 1.0).max(0.8)),
        height: height(count),
        label: format!("{count} with z from {:.2} to {:.2}", start_of(at), start_of(at) + bin),
    });
    let mut steps_over = String::new();
    if scale.is_finite() && over.iter().any(|count| *count > 0.0) {
        let (first, last) = ends(&over);
        for (at, count) in over.iter().enumerate().take(last + 1).skip(first) {
            let y = tenths(PLOT_HEIGHT - height(*count));
            steps_over.push_str(&format!(
                "{:.1},{y:.1} {:.1},{y:.1} ",
                x(start_of(at)),
                x(start_of(at) + bin)
            ));
        }
    }
    let curve = (0..=160).map(|step| -4.0 + f64::from(step) * 0.05).filter(|z| *z >= low && *z <= high);
    let normal = curve.map(|z| {
        let y = PLOT_HEIGHT - height(peak_normal * (-z * z / 2.0).exp());
        format!("{:.1},{y:.1}", x(z))
    });
    Some(Histogram {
        columns: columns.collect(),
        over: steps_over.trim_end().to_owned(),
        ticks: steps(low, high, 8).into_iter().map(|z| Tick { at: x(z), label: short(z) }).collect(),
        observed_x: x(observed),
        observed_label: format!("observed z = {observed:.2}"),
        label_on_left: x(observed) > PLOT_WIDTH * 0.6,
        normal: normal.collect::<Vec<_>>().join(" "),
    })
}

/// The first and the last place with something in it.
fn ends(counts: &[f64]) -> (usize, usize) {
    let is_filled = |count: &f64| *count > 0.0;
    let first = counts.iter().position(is_filled).unwrap_or(0);
    (first, counts.iter().rposition(is_filled).unwrap_or(0))
}

/// A curve of evidence: its name, and (distinct inputs, ln e).
type Curve<'a> = (String, &'a [(u64, f64)]);

pub(super) fn growth(report: &Report) -> Option<Growth> {
    let curves: Vec<Curve<'_>> = match (&report.students, &report.plots) {
        (Some(students), _) => {
            students.iter().map(|student| (student_label(student), &student.growth[..])).collect()
        }
        (None, Some(plots)) => vec![("all contexts".into(), &plots.growth[..])],
        _ => return None,
    };
    let log10_e = |ln_e: f64| ln_e / std::f64::consts::LN_10;
    let points = || curves.iter().flat_map(|(_, points)| points.iter());
    let n_largest = points().map(|point| point.0).max().filter(|n| *n > 0)? as f64;
    let alpha = -report.alpha.log10();
    let high = points().map(|point| log10_e(point.1)).fold(alpha * 1.3, f64::max);
    let low = points().map(|point| log10_e(point.1)).fold(-1.0, f64::min);
    let x = |n: u64| tenths(n as f64 / n_largest * GROWTH_WIDTH);
    let y = |value: f64| tenths((high - value) / (high - low) * GROWTH_HEIGHT);
    let mut lines: Vec<Line> = curves
        .iter()
        .enumerate()
        .map(|(at, (label, points))| Line {
            points: points
                .iter()
                .map(|(n, ln_e)| format!("{:.1},{:.1}", x(*n), y(log10_e(*ln_e))))
                .collect::<Vec<_>>()
                .join(" "),
            label: label.clone(),
            end_y: points.last().map_or(0.0, |point| y(log10_e(point.1))),
            class: format!("student-{at}"),
        })
        .collect();
    spread_labels(&mut lines);
    let in_thousands = n_largest >= 2000.0;
    let x_label = |n: f64| match (n > 0.0, in_thousands) {
        (true, true) => format!("{}k", short(n / 1000.0)),
        _ => short(n),
    };
    Some(Growth {
        lines,
        x_ticks: steps(0.0, n_largest, 6)
            .into_iter()
            .map(|n| Tick { at: x(n as u64), label: x_label(n) })
            .collect(),
        y_ticks: steps(low, high, 6)
            .into_iter()
            .map(|value| Tick { at: y(value), label: short(value) })
            .collect(),
        alpha_y: y(alpha),
        is_label_at_end: curves
            .iter()
            .all(|(_, points)| points.last().is_some_and(|point| log10_e(point.1) > 2.0 * alpha)),
        zero_y: y(0.0),
    })
}

/// Moves labels at the ends of lines apart, top to bottom, so that none covers another.
fn spread_labels(lines: &mut [Line]) {
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by(|&a, &b| lines[a].end_y.total_cmp(&lines[b].end_y));
    // From the bottom up, so that the crowd at zero keeps inside the plot.
    let mut limit = GROWTH_HEIGHT + 4.0;
    for &at in order.iter().rev() {
        lines[at].end_y = lines[at].end_y.min(limit);
        limit = lines[at].end_y - LABEL_HEIGHT;
    }
}

/// A position to a tenth of a unit, which no screen can tell from the exact one.
pub(super) fn tenths(position: f64) -> f64 {
    (position * 10.0).round() / 10.0
}

fn student_label(student: &Student) -> String {
    format!("{} % marked, {} key", student.share * 100.0, student.key)
}

/// Round positions between two ends, about `n` of them.
pub(super) fn steps(low: f64, high: f64, n: usize) -> Vec<f64> {
    let raw = (high - low) / n as f64;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= raw);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|at| at as f64 * step).collect()
}

pub(super) fn short(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    format!("{}", rounded + 0.0)
}

/// Widths and heights in the SVGs' own units.
const BAR_SPAN: f64 = 430.0;
pub(super) const PLOT_WIDTH: f64 = 700.0;
pub(super) const PLOT_HEIGHT: f64 = 190.0;
const GROWTH_WIDTH: f64 = 560.0;
const GROWTH_HEIGHT: f64 = 260.0;
const LABEL_HEIGHT: f64 = 15.0;

/// The width of a bin of z.
const BIN: f64 = 0.25;

/// The most columns of a histogram.
const MOST_BINS: f64 = 400.0;
