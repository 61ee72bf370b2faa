//! The slow measurements behind `docs/`: what share of unmarked text each test accuses, and what it finds of marked
//! text. Run them by `cargo xtask calibrate [NAME]`; each prints a Markdown table and fails when a bound is broken.

mod audit_null;
mod effect;
mod forgery;
mod null;
mod radioactivity;
mod sequential;
mod spans;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// A measurement: its name, and what runs it.
type Measurement = (&'static str, fn(&[String]) -> Result<()>);

/// In the order in which a run without a name takes them.
const MEASUREMENTS: &[Measurement] = &[
    ("null", null::run),
    ("audit", audit_null::run),
    ("sequential", sequential::run),
    ("spans", spans::run),
    ("effect", effect::run),
    ("forgery", forgery::run),
    ("radioactivity", radioactivity::run),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("calibrate: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let Some(name) = args.first() else {
        return MEASUREMENTS.iter().try_for_each(|(_, measure)| measure(&[]));
    };
    match MEASUREMENTS.iter().find(|(known, _)| known == name) {
        Some((_, measure)) => measure(&args[1..]),
        None => {
            let known: Vec<&str> = MEASUREMENTS.iter().map(|(known, _)| *known).collect();
            bail!("no measurement {name:?}; expected one of {}", known.join(", "))
        }
    }
}
