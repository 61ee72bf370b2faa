//! From a row of logits to the final distribution: temperature, top-k, top-p, min-p, in this order.

use alloc::vec::Vec;
use core::cmp::Ordering;

use rand_core::Rng;

use crate::error::{Error, Kind};
use crate::exp::exp_into;
use crate::logits::{Logit, check_row};
use crate::token::TokenId;

/// How the final distribution follows from the logits.
///
/// The default samples the model's own distribution: temperature 1 and no truncation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingParams {
    temperature: f64,
    top_k: usize,
    top_p: f64,
    min_p: f64,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0 }
    }
}

impl SamplingParams {
    /// Divides the logits by `temperature`; 0 always takes the largest one (ties: the lowest id) and so
    /// carries no Gumbel-max or tournament mark.
    ///
    /// # Errors
    /// When it is negative, infinite or NaN.
    pub fn with_temperature(mut self, temperature: f64) -> Result<Self, Error> {
        let ok = temperature.is_finite() && temperature >= 0.0;
        self.temperature = checked("temperature", "a finite number of at least 0", temperature, ok)?;
        Ok(self)
    }

    /// Keeps the `top_k` most probable tokens (ties: the lowest ids); 0 keeps all.
    #[must_use]
    pub fn with_top_k(mut self, top_k: usize) -> Self {
        self.top_k = top_k;
        self
    }

    /// Keeps the fewest most probable tokens whose probabilities sum to at least `top_p`; 1 keeps all.
    ///
    /// # Errors
    /// When it is not above 0 and at most 1.
    pub fn with_top_p(mut self, top_p: f64) -> Result<Self, Error> {
        self.top_p = checked("top_p", "above 0 and at most 1", top_p, top_p > 0.0 && top_p <= 1.0)?;
        Ok(self)
    }

    /// Keeps tokens at least `min_p` times as probable as the most probable one; 0 keeps all.
    ///
    /// # Errors
    /// When it is not from 0 to 1.
    pub fn with_min_p(mut self, min_p: f64) -> Result<Self, Error> {
        self.min_p = checked("min_p", "from 0 to 1", min_p, (0.0..=1.0).contains(&min_p))?;
        Ok(self)
    }

    /// Whether the largest logit is always taken.
    #[must_use]
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0
    }
}

/// Samples without a mark: what a control, or traffic outside a mark, goes through.
///
/// It draws as a [`Session`](crate::Session) draws where a position is not marked.
#[derive(Clone, Debug, Default)]
pub struct UnmarkedSampler {
    candidates: Candidates,
}

impl UnmarkedSampler {
    /// A sampler; it keeps nothing between rows but memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Samples one token.
    ///
    /// # Errors
    /// When the row is empty, holds NaN or +infinity, or has no finite entry.
    pub fn sample<L: Logit>(
        &mut self,
        logits: &[L],
        params: &SamplingParams,
        rng: &mut impl Rng,
    ) -> Result<TokenId, Error> {
        check_row(logits)?;
        self.candidates.fill(logits, params)?;
        Ok(self.candidates.draw(rng))
    }
}

/// The tokens that are still in the running, in ascending order of id: the final distribution.
///
/// Three columns of one length, so that each step of the way is a plain loop over one of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    /// The tokens.
    pub(crate) tokens: Vec<TokenId>,
    /// ln p, up to a constant that all share: at most 0, and 0 for the most probable.
    pub(crate) ln_weights: Vec<f64>,
    /// p, up to a factor that all share.
    pub(crate) weights: Vec<f64>,
    /// Numbers of candidates, the most probable first, while truncation lasts.
    order: Vec<usize>,
}

impl Candidates {
    /// Takes the final distribution of a row that was checked: no NaN, no +infinity.
    ///
    /// # Errors
    /// When every logit is -infinity.
    pub(crate) fn fill<L: Logit>(&mut self, row: &[L], params: &SamplingParams) -> Result<(), Error> {
        let larger = |a: f32, b: f32| if b > a { b } else { a };
        let largest = row.iter().map(|logit| logit.to_f32()).fold(f32::NEG_INFINITY, larger);
        if largest == f32::NEG_INFINITY {
            return Err(Kind::NoCandidate.into());
        }
        self.tokens.clear();
        self.ln_weights.clear();
        if params.is_greedy() {
            let at = row.iter().position(|logit| logit.to_f32() == largest);
            self.tokens.push(at.expect("the largest logit is in the row") as TokenId);
            self.ln_weights.push(0.0);
        } else {
            // A token at -infinity stays as a candidate of weight 0, which nothing ever picks.
            self.tokens.extend(0..row.len() as TokenId);
            let above = |logit: &L| f64::from(logit.to_f32()) - f64::from(largest);
            match params.temperature {
                // The same numbers, without a division for each token.
                1.0 => self.ln_weights.extend(row.iter().map(above)),
                temperature => self.ln_weights.extend(row.iter().map(|logit| above(logit) / temperature)),
            }
        }
        self.weights.resize(self.tokens.len(), 0.0);
        exp_into(&self.ln_weights, &mut self.weights);
        self.truncate(params);
        Ok(())
    }

