//! Columns against their definition, one bit at a time from another crate's keystream, and against the null.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use taggant::law::Law;
use taggant::reader::Input;
use taggant_verify::columns::{COEFFICIENT_UNIT, Columns, WeightedColumns};

/// The words of one block of an input, as the page of [`Columns`] defines it.
fn block(input: Input, number: u32) -> [u32; 16] {
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(&input.0.to_le_bytes());
    seed[16..].copy_from_slice(b"taggant columns!");
    let mut rng = ChaCha8Rng::from_seed(seed);
    rng.set_word_pos(u128::from(number) * 16);
    std::array::from_fn(|_| rng.next_u32())
}

/// The integer values of all columns for one input; `None` for nats.
fn coins(law: Law, input: Input, n_columns: usize) -> Option<Vec<u64>> {
    let planes = |n: u32| -> Vec<Vec<[u32; 16]>> {
        let blocks = n_columns.div_ceil(512) as u32;
        (0..n).map(|k| (0..blocks).map(|i| block(input, (k << 26) + i)).collect()).collect()
    };
    let bit = |plane: &[[u32; 16]], c: usize| u64::from(plane[c / 512][c % 512 / 32] >> (c % 32) & 1);
    match law {
        Law::Bernoulli { numerator, denominator } => {
            let (mut j, mut m) = (u128::from(numerator), 64);
            match denominator.is_power_of_two() {
                true => m = denominator.trailing_zeros(),
                false => j = (j << 64) / u128::from(denominator),
            }
            while j > 0 && m > 0 && j % 2 == 0 {
                (j, m) = (j / 2, m - 1);
            }
            let planes = planes(m);
            let v = |c| planes.iter().fold(0_u128, |v, plane| 2 * v + u128::from(bit(plane, c)));
            Some((0..n_columns).map(|c| u64::from(v(c) + j >= 1 << m)).collect())
        }
        Law::Bits { depth } => {
            let planes = planes(depth.into());
            Some((0..n_columns).map(|c| planes.iter().map(|plane| bit(plane, c)).sum()).collect())
        }
        _ => None,
    }
}

/// The nats of all columns for one input; the scores of the core, rounded to 2^-40 nats, are too coarse here.
fn nats(input: Input, n_columns: usize) -> Vec<f64> {
    let words: Vec<u32> = (0..n_columns.div_ceil(16) as u32).flat_map(|i| block(input, i)).collect();
    words[..n_columns].iter().map(|word| -(1.0 - (f64::from(*word) + 0.5) / 4_294_967_296.0).ln()).collect()
}

fn law() -> impl Strategy<Value = Law> {
    let bernoulli = |(numerator, denominator)| Law::Bernoulli { numerator, denominator };
    prop_oneof![
        (0_u32..7, any::<u64>()).prop_map(move |(m, j)| bernoulli((j % ((1 << m) + 1), 1 << m))),
        (14_u32..64, any::<u64>()).prop_map(move |(m, j)| bernoulli((j >> (64 - m), 1 << m))),
        (1..1_000_000_u64, any::<u64>()).prop_map(move |(d, j)| bernoulli((j % d, d))),
        (any::<u64>(), any::<u64>()).prop_map(move |(d, j)| bernoulli((j.min(d), d.max(j).max(1)))),
        (0_u8..34).prop_map(|depth| Law::Bits { depth }),
        Just(Law::Exponential),
    ]
}

