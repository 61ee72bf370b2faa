//! Tails of weighted sums against exact ones: sums of coins by convolution, of exponentials by stored 60-digit
//! references (`data/tail_reference.py`), scores on their grid by counting.
//!
//! A proven bound is never below the exact tail, at no point, by no rounding. The saddlepoint approximation is within
//! 1 % of ln P wherever P < 0.01. The worst errors are printed with `--nocapture`.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::Value;
use taggant_verify::tail::special::ln_add_exp;
use taggant_verify::tail::weighted::{Atom, WeightedSum, ln_two_sided};
use taggant_verify::tail::{binomial, gamma};

/// The promise of the approximation, relative to ln P.
const PROMISE: f64 = 0.01;

/// Where the promise holds: ln 0.01.
const LN_SMALL: f64 = -4.605_170_185_988_091;

/// The rounding error of a convolution: 3000 additions of positive numbers, each off by 2^-53 of itself, and of the
/// exponent that undoes the tilt, at most 1e4 of 2^-52.
const CONVOLUTION_ERROR: f64 = 3e-12;

/// The law of a sum of coins with whole coefficients.
struct Exact {
    least: i64,
    /// ln P(X >= least + i) and ln P(X <= least + i); NaN where the convolution underflowed.
    upper: Vec<f64>,
    lower: Vec<f64>,
}

/// The law by convolution, coin after coin, under a tilt t that moves the mass to where tails are asked for.
///
/// ```text
/// P(X = x) = e^(K(t) - t x) P_t(X = x)
/// ```
fn convolution(p: f64, groups: &[(i64, u64)], tilt: f64) -> Exact {
    let least: i64 = groups.iter().map(|&(a, m)| a.min(0) * m as i64).sum();
    let most: i64 = groups.iter().map(|&(a, m)| a.max(0) * m as i64).sum();
    let mut law = vec![0.0; (most - least) as usize + 1];
    law[0] = 1.0;
    let (mut ln_total, mut reached) = (0.0, 0);
    for &(a, m) in groups {
        let (up, down) = (p * (a as f64 * tilt).exp(), 1.0 - p);
        ln_total += m as f64 * (up + down).ln();
        // Counted from the least value, a coin moves the sum up by |a| with 1 if a > 0, with 0 else.
        let (stay, step) = if a > 0 { (down, up) } else { (up, down) };
        let (stay, step, size) = (stay / (up + down), step / (up + down), a.unsigned_abs() as usize);
        for _ in 0..m {
            reached += size;
            for at in (0..=reached).rev() {
                law[at] = stay * law[at] + if at >= size { step * law[at - size] } else { 0.0 };
            }
        }
    }
    // Both tails from their far ends, each term weighted relative to the boundary.
    let ln_at = |at: usize, sum: f64| {
        if sum < 1e-250 { f64::NAN } else { ln_total - tilt * (least + at as i64) as f64 + sum.ln() }
    };
    let (mut upper, mut lower) = (vec![0.0; law.len()], vec![0.0; law.len()]);
    let mut sum = 0.0;
    for at in (0..law.len()).rev() {
        sum = law[at] + (-tilt).exp() * sum;
        upper[at] = ln_at(at, sum);
    }
    sum = 0.0;
    for at in 0..law.len() {
        sum = law[at] + tilt.exp() * sum;
        lower[at] = ln_at(at, sum);
    }
    Exact { least, upper, lower }
}

/// The exact tails, each from the tilt that suits it: far up, none, far down.
fn exact_coins(p: f64, groups: &[(i64, u64)]) -> Exact {
    let mut plain = convolution(p, groups, 0.0);
    let deviation =
        groups.iter().map(|&(a, m)| (a * a) as f64 * m as f64 * p * (1.0 - p)).sum::<f64>().sqrt();
    let tilt = 12.0 / deviation;
    let (up, down) = (convolution(p, groups, tilt), convolution(p, groups, -tilt));
    for at in 0..plain.upper.len() {
        // At -50 the tilted law has its mass nearer; from -575 on the plain one underflows.
        if !(plain.upper[at] > -50.0 || up.upper[at].is_nan()) {
            plain.upper[at] = up.upper[at];
        }
        if !(plain.lower[at] > -50.0 || down.lower[at].is_nan()) {
            plain.lower[at] = down.lower[at];
        }
    }
    plain
}