    /// The candidate at which the cumulative weight passes a uniform draw.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> TokenId {
        let mut left = uniform(rng) * self.total();
        for (at, block) in self.weights.chunks(BLOCK).enumerate() {
            let in_block = sum(block);
            if left >= in_block {
                left -= in_block;
                continue;
            }
            for (&token, &weight) in self.tokens[at * BLOCK..].iter().zip(block) {
                left -= weight;
                if left < 0.0 {
                    return token;
                }
            }
        }
        // Only rounding leads here. The most probable token is a safe answer.
        let likeliest = (0..self.tokens.len()).min_by(|&a, &b| self.most_probable_first(a, b));
        self.tokens[likeliest.expect("a distribution holds at least one candidate")]
    }

    /// The sum of all weights, block by block as [`draw`](Self::draw) walks them.
    pub(crate) fn total(&self) -> f64 {
        self.weights.chunks(BLOCK).map(sum).sum()
    }

    /// top-k, top-p and min-p, in this order.
    fn truncate(&mut self, params: &SamplingParams) {
        let is_cut = params.top_k > 0 && params.top_k < self.tokens.len();
        if is_cut || params.top_p < 1.0 {
            let mut order = core::mem::take(&mut self.order);
            order.clear();
            order.extend(0..self.tokens.len());
            if is_cut {
                order.select_nth_unstable_by(params.top_k, |&a, &b| self.most_probable_first(a, b));
                order.truncate(params.top_k);
            }
            if params.top_p < 1.0 {
                order.sort_unstable_by(|&a, &b| self.most_probable_first(a, b));
                self.cut_nucleus(&mut order, params.top_p);
            }
            order.sort_unstable();
            self.take(&order);
            self.order = order;
        }
        if params.min_p > 0.0 {
            self.keep(|candidates, at| candidates.weights[at] >= params.min_p);
        }
    }

    /// Leaves in `order` the fewest of its first candidates whose weights reach `top_p` of their sum.
    fn cut_nucleus(&self, order: &mut Vec<usize>, top_p: f64) {
        let total: f64 = order.iter().map(|&at| self.weights[at]).sum();
        let mut cumulative = 0.0;
        let last = order.iter().position(|&at| {
            cumulative += self.weights[at];
            cumulative >= top_p * total
        });
        order.truncate(last.map_or(order.len(), |last| last + 1));
    }

    /// Keeps the candidates that pass, in order.
    fn keep(&mut self, passes: impl Fn(&Self, usize) -> bool) {
        let mut order = core::mem::take(&mut self.order);
        order.clear();
        order.extend((0..self.tokens.len()).filter(|&at| passes(self, at)));
        self.take(&order);
        self.order = order;
    }

    /// Keeps the candidates with these numbers, which ascend.
    fn take(&mut self, order: &[usize]) {
        for (to, &from) in order.iter().enumerate() {
            self.tokens[to] = self.tokens[from];
            self.ln_weights[to] = self.ln_weights[from];
            self.weights[to] = self.weights[from];
        }
        self.tokens.truncate(order.len());
        self.ln_weights.truncate(order.len());
        self.weights.truncate(order.len());
    }

    fn most_probable_first(&self, a: usize, b: usize) -> Ordering {
        self.ln_weights[b].total_cmp(&self.ln_weights[a]).then(self.tokens[a].cmp(&self.tokens[b]))
    }
}

/// A uniform number in [0, 1) on a grid of 2^-53.
fn uniform(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// A sum in four lanes: the same order of additions on every platform.
fn sum(weights: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let chunks = weights.chunks_exact(4);
    let rest: f64 = chunks.remainder().iter().sum();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, weight)| *lane += weight);
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}

fn checked(what: &'static str, expected: &'static str, found: f64, ok: bool) -> Result<f64, Error> {
    if ok { Ok(found) } else { Err(Kind::Sampling { what, expected, found }.into()) }
}

/// How many weights are summed before the draw is compared.
const BLOCK: usize = 64;
