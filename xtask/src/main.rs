//! `cargo xtask`: one command for everything that is checked, and one for each slow measurement.

use std::env;
use std::process::ExitCode;

mod arrows;
mod calibrate;
mod check;
mod error_rates;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let result = match args.first().map(String::as_str) {
        Some("check") => check::run(&args[1..]),
        Some("arrows") => arrows::run(),
        Some("calibrate") => calibrate::run(&args[1..]),
        Some("radioactivity") => calibrate::run(&[&["radioactivity".to_owned()], &args[1..]].concat()),
        Some("error-rates") => error_rates::run(&args[1..]),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

const USAGE: &str = "\
cargo xtask check [--no-tests]          format, clippy, docs, dependency arrows, fuzz bodies, tests
cargo xtask arrows                      the dependency arrows alone
cargo xtask calibrate [NAME [ARG...]]   the slow measurements of taggant-calibration, one or all
cargo xtask radioactivity [PART ...]    what of marked training text is visible when: margin, reach, grid, or all
cargo xtask error-rates [FROM [TO]]     the demo over seeds FROM to TO (1 to 20): power, and the null's uniformity";
