//! The language model: interpolated, modified Kneser-Ney smoothing.

use std::fmt;
use std::ops::Add;

use crate::Error;
use crate::context_tree::ContextTree;
use crate::error::Kind;
use crate::followers;
use crate::interpolation::{FollowerTable, Interpolated};
use crate::padding::{BOUNDARY, Padded};

/// An n-gram language model with interpolated, modified Kneser-Ney smoothing.
///
/// The probability of a token `w` depends on the last `order - 1` tokens. With `h` the last `m - 1` tokens and `h'` the
/// same without the first of them, level `m` is
///
/// ```text
/// P_m(w | h)  =  max(c(h w) - D(c(h w)), 0) / c(h)  +  g(h) P_(m-1)(w | h')
/// g(h)        =  (D1 N1(h) + D2 N2(h) + D3+ N3+(h)) / c(h)
/// P_m(w | h)  =  P_(m-1)(w | h')                        if h was never seen
/// P_0(w)      =  1 / vocab_size
/// ```
///
/// At the highest level `c(h w)` is how often `h w` occurs; below it, after how many distinct tokens it occurs.
/// `c(h)` is its sum over `w`; `Nj(h)` counts the tokens `w` with `c(h w) = j`, and `D(c)` is `D1`, `D2` or `D3+`, one
/// triple per level. Every document has `order - 1` [boundary](BOUNDARY) tokens before it; they are never predicted.
///
/// Every token has a probability above 0, and the probabilities after any history sum to 1.
///
/// A model is immutable and can be shared by any number of threads. A model of order 4 takes about 32 bytes per token
/// of training text.
///
/// # Stability
///
/// The same documents give the same model. Logarithms are those of the platform, so a log-probability may differ
/// between platforms in its last bit; its `f32`, only where that bit decides the rounding, about once in 10^9.
///
/// # Paper
///
/// R. Kneser, H. Ney, *Improved backing-off for m-gram language modeling*, ICASSP 1995, vol. 1, pages 181-184; in the
/// interpolated form with three discounts of S. F. Chen, J. Goodman, *An empirical study of smoothing techniques for
/// language modeling*, Computer Speech & Language 13 (1999), pages 359-394, section 3. Differences: documents
/// are padded on the left with as many boundaries as a history is long, and the counts of all levels but the highest
/// are made alike, also at the start of a document; the lowest level is interpolated with the uniform distribution;
/// discounts that cannot be estimated are 0.5, 1 and 1.5.
///
/// # Examples
///
/// ```
/// use taggant_lm::KneserNey;
///
/// let model = KneserNey::train(&[[1, 2, 3, 1, 2, 3, 1, 2]], 3, 5)?;
/// let mut row = [0.0; 5];
/// model.logits_into(&[3, 1], &mut row)?;
/// assert!(row[2] > row[3] && row[3] > row[4]);
/// # Ok::<(), taggant_lm::Error>(())
/// ```
#[derive(Clone)]
pub struct KneserNey {
    order: usize,
    tree: ContextTree,
    /// ln P_1 of every token.
    ln_unigrams: Vec<f64>,
    /// The same, rounded.
    unigram_logits: Vec<f32>,
    /// ln g of each context.
    ln_weights: Vec<f64>,
    /// ln P_m of each follower of each context but the empty one.
    ln_followers: FollowerTable,
}

impl KneserNey {
    /// Trains a model of `order` on `documents`, each a list of token ids below `vocab_size`.
    ///
    /// Every document starts anew, as after a [boundary](BOUNDARY). No document, or empty ones only, give the uniform
    /// distribution. A million tokens take about 0.4 s at order 4, and 2 s at order 13.
    ///
    /// # Errors
    ///
    /// If `order` is not 1 to [`MAX_ORDER`], `vocab_size` is zero, a token id is not below it (the position is that in
    /// its document), or there are more tokens than 32-bit numbers can count, about 850 million at order 4.
    pub fn train(documents: &[impl AsRef<[u32]>], order: usize, vocab_size: usize) -> Result<Self, Error> {
        if !(1..=MAX_ORDER).contains(&order) {
            return Err(Kind::Order { found: order, max: MAX_ORDER }.into());
        }
        if vocab_size == 0 {
            return Err(Kind::EmptyVocabulary.into());
        }
        let text = Padded::new(documents, order, vocab_size)?;
        let grown = ContextTree::grow(&text, order);
        let levels = followers::levels(&text, &grown, order);
        let ln = Interpolated::new(&levels, &grown.parents, vocab_size).into_ln();
        Ok(Self {
            order,
            tree: grown.tree,
            unigram_logits: ln.unigrams.iter().map(|ln_p| *ln_p as f32).collect(),
            ln_unigrams: ln.unigrams,
            ln_weights: ln.weights,
            ln_followers: ln.followers,
        })
    }

