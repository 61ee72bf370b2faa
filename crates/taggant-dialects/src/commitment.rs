//! Commitments: a key and a profile fixed in public, before anyone looks, without showing the key.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::error::{Error, Kind};
use crate::key_material::KeyMaterial;
use crate::profile::{Profile, hex};

/// A commitment to one key under one profile: 32 bytes, printed and read as 64 lower-case hexadecimal digits.
///
/// ```text
/// SHA-256("taggant commitment 1" || le64(len) || dialect || le64(len) || profile || le64(len) || key)
/// ```
///
/// The profile is its canonical JSON (RFC 8785), so epoch and channels are in it; the key is that of the key file as
/// bytes; `le64` is a length as eight little-endian bytes. `docs/formats.md`, "Commitment", has an example.
///
/// Published with a time stamp before a model was trained, it shows that key and profile were not chosen afterwards:
/// nobody can find another key or profile with the same commitment. It shows nothing of the key itself only because
/// nobody can try all keys. A key with fewer than 32 random bytes could be guessed and compared, so there is no
/// commitment for dialects that have such keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Commitment([u8; 32]);

impl Commitment {
    /// Commits to a key under a profile.
    ///
    /// # Errors
    /// When the key is not of the dialect's form, or the dialect's keys can be guessed. The message never shows the key.
    pub fn of(profile: &Profile, key: &KeyMaterial) -> Result<Self, Error> {
        let key = profile.uniform_key(key)?;
        let mut hasher = Sha256::new_with_prefix(LABEL);
        for part in [profile.dialect().as_bytes(), profile.canonical_json().as_bytes(), &key] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Ok(Self(hasher.finalize().into()))
    }

    /// Whether this is the commitment to `key` under `profile`.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn check(self, profile: &Profile, key: &KeyMaterial) -> Result<bool, Error> {
        Ok(Self::of(profile, key)? == self)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for Commitment {
    type Err = Error;

    /// Reads 64 lower-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |found: String| Error::from(Kind::CommitmentText { found });
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if let Some((at, c)) = text.chars().enumerate().find(|&(_, c)| !is_digit(c)) {
            return Err(refused(format!("found {c:?} at position {}", at + 1)));
        }
        if text.len() != 64 {
            return Err(refused(format!("found {} digits", text.len())));
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let value = |digit: u8| (digit as char).to_digit(16).unwrap_or_default() as u8;
            *byte = (value(pair[0]) << 4) | value(pair[1]);
        }
        Ok(Self(bytes))
    }
}

/// Separates this hash from every other use of SHA-256 on a key, and fixes the form of what follows.
const LABEL: &[u8] = b"taggant commitment 1";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;
    use crate::dialect::{Dialect, Opened, Parameters};
    use crate::selftest::Difference;

    /// A dialect whose key is any number, as foreign ones have.
    #[derive(Debug)]
    struct Numbers;

    impl Dialect for Numbers {
        fn name(&self) -> &'static str {
            "numbers"
        }

        fn about(&self) -> &'static str {
            ""
        }

        fn parse(&self, _: &str) -> Result<Arc<dyn Parameters>, Error> {
            Ok(Arc::new(Self))
        }

        fn check_case(&self, _: &Value) -> Vec<Difference> {
            Vec::new()
        }
    }

    impl Parameters for Numbers {
        fn to_json(&self) -> Value {
            Value::Null
        }

        fn tokenizer(&self) -> Option<&str> {
            None
        }

        fn open(&self, _: &KeyMaterial) -> Result<Opened, Error> {
            Profile::from_toml(GUMBEL)?.open(&KeyMaterial::from_text("5a".repeat(32)))
        }

        fn key_from_bytes(&self, _: [u8; 32]) -> KeyMaterial {
            KeyMaterial::from_text("15485863".into())
        }
    }

    const GUMBEL: &str = "dialect = \"taggant-1\"\nscheme = \"gumbel\"\ncontext_width = 2\nepoch = \"e\"\n";

    #[test]
    fn a_key_that_can_be_guessed_has_no_commitment() {
        let profile = Profile::of(&Numbers, Arc::new(Numbers));
        let key = KeyMaterial::from_text("15485863".into());
        let message = Commitment::of(&profile, &key).unwrap_err().to_string();
        assert!(message.starts_with("keys of the dialect numbers can be short"), "{message}");
        assert!(!message.contains("15485863"), "{message}");
    }
}
