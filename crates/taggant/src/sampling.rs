//! From a row of logits to the final distribution: temperature, top-k, top-p, min-p, in this order.

use alloc::vec::Vec;
use core::cmp::Ordering;

use rand_core::Rng;

use crate::error::{Error, Kind};
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
    candidates: Vec<Candidate>,
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
        candidates_into(logits, params, &mut self.candidates)?;
        Ok(draw(&self.candidates, rng))
    }
}

/// A token that is still in the running.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) token: TokenId,
    /// ln p, up to a constant that all candidates share: at most 0, and 0 for the most probable.
    pub(crate) ln_weight: f64,
    /// p, up to a factor that all candidates share.
    pub(crate) weight: f64,
}

/// Fills `candidates` with the tokens of the final distribution, in ascending order of id.
///
/// The row was checked: no NaN, no +infinity.
///
/// # Errors
/// When every logit is -infinity.
pub(crate) fn candidates_into<L: Logit>(
    row: &[L],
    params: &SamplingParams,
    candidates: &mut Vec<Candidate>,
) -> Result<(), Error> {
    candidates.clear();
    let largest = row.iter().map(|logit| logit.to_f32()).fold(f32::NEG_INFINITY, f32::max);
    if largest == f32::NEG_INFINITY {
        return Err(Kind::NoCandidate.into());
    }
    if params.is_greedy() {
        let at = row.iter().position(|logit| logit.to_f32() == largest);
        let token = at.expect("the largest logit is in the row") as TokenId;
        candidates.push(Candidate { token, ln_weight: 0.0, weight: 1.0 });
        return Ok(());
    }
    let largest = f64::from(largest);
    for (token, logit) in (0..).zip(row) {
        let ln_weight = (f64::from(logit.to_f32()) - largest) / params.temperature;
        if ln_weight > f64::NEG_INFINITY {
            candidates.push(Candidate { token, ln_weight, weight: libm::exp(ln_weight) });
        }
    }
    if params.top_k > 0 && params.top_k < candidates.len() {
        candidates.select_nth_unstable_by(params.top_k, most_probable_first);
        candidates.truncate(params.top_k);
    }
    if params.top_p < 1.0 {
        keep_nucleus(candidates, params.top_p);
    }
    if params.min_p > 0.0 {
        candidates.retain(|candidate| candidate.weight >= params.min_p);
    }
    if params.top_k > 0 || params.top_p < 1.0 {
        candidates.sort_unstable_by_key(|candidate| candidate.token);
    }
    Ok(())
}

/// The candidate at which the cumulative weight passes a uniform draw.
pub(crate) fn draw(candidates: &[Candidate], rng: &mut impl Rng) -> TokenId {
    let total: f64 = candidates.iter().map(|candidate| candidate.weight).sum();
    let mut left = uniform(rng) * total;
    for candidate in candidates {
        left -= candidate.weight;
        if left < 0.0 {
            return candidate.token;
        }
    }
    // Only rounding leads here. The most probable token is a safe answer: its weight is 1.
    let likeliest = candidates.iter().min_by(|a, b| most_probable_first(a, b));
    likeliest.expect("a distribution holds at least one candidate").token
}

/// A uniform number in [0, 1) on a grid of 2^-53.
fn uniform(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

fn keep_nucleus(candidates: &mut Vec<Candidate>, top_p: f64) {
    candidates.sort_unstable_by(most_probable_first);
    let total: f64 = candidates.iter().map(|candidate| candidate.weight).sum();
    let mut cumulative = 0.0;
    let last = candidates.iter().position(|candidate| {
        cumulative += candidate.weight;
        cumulative >= top_p * total
    });
    candidates.truncate(last.map_or(candidates.len(), |last| last + 1));
}

fn most_probable_first(a: &Candidate, b: &Candidate) -> Ordering {
    b.ln_weight.total_cmp(&a.ln_weight).then(a.token.cmp(&b.token))
}

fn checked(what: &'static str, expected: &'static str, found: f64, ok: bool) -> Result<f64, Error> {
    if ok { Ok(found) } else { Err(Kind::Sampling { what, expected, found }.into()) }
}
