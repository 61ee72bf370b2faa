//! The tokenizer of the embedded texts: byte-level BPE with 4096 tokens.

use sha2::{Digest, Sha256};

use crate::Error;
use crate::error::Kind;

/// Splits text into token ids and joins them again.
///
/// Byte-level byte-pair encoding with a vocabulary of [`VOCAB_SIZE`] tokens, trained on both [embedded
/// texts](crate::text()): id 0 is the [`BOUNDARY`](crate::BOUNDARY) between documents, ids 1 to 256 are the single
/// bytes, the others are merges. Every string can be encoded, and decoding gives it back. The file behind it is an
/// ordinary `tokenizer.json` of the Hugging Face `tokenizers` library: every program that reads such files finds the
/// same ids.
///
/// A text that spells out [`BOUNDARY_TEXT`] gets the boundary there, as in the other readers of the file.
///
/// # Paper
///
/// R. Sennrich, B. Haddow, A. Birch, *Neural Machine Translation of Rare Words with Subword Units*, 2016,
/// arXiv:1508.07909v5, section 3.2; over bytes and within words, as in A. Radford et al., *Language Models are
/// Unsupervised Multitask Learners*, 2019, section 2.2.
///
/// # Examples
///
/// ```
/// use taggant_lm::Tokenizer;
///
/// let tokenizer = Tokenizer::embedded();
/// let tokens = tokenizer.encode("It is a truth universally acknowledged")?;
/// assert_eq!(tokenizer.decode(&tokens)?, "It is a truth universally acknowledged");
/// # Ok::<(), taggant_lm::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// The tokenizer compiled into this crate. Reading it takes about 5 ms, each time; keep it.
    #[must_use]
    pub fn embedded() -> Self {
        let inner = tokenizers::Tokenizer::from_bytes(JSON)
            .expect("the tokenizer compiled into this crate is valid, as its tests show");
        Self { inner }
    }

    /// The token ids of `text`, with no boundary put before or after it.
    ///
    /// A million tokens take about a second of one core. Long text of several lines is encoded on all cores, unless
    /// the environment has `TOKENIZERS_PARALLELISM=false`; the ids are the same.
    ///
    /// # Errors
    ///
    /// If the pattern that finds the words gives up, which no text is known to cause.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let encodings = self
            .inner
            .encode_batch_fast(pieces(text, PIECE_LEN), false)
            .map_err(|source| Kind::Tokenization { len: text.len(), source })?;
        Ok(encodings.iter().flat_map(tokenizers::Encoding::get_ids).copied().collect())
    }

    /// The text of `tokens`; the boundary is spelled out.
    ///
    /// Tokens that do not come from one text may hold half a character; it becomes U+FFFD.
    ///
    /// # Errors
    ///
    /// If an id is not below [`vocab_size`](Self::vocab_size).
    pub fn decode(&self, tokens: &[u32]) -> Result<String, Error> {
        Kind::check_tokens(tokens, self.vocab_size())?;
        let text = self
            .inner
            .decode(tokens, false)
            .map_err(|source| Kind::Detokenization { len: tokens.len(), source })?;
        Ok(text)
    }

    /// How many token ids there are: [`VOCAB_SIZE`].
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        VOCAB_SIZE
    }

    /// The bytes of the `tokenizer.json` that this tokenizer was read from.
    #[must_use]
    pub fn json(&self) -> &'static [u8] {
        JSON
    }

    /// The SHA-256 of [`json`](Self::json): what identifies the tokenizer to a verifier.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(JSON).into()
    }
}

/// Cuts `text` after the first newline past every `min_len` bytes. A newline is always a token by itself, so none
/// reaches across.
fn pieces(mut text: &str, min_len: usize) -> Vec<&str> {
    let mut pieces = Vec::with_capacity(text.len() / min_len + 1);
    while let Some(newline) = text.bytes().skip(min_len - 1).position(|byte| byte == b'\n') {
        let (piece, rest) = text.split_at(newline + min_len);
        pieces.push(piece);
        text = rest;
    }
    pieces.push(text);
    pieces
}

