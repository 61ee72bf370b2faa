//! Alignment: what a model says of its own tokens, read as saying it of the tokens of a mark.

use std::collections::HashMap;

use taggant::TokenId;

use crate::error::{Error, Kind};
use crate::ln_row::{LnRow, checked_sum};
use crate::token_bytes::TokenBytes;
use crate::tokenizer::{Offsets, Tokenizer};

/// From tokens of any model to those of a mark, by the bytes that they spell.
///
/// A position of the model is kept only if a token of the mark starts at the same byte of the text; the context is then
/// the mark's own tokens up to there. What the model lists goes to the token of the mark that spells exactly the same
/// bytes; where there is none, its probability is unlisted from there on. Neither looks at a key, so a test under the
/// key stays exact, whatever is kept.
///
/// The rows that come out are about the model's next token. A token of the mark can have more than it is given: what
/// the model has for longer and shorter tokens that start alike. So
/// [`unlisted_bound`](LnRow::unlisted_bound) is the whole unlisted mass.
#[derive(Clone, Debug)]
pub struct Alignment {
    mark: Tokenizer,
    bytes: TokenBytes,
    ids: HashMap<Vec<u8>, TokenId>,
}

/// One token of a model's answer as bytes, as servers give it.
#[derive(Clone, Debug, PartialEq)]
pub struct SuspectToken {
    /// The bytes it spells; empty for one that spells none, such as the end.
    pub bytes: Vec<u8>,
    /// The tokens that could have stood here, each with the natural log of its probability; `None` where nothing is
    /// known. Two that spell the same are two tokens, and their probabilities add.
    pub log_probs: Option<Vec<(Vec<u8>, f32)>>,
}

/// The vocabulary of a suspect, told apart once from that of a mark. Made by [`Alignment::suspect`].
#[derive(Clone, Debug)]
pub struct SuspectVocabulary {
    bytes: TokenBytes,
    /// Tokens of the suspect and of the mark that spell the same, in order.
    same: Vec<(TokenId, TokenId)>,
}

/// A text as tokens of a mark, and what a model said of them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Aligned {
    /// The tokens of the mark.
    pub tokens: Vec<TokenId>,
    /// One entry for each, about ids of the mark; `None` where no known position of the model starts.
    pub log_probs: Vec<Option<LnRow>>,
    /// Tokens of the model of which it said something.
    pub positions: u64,
    /// How many of them were kept.
    pub positions_kept: u64,
    /// The mean, over the kept positions, of the share of the listed probability that went to a token of the mark; 0
    /// without any.
    pub mass_kept: f64,
}

/// Where a token starts in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    start: usize,
    /// It begins with a space that the text does not have.
    has_added_space: bool,
}

impl Alignment {
    /// To the tokens of this tokenizer.
    ///
    /// # Errors
    /// When its tokens do not spell their bytes, as those of WordPiece.
    pub fn new(mark: &Tokenizer) -> Result<Self, Error> {
        let bytes = TokenBytes::of(mark)?;
        let ids = bytes.inverse(mark);
        Ok(Self { mark: mark.clone(), bytes, ids })
    }

    /// Compares the vocabulary of another tokenizer with that of the mark.
    ///
    /// # Errors
    /// When its tokens do not spell their bytes, as those of WordPiece.
    pub fn suspect(&self, suspect: &Tokenizer) -> Result<SuspectVocabulary, Error> {
        let bytes = TokenBytes::of(suspect)?;
        let same = |(token, bytes): (TokenId, &[u8])| Some((token, *self.ids.get(bytes)?));
        let mut same: Vec<(TokenId, TokenId)> = bytes.iter().filter_map(same).collect();
        same.sort_unstable();
        Ok(SuspectVocabulary { bytes, same })
    }

    /// Aligns an answer whose tokens are known as bytes. Tokens behind the first that is not in the text where it
    /// should be are not kept.
    ///
    /// # Errors
    /// When the text cannot be tokenized, or a list of probabilities is none (as [`LnRow::new`] has it); the message
    /// names the token.
    pub fn align(&self, text: &str, suspect: &[SuspectToken]) -> Result<Aligned, Error> {
        let bytes: Vec<&[u8]> = suspect.iter().map(|token| token.bytes.as_slice()).collect();
        let mass = |(token, of): (usize, &SuspectToken)| -> Result<Option<f64>, Error> {
            let Some(listed) = &of.log_probs else { return Ok(None) };
            let sum = checked_sum(&listed.iter().map(|&(_, ln_p)| ln_p).collect::<Vec<_>>());
            Ok(Some(sum.map_err(|message| Kind::SuspectToken { token, message })?.min(1.0)))
        };
        let masses = suspect.iter().enumerate().map(mass).collect::<Result<Vec<_>, _>>()?;
        let masses = |i: usize| masses[i].map(|mass| (mass, 1.0 - mass));
        let same = |(bytes, ln_p): &(Vec<u8>, f32)| Some((*self.ids.get(bytes)?, *ln_p));
        let listed = |i: usize| suspect[i].log_probs.iter().flatten().filter_map(same).collect();
        self.align_rows(text, &bytes, masses, listed)
    }

