//! `cargo xtask check`: what passes at every commit.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::arrows;

pub(crate) fn run(args: &[String]) -> Result<()> {
    let runs_tests = match args {
        [] => true,
        [flag] if flag == "--no-tests" => false,
        _ => bail!("expected nothing or --no-tests, found {args:?}"),
    };
    step("format", "cargo", &["fmt", "--all", "--check"], &[])?;
    step("arrows between crates", "", &[], &[])?;
    arrows::run()?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    step("clippy", "cargo", &clippy, &[])?;
    let doc = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    step("docs", "cargo", &doc, &[("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links")])?;
    // The core is meant for engines without an allocator of their own liking, but never without `alloc`.
    step(
        "core without std",
        "cargo",
        &["check", "--package", "taggant", "--no-default-features", "--locked"],
        &[],
    )?;
    let fuzz =
        ["clippy", "--manifest-path", "fuzz/Cargo.toml", "--all-targets", "--locked", "--", "-D", "warnings"];
    step("fuzz targets build", "cargo", &fuzz, &[])?;
    if runs_tests {
        step("tests", "cargo", &["test", "--workspace", "--locked", "--quiet"], &[])?;
        let fuzz = ["test", "--manifest-path", "fuzz/Cargo.toml", "--locked", "--quiet"];
        step("fuzz bodies on fixed inputs", "cargo", &fuzz, &[])?;
    }
    Ok(())
}

fn step(what: &str, program: &str, args: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    eprintln!("xtask: {what}");
    if program.is_empty() {
        return Ok(());
    }
    let start = Instant::now();
    let status = Command::new(program).args(args).envs(variables.iter().copied()).status()?;
    if !status.success() {
        bail!("{what} failed: {program} {}", args.join(" "));
    }
    eprintln!("xtask: {what} passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
