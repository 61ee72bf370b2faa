//! Inverse tails: critical values for a level, and effects for a power.
//!
//! All are bisections on the exact tails, down to neighboring counts or neighboring `f64`s, so each answer
//! meets its definition as [`binomial`] and [`gamma`] evaluate it, on both sides. Where those are flat to
//! rounding, an answer in x or q is as good as the tail: its error is that of ln P over the slope of ln P.

use super::{binomial, gamma};

/// The smallest count that is significant at level alpha: the smallest k with P(Bin(n,p) >= k) <= alpha.
///
/// ```text
/// k = min { k : ln_upper(n, p, k) <= ln_alpha }
/// ```
///
/// Since counts are discrete, the true size of the test is below alpha, never above.
///
/// Range: that of [`binomial::ln_upper`]; about log2(n) tails. `None` if even k = n is not significant, or if
/// `ln_alpha` is NaN. Some(0) for ln_alpha >= 0.
#[must_use]
pub fn binomial_critical(n: u64, p: f64, ln_alpha: f64) -> Option<u64> {
    let is_significant = |k: u64| binomial::ln_upper(n, p, k) <= ln_alpha;
    is_significant(n).then(|| smallest(0, n, is_significant))
}

/// The success rate at which a test with critical count `k` has the given power: q with P(Bin(n,q) >= k) = power.
///
/// ```text
/// q = min { q : ln_upper(n, q, k) >= ln_power }
/// ```
///
/// Source: this is the Clopper-Pearson bound (Clopper and Pearson 1934) read as a power: q is the quantile of
/// Beta(k, n-k+1) at power.
///
/// Range: n up to 2^53; at most 62 tails. Relative error: below 1e-12.
/// Edges: 0 for k = 0 or ln_power = -inf, where every rate will do; 1 for ln_power >= 0; +inf for k > n, or if
/// `ln_power` is NaN, since no rate will do.
#[must_use]
pub fn binomial_rate_at_power(n: u64, k: u64, ln_power: f64) -> f64 {
    if k > n || ln_power.is_nan() {
        return f64::INFINITY;
    }
    if ln_power >= 0.0 && k > 0 {
        return 1.0;
    }
    smallest_f64(1.0, |q| binomial::ln_upper(n, q, k) >= ln_power)
}

/// The success rate at which `k` successes or fewer have the given probability: q with P(Bin(n,q) <= k) = tail.
///
/// ```text
/// q = min { q : ln_lower(n, q, k) <= ln_tail }
/// ```
///
/// Source: the upper bound of Clopper and Pearson 1934; [`binomial_rate_at_power`] is the lower one. Not taken as 1
/// minus that of the failures, which would lose a small q.
///
/// Range: n up to 2^53; at most 62 tails. Relative error: below 1e-12.
/// Edges: 0 for ln_tail >= 0; 1 for k >= n, for ln_tail = -inf, or if `ln_tail` is NaN.
#[must_use]
pub fn binomial_rate_at_lower_tail(n: u64, k: u64, ln_tail: f64) -> f64 {
    smallest_f64(1.0, |q| binomial::ln_lower(n, q, k) <= ln_tail)
}

/// The smallest sum of scores that is significant at level alpha: the x with P(Gamma(shape) >= x) = alpha.
///
/// ```text
/// x = min { x : ln_upper(shape, x) <= ln_alpha }
/// ```
///
/// Range: that of [`gamma::ln_upper`]; at most 63 tails. Relative error: below 1e-12.
/// Edges: 0 for ln_alpha >= 0; +inf for ln_alpha = -inf or NaN, and for a shape that is none. For shape 0, where no
/// positive sum can occur, the smallest positive `f64`.
#[must_use]
pub fn gamma_critical(shape: f64, ln_alpha: f64) -> f64 {
    if ln_alpha == f64::NEG_INFINITY {
        return f64::INFINITY; // ln P itself overflows before x does
    }
    smallest_f64(f64::INFINITY, |x| gamma::ln_upper(shape, x) <= ln_alpha)
}

/// The scale at which a test with critical sum `x` has the given power: s with P(s Gamma(shape) >= x) = power.
///
/// ```text
/// s = x / y,      P(Gamma(shape) >= y) = power
/// ```
///
/// Range and error: those of [`gamma_critical`].
/// Edges: 0 for x <= 0, or for ln_power = -inf, where every scale will do; +inf for ln_power >= 0, for x = inf,
/// for shape 0 or one that is none, or for NaN, since no scale will do.
#[must_use]
pub fn gamma_scale_at_power(shape: f64, x: f64, ln_power: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let is_unreachable = shape == 0.0 || x == f64::INFINITY || ln_power >= 0.0;
    if is_unreachable || x.is_nan() || !gamma::is_shape(shape) || ln_power.is_nan() {
        return f64::INFINITY;
    }
    if ln_power == f64::NEG_INFINITY {
        return 0.0;
    }
    x / gamma_critical(shape, ln_power)
}

/// The scale at which a sum of `x` or less has the given probability: s with P(s Gamma(shape) <= x) = tail.
///
/// ```text
/// s = x / y,      P(Gamma(shape) <= y) = tail
/// ```
///
/// Range and error: those of [`gamma_critical`].
/// Edges: 0 for x <= 0; else +inf for ln_tail = -inf, for x = inf, for shape 0 or one that is none, or for NaN; else 0 for
/// `ln_tail` of 0 or more.
#[must_use]
pub fn gamma_scale_at_lower_tail(shape: f64, x: f64, ln_tail: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let is_unreachable = shape == 0.0 || x == f64::INFINITY || ln_tail == f64::NEG_INFINITY;
    if is_unreachable || x.is_nan() || !gamma::is_shape(shape) || ln_tail.is_nan() {
        return f64::INFINITY;
    }
    if ln_tail >= 0.0 {
        return 0.0;
    }
    x / smallest_f64(f64::INFINITY, |y| gamma::ln_lower(shape, y) >= ln_tail)
}

/// The smallest nonnegative `f64` up to `last` at which `holds` is true, if it is monotone; `last` if there
/// is none.
///
/// The bit patterns of nonnegative floats are in the order of their values.
pub(crate) fn smallest_f64(last: f64, holds: impl Fn(f64) -> bool) -> f64 {
    f64::from_bits(smallest(0, last.to_bits(), |bits| holds(f64::from_bits(bits))))
}

/// The smallest number from `first` to `last` at which `holds` is true, if it is monotone; `last` if there is none.
pub(crate) fn smallest(first: u64, last: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut first, mut last) = (first, last);
    while first < last {
        let middle = first + (last - first) / 2;
        if holds(middle) {
            last = middle;
        } else {
            first = middle + 1;
        }
    }
    last
}
