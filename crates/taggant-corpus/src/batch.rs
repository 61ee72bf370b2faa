//! Batches: rows of any format wait to be encoded together, on all cores, and leave in order as documents.

use rayon::prelude::*;
use taggant::TokenId;

use crate::documents::{Document, EncodedText, Options, Summary};
use crate::error::{Error, Kind};
use crate::ln_row::LnRow;
use crate::row::{Content, Row};

/// What was read of one row, and where.
pub(crate) struct RowOf {
    pub(crate) at: String,
    /// The id of a row that has none.
    pub(crate) id: String,
    pub(crate) row: Result<Row, Error>,
}

/// Rows that wait, and what was met so far.
pub(crate) struct Batch<'a, F> {
    options: &'a Options,
    on_document: F,
    summary: Summary,
    rows: Vec<(String, String, Row)>,
    text_len: usize,
    n_log_probs: usize,
}

impl<'a, F: FnMut(Document)> Batch<'a, F> {
    pub(crate) fn new(options: &'a Options, on_document: F) -> Self {
        let summary = Summary::default();
        Self { options, on_document, summary, rows: Vec::new(), text_len: 0, n_log_probs: 0 }
    }

    pub(crate) fn options(&self) -> &'a Options {
        self.options
    }

    /// Counts byte order marks that were dropped before the row was read.
    pub(crate) fn count_marks(&mut self, n_marks: u64) {
        self.summary.byte_order_marks += n_marks;
    }

    /// Takes a row, or skips a bad one if that is asked for.
    pub(crate) fn take(&mut self, row: RowOf) -> Result<(), Error> {
        let checked = row.row.and_then(|content| match &content.content {
            Content::Text(_) => Ok(content),
            Content::Tokens(tokens) => check_lengths(tokens.len(), &content, &row.at).map(|()| content),
        });
        match checked {
            Ok(content) => self.push(row.at, row.id, content),
            Err(error) if self.options.skip_bad => {
                self.summary.skipped_lines += 1;
                self.summary.first_skipped.get_or_insert_with(|| error.to_string());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Hands over what still waits.
    pub(crate) fn finish(mut self) -> Result<Summary, Error> {
        self.flush()?;
        Ok(self.summary)
    }

    fn push(&mut self, at: String, id: String, mut row: Row) -> Result<(), Error> {
        for content in [Some(&mut row.content), row.prompt.as_mut()] {
            if let Some(Content::Text(text)) = content {
                if text.starts_with(BYTE_ORDER_MARK) {
                    text.drain(..BYTE_ORDER_MARK.len_utf8());
                    self.summary.byte_order_marks += 1;
                }
                self.text_len += text.len();
            }
        }
        self.n_log_probs += row.log_probs.iter().flatten().flatten().map(LnRow::len).sum::<usize>();
        self.rows.push((at, id, row));
        let is_full = self.rows.len() >= BATCH_ROWS
            || self.text_len >= BATCH_BYTES
            || self.n_log_probs >= BATCH_LOG_PROBS;
        if is_full { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        (self.text_len, self.n_log_probs) = (0, 0);
        let options = self.options;
        let encode = |(at, id, row)| document(at, id, row, options);
        let rows = std::mem::take(&mut self.rows);
        let encoded: Vec<Result<(Document, bool), Error>> = rows.into_par_iter().map(encode).collect();
        for document in encoded {
            let (document, is_encoded) = document?;
            self.summary.documents += 1;
            self.summary.encoded += u64::from(is_encoded);
            (self.on_document)(document);
        }
        Ok(())
    }
}

/// A row with its text encoded, and whether it had any.
fn document(at: String, id: String, mut row: Row, options: &Options) -> Result<(Document, bool), Error> {
    let tokenizer = options.tokenizer.as_ref();
    let is_text = matches!(&row.content, Content::Text(_)) && tokenizer.is_some();
    let is_of_tokens = matches!(&row.content, Content::Tokens(_));
    let is_prompt_of_tokens = matches!(&row.prompt, Some(Content::Tokens(_)));
    let encode = |content: Content, keep_text: bool| match (content, tokenizer) {
        (Content::Tokens(tokens), _) => Ok((tokens, None)),
        (Content::Text(text), Some(tokenizer)) if keep_text => {
            let (tokens, offsets) = tokenizer.encode_with_offsets(&text, &at)?;
            Ok((tokens, Some(EncodedText { text, offsets })))
        }
        (Content::Text(text), Some(tokenizer)) => Ok((tokenizer.encode(&text, &at)?, None)),
        (Content::Text(text), None) if text.is_empty() => Ok((Vec::new(), None)),
        (Content::Text(_), None) => Err(Error::from(Kind::NoTokenizer { at: at.clone() })),
    };
    let content = std::mem::replace(&mut row.content, Content::Tokens(Vec::new()));
    let (tokens, text) = encode(content, options.keep_text)?;
    check_lengths(tokens.len(), &row, &at)?;
    let prompt = row.prompt.map(|prompt| encode(prompt, false)).transpose()?.map(|(tokens, _)| tokens);
    // A list may hold the token that came next whatever its rank: only a known token is told from the likely ones.
    let with_observed = |(row, &token): (Option<LnRow>, &TokenId)| {
        row.map(|row| row.with_observed(token).without_below(options.least_p))
    };
    let log_probs =
        row.log_probs.map(|log_probs| log_probs.into_iter().zip(&tokens).map(with_observed).collect());
    let id = row.id.unwrap_or(id);
    let weights = row.weights;
    let document =
        Document { id, at, tokens, weights, prompt, log_probs, is_of_tokens, is_prompt_of_tokens, text };
    Ok((document, is_text))
}

/// Weights and log-probs go with tokens one to one.
fn check_lengths(tokens: usize, row: &Row, at: &str) -> Result<(), Error> {
    let at = || at.to_owned();
    match (row.weights.as_ref().map(Vec::len), row.log_probs.as_ref().map(Vec::len)) {
        (Some(weights), _) if weights != tokens => Err(Kind::Weights { at: at(), tokens, weights }.into()),
        (_, Some(entries)) if entries != tokens => Err(Kind::LogProbs { at: at(), tokens, entries }.into()),
        _ => Ok(()),
    }
}

const BYTE_ORDER_MARK: char = '\u{feff}';

/// A batch is as many rows, as many bytes of text, or as many listed log-probs, whichever comes first.
pub(crate) const BATCH_ROWS: usize = 512;
pub(crate) const BATCH_BYTES: usize = 4 << 20;
pub(crate) const BATCH_LOG_PROBS: usize = 4 << 20;
