//! The secret of a dialect, as it stands in a key file.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The text of a key file. Wiped when dropped, never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct KeyMaterial(String);

impl KeyMaterial {
    /// Takes the text of a key file; its dialect checks it when the profile is opened.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The text, for the dialect alone.
    pub(crate) fn expose_text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyMaterial(..)")
    }
}
