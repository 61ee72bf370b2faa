//! Tokenizers: text to the ids that a mark is about.

use std::path::Path;

use sha2::{Digest, Sha256};
use taggant::TokenId;

use crate::error::{Error, Kind};

/// A tokenizer from a `tokenizer.json`, with its digest.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    digest: String,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When the file cannot be read or is no such file.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let at = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| Kind::Io { at: at.clone(), source })?;
        Self::from_bytes(&bytes, &at)
    }

    /// Reads the bytes of a `tokenizer.json`; `at` names them in errors.
    ///
    /// Truncation and padding are switched off whatever the file says.
    ///
    /// # Errors
    /// When they are no such file.
    pub fn from_bytes(bytes: &[u8], at: &str) -> Result<Self, Error> {
        let fault = |message: String| Kind::Tokenizer { at: at.to_owned(), message };
        let one_line = |error: tokenizers::Error| {
            let text = error.to_string().lines().collect::<Vec<_>>().join("; ");
            // serde shows the value that it did not expect, which may be anything.
            match (text.starts_with("invalid "), text.split_once(", expected ")) {
                (true, Some((_, expected))) => format!("expected {expected}"),
                _ => text,
            }
        };
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| fault(one_line(error)))?;
        inner.with_padding(None).with_truncation(None).map_err(|error| fault(one_line(error)))?;
        let digest = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Ok(Self { inner, digest: format!("sha256:{digest}") })
    }

    /// `sha256:` and the digest of the file's bytes, as a profile writes it.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub(crate) fn inner(&self) -> &tokenizers::Tokenizer {
        &self.inner
    }

    /// The ids of a text, without special tokens.
    pub fn encode(&self, text: &str, at: &str) -> Result<Vec<TokenId>, Error> {
        let encoding = self.inner.encode_fast(text, false).map_err(|error| fault(&error, at))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The ids of a text, and the bytes of the text that each stands for.
    pub(crate) fn encode_with_offsets(&self, text: &str, at: &str) -> Result<(Vec<TokenId>, Offsets), Error> {
        let encoding = self.inner.encode(text, false).map_err(|error| fault(&error, at))?;
        Ok((encoding.get_ids().to_vec(), encoding.get_offsets().to_vec()))
    }
}

/// The bytes of each token, half-open.
pub(crate) type Offsets = Vec<(usize, usize)>;

fn fault(error: &tokenizers::Error, at: &str) -> Error {
    Kind::Encode { at: at.to_owned(), message: error.to_string() }.into()
}