/// The number of token ids of the embedded [`Tokenizer`], and so the length of a row of logits over them.
///
/// 4096: most common words are one token, and a row takes two microseconds to fill.
pub const VOCAB_SIZE: usize = 4096;

/// How the [`BOUNDARY`](crate::BOUNDARY) between documents is spelled in text.
pub const BOUNDARY_TEXT: &str = "<|endoftext|>";

/// In bytes: a paragraph or two, so that there is enough to share out and not too much to put together.
const PIECE_LEN: usize = 4096;

/// Made by `examples/train_tokenizer.rs`, as a test checks.
const JSON: &[u8] = include_bytes!("../data/tokenizer.json");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::BOUNDARY;

    #[test]
    fn the_file_has_the_vocabulary_it_should() {
        let tokenizer = Tokenizer::embedded();
        assert_eq!(tokenizer.inner.get_vocab_size(true), VOCAB_SIZE);
        assert_eq!(tokenizer.inner.token_to_id(BOUNDARY_TEXT), Some(BOUNDARY));
    }

    #[test]
    fn newline_is_a_token_by_itself() {
        let tokenizer = Tokenizer::embedded();
        let n_with_newline = (0..VOCAB_SIZE as u32)
            .filter(|token| tokenizer.decode(&[*token]).unwrap().contains('\n'))
            .inspect(|token| assert_eq!(tokenizer.decode(&[*token]).unwrap(), "\n"))
            .count();
        assert_eq!(n_with_newline, 1);
    }

    #[test]
    fn nothing_encodes_to_nothing() {
        let tokenizer = Tokenizer::embedded();
        assert!(tokenizer.encode("").unwrap().is_empty());
        assert_eq!(tokenizer.decode(&[]).unwrap(), "");
    }

    #[test]
    fn boundary_is_spelled_out() {
        let tokenizer = Tokenizer::embedded();
        let tokens = tokenizer.encode("one<|endoftext|>two").unwrap();
        assert_eq!(tokens.iter().filter(|token| **token == BOUNDARY).count(), 1);
        assert_eq!(tokenizer.decode(&tokens).unwrap(), "one<|endoftext|>two");
    }

    #[test]
    fn half_a_character_becomes_a_replacement_character() {
        let tokenizer = Tokenizer::embedded();
        let tokens = tokenizer.encode("\u{4e16}").unwrap();
        assert!(tokens.len() > 1, "{tokens:?}");
        assert_eq!(tokenizer.decode(&tokens[..1]).unwrap(), "\u{fffd}");
    }

    #[test]
    fn id_outside_the_vocabulary_is_an_error() {
        let error = Tokenizer::embedded().decode(&[7, 4096]).unwrap_err();
        assert_eq!(error.unknown_token(), Some(4096));
        assert!(!error.is_misuse());
        assert_eq!(error.to_string(), "expected token ids below 4096, found 4096 at position 1");
    }

    proptest! {
        #[test]
        fn cutting_into_pieces_changes_no_token(
            text in proptest::collection::vec(
                proptest::sample::select(vec![
                    "a", "It", " the", "'s", "'", "7", ".", "!?", " ", "  ", "\n", "\n\n", "\t", "\r\n", "\u{a0}",
                    "\u{2028}", "\u{85}", "\u{e9}", "e\u{301}", "\u{4e16}", "\u{1f600}", "\0", "<|endoftext|>",
                ]),
                0..40,
            ),
            min_len in 1_usize..9,
        ) {
            let text = text.concat();
            let tokenizer = Tokenizer::embedded();
            let encode = |text: &str| tokenizer.inner.encode(text, false).unwrap().get_ids().to_vec();
            let tokens = tokenizer.encode(&text).unwrap();
            prop_assert_eq!(&tokens, &encode(&text));
            prop_assert_eq!(&tokens, &pieces(&text, min_len).into_iter().flat_map(encode).collect::<Vec<_>>());
            prop_assert_eq!(pieces(&text, min_len).concat(), text.as_str());
            prop_assert_eq!(tokenizer.decode(&tokens).unwrap(), text);
        }
    }
}