    /// Aligns an answer whose tokens and rows are those of a tokenizer. Tokens behind the first that is not in the
    /// text where it should be are not kept.
    ///
    /// # Errors
    /// When the text cannot be tokenized, or there are more or fewer rows than tokens.
    pub fn align_ids(
        &self,
        text: &str,
        suspect: &SuspectVocabulary,
        tokens: &[TokenId],
        log_probs: &[Option<LnRow>],
    ) -> Result<Aligned, Error> {
        if tokens.len() != log_probs.len() {
            let (tokens, entries) = (tokens.len(), log_probs.len());
            return Err(Kind::LogProbs { at: "suspect".into(), tokens, entries }.into());
        }
        let bytes: Vec<&[u8]> = tokens.iter().map(|&token| suspect.bytes.get(token)).collect();
        let masses = |i: usize| log_probs[i].as_ref().map(|row| (row.listed_mass(), row.unlisted_mass()));
        let listed = |i: usize| {
            let mut others = suspect.same.as_slice();
            let same = |(id, ln_p)| {
                others = &others[others.partition_point(|(suspect, _)| *suspect < id)..];
                others.first().filter(|(suspect, _)| *suspect == id).map(|&(_, mark)| (mark, ln_p))
            };
            log_probs[i].iter().flat_map(LnRow::iter_ln).filter_map(same).collect()
        };
        self.align_rows(text, &bytes, masses, listed)
    }

    /// The core: `masses(i)` is what the suspect listed and did not list where its token i stood, if that is known;
    /// `listed(i)` what it listed there that the mark has too.
    fn align_rows(
        &self,
        text: &str,
        suspect: &[&[u8]],
        masses: impl Fn(usize) -> Option<(f64, f64)>,
        listed: impl Fn(usize) -> Vec<(TokenId, f32)>,
    ) -> Result<Aligned, Error> {
        let (tokens, offsets) = self.mark.encode_with_offsets(text, "suspect")?;
        let bytes: Vec<&[u8]> = tokens.iter().map(|&token| self.bytes.get(token)).collect();
        let starts: HashMap<usize, (usize, Place)> = places(&bytes, text.as_bytes(), Some(&offsets))
            .into_iter()
            .enumerate()
            .filter_map(|(i, place)| Some((place?.start, (i, place?))))
            .collect();
        let mut log_probs: Vec<Option<LnRow>> = vec![None; tokens.len()];
        let (mut positions, mut positions_kept, mut mass_kept) = (0, 0, 0.0);
        for (i, place) in places(suspect, text.as_bytes(), None).into_iter().enumerate() {
            let Some((mass, rest)) = masses(i) else { continue };
            positions += 1;
            let of_mark =
                place.and_then(|place| starts.get(&place.start).filter(|of_mark| of_mark.1 == place));
            if let Some(&(at, _)) = of_mark {
                let row = LnRow::mapped(listed(i), mass, rest);
                positions_kept += 1;
                mass_kept += if mass > 0.0 { row.listed_mass() / mass } else { 0.0 };
                log_probs[at] = Some(row);
            }
        }
        mass_kept = if positions_kept > 0 { mass_kept / positions_kept as f64 } else { 0.0 };
        Ok(Aligned { tokens, log_probs, positions, positions_kept, mass_kept })
    }
}

impl SuspectVocabulary {
    /// The text that tokens of the suspect spell, for answers that come without one. A first space that its tokenizer
    /// puts before every text is left out; what is not UTF-8 is U+FFFD, and a character cut off at the end is left out.
    #[must_use]
    pub fn text(&self, tokens: &[TokenId]) -> String {
        self.bytes.text(tokens)
    }

    /// How many of its tokens spell the same bytes as one of the mark.
    #[must_use]
    pub fn same(&self) -> usize {
        self.same.len()
    }
}

/// Where each token starts; `None` if it spells nothing of the text, or another text.
///
/// Tokens spell the text from its start, maybe with one more space before. Where they do not (an unknown word, a text
/// that the tokenizer normalises) those go on that `offsets` have at the end of the same bytes, if there are any.
fn places(tokens: &[&[u8]], text: &[u8], offsets: Option<&Offsets>) -> Vec<Option<Place>> {
    let spelled = || tokens.iter().copied().flatten();
    let common = |skipped: usize| spelled().skip(skipped).zip(text).take_while(|(a, b)| a == b).count();
    let mut has_added_space = spelled().next() == Some(&b' ') && common(1) > common(0);
    let mut at = Some(0);
    let place = |(i, bytes): (usize, &&[u8])| {
        if bytes.is_empty() {
            return None;
        }
        let bare = if has_added_space { &bytes[1..] } else { bytes };
        let of_token = std::mem::take(&mut has_added_space);
        let is_here = |start: usize| text.get(start..).is_some_and(|rest| rest.starts_with(bare));
        let end = offsets.and_then(|offsets| offsets.get(i)).map(|&(_, end)| end);
        let by_offset = || end?.checked_sub(bare.len()).filter(|&start| Some(start) >= at);
        let start =
            at.filter(|&start| is_here(start)).or_else(|| by_offset().filter(|&start| is_here(start)));
        at = start.map(|start| start + bare.len()).or(end);
        (!bare.is_empty()).then_some(Place { start: start?, has_added_space: of_token })
    };
    tokens.iter().enumerate().map(place).collect()
}
