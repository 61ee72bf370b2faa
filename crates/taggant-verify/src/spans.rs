//! Where in a document the mark is: a scan over windows, with every window looked at in the p-value.
//!
//! ```text
//! tokens -> each input at its first occurrence -> windows, each with its exact tail -> spans
//! ```
//!
//! A test of the whole document dilutes 400 marked tokens among 12,000 unmarked ones; a window around them does not.

mod boundary;
mod likelihood;
mod selection;
mod windows;

use std::num::NonZeroU64;
use std::ops::Range;

use hashbrown::HashSet;
use taggant::TokenId;
use taggant::law::Law;
use taggant::reader::{Identity, Input, Ngrams, Reader, Reading};

use crate::null::Null;
use crate::p_value::{PKind, PValue};
use crate::sequence_set::SequenceSet;
use crate::tally::Tally;

use selection::Candidate;
pub use windows::{hypotheses, n_windows};

/// A stretch of a document that carries the mark.
///
/// All indexes are tokens of the document, half-open: `start..end`, `window_start..window_end`.
///
/// The p-value is that of the *window*, one of a family that was fixed before looking: the most significant window that
/// meets this span and no other. `start` and `end` are the likeliest place of the change points, an estimate without a
/// p-value of its own: they may lie inside or outside of the window.
///
/// Both cover scored tokens, from the first to the last. Marked text begins up to a context width before `start`, since
/// its first tokens are never scored; and a token whose n-gram occurred before in the document has no value, so
/// neither end rests on it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Span {
    /// The first token of the likeliest segment.
    pub start: usize,
    /// One past its last token.
    pub end: usize,
    /// The first scored token of the window that was tested.
    pub window_start: usize,
    /// One past its last scored token.
    pub window_end: usize,
    /// The window's inputs and the sum of their scores.
    pub tally: Tally,
    /// The window's p-value, [`PKind::Certified`], among all hypotheses of the scan.
    pub p: PValue,
}

/// A document as one key reads it: the scores of its distinct inputs in the order of their first occurrence.
///
/// Each input counts once per document, where it occurs first; later occurrences carry no value, or a repeated
/// paragraph would be evidence of itself. A repeat of a marked paragraph is therefore not found, the first of them
/// is. Channels with accounts are left out.
#[derive(Clone, Debug)]
pub struct Scan {
    law: Law,
    /// The token each score belongs to, in ascending order.
    positions: Vec<usize>,
    /// The sum of the scores before each item, and of all of them: one more than there are items.
    sums: Vec<u128>,
}

impl Scan {
    /// Reads the tokens of one document.
    ///
    /// A document without scored tokens, an empty one included, is a scan without items and without spans.
    #[must_use]
    pub fn new(reader: &dyn Reader, tokens: &[TokenId]) -> Self {
        let law = reader.law();
        let width = reader.context_rule().width.len();
        let mut distinct = SequenceSet::new(width + 1);
        let ngrams = tokens.windows(width + 1).zip(width..);
        let firsts: Vec<usize> =
            ngrams.filter_map(|(ngram, at)| distinct.insert(ngram).1.then_some(at)).collect();

        let (mut positions, mut sums, mut sum) = (Vec::new(), vec![0], 0);
        let mut seen = HashSet::<Input>::new();
        let (mut inputs, mut readings) = ([Input::default(); BATCH], [Reading::default(); BATCH]);
        for (packed, firsts) in distinct.tokens().chunks(BATCH * (width + 1)).zip(firsts.chunks(BATCH)) {
            let batch = Ngrams::packed(packed, width + 1);
            let (inputs, readings) = (&mut inputs[..batch.len()], &mut readings[..batch.len()]);
            reader.readings(batch, readings);
            let is_distinct = reader.identity() == Identity::Ngram;
            if !is_distinct {
                reader.inputs(batch, inputs);
            }
            for ((input, reading), first) in inputs.iter().zip(readings).zip(firsts) {
                let carries_accounts = reader.channels()[usize::from(reading.channel)].accounts;
                if !carries_accounts && (is_distinct || seen.insert(*input)) {
                    sum += u128::from(law.score(reading.value));
                    positions.push(*first);
                    sums.push(sum);
                }
            }
        }
        Self { law, positions, sums }
    }

