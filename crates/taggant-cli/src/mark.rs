//! A profile and a key, as the flags give them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use taggant_corpus::Tokenizer;
use taggant_dialects::{Commitment, Opened, Profile};
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

/// Reads a key, joins it with a profile, and commits to both where nobody can guess keys of the dialect.
pub(crate) fn open_committed(profile: &Profile, place: &str) -> Result<(Opened, Option<Commitment>)> {
    let key = key::read(place)?;
    let opened = profile.open(&key).with_context(|| format!("key {place}"))?;
    // A key that opens is of the right form, so that only one that can be guessed is refused here.
    let commitment = Commitment::of(profile, &key).ok();
    Ok((opened, commitment))
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
    Subject::new(TOOL, profile.dialect(), &profile.digest(), opened.key_id)
}

/// The program and its version, as reports and plans have them.
pub(crate) const TOOL: &str = concat!("taggant ", env!("CARGO_PKG_VERSION"));