fn real_groups(groups: &[(i64, u64)]) -> Vec<(f64, u64)> {
    groups.iter().map(|&(a, m)| (a as f64, m)).collect()
}

/// What a family of sums showed.
#[derive(Debug, Default)]
struct Seen {
    points: usize,
    /// Of these P < 0.01, and of these again the approximation has a value.
    small: usize,
    valued: usize,
    worst: (f64, String),
    /// The largest and the mean excess of the two bounds over ln P, where P < 0.01.
    chernoff_excess: f64,
    certified_excess: f64,
}

impl Seen {
    /// One point: exact ln P, the two bounds, the approximation.
    fn check(&mut self, what: &str, exact: f64, error: f64, bounds: [f64; 2], approximate: Option<f64>) {
        let [chernoff, certified] = bounds;
        if exact.is_nan() {
            return;
        }
        self.points += 1;
        let report = format!("{what}: exact {exact:e}, Chernoff {chernoff:e}, certified {certified:e}");
        assert!(certified <= chernoff && chernoff <= 0.0, "{report}");
        assert!(certified >= exact - error * exact.abs().max(1e-3), "{report}");
        if let Some(ln) = approximate {
            assert!(ln <= certified, "{report}, approximate {ln:e}");
        }
        if exact >= LN_SMALL {
            return;
        }
        self.small += 1;
        self.chernoff_excess += chernoff - exact;
        self.certified_excess += certified - exact;
        if let Some(ln) = approximate {
            self.valued += 1;
            let error = (ln / exact - 1.0).abs();
            if error > self.worst.0 {
                self.worst = (error, format!("{report}, approximate {ln:e}"));
            }
        }
    }

    fn finish(mut self, name: &str) -> Self {
        self.chernoff_excess /= self.small as f64;
        self.certified_excess /= self.small as f64;
        println!("{name}: {self:?}");
        assert!(self.worst.0 <= PROMISE, "{name}: {:?}", self.worst);
        self
    }
}

fn check_coins(seen: &mut Seen, p: f64, groups: &[(i64, u64)]) {
    let exact = exact_coins(p, groups);
    let real = real_groups(groups);
    let sum = WeightedSum::new(Atom::Coin { p }, &real);
    let mean: f64 = real.iter().map(|(a, m)| a * *m as f64 * p).sum();
    assert!((sum.mean() - mean).abs() <= 1e-12 * exact.upper.len() as f64, "{p} {groups:?}: {}", sum.mean());
    // About 40 points of every sum.
    let stride = exact.upper.len() / 40 + 1;
    for at in (0..exact.upper.len()).step_by(stride).chain([exact.upper.len() - 1]) {
        let x = (exact.least + at as i64) as f64;
        let shown = if groups.len() > 6 { &groups[..6] } else { groups };
        seen.check(
            &format!("upper p={p} {shown:?} x={x}"),
            exact.upper[at],
            CONVOLUTION_ERROR,
            [sum.ln_chernoff_upper(x), sum.ln_certified_upper(x)],
            sum.ln_saddlepoint_upper(x, Some(1.0)),
        );
        seen.check(
            &format!("lower p={p} {shown:?} x={x}"),
            exact.lower[at],
            CONVOLUTION_ERROR,
            [sum.ln_chernoff_lower(x), sum.ln_certified_lower(x)],
            sum.ln_saddlepoint_lower(x, Some(1.0)),
        );
    }
}

const RATES: [f64; 5] = [0.5, 0.25, 1.0 / 16.0, 1.0 / 256.0, 255.0 / 256.0];