fn coefficient() -> impl Strategy<Value = i64> {
    prop_oneof![
        -4 * COEFFICIENT_UNIT..4 * COEFFICIENT_UNIT,
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX),
        Just(0)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Any split, shard and number of threads, weighted and not, equals the definition.
    #[test]
    fn sums_equal_the_definition(
        law in law(),
        n_columns in prop_oneof![0_usize..40, 500_usize..530],
        items in prop::collection::vec((any::<u128>().prop_map(Input), coefficient()), 0..140),
        cut in any::<prop::sample::Index>(),
    ) {
        let inputs: Vec<Input> = items.iter().map(|item| item.0).collect();
        let cut = cut.index(items.len() + 1);
        let (mut columns, mut weighted) = (Columns::new(law, n_columns), WeightedColumns::new(law, n_columns));
        columns.add(&inputs);
        weighted.add(&items);

        let (mut split, mut weighted_split) = (Columns::new(law, n_columns), WeightedColumns::new(law, n_columns));
        split.add_parallel(&inputs[cut..]);
        weighted_split.add_parallel(&items[cut..]);
        let (mut first, mut weighted_first) = (Columns::new(law, n_columns), WeightedColumns::new(law, n_columns));
        first.add(&inputs[..cut]);
        weighted_first.add(&items[..cut]);
        split.merge(&first);
        weighted_split.merge(&weighted_first);

        for n in [columns.n(), split.n(), weighted.n(), weighted_split.n()] {
            prop_assert_eq!(n, items.len() as u64);
        }
        let values: Option<Vec<Vec<u64>>> = inputs.iter().map(|input| coins(law, *input, n_columns)).collect();
        if let (true, Some(values)) = (law != Law::Exponential, values) {
            let sum = |c: usize| values.iter().map(|row| row[c]).sum::<u64>() as f64;
            let sums: Vec<f64> = (0..n_columns).map(sum).collect();
            prop_assert_eq!(&columns.statistics(), &sums);
            prop_assert_eq!(&split.statistics(), &sums);
            let term = |(row, item): (&Vec<u64>, &(Input, i64)), c: usize| i128::from(row[c]) * i128::from(item.1);
            let exact: Vec<i128> =
                (0..n_columns).map(|c| values.iter().zip(&items).map(|row| term(row, c)).sum()).collect();
            prop_assert_eq!(weighted.exact().unwrap(), &exact[..]);
            prop_assert_eq!(weighted_split.exact().unwrap(), &exact[..]);
            let scaled: Vec<f64> = exact.iter().map(|sum| *sum as f64 / 65536.0).collect();
            prop_assert_eq!(weighted.statistics(), scaled);
        } else {
            let values: Vec<Vec<f64>> = inputs.iter().map(|input| nats(*input, n_columns)).collect();
            prop_assert!(weighted.exact().is_none());
            for c in 0..n_columns {
                let sum = fixed_sum(values.iter().map(|row| row[c]));
                // The bound, and as much again for the logarithms of the definition.
                let tolerance = (inputs.len() as f64 * 1.01 + 8.0 * sum + 6.0) * EPSILON;
                for found in [columns.statistics()[c], split.statistics()[c]] {
                    prop_assert!((found - sum).abs() <= tolerance, "column {c}: {found}, expected {sum}");
                }
                let terms = || values.iter().zip(&items).map(|(row, item)| row[c] * item.1 as f64 / 65536.0);
                let size: f64 = terms().map(f64::abs).sum();
                let sum = fixed_sum(terms());
                for found in [weighted.statistics()[c], weighted_split.statistics()[c]] {
                    let tolerance = 30.0 * EPSILON * size;
                    prop_assert!((found - sum).abs() <= tolerance, "column {c}: {found}, expected {sum} of {size}");
                }
            }
        }
    }
}

/// A sum in integer steps of 2^-70 of the largest power of two below its terms: no rounding but that of each term.
fn fixed_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = terms.clone().fold(0.0, |largest: f64, term| largest.max(term.abs()));
    let step = (largest.log2().floor() - 70.0).max(-1000.0).exp2();
    terms.map(|term| (term / step) as i128).sum::<i128>() as f64 * step
}

/// Half a unit in the last place of 1.
const EPSILON: f64 = f64::EPSILON / 2.0;

fn consecutive(n: u128) -> Vec<Input> {
    (0..n).map(Input).collect()
}

