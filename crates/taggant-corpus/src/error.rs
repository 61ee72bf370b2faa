//! What can go wrong between a path and a list of tokens.

use std::io;

/// An error of this crate. Its message says which file and line, and never holds the text.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] pub(crate) Kind);

/// What exactly went wrong. `at` is `file`, `file:line` or `file: row number`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Kind {
    #[error("cannot read {at}")]
    Io { at: String, source: io::Error },
    #[error("{at}: cannot tell the format from the name; use --input-format txt or jsonl")]
    UnknownFormat { at: String },
    #[error("{at}: no file with this name, and no file that matches it as a pattern")]
    NoMatch { at: String },
    #[error("{at}: not a valid pattern: {message}")]
    Pattern { at: String, message: String },
    #[error("{at}: the folder holds no .txt, .jsonl, .ndjson or .parquet file")]
    EmptyFolder { at: String },
    #[error("{at}: not UTF-8 text, first at byte {byte}; is it a binary file?")]
    NotText { at: String, byte: usize },
    #[error("{at}: {message}")]
    Row { at: String, message: String },
    #[error(
        "{at}: text without tokens needs a tokenizer: --tokenizer tokenizer.json, or `embedded` for that of `generate`"
    )]
    NoTokenizer { at: String },
    #[error("{at}: {tokens} tokens and {weights} weights; expected one weight for each token")]
    Weights { at: String, tokens: usize, weights: usize },
    #[error("{at}: {tokens} tokens and {entries} entries of log-probs; expected one for each token, or null")]
    LogProbs { at: String, tokens: usize, entries: usize },
    #[error("not a row of log-probabilities: {message}")]
    LnRow { message: String },
    #[error("{at}: plain text has no field `{field}` with weights; put them in rows of jsonl")]
    NoWeights { at: String, field: String },
    #[cfg(feature = "parquet")]
    #[error("{at}: not readable as Parquet: {message}")]
    Parquet { at: String, message: String },
    #[cfg(not(feature = "parquet"))]
    #[error("{at}: this build reads no Parquet; it was made without the feature `parquet`")]
    NoParquet { at: String },
    #[error("{at}: not a tokenizer.json: {message}")]
    Tokenizer { at: String, message: String },
    #[error("the tokenizer's tokens do not spell bytes of text: its decoder is {decoder}")]
    Spelling { decoder: String },
    #[error("token {token} of the suspect: {message}")]
    SuspectToken { token: usize, message: String },
    #[error("{at}: the text cannot be tokenized: {message}")]
    Encode { at: String, message: String },
}
