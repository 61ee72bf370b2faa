//! How the files of an audit are read: another field or tokenizer is another text.

use serde::{Deserialize, Serialize};

use crate::document::present;

/// How files are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// `sha256:` and the digest of the tokenizer; null where rows hold tokens.
    #[serde(deserialize_with = "present")]
    pub tokenizer: Option<String>,
    /// The same of the suspect's own tokenizer, where its tokens and log-probs are not in the mark's.
    #[serde(deserialize_with = "present")]
    pub suspect_tokenizer: Option<String>,
    /// The format of every file, as `--input-format` names it; null where the names tell.
    #[serde(deserialize_with = "present")]
    pub format: Option<String>,
    /// The field of a row with the text.
    pub text_field: String,
    /// The field with the tokens.
    pub tokens_field: String,
    /// The field with the log-probs.
    pub logprobs_field: String,
    /// Log-probs of tokens less likely than this are dropped, from 0 to 1.
    pub least_p: f64,
    /// Whether bad lines are counted and passed over.
    pub skip_bad: bool,
}

impl Default for Reading {
    /// Rows of tokens, under the usual names.
    fn default() -> Self {
        Self {
            tokenizer: None,
            suspect_tokenizer: None,
            format: None,
            text_field: "text".into(),
            tokens_field: "tokens".into(),
            logprobs_field: "logprobs".into(),
            least_p: Self::LEAST_P,
            skip_bad: false,
        }
    }
}

impl Reading {
    /// Below this a log-prob moves no sum that a test could see, and whole rows fit memory without them.
    pub const LEAST_P: f64 = 1e-5;
}
