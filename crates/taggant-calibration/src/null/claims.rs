//! The claims of the calibration, each with what was found.

use super::cell::Counts;
use super::interval::{ALPHAS, LEAST_SMALLEST, MISSED, Share, most_outside};

/// Claims in the order of the summary.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    lines: Vec<String>,
    broken: Vec<String>,
}

impl Claims {
    /// Adds a claim: what it says, what was found and what is allowed.
    pub(crate) fn add(&mut self, what: &str, found: &str, allowed: &str, holds: bool) {
        let verdict = if holds { "yes" } else { "**no**" };
        self.lines.push(format!("| {what} | {found} | {allowed} | {verdict} |"));
        if !holds {
            self.broken.push(format!("{what}: {found}, allowed {allowed}"));
        }
    }

    /// Of so many counts, no more may be off than chance makes.
    pub(crate) fn outside(&mut self, what: &str, off: impl ExactSizeIterator<Item = bool>) {
        let cells = off.len() as u64;
        let found = off.filter(|&is_off| is_off).count() as u64;
        let most = most_outside(cells);
        self.add(what, &format!("{found} of {cells}"), &format!("at most {most}"), found <= most);
    }

    /// Shares at each alpha, and the smallest p: `cells` says what is counted in a claim about the p-values `of`.
    pub(crate) fn shares(&mut self, of: &str, cells: &str, found: &[&Counts], is_off: fn(Share) -> bool) {
        for (at, alpha) in ALPHAS.iter().enumerate() {
            let what = format!("{of}: {cells}, p <= {alpha:.0e}");
            self.outside(&what, found.iter().map(|cell| is_off(cell.shares[at])));
        }
        let n: u64 = found.iter().map(|cell| cell.n).sum();
        let smallest = found.iter().map(|cell| cell.ln_smallest).fold(0.0, f64::min);
        let product = (smallest + (n as f64).ln()).exp();
        self.add(
            &format!("{of}: the smallest p times their number, {n}"),
            &if product < 0.01 { format!("{product:.1e}") } else { format!("{product:.2}") },
            &format!("at least {LEAST_SMALLEST:.0e}"),
            product >= LEAST_SMALLEST,
        );
    }

    /// p-values of goodness of fit: as many below [`MISSED`] as chance makes.
    pub(crate) fn fits(&mut self, what: &str, p: impl ExactSizeIterator<Item = f64>) {
        self.outside(&format!("{what} not uniform, KS p <= {MISSED:.0e}"), p.map(|p| p <= MISSED));
    }

    pub(crate) fn print(&self) {
        println!("| claim | found | allowed | holds |");
        println!("|---|---|---|---|");
        self.lines.iter().for_each(|line| println!("{line}"));
    }

    /// The claims that do not hold.
    pub(crate) fn into_broken(self) -> Vec<String> {
        self.broken
    }
}
