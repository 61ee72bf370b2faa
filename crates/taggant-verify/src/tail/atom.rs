//! The law of one value of a weighted sum, and what it looks like under a tilt.

use super::special::{expm1_remainder, log1p_remainder};

/// The law of one value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Atom {
    /// 1 with probability `p`, else 0. `p` may be the `f64` nearest to the rate that is meant: the certified bounds
    /// allow for its rounding.
    Coin {
        /// The probability of 1.
        p: f64,
    },
    /// -ln(1 - u), u being the midpoint of one of 2^32 cells, rounded to 2^-40: the law of Gumbel scores.
    ///
    /// The cumulants are those of Exp(1), which approximations use as they are. The certified bounds allow for the
    /// grid, see [`chernoff`](super::chernoff).
    Exponential,
}

/// One value under a tilt s.
pub(super) struct TiltedAtom {
    /// k'(s) - k'(0)
    pub(super) slope: f64,
    /// k''(s).
    pub(super) variance: f64,
    /// k'''(s).
    pub(super) third: f64,
    /// E_s|phi - E_s phi|^3.
    pub(super) absolute_third: f64,
    /// What rounding of s, of p and of the mean may do to k(s), in units of 2^-53.
    pub(super) sensitivity: f64,
    /// What it may do to the moments, relative to them, in the same units.
    pub(super) stretch: f64,
}

impl Atom {
    /// E phi.
    pub(super) fn mean(self) -> f64 {
        match self {
            Self::Coin { p } => p,
            Self::Exponential => 1.0,
        }
    }

    /// kappa(s) = k(s) - k'(0) s, at least 0, to a few roundings of itself and one of s.
    pub(super) fn excess(self, s: f64) -> f64 {
        match self {
            Self::Exponential => log1p_remainder(-s),
            Self::Coin { p } if p <= 0.5 => coin_excess(p, s),
            // ln(1-p+p e^s) - p s = ln(p + (1-p) e^-s) + (1-p) s, the coin of the failures.
            Self::Coin { p } => coin_excess(1.0 - p, -s),
        }
    }

    /// The value under the tilt s, which is below 1 for the exponential law.
    pub(super) fn tilted(self, s: f64) -> TiltedAtom {
        match self {
            Self::Exponential => {
                let scale = 1.0 / (1.0 - s);
                let square = scale * scale;
                TiltedAtom {
                    slope: s * scale,
                    variance: square,
                    third: 2.0 * square * scale,
                    absolute_third: THIRD_ABSOLUTE_MOMENT * square * scale,
                    sensitivity: s.abs() * (1.0 + s.abs() * scale),
                    stretch: 1.0 + s.abs() * scale,
                }
            }
            Self::Coin { p } => {
                let q = 1.0 - p;
                let fall = libm::exp(-s.abs());
                let missing = libm::expm1(-s.abs());
                let (ones, zeros) = if s >= 0.0 { (p, q * fall) } else { (p * fall, q) };
                let total = ones + zeros;
                let (ones, zeros) = (ones / total, zeros / total);
                let variance = ones * zeros;
                // |dk/dp| = |e^s - 1| / (q + p e^s) is at most |s| / min(p, q), and p is off by p 2^-53.
                let odds = (p / q).max(1.0);
                TiltedAtom {
                    slope: -s.signum() * p * q * missing / total,
                    variance,
                    third: variance * (zeros - ones),
                    absolute_third: variance * (ones * ones + zeros * zeros),
                    sensitivity: 4.0 * s.abs() * odds,
                    stretch: (1.0 + s.abs()) * odds,
                }
            }
        }
    }
}

/// ln(1 - p + p e^s) - p s for p <= 1/2.
///
/// ```text
/// |s| <= 1:   p g - h(p (g + s)),      g = e^s - 1 - s,  h(y) = y - ln(1 + y)
/// ```
///
/// which loses two bits at most, as does the direct form beyond.
fn coin_excess(p: f64, s: f64) -> f64 {
    if s.abs() <= 1.0 {
        let g = expm1_remainder(s);
        return p * g - log1p_remainder(p * (g + s));
    }
    if s < 700.0 {
        return libm::log1p(p * libm::expm1(s)) - p * s;
    }
    // e^s may overflow.
    let ln_ones = libm::log(p) + s;
    if ln_ones > 0.0 {
        (1.0 - p) * s + libm::log(p) + libm::log1p((1.0 - p) * libm::exp(-ln_ones))
    } else {
        libm::log1p(libm::exp(ln_ones) - p) - p * s
    }
}

/// E|E - 1|^3 = 12/e - 2 for an Exp(1) variable, rounded up.
const THIRD_ABSOLUTE_MOMENT: f64 = 2.414_553_294_057_31;
