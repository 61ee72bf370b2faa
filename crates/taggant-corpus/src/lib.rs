//! Corpora: from files to documents of tokens.
//!
//! [`Source::find`] turns an argument into sources (a file, a folder, a pattern, standard input), [`read`] hands over
//! their [`Document`]s in order: plain text, jsonl and Parquet, plain or gzip, text encoded by a [`Tokenizer`] or tokens as
//! they are, and with them prompts, weights and log-probs ([`LnRow`]). An [`Alignment`] reads those of a
//! model with another tokenizer as if they were about the tokens of a mark. Every error names the file and the line and never shows the text.

mod alignment;
mod batch;
mod documents;
mod error;
mod ln_row;
mod log_probs;
#[cfg(feature = "parquet")]
mod parquet_columns;
#[cfg(feature = "parquet")]
mod parquet_file;
mod row;
mod source;
mod token_bytes;
mod tokenizer;

pub use alignment::{Aligned, Alignment, SuspectToken, SuspectVocabulary};
pub use documents::{Document, EncodedText, Options, Summary, read};
pub use error::Error;
pub use ln_row::LnRow;
pub use row::Fields;
pub use source::{Format, Source};
pub use tokenizer::Tokenizer;
