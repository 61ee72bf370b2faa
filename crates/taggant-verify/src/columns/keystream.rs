//! ChaCha8 blocks of many inputs at once, lanes across inputs.

use taggant::reader::Input;

/// How many inputs a pack holds: 16 vectors of the least x86-64, 4 of the widest.
pub(super) const LANES: usize = 64;

/// The 16 words of a block for each input of a pack: `words[word][lane]`.
pub(super) type Words = [[u32; LANES]; 16];

/// Up to [`LANES`] inputs, with what their blocks have in common.
///
/// In the first round only one of four columns of ChaCha's state holds the block number. The others are stored as
/// they are after their first quarter round, which saves 3 of 32.
#[derive(Clone, Debug)]
pub(super) struct Pack {
    /// The input's words, low first.
    keys: [[u32; LANES]; 4],
    /// The state; column 0 as at the start, columns 1 to 3 after their first quarter round.
    state: Words,
    /// How many lanes hold an input.
    len: usize,
}

impl Pack {
    fn new() -> Self {
        Self { keys: [[0; LANES]; 4], state: [[0; LANES]; 16], len: 0 }
    }

    fn push(&mut self, input: Input) {
        let lane = self.len;
        let mut state = start([0, 32, 64, 96].map(|shift| (input.0 >> shift) as u32), 0);
        self.keys.iter_mut().zip(&state[4..]).for_each(|(keys, word)| keys[lane] = *word);
        quarter_round(&mut state, 1, 5, 9, 13);
        quarter_round(&mut state, 2, 6, 10, 14);
        quarter_round(&mut state, 3, 7, 11, 15);
        self.state.iter_mut().zip(state).for_each(|(words, word)| words[lane] = word);
        self.len += 1;
    }

    /// How many lanes hold an input; the words of the others mean nothing.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Block `counter` of every input.
    #[inline(never)]
    #[expect(
        clippy::needless_range_loop,
        reason = "a loop over lanes of several arrays, which becomes vectors"
    )]
    pub(super) fn blocks(&self, counter: u32, words: &mut Words) {
        for lane in 0..LANES {
            let keys: [u32; 4] = std::array::from_fn(|word| self.keys[word][lane]);
            let start = start(keys, counter);
            let mut state: [u32; 16] = std::array::from_fn(|word| self.state[word][lane]);
            state[12] = counter;
            quarter_round(&mut state, 0, 4, 8, 12);
            diagonals(&mut state);
            // Written out: the vectoriser wants no loop inside that over lanes.
            double_round(&mut state);
            double_round(&mut state);
            double_round(&mut state);
            for word in 0..16 {
                words[word][lane] = state[word].wrapping_add(start[word]);
            }
        }
    }
}

/// Inputs in packs, all full but the last.
pub(super) fn packs(inputs: impl Iterator<Item = Input>) -> Vec<Pack> {
    let mut packs: Vec<Pack> = Vec::with_capacity(inputs.size_hint().0.div_ceil(LANES));
    for input in inputs {
        match packs.last_mut() {
            Some(pack) if pack.len < LANES => pack.push(input),
            _ => {
                let mut pack = Pack::new();
                pack.push(input);
                packs.push(pack);
            }
        }
    }
    packs
}

/// How many blocks a number of columns takes.
///
/// # Panics
/// When there are no block numbers for so many.
pub(super) fn n_blocks(n_columns: usize, per_block: usize) -> usize {
    let n_blocks = n_columns.div_ceil(per_block);
    assert!(n_blocks <= 1 << BLOCK_BITS, "at most {} columns, found {n_columns}", per_block << BLOCK_BITS);
    n_blocks
}

/// The block number of one plane of one block of columns.
pub(super) fn counter(plane: u32, block: u32) -> u32 {
    debug_assert!(plane < N_PLANES && block < 1 << BLOCK_BITS);
    plane << BLOCK_BITS | block
}

#[inline(always)]
fn start(keys: [u32; 4], counter: u32) -> [u32; 16] {
    let ([s0, s1, s2, s3], [d0, d1, d2, d3], [k0, k1, k2, k3]) = (SIGMA, DOMAIN, keys);
    [s0, s1, s2, s3, k0, k1, k2, k3, d0, d1, d2, d3, counter, 0, 0, 0]
}

#[inline(always)]
fn double_round(state: &mut [u32; 16]) {
    quarter_round(state, 0, 4, 8, 12);
    quarter_round(state, 1, 5, 9, 13);
    quarter_round(state, 2, 6, 10, 14);
    quarter_round(state, 3, 7, 11, 15);
    diagonals(state);
}

#[inline(always)]
fn diagonals(state: &mut [u32; 16]) {
    quarter_round(state, 0, 5, 10, 15);
    quarter_round(state, 1, 6, 11, 12);
    quarter_round(state, 2, 7, 8, 13);
    quarter_round(state, 3, 4, 9, 14);
}

#[inline(always)]
fn quarter_round(state: &mut [u32; 16], a: usize, b: usize, c: usize, d: usize) {
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

/// "taggant columns!" as little-endian words: the half of the key that names this use.
const DOMAIN: [u32; 4] = [
    u32::from_le_bytes(*b"tagg"),
    u32::from_le_bytes(*b"ant "),
    u32::from_le_bytes(*b"colu"),
    u32::from_le_bytes(*b"mns!"),
];

/// Bits of a block number that say which block of columns; the others say which plane.
const BLOCK_BITS: u32 = 26;

/// How many bit planes have block numbers.
pub(super) const N_PLANES: u32 = 1 << (32 - BLOCK_BITS);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    proptest! {
        #[test]
        fn blocks_equal_rand_chacha(
            inputs in prop::collection::vec(any::<u128>(), 1..LANES + 3), plane in 0..N_PLANES, block in 0_u32..1 << 26,
        ) {
            let counter = counter(plane, block);
            let packs = packs(inputs.iter().copied().map(Input));
            prop_assert_eq!(packs.iter().map(Pack::len).sum::<usize>(), inputs.len());
            for (pack, inputs) in packs.iter().zip(inputs.chunks(LANES)) {
                let mut words = [[0; LANES]; 16];
                pack.blocks(counter, &mut words);
                for (lane, input) in inputs.iter().enumerate() {
                    let mut seed = [0; 32];
                    seed[..16].copy_from_slice(&input.to_le_bytes());
                    seed[16..].copy_from_slice(b"taggant columns!");
                    let mut rng = ChaCha8Rng::from_seed(seed);
                    rng.set_word_pos(u128::from(counter) * 16);
                    for words in &words {
                        prop_assert_eq!(words[lane], rng.next_u32());
                    }
                }
            }
        }
    }
}
