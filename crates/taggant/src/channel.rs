//! Channels, buckets and signs: several marks in one stream of tokens.

use core::fmt;
use core::ops::Neg;

use crate::block::{Block, BlockKey};
use crate::context::Nonce;
use crate::key::Key;
use crate::name::Name;

/// One independent use of the mark, with keys of its own (taggant-1, section 6).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Channel {
    /// Whether the channel's values carry the signs of accounts.
    pub accounts: bool,
    /// The channel's name.
    pub name: Name,
    /// Its share of all contexts, in 256ths; 0 to 256.
    pub share: u16,
}

/// Where a context belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The index of its channel in the profile.
    pub channel: u8,
    /// Its bucket, the index of an account's sign.
    pub bucket: u16,
}

/// Which channel and bucket a context belongs to, given B = block(context, 0) under the split keys.
///
/// ```text
/// channel = the first whose cumulative share exceeds (B[0] mod 256)      bucket = B[1] mod 65536
/// ```
pub(crate) fn route(block: &Block, channels: &[Channel]) -> Route {
    let draw = block[0] % 256;
    let mut cumulative = 0;
    let channel = channels.iter().position(|channel| {
        cumulative += u32::from(channel.share);
        cumulative > draw
    });
    let channel = channel.expect("a profile's shares sum to 256, which exceeds every byte");
    Route { channel: channel as u8, bucket: (block[1] % 65536) as u16 }
}

/// The sign of an account in one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// +1: the values as they are.
    Plus,
    /// -1: the green list complemented, every word inverted.
    Minus,
}

impl Sign {
    /// +1 or -1.
    #[must_use]
    pub fn as_i8(self) -> i8 {
        match self {
            Self::Plus => 1,
            Self::Minus => -1,
        }
    }

    /// What to XOR a word with: all ones for -1.
    pub(crate) fn word_mask(self) -> u32 {
        match self {
            Self::Plus => 0,
            Self::Minus => u32::MAX,
        }
    }
}

impl Neg for Sign {
    type Output = Self;

    fn neg(self) -> Self {
        match self {
            Self::Plus => Self::Minus,
            Self::Minus => Self::Plus,
        }
    }
}

/// The signs of one account, or of a decoy, over all 65,536 buckets (taggant-1, section 5).
#[derive(Clone)]
pub struct SignColumn(BlockKey);

impl SignColumn {
    pub(crate) fn new(key: &Key) -> Self {
        Self(BlockKey::new(key))
    }

    /// The sign in `bucket`: bit (j mod 32) of word ((j mod 512) div 32) of block (j div 512) with nonce 0.
    #[must_use]
    pub fn sign(&self, bucket: u16) -> Sign {
        let bucket = u32::from(bucket);
        let block = self.0.block(Nonce::default(), bucket / 512);
        match block[(bucket % 512 / 32) as usize] >> (bucket % 32) & 1 {
            1 => Sign::Plus,
            _ => Sign::Minus,
        }
    }
}

impl fmt::Debug for SignColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignColumn(..)")
    }
}
