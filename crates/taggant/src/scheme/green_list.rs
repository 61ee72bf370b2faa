//! The green list: a keyed Bernoulli(gamma) coin for every (context, token).

use crate::block::{Block, BlockKey};
use crate::context::Nonce;
use crate::error::{Error, Kind};
use crate::gamma::Gamma;
use crate::token::TokenId;

/// Parameters of the green list.
///
/// # Paper
/// Kirchenbauer et al. 2023, arXiv 2301.10226, Algorithm 2. Differs: every (context, token) is an
/// independent coin instead of a permutation of fixed size, so that counts are exactly binomial, and the
/// generator is a pseudorandom function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GreenList {
    gamma: Gamma,
    delta: f64,
}

impl GreenList {
    /// A green list of share `gamma` whose tokens gain `delta` nats.
    ///
    /// # Errors
    /// When `delta` is not above 0 and at most 100: a hundred nats make anything certain.
    pub fn new(gamma: Gamma, delta: f64) -> Result<Self, Error> {
        if delta > 0.0 && delta <= LARGEST_DELTA {
            Ok(Self { gamma, delta })
        } else {
            Err(Kind::Delta { found: delta }.into())
        }
    }

    /// The green share.
    #[must_use]
    pub fn gamma(&self) -> Gamma {
        self.gamma
    }

    /// The bias of green tokens, in nats.
    #[must_use]
    pub fn delta(&self) -> f64 {
        self.delta
    }
}

/// e^100 to one is certainty; beyond it a row would only lose digits.
const LARGEST_DELTA: f64 = 100.0;

/// How many tokens one block serves: 512 / m.
fn tokens_per_block(gamma: Gamma) -> u32 {
    512 / gamma.planes() as u32
}

/// Whether `token` is green (taggant-1, section 4).
pub(crate) fn is_green(key: &BlockKey, nonce: Nonce, gamma: Gamma, token: TokenId) -> bool {
    let (counter, rest) = (token / tokens_per_block(gamma), token % tokens_per_block(gamma));
    let block = key.block(nonce, counter);
    green_word(&block, gamma, (rest / 32) as usize) >> (rest % 32) & 1 == 1
}

/// Packs the green list of the first `vocab_size` tokens: token v is bit v mod 32 of word v div 32, least
/// significant first; bits at and above `vocab_size` are 0.
///
/// `mask.len()` is `vocab_size.div_ceil(32)`, checked by the caller. `complement` turns the list around,
/// as the sign -1 of an account does.
pub(crate) fn mask_into(
    key: &BlockKey,
    nonce: Nonce,
    gamma: Gamma,
    complement: bool,
    vocab_size: usize,
    mask: &mut [u32],
) {
    let words_per_block = 16 / gamma.planes();
    let flip = if complement { u32::MAX } else { 0 };
    let n_blocks = mask.len().div_ceil(words_per_block) as u32;
    key.for_each_block(nonce, n_blocks, |counter, block| {
        let first = counter as usize * words_per_block;
        let last = mask.len().min(first + words_per_block);
        for (at, word) in mask[first..last].iter_mut().enumerate() {
            *word = green_word(block, gamma, at) ^ flip;
        }
    });
    if let (Some(last), used @ 1..) = (mask.last_mut(), vocab_size % 32) {
        *last &= (1 << used) - 1;
    }
}

/// The green bits of 32 neighbouring tokens: word `at` of each plane, compared with the threshold.
///
/// Token v is green iff its m-bit number, plane 0 being the most significant bit, is >= 2^m - j. The
/// comparison runs on 32 numbers at a time, from the least significant plane up: where the threshold has
/// a 1 the number must have one too (and the rest be no less); where it has a 0 a 1 settles it.
fn green_word(block: &Block, gamma: Gamma, at: usize) -> u32 {
    let words_per_plane = 16 / gamma.planes();
    let threshold = gamma.denominator() - gamma.numerator();
    (0..gamma.planes()).rev().fold(u32::MAX, |no_less, plane| {
        let bits = block[plane * words_per_plane + at];
        let weight = gamma.planes() - 1 - plane;
        if threshold >> weight & 1 == 1 { bits & no_less } else { bits | no_less }
    })
}
