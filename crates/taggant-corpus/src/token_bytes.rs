//! The bytes that each token of a vocabulary spells.

use std::collections::HashMap;

use serde_json::Value;
use taggant::TokenId;

use crate::error::{Error, Kind};
use crate::tokenizer::Tokenizer;

/// The bytes of each token that spells some; special tokens spell none.
#[derive(Clone, Debug)]
pub(crate) struct TokenBytes {
    bytes: HashMap<TokenId, Vec<u8>>,
    /// Tokens that spell a byte because no piece does.
    fallback: Vec<TokenId>,
    /// Whether a text starts with a space that is only in its tokens.
    drops_first_space: bool,
}

/// How a vocabulary is written, as the tokenizer's decoder tells.
#[derive(Clone, Debug, Default)]
struct Spelling {
    /// Each character stands for one byte, as GPT-2 has it.
    is_byte_level: bool,
    /// `<0x0A>` is one byte, as SentencePiece has it.
    has_fallback: bool,
    drops_first_space: bool,
    /// What stands for what, such as U+2581 for a space.
    replaced: Vec<(String, String)>,
}

impl TokenBytes {
    /// # Errors
    /// When the tokens do not spell their bytes, as those of WordPiece.
    pub(crate) fn of(tokenizer: &Tokenizer) -> Result<Self, Error> {
        let inner = tokenizer.inner();
        let decoder = serde_json::to_value(inner.get_decoder()).unwrap_or_default();
        let mut spelling = Spelling::default();
        spelling.read(&decoder).map_err(|decoder| Kind::Spelling { decoder })?;
        let added = inner.get_added_tokens_decoder();
        let (mut bytes, mut fallback) = (HashMap::new(), Vec::new());
        for (token, id) in inner.get_vocab(true) {
            let spelled = match added.get(&id) {
                Some(added) if added.special => continue,
                Some(_) => Some(token.into_bytes()),
                None => match spelling.fallback(&token) {
                    Some(byte) => {
                        fallback.push(id);
                        Some(vec![byte])
                    }
                    None => spelling.bytes(token),
                },
            };
            if let Some(spelled) = spelled.filter(|spelled| !spelled.is_empty()) {
                bytes.insert(id, spelled);
            }
        }
        fallback.sort_unstable();
        Ok(Self { bytes, fallback, drops_first_space: spelling.drops_first_space })
    }

    /// The bytes of a token, empty if it spells none.
    pub(crate) fn get(&self, token: TokenId) -> &[u8] {
        self.bytes.get(&token).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (TokenId, &[u8])> {
        self.bytes.iter().map(|(&token, bytes)| (token, bytes.as_slice()))
    }

    /// The token of each string of bytes. Of several, a piece goes before a byte that stands in for one, and else
    /// the token goes that the tokenizer makes of these bytes; without one there is none.
    pub(crate) fn inverse(&self, tokenizer: &Tokenizer) -> HashMap<Vec<u8>, TokenId> {
        let mut tokens: HashMap<&[u8], Vec<TokenId>> = HashMap::new();
        for (token, bytes) in self.iter() {
            tokens.entry(bytes).or_default().push(token);
        }
        let one = |bytes: &[u8], tokens: &[TokenId]| match tokens {
            [token] => Some(*token),
            tokens => {
                let mut pieces = tokens.iter().filter(|token| self.fallback.binary_search(token).is_err());
                match (pieces.next(), pieces.next()) {
                    (Some(token), None) => Some(*token),
                    _ => {
                        let made = tokenizer.encode(str::from_utf8(bytes).ok()?, "").ok()?;
                        tokens.iter().copied().find(|token| made == [*token])
                    }
                }
            }
        };
        tokens.into_iter().filter_map(|(bytes, of)| Some((bytes.to_vec(), one(bytes, &of)?))).collect()
    }

    /// The text that tokens spell, less a first space that no text had. What is not UTF-8 is U+FFFD, and nothing if
    /// it is a character that was cut off at the end.
    pub(crate) fn text(&self, tokens: &[TokenId]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|&token| self.get(token)).copied().collect();
        let bytes = bytes.strip_prefix(b" ").filter(|_| self.drops_first_space).unwrap_or(&bytes);
        let mut text = String::with_capacity(bytes.len());
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let is_cut = chunks.peek().is_none();
            if !chunk.invalid().is_empty() && !is_cut {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }
}

impl Spelling {
    /// Reads a decoder; `Err` names one that does not say how tokens spell bytes.
    fn read(&mut self, decoder: &Value) -> Result<(), String> {
        let kind = decoder.get("type").and_then(Value::as_str).unwrap_or_default();
        let text = |field: &str| decoder.get(field).and_then(Value::as_str).map(str::to_owned);
        match kind {
            _ if decoder.is_null() => {}
            "Fuse" => {}
            "ByteLevel" => self.is_byte_level = true,
            "ByteFallback" => self.has_fallback = true,
            "Strip" => {
                let start = decoder.get("start").and_then(Value::as_u64);
                self.drops_first_space |= text("content").as_deref() == Some(" ") && start > Some(0);
            }
            "Metaspace" => {
                self.drops_first_space |= text("prepend_scheme").as_deref() != Some("never");
                self.replaced.push((text("replacement").unwrap_or_else(|| "\u{2581}".into()), " ".into()));
            }
            "Replace" => {
                let pattern = decoder.get("pattern").and_then(|pattern| pattern.get("String")?.as_str());
                match (pattern, text("content")) {
                    (Some(pattern), Some(content)) => self.replaced.push((pattern.to_owned(), content)),
                    _ => return Err("Replace by a regular expression".into()),
                }
            }
            "Sequence" => {
                let decoders = decoder.get("decoders").and_then(Value::as_array);
                decoders.into_iter().flatten().try_for_each(|decoder| self.read(decoder))?;
            }
            other => return Err(other.to_owned()),
        }
        Ok(())
    }