/// Coins of one size, given in two groups so that the sum is not recognized as binomial.
#[test]
fn equal_coins_have_binomial_tails() {
    let mut seen = Seen::default();
    for p in RATES {
        let atom = Atom::Coin { p };
        for n in [2_u64, 3, 10, 100, 3000, 1_000_000, 1_000_000_000] {
            let one = [(1.0, n)];
            let two = [(1.0, n - n / 3), (1.0, n / 3)];
            let (one, two) = (WeightedSum::new(atom, &one), WeightedSum::new(atom, &two));
            let (mean, deviation) = (n as f64 * p, (n as f64 * p * (1.0 - p)).sqrt());
            for z in [-40.0, -9.0, -5.0, -3.0, -1.0, 0.0, 0.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 60.0, 200.0] {
                let x = (mean + z * deviation).round().clamp(0.0, n as f64);
                let (upper, lower) = (binomial::ln_upper(n, p, x as u64), binomial::ln_lower(n, p, x as u64));
                for (name, sum) in [("one", one), ("two", two)] {
                    let what = format!("{name} p={p} n={n} x={x}");
                    let bounds = [sum.ln_chernoff_upper(x), sum.ln_certified_upper(x)];
                    seen.check(&what, upper, 1e-14, bounds, sum.ln_saddlepoint_upper(x, Some(1.0)));
                    let bounds = [sum.ln_chernoff_lower(x), sum.ln_certified_lower(x)];
                    seen.check(&what, lower, 1e-14, bounds, sum.ln_saddlepoint_lower(x, Some(1.0)));
                }
                // A single group is exact.
                let ln = one.ln_saddlepoint_upper(x, None).unwrap();
                assert!((ln - upper).abs() <= 1e-12 * upper.abs(), "p={p} n={n} x={x}: {ln} {upper}");
            }
        }
    }
    let seen = seen.finish("equal coins");
    assert_eq!(seen.valued, seen.small);
}

/// Coefficients of both signs and several sizes.
#[test]
fn coins_of_several_sizes_have_the_tails_of_their_convolution() {
    let mut seen = Seen::default();
    for p in RATES {
        for groups in [
            vec![(1, 1)],
            vec![(-3, 1)],
            vec![(1, 1), (2, 1), (3, 1), (5, 1)],
            vec![(1, 50), (2, 30), (3, 20), (7, 10)],
            vec![(1, 50), (-2, 30), (3, 20), (-7, 10)],
            vec![(1, 400), (2, 300), (3, 200), (7, 100)],
            vec![(1, 1000), (-1, 1000), (2, 300), (-2, 300)],
            (1..=40).map(|a| (a, 1)).collect(),
            (1..=60).map(|a| (if a % 2 == 0 { a } else { -a }, 2)).collect(),
            // All multiples of ten but one or two.
            vec![(10, 300), (1, 1)],
            vec![(20, 100), (30, 100), (7, 1), (3, 1)],
        ] {
            check_coins(&mut seen, p, &groups);
        }
    }
    let seen = seen.finish("coins of several sizes");
    assert!(seen.points > 3000 && seen.valued * 5 > seen.small * 4, "{seen:?}");
}

/// One coin with 10, 30 and 50 % of the variance, of either sign.
#[test]
fn one_heavy_coin_among_many_does_not_break_the_tails() {
    let mut seen = Seen::default();
    for p in RATES {
        for n in [40_u64, 400, 2000] {
            for share in [0.1, 0.3, 0.5_f64] {
                let heavy = (n as f64 * share / (1.0 - share)).sqrt().round() as i64;
                check_coins(&mut seen, p, &[(1, n), (heavy, 1)]);
                check_coins(&mut seen, p, &[(-heavy, 1), (1, n / 2), (2, n / 8)]);
            }
        }
    }
    let seen = seen.finish("one heavy coin");
    assert!(seen.points > 5000 && seen.valued * 100 > seen.small * 98, "{seen:?}");
}

