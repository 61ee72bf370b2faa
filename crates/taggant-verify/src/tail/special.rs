//! The pieces that the tails are made of: Stirling's remainder, the deviance, sums in the log domain.
//!
//! A binomial or gamma weight written with ln Gamma loses all accuracy for long texts: at n = 1e10, ln Gamma(n)
//! is 2.2e11, and half a unit in its last place is 1.5e-5. Loader (2000) regroups Stirling's formula so that
//! what remains is a sum of small or positive terms. Source of [`stirling_error`] and [`deviance`]:
//! C. Loader, "Fast and Accurate Computation of Binomial Probabilities", 2000, where they are called `stirlerr`
//! and `bd0`.

use std::f64::consts::LN_2;

/// The remainder of Stirling's formula for Gamma(x + 1).
///
/// ```text
/// delta(x) = ln Gamma(x + 1) - (x + 1/2) ln x + x - ln(2 pi) / 2
///          = 1/(12 x) - 1/(360 x^3) + 1/(1260 x^5) - 1/(1680 x^7) + 1/(1188 x^9) - ...
/// ```
///
/// Source: Loader 2000; the series is DLMF 5.11.1. Differences: the series is used from 16 on, where the first term
/// left out is below 1.1e-16; whole numbers below that are tabulated; other arguments are moved up by
/// delta(x) = delta(x + 1) + (x + 1/2) ln(1 + 1/x) - 1.
///
/// Range: x > 0, finite. Absolute error measured: 1.1e-16 for whole x, 1e-15 otherwise (x >= 1/2).
/// It is +inf at 0, and 0 at infinity.
#[must_use]
pub fn stirling_error(x: f64) -> f64 {
    if x >= STIRLING_SERIES_FROM {
        return stirling_series(x);
    }
    if let Some(entry) = STIRLING_AT_WHOLE.iter().zip(1_u8..).find(|(_, whole)| f64::from(*whole) == x) {
        return *entry.0;
    }
    let mut moved = x;
    let mut shift = 0.0;
    while moved < STIRLING_SERIES_FROM {
        let step =
            if moved < 1.0 { libm::log(moved + 1.0) - libm::log(moved) } else { libm::log1p(1.0 / moved) };
        shift += (moved + 0.5) * step - 1.0;
        moved += 1.0;
    }
    stirling_series(moved) + shift
}

/// How far an observed count is from its mean, in natural units of log-probability.
///
/// ```text
/// D(x, m) = x ln(x / m) + m - x = x (t - ln(1 + t)),      t = (m - x) / x
/// ```
///
/// It is never negative, and 0 only at x = m. The caller passes `excess` = x - m as well, because that
/// difference can be known better than the rounded `mean` allows: for m = n p with n = 1e10, the rounding of m
/// alone would put 2e-10 into a log-probability of -1000.
///
/// Source: Loader 2000 (`bd0`). Difference: the form in t keeps x, which is exact, as the only scale.
///
/// Range: x >= 0, mean >= 0. Relative error: 1e-15 measured, besides twice the relative error of `excess`.
/// D(0, m) = m. D(x, 0) = +inf for x > 0.
#[must_use]
pub fn deviance(x: f64, mean: f64, excess: f64) -> f64 {
    if x == 0.0 {
        return mean;
    }
    let t = -excess / x;
    if (-0.5..=1.0).contains(&t) {
        return x * log1p_remainder(t);
    }
    // Farther out t may overflow, or 1 + t = m / x cancel. The logarithm of the quotient does neither.
    let quotient = mean / x;
    let ln_quotient = if quotient.is_normal() { libm::log(quotient) } else { libm::log(mean) - libm::log(x) };
    -x * ln_quotient - excess
}

/// ln(1 - e^x), for the other side of a tail.
///
/// Source: M. Maechler, "Accurately Computing log(1 - exp(-|a|))", 2012: through expm1 above -ln 2,
/// through log1p below.
///
/// Range: x <= 0. Relative error: 3e-16, besides the error carried over from x. It is -inf for x >= 0, and +0
/// where e^x underflows.
#[must_use]
pub fn ln_1m_exp(x: f64) -> f64 {
    if x >= 0.0 {
        return f64::NEG_INFINITY;
    }
    let ln = if x > -LN_2 { libm::log(-libm::expm1(x)) } else { libm::log1p(-libm::exp(x)) };
    ln + 0.0 // -0 becomes +0
}

