//! Suspects that say what they expect, and that copy: passages as an audit gets them.

use std::collections::HashMap;

use anyhow::Result;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use taggant::sampling::UnmarkedSampler;
use taggant::{SamplingParams, TokenId};
use taggant_audit::Passage;
use taggant_corpus::LnRow;
use taggant_lm::KneserNey;

use super::world::Documents;

/// A suspect that reads text and answers prompts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspect<'a> {
    pub(super) model: &'a KneserNey,
    /// The share of its probability that goes to what it remembers of this text, where there is something.
    pub(super) copies: f64,
    pub(super) lists: Lists,
}

/// Which tokens of a row it lists.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lists {
    /// Those of at least this probability.
    AtLeast(f64),
    /// So many of the likeliest, and the token that came, as servers do.
    LikeliestAndObserved(usize),
}

impl Suspect<'_> {
    /// Documents with what the suspect expects at each token; it remembers contexts of `width` tokens.
    pub(super) fn read(&self, documents: &Documents, width: usize) -> Result<Vec<Passage>> {
        let passage = |(id, tokens): (usize, &Vec<TokenId>)| {
            let mut memory = Memory::new(width);
            let mut logits = vec![0.0; self.model.vocab_size()];
            let mut rows = Vec::with_capacity(tokens.len());
            for (at, &token) in tokens.iter().enumerate() {
                self.expect(&tokens[..at], &memory, &mut logits)?;
                rows.push(Some(self.lists.row(&logits, token)?));
                memory.see(&tokens[..=at]);
            }
            Ok(Passage { log_probs: Some(rows), ..Passage::of_tokens(id.to_string(), tokens.clone()) })
        };
        documents.par_iter().enumerate().map(passage).collect()
    }

    /// An answer to a prompt.
    pub(super) fn answer(
        &self,
        prompt: &[TokenId],
        n_tokens: usize,
        width: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<TokenId>> {
        let mut memory = Memory::new(width);
        (1..=prompt.len()).for_each(|end| memory.see(&prompt[..end]));
        let (mut history, mut sampler) = (prompt.to_vec(), UnmarkedSampler::new());
        let mut logits = vec![0.0; self.model.vocab_size()];
        for _ in 0..n_tokens {
            self.expect(&history, &memory, &mut logits)?;
            history.push(sampler.sample(&logits, &SamplingParams::default(), rng)?);
            memory.see(&history);
        }
        Ok(history.split_off(prompt.len()))
    }

    /// ln p of every token after a history.
    fn expect(&self, history: &[TokenId], memory: &Memory, ln_p: &mut [f32]) -> Result<()> {
        self.model.logits_into(history, ln_p)?;
        if let Some(copied) = memory.recall(history).filter(|_| self.copies > 0.0) {
            let (kept, at) = ((1.0 - self.copies).ln() as f32, copied as usize);
            ln_p.iter_mut().for_each(|ln_p| *ln_p += kept);
            ln_p[at] = (f64::from(ln_p[at]).exp() + self.copies).ln() as f32;
        }
        Ok(())
    }
}

impl Lists {
    fn row(self, ln_p: &[f32], observed: TokenId) -> Result<LnRow> {
        let mut ids: Vec<TokenId> = (0..ln_p.len() as TokenId).collect();
        match self {
            Self::AtLeast(least) => ids.retain(|&id| f64::from(ln_p[id as usize]) >= least.ln()),
            Self::LikeliestAndObserved(most) => {
                let ln_p = |id: TokenId| ln_p[id as usize];
                ids.select_nth_unstable_by(most, |&a, &b| ln_p(b).total_cmp(&ln_p(a)).then(a.cmp(&b)));
                ids.truncate(most);
                if !ids.contains(&observed) {
                    ids.push(observed);
                }
            }
        }
        let ln_p = ids.iter().map(|&id| ln_p[id as usize].min(0.0)).collect();
        // As a corpus is read, which knows the token that came and not how the list was made.
        Ok(LnRow::new(ids, ln_p)?.with_observed(observed))
    }
}

/// What followed each context the last time.
#[derive(Debug)]
struct Memory {
    width: usize,
    followers: HashMap<Vec<TokenId>, TokenId>,
}

impl Memory {
    fn new(width: usize) -> Self {
        Self { width, followers: HashMap::new() }
    }

    /// What followed the last `width` tokens of a history when they came before, or else what followed the last one.
    fn recall(&self, history: &[TokenId]) -> Option<TokenId> {
        [self.width, 1].into_iter().find_map(|width| {
            let context = &history[history.len().checked_sub(width)?..];
            self.followers.get(context).copied()
        })
    }

    /// Takes note of the last token of a history.
    fn see(&mut self, history: &[TokenId]) {
        for width in [self.width, 1] {
            if let Some(start) = history.len().checked_sub(width + 1) {
                let (context, token) = history[start..].split_at(width);
                self.followers.insert(context.to_vec(), token[0]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_context_that_came_before_is_remembered_with_what_followed_it_last() {
        let mut memory = Memory::new(2);
        let text = [1, 2, 3, 1, 2, 4, 9, 2, 5];
        (1..=text.len()).for_each(|end| memory.see(&text[..end]));
        for (history, expected) in [
            (&[1, 2][..], Some(4)),
            (&[7, 2], Some(5)),
            (&[3, 1], Some(2)),
            (&[2], Some(5)),
            (&[5], None),
            (&[], None),
        ] {
            assert_eq!(memory.recall(history), expected, "{history:?}");
        }
    }

    #[test]
    fn a_short_list_holds_the_likeliest_and_the_token_that_came() {
        let ln_p = [0.1_f32, 0.3, 0.15, 0.3, 0.15].map(f32::ln);
        let ids =
            |most, observed| Lists::LikeliestAndObserved(most).row(&ln_p, observed).unwrap().ids().to_vec();
        assert_eq!((ids(2, 1), ids(2, 0), ids(3, 0)), (vec![1, 3], vec![0, 1, 3], vec![0, 1, 2, 3]));
        assert_eq!(Lists::AtLeast(0.2).row(&ln_p, 0).unwrap().ids(), [1, 3]);
    }
}
