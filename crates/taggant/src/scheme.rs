//! Schemes: what a token's pseudorandom value is, and how the sampler uses it.

use crate::block::BlockKey;
use crate::context::Nonce;
use crate::token::TokenId;

pub mod green_list;
pub mod gumbel_max;
pub mod tournament;

pub use green_list::GreenList;
pub use gumbel_max::GumbelMax;
pub use tournament::Tournament;

/// A scheme with its parameters (taggant-1, section 5).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Scheme {
    /// A bias towards a keyed share of the vocabulary.
    Green(GreenList),
    /// The keyed argmax of Gumbel noise.
    Gumbel(GumbelMax),
    /// Layers of keyed coin flips that reweigh the distribution.
    Tournament(Tournament),
}

impl Scheme {
    /// The scheme's name in key paths and profiles: `green`, `gumbel` or `tournament`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Green(_) => "green",
            Self::Gumbel(_) => "gumbel",
            Self::Tournament(_) => "tournament",
        }
    }
}

/// The word of a token: word (v mod 16) of block (v div 16) (taggant-1, section 4).
pub(crate) fn word(key: &BlockKey, nonce: Nonce, token: TokenId) -> u32 {
    key.block(nonce, token / TOKENS_PER_BLOCK)[(token % TOKENS_PER_BLOCK) as usize]
}

/// The words of many tokens of one context, one block for each run of tokens that share it.
///
/// Equal to calling [`word`] on each; sorted tokens cost the fewest blocks.
pub(crate) fn words_into(key: &BlockKey, nonce: Nonce, tokens: &[TokenId], words: &mut [u32]) {
    let mut held = None;
    for (word, &token) in words.iter_mut().zip(tokens) {
        let counter = token / TOKENS_PER_BLOCK;
        let block = match held {
            Some((at, block)) if at == counter => block,
            _ => key.block(nonce, counter),
        };
        held = Some((counter, block));
        *word = block[(token % TOKENS_PER_BLOCK) as usize];
    }
}

/// How many tokens a block serves where each token takes a whole word.
const TOKENS_PER_BLOCK: u32 = 16;
