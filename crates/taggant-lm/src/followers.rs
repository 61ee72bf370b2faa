//! Which tokens follow which contexts, how often, and by how much those counts are discounted.

use crate::context_tree::GrownTree;
use crate::padding::Padded;

/// A token that follows a context.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Follower {
    pub(crate) context: u32,
    pub(crate) token: u32,
    /// How often, at the highest level; in how many longer contexts, below it. At least 1.
    pub(crate) count: u32,
}

/// The followers of all contexts of `text`, one list per level, from the empty context to those of `order - 1` tokens.
/// Each list is sorted by context, then by token.
///
/// The highest level counts occurrences. Every level below counts the contexts, longer by one token, that the token
/// follows too: the number of distinct tokens in front, `N1+` in the papers.
pub(crate) fn levels(text: &Padded, tree: &GrownTree, order: usize) -> Vec<Vec<Follower>> {
    let occurrences = tree.longest.iter().copied().zip(text.tokens_before(0)).collect();
    let mut levels = vec![tally(occurrences)];
    for _ in 1..order {
        let longer = &levels[levels.len() - 1];
        let extended =
            longer.iter().map(|follower| (tree.parents[follower.context as usize], follower.token));
        levels.push(tally(extended.collect()));
    }
    levels.reverse();
    levels
}

fn tally(mut pairs: Vec<(u32, u32)>) -> Vec<Follower> {
    pairs.sort_unstable();
    pairs
        .chunk_by(|a, b| a == b)
        .map(|same| Follower { context: same[0].0, token: same[0].1, count: same.len() as u32 })
        .collect()
}

/// How much is taken off the counts of a level, to be spread over the tokens that the level below suggests.
///
/// `D1`, `D2` and `D3+`, for counts of 1, of 2, and of 3 or more; each above 0 and below its count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Discounts([f64; 3]);

impl Discounts {
    /// Estimates the discounts of a level from the numbers `n_j` of its followers with count `j`:
    ///
    /// ```text
    /// Y   = n1 / (n1 + 2 n2)
    /// Dj  = j - (j + 1) Y n(j+1) / nj    for j = 1, 2 and 3+
    /// ```
    ///
    /// # Paper
    ///
    /// S. F. Chen, J. Goodman, 1999, section 3 (see [`KneserNey`](crate::KneserNey)). The text may be too short or too
    /// repetitive for this. Where an `n_j` is zero or a discount not above 0, which the paper leaves open, all three
    /// are [`FALLBACK`](Self::FALLBACK).
    pub(crate) fn estimate(level: &[Follower]) -> Self {
        let mut n = [0.0; 5];
        for follower in level.iter().filter(|follower| follower.count <= 4) {
            n[follower.count as usize] += 1.0;
        }
        let y = n[1] / (n[1] + 2.0 * n[2]);
        let discounts = [1, 2, 3].map(|j| j as f64 - (j + 1) as f64 * y * n[j + 1] / n[j]);
        if n[1..].contains(&0.0) || discounts.iter().any(|discount| *discount <= 0.0) {
            return Self::FALLBACK;
        }
        Self(discounts)
    }

    /// What is taken off `count`.
    pub(crate) fn of(self, count: u32) -> f64 {
        self.0[count.min(3) as usize - 1]
    }

    /// What KenLM uses with `--discount_fallback` (K. Heafield, `lm/builder/lmplz_main.cc`).
    const FALLBACK: Self = Self([0.5, 1.0, 1.5]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_discounts(counts: &[u32], expected: [f64; 3]) {
        let level: Vec<_> = counts.iter().map(|&count| Follower { context: 0, token: 0, count }).collect();
        assert_eq!(Discounts::estimate(&level), Discounts(expected), "counts {counts:?}");
    }

    #[test]
    fn discounts_are_those_of_the_paper() {
        // n = 4, 2, 1, 1, so Y = 4 / (4 + 2 x 2) = 1/2; D1 = 1 - 2/2 x 2/4, D2 = 2 - 3/2 x 1/2, D3+ = 3 - 4/2 x 1/1.
        check_discounts(&[1, 1, 1, 1, 2, 2, 3, 4, 9], [0.5, 1.25, 1.0]);
    }

    #[test]
    fn too_few_counts_fall_back() {
        check_discounts(&[], [0.5, 1.0, 1.5]);
        check_discounts(&[1, 1, 2, 3], [0.5, 1.0, 1.5]);
        check_discounts(&[2, 3, 4], [0.5, 1.0, 1.5]);
    }

    #[test]
    fn discount_that_is_not_positive_falls_back() {
        // n = 1, 1, 1, 3: Y = 1/3, D3+ = 3 - 4/3 x 3 = -1.
        check_discounts(&[1, 2, 3, 4, 4, 4], [0.5, 1.0, 1.5]);
    }
}
