//! The list of deployed keys, from a file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

use crate::key;

/// One cohort as the file lists it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListedCohort {
    pub(crate) name: String,
    /// A file, from that of the list, or `env:NAME`.
    pub(crate) key: String,
    /// The profile of this key, where it has its own.
    pub(crate) profile: Option<PathBuf>,
    pub(crate) flagged: bool,
    pub(crate) exposure: Option<f64>,
    pub(crate) volume: Option<f64>,
    /// The log of what was served under this key.
    #[serde(default)]
    pub(crate) served: Vec<String>,
}

/// Reads a list of cohorts, JSON or TOML by the name of the file. Paths in it start at its folder.
pub(crate) fn read(path: &Path) -> Result<Vec<ListedCohort>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot read cohorts {shown}"))?;
    let mut text = String::new();
    let read = file.take(LARGEST_LIST + 1).read_to_string(&mut text);
    read.with_context(|| format!("cannot read cohorts {shown}"))?;
    if text.len() as u64 > LARGEST_LIST {
        bail!("cohorts {shown}: expected at most {LARGEST_LIST} bytes, found more");
    }
    let list: List = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str(&text).map_err(|error| without_value(&error.to_string())),
        Some("toml") => toml::from_str(&text).map_err(|error| toml_message(&text, &error)),
        _ => bail!("cohorts {shown}: the extension names no format; expected .json or .toml"),
    }
    .map_err(|message| anyhow!("cohorts {shown}: {message}"))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut cohorts = list.cohorts;
    for cohort in &mut cohorts {
        key::refuse_as_place(&cohort.key)
            .with_context(|| format!("cohorts {shown}: cohort {:?}", cohort.name))?;
        let from_here = |place: &str| folder.join(place).to_string_lossy().into_owned();
        if !cohort.key.starts_with("env:") {
            cohort.key = from_here(&cohort.key);
        }
        cohort.profile = cohort.profile.as_ref().map(|profile| folder.join(profile));
        cohort.served = cohort.served.iter().map(|input| from_here(input)).collect();
    }
    Ok(cohorts)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    cohorts: Vec<ListedCohort>,
}

/// The message without the value that was not expected, which may be a key.
fn without_value(message: &str) -> String {
    match (message.starts_with("invalid "), message.split_once(", expected ")) {
        (true, Some((_, expected))) => format!("expected {expected}"),
        _ => message.to_owned(),
    }
}

/// One line out of TOML's own, which shows the text over several.
fn toml_message(text: &str, error: &toml::de::Error) -> String {
    let message = without_value(&error.message().lines().collect::<Vec<_>>().join("; "));
    let before = error.span().and_then(|span| text.get(..span.start));
    match before.map(|before| before.matches('\n').count() + 1) {
        // What is missing has no line; the parser would point at the first.
        Some(line) if !message.starts_with("missing field") => format!("{message} at line {line}"),
        _ => message,
    }
}

/// The largest file that is read as a list, in bytes: room for a thousand cohorts.
const LARGEST_LIST: u64 = 1 << 20;
