//! The arrows between crates: which may depend on which. Anything else fails the check.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Each crate and the crates of this workspace that it may depend on, not counting tests.
const ALLOWED: &[(&str, &[&str])] = &[
    ("taggant", &[]),
    ("taggant-dialects", &["taggant"]),
    ("taggant-verify", &["taggant"]),
    ("taggant-lm", &["taggant"]),
    ("taggant-corpus", &["taggant"]),
    ("taggant-audit", &["taggant", "taggant-verify", "taggant-corpus", "taggant-lm"]),
    (
        "taggant-cli",
        &["taggant", "taggant-dialects", "taggant-verify", "taggant-corpus", "taggant-lm", "taggant-audit"],
    ),
    ("taggant-testkit", &[]),
    ("taggant-testserver", &["taggant", "taggant-lm"]),
    (
        "taggant-calibration",
        &["taggant", "taggant-verify", "taggant-corpus", "taggant-lm", "taggant-audit", "taggant-testkit"],
    ),
    (
        "taggant-examples",
        &["taggant", "taggant-dialects", "taggant-verify", "taggant-lm", "taggant-testserver"],
    ),
    ("taggant-benches", &["taggant", "taggant-dialects", "taggant-verify", "taggant-lm"]),
    ("xtask", &["taggant-testkit"]),
];

/// What the core may not depend on, at any depth: it has no I/O, clock, thread, generator or log.
const FORBIDDEN_IN_CORE: &[&str] =
    &["std", "rand", "getrandom", "rayon", "log", "tracing", "tokenizers", "serde_json", "toml"];

/// What the verifier may not depend on: no model, no tokenizer, no dialect's registry, no file format.
const FORBIDDEN_IN_VERIFIER: &[&str] =
    &["tokenizers", "toml", "flate2", "taggant-dialects", "taggant-lm", "rand_chacha"];

pub(crate) fn run() -> Result<()> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .output()?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().context("a package has a name")?;
        let Some((_, allowed)) = ALLOWED.iter().find(|(allowed, _)| *allowed == name) else {
            wrong.push(format!("{name} is not in the table of arrows (xtask/src/arrows.rs)"));
            continue;
        };
        let forbidden: &[&str] = match name {
            "taggant" => FORBIDDEN_IN_CORE,
            "taggant-verify" => FORBIDDEN_IN_VERIFIER,
            _ => &[],
        };
        for dependency in package["dependencies"].as_array().context("a package lists its dependencies")? {
            // Tests may look anywhere: `kind` is null for what the crate itself needs.
            let on = dependency["name"].as_str().unwrap_or_default();
            let is_own = names.contains(&on) && !allowed.contains(&on);
            if dependency["kind"].is_null() && (is_own || forbidden.contains(&on)) {
                wrong.push(format!("{name} -> {on} is not an allowed arrow"));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("; ")) }
}
