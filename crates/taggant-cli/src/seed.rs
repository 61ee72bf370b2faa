//! Random streams that follow from a seed and a label.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// 32 bytes for a purpose: `SHA-256("taggant seed" || 0 || label || 0 || seed as u64 LE || index as u64 LE)`.
pub(crate) fn bytes(seed: u64, label: &str, index: u64) -> [u8; 32] {
    Sha256::new()
        .chain_update("taggant seed\0")
        .chain_update(label)
        .chain_update([0])
        .chain_update(seed.to_le_bytes())
        .chain_update(index.to_le_bytes())
        .finalize()
        .into()
}

/// A generator for a purpose: documents drawn in parallel each have their own.
pub(crate) fn rng(seed: u64, label: &str, index: u64) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(bytes(seed, label, index))
}
