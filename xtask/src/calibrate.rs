//! `cargo xtask calibrate`: the slow measurements, built for release.

use std::process::Command;

use anyhow::{Result, ensure};

pub(crate) fn run(args: &[String]) -> Result<()> {
    let cargo = ["run", "--quiet", "--release", "--locked", "--package", "taggant-calibration", "--"];
    let status = Command::new("cargo").args(cargo).args(args).status()?;
    ensure!(status.success(), "a measurement failed");
    Ok(())
}
