//! Documents: rows of every source, encoded, in order.

use std::io::{BufRead, Read};

use taggant::TokenId;

use crate::batch::{Batch, RowOf};
use crate::error::{Error, Kind};
use crate::ln_row::LnRow;
#[cfg(feature = "parquet")]
use crate::parquet_file;
use crate::row::{Content, Fields, Row, parse};
use crate::source::{Format, Opened, Source};
use crate::tokenizer::Tokenizer;

/// One document of a corpus.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Document {
    /// Its id: the row's own, or `file:line` (in Parquet `file:row`, from 0), or the file's name for plain text.
    pub id: String,
    /// Where it was found: the file, and the line of a row, or `row` and its number from 0 in Parquet.
    pub at: String,
    /// Its tokens.
    pub tokens: Vec<TokenId>,
    /// A weight for each token, where [`Fields::weights`] asks for them.
    pub weights: Option<Vec<f64>>,
    /// The tokens of the prompt it answers, where [`Options::prompts`] asks for them and the row has one.
    pub prompt: Option<Vec<TokenId>>,
    /// What a model said of each token, where [`Fields::log_probs`] asks for it and the row has it: entry i predicts
    /// token i from the prompt and all tokens before it, `None` where nothing is known.
    pub log_probs: Option<Vec<Option<LnRow>>>,
    /// Whether its tokens stood in the row, and were not made of a text here.
    pub is_of_tokens: bool,
    /// Whether those of its prompt did.
    pub is_prompt_of_tokens: bool,
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
    /// Count bad lines and bad rows and go on, instead of stopping at the first.
    pub skip_bad: bool,
    /// What turns text into tokens; rows of tokens need none.
    pub tokenizer: Option<Tokenizer>,
    /// Hand over the text of each document with its tokens.
    pub keep_text: bool,
    /// Read the prompts of rows; a text is encoded like others, without special tokens.
    pub prompts: bool,
    /// Log-probs below this probability are dropped on reading, which bounds the memory of whole rows: their tokens
    /// are unlisted from then on, see [`LnRow::without_below`]. 0 keeps all.
    pub least_p: f64,
}

/// What was met on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Documents that were read.
    pub documents: u64,
    /// Documents that were encoded from text.
    pub encoded: u64,
    /// Bad lines and bad rows that were skipped.
    pub skipped_lines: u64,
    /// The first of them, as the error would have said it.
    pub first_skipped: Option<String>,
    /// Byte order marks that were dropped.
    pub byte_order_marks: u64,
}

/// Reads every source, and hands each document over in order.
///
/// Text is encoded on all cores, a batch at a time; a corpus is never held whole, save for Parquet from standard
/// input or gzip. `on_bytes` hears of progress. Blank lines of jsonl are no rows.
///
/// # Errors
/// At the first source that cannot be read and, unless they are skipped, the first bad line or row: file and line
/// are in the message.
pub fn read(
    sources: &[Source],
    options: &Options,
    on_document: impl FnMut(Document),
    mut on_bytes: impl FnMut(u64),
) -> Result<Summary, Error> {
    let mut batch = Batch::new(options, on_document);
    for source in sources {
        match source.open(options.format)? {
            Opened::Text(reader, Format::Jsonl) => read_lines(source, reader, &mut batch, &mut on_bytes)?,
            Opened::Text(reader, _) => batch.take(plain(source, reader, options, &mut on_bytes)?)?,
            #[cfg(feature = "parquet")]
            Opened::Parquet(input) => {
                parquet_file::read(source, input, options, |row| batch.take(row), &mut on_bytes)?;
            }
        }
    }
    batch.finish()
}

/// The one document of plain text. A NUL byte is no text.
fn plain(
    source: &Source,
    mut reader: Box<dyn BufRead>,
    options: &Options,
    on_bytes: &mut impl FnMut(u64),
) -> Result<RowOf, Error> {
    let (mut bytes, at) = (Vec::new(), source.name());
    reader.read_to_end(&mut bytes).map_err(|error| Kind::Io { at: at.clone(), source: error })?;
    on_bytes(bytes.len() as u64);
    let not_text = |byte| Error::from(Kind::NotText { at: at.clone(), byte });
    if let Some(byte) = bytes.iter().position(|&byte| byte == 0) {
        return Err(not_text(byte));
    }
    let text = String::from_utf8(bytes).map_err(|error| not_text(error.utf8_error().valid_up_to()))?;
    if let Some(field) = &options.fields.weights {
        return Err(Kind::NoWeights { at, field: field.clone() }.into());
    }
    let row = Row { id: None, content: Content::Text(text), weights: None, prompt: None, log_probs: None };
    Ok(RowOf { at, id: source.short_name(), row: Ok(row) })
}

fn read_lines(
    source: &Source,
    mut reader: Box<dyn BufRead>,
    batch: &mut Batch<'_, impl FnMut(Document)>,
    on_bytes: &mut impl FnMut(u64),
) -> Result<(), Error> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let at = format!("{}:{number}", source.name());
        let n_bytes = reader.by_ref().read_until(b'\n', &mut line);
        match n_bytes.map_err(|error| Kind::Io { at: at.clone(), source: error })? {
            0 => break,
            n_bytes => on_bytes(n_bytes as u64),
        }
        let marked = line.strip_prefix(BYTE_ORDER_MARK).filter(|_| number == 1);
        let bare = marked.unwrap_or(&line).trim_ascii_end();
        if bare.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        batch.count_marks(u64::from(marked.is_some()));
        let row = match str::from_utf8(bare) {
            Err(error) => Err(Kind::NotText { at: at.clone(), byte: error.valid_up_to() }.into()),
            Ok(text) => {
                parse(text, batch.options()).map_err(|message| Kind::Row { at: at.clone(), message }.into())
            }
        };
        batch.take(RowOf { at, id: format!("{}:{number}", source.short_name()), row })?;
    }
    Ok(())
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
