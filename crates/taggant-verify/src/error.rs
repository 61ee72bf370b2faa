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
    #[error("power must be at least 0.5 and at most 0.99, and above alpha, found {found}")]
    Power { found: f64 },
    #[error("the unique share must be above 0 and at most 1, found {found}")]
    UniqueShare { found: f64 },
    #[error("a coefficient must be a number of magnitude 2^31 at most, found {found:e}")]
    Coefficient { found: f64 },
    #[error(
        "layer weights are for laws of several bits, and there is one for each: expected {expected}, found {found}"
    )]
    LayerWeights { expected: usize, found: usize },
    #[error("the items hold contexts of {found} tokens, those of this mark hold {expected}")]
    ItemsWidth { expected: usize, found: usize },
    #[error(
        "a filter on (context, token) selects on the value itself and would make evidence of anything; filter on contexts of \
         {expected} tokens"
    )]
    TupleFilter { expected: usize },
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
    #[error("no test has this name; expected one of {}", crate::TestName::ALL.map(|name| name.to_string()).join(", "))]
    TestName,
    #[error("the test {name} needs its filter: contexts that were served, or familiar ones")]
    NoFilter { name: String },
    #[error("the test {name} cannot be read from text that was read until evidence was seen")]
    StoppedByScores { name: String },
    #[error("the verdict is to rest on the test {name}, which is not among those made")]
    Undecided { name: String },
    #[error("an e-value must have a logarithm below infinity, found {found}")]
    EValue { found: f64 },
    #[error("the scale must be a number from 1e-150 to 1e150, found {found}")]
    Scale { found: f64 },
    #[error("a coefficient must be no larger than the scale {scale}, found {found}")]
    BetCoefficient { found: f64, scale: f64 },
    #[error("a score of this law is at most {largest}, found {found}")]
    Score { found: u64, largest: u64 },
    #[error("a weighted sum of these scores is between {low} and {high}, found {found}")]
    Sum { found: f64, low: f64, high: f64 },
    #[error("context frequencies of {found} tokens, those of this mark hold {expected}")]
    FrequencyWidth { expected: usize, found: usize },
    #[error("a temperature must be a finite number above 0, found {found}")]
    Temperature { found: f64 },
    #[error(
        "contexts of this mark share inputs, and the co-test for forgery needs one input for each n-gram"
    )]
    KeyedIdentity,
    #[error("the co-test for forgery knows no law of a marked score for the scheme {scheme}")]
    NoMarkedLaw { scheme: &'static str },
    #[error(
        "the reference's row at position {position}: expected numbers of at least 0 with a positive sum, the token among them"
    )]
    ReferenceRow { position: usize },
}
