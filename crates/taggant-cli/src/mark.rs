//! A profile and a key, as the flags give them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use taggant_corpus::Tokenizer;
use taggant_dialects::{Opened, Profile};
use taggant_verify::Subject;

use crate::key;

/// Reads a profile.
pub(crate) fn read_profile(path: &Path) -> Result<Profile> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read profile {shown}"))?;
    Profile::from_toml(&text).with_context(|| format!("profile {shown}"))
}

/// Reads a key and joins it with a profile.
pub(crate) fn open(profile: &Profile, place: &str) -> Result<Opened> {
    profile.open(&key::read(place)?).with_context(|| format!("key {place}"))
}

/// Reads a tokenizer: a file, or the embedded one.
pub(crate) fn tokenizer(place: &str) -> Result<Tokenizer> {
    Ok(match place {
        "embedded" => Tokenizer::from_bytes(taggant_lm::Tokenizer::embedded().json(), "embedded")?,
        path => Tokenizer::from_file(Path::new(path))?,
    })
}

/// What a report says of the mark.
pub(crate) fn subject(profile: &Profile, opened: &Opened) -> Subject {
    let tool = concat!("taggant ", env!("CARGO_PKG_VERSION"));
    Subject::new(tool, profile.dialect(), &profile.digest(), opened.key_id)
}
