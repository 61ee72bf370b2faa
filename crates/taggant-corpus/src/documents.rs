//! Documents: rows of every source, encoded, in order.

use std::io::{BufRead, Read};

use rayon::prelude::*;
use taggant::TokenId;

use crate::error::{Error, Kind};
use crate::row::{Content, Fields, Row, parse};
use crate::source::{Format, Source};
use crate::tokenizer::Tokenizer;

/// One document of a corpus.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Document {
    /// Its id: the row's own, or `file:line`, or the file's name for plain text.
    pub id: String,
    /// Where it was found: the file, and the line of a row.
    pub at: String,
    /// Its tokens.
    pub tokens: Vec<TokenId>,
    /// A weight for each token, where [`Fields::weights`] asks for them.
    pub weights: Option<Vec<f64>>,
    /// The text it was encoded from, where [`Options::keep_text`] asks for it; rows of tokens have none.
    pub text: Option<EncodedText>,
}

/// A text and where its tokens lie in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedText {
    /// The text, without a byte order mark.
    pub text: String,
    /// The bytes of each token, half-open.
    pub offsets: Vec<(usize, usize)>,
}

/// How a corpus is to be read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The names of the fields.
    pub fields: Fields,
    /// The format of every source; `None` tells by the name.
    pub format: Option<Format>,
    /// Count bad lines and go on, instead of stopping at the first.
    pub skip_bad: bool,
    /// What turns text into tokens; rows of tokens need none.
    pub tokenizer: Option<Tokenizer>,
    /// Hand over the text of each document with its tokens.
    pub keep_text: bool,
}

/// What was met on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Documents that were read.
    pub documents: u64,
    /// Documents that were encoded from text.
    pub encoded: u64,
    /// Bad lines that were skipped.
    pub skipped_lines: u64,
    /// The first bad line that was skipped, as the error would have said it.
    pub first_skipped: Option<String>,
    /// Byte order marks that were dropped.
    pub byte_order_marks: u64,
}

