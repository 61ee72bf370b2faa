//! Corpora: from files to documents of tokens.
//!
//! [`Source::find`] turns an argument into sources (a file, a folder, a pattern, standard input), [`read`] hands over
//! their [`Document`]s in order: plain text and jsonl, plain or gzip, text encoded by a [`Tokenizer`] or tokens as
//! they are. Every error names the file and the line and never shows the text.

mod documents;
mod error;
mod row;
mod source;
mod tokenizer;

pub use documents::{Document, EncodedText, Options, Summary, read};
pub use error::Error;
pub use row::Fields;
pub use source::{Format, Source};
pub use tokenizer::Tokenizer;
