//! The pseudorandom function: one ChaCha8 block per (context, counter).
//!
//! Everything pseudorandom in this crate comes from here. The functions that produce many blocks at once
//! are where vector lanes belong; their callers pass slices and need not know.

use core::fmt;

use crate::context::Nonce;
use crate::key::Key;

/// The 16 output words of one block.
pub(crate) type Block = [u32; 16];

/// A ChaCha key as words.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub(crate) struct BlockKey([u32; 8]);

impl BlockKey {
    pub(crate) fn new(key: &Key) -> Self {
        Self(key.words())
    }

    /// `block(nonce, counter)`: ChaCha with 8 rounds in the layout of RFC 8439 (taggant-1, section 3).
    pub(crate) fn block(&self, nonce: Nonce, counter: u32) -> Block {
        let key = &self.0;
        let Nonce([n1, n2, n3]) = nonce;
        let input = [
            SIGMA[0], SIGMA[1], SIGMA[2], SIGMA[3], key[0], key[1], key[2], key[3], key[4], key[5], key[6],
            key[7], counter, n1, n2, n3,
        ];
        let mut state = input;
        for _ in 0..ROUNDS / 2 {
            quarter_round(&mut state, 0, 4, 8, 12);
            quarter_round(&mut state, 1, 5, 9, 13);
            quarter_round(&mut state, 2, 6, 10, 14);
            quarter_round(&mut state, 3, 7, 11, 15);
            quarter_round(&mut state, 0, 5, 10, 15);
            quarter_round(&mut state, 1, 6, 11, 12);
            quarter_round(&mut state, 2, 7, 8, 13);
            quarter_round(&mut state, 3, 4, 9, 14);
        }
        for (word, start) in state.iter_mut().zip(input) {
            *word = word.wrapping_add(start);
        }
        state
    }

    /// Many blocks of one nonce: `visit(i, block(nonce, i))` for i in 0 .. n_blocks, in order.
    pub(crate) fn for_each_block(&self, nonce: Nonce, n_blocks: u32, mut visit: impl FnMut(u32, &Block)) {
        for counter in 0..n_blocks {
            visit(counter, &self.block(nonce, counter));
        }
    }
}

impl fmt::Debug for BlockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlockKey(..)")
    }
}

fn quarter_round(state: &mut Block, a: usize, b: usize, c: usize, d: usize) {
    state[a] = state[a].wrapping_add(state[b]);
    state[d] = (state[d] ^ state[a]).rotate_left(16);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_left(12);
    state[a] = state[a].wrapping_add(state[b]);
    state[d] = (state[d] ^ state[a]).rotate_left(8);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_left(7);
}

/// "expand 32-byte k", RFC 8439, section 2.3.
const SIGMA: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// Rounds of the block function; eight is taggant-1's choice.
const ROUNDS: usize = 8;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use chacha20::ChaCha8;
    use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::key::{KeyPath, Secret};
    use crate::name::Name;

    proptest! {
        /// The spec names two crates whose streams are the same function.
        #[test]
        fn block_equals_rand_chacha_and_chacha20(secret: [u8; 32], lanes: [u32; 3], counter: u32) {
            let epoch = Name::new("epoch", "e").unwrap();
            let key = Secret::from_bytes(secret).derive(&KeyPath::Ledger { epoch: &epoch });
            let block = BlockKey::new(&key).block(Nonce(lanes), counter);

            let mut rng = ChaCha8Rng::from_seed(*key.expose_bytes());
            rng.set_stream(u64::from(lanes[1]) | u64::from(lanes[2]) << 32);
            rng.set_word_pos(((u128::from(lanes[0]) << 32) + u128::from(counter)) * 16);
            let from_rand: Vec<u32> = (0..16).map(|_| rng.next_u32()).collect();
            prop_assert_eq!(&block[..], &from_rand[..]);

            let mut nonce = [0; 12];
            for (bytes, lane) in nonce.chunks_exact_mut(4).zip(lanes) {
                bytes.copy_from_slice(&lane.to_le_bytes());
            }
            // `seek` refuses the very last block, whose end would be past the counter.
            if counter < u32::MAX {
                let mut stream = [0; 64];
                let mut cipher = ChaCha8::new(key.expose_bytes().into(), &nonce.into());
                cipher.seek(u64::from(counter) * 64);
                cipher.apply_keystream(&mut stream);
                for (word, bytes) in block.iter().zip(stream.chunks_exact(4)) {
                    prop_assert_eq!(&word.to_le_bytes()[..], bytes);
                }
            }
        }
    }
}
