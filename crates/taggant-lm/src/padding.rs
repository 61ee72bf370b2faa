//! Documents laid end to end, each behind its boundary tokens.

use crate::error::Kind;

/// The id that stands before the first token of a document, and between documents: 0.
///
/// The model pads every history that is too short with it. Put it at the end of documents too, if the model is to
/// learn where they end.
pub const BOUNDARY: u32 = 0;

/// The tokens of all documents in one piece, where every token has its whole history directly before it.
pub(crate) struct Padded {
    /// `order - 1` boundaries before each document, then its tokens.
    tokens: Vec<u32>,
    /// Where in `tokens` the tokens of the documents are.
    positions: Vec<u32>,
}

impl Padded {
    /// Copies `documents`, padded for a model of `order` over a vocabulary of `vocab_size` tokens.
    pub(crate) fn new(
        documents: &[impl AsRef<[u32]>],
        order: usize,
        vocab_size: usize,
    ) -> Result<Self, Kind> {
        let n_tokens: usize = documents.iter().map(|document| document.as_ref().len()).sum();
        let padded_len = n_tokens.saturating_add(documents.len().saturating_mul(order - 1));
        // A model has at most one context and one follower per token and level, and numbers them with 32 bits.
        let max = u32::MAX as usize / (order + 1);
        if padded_len > max {
            return Err(Kind::CorpusLength { found: padded_len, max, order });
        }

        let mut tokens = Vec::with_capacity(padded_len);
        let mut positions = Vec::with_capacity(n_tokens);
        for document in documents.iter().map(AsRef::as_ref) {
            Kind::check_tokens(document, vocab_size)?;
            tokens.extend(std::iter::repeat_n(BOUNDARY, order - 1));
            let start = tokens.len() as u32;
            positions.extend(start..start + document.len() as u32);
            tokens.extend_from_slice(document);
        }
        Ok(Self { tokens, positions })
    }

    /// The number of tokens that are not padding.
    pub(crate) fn n_tokens(&self) -> usize {
        self.positions.len()
    }

    /// For every token that is not padding, the token `distance` places before it, in text order. At most
    /// `order - 1` places; 0 is the token itself.
    pub(crate) fn tokens_before(&self, distance: usize) -> impl Iterator<Item = u32> {
        self.positions.iter().map(move |position| self.tokens[*position as usize - distance])
    }
}
