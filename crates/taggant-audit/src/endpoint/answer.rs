//! An answer and its tokens.

/// A delivered answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The place of its question in the list.
    pub index: usize,
    /// The id of its question.
    pub question: String,
    /// The prompt.
    pub prompt: String,
    /// The text of the answer; empty where the server gave none, such as for a refusal.
    pub text: String,
    /// Why the model stopped, in the server's word: `stop`, `length`, ...
    pub finish_reason: Option<String>,
    /// How many tokens the server counted; `None` where it did not.
    pub completion_tokens: Option<u64>,
    /// One entry for each token of the answer, where the server gave log-probabilities.
    pub log_probs: Option<Vec<TokenLogProb>>,
}

impl Answer {
    /// Whether the bytes of the tokens, laid end to end, are those of the text.
    ///
    /// They are not where a server cuts a text at a stop sequence, drops a leading space, shows half a character as
    /// U+FFFD, or leaves tokens out; then tokens cannot be placed in the text by counting bytes.
    #[must_use]
    pub fn is_aligned(&self) -> bool {
        self.log_probs.as_ref().is_some_and(|tokens| {
            tokens.iter().flat_map(|token| &token.bytes).eq(self.text.as_bytes().iter())
        })
    }
}

/// A token of an answer and what the model thought of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TokenLogProb {
    /// The token's bytes: as the server gives them, else those of its text, in which `bytes:\xe2\x80` stands for the
    /// bytes that it spells.
    pub bytes: Vec<u8>,
    /// The natural logarithm of its probability, as sent; -infinity where the server sent `null`. Servers write
    /// -9999 for an impossible token, and a rounded 0 may come out slightly above 0.
    pub ln_p: f64,
    /// The most likely tokens at this place and the same of each, in the server's order; the token itself need not be
    /// among them.
    pub top: Vec<(Vec<u8>, f64)>,
}
