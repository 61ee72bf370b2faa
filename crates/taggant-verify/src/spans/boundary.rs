//! Where a span begins and ends: the segment of the largest likelihood ratio around a window.

use std::ops::Range;

use taggant::law::Law;

use super::likelihood::Alternative;

/// The segment of items around a window whose likelihood ratio is largest, the mark's law fitted in the window.
///
/// First the best segment inside of the window, then the best continuation of it to either side, up to half a window
/// beyond the window and within `free`. As the ratio is affine in the score, the best segment is that of the largest
/// sum of scores beyond a reference value.
///
/// `sums` holds the sum before each item and of all; `window` lies in `free`, and its sum is above its mean. The result
/// is never empty, and it shares an item with the window.
///
/// # Paper
/// Page 1954, Biometrika 41, for sums beyond a reference; the largest-sum segment is Kadane's (Bentley 1984, CACM
/// 27(9)).
pub(super) fn refine(law: Law, sums: &[u128], window: &Range<usize>, free: &Range<usize>) -> Range<usize> {
    let alternative = Alternative::fit(law, sums, &[window]);
    let walk = |item: usize| alternative.rise(sums, window.start, item);

    let mut core = window.clone();
    let mut largest = walk(window.end);
    let mut lowest = window.start;
    for end in window.start + 1..=window.end {
        let rise = walk(end) - walk(lowest);
        if rise > largest {
            (core, largest) = (lowest..end, rise);
        }
        if walk(end) < walk(lowest) {
            lowest = end;
        }
    }

    let wing = window.len() / 2;
    let (mut start, mut end) = (core.start, core.end);
    for before in (free.start.max(window.start.saturating_sub(wing))..core.start).rev() {
        if walk(before) < walk(start) {
            start = before;
        }
    }
    for after in core.end + 1..=free.end.min(window.end.saturating_add(wing)) {
        if walk(after) > walk(end) {
            end = after;
        }
    }
    start..end
}

/// ln of the likelihood ratio of what lies between two segments, the mark's law fitted in both; 0 if they touch.
pub(super) fn gap_ln_ratio(law: Law, sums: &[u128], left: &Range<usize>, right: &Range<usize>) -> f64 {
    Alternative::fit(law, sums, &[left, right]).ln_ratio(sums, &(left.end..right.start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COIN: Law = Law::Bernoulli { numerator: 1, denominator: 4 };

    fn sums(scores: &[u64]) -> Vec<u128> {
        let mut sums = vec![0];
        scores.iter().for_each(|&score| sums.push(sums[sums.len() - 1] + u128::from(score)));
        sums
    }

    #[test]
    fn a_segment_is_trimmed_and_continued_but_not_past_what_is_free() {
        let mut scores = vec![0; 100];
        scores[30..60].fill(1);
        let sums = sums(&scores);
        let refined = |window: Range<usize>, free: Range<usize>| refine(COIN, &sums, &window, &free);
        assert_eq!(refined(24..56, 0..100), 30..60);
        assert_eq!(refined(40..72, 0..100), 30..60);
        assert_eq!(refined(40..56, 0..100), 32..60); // half a window and no farther
        assert_eq!(refined(40..72, 35..100), 35..60);
        assert_eq!(refined(24..56, 0..58), 30..58);
    }

    #[test]
    fn all_scores_alike_are_one_segment() {
        for (law, score) in [(COIN, 1), (Law::Exponential, u64::MAX), (Law::Bits { depth: 1 }, 1)] {
            assert_eq!(refine(law, &sums(&[score; 20]), &(2..18), &(0..20)), 0..20, "{law:?}");
        }
    }

    #[test]
    fn no_segment_of_the_window_is_likelier_and_no_other_end_either() {
        for seed in 0..100_u64 {
            let scores: Vec<u64> = (0..160_u64)
                .map(|i| {
                    let draw = (i * i * 7_919 + seed * 104_729 + i * seed * 31) % 9_973;
                    let is_marked = (50..110).contains(&i);
                    u64::from(draw % 100 < if is_marked { 60 } else { 25 })
                })
                .collect();
            let sums = sums(&scores);
            let (window, free) = (48..112, 30..130);
            if sums[112] - sums[48] <= 16 {
                continue;
            }
            let alternative = Alternative::fit(COIN, &sums, &[&window]);
            let ratio = |segment: Range<usize>| alternative.ln_ratio(&sums, &segment);
            let found = refine(COIN, &sums, &window, &free);
            let best = ratio(found.clone()) + 1e-9; // rounding of sums of up to 100 terms
            let inside = window.clone().flat_map(|start| (start + 1..=112).map(move |end| start..end));
            assert!(inside.map(ratio).all(|other| other <= best), "{seed}: {found:?}");
            assert!((30..found.end).all(|start| ratio(start..found.end) <= best), "{seed}: {found:?}");
            assert!((found.start + 1..=130).all(|end| ratio(found.start..end) <= best), "{seed}: {found:?}");
        }
    }

    #[test]
    fn a_gap_says_more_against_the_mark_the_longer_it_is() {
        let gap = |n: usize| {
            let scores = [vec![1; 40], vec![0; n], vec![1; 40]].concat();
            gap_ln_ratio(COIN, &sums(&scores), &(0..40), &(40 + n..80 + n))
        };
        assert_eq!(gap(0), 0.0);
        // q = (80 + 1/4) / 81: each miss costs ln((1 - q) / (3/4)).
        let of_miss = (0.75_f64 / 81.0 / 0.75).ln();
        assert!((gap(3) - 3.0 * of_miss).abs() < 1e-12);
    }
}