/// Reads every source, and hands each document over in order.
///
/// Text is encoded on all cores, a batch at a time; a corpus is never held whole. `on_bytes` hears of progress.
/// Blank lines of jsonl are no rows.
///
/// # Errors
/// At the first source that cannot be read and, unless they are skipped, the first bad line: file and line
/// are in the message.
pub fn read(
    sources: &[Source],
    options: &Options,
    mut on_document: impl FnMut(Document),
    mut on_bytes: impl FnMut(u64),
) -> Result<Summary, Error> {
    let mut summary = Summary::default();
    let mut batch = Batch { options, rows: Vec::new(), text_len: 0 };
    for source in sources {
        let (mut reader, format) = source.open(options.format)?;
        match format {
            Format::Txt => {
                let mut bytes = Vec::new();
                let at = source.name();
                reader.read_to_end(&mut bytes).map_err(|error| Kind::Io { at: at.clone(), source: error })?;
                on_bytes(bytes.len() as u64);
                let text = text(bytes, &at)?;
                let text = without_mark(text, &mut summary);
                if let Some(field) = &options.fields.weights {
                    return Err(Kind::NoWeights { at, field: field.clone() }.into());
                }
                let row = Row { id: Some(source.short_name()), content: Content::Text(text), weights: None };
                batch.push(at, row, &mut summary, &mut on_document)?;
            }
            Format::Jsonl => {
                let mut number = 0_u64;
                let mut line = Vec::new();
                loop {
                    line.clear();
                    number += 1;
                    let at = format!("{}:{number}", source.name());
                    let n_bytes = reader.by_ref().read_until(b'\n', &mut line);
                    match n_bytes.map_err(|error| Kind::Io { at: at.clone(), source: error })? {
                        0 => break,
                        n_bytes => on_bytes(n_bytes as u64),
                    }
                    let bare = line.strip_prefix(BYTE_ORDER_MARK).filter(|_| number == 1).unwrap_or(&line);
                    if bare.iter().all(u8::is_ascii_whitespace) {
                        continue;
                    }
                    match row(line.trim_ascii_end(), &at, number == 1, options, &mut summary) {
                        Ok(mut row) => {
                            let id = || format!("{}:{number}", source.short_name());
                            row.id.get_or_insert_with(id);
                            batch.push(at, row, &mut summary, &mut on_document)?;
                        }
                        Err(error) if options.skip_bad => {
                            summary.skipped_lines += 1;
                            summary.first_skipped.get_or_insert_with(|| error.to_string());
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
    batch.flush(&mut summary, &mut on_document)?;
    Ok(summary)
}

/// Rows that wait to be encoded together.
struct Batch<'a> {
    options: &'a Options,
    rows: Vec<(String, Row)>,
    text_len: usize,
}

impl Batch<'_> {
    fn push(
        &mut self,
        at: String,
        row: Row,
        summary: &mut Summary,
        on_document: &mut impl FnMut(Document),
    ) -> Result<(), Error> {
        if let Content::Text(text) = &row.content {
            self.text_len += text.len();
        }
        self.rows.push((at, row));
        if self.rows.len() >= BATCH_ROWS || self.text_len >= BATCH_BYTES {
            self.flush(summary, on_document)?;
        }
        Ok(())
    }

    fn flush(&mut self, summary: &mut Summary, on_document: &mut impl FnMut(Document)) -> Result<(), Error> {
        self.text_len = 0;
        let tokenizer = self.options.tokenizer.as_ref();
        let encode = |(at, row): (String, Row)| -> Result<(Document, bool), Error> {
            let is_text = matches!(&row.content, Content::Text(_)) && tokenizer.is_some();
            let (tokens, text) = match (row.content, tokenizer) {
                (Content::Tokens(tokens), _) => (tokens, None),
                (Content::Text(text), Some(tokenizer)) if self.options.keep_text => {
                    let (tokens, offsets) = tokenizer.encode_with_offsets(&text, &at)?;
                    (tokens, Some(EncodedText { text, offsets }))
                }
                (Content::Text(text), Some(tokenizer)) => (tokenizer.encode(&text, &at)?, None),
                (Content::Text(text), None) if text.is_empty() => (Vec::new(), None),
                (Content::Text(_), None) => return Err(Kind::NoTokenizer { at }.into()),
            };
            if let Some(weights) = row.weights.as_ref().map(Vec::len).filter(|n| *n != tokens.len()) {
                return Err(Kind::Weights { at, weights, tokens: tokens.len() }.into());
            }
            let id = row.id.unwrap_or_default();
            Ok((Document { id, at, tokens, weights: row.weights, text }, is_text))
        };
        let rows = std::mem::take(&mut self.rows);
        let encoded: Vec<Result<(Document, bool), Error>> = rows.into_par_iter().map(encode).collect();
        for document in encoded {
            let (document, is_encoded) = document?;
            summary.documents += 1;
            summary.encoded += u64::from(is_encoded);
            on_document(document);
        }
        Ok(())
    }
}

fn row(
    line: &[u8],
    at: &str,
    is_first: bool,
    options: &Options,
    summary: &mut Summary,
) -> Result<Row, Error> {
    let marked = line.strip_prefix(BYTE_ORDER_MARK).filter(|_| is_first);
    let text = str::from_utf8(marked.unwrap_or(line))
        .map_err(|error| Kind::NotText { at: at.to_owned(), byte: error.valid_up_to() })?;
    let row = parse(text, &options.fields).map_err(|message| Kind::Row { at: at.to_owned(), message })?;
    if let (Content::Tokens(tokens), Some(weights)) = (&row.content, &row.weights)
        && tokens.len() != weights.len()
    {
        let (tokens, weights) = (tokens.len(), weights.len());
        return Err(Kind::Weights { at: at.to_owned(), tokens, weights }.into());
    }
    summary.byte_order_marks += u64::from(marked.is_some());
    Ok(match row.content {
        Content::Text(text) => Row { content: Content::Text(without_mark(text, summary)), ..row },
        Content::Tokens(_) => row,
    })
}

/// The text of a whole file; a NUL byte is no text either.
fn text(bytes: Vec<u8>, at: &str) -> Result<String, Error> {
    let not_text = |byte| Error::from(Kind::NotText { at: at.to_owned(), byte });
    if let Some(byte) = bytes.iter().position(|&byte| byte == 0) {
        return Err(not_text(byte));
    }
    String::from_utf8(bytes).map_err(|error| not_text(error.utf8_error().valid_up_to()))
}

fn without_mark(text: String, summary: &mut Summary) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => {
            summary.byte_order_marks += 1;
            rest.to_owned()
        }
        None => text,
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A batch is as many rows, or as many bytes of text, whichever comes first.
const BATCH_ROWS: usize = 512;
const BATCH_BYTES: usize = 4 << 20;
