//! `cargo xtask error-rates`: the demo over many seeds. What it finds of marked students is power; what it finds of
//! the unmarked one and of a wrong key is the null, which must be uniform.

use std::f64::consts::LN_10;
use std::fmt::Write;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use taggant_testkit::statistics::ks_uniform;

pub(crate) fn run(args: &[String]) -> Result<()> {
    let number = |at: usize, default: u64| -> Result<u64> {
        args.get(at).map_or(Ok(default), |text| text.parse().with_context(|| format!("{text:?} is no seed")))
    };
    let (from, to) = (number(0, 1)?, number(1, 20)?);
    ensure!(from <= to, "seeds go from {from} to {to}");
    let build = ["build", "--release", "--locked", "--package", "taggant-cli"];
    ensure!(Command::new("cargo").args(build).status()?.success(), "the build failed");

    let folder = std::env::temp_dir().join(format!("taggant-error-rates-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut rows = Vec::new();
    for seed in from..=to {
        rows.push(Row::measure(seed, &folder)?);
        eprintln!("xtask: seed {seed} of {from} to {to}");
    }
    std::fs::remove_dir_all(&folder)?;
    print!("{}{}", table(&rows), stopping(&rows));
    judge(&rows)
}

/// What one seed gave, as log10 p: plain, served.
struct Row {
    seed: u64,
    stop: Stop,
    ten: (f64, f64),
    five: (f64, f64),
    one: (f64, f64),
    control: (f64, f64),
    wrong: (f64, f64),
}

impl Row {
    fn measure(seed: u64, folder: &std::path::Path) -> Result<Self> {
        // The binary by its path: `cargo run` would lock the build folder for as long as it runs.
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let binary = std::path::Path::new(&target).join("release").join("taggant");
        let output = Command::new(&binary)
            .args(["demo", "--format", "json", "--seed", &seed.to_string(), "--out"])
            .arg(folder)
            .output()
            .with_context(|| format!("cannot run {}", binary.display()))?;
        ensure!(output.status.success(), "seed {seed}: {}", String::from_utf8_lossy(&output.stderr).trim());
        let report: Value = serde_json::from_slice(&output.stdout)?;
        let students = report["students"].as_array().context("the demo's report lists students")?;
        let student = |share: f64, key: &str| -> Result<(f64, f64)> {
            let of = |student: &&Value| student["share"].as_f64() == Some(share) && student["key"] == key;
            let found = students.iter().find(of).with_context(|| format!("no student {share} {key}"))?;
            let log10 = |field: &str| found[field].as_f64().map(|ln_p| ln_p / LN_10 + 0.0);
            Ok((log10("ln_p").context("ln_p")?, log10("ln_p_filtered").context("ln_p_filtered")?))
        };
        let stop = Stop::of(&report).context("the report's first student has a curve of evidence")?;
        Ok(Self {
            seed,
            stop,
            ten: student(0.10, "right")?,
            five: student(0.05, "right")?,
            one: student(0.01, "right")?,
            control: student(0.0, "right")?,
            wrong: student(0.10, "wrong")?,
        })
    }

    /// The two p-values that must be uniform: of the control and of the wrong key, on all contexts.
    fn nulls(&self) -> [f64; 2] {
        [10_f64.powf(self.control.0), 10_f64.powf(self.wrong.0)]
    }

    /// The same two on served contexts.
    fn filtered_nulls(&self) -> [f64; 2] {
        [10_f64.powf(self.control.1), 10_f64.powf(self.wrong.1)]
    }
}

/// How many distinct inputs of the 10 % student an e-process reads before it reaches 1/alpha, and how many the exact test needs
/// to reach alpha half of the time, at the excess that this student turned out to have.
struct Stop {
    e_process: Option<f64>,
    exact: f64,
}

impl Stop {
    fn of(report: &Value) -> Option<Self> {
        let student = report["students"].as_array()?.first()?;
        let gamma = report["tests"][0]["null_mean"].as_f64()? / report["tests"][0]["n"].as_f64()?;
        let excess = student["green_excess"].as_f64()?;
        let point = |point: &Value| Some((point[0].as_f64()?, point[1].as_f64()?));
        let points: Vec<(f64, f64)> = student["growth"].as_array()?.iter().filter_map(point).collect();
        let reached = points.iter().find(|(_, ln_e)| *ln_e >= 1e6_f64.ln()).map(|(n, _)| *n);
        // At half the power the critical value is the mean: n excess = z sqrt(n gamma (1 - gamma)).
        Some(Self { e_process: reached, exact: Z_AT_1E_6.powi(2) * gamma * (1.0 - gamma) / excess.powi(2) })
    }
}

/// Says how much later than the exact test the e-process stops on the 10 % students.
fn stopping(rows: &[Row]) -> String {
    let mut ratios: Vec<f64> =
        rows.iter().filter_map(|row| Some(row.stop.e_process? / row.stop.exact)).collect();
    ratios.sort_by(f64::total_cmp);
    let Some(median) = ratios.get(ratios.len() / 2) else { return String::new() };
    format!(
        "\nsequential: {} of {} 10 % students reach e = 10^6, after {median:.2} times the inputs at which the exact test has \
         half the power at 1e-6 (median; {:.2} to {:.2})\n",
        ratios.len(),
        rows.len(),
        ratios[0],
        ratios[ratios.len() - 1]
    )
}

/// The standard normal is above this with a chance of 1e-6.
const Z_AT_1E_6: f64 = 4.753_424;

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| seed | 10 % plain | 10 % served | 5 % plain | 5 % served | 1 % plain | 1 % served | 0 % plain | 0 % served | wrong plain | wrong served |\n\
         |--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let mut line = format!("| {} |", row.seed);
        for (plain, served) in [row.ten, row.five, row.one, row.control, row.wrong] {
            write!(line, " {plain:.1} | {served:.1} |").expect("writing to a String cannot fail");
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Holds the rows against what the project claims.
fn judge(rows: &[Row]) -> Result<()> {
    let largest = |value: fn(&Row) -> f64| rows.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
    let mut failures = Vec::new();
    let mut hold = |what: &str, found: f64, limit: f64| {
        println!("\n{what}: log10 p at most {found:.1}, claimed at most {limit}");
        if found > limit {
            failures.push(what.to_owned());
        }
    };
    hold("10 % student, plain test", largest(|row| row.ten.0), -6.0);
    hold("5 % student, served contexts", largest(|row| row.five.1), -4.0);
    for (what, nulls) in [
        ("0 % and wrong key, plain test", rows.iter().flat_map(Row::nulls).collect::<Vec<_>>()),
        ("0 % and wrong key, served contexts", rows.iter().flat_map(Row::filtered_nulls).collect()),
    ] {
        let (distance, p) = ks_uniform(&nulls);
        let smallest = nulls.iter().copied().fold(1.0, f64::min);
        println!(
            "\n{what}: {} p-values, KS distance {distance:.3} (p = {p:.3}, must exceed 1e-3), smallest {smallest:.2e} (must exceed 1e-4)",
            nulls.len()
        );
        if p <= 1e-3 || smallest < 1e-4 {
            failures.push(what.to_owned());
        }
    }
    if failures.is_empty() { Ok(()) } else { bail!("not as claimed: {}", failures.join("; ")) }
}
