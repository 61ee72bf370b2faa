//! The state of one sequence: which tokens came, which contexts were used, what to do next.

use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use rand_core::Rng;

use crate::error::{Error, Kind};
use crate::logits::{Logit, add_to_masked, check_row};
use crate::mark::Mark;
use crate::sampling::{Candidates, SamplingParams};
use crate::scheme::{Scheme, gumbel_max, tournament};
use crate::token::TokenId;
use crate::writer::{RepeatRule, Writer};

/// The state of one sequence under a mark: cheap, cloneable, and able to roll back.
///
/// Feed it the completion alone: [`accept`](Self::accept) every token that the model emitted, and no
/// token of the prompt. What it does to a row depends on (key, profile, context, logits) and, under the repeat rule, on
/// whether this completion had the context before; a draw depends on the caller's generator besides.
#[derive(Clone, Debug)]
pub struct Session<W: Writer = Mark> {
    writer: W,
    width: usize,
    tokens: Vec<TokenId>,
    /// The positions whose context had not been used before in this completion.
    fresh: HashTable<usize>,
    hasher: DefaultHashBuilder,
    vocab_size: Option<usize>,
    scratch: Scratch,
}

/// What happens to the next token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Marking {
    /// It is marked.
    Marked,
    /// It is sampled normally: fewer than `context_width` completion tokens precede it.
    ShortContext,
    /// It is sampled normally: its context was already used in this completion.
    RepeatedContext,
    /// It is sampled normally: its context belongs to a channel that carries accounts and the mark has none.
    NoAccount,
}

impl<W: Writer> Session<W> {
    /// The state of a new sequence. `capacity` tokens fit before its history is allocated again; the buffers for a row
    /// are allocated at the first one.
    #[must_use]
    pub fn new(writer: W, capacity: usize) -> Self {
        let fresh = match writer.repeat_rule() {
            RepeatRule::Completion => HashTable::with_capacity(capacity),
            RepeatRule::None => HashTable::new(),
        };
        Self {
            width: writer.context_rule().width.len(),
            writer,
            tokens: Vec::with_capacity(capacity),
            fresh,
            hasher: DefaultHashBuilder::default(),
            vocab_size: None,
            scratch: Scratch::default(),
        }
    }

    /// The completion so far.
    #[must_use]
    pub fn tokens(&self) -> &[TokenId] {
        &self.tokens
    }

    /// What will happen to the next token.
    #[must_use]
    pub fn marking(&self) -> Marking {
        let Some(context) = self.context_at(self.tokens.len()) else {
            return Marking::ShortContext;
        };
        if self.writer.repeat_rule() == RepeatRule::Completion && self.find(context).is_some() {
            Marking::RepeatedContext
        } else if !self.writer.marks(context) {
            Marking::NoAccount
        } else {
            Marking::Marked
        }
    }

    /// Adds delta to the green tokens of a row, before temperature and truncation.
    ///
    /// # Shapes and units
    /// `logits.len()` is the vocabulary size, the same in every call. -infinity stays -infinity.
    ///
    /// # Errors
    /// Leaving the row as it was: when the scheme is not a green list; when the row is empty, of another
    /// length than the first one, or holds NaN or +infinity.
    pub fn bias<L: Logit>(&mut self, logits: &mut [L]) -> Result<Marking, Error> {
        self.check_vocab_size(logits.len())?;
        let marking = self.bias_shard(0, logits)?;
        self.vocab_size = Some(logits.len());
        Ok(marking)
    }

    /// Adds delta to the green tokens among `first`, `first + 1`, ...: one shard of a row that is spread
    /// over several devices. Equal to [`bias`](Self::bias) on the whole row.
    ///
    /// # Errors
    /// As for [`bias`](Self::bias), without a check on the length.
    pub fn bias_shard<L: Logit>(&mut self, first: TokenId, logits: &mut [L]) -> Result<Marking, Error> {
        let Scheme::Green(green) = self.writer.scheme() else {
            return Err(Kind::NotGreenList { scheme: self.writer.scheme().name() }.into());
        };
        check_row(logits)?;
        let first = first as usize;
        let end = first + logits.len();
        if u32::try_from(end - 1).is_err() {
            return Err(Kind::RowTooLong.into());
        }
        let marking = self.marking();
        if marking == Marking::Marked {
            let mut mask = core::mem::take(&mut self.scratch.mask);
            mask.resize(end.div_ceil(32), 0);
            let context = self.context_at(self.tokens.len()).expect("a marked position has a context");
            self.writer.green_mask_into(context, end, &mut mask);
            add_to_masked(logits, &mask, first, green.delta() as f32);
            self.scratch.mask = mask;
        }
        Ok(marking)
    }

