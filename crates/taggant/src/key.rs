//! The root secret, the keys derived from it, and their public ids.

use alloc::format;
use core::fmt;

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::channel::SignColumn;
use crate::error::{Error, Kind};
use crate::name::Name;

/// The root secret: 32 uniformly random bytes, from which every other key follows.
///
/// It is wiped from memory when dropped, its `Debug` shows the [`KeyId`] alone, and there is no way to
/// print or serialise it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A secret from its bytes, which the caller drew from a cryptographic generator.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits, upper or lower case; one trailing newline (`\n` or `\r\n`) is allowed.
    ///
    /// # Errors
    /// When the length is not 64 or a character is not a hexadecimal digit. The message gives a
    /// position, never the text.
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        let digits = text.strip_suffix('\n').unwrap_or(text);
        let digits = digits.strip_suffix('\r').unwrap_or(digits);
        let found = digits.chars().count();
        if found != 64 {
            return Err(Kind::SecretLength { found }.into());
        }
        if let Some(position) = digits.chars().position(|c| !c.is_ascii_hexdigit()) {
            return Err(Kind::SecretDigit { position: position + 1 }.into());
        }
        let mut bytes = Zeroizing::new([0; 32]);
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = (hex_digit(pair[0]) << 4) | hex_digit(pair[1]);
        }
        Ok(Self(*bytes))
    }

    /// Derives a key: `HKDF-SHA-256(salt = "taggant-1", ikm = secret, info = path, length 32)`
    /// (taggant-1, section 2).
    ///
    /// # Stability
    /// Fixed by `vectors/taggant-1.json`.
    #[must_use]
    pub fn derive(&self, path: &KeyPath<'_>) -> Key {
        let mut key = Key([0; 32]);
        let path = path.to_text();
        Hkdf::<Sha256>::new(Some(b"taggant-1"), &self.0)
            .expand(path.as_bytes(), &mut key.0)
            .expect("32 bytes are below HKDF's limit of 255 hashes");
        key
    }

    /// The public id of this secret: safe to print, log and report.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        KeyId::of(&self.0)
    }

    /// The sign column of one account in one epoch (taggant-1, sections 2 and 5).
    #[must_use]
    pub fn account_column(&self, epoch: &Name, account: &Name) -> SignColumn {
        SignColumn::new(&self.derive(&KeyPath::Account { epoch, account }))
    }

    /// The sign column of decoy `n`, which is never assigned to anyone.
    #[must_use]
    pub fn decoy_column(&self, epoch: &Name, n: u64) -> SignColumn {
        SignColumn::new(&self.derive(&KeyPath::Decoy { epoch, n }))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret(key id {})", self.key_id())
    }
}

/// A derived key of 32 bytes. Wiped when dropped, redacted in `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl Key {
    /// The public id of this key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        KeyId::of(&self.0)
    }

    /// The key's bytes, for another implementation of the PRF or to compare with golden vectors.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key as eight little-endian words, as ChaCha wants it.
    pub(crate) fn words(&self) -> [u32; 8] {
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(self.0.chunks_exact(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        words
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(key id {})", self.key_id())
    }
}

/// The public id of a key: the first 8 bytes of `SHA-256("taggant-1 key id" || key)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The id of any key bytes, for dialects whose secret is not 32 bytes long.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(b"taggant-1 key id").chain_update(key).finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// The path of a derived key: the table in taggant-1, section 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyPath<'a> {
    /// Values of one channel: `epoch/E/channel/NAME/SCHEME/k/block` or `.../nonce`.
    Channel {
        /// The epoch E.
        epoch: &'a Name,
        /// The channel's NAME.
        channel: &'a Name,
        /// `green`, `gumbel` or `tournament`.
        scheme: &'static str,
        /// The context width k.
        width: u8,
        /// Which of the two keys.
        part: KeyPart,
    },
    /// Which channel and bucket a context belongs to: `epoch/E/split/k/block` or `.../nonce`.
    Split {
        /// The epoch E.
        epoch: &'a Name,
        /// The context width k.
        width: u8,
        /// Which of the two keys.
        part: KeyPart,
    },
    /// The sign column of one account: `epoch/E/account/ID`.
    Account {
        /// The epoch E.
        epoch: &'a Name,
        /// The account's ID.
        account: &'a Name,
    },
    /// The sign column of a decoy: `epoch/E/decoy/N`.
    Decoy {
        /// The epoch E.
        epoch: &'a Name,
        /// The decoy's number, from 0.
        n: u64,
    },
    /// Keyed fingerprints of served output: `epoch/E/ledger`.
    Ledger {
        /// The epoch E.
        epoch: &'a Name,
    },
}

impl KeyPath<'_> {
    fn to_text(self) -> alloc::string::String {
        match self {
            Self::Channel { epoch, channel, scheme, width, part } => {
                format!("epoch/{epoch}/channel/{channel}/{scheme}/{width}/{}", part.as_str())
            }
            Self::Split { epoch, width, part } => format!("epoch/{epoch}/split/{width}/{}", part.as_str()),
            Self::Account { epoch, account } => format!("epoch/{epoch}/account/{account}"),
            Self::Decoy { epoch, n } => format!("epoch/{epoch}/decoy/{n}"),
            Self::Ledger { epoch } => format!("epoch/{epoch}/ledger"),
        }
    }
}

/// The two keys that a block needs: its own and, for wide contexts, that of the nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// The ChaCha key.
    Block,
    /// The HMAC key of the nonce.
    Nonce,
}

impl KeyPart {
    fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Nonce => "nonce",
        }
    }
}

/// The value of an ASCII hexadecimal digit that was checked to be one.
fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn debug_shows_the_key_id_and_no_byte_of_the_secret() {
        let secret = Secret::from_hex(&"ab".repeat(32)).unwrap();
        let shown = format!("{secret:?} {:?}", secret.derive(&KeyPath::Ledger { epoch: &name("e") }));
        assert!(!shown.contains("abab"), "{shown}");
        assert!(shown.contains(&secret.key_id().to_string()), "{shown}");
    }

    #[test]
    fn hex_of_wrong_length_or_digit_is_refused_without_echo() {
        for text in
            ["", "12", &"a".repeat(63), &"a".repeat(65), &"g".repeat(64), &"a".repeat(32), "hunter2\n"]
        {
            let message = Secret::from_hex(text).unwrap_err().to_string();
            assert!(text.len() < 3 || !message.contains(text.trim_end()), "{message}");
        }
    }

    #[test]
    fn one_trailing_newline_and_either_case_are_accepted() {
        let plain = Secret::from_hex(&"aB".repeat(32)).unwrap();
        for end in ["\n", "\r\n"] {
            let with_end = Secret::from_hex(&format!("{}{end}", "Ab".repeat(32))).unwrap();
            assert_eq!(plain.key_id(), with_end.key_id());
        }
        assert!(Secret::from_hex(&format!("{}\n\n", "ab".repeat(32))).is_err());
    }

    fn name(text: &str) -> Name {
        Name::new("name", text).unwrap()
    }
}