#[test]
fn threads_and_fewer_columns_change_no_bit() {
    let inputs = consecutive(20_000);
    let items: Vec<(Input, i64)> = inputs.iter().map(|input| (*input, input.0 as i64 * 37 - 9999)).collect();
    for law in [Law::Bernoulli { numerator: 1, denominator: 4 }, Law::Exponential, Law::Bits { depth: 3 }] {
        let n_columns = if law == Law::Exponential { 40 } else { 600 };
        let mut columns = [Columns::new(law, n_columns), Columns::new(law, n_columns), Columns::new(law, 17)];
        columns[0].add(&inputs);
        columns[1].add_parallel(&inputs);
        columns[2].add(&inputs);
        let [serial, parallel, few] = columns.map(|columns| columns.statistics());
        assert_eq!(serial, parallel, "{law:?}");
        assert_eq!(serial[..17], few, "{law:?}");

        let mut columns = [WeightedColumns::new(law, n_columns), WeightedColumns::new(law, n_columns)];
        columns[0].add(&items);
        columns[1].add_parallel(&items);
        let [serial, parallel] = columns.map(|columns| columns.statistics());
        assert_eq!(serial, parallel, "weighted {law:?}");
    }
}

#[test]
fn long_products_stay_within_the_bound() {
    let inputs = consecutive(30_000);
    let mut columns = Columns::new(Law::Exponential, 16);
    columns.add(&inputs);
    let values: Vec<Vec<f64>> = inputs.iter().map(|input| nats(*input, 16)).collect();
    for (c, found) in columns.statistics().into_iter().enumerate() {
        let sum = fixed_sum(values.iter().map(|row| row[c]));
        let bound = (inputs.len() as f64 * 1.01 + 4.0 * sum + 4.0) * EPSILON;
        // Beside the bound, an ulp of each logarithm of the definition.
        assert!((found - sum).abs() <= bound + 2.0 * sum * EPSILON, "column {c}: {found}, expected {sum}");
    }
}

/// Mean, variance, kurtosis and extremes of the z of 4,096 columns over consecutive integers.
#[test]
fn columns_of_structured_inputs_follow_the_null() {
    let inputs = consecutive(2048);
    for law in [
        Law::Bernoulli { numerator: 1, denominator: 2 },
        Law::Bernoulli { numerator: 1, denominator: 4 },
        Law::Bernoulli { numerator: 11, denominator: 16 },
        Law::Bernoulli { numerator: 1, denominator: 3 },
        Law::Exponential,
        Law::Bits { depth: 5 },
    ] {
        let (n_columns, n) = (4096, inputs.len() as f64);
        let mut columns = Columns::new(law, n_columns);
        columns.add_parallel(&inputs);
        let z: Vec<f64> =
            columns.statistics().iter().map(|s| (s - n * law.mean()) / (n * law.variance()).sqrt()).collect();
        let moment = |power: i32| z.iter().map(|z| z.powi(power)).sum::<f64>() / n_columns as f64;
        let (mean, variance, kurtosis) = (moment(1), moment(2), moment(4) / moment(2).powi(2));
        let largest = z.iter().fold(0.0, |largest: f64, z| largest.max(z.abs()));
        // Five standard errors of 4,096 normal draws; P(max |z| > 5.5) = 1.6e-4.
        let error = |variance: f64| 5.0 * (variance / n_columns as f64).sqrt();
        assert!(mean.abs() < error(1.0), "{law:?}: mean {mean}");
        assert!((variance - 1.0).abs() < error(2.0), "{law:?}: variance {variance}");
        assert!((kurtosis - 3.0).abs() < error(24.0), "{law:?}: kurtosis {kurtosis}");
        assert!((2.8..5.5).contains(&largest), "{law:?}: largest {largest}");
    }
}