/// ln(e^a + e^b), without leaving the log domain.
///
/// ```text
/// ln(e^a + e^b) = max(a, b) + ln(1 + e^-|a - b|)
/// ```
///
/// Range: all but NaN. Absolute error: 3e-16 of max(1, |a|, |b|). -inf is the neutral element;
/// +inf absorbs.
#[must_use]
pub fn ln_add_exp(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY || high == f64::INFINITY {
        return high;
    }
    high + libm::log1p(libm::exp(low - high))
}

/// The logarithm of the binomial coefficient.
///
/// ```text
/// ln C(n, k) = k ln(n/k) + (n-k) ln(n/(n-k)) + ln(n / (2 pi k (n-k))) / 2 + delta(n) - delta(k) - delta(n-k)
/// ```
///
/// Source: Loader 2000, with the weight at its own mean p = k/n divided out.
///
/// Range: n up to 2^53. Relative error: 1e-15, or 3e-15 absolute where the result is below 3. It is 0 for k = 0
/// and k = n, and -inf for k > n.
#[must_use]
pub fn ln_choose(n: u64, k: u64) -> f64 {
    if k > n {
        return f64::NEG_INFINITY;
    }
    let (few, many) = (k.min(n - k) as f64, k.max(n - k) as f64);
    if few == 0.0 {
        return 0.0;
    }
    let all = n as f64;
    let entropy = few * libm::log(all / few) - many * libm::log1p(-few / all);
    entropy + ln_lattice(all, few, many)
}

/// What Stirling's formula leaves over when n items are split in two parts that are not empty.
///
/// ```text
/// ln( n / (2 pi a b) ) / 2 + delta(n) - delta(a) - delta(b),      a + b = n
/// ```
pub(super) fn ln_lattice(n: f64, a: f64, b: f64) -> f64 {
    let stirling = stirling_error(n) - stirling_error(a) - stirling_error(b);
    stirling - 0.5 * (LN_2PI + libm::log(a * (b / n)))
}

/// t - ln(1 + t), which is t^2/2 near 0, with a small relative error.
///
/// ```text
/// s = t / (2 + t),      t - ln(1 + t) = t - 2 artanh(s) = s t - 2 s (s^2/3 + s^4/5 + s^6/7 + ...)
/// ```
///
/// Source: DLMF 4.6.6 with a = 1. Range: t > -1.
pub(crate) fn log1p_remainder(t: f64) -> f64 {
    if t.abs() > 0.5 {
        return t - libm::log1p(t);
    }
    let s = t / (2.0 + t);
    let square = s * s;
    let mut power = 1.0;
    let mut odd = 1.0;
    let mut sum = 0.0;
    while power > NEGLIGIBLE {
        power *= square;
        odd += 2.0;
        sum += power / odd;
    }
    s * t - 2.0 * s * sum
}

/// e^t - 1 - t, which is t^2/2 near 0, with a small relative error: its own series for |t| < 1/2.
pub(crate) fn expm1_remainder(t: f64) -> f64 {
    if t.abs() > 0.5 {
        return libm::expm1(t) - t;
    }
    let mut term = 0.5;
    let mut index = 2.0;
    let mut sum = 0.0;
    while f64::abs(term) > NEGLIGIBLE {
        sum += term;
        index += 1.0;
        term *= t / index;
    }
    t * t * sum
}

fn stirling_series(x: f64) -> f64 {
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let tail = 1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0);
    inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * tail))
}

/// ln(2 pi).
pub(crate) const LN_2PI: f64 = 1.837_877_066_409_345_6;

/// A term of a series that starts near 1 and falls: below this it no longer changes the sum. 2^-57.
pub(super) const NEGLIGIBLE: f64 = 6.938_893_903_907_228e-18;

/// From here on the terms left out of the series of [`stirling_error`] are below 691/360360 / 16^11 = 1.1e-16.
const STIRLING_SERIES_FROM: f64 = 16.0;

/// delta(1) to delta(15), from mpmath at 60 digits.
const STIRLING_AT_WHOLE: [f64; 15] = [
    0.081_061_466_795_327_26,
    0.041_340_695_955_409_3,
    0.027_677_925_684_998_34,
    0.020_790_672_103_765_093,
    0.016_644_691_189_821_193,
    0.013_876_128_823_070_748,
    0.011_896_709_945_891_77,
    0.010_411_265_261_972_096,
    0.009_255_462_182_712_733,
    0.008_330_563_433_362_87,
    0.007_573_675_487_951_841,
    0.006_942_840_107_209_53,
    0.006_408_994_188_004_207,
    0.005_951_370_112_758_847_5,
    0.005_554_733_551_962_801,
];
