//! What an audit reads: a stretch of tokens that the suspect wrote, or read.

use taggant::TokenId;
use taggant_corpus::LnRow;

/// One answer of the suspect, or one text that it read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Passage {
    /// Its id.
    pub id: String,
    /// The tokens before it: never scored, and their contexts count in no passage of the audit. `None` where it is not
    /// known what was asked.
    pub prompt: Option<Vec<TokenId>>,
    /// Its tokens.
    pub tokens: Vec<TokenId>,
    /// What the suspect expected at each of them, where it says so: entry i predicts token i from everything before it.
    pub log_probs: Option<Vec<Option<LnRow>>>,
}

impl Passage {
    /// A passage of bare tokens.
    #[must_use]
    pub fn of_tokens(id: impl Into<String>, tokens: Vec<TokenId>) -> Self {
        Self { id: id.into(), tokens, ..Self::default() }
    }

    /// The rows that are there, each with the token that came.
    pub(crate) fn known_rows(&self) -> impl Iterator<Item = (&LnRow, TokenId)> {
        let rows = self.log_probs.iter().flatten().zip(&self.tokens);
        rows.filter_map(|(row, &token)| Some((row.as_ref()?, token)))
    }

    /// The prompt and the tokens, and where the latter begin.
    pub(crate) fn history(&self) -> (Vec<TokenId>, usize) {
        let mut tokens = self.prompt.clone().unwrap_or_default();
        let start = tokens.len();
        tokens.extend_from_slice(&self.tokens);
        (tokens, start)
    }
}
