//! Which of the significant windows are reported: the disjoint ones with the most evidence together.

use std::cmp::Ordering;
use std::ops::Range;

use crate::p_value::PValue;

/// A significant window.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Its items.
    pub(super) items: Range<usize>,
    /// Minus ln of its p-value with all windows of its own scan counted.
    pub(super) evidence: f64,
    /// Its p-value among all hypotheses.
    pub(super) p: PValue,
}

impl Candidate {
    /// The most significant first; of equal ones the earlier, then the shorter.
    pub(super) fn by_significance(&self, other: &Self) -> Ordering {
        let by_evidence = other.evidence.total_cmp(&self.evidence);
        by_evidence.then(self.items.start.cmp(&other.items.start)).then(self.items.end.cmp(&other.items.end))
    }
}

/// The disjoint windows over `n` items whose evidence sums highest, in order.
///
/// ```text
/// most(0) = 0      most(e) = max( most(e - 1), most(s) + evidence of s..e, over all windows s..e )
/// ```
///
/// So the product of their adjusted p is the smallest. Every further window pays for the windows it was chosen among.
/// Time and memory are linear in items and candidates, besides a sort. Of equal choices: the one that ends earlier,
/// then the longer window.
pub(super) fn disjoint(candidates: &[Candidate], n: usize) -> Vec<Range<usize>> {
    let mut by_end: Vec<&Candidate> = candidates.iter().collect();
    by_end.sort_by_key(|candidate| (candidate.items.end, candidate.items.start));
    let mut most = vec![0.0; n + 1];
    let mut last: Vec<Option<&Candidate>> = vec![None; n + 1];
    let mut rest = by_end.into_iter().peekable();
    for end in 1..=n {
        most[end] = most[end - 1];
        while let Some(candidate) = rest.next_if(|candidate| candidate.items.end == end) {
            let with = most[candidate.items.start] + candidate.evidence;
            if with > most[end] {
                (most[end], last[end]) = (with, Some(candidate));
            }
        }
    }
    let mut chosen = Vec::new();
    let mut end = n;
    while end > 0 {
        end = match last[end] {
            Some(candidate) => {
                chosen.push(candidate.items.clone());
                candidate.items.start
            }
            None => end - 1,
        };
    }
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::ln_p::LnP;
    use crate::p_value::PKind;

    fn candidate(items: Range<usize>, evidence: f64) -> Candidate {
        let p = PValue::new(LnP::from_ln(-evidence), PKind::Certified).among(NonZeroU64::MIN);
        Candidate { items, evidence, p }
    }

    #[test]
    fn two_windows_win_over_a_wider_one_with_less_evidence_than_both() {
        let of = |wide: f64| {
            disjoint(&[candidate(2..8, 30.0), candidate(0..20, wide), candidate(12..20, 20.0)], 24)
        };
        assert_eq!(of(49.0), [2..8, 12..20]);
        assert_eq!(of(50.0), [0..20; 1]);
        assert_eq!(of(51.0), [0..20; 1]);
        assert!(disjoint(&[], 0).is_empty() && disjoint(&[], 9).is_empty());
        assert!(disjoint(&[candidate(0..9, 0.0)], 9).is_empty());
    }

    #[test]
    fn no_disjoint_choice_has_more_evidence() {
        for seed in 0..200_usize {
            // Ten windows over 30 items, spread by a multiplicative generator.
            let draw = |i: usize| (seed * 1_103 + i * 7_919 + seed * i * 104_729) % 9_973;
            let window = |i: usize| {
                let start = draw(i) % 20;
                candidate(start..start + 1 + draw(i + 50) % 10, 1.0 + (draw(i + 100) % 100) as f64)
            };
            let candidates: Vec<Candidate> = (0..10).map(window).collect();
            let evidence = |chosen: &[&Candidate]| chosen.iter().map(|c| c.evidence).sum::<f64>();
            let is_disjoint = |chosen: &[&Candidate]| {
                let mut order = chosen.to_vec();
                order.sort_by_key(|c| c.items.start);
                order.windows(2).all(|pair| pair[0].items.end <= pair[1].items.start)
            };
            let subset = |bits: u32| -> Vec<&Candidate> {
                candidates.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, c)| c).collect()
            };
            let most =
                (0..1 << 10).map(subset).filter(|c| is_disjoint(c)).map(|c| evidence(&c)).fold(0.0, f64::max);
            let chosen = disjoint(&candidates, 30);
            let find = |items: &Range<usize>| {
                let same = candidates.iter().filter(|c| c.items == *items);
                same.max_by(|a, b| a.evidence.total_cmp(&b.evidence)).unwrap()
            };
            let found: Vec<&Candidate> = chosen.iter().map(find).collect();
            assert!(is_disjoint(&found), "{chosen:?}");
            assert_eq!(evidence(&found), most, "{chosen:?}"); // sums of whole numbers
        }
    }
}
