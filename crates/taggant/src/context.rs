//! Contexts: the tokens right before the scored one, and the nonce they become.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Error, Kind};
use crate::key::Key;
use crate::token::TokenId;

/// How many tokens a context holds: 1 to 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct ContextWidth(u8);

impl ContextWidth {
    /// The widest context of taggant-1.
    pub const MAX: usize = 12;

    /// Checks a width.
    ///
    /// # Errors
    /// When it is not 1 to 12.
    pub fn new(width: u64) -> Result<Self, Error> {
        match u8::try_from(width) {
            Ok(narrow) if (1..=Self::MAX).contains(&usize::from(narrow)) => Ok(Self(narrow)),
            _ => Err(Kind::ContextWidth { found: width }.into()),
        }
    }

    /// The width as a length.
    #[must_use]
    pub fn len(self) -> usize {
        usize::from(self.0)
    }

    /// Always false: a context holds at least one token.
    #[must_use]
    pub fn is_empty(self) -> bool {
        false
    }

    /// The width as it stands in a key path.
    #[must_use]
    pub fn as_u8(self) -> u8 {
        self.0
    }
}

impl fmt::Display for ContextWidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The 96-bit nonce of a context: ChaCha's state words 13, 14 and 15.
///
/// Up to width 3 it is the context itself (missing lanes 0); from width 4 on it is a MAC of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub [u32; 3]);

/// How a context becomes a nonce (taggant-1, section 3), oldest token first.
///
/// ```text
/// k <= 3:  (id_1, id_2, id_3), missing lanes 0
/// k >= 4:  the first 12 bytes of HMAC-SHA-256(nonce key, id_1 || ... || id_k as u32 LE), as three u32 LE
/// ```
#[derive(Clone)]
pub struct NonceRule {
    width: ContextWidth,
    /// The keyed HMAC from width 4 on, its two padding blocks already absorbed.
    mac: Option<Hmac<Sha256>>,
}

impl NonceRule {
    /// The rule for contexts of `width` tokens under a nonce key.
    #[must_use]
    pub fn new(width: ContextWidth, key: &Key) -> Self {
        let keyed = || Hmac::new_from_slice(key.expose_bytes()).expect("HMAC takes keys of any length");
        Self { width, mac: (width.len() > PLAIN_WIDTH).then(keyed) }
    }

    /// The nonce of a context.
    ///
    /// # Panics
    /// When the context is not as long as the rule's width.
    #[must_use]
    pub fn nonce(&self, context: &[TokenId]) -> Nonce {
        assert_eq!(context.len(), self.width.len(), "a context holds as many tokens as its width says");
        let mut nonce = [0; 3];
        match &self.mac {
            None => nonce[..context.len()].copy_from_slice(context),
            Some(keyed) => {
                let mut mac = keyed.clone();
                context.iter().for_each(|id| mac.update(&id.to_le_bytes()));
                let tag = mac.finalize().into_bytes();
                for (lane, bytes) in nonce.iter_mut().zip(tag.chunks_exact(4)) {
                    *lane = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                }
            }
        }
        Nonce(nonce)
    }
}

impl fmt::Debug for NonceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.mac.is_some() { "NonceRule(keyed)" } else { "NonceRule(plain)" })
    }
}

/// Contexts of up to three ids fit the nonce as they are.
const PLAIN_WIDTH: usize = 3;
