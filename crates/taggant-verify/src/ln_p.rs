//! The logarithm of a p-value: the bare number.

use std::f64::consts::LN_10;
use std::fmt;

/// The natural logarithm of a p-value: finite, at most 0, never printed as 0.
///
/// A bare number for arithmetic and print; what a test returns is a [`PValue`](crate::PValue), which also says how far
/// it can be relied on and how many hypotheses were looked at.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct LnP {
    ln_p: f64,
}

impl LnP {
    /// Certainty: no evidence at all.
    pub const ONE: Self = Self { ln_p: 0.0 };

    /// From the natural logarithm itself; rounding above 0 is taken back to 0.
    ///
    /// # Panics
    /// When `ln_p` is NaN or -infinity: a tail of a possible outcome has a finite logarithm.
    #[must_use]
    pub fn from_ln(ln_p: f64) -> Self {
        assert!(
            ln_p > f64::NEG_INFINITY,
            "the tail of a possible outcome has a finite logarithm, found {ln_p}"
        );
        Self { ln_p: ln_p.min(0.0) }
    }

    /// ln p.
    #[must_use]
    pub fn ln(self) -> f64 {
        self.ln_p
    }

    /// log10 p, for display.
    #[must_use]
    pub fn log10(self) -> f64 {
        // 0 / ln 10 keeps its sign; a report should not say -0.
        self.ln_p / LN_10 + 0.0
    }

    /// p times a number of hypotheses, at most 1 (Bonferroni).
    #[must_use]
    pub fn times(self, hypotheses: u64) -> Self {
        Self::from_ln(self.ln_p + libm::log(hypotheses as f64))
    }
}

impl fmt::Display for LnP {
    /// Two significant digits: `0.13`, `0.0042`, `3.1e-14`, `2e-43429`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log10 = self.log10();
        if log10 > -3.0 {
            let p = self.ln_p.exp();
            let digits = (1 - p.log10().floor() as i32).max(2) as usize;
            return write!(f, "{p:.digits$}");
        }
        let mut exponent = log10.floor();
        let mut mantissa = (10_f64.powf(log10 - exponent) * 10.0).round() / 10.0;
        if mantissa >= 10.0 {
            (mantissa, exponent) = (1.0, exponent + 1.0);
        }
        // Beyond 10^-10000 the first decimal of the mantissa is about the rounding of ln p.
        if exponent < -9999.0 {
            write!(f, "{mantissa:.0}e{exponent}")
        } else {
            write!(f, "{mantissa}e{exponent}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_print_two_digits_and_never_zero() {
        let shown = |ln_p: f64| LnP::from_ln(ln_p).to_string();
        assert_eq!(shown(0.0), "1.00");
        assert_eq!(shown(0.5_f64.ln()), "0.50");
        assert_eq!(shown(0.0042_f64.ln()), "0.0042");
        assert_eq!(shown(3.14e-14_f64.ln()), "3.1e-14");
        assert_eq!(shown(9.99e-14_f64.ln()), "1e-13");
        assert_eq!(shown(-1e5), "4e-43430");
        assert_eq!(shown(1e-17), "1.00");
    }
}