    /// Samples the next token under the mark; the caller then [`accept`](Self::accept)s it or not.
    ///
    /// It owns the whole way from logits to token: bias (green list), temperature, top-k, top-p, min-p, and
    /// the draw, keyed where the scheme is. `rng` is used for green lists and tournaments, and wherever
    /// the position is not marked.
    ///
    /// # Shapes and units
    /// `logits.len()` is the vocabulary size, the same in every call. A green list biases the row in place.
    ///
    /// # Errors
    /// When the row is empty, of another length than the first one, holds NaN or +infinity, or has no
    /// finite entry.
    pub fn sample<L: Logit>(
        &mut self,
        logits: &mut [L],
        params: &SamplingParams,
        rng: &mut impl Rng,
    ) -> Result<TokenId, Error> {
        self.check_vocab_size(logits.len())?;
        let scheme = self.writer.scheme();
        let marking = match scheme {
            Scheme::Green(_) => self.bias(logits)?,
            _ => {
                check_row(logits)?;
                self.vocab_size = Some(logits.len());
                self.marking()
            }
        };
        let mut scratch = core::mem::take(&mut self.scratch);
        let filled = scratch.candidates.fill(logits, params);
        let token = filled.map(|()| {
            if marking == Marking::Marked && !params.is_greedy() {
                self.draw_marked(scheme, &mut scratch, rng)
            } else {
                scratch.candidates.draw(rng)
            }
        });
        self.scratch = scratch;
        token
    }

    /// Appends a token of the completion.
    pub fn accept(&mut self, token: TokenId) {
        let position = self.tokens.len();
        if self.writer.repeat_rule() == RepeatRule::Completion
            && let Some(context) = self.context_at(position)
            && self.find(context).is_none()
        {
            let hash = self.hasher.hash_one(context);
            let (tokens, width, hasher) = (&self.tokens, self.width, &self.hasher);
            self.fresh.insert_unique(hash, position, |&at| hasher.hash_one(&tokens[at - width..at]));
        }
        self.tokens.push(token);
    }

    /// Takes back the last `n_tokens` tokens, as if they had never been accepted.
    ///
    /// # Errors
    /// When fewer were accepted; nothing changes then.
    pub fn rollback(&mut self, n_tokens: usize) -> Result<(), Error> {
        let Some(kept) = self.tokens.len().checked_sub(n_tokens) else {
            return Err(Kind::Rollback { asked: n_tokens, held: self.tokens.len() }.into());
        };
        for position in (kept..self.tokens.len()).rev() {
            let Some(context) = self.context_at(position) else { break };
            let hash = self.hasher.hash_one(context);
            if let Ok(entry) = self.fresh.find_entry(hash, |&at| at == position) {
                entry.remove();
            }
        }
        self.tokens.truncate(kept);
        Ok(())
    }

    /// Biases one row for each session: equal to [`bias`](Self::bias) on each.
    ///
    /// # Shapes and units
    /// `rows` is row-major, `sessions.len()` rows of `vocab_size`.
    ///
    /// # Errors
    /// As for [`bias`](Self::bias), before any row is touched.
    pub fn bias_batch<L: Logit>(
        sessions: &mut [Self],
        rows: &mut [L],
        vocab_size: usize,
    ) -> Result<(), Error> {
        check_rows(sessions, rows, vocab_size)?;
        for (session, row) in sessions.iter_mut().zip(rows.chunks_exact_mut(vocab_size.max(1))) {
            session.bias(row)?;
        }
        Ok(())
    }