    fn fallback(&self, token: &str) -> Option<u8> {
        let digits = token.strip_prefix("<0x")?.strip_suffix('>').filter(|_| self.has_fallback)?;
        u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2)
    }

    fn bytes(&self, mut token: String) -> Option<Vec<u8>> {
        for (pattern, content) in &self.replaced {
            token = token.replace(pattern, content);
        }
        match self.is_byte_level {
            true => token.chars().map(byte_of).collect(),
            false => Some(token.into_bytes()),
        }
    }
}

/// The byte that a character stands for in byte-level vocabularies (GPT-2, Radford et al. 2019, `encoder.py`): printing
/// characters of Latin-1 stand for themselves, all other bytes in order for U+0100 and on.
fn byte_of(character: char) -> Option<u8> {
    let is_printing = |byte: u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    match u8::try_from(character) {
        Ok(byte) => is_printing(byte).then_some(byte),
        Err(_) => {
            let place = u32::from(character) - 0x100;
            (0..=u8::MAX).filter(|&byte| !is_printing(byte)).nth(usize::try_from(place).ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let characters = (0..0x200).filter_map(char::from_u32);
        let mut bytes: Vec<u8> = characters.filter_map(byte_of).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
        let space_and_newline = [byte_of('\u{120}'), byte_of('\u{10a}'), byte_of(' '), byte_of('\u{2581}')];
        assert_eq!(space_and_newline, [Some(b' '), Some(b'\n'), None, None]);
    }

    fn tokenizer(decoder: &str, vocab: &str, added: &str) -> Tokenizer {
        let json = format!(
            r#"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [{added}], "normalizer": null,
                "pre_tokenizer": null, "post_processor": null, "decoder": {decoder},
                "model": {{"type": "WordLevel", "vocab": {vocab}, "unk_token": "?"}}}}"#
        );
        Tokenizer::from_bytes(json.as_bytes(), "t").unwrap()
    }

    const LLAMA: &str = r#"{"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}"#;

    #[test]
    fn pieces_go_before_bytes_that_stand_in_for_them() {
        let vocab = r#"{"?": 0, "<0x41>": 1, "A": 2, "▁A": 3, "<0xC3>": 4, "<0xc>": 5, "é": 6}"#;
        let added = r#"{"id": 7, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}"#;
        let tokenizer = tokenizer(LLAMA, vocab, added);
        let bytes = TokenBytes::of(&tokenizer).unwrap();
        assert_eq!((bytes.get(1), bytes.get(3), bytes.get(4)), (&b"A"[..], &b" A"[..], &b"\xc3"[..]));
        assert_eq!((bytes.get(5), bytes.get(7), bytes.get(99)), (&b"<0xc>"[..], &b""[..], &b""[..]));
        let inverse = bytes.inverse(&tokenizer);
        assert_eq!((inverse.get(&b"A"[..]), inverse.get(&b"\xc3"[..])), (Some(&2), Some(&4)));
        assert_eq!(bytes.text(&[7, 3, 2, 3, 6, 4]), "AA Aé", "a first space and half a character");
        assert_eq!(bytes.text(&[4, 2]), "\u{fffd}A");
    }

    #[test]
    fn of_two_that_spell_the_same_the_tokenizer_decides() {
        let added = r#"{"id": 3, "content": "  ", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": false}"#;
        let vocab = "{\"?\": 0, \"\u{120}\u{120}\": 1, \"\u{120}\": 2}";
        let tokenizer = tokenizer(
            r#"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}"#,
            vocab,
            added,
        );
        let bytes = TokenBytes::of(&tokenizer).unwrap();
        assert_eq!((bytes.get(1), bytes.get(3)), (&b"  "[..], &b"  "[..]));
        assert_eq!(bytes.inverse(&tokenizer).get(&b"  "[..]), Some(&3));
    }

    #[test]
    fn decoders_that_do_not_spell_are_refused_by_name() {
        let word_piece = r###"{"type": "WordPiece", "prefix": "##", "cleanup": true}"###;
        let message = TokenBytes::of(&tokenizer(word_piece, r#"{"?": 0}"#, "")).unwrap_err().to_string();
        assert!(message.contains("WordPiece"), "{message}");
        assert!(TokenBytes::of(&tokenizer("null", r#"{"?": 0}"#, "")).is_ok());
    }
}
