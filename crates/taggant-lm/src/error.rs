//! The one error of this crate.

/// Why a text, a tokenizer or a language model could not be had or used.
///
/// Two families, told apart by [`Error::is_misuse`]: a call that no input can make right (an order of 0, a row of
/// the wrong length), and input that is bad (a token id outside the vocabulary, a text that cannot be tokenized).
/// No message holds text.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error {
    kind: Kind,
}

impl Error {
    /// Whether the calling code must change, whatever the input is.
    #[must_use]
    pub fn is_misuse(&self) -> bool {
        matches!(self.kind, Kind::Order { .. } | Kind::EmptyVocabulary | Kind::RowLength { .. })
    }

    /// The token id that lies outside the vocabulary, if that is what is wrong.
    #[must_use]
    pub fn unknown_token(&self) -> Option<u32> {
        match self.kind {
            Kind::UnknownToken { token, .. } => Some(token),
            _ => None,
        }
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self { kind }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Kind {
    #[error("expected an order of 1 to {max}, found {found}")]
    Order { found: usize, max: usize },
    #[error("expected a vocabulary of at least one token, found none")]
    EmptyVocabulary,
    #[error("expected a row of {expected} logits, one per token of the vocabulary, found {found}")]
    RowLength { found: usize, expected: usize },
    #[error("expected token ids below {vocab_size}, found {token} at position {position}")]
    UnknownToken { token: u32, position: usize, vocab_size: usize },
    #[error("expected at most {max} tokens to train on at order {order}, found {found}")]
    CorpusLength { found: usize, max: usize, order: usize },
    #[error("expected at least one token to measure the perplexity of, found none")]
    NoTokens,
    #[error("the sampler refused a row")]
    Sampling(#[source] taggant::Error),
    #[error("the embedded text does not unpack")]
    EmbeddedText(#[source] std::io::Error),
    #[error("the text of {len} bytes cannot be tokenized")]
    Tokenization { len: usize, source: tokenizers::Error },
    #[error("the {len} tokens cannot be turned into text")]
    Detokenization { len: usize, source: tokenizers::Error },
}

impl Kind {
    /// Says which of `tokens` is outside a vocabulary of `vocab_size` tokens, if one is.
    pub(crate) fn check_tokens(tokens: &[u32], vocab_size: usize) -> Result<(), Self> {
        match tokens.iter().position(|token| *token as usize >= vocab_size) {
            None => Ok(()),
            Some(position) => Err(Self::UnknownToken { token: tokens[position], position, vocab_size }),
        }
    }

    /// The same, where the tokens that were checked start at `offset` of what the caller gave.
    pub(crate) fn at_offset(self, offset: usize) -> Self {
        match self {
            Self::UnknownToken { token, position, vocab_size } => {
                Self::UnknownToken { token, position: position + offset, vocab_size }
            }
            other => other,
        }
    }
}
