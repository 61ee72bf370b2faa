//! The registry of dialects and what each of them provides.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use taggant::KeyId;
use taggant::reader::Reader;
use taggant::writer::Writer;
use zeroize::Zeroizing;

use crate::error::{Error, Kind};
use crate::key_material::KeyMaterial;
use crate::selftest::Difference;
use crate::taggant_1::Taggant1;

/// Every dialect of this build, our own first.
pub static DIALECTS: &[&dyn Dialect] = &[&Taggant1];

/// A dialect: how its profiles are read and how its golden vectors are checked.
pub trait Dialect: Sync + fmt::Debug {
    /// The name in profiles and reports.
    fn name(&self) -> &'static str;

    /// One line: what it is and where it is used.
    fn about(&self) -> &'static str;

    /// Reads a profile whose `dialect` is this one's name.
    ///
    /// # Errors
    /// When a field is unknown, missing, or out of range.
    fn parse(&self, toml: &str) -> Result<Arc<dyn Parameters>, Error>;

    /// Compares one case of a vector file with this build.
    fn check_case(&self, case: &Value) -> Vec<Difference>;
}

/// The parameters of one profile: everything but the secret.
pub trait Parameters: Send + Sync + fmt::Debug {
    /// The profile as JSON, every field present except absent options; its canonical form is digested.
    fn to_json(&self) -> Value;

    /// `sha256:` and the digest of the tokenizer file whose ids the mark is about, if the profile says.
    fn tokenizer(&self) -> Option<&str>;

    /// Joins the profile with a key.
    ///
    /// # Errors
    /// When the key is not of the dialect's form; the message never shows it.
    fn open(&self, key: &KeyMaterial) -> Result<Opened, Error>;

    /// The bytes of the key that a [`Commitment`](crate::Commitment) hashes, where nobody can guess them: 32 uniform bytes
    /// or more, one form for each key. `None` where keys can be short or well known; then there is no commitment.
    ///
    /// # Errors
    /// When the key is not of the dialect's form; the message never shows it.
    fn uniform_key(&self, key: &KeyMaterial) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.open(key).map(|_| None)
    }

    /// A key of the dialect's form from 32 uniform bytes, as its own key generator would draw one.
    fn key_from_bytes(&self, bytes: [u8; 32]) -> KeyMaterial;
}

/// A profile joined with a key.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The public id of the key.
    pub key_id: KeyId,
    /// What the verifier needs.
    pub reader: Arc<dyn Reader>,
    /// What a sampler needs, where the dialect can write.
    pub writer: Option<Arc<dyn Writer>>,
}

/// Finds a dialect by name.
pub(crate) fn dialect(name: &str) -> Result<&'static dyn Dialect, Error> {
    let found = DIALECTS.iter().find(|dialect| dialect.name() == name);
    let unknown = || Kind::UnknownDialect { found: name.chars().take(40).collect(), known: known() };
    found.copied().ok_or_else(|| unknown().into())
}

/// The names of all dialects, for error messages.
pub(crate) fn known() -> String {
    DIALECTS.iter().map(|dialect| dialect.name()).collect::<Vec<_>>().join(", ")
}