/// Real coefficients without a lattice: two thousand sizes, as entropy weights give them.
#[test]
fn coins_without_a_lattice_lie_between_those_of_the_lattices_around_them() {
    // a_i rounded to thousandths moves X by at most n / 2000, and the exact law on thousandths is known.
    let n = 300;
    let whole: Vec<(i64, u64)> = (0..n).map(|i| (100 + (i * 7919) % 901, 1)).collect();
    let mut seen = Seen::default();
    for p in [0.25, 0.5] {
        let exact = exact_coins(p, &whole);
        let real: Vec<(f64, u64)> = whole.iter().map(|&(a, m)| (a as f64 / 1000.0, m)).collect();
        let sum = WeightedSum::new(Atom::Coin { p }, &real);
        for at in (0..exact.upper.len()).step_by(997) {
            let x = (exact.least + at as i64) as f64 / 1000.0;
            let bounds = [sum.ln_chernoff_upper(x), sum.ln_certified_upper(x)];
            // The rounding of x and of the coefficients is below 1e-12 of a step, and a step is 1e-3 of ln P.
            let what = format!("p={p} x={x}");
            seen.check(&what, exact.upper[at], 1e-11, bounds, sum.ln_saddlepoint_upper(x, None));
        }
    }
    // Far out, where nearly all coins are 1, the few others are not near normal.
    let seen = seen.finish("coins without a lattice");
    assert!(seen.points > 300 && seen.valued * 10 > seen.small * 9, "{seen:?}");
}