/// Products of centred values: of two columns for one input, and of one column for two inputs.
#[test]
fn columns_and_inputs_are_uncorrelated() {
    for law in
        [Law::Bernoulli { numerator: 1, denominator: 2 }, Law::Bernoulli { numerator: 3, denominator: 4 }]
    {
        let values: Vec<Vec<f64>> = consecutive(4096)
            .into_iter()
            .map(|input| {
                let mut columns = Columns::new(law, 1024);
                columns.add(&[input]);
                columns
                    .statistics()
                    .iter()
                    .map(|value| (value - law.mean()) / law.variance().sqrt())
                    .collect()
            })
            .collect();
        let mut largest = 0.0_f64;
        let mut see = |products: &mut dyn Iterator<Item = f64>| {
            let (n, sum) = products.fold((0.0, 0.0), |(n, sum), product| (n + 1.0, sum + product));
            largest = largest.max((sum / f64::sqrt(n)).abs());
        };
        for distance in [1, 2, 4, 8, 16, 31, 32, 33, 64, 128, 256, 511, 512] {
            for c in 0..512 {
                see(&mut values.iter().map(|row| row[c] * row[c + distance]));
            }
        }
        for distance in [1, 2, 3, 4, 16, 64, 256, 1024] {
            for c in 0..512 {
                see(&mut values.iter().zip(&values[distance..]).map(|(row, other)| row[c] * other[c]));
            }
        }
        // The largest of 10,752 normal draws: above 3.2 but for e^-15, above 5.8 in 7e-5 of cases.
        assert!((3.2..5.8).contains(&largest), "{law:?}: {largest}");
    }
}

#[test]
fn nothing_added_is_zero_and_no_columns_are_none() {
    for law in [Law::Bernoulli { numerator: 1, denominator: 2 }, Law::Exponential, Law::Bits { depth: 30 }] {
        let (mut columns, mut weighted) = (Columns::new(law, 3), WeightedColumns::new(law, 3));
        columns.add(&[]);
        weighted.add_parallel(&[]);
        assert_eq!((columns.n(), weighted.n(), columns.n_columns()), (0, 0, 3));
        assert_eq!(columns.statistics(), [0.0; 3]);
        assert!(columns.statistics().iter().chain(&weighted.statistics()).all(|sum| sum.to_bits() == 0));

        let (mut columns, mut weighted) = (Columns::new(law, 0), WeightedColumns::new(law, 0));
        columns.add(&consecutive(5));
        weighted.add(&[(Input(1), 1)]);
        assert_eq!((columns.n(), columns.statistics(), weighted.statistics()), (5, vec![], vec![]));
    }
}

#[test]
fn certain_shares_are_constant() {
    for (numerator, denominator, each) in [(0, 7, 0.0), (0, 8, 0.0), (7, 7, 1.0), (8, 8, 1.0), (9, 8, 1.0)] {
        let mut columns = Columns::new(Law::Bernoulli { numerator, denominator }, 20);
        columns.add(&consecutive(100));
        assert_eq!(columns.statistics(), [100.0 * each; 20], "{numerator}/{denominator}");
    }
}

#[test]
fn an_input_added_twice_counts_twice() {
    let mut columns = Columns::new(Law::Bits { depth: 32 }, 100);
    columns.add(&[Input(5)]);
    let once = columns.statistics();
    columns.add(&[Input(5)]);
    assert_eq!(columns.statistics(), once.iter().map(|sum| 2.0 * sum).collect::<Vec<f64>>());
}

#[test]
#[should_panic(expected = "columns of one kind")]
fn columns_of_two_laws_do_not_merge() {
    Columns::new(Law::Bits { depth: 1 }, 3).merge(&Columns::new(Law::Bits { depth: 2 }, 3));
}

#[test]
#[should_panic(expected = "a share has a denominator")]
fn a_share_of_nothing_has_no_columns() {
    let _ = WeightedColumns::new(Law::Bernoulli { numerator: 1, denominator: 0 }, 3);
}

#[test]
#[should_panic(expected = "at most 1073741824 columns")]
fn more_columns_than_block_numbers_are_refused() {
    let _ = Columns::new(Law::Exponential, (1 << 30) + 1);
}
