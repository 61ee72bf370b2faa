//! From texts and a reference model's rows to items.

use taggant::TokenId;
use taggant::reader::Identity;
use taggant::scheme::{GreenList, Scheme, gumbel_max};
use taggant::writer::Writer;

use crate::error::{Error, Kind};
use crate::forgery::frequencies::Frequencies;
use crate::forgery::item::{Item, Moments};
use crate::sequence_set::SequenceSet;

/// Reads texts under a key, beside a reference model, token by token.
///
/// A context counts once, at its first occurrence: only there is its part of the key still unknown, and a completion
/// marks it only there. Which contexts are kept is thus settled before the token is looked at; keeping each first
/// (context, token) instead would select on the value.
#[derive(Debug)]
pub struct Scorer<'a> {
    writer: &'a dyn Writer,
    frequencies: &'a Frequencies,
    rule: Rule,
    seen: SequenceSet,
    items: Vec<Item>,
    dropped: Dropped,
    row: Vec<f64>,
    mask: Vec<u32>,
}

/// Tokens that gave no item. `tokens = items + all of these`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Fewer tokens than a context holds precede them.
    pub short_context: u64,
    /// Their context came before, in this text or an earlier one.
    pub repeated_context: u64,
    /// Their context's channel carries accounts, and the mark has none.
    pub no_account: u64,
    /// The reference gives them probability 0, so no law.
    pub impossible: u64,
}

/// The law of a marked score, with what it needs of the scheme.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Green { gamma: f64, bias: f64 },
    Gumbel,
}

impl<'a> Scorer<'a> {
    /// A scorer of texts sampled at `temperature` from rows of `vocab_size` tokens.
    ///
    /// # Errors
    /// When the mark is a tournament, whose law given the token has no closed form; when one context's values depend
    /// on another's; when the temperature is not a finite number above 0; when the frequencies are of another width.
    pub fn new(
        writer: &'a dyn Writer,
        frequencies: &'a Frequencies,
        temperature: f64,
        vocab_size: usize,
    ) -> Result<Self, Error> {
        let width = writer.context_rule().width.len();
        if frequencies.width() != width {
            return Err(Kind::FrequencyWidth { expected: width, found: frequencies.width() }.into());
        }
        if !(temperature > 0.0 && temperature.is_finite()) {
            return Err(Kind::Temperature { found: temperature }.into());
        }
        if writer.identity() != Identity::Ngram {
            return Err(Kind::KeyedIdentity.into());
        }
        Ok(Self {
            writer,
            frequencies,
            rule: Rule::of(writer.scheme(), temperature)?,
            seen: SequenceSet::new(width),
            items: Vec::new(),
            dropped: Dropped::default(),
            row: vec![0.0; vocab_size],
            mask: vec![0; vocab_size.div_ceil(32)],
        })
    }

    /// Adds one text: the tokens of one completion.
    ///
    /// `row_after(history, row)` fills `row` with the reference's probabilities of every token after `history`, up to
    /// a common factor: at the temperature of the text and without a mark. For Gumbel-max they are those of the
    /// final distribution, truncation included. For a green list the law is that of sampling without truncation.
    ///
    /// # Errors
    /// What `row_after` returns; a row with an entry that is negative, infinite or NaN, or whose sum is not a positive
    /// finite number; a token outside the row. The text's items up to there are kept: start anew.
    pub fn add<E: From<Error>>(
        &mut self,
        tokens: &[TokenId],
        mut row_after: impl FnMut(&[TokenId], &mut [f64]) -> Result<(), E>,
    ) -> Result<(), E> {
        let width = self.seen.length();
        self.dropped.short_context += tokens.len().min(width) as u64;
        for position in width..tokens.len() {
            let context = &tokens[position - width..position];
            if !self.seen.insert(context).1 {
                self.dropped.repeated_context += 1;
            } else if !self.writer.marks(context) {
                self.dropped.no_account += 1;
            } else {
                row_after(&tokens[..position], &mut self.row)?;
                match self.item(context, tokens[position], position)? {
                    Some(item) => self.items.push(item),
                    None => self.dropped.impossible += 1,
                }
            }
        }
        Ok(())
    }

    /// One item for each context that counts, in order.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Where the other tokens went.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// The item of one token, from the row in `self.row`; `None` when the row says that it cannot come.
    fn item(&mut self, context: &[TokenId], token: TokenId, position: usize) -> Result<Option<Item>, Error> {
        let total: f64 = self.row.iter().sum();
        let is_sound = total > 0.0 && total < f64::INFINITY && self.row.iter().all(|&p| p >= 0.0);
        let Some(&weight) = self.row.get(token as usize).filter(|_| is_sound) else {
            return Err(Kind::ReferenceRow { position }.into());
        };
        if weight == 0.0 {
            return Ok(None);
        }
        let p = weight / total;
        let (score, marked) = match self.rule {
            Rule::Green { gamma, bias } => {
                self.writer.green_mask_into(context, self.row.len(), &mut self.mask);
                let is_green = self.mask[token as usize / 32] >> (token % 32) & 1 == 1;
                let mut others = masked_sum(&self.row, &self.mask);
                if is_green {
                    others = (others - weight).max(0.0);
                }
                (f64::from(u8::from(is_green)), Moments::green(gamma, bias, p, others / total))
            }
            Rule::Gumbel => {
                let mut word = [0];
                self.writer.words_into(context, &[token], &mut word);
                let score = gumbel_max::score(word[0]) as f64 / gumbel_max::SCORE_UNIT as f64;
                (score, Moments::gumbel(p))
            }
        };
        let law = self.writer.law();
        let unmarked = Moments { mean: law.mean(), variance: law.variance() };
        Ok(Some(Item { frequency: self.frequencies.of(context), score, marked, unmarked }))
    }
}

impl Rule {
    fn of(scheme: Scheme, temperature: f64) -> Result<Self, Error> {
        let green = |green: GreenList| Self::Green {
            gamma: green.gamma().as_f64(),
            bias: green.delta() / temperature,
        };
        match scheme {
            Scheme::Green(list) => Ok(green(list)),
            Scheme::Gumbel(_) => Ok(Self::Gumbel),
            _ => Err(Kind::NoMarkedLaw { scheme: scheme.name() }.into()),
        }
    }
}

/// The sum of the entries whose bit is set.
fn masked_sum(row: &[f64], mask: &[u32]) -> f64 {
    let mut sum = 0.0;
    for (entries, &word) in row.chunks(32).zip(mask) {
        let mut left = word;
        while left != 0 {
            sum += entries[left.trailing_zeros() as usize];
            left &= left - 1;
        }
    }
    sum
}
