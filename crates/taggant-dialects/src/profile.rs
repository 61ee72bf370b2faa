//! Profiles of any dialect, from TOML.

use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use taggant::KeyId;
use taggant::reader::Reader;
use zeroize::Zeroizing;

use crate::dialect::{Dialect, Opened, Parameters, dialect, known};
use crate::error::{Error, Kind};
use crate::key_material::KeyMaterial;

/// The public description of a mark in any dialect.
#[derive(Clone, Debug)]
pub struct Profile {
    dialect: &'static dyn Dialect,
    parameters: Arc<dyn Parameters>,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// When the text is not TOML, names no dialect or one this build does not know, or has a field that the
    /// dialect does not know or lacks. Messages are one line and give the line of the file where there is one.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let table: toml::Table = toml::from_str(text).map_err(|error| toml_error(text, &error))?;
        let no_dialect = || Kind::NoDialect { known: known() };
        let name = table.get("dialect").and_then(toml::Value::as_str).ok_or_else(no_dialect)?;
        let dialect = dialect(name)?;
        Ok(Self { dialect, parameters: dialect.parse(text)? })
    }

    #[cfg(test)]
    pub(crate) fn of(dialect: &'static dyn Dialect, parameters: Arc<dyn Parameters>) -> Self {
        Self { dialect, parameters }
    }

    /// The dialect's name.
    #[must_use]
    pub fn dialect(&self) -> &'static str {
        self.dialect.name()
    }

    /// The canonical JSON of the profile (RFC 8785), every field present except absent options.
    #[must_use]
    pub fn canonical_json(&self) -> String {
        serde_json_canonicalizer::to_string(&self.parameters.to_json())
            .expect("a profile holds strings, booleans and finite numbers")
    }

    /// SHA-256 of [`canonical_json`](Self::canonical_json), 64 hexadecimal digits: it goes into every report.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.canonical_json()))
    }

    /// `sha256:` and the digest of the tokenizer file whose ids the mark is about, if the profile says.
    #[must_use]
    pub fn tokenizer(&self) -> Option<&str> {
        self.parameters.tokenizer()
    }

    /// Joins the profile with a key.
    ///
    /// # Errors
    /// When the key is not of the dialect's form; the message never shows it.
    pub fn open(&self, key: &KeyMaterial) -> Result<Opened, Error> {
        self.parameters.open(key)
    }

    /// The bytes of the key that a commitment hashes.
    ///
    /// # Errors
    /// When the key is not of the dialect's form, or the dialect's keys can be guessed.
    pub(crate) fn uniform_key(&self, key: &KeyMaterial) -> Result<Zeroizing<Vec<u8>>, Error> {
        let guessable = || Kind::GuessableKey { dialect: self.dialect() }.into();
        self.parameters.uniform_key(key)?.ok_or_else(guessable)
    }

    /// A key of the dialect's form from 32 uniform bytes.
    #[must_use]
    pub fn key_from_bytes(&self, bytes: [u8; 32]) -> KeyMaterial {
        self.parameters.key_from_bytes(bytes)
    }

    /// The fresh secret of decoy `n` beside the key `key_id`.
    ///
    /// ```text
    /// SHA-256("taggant decoy" || 0 || profile digest || 0 || key id || 0 || n in decimal), then a key of the dialect's form
    /// ```
    ///
    /// It is a fixed function of what a report states, so that anyone can draw the same panel again.
    #[must_use]
    pub fn decoy_key(&self, key_id: KeyId, n: u64) -> KeyMaterial {
        let label = format!("taggant decoy\0{}\0{key_id}\0{n}", self.digest());
        self.key_from_bytes(Sha256::digest(label).into())
    }

    /// The reader of decoy `n`: this profile under [`decoy_key`](Self::decoy_key).
    ///
    /// # Panics
    /// Never: a key made in the dialect's form is of that form.
    #[must_use]
    pub fn open_decoy(&self, key_id: KeyId, n: u64) -> Box<dyn Reader> {
        let opened = self.open(&self.decoy_key(key_id, n));
        Box::new(opened.expect("a key made in the dialect's form is of that form").reader)
    }
}

/// One line out of TOML's own, which shows the text over several.
pub(crate) fn toml_error(text: &str, error: &toml::de::Error) -> Error {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map(|before| before.bytes().filter(|&byte| byte == b'\n').count() + 1);
    // What is missing has no line; the parser would point at the first.
    let line = line.filter(|_| !error.message().starts_with("missing field"));
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    Kind::Toml { line, message }.into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    // Reserved in full: where the bytes are a key, no shorter copy is left behind in memory.
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
    }
    text
}
