//! The seam to the sampler: what a mark asks of the next token.

use alloc::sync::Arc;

use crate::reader::Reader;
use crate::scheme::Scheme;
use crate::token::TokenId;

/// Writes a mark: fills the values that a sampler needs for one context.
///
/// Must hold: for every token the values here are those that [`Reader::readings`] gives for
/// (context, token), after the sign of the writer's account, if it has one.
pub trait Writer: Reader {
    /// How the sampler uses the values.
    fn scheme(&self) -> Scheme;

    /// What becomes of a context that was already used in the same completion.
    fn repeat_rule(&self) -> RepeatRule;

    /// Whether this writer marks after `context`; a context of an account channel is left unmarked by a
    /// writer that has no account. `context.len()` is the context width.
    fn marks(&self, context: &[TokenId]) -> bool;

    /// Packs the green list of `context`: token v is bit v mod 32 of word v div 32, least significant
    /// first; bits at and above `vocab_size` are 0. Only for [`Scheme::Green`].
    ///
    /// `context.len()` is the context width and `mask.len() == vocab_size.div_ceil(32)`.
    fn green_mask_into(&self, context: &[TokenId], vocab_size: usize, mask: &mut [u32]);

    /// The words of `tokens` after `context`, for [`Scheme::Gumbel`] and [`Scheme::Tournament`].
    ///
    /// `context.len()` is the context width and `words.len() == tokens.len()`; tokens in ascending order
    /// are fastest.
    fn words_into(&self, context: &[TokenId], tokens: &[TokenId], words: &mut [u32]);
}

/// What becomes of a context that was already used in the same completion (taggant-1, section 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RepeatRule {
    /// It is not marked again: its token is sampled normally. Keeps keyed schemes out of loops.
    #[default]
    Completion,
    /// It is marked every time.
    None,
}

impl<W: Writer + ?Sized> Writer for Arc<W> {
    fn scheme(&self) -> Scheme {
        (**self).scheme()
    }

    fn repeat_rule(&self) -> RepeatRule {
        (**self).repeat_rule()
    }

    fn marks(&self, context: &[TokenId]) -> bool {
        (**self).marks(context)
    }

    fn green_mask_into(&self, context: &[TokenId], vocab_size: usize, mask: &mut [u32]) {
        (**self).green_mask_into(context, vocab_size, mask);
    }

    fn words_into(&self, context: &[TokenId], tokens: &[TokenId], words: &mut [u32]) {
        (**self).words_into(context, tokens, words);
    }
}
