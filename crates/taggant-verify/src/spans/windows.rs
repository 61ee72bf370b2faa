//! The windows of a scan: which there are follows from the number of items alone.
//!
//! ```text
//! lengths    16, 24, 32, 48, 64, 96, ... below n, and n itself
//! starts     every L/8 items for a length L, and the last possible one
//! ```
//!
//! All n^2/2 windows would cost 18 nats at n = 12,000; this ladder costs 10, and its windows share enough with any
//! stretch to keep most of its evidence: that of a fixed excess over T items, seen in a window of L items that shares O
//! of them, is the part O^2 / LT. Of ratios 2, sqrt 2, 2^(1/4) and 2^(1/8) and steps L/2 to L/16 this pair left most or
//! nearly so, for stretches of 50 to 3,000 items out of 12,000 with 30 nats of evidence each.
//!
//! Every length has the same part of alpha, rather than every window: two thirds of all windows are shorter than 48
//! items, and a stretch of thousands should not pay for them. Against equal parts that costs a stretch of 50 items 0.8
//! nats and gains one of 400 items 1.4 and one of 3,000 items 3.7.

use std::num::NonZeroU64;

/// One length of window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Length {
    /// How many items a window holds.
    pub(super) items: usize,
    /// How far apart they start.
    step: usize,
}

impl Length {
    /// The first items of the windows over `n` items, which are at least one window.
    pub(super) fn starts(self, n: usize) -> impl Iterator<Item = usize> {
        let last = n - self.items;
        (0..last).step_by(self.step).chain([last])
    }

    fn n_starts(self, n: usize) -> usize {
        (n - self.items).div_ceil(self.step) + 1
    }
}

/// The lengths of windows over `n` items, ascending, the last of them `n` itself; none below the shortest.
pub(super) fn lengths(n: usize) -> impl Iterator<Item = Length> {
    // 2^k and 3 * 2^(k-1): a ladder of ratios 3/2 and 4/3 whose eighths are whole.
    let octaves = (SHORTEST.ilog2()..usize::BITS - 1).map(|octave| 1_usize << octave);
    let ladder = octaves.flat_map(|octave| [octave, octave + octave / 2]).take_while(move |&items| items < n);
    let whole = (n >= SHORTEST).then_some(n);
    ladder.chain(whole).map(|items| Length { items, step: items / STEPS_PER_LENGTH })
}

/// How many windows a scan over `n_items` distinct inputs looks at: a function of their number, never of their values.
///
/// 0 below 16 items, where no window could be significant among those of a document; about 1.7 for each item of a
/// long document.
#[must_use]
pub fn n_windows(n_items: usize) -> u64 {
    lengths(n_items).fold(0, |sum, length| sum.saturating_add(length.n_starts(n_items) as u64))
}

/// What the p-value of a window of this length is multiplied by: the windows of this length, times the lengths.
///
/// The reciprocals of this number over all windows sum to 1.
pub(super) fn n_hypotheses(n: usize, length: Length) -> NonZeroU64 {
    let windows = (length.n_starts(n) as u64).saturating_mul(lengths(n).count() as u64);
    NonZeroU64::new(windows).expect("a length of the ladder has a window and is one of the lengths")
}

/// What the p-value of a window of `items` inputs is multiplied by in a scan over `n_items`; 0 if there is no such window.
#[must_use]
pub fn hypotheses(n_items: usize, items: usize) -> u64 {
    let length = lengths(n_items).find(|length| length.items == items);
    length.map_or(0, |length| n_hypotheses(n_items, length).get())
}

/// The shortest window: an eighth of it is a whole step, a power of two. Shorter ones could only be significant for
/// values far beyond those of any scheme that leaves its text readable.
pub(super) const SHORTEST: usize = 16;

/// A window starts every length / 8 items.
const STEPS_PER_LENGTH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(n: usize) -> Vec<usize> {
        lengths(n).map(|length| length.items).collect()
    }

    #[test]
    fn lengths_climb_to_the_whole_document() {
        assert!(ladder(0).is_empty() && ladder(15).is_empty());
        assert_eq!(ladder(16), [16]);
        assert_eq!(ladder(17), [16, 17]);
        assert_eq!(ladder(48), [16, 24, 32, 48]);
        assert_eq!(ladder(100), [16, 24, 32, 48, 64, 96, 100]);
    }

    #[test]
    fn starts_reach_from_the_first_item_to_the_last() {
        for n in [16, 17, 18, 31, 32, 33, 1000, 12_000] {
            for length in lengths(n) {
                let starts: Vec<usize> = length.starts(n).collect();
                assert_eq!(starts.len(), length.n_starts(n), "{length:?} of {n}");
                assert_eq!((starts[0], starts[starts.len() - 1]), (0, n - length.items), "{length:?} of {n}");
                assert!(starts.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= length.step));
            }
        }
    }

    #[test]
    fn every_window_has_its_part_of_alpha_and_the_parts_sum_to_one() {
        for n in [16, 100, 12_000, 1_000_000] {
            let part = |length: Length| length.n_starts(n) as f64 / n_hypotheses(n, length).get() as f64;
            let sum: f64 = lengths(n).map(part).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{n}: {sum}"); // a sum of at most 40 rounded quotients
        }
    }

    #[test]
    fn the_number_of_windows_is_linear_in_the_items() {
        assert_eq!([n_windows(0), n_windows(15), n_windows(16), n_windows(17)], [0, 0, 1, 3]);
        for n in [1000, 12_000, 1_000_000, 100_000_000] {
            let per_item = n_windows(n) as f64 / n as f64;
            assert!((1.4..1.7).contains(&per_item), "{n}: {per_item}");
        }
    }

    #[test]
    fn no_number_of_items_overflows() {
        assert!(lengths(usize::MAX).count() < 130);
        assert_eq!(n_windows(usize::MAX), u64::MAX);
    }
}