#[test]
fn sums_of_exponentials_match_the_reference() {
    let rows: Vec<Value> = serde_json::from_str(include_str!("data/tail_weighted.json")).unwrap();
    let mut seen = Seen::default();
    for row in &rows {
        let groups: Vec<(f64, u64)> = row["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| (group[0].as_str().unwrap().parse().unwrap(), group[1].as_u64().unwrap()))
            .collect();
        let real = |field: &str| row[field].as_str().unwrap().parse::<f64>().unwrap();
        let (x, sum) = (real("x"), WeightedSum::new(Atom::Exponential, &groups));
        let what = format!("x={x} {:?}", &groups[..groups.len().min(3)]);
        let bounds = [sum.ln_chernoff_upper(x), sum.ln_certified_upper(x)];
        seen.check(&what, real("ln_upper"), 0.0, bounds, sum.ln_saddlepoint_upper(x, None));
        let bounds = [sum.ln_chernoff_lower(x), sum.ln_certified_lower(x)];
        seen.check(&what, real("ln_lower"), 0.0, bounds, sum.ln_saddlepoint_lower(x, None));
    }
    let seen = seen.finish("exponentials");
    assert!(seen.points > 400 && seen.valued == seen.small);
}

#[test]
fn equal_exponentials_have_gamma_tails() {
    let mut seen = Seen::default();
    for n in [2_u64, 3, 10, 1000, 1_000_000, 1_000_000_000] {
        let one = [(0.3, n)];
        let two = [(0.3, n - n / 3), (0.3, n / 3)];
        let (one, two) =
            (WeightedSum::new(Atom::Exponential, &one), WeightedSum::new(Atom::Exponential, &two));
        for z in [-20.0, -9.0, -4.0, -2.0, 0.0, 0.5, 2.0, 4.0, 10.0, 50.0, 1000.0] {
            let total = n as f64 + z * (n as f64).sqrt();
            let x = 0.3 * total;
            if total <= 0.0 {
                continue;
            }
            let (upper, lower) = (gamma::ln_upper(n as f64, x / 0.3), gamma::ln_lower(n as f64, x / 0.3));
            for sum in [one, two] {
                let what = format!("n={n} x={x}");
                // x / 0.3 is rounded, which at n = 1e9 moves ln P by z sqrt(n) 2^-53.
                let bounds = [sum.ln_chernoff_upper(x), sum.ln_certified_upper(x)];
                seen.check(&what, upper, 1e-11, bounds, sum.ln_saddlepoint_upper(x, None));
                let bounds = [sum.ln_chernoff_lower(x), sum.ln_certified_lower(x)];
                seen.check(&what, lower, 1e-11, bounds, sum.ln_saddlepoint_lower(x, None));
            }
            assert_eq!(one.ln_saddlepoint_upper(x, None).unwrap(), upper.min(one.ln_certified_upper(x)));
        }
    }
    let seen = seen.finish("equal exponentials");
    assert_eq!(seen.valued, seen.small);
}

/// How many values a uniform takes.
const GRID: f64 = 4_294_967_296.0;

/// A relative error that is larger than that of a logarithm, or of x.
const ROUNDED: f64 = 1e-15;

/// How many m in 1 ..= 2^32 have m - 1/2 <= a.
fn count_1(a: f64) -> f64 {
    (a + 0.5).floor().clamp(0.0, GRID)
}

/// One and two scores, counted on their grid: with 1 - u = (m - 1/2) / 2^32, a sum is at least s iff the product of the
/// m - 1/2 is at most 2^(32 n) e^-s.
#[test]
fn upper_bounds_of_scores_hold_on_the_grid() {
    let groups = [[(1.0, 1)], [(1.0, 2)]];
    let [one, two] = groups.each_ref().map(|groups| WeightedSum::new(Atom::Exponential, groups));
    for step in 0..1500 {
        let m = 2_f64.powf(f64::from(step) * 32.0 / 1500.0).floor();
        let s = GRID.ln() - (m - 0.5).ln();
        let (exact, bound) = ((m / GRID).ln(), one.ln_certified_upper(s * (1.0 - ROUNDED)));
        assert!(bound >= exact, "m = {m}: exact {exact:e}, bound {bound:e}");
    }
    for step in 0..1500 {
        // A sum that occurs, up to p = 1e-9: the pair 1, m.
        let product = 0.5 * (2_f64.powf(f64::from(step) * 33.0 / 1500.0).floor() - 0.5);
        let s = 2.0 * GRID.ln() - product.ln();
        let small = count_1(product.sqrt());
        let pairs: f64 =
            (1..=small as u64).map(|m| count_1(product * (1.0 + ROUNDED) / (m as f64 - 0.5))).sum();
        let exact = ((2.0 * pairs - small * small) / GRID / GRID).ln();
        let bound = two.ln_certified_upper(s * (1.0 - ROUNDED));
        assert!(bound >= exact, "product = {product}: exact {exact:e}, bound {bound:e}");
    }
}

/// The smallest scores, where the allowance for the grid is all there is, and those on the way to the mean.
#[test]
fn lower_bounds_of_scores_hold_on_the_grid() {
    let groups = [[(1.0, 1)], [(1.0, 2)]];
    let [one, two] = groups.each_ref().map(|groups| WeightedSum::new(Atom::Exponential, groups));
    let score = |j: f64| -(-(j - 0.5) / GRID).ln_1p();
    for step in 0..1500 {
        let j = 2_f64.powf(f64::from(step) * 32.0 / 1500.0).floor();
        // Rounding to 2^-40 may take half a unit from a score.
        let s = score(j) - 0.5 / 256.0 / GRID;
        let (exact, bound) = ((j / GRID).ln(), one.ln_certified_lower(s));
        assert!(bound >= exact, "j = {j}: exact {exact:e}, bound {bound:e}");
    }
    for largest in 1..400_u32 {
        // P(V_1 + V_2 <= the smallest and the j-th smallest): pairs i + k <= j + 1, as scores this small are linear.
        let s = score(1.0) + score(f64::from(largest)) - 1.0 / 256.0 / GRID;
        let pairs = f64::from(largest) * f64::from(largest + 1) / 2.0;
        let (exact, bound) = ((pairs / GRID / GRID).ln(), two.ln_certified_lower(s));
        assert!(bound >= exact, "j = {largest}: exact {exact:e}, bound {bound:e}");
    }
}

/// The grid takes ln 2 / 2^33 from the mean of a score, which a lower tail of very many scores far out shows: the bound
/// without its allowance would be six nats too low here.
#[test]
fn the_shorter_mean_of_scores_on_their_grid_is_allowed_for() {
    let n = 1_u64 << 53;
    let (size, groups) = (n as f64, [(1.0, n)]);
    let sum = WeightedSum::new(Atom::Exponential, &groups);
    for z in [-10.0, -300.0, -1000.0] {
        let x = size + z * size.sqrt();
        // At tilts of z / sqrt(n) = 1e-5 the higher cumulants of the grid are those of Exp(1).
        let exact = gamma::ln_lower(size, x + size * std::f64::consts::LN_2 / 2.0 / GRID);
        let bound = sum.ln_certified_lower(x);
        assert!(bound >= exact, "z = {z}: exact {exact:e}, bound {bound:e}");
    }
}

/// The comparison of the grid with Exp(1) that the bounds rest on, on grids small enough to be summed: for all
/// functions (y - c)+, which every increasing convex function is a mixture of.
#[test]
fn the_grid_of_scores_is_below_the_exponential_in_increasing_convex_order() {
    for bits in [1, 2, 3, 6, 10] {
        let cells = 1_u32 << bits;
        let width = 1.0 / f64::from(cells);
        // Scores are rounded to 2^-8 of a cell, as are those of 2^32 cells to 2^-40.
        let unit = width / 256.0;
        let scores: Vec<f64> =
            (0..cells).map(|cell| (-((f64::from(cell) + 0.5) * width).ln() / unit).round() * unit).collect();
        let mean_beyond =
            |sign: f64, c: f64| scores.iter().map(|score| (sign * score - c).max(0.0)).sum::<f64>() * width;
        for step in 0..4000 {
            let c = f64::from(step) * 0.003 - 1.0;
            // E(E - c)+ = e^-c for c >= 0, and 1 - c below; E(-E + h - c)+ with d = c - h < 0 is -d - 1 + e^d.
            let exponential = if c >= 0.0 { (-c).exp() } else { 1.0 - c };
            let grid = mean_beyond(1.0, c);
            assert!(grid <= exponential + 1e-15, "bits={bits} c={c}: {grid} > {exponential}");
            let d = -c - width;
            let exponential = if d < 0.0 { -d - 1.0 + d.exp() } else { 0.0 };
            let grid = mean_beyond(-1.0, -c);
            assert!(grid <= exponential + 1e-15, "bits={bits} c={}: {grid} > {exponential}", -c);
        }
        // Near the end, where the shift has least to give: c within four cells of 0.
        for step in 0..4000 {
            let d = -f64::from(step) * width / 1000.0;
            let exponential = d.exp_m1() - d;
            let grid = mean_beyond(-1.0, d + width);
            assert!(grid <= exponential + 1e-15, "bits={bits} d={d}: {grid} > {exponential}");
        }
    }
}

fn repeatable(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Sums of coins or exponentials, and a number of standard deviations.
fn sums() -> impl Strategy<Value = (Atom, Vec<(f64, u64)>)> {
    let atom = prop_oneof![
        (1..256_u32).prop_map(|j| Atom::Coin { p: f64::from(j) / 256.0 }),
        Just(Atom::Exponential)
    ];
    let coefficient = prop_oneof![0.01..10.0_f64, -10.0..-0.01_f64, (1..20_i32).prop_map(f64::from)];
    let group = (coefficient, prop_oneof![Just(1), 1..5_u64, 1..1000_u64]);
    (atom, prop::collection::vec(group, 1..30))
}

proptest! {
    #![proptest_config(repeatable(1500))]

    #[test]
    fn bounds_are_ordered_and_fall_with_x((atom, groups) in sums(), z in -5.0..40.0_f64, step in 0.0..1.0_f64) {
        let sum = WeightedSum::new(atom, &groups);
        let deviation = sum.variance().sqrt();
        let x = sum.mean() + z * deviation;
        let more = x + step * deviation;
        let (here, next) = (sum.ln_chernoff_upper(x), sum.ln_chernoff_upper(more));
        // Each is exact to its allowance for rounding.
        prop_assert!(next <= here || next <= here + 1e-9 * here.abs().max(1e-9), "{atom:?} {groups:?} x={x}: {here} {next}");
        prop_assert!(sum.ln_certified_upper(x) <= here);
        // Both tails together cover everything.
        let total = ln_add_exp(sum.ln_certified_upper(x), sum.ln_certified_lower(x));
        prop_assert!(total >= -1e-12, "{atom:?} {groups:?} x={x}: {total}");
        if let (Some(here), Some(next)) = (sum.ln_saddlepoint_upper(x, None), sum.ln_saddlepoint_upper(more, None)) {
            prop_assert!(here <= sum.ln_certified_upper(x) && here <= 0.0);
            // Where coins are counted out, or not, the method changes between x and more.
            let slack = if atom == Atom::Exponential { 1e-4 } else { 0.02 };
            prop_assert!(next <= here || next <= here + slack * here.abs().max(0.1), "{atom:?} {groups:?} x={x}: {here} {next}");
        }
    }

    #[test]
    fn turning_every_sign_swaps_the_tails((atom, groups) in sums(), z in -10.0..10.0_f64) {
        let sum = WeightedSum::new(atom, &groups);
        let turned: Vec<(f64, u64)> = groups.iter().map(|&(a, m)| (-a, m)).collect();
        let turned = WeightedSum::new(atom, &turned);
        let x = sum.mean() + z * sum.variance().sqrt();
        prop_assert_eq!(sum.ln_certified_lower(x), turned.ln_certified_upper(-x));
        prop_assert_eq!(sum.ln_chernoff_upper(x), turned.ln_chernoff_lower(-x));
        prop_assert_eq!(sum.ln_saddlepoint_upper(x, None), turned.ln_saddlepoint_lower(-x, None));
    }

    #[test]
    fn a_unit_of_the_coefficients_does_not_matter((atom, groups) in sums(), z in -10.0..30.0_f64, power in -900..900_i32) {
        let sum = WeightedSum::new(atom, &groups);
        let unit = libm::scalbn(1.0, power);
        let scaled: Vec<(f64, u64)> = groups.iter().map(|&(a, m)| (a * unit, m)).collect();
        let scaled = WeightedSum::new(atom, &scaled);
        let x = sum.mean() + z * sum.variance().sqrt();
        prop_assert_eq!(sum.ln_certified_upper(x), scaled.ln_certified_upper(x * unit));
        prop_assert_eq!(sum.ln_saddlepoint_upper(x, Some(0.25)), scaled.ln_saddlepoint_upper(x * unit, Some(0.25 * unit)));
    }
}

#[test]
fn edges_are_exact_or_support_no_claim() {
    let (none, nan, inf) = (f64::NEG_INFINITY, f64::NAN, f64::INFINITY);
    let coin = Atom::Coin { p: 0.25 };
    for (atom, groups, x, upper, lower) in [
        // Nothing: X = 0.
        (coin, vec![], 0.0, 0.0, 0.0),
        (coin, vec![], 1.0, none, 0.0),
        (Atom::Exponential, vec![(0.0, 5), (1.0, 0)], 0.0, 0.0, 0.0),
        (Atom::Exponential, vec![(0.0, 5), (1.0, 0)], -1.0, 0.0, none),
        // Coins that always fall one way.
        (Atom::Coin { p: 0.0 }, vec![(2.0, 3)], 0.0, 0.0, 0.0),
        (Atom::Coin { p: 0.0 }, vec![(2.0, 3)], 1.0, none, 0.0),
        (Atom::Coin { p: 1.5 }, vec![(2.0, 3)], 6.0, 0.0, 0.0),
        (Atom::Coin { p: 1.0 }, vec![(2.0, 3)], 5.0, 0.0, none),
        // Beyond both ends.
        (coin, vec![(2.0, 3), (-1.0, 1)], 6.5, none, 0.0),
        (coin, vec![(2.0, 3), (-1.0, 1)], -1.5, 0.0, none),
        (Atom::Exponential, vec![(2.0, 3)], inf, none, 0.0),
        (Atom::Exponential, vec![(2.0, 3)], -1.0, 0.0, none),
        (Atom::Exponential, vec![(-2.0, 3)], 1.0, none, 0.0),
        (coin, vec![(2.0, 3)], none, 0.0, none),
        // No experiment.
        (coin, vec![(2.0, 3)], nan, 0.0, 0.0),
        (coin, vec![(2.0, 3), (nan, 1)], 4.0, 0.0, 0.0),
        (coin, vec![(2.0, 3), (inf, 1)], 4.0, 0.0, 0.0),
        (Atom::Coin { p: nan }, vec![(2.0, 3)], 4.0, 0.0, 0.0),
    ] {
        let sum = WeightedSum::new(atom, &groups);
        assert_eq!(
            (sum.ln_chernoff_upper(x), sum.ln_chernoff_lower(x)),
            (upper, lower),
            "{atom:?} {groups:?} {x}"
        );
        assert_eq!((sum.ln_certified_upper(x), sum.ln_certified_lower(x)), (upper, lower));
        let approximate = sum.ln_saddlepoint_upper(x, None);
        assert!(approximate.is_none_or(|ln| ln == upper), "{atom:?} {groups:?} {x}: {approximate:?}");
    }
    // The largest value, reached in one way.
    let groups = [(2.0, 3), (-1.0, 2)];
    let sum = WeightedSum::new(coin, &groups);
    let exact = 3.0 * 0.25_f64.ln() + 2.0 * 0.75_f64.ln();
    for x in [6.0, 5.5, 6.0 + 1e-13] {
        assert!((sum.ln_chernoff_upper(x) - exact).abs() < 1e-13, "{x}");
        assert!((sum.ln_saddlepoint_upper(x, Some(1.0)).unwrap() - exact).abs() < 1e-13, "{x}");
    }
    assert!(sum.ln_chernoff_upper(4.9) > exact + 0.1);
    assert_eq!(sum.ln_saddlepoint_upper(5.0, Some(0.0)), None);
    assert_eq!(sum.ln_saddlepoint_upper(5.0, Some(nan)), None);
    assert!(WeightedSum::new(coin, &[(nan, 1)]).mean().is_nan());
    assert_eq!((sum.mean(), sum.variance()), (1.0, 14.0 * 0.1875));
}

#[test]
fn two_sided_is_twice_the_smaller() {
    assert_eq!(ln_two_sided(-10.0, -1e-5), -10.0 + std::f64::consts::LN_2);
    assert_eq!(ln_two_sided(-0.5, -0.5), 0.0);
    assert_eq!(ln_two_sided(f64::NAN, f64::NEG_INFINITY), f64::NEG_INFINITY);
    assert_eq!(ln_two_sided(f64::NAN, f64::NAN), 0.0);
}

/// No finite argument gives NaN, or a loop that does not end.
#[test]
fn no_corner_of_the_domain_gives_nan() {
    let sizes = [5e-324, 1e-200, 1e-9, 1.0, 3.0, 1e17, 1e200, f64::MAX];
    let counts = [1, 1000, 1 << 53, u64::MAX];
    for p in [5e-324, 1e-30, 0.25, 1.0 - f64::EPSILON / 2.0] {
        for atom in [Atom::Coin { p }, Atom::Exponential] {
            for a in sizes {
                for b in sizes {
                    for n in counts {
                        for sign in [1.0, -1.0] {
                            let groups = [(a, n), (sign * b, 3)];
                            let sum = WeightedSum::new(atom, &groups);
                            for x in [-f64::MAX, -b, 0.0, 5e-324, a, 1.5 * a + b, f64::MAX, sum.mean()] {
                                let bounds = [sum.ln_certified_upper(x), sum.ln_certified_lower(x)];
                                let all = bounds.into_iter().chain(sum.ln_saddlepoint_upper(x, None));
                                for ln in all {
                                    assert!(ln <= 0.0, "{atom:?} {groups:?} {x:e}: {bounds:?}");
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
