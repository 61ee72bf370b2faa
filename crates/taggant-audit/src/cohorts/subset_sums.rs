//! How many subsets of a given size have a sum at least so large: exact, by meeting in the middle.

/// Whether [`count_at_least`] can do it: each half has at most 2^22 subsets of up to `size` members.
pub(crate) fn is_feasible(n: usize, size: usize) -> bool {
    n_subsets(n.div_ceil(2), size) <= MAX_SUBSETS
}

/// The number of subsets of `size` of the values whose sum is at least `threshold`.
///
/// ```text
/// |{A + B}| = sum over j of |{(a, b): a in sums of j of one half, b in sums of size - j of the other, a + b >= threshold}|
/// ```
///
/// With both lists sorted, one pass counts the pairs. Cost: the subsets of one half, sorted; 50,643 of them for 8 of 32,
/// where there are 10,518,300 subsets in all.
pub(crate) fn count_at_least(values: &[i64], size: usize, threshold: i64) -> u64 {
    let (left, right) = values.split_at(values.len() / 2);
    let (left, right) = (sums_by_size(left, size), sums_by_size(right, size));
    let mut count = 0;
    for (j, sums) in left.iter().enumerate() {
        let Some(others) = size.checked_sub(j).and_then(|rest| right.get(rest)) else { continue };
        // The larger a sum, the more of the others reach the threshold with it.
        let mut below = others.len();
        for sum in sums {
            while below > 0 && sum + others[below - 1] >= threshold {
                below -= 1;
            }
            count += (others.len() - below) as u64;
        }
    }
    count
}

/// The sums of all subsets of each size from 0 to `size`, sorted.
fn sums_by_size(values: &[i64], size: usize) -> Vec<Vec<i64>> {
    let mut sums: Vec<Vec<i64>> = vec![Vec::new(); size.min(values.len()) + 1];
    sums[0].push(0);
    for &value in values {
        for j in (1..sums.len()).rev() {
            let (smaller, larger) = sums.split_at_mut(j);
            larger[0].extend(smaller[j - 1].iter().map(|sum| sum + value));
        }
    }
    sums.iter_mut().for_each(|sums| sums.sort_unstable());
    sums
}

/// Subsets of up to `size` of `n`.
fn n_subsets(n: usize, size: usize) -> u128 {
    (0..=size.min(n)).fold(0_u128, |sum, j| sum.saturating_add(choose(n, j)))
}

/// n over k, or the largest number if it is beyond.
pub(crate) fn choose(n: usize, k: usize) -> u128 {
    let k = k.min(n - k);
    // Each product of consecutive numbers is divided as it grows, so that it stays whole.
    (1..=k)
        .try_fold(1_u128, |c, j| Some(c.checked_mul((n - k + j) as u128)? / j as u128))
        .unwrap_or(u128::MAX)
}

/// Sums kept for each half: 32 MiB.
const MAX_SUBSETS: u128 = 1 << 22;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(1),
            ..ProptestConfig::default()
        })]

        #[test]
        fn a_count_is_that_of_every_subset_by_itself(
            values in prop_oneof![vec(-3..=3_i64, 1..13), vec(-1000..=1000_i64, 1..13)],
            size in 0..13_usize,
            threshold in -20..=20_i64,
        ) {
            let size = size.min(values.len());
            let sum = |subset: &u32| -> i64 {
                values.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1).map(|(_, value)| value).sum()
            };
            let subsets = (0..1_u32 << values.len()).filter(|subset| subset.count_ones() as usize == size);
            let expected = subsets.filter(|subset| sum(subset) >= threshold).count() as u64;
            prop_assert_eq!(count_at_least(&values, size, threshold), expected);
        }
    }

    #[test]
    fn binomial_coefficients_are_whole_and_saturate() {
        assert_eq!(choose(16, 4), 1820);
        assert_eq!(choose(32, 8), 10_518_300);
        assert_eq!(choose(64, 32), 1_832_624_140_942_590_534);
        assert_eq!((choose(5, 0), choose(5, 5), choose(0, 0)), (1, 1, 1));
        assert_eq!(choose(1024, 512), u128::MAX);
        // Pascal's rule, up to the largest row that fits.
        for n in 1..120 {
            for k in 1..n {
                assert_eq!(choose(n, k), choose(n - 1, k - 1) + choose(n - 1, k), "{n} over {k}");
            }
        }
    }

    #[test]
    fn the_promised_sizes_are_feasible() {
        for (n, size) in [(16, 4), (32, 8), (32, 16), (44, 22), (64, 4), (64, 6), (256, 3), (1024, 2)] {
            assert!(is_feasible(n, size), "{size} of {n}");
        }
        assert!(!is_feasible(64, 32) && !is_feasible(1024, 4));
    }

    #[test]
    fn large_counts_are_those_of_simple_cases() {
        // Powers of two: the top eight have the largest sum, and no other subset has it.
        let values: Vec<i64> = (0..32).map(|at| 1 << at).collect();
        assert_eq!(count_at_least(&values, 8, i64::MIN / 2), 10_518_300);
        let top: i64 = (24..32).map(|at| 1_i64 << at).sum();
        assert_eq!((count_at_least(&values, 8, top), count_at_least(&values, 8, top + 1)), (1, 0));
        // All sums are alike: all subsets or none.
        let ones = vec![1; 40];
        assert_eq!(count_at_least(&ones, 20, 20), 137_846_528_820);
        assert_eq!(count_at_least(&ones, 20, 21), 0);
    }
}