    /// Samples one token for each session: equal to [`sample`](Self::sample) on each.
    ///
    /// # Shapes and units
    /// `rows` is row-major, `sessions.len()` rows of `vocab_size`; `rngs` and `tokens` have one entry for
    /// each session.
    ///
    /// # Errors
    /// As for [`sample`](Self::sample); a row with NaN or of wrong length is found before any token is drawn.
    ///
    /// # Panics
    /// When `rngs` or `tokens` is not as long as `sessions`.
    pub fn sample_batch<L: Logit, R: Rng>(
        sessions: &mut [Self],
        rows: &mut [L],
        vocab_size: usize,
        params: &SamplingParams,
        rngs: &mut [R],
        tokens: &mut [TokenId],
    ) -> Result<(), Error> {
        assert_eq!((sessions.len(), sessions.len()), (rngs.len(), tokens.len()), "one rng and token each");
        check_rows(sessions, rows, vocab_size)?;
        let rows = rows.chunks_exact_mut(vocab_size.max(1));
        for (((session, row), rng), token) in sessions.iter_mut().zip(rows).zip(rngs).zip(tokens) {
            *token = session.sample(row, params, rng)?;
        }
        Ok(())
    }

    /// The draw of a marked position: keyed for Gumbel-max, on the reweighed distribution for tournaments.
    fn draw_marked(&self, scheme: Scheme, scratch: &mut Scratch, rng: &mut impl Rng) -> TokenId {
        if let Scheme::Green(_) = scheme {
            return scratch.candidates.draw(rng);
        }
        let Scratch { candidates, words, .. } = scratch;
        let context = self.context_at(self.tokens.len()).expect("a marked position has a context");
        words.resize(candidates.tokens.len(), 0);
        self.writer.words_into(context, &candidates.tokens, words);
        match scheme {
            Scheme::Green(_) => unreachable!("handled above"),
            Scheme::Gumbel(_) => largest_noisy(candidates, words),
            Scheme::Tournament(params) => {
                let total = candidates.total();
                candidates.weights.iter_mut().for_each(|weight| *weight /= total);
                tournament::play(&mut candidates.weights, words, params.depth());
                candidates.draw(rng)
            }
        }
    }

    /// The `width` tokens before `position`, if there are so many.
    fn context_at(&self, position: usize) -> Option<&[TokenId]> {
        position.checked_sub(self.width).map(|start| &self.tokens[start..position])
    }

    /// The first position in this completion that had this context.
    fn find(&self, context: &[TokenId]) -> Option<usize> {
        let hash = self.hasher.hash_one(context);
        self.fresh.find(hash, |&at| self.context_at(at) == Some(context)).copied()
    }

    fn check_vocab_size(&self, found: usize) -> Result<(), Error> {
        match self.vocab_size {
            Some(expected) if expected != found => Err(Kind::LogitsLength { expected, found }.into()),
            _ => Ok(()),
        }
    }
}

/// Memory that is reused from token to token.
#[derive(Clone, Debug, Default)]
struct Scratch {
    mask: Vec<u32>,
    candidates: Candidates,
    words: Vec<u32>,
}

/// The candidate with the largest `ln p_v - ln(-ln u_v)`; ties go to the lowest id.
fn largest_noisy(candidates: &Candidates, words: &[u32]) -> TokenId {
    let mut best = (f64::NEG_INFINITY, candidates.tokens[0]);
    for ((&token, &ln_weight), &word) in candidates.tokens.iter().zip(&candidates.ln_weights).zip(words) {
        let noisy = ln_weight + gumbel_max::noise(word);
        if noisy > best.0 {
            best = (noisy, token);
        }
    }
    best.1
}

/// Refuses a batch whose shape is off or that holds a row no session would take.
fn check_rows<W: Writer, L: Logit>(
    sessions: &[Session<W>],
    rows: &[L],
    vocab_size: usize,
) -> Result<(), Error> {
    let expected = sessions.len().saturating_mul(vocab_size);
    if rows.len() != expected {
        return Err(Kind::RowsLength { n_rows: sessions.len(), expected, found: rows.len() }.into());
    }
    if vocab_size == 0 && !sessions.is_empty() {
        return Err(Kind::EmptyRow.into());
    }
    for (session, row) in sessions.iter().zip(rows.chunks_exact(vocab_size.max(1))) {
        session.check_vocab_size(vocab_size)?;
        check_row(row)?;
    }
    Ok(())
}
