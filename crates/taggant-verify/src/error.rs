//! What can go wrong in a verification.

/// An error of this crate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] pub(crate) Kind);

impl Error {
    /// Whether the input holds nothing that could be scored.
    #[must_use]
    pub fn is_nothing_to_score(&self) -> bool {
        matches!(self.0, Kind::NothingToScore { .. } | Kind::OnlyAccounts)
    }
}

/// What exactly went wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Kind {
    #[error("alpha must be above 0 and below 1, found {found}")]
    Alpha { found: f64 },
    #[error("the smallest effect must be a number above 0, found {found}")]
    MinEffect { found: f64 },
    #[error("the corpus was read with contexts of {found} tokens, those of this mark hold {expected}")]
    CorpusWidth { expected: usize, found: usize },
    #[error(
        "every channel of this mark carries accounts, and these tests read only channels that carry none"
    )]
    OnlyAccounts,
    #[error("served contexts hold {found} tokens, those of this mark hold {expected}")]
    ServedWidth { expected: usize, found: usize },
    #[error(
        "nothing to score: {tokens} tokens in all, and no document has more than the {width} that make the first context"
    )]
    NothingToScore { tokens: u64, width: usize },
}