    /// The number of token ids, and the length of a row.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.ln_unigrams.len()
    }

    /// One more than the number of tokens before a token that its probability depends on.
    #[must_use]
    pub fn order(&self) -> usize {
        self.order
    }

    /// Writes the natural logarithm of the probability of every token after `history` into `row`. They serve as
    /// logits: softmax gives the probabilities back.
    ///
    /// Only the last `order - 1` tokens of the history count; a shorter one is that of a document which starts there.
    /// Each entry is within 3e-6 of [`log_probs`](Self::log_probs), for probabilities above 1e-13.
    ///
    /// # Errors
    ///
    /// If the row is not [`vocab_size`](Self::vocab_size) long, or one of the last `order - 1` tokens of the history is
    /// outside the vocabulary.
    pub fn logits_into(&self, history: &[u32], row: &mut [f32]) -> Result<(), Error> {
        if row.len() != self.vocab_size() {
            return Err(Kind::RowLength { found: row.len(), expected: self.vocab_size() }.into());
        }
        let suffixes = self.suffixes(history)?;
        self.fill(&suffixes, &self.unigram_logits, row, |ln_p| ln_p as f32);
        Ok(())
    }

    /// The natural logarithm of the probability of every token after `history`, in `f64`.
    ///
    /// # Errors
    ///
    /// If one of the last `order - 1` tokens of the history is outside the vocabulary.
    pub fn log_probs(&self, history: &[u32]) -> Result<Vec<f64>, Error> {
        let suffixes = self.suffixes(history)?;
        let mut row = vec![0.0; self.vocab_size()];
        self.fill(&suffixes, &self.ln_unigrams, &mut row, |ln_p| ln_p);
        Ok(row)
    }

    /// The natural logarithm of the probability of `token` after `history`: the same as in the row of
    /// [`log_probs`](Self::log_probs), but without making the row.
    ///
    /// # Errors
    ///
    /// If `token`, or one of the last `order - 1` tokens of the history, is outside the vocabulary.
    pub fn ln_prob(&self, history: &[u32], token: u32) -> Result<f64, Error> {
        Kind::check_tokens(&[token], self.vocab_size())?;
        let suffixes = self.suffixes(history)?;
        for (context, ln_weight) in suffixes.longest_first() {
            if let Some(ln_p) = self.ln_followers.value(context, token) {
                return Ok(ln_p + ln_weight);
            }
        }
        Ok(self.ln_unigrams[token as usize] + suffixes.ln_weight())
    }

    /// The perplexity of `documents`: `exp` of minus the mean of [`ln_prob`](Self::ln_prob) over all their tokens, so
    /// the number of equally likely tokens that would be as hard to guess.
    ///
    /// # Errors
    ///
    /// If there is no token, or a token id is outside the vocabulary.
    pub fn perplexity(&self, documents: &[impl AsRef<[u32]>]) -> Result<f64, Error> {
        let mut ln_likelihood = 0.0;
        let mut n_tokens = 0;
        for document in documents.iter().map(AsRef::as_ref) {
            Kind::check_tokens(document, self.vocab_size())?;
            for (position, token) in document.iter().enumerate() {
                ln_likelihood += self.ln_prob(&document[..position], *token)?;
            }
            n_tokens += document.len();
        }
        if n_tokens == 0 {
            return Err(Kind::NoTokens.into());
        }
        Ok((-ln_likelihood / n_tokens as f64).exp())
    }

    /// Finds the suffixes of `history` that occurred in training.
    fn suffixes(&self, history: &[u32]) -> Result<Suffixes, Error> {
        let start = history.len().saturating_sub(self.order - 1);
        Kind::check_tokens(&history[start..], self.vocab_size()).map_err(|kind| kind.at_offset(start))?;
        let mut suffixes =
            Suffixes { contexts: [ContextTree::ROOT; MAX_ORDER - 1], ln_weights: [0.0; MAX_ORDER], len: 0 };
        let backwards = history[start..].iter().rev().copied().chain(std::iter::repeat(BOUNDARY));
        let mut context = ContextTree::ROOT;
        for token in backwards.take(self.order - 1) {
            let Some(longer) = self.tree.child(context, token) else { break };
            suffixes.contexts[suffixes.len] = longer;
            suffixes.len += 1;
            context = longer;
        }
        for length in (0..suffixes.len).rev() {
            let ln_weight = self.ln_weights[suffixes.contexts[length] as usize];
            suffixes.ln_weights[length] = suffixes.ln_weights[length + 1] + ln_weight;
        }
        Ok(suffixes)
    }

    /// Writes the row after a history, from the unigrams up: a token that follows a longer suffix overwrites what a
    /// shorter one gave it.
    fn fill<T: Copy + Add<Output = T>>(
        &self,
        suffixes: &Suffixes,
        unigrams: &[T],
        row: &mut [T],
        round: fn(f64) -> T,
    ) {
        let ln_weight = round(suffixes.ln_weight());
        for (entry, unigram) in row.iter_mut().zip(unigrams) {
            *entry = *unigram + ln_weight;
        }
        for (context, ln_weight) in suffixes.shortest_first() {
            let (tokens, ln_ps) = self.ln_followers.followers(context);
            for (token, ln_p) in tokens.iter().zip(ln_ps) {
                row[*token as usize] = round(ln_p + ln_weight);
            }
        }
    }
}

impl fmt::Debug for KneserNey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KneserNey")
            .field("order", &self.order)
            .field("vocab_size", &self.vocab_size())
            .field("n_contexts", &self.tree.n_contexts())
            .finish_non_exhaustive()
    }
}

/// The suffixes of a history, from one token up, that are contexts of the model.
struct Suffixes {
    contexts: [u32; MAX_ORDER - 1],
    /// For each suffix, ln of the product of the weights of all longer ones: what a token that follows this suffix, but
    /// no longer one, is multiplied by. One earlier, for the empty suffix, so the numbers here are one ahead.
    ln_weights: [f64; MAX_ORDER],
    len: usize,
}

impl Suffixes {
    /// The sum of the weights of all suffixes: what tokens that follow none of them are multiplied by.
    fn ln_weight(&self) -> f64 {
        self.ln_weights[0]
    }

    fn shortest_first(&self) -> impl DoubleEndedIterator<Item = (u32, f64)> {
        self.contexts[..self.len].iter().copied().zip(self.ln_weights[1..=self.len].iter().copied())
    }

    fn longest_first(&self) -> impl Iterator<Item = (u32, f64)> {
        self.shortest_first().rev()
    }
}

/// The highest order of a model: two more than the widest context of a watermark holds.
pub const MAX_ORDER: usize = 14;
