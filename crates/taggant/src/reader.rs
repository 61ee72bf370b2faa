//! The seam to the verifier: n-grams in, inputs and values of the pseudorandom function out.

use alloc::sync::Arc;
use core::fmt;

use crate::channel::Channel;
use crate::context::ContextWidth;
use crate::law::Law;
use crate::token::TokenId;

/// Reads a mark: everything a verifier needs of a dialect and a key.
///
/// Must hold, or p-values are wrong:
/// - [`readings`](Self::readings) is a function of [`inputs`](Self::inputs): n-grams with one input have one value;
/// - over a random key, the values of distinct inputs are independent and follow [`law`](Self::law);
/// - generation and verification use this same function for a value.
///
/// Affects speed alone: how many n-grams a call gets. Implementations do their vector work behind the
/// batch.
pub trait Reader: Send + Sync + fmt::Debug {
    /// Which tokens make the context of a token.
    fn context_rule(&self) -> ContextRule;

    /// How inputs relate to n-grams, and so what has to be done again for another key.
    fn identity(&self) -> Identity;

    /// The law of a value under the null.
    fn law(&self) -> Law;

    /// The channels, whose nulls are independent, in the order of [`Reading::channel`].
    fn channels(&self) -> &[Channel];

    /// The input of each n-gram.
    ///
    /// # Shapes and units
    /// `inputs.len() == ngrams.len()`; `ngrams.ngram_len() == context width + 1`, the scored token last.
    ///
    /// # Panics
    /// When the lengths differ.
    fn inputs(&self, ngrams: Ngrams<'_>, inputs: &mut [Input]);

    /// The channel, bucket and value of each n-gram. Shapes and panics as for [`inputs`](Self::inputs).
    fn readings(&self, ngrams: Ngrams<'_>, readings: &mut [Reading]);
}

impl<R: Reader + ?Sized> Reader for Arc<R> {
    fn context_rule(&self) -> ContextRule {
        (**self).context_rule()
    }

    fn identity(&self) -> Identity {
        (**self).identity()
    }

    fn law(&self) -> Law {
        (**self).law()
    }

    fn channels(&self) -> &[Channel] {
        (**self).channels()
    }

    fn inputs(&self, ngrams: Ngrams<'_>, inputs: &mut [Input]) {
        (**self).inputs(ngrams, inputs);
    }

    fn readings(&self, ngrams: Ngrams<'_>, readings: &mut [Reading]) {
        (**self).readings(ngrams, readings);
    }
}

/// The identity of an input of the pseudorandom function: what is de-duplicated.
///
/// A 128-bit fingerprint; for contexts of up to 3 tokens the packed n-gram itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Input(pub u128);

/// What the pseudorandom function says of one n-gram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The index of the context's channel.
    pub channel: u8,
    /// The context's bucket, for channels that carry accounts.
    pub bucket: u16,
    /// The value, before any account's sign; [`Law`] says what it means.
    pub value: u64,
}

/// How the inputs of a dialect relate to n-grams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// Distinct n-grams have distinct inputs whatever the key: what is distinct can be settled once.
    Ngram,
    /// Several n-grams may share an input, which may depend on the key (min-hash dialects) or not (a list that looks
    /// at the token alone): distinct inputs are found through [`Reader::inputs`], and anew under another key.
    Keyed,
}

/// Which tokens make the context of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextRule {
    /// How many tokens right before the scored one.
    pub width: ContextWidth,
    /// Whether prompt tokens enter a context.
    pub prompt: PromptRule,
}

impl ContextRule {
    /// Contexts of completion tokens alone, and nothing scored before there are `width` of them.
    #[must_use]
    pub fn completion(width: ContextWidth) -> Self {
        Self { width, prompt: PromptRule::Excluded }
    }
}

/// Whether prompt tokens enter a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PromptRule {
    /// Never: a position counts once `width` completion tokens precede it.
    Excluded,
}

/// A batch of n-grams of one length: every window of a document, or a packed list.
#[derive(Clone, Copy, Debug)]
pub struct Ngrams<'a> {
    tokens: &'a [TokenId],
    ngram_len: usize,
    stride: usize,
}

impl<'a> Ngrams<'a> {
    /// Every window of `ngram_len` tokens, in order: `tokens.len() - ngram_len + 1` of them, or none.
    ///
    /// # Panics
    /// When `ngram_len` is 0.
    #[must_use]
    pub fn windows(tokens: &'a [TokenId], ngram_len: usize) -> Self {
        assert!(ngram_len > 0, "an n-gram holds at least one token");
        Self { tokens, ngram_len, stride: 1 }
    }

    /// A list of n-grams laid end to end.
    ///
    /// # Panics
    /// When `ngram_len` is 0 or does not divide `tokens.len()`.
    #[must_use]
    pub fn packed(tokens: &'a [TokenId], ngram_len: usize) -> Self {
        assert!(ngram_len > 0 && tokens.len().is_multiple_of(ngram_len), "n-grams laid end to end");
        Self { tokens, ngram_len, stride: ngram_len }
    }

    /// How many n-grams.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.tokens.len().checked_sub(self.ngram_len) {
            Some(rest) => rest / self.stride + 1,
            None => 0,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tokens each holds.
    #[must_use]
    pub fn ngram_len(&self) -> usize {
        self.ngram_len
    }

    /// N-gram `index`, oldest token first and the scored one last.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    #[must_use]
    pub fn ngram(&self, index: usize) -> &'a [TokenId] {
        let start = index * self.stride;
        &self.tokens[start..start + self.ngram_len]
    }

    /// The n-grams in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [TokenId]> + use<'a> {
        let ngrams = *self;
        (0..ngrams.len()).map(move |index| ngrams.ngram(index))
    }
}
