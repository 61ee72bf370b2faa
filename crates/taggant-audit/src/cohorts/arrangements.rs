//! All ways to lay the amounts over the cohorts, and how many have a sum at least so large.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest as _, Sha256};

use crate::cohorts::centred::to_f64;
use crate::cohorts::subset_sums::{choose, count_at_least, is_feasible};

/// The permutation test of amounts `x` that are fixed: how it is done follows from them alone.
pub(crate) struct Permutation {
    x: Vec<i64>,
    way: Way,
}

/// How arrangements are looked at.
enum Way {
    /// Two amounts: which cohorts carry one of them.
    Subsets { amount: i64, size: usize, total: u64 },
    /// Each arrangement by itself.
    Each { total: u64 },
    /// The observed one and [`DRAWS`] draws.
    Draws,
}

/// What came of it.
pub(crate) struct Outcome {
    /// The part of arrangements whose sum is at least the observed.
    pub(crate) p: f64,
    /// The slope of r on x, in standard deviations for each step of x.
    pub(crate) contrast: f64,
}

impl Permutation {
    pub(crate) fn of(x: &[i64]) -> Self {
        let mut amounts = x.to_vec();
        amounts.sort_unstable();
        let n = x.len();
        let groups: Vec<(i64, usize)> =
            amounts.chunk_by(PartialEq::eq).map(|group| (group[0], group.len())).collect();
        let way = match groups[..] {
            [low, high] => {
                let (amount, size) = if low.1 < high.1 { low } else { high };
                let total = u64::try_from(choose(n, size)).ok().filter(|_| is_feasible(n, size));
                total.map(|total| Way::Subsets { amount, size, total })
            }
            _ => {
                let total = n_arrangements(&groups).filter(|&total| total <= MAX_EACH);
                total.map(|total| Way::Each { total })
            }
        };
        Self { x: x.to_vec(), way: way.unwrap_or(Way::Draws) }
    }

    /// How many arrangements are looked at, the observed one included.
    pub(crate) fn n_looked_at(&self) -> u64 {
        match self.way {
            Way::Subsets { total, .. } | Way::Each { total } => total,
            Way::Draws => DRAWS + 1,
        }
    }

    /// Whether those are all there are.
    pub(crate) fn is_exact(&self) -> bool {
        !matches!(self.way, Way::Draws)
    }

    /// The smallest p.
    pub(crate) fn floor(&self) -> f64 {
        1.0 / self.n_looked_at() as f64
    }

    /// The test of centred values, in steps.
    pub(crate) fn test(&self, r: &[i64]) -> Outcome {
        let observed = dot(&self.x, r);
        let n_at_least = match self.way {
            Way::Subsets { amount, size, .. } => {
                // Fewer carry the smaller amount: a large sum of x r is then a small sum of their r.
                let sign = if self.x.iter().any(|&x| x > amount) { -1 } else { 1 };
                let values: Vec<i64> = r.iter().map(|r| sign * r).collect();
                let carried =
                    self.x.iter().zip(&values).filter(|(x, _)| **x == amount).map(|(_, value)| value);
                count_at_least(&values, size, carried.sum())
            }
            Way::Each { .. } => Walk::new(&self.x, r, observed).count(),
            Way::Draws => 1 + draws_at_least(&self.x, r, observed),
        };
        Outcome { p: n_at_least as f64 / self.n_looked_at() as f64, contrast: self.slope(r, observed) }
    }

    /// Sums of whole numbers, so that it is the same in every order. All amounts alike have no slope, and one arrangement.
    fn slope(&self, r: &[i64], observed: i128) -> f64 {
        let sum = |values: &[i64]| values.iter().map(|&value| i128::from(value)).sum::<i128>();
        let n = self.x.len() as i128;
        let (sum_x, sum_r) = (sum(&self.x), sum(r));
        let spread = n * dot(&self.x, &self.x) - sum_x * sum_x;
        if spread == 0 { 0.0 } else { (n * observed - sum_x * sum_r) as f64 / spread as f64 * to_f64(1) }
    }
}

fn dot(x: &[i64], r: &[i64]) -> i128 {
    x.iter().zip(r).map(|(&x, &r)| i128::from(x) * i128::from(r)).sum()
}

/// n! / prod (group sizes)!, if it fits.
fn n_arrangements(groups: &[(i64, usize)]) -> Option<u64> {
    let (mut placed, mut total) = (0, 1_u128);
    for (_, size) in groups {
        placed += size;
        total = total.checked_mul(choose(placed, *size))?;
    }
    u64::try_from(total).ok()
}

/// A walk over every arrangement, cohort by cohort.
struct Walk<'a> {
    r: &'a [i64],
    /// The sum of r from each cohort on.
    rest: Vec<i128>,
    /// Amounts and how many of each are left.
    left: Vec<(i64, usize)>,
    threshold: i128,
}

impl<'a> Walk<'a> {
    fn new(x: &[i64], r: &'a [i64], threshold: i128) -> Self {
        let mut amounts = x.to_vec();
        amounts.sort_unstable();
        let left = amounts.chunk_by(PartialEq::eq).map(|group| (group[0], group.len())).collect();
        let mut rest = vec![0; r.len() + 1];
        for at in (0..r.len()).rev() {
            rest[at] = rest[at + 1] + i128::from(r[at]);
        }
        Self { r, rest, left, threshold }
    }

    fn count(mut self) -> u64 {
        self.from(0, 0)
    }

    /// How many ways to go on from cohort `at` reach the threshold.
    fn from(&mut self, at: usize, sum: i128) -> u64 {
        let mut others = self.left.iter().filter(|(_, n)| *n > 0);
        if let (Some((amount, _)), None) = (others.next(), others.next()) {
            return u64::from(sum + i128::from(*amount) * self.rest[at] >= self.threshold);
        }
        let mut count = 0;
        for group in 0..self.left.len() {
            if self.left[group].1 > 0 {
                self.left[group].1 -= 1;
                count += self.from(at + 1, sum + i128::from(self.left[group].0) * i128::from(self.r[at]));
                self.left[group].1 += 1;
            }
        }
        count
    }
}

/// How many of [`DRAWS`] random arrangements have a sum of at least `threshold`.
///
/// The generator is ChaCha8 under SHA-256 of the amounts and the values, each sorted: the same for every arrangement of
/// them, so the draws do not depend on which one was observed.
fn draws_at_least(x: &[i64], r: &[i64], threshold: i128) -> u64 {
    let (mut x, mut r) = (x.to_vec(), r.to_vec());
    x.sort_unstable();
    r.sort_unstable();
    let mut hasher = Sha256::new_with_prefix(b"taggant cohorts 1");
    for value in [x.len() as i64].iter().chain(&x).chain(&r) {
        hasher.update(value.to_le_bytes());
    }
    let mut random = ChaCha8Rng::from_seed(hasher.finalize().into());
    let mut count = 0;
    for _ in 0..DRAWS {
        for at in (1..x.len()).rev() {
            // Uniform up to 2^-54 (Lemire 2019).
            let other = ((u128::from(random.next_u64()) * (at as u128 + 1)) >> 64) as usize;
            x.swap(at, other);
        }
        count += u64::from(dot(&x, &r) >= threshold);
    }
    count
}

/// Random arrangements where there are too many to look at all: p is then (1 + those at least the observed) / (1 + draws).
pub const DRAWS: u64 = 99_999;

/// Arrangements of more than two amounts that are looked at one by one: about a second.
const MAX_EACH: u64 = 20_000_000;
