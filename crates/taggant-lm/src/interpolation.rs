//! The probability of every follower of every context, interpolated with those of shorter contexts.

use std::ops::Range;

use crate::context_tree::ContextTree;
use crate::followers::{Discounts, Follower};

/// What is known about each follower of each context but the empty one.
#[derive(Clone)]
pub(crate) struct FollowerTable {
    /// Where the followers of each context start; one more at the end.
    starts: Vec<u32>,
    /// The followers: contexts by number, the tokens of a context in order.
    tokens: Vec<u32>,
    /// A probability or its logarithm for each follower.
    values: Vec<f64>,
}

impl FollowerTable {
    /// The tokens that follow `context`, in order, and the value of each.
    pub(crate) fn followers(&self, context: u32) -> (&[u32], &[f64]) {
        let range = self.range(context);
        (&self.tokens[range.clone()], &self.values[range])
    }

    /// The value of `token` after `context`, if it follows.
    pub(crate) fn value(&self, context: u32, token: u32) -> Option<f64> {
        let range = self.range(context);
        let index = self.tokens[range.clone()].binary_search(&token).ok()?;
        Some(self.values[range.start + index])
    }

    fn range(&self, context: u32) -> Range<usize> {
        let context = context as usize;
        self.starts[context] as usize..self.starts[context + 1] as usize
    }
}

/// A Kneser-Ney model in back-off form: the probability of a token is its value after the longest suffix of the history
/// that it follows, times the weights of all longer suffixes that occur.
///
/// Interpolated smoothing has exactly this form, because a token that does not follow a context has `c(h w) = 0`, and
/// all that the formula then leaves of `P_m(w | h)` is `g(h) P_(m-1)(w | h')`.
pub(crate) struct Interpolated {
    /// P_1 of every token.
    pub(crate) unigrams: Vec<f64>,
    /// g of each context; 1 for the empty one, whose weight is in the unigrams.
    pub(crate) weights: Vec<f64>,
    /// P_m of each follower of each context but the empty one.
    pub(crate) followers: FollowerTable,
}

impl Interpolated {
    /// Interpolates the followers of each level of [`levels`](crate::followers::levels), where `parents` are the
    /// contexts without their first tokens.
    pub(crate) fn new(levels: &[Vec<Follower>], parents: &[u32], vocab_size: usize) -> Self {
        let n_followers = levels[1..].iter().map(Vec::len).sum();
        let mut followers = FollowerTable {
            starts: Vec::with_capacity(parents.len() + 1),
            tokens: Vec::with_capacity(n_followers),
            values: Vec::with_capacity(n_followers),
        };
        let unigrams = unigrams(&levels[0], vocab_size);
        let mut weights = Vec::with_capacity(parents.len());
        weights.push(1.0);
        followers.starts.push(0);

        for level in &levels[1..] {
            let discounts = Discounts::estimate(level);
            for same_context in level.chunk_by(|a, b| a.context == b.context) {
                followers.starts.push(followers.tokens.len() as u32);
                let (total, weight) = total_and_weight(same_context, discounts);
                let parent = parents[same_context[0].context as usize];
                for follower in same_context {
                    let shorter = if parent == ContextTree::ROOT {
                        unigrams[follower.token as usize]
                    } else {
                        let shorter = followers.value(parent, follower.token);
                        shorter.expect("what follows a context follows its suffixes, which come before it")
                    };
                    followers.tokens.push(follower.token);
                    followers.values.push(discounted(*follower, discounts) / total + weight * shorter);
                }
                weights.push(weight);
            }
        }
        followers.starts.push(followers.tokens.len() as u32);
        Self { unigrams, weights, followers }
    }

    /// Takes the logarithm of everything.
    pub(crate) fn into_ln(mut self) -> Self {
        for probability in self.unigrams.iter_mut().chain(&mut self.weights).chain(&mut self.followers.values)
        {
            *probability = probability.ln();
        }
        self
    }
}

fn unigrams(level: &[Follower], vocab_size: usize) -> Vec<f64> {
    let uniform = 1.0 / vocab_size as f64;
    if level.is_empty() {
        return vec![uniform; vocab_size];
    }
    let discounts = Discounts::estimate(level);
    let (total, weight) = total_and_weight(level, discounts);
    let mut unigrams = vec![weight * uniform; vocab_size];
    for follower in level {
        unigrams[follower.token as usize] += discounted(*follower, discounts) / total;
    }
    unigrams
}

/// `c(h)` and `g(h)` of the context that has these followers.
fn total_and_weight(followers: &[Follower], discounts: Discounts) -> (f64, f64) {
    let total: f64 = followers.iter().map(|follower| f64::from(follower.count)).sum();
    let discount: f64 = followers.iter().map(|follower| discounts.of(follower.count)).sum();
    (total, discount / total)
}

/// `c(h w) - D(c(h w))`, above 0 because every discount is below its count.
fn discounted(follower: Follower, discounts: Discounts) -> f64 {
    f64::from(follower.count) - discounts.of(follower.count)
}