    /// How many inputs carry a score: what the windows are made of.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.positions.len()
    }

    /// The spans at level `alpha`, in the order of the text; they are disjoint.
    ///
    /// `hypotheses` is how many scans share `alpha`: documents times keys times dialects. With it the chance that *any*
    /// window of any of these scans is significant is at most `alpha` under the null, whatever wrote the text:
    ///
    /// ```text
    /// p of a window = P(S >= s)     S the sum of its L scores under the null, exact
    /// adjusted p    = p * (windows of L scores) * (lengths of window) * hypotheses
    /// ```
    ///
    /// Every length of window has the same part of `alpha`, every window of one length the same part of that. Which
    /// windows there are follows from the number of items alone, never from a value ([`n_windows`]). The bound is
    /// Bonferroni's: it needs no independence of the windows, which overlap.
    ///
    /// Of the significant windows those disjoint ones are chosen whose adjusted p have the smallest product: two
    /// marked stretches are two spans where their gap says more against the mark than a second window costs, although
    /// one window over both may be the most significant of all. Each is moved to the change points around it, up to
    /// half a window outward. Neighbors are one span if fewer items lie between them than the shortest window holds,
    /// 16, or if what lies there is too weak to tell it from the mark ([`GAP_FACTOR`]): marked text has dips, as
    /// tokens that could hardly have been others carry no mark.
    ///
    /// A window whose sum is not above its mean is never significant, even for an `alpha` near 1; an `alpha` that is
    /// not positive, or NaN, reports nothing.
    ///
    /// # Paper
    /// Scan statistics: Glaz, Naus and Wallenstein 2001, *Scan Statistics*, chapter 1. Disjoint segments of most
    /// evidence: Auger and Lawrence 1989, Bull. Math. Biol. 51(1). Difference: exact tails, and a ladder of windows
    /// instead of all.
    #[must_use]
    pub fn spans(&self, alpha: f64, hypotheses: NonZeroU64) -> Vec<Span> {
        let mut candidates = self.significant(alpha, hypotheses);
        let segments = self.segments(&selection::disjoint(&candidates, self.n_items()));

        let mut best: Vec<Option<&Candidate>> = vec![None; segments.len()];
        candidates.sort_by(Candidate::by_significance);
        for candidate in &candidates {
            let first = segments.partition_point(|segment| segment.end <= candidate.items.start);
            let past = segments.partition_point(|segment| segment.start < candidate.items.end);
            if past == first + 1 {
                best[first].get_or_insert(candidate);
            }
        }
        let span = |(segment, window): (&Range<usize>, Option<&Candidate>)| {
            let window = window.expect("the window a segment was refined from meets no other");
            let (tokens, tested) = (self.tokens(segment), self.tokens(&window.items));
            Span {
                start: tokens.start,
                end: tokens.end,
                window_start: tested.start,
                window_end: tested.end,
                tally: Tally {
                    n: window.items.len() as u64,
                    sum: self.sums[window.items.end] - self.sums[window.items.start],
                },
                p: window.p,
            }
        };
        segments.iter().zip(best).map(span).collect()
    }

    /// The likeliest segments around disjoint windows in order, neighbors merged where their gap is weak.
    ///
    /// None reaches into the window of another, unless they are merged.
    fn segments(&self, chosen: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut segments: Vec<Range<usize>> = Vec::new();
        let weakest_gap = -libm::log(self.n_items() as f64 * GAP_FACTOR);
        let mut free = 0;
        // The segment before, by itself: the last of `segments` may hold more.
        let mut before: Option<Range<usize>> = None;
        for (window, at) in chosen.iter().zip(1..) {
            let next = chosen.get(at).map_or(self.n_items(), |next| next.start);
            let segment = boundary::refine(self.law, &self.sums, window, &(free..next));
            free = window.end.max(segment.end);
            let is_one = |before: &Range<usize>| {
                segment.start - before.end < windows::SHORTEST
                    || boundary::gap_ln_ratio(self.law, &self.sums, before, &segment) > weakest_gap
            };
            match segments.last_mut() {
                Some(last) if before.as_ref().is_some_and(is_one) => last.end = segment.end,
                _ => segments.push(segment.clone()),
            }
            before = Some(segment);
        }
        segments
    }

    /// Every window that is significant on its own.
    fn significant(&self, alpha: f64, hypotheses: NonZeroU64) -> Vec<Candidate> {
        let ln_alpha = libm::log(alpha);
        let mut found = Vec::new();
        for length in windows::lengths(self.n_items()) {
            let null = Null::new(self.law, length.items as u64);
            let n_windows = windows::n_hypotheses(self.n_items(), length);
            // A tail falls with the sum, so a sum at or below one that fell short need not be looked at again.
            let mut too_small = (null.mean() * self.law.unit() as f64) as u128;
            for start in length.starts(self.n_items()) {
                let items = start..start + length.items;
                let sum = self.sums[items.end] - self.sums[items.start];
                if sum <= too_small {
                    continue;
                }
                let statistic = null.statistic(&Tally { n: length.items as u64, sum });
                let of_scan =
                    PValue::new(null.p_value(statistic).unadjusted(), PKind::Certified).among(n_windows);
                let p = of_scan.among(hypotheses);
                if p.adjusted().ln() <= ln_alpha {
                    found.push(Candidate { items, evidence: -of_scan.adjusted().ln(), p });
                } else {
                    too_small = sum;
                }
            }
        }
        found
    }

    /// From the token of the first of these items to that of the last; the range is not empty.
    fn tokens(&self, items: &Range<usize>) -> Range<usize> {
        self.positions[items.start]..self.positions[items.end - 1] + 1
    }
}

/// The spans of one document: [`Scan::new`], then [`Scan::spans`].
///
/// # Examples
/// ```
/// use std::num::NonZeroU64;
/// use taggant::scheme::{GumbelMax, Scheme};
/// use taggant::{ContextWidth, Mark, Profile, Secret};
/// use taggant_verify::spans::spans;
///
/// let profile = Profile::new(Scheme::Gumbel(GumbelMax::new()), ContextWidth::new(2)?, "2026q4")?;
/// let mark = Mark::new(&Secret::from_bytes([7; 32]), &profile);
/// let text: Vec<u32> = (0..5000_u32).map(|i| i * i % 4093).collect(); // not marked
/// assert!(spans(&mark, &text, 1e-6, NonZeroU64::MIN).is_empty());
/// # Ok::<(), taggant::Error>(())
/// ```
#[must_use]
pub fn spans(reader: &dyn Reader, tokens: &[TokenId], alpha: f64, hypotheses: NonZeroU64) -> Vec<Span> {
    Scan::new(reader, tokens).spans(alpha, hypotheses)
}

/// By how much a gap must be likelier without the mark, per item of the document, to part two spans.
///
/// ```text
/// P(some stretch of a marked document has f0 / f1 >= 20 n) <= n / (20 n)
/// ```
///
/// Under the mark f0 / f1 is a martingale from each of the n starting points (Ville 1939): a document marked evenly
/// falls apart with a chance of at most 1/20, the fit of f1 aside. It concerns the shape of the spans, never a p-value.
pub const GAP_FACTOR: f64 = 20.0;

/// How many n-grams a reader gets at once.
const BATCH: usize = 256;
