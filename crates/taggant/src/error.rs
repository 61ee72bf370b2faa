//! What can go wrong in the core, in three families.

use alloc::string::String;
use core::fmt;

use crate::token::TokenId;

/// Whose move it is when an [`Error`] comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// The data is bad: a key file, a profile, a row of logits. It may be hostile; refuse it.
    BadInput,
    /// The calling code is wrong: a short buffer, a bias asked of a keyed scheme. Fix the code.
    Misuse,
    /// A version or scheme that this build does not know.
    Unsupported,
}

/// An error of this crate. Its message never holds a secret.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] pub(crate) Kind);

impl Error {
    /// Whose move it is.
    #[must_use]
    pub fn family(&self) -> Family {
        match self.0 {
            Kind::UnknownScheme { .. } | Kind::UnknownDialect { .. } => Family::Unsupported,
            Kind::LogitsLength { .. }
            | Kind::RowsLength { .. }
            | Kind::MaskLength { .. }
            | Kind::ContextLength { .. }
            | Kind::NotGreenList { .. }
            | Kind::Rollback { .. }
            | Kind::Sampling { .. } => Family::Misuse,
            _ => Family::BadInput,
        }
    }

    /// The token id at which a row of logits went wrong, if that is what this error is about.
    #[must_use]
    pub fn token(&self) -> Option<TokenId> {
        match self.0 {
            Kind::NanLogit { token } | Kind::InfiniteLogit { token } => Some(token),
            _ => None,
        }
    }
}

/// What exactly went wrong. Private, so that a new case is not a breaking change.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Kind {
    #[error("a secret is 64 hexadecimal digits (32 bytes), found {found} characters")]
    SecretLength { found: usize },
    #[error("a secret is 64 hexadecimal digits, character {position} is not one")]
    SecretDigit { position: usize },
    #[error("{what} must match [A-Za-z0-9._-]{{1,128}}{found}")]
    Name { what: &'static str, found: NameFault },
    #[error("gamma must be written j/2, j/4, j/16 or j/256 with 1 <= j < the denominator, found {found:?}")]
    Gamma { found: String },
    #[error("context_width must be 1 to 12, found {found}")]
    ContextWidth { found: u64 },
    #[error("depth must be 1 to 32, found {found}")]
    Depth { found: u64 },
    #[error("delta must be above 0 and at most 100 nats, found {found}")]
    Delta { found: f64 },
    #[error("channel shares must sum to 256, found {found}")]
    ShareSum { found: u64 },
    #[error("a profile needs 1 to 256 channels, found {found}")]
    ChannelCount { found: usize },
    #[error("two channels are named {name:?}; each needs a name of its own")]
    ChannelTwice { name: String },
    #[error("channel {name:?} carries accounts, which needs gamma = \"1/2\" exactly, found {gamma:?}")]
    AccountGamma { name: String, gamma: String },
    #[error("field `{field}` belongs to scheme {wanted:?}, and this profile says scheme = {found:?}")]
    ForeignField { field: &'static str, wanted: &'static str, found: String },
    #[error("scheme {scheme:?} needs the field `{field}`")]
    MissingField { field: &'static str, scheme: &'static str },
    #[error("unknown scheme {found:?}, expected green, gumbel or tournament")]
    UnknownScheme { found: String },
    #[error("unknown dialect {found:?}, expected taggant-1")]
    UnknownDialect { found: String },
    #[error("tokenizer must be \"sha256:\" and 64 lower-case hexadecimal digits")]
    TokenizerDigest,
    #[error("the row of logits is empty")]
    EmptyRow,
    #[error("the row of logits has {found} entries, expected {expected} as in the first row")]
    LogitsLength { expected: usize, found: usize },
    #[error("the row has more entries than there are token ids (2^32)")]
    RowTooLong,
    #[error("{n_rows} sessions and {found} logits: expected n_sessions * vocab_size = {expected}")]
    RowsLength { n_rows: usize, expected: usize, found: usize },
    #[error("the logit of token {token} is NaN")]
    NanLogit { token: TokenId },
    #[error("the logit of token {token} is +infinity, which has no distribution")]
    InfiniteLogit { token: TokenId },
    #[error("every logit is -infinity, so there is nothing to sample")]
    NoCandidate,
    #[error("a mask for {vocab_size} tokens needs {expected} words, found {found}")]
    MaskLength { vocab_size: usize, expected: usize, found: usize },
    #[error("a context of this mark is {expected} tokens, found {found}")]
    ContextLength { expected: usize, found: usize },
    #[error("scheme {scheme:?} owns the draw and has no bias; call `sample`")]
    NotGreenList { scheme: &'static str },
    #[error("cannot roll back {asked} tokens, only {held} were accepted")]
    Rollback { asked: usize, held: usize },
    #[error("{what} must be {expected}, found {found}")]
    Sampling { what: &'static str, expected: &'static str, found: f64 },
}

/// Why a name was refused, without the name itself where that could be long or hostile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum NameFault {
    Length(usize),
    Character(usize),
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(f, ", found {length} characters"),
            Self::Character(position) => write!(f, ", character {position} does not"),
        }
    }
}
