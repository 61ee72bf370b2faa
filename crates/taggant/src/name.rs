//! Names that enter a key path: epochs, channels, accounts.

use alloc::string::String;
use core::fmt;

use crate::error::{Error, Kind, NameFault};

/// A name that matches `[A-Za-z0-9._-]{1,128}` (taggant-1, section 2).
///
/// The slash is not among its characters, so that no two key paths can be confused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// Checks a name; `what` says in the error what it is the name of.
    ///
    /// # Errors
    /// When the name is empty, longer than 128 characters, or holds any other character.
    pub fn new(what: &'static str, name: &str) -> Result<Self, Error> {
        if name.is_empty() || name.len() > Self::MAX_LEN {
            let found = NameFault::Length(name.chars().count());
            return Err(Kind::Name { what, found }.into());
        }
        match name.chars().position(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
            Some(at) => Err(Kind::Name { what, found: NameFault::Character(at + 1) }.into()),
            None => Ok(Self(name.into())),
        }
    }

    /// The longest name, in characters.
    pub const MAX_LEN: usize = 128;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
