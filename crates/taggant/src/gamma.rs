//! Gamma: the green share of the vocabulary.

use alloc::string::ToString;
use core::fmt;
use core::str::FromStr;

use crate::error::{Error, Kind};

/// The green share, j / 2^m with m in {1, 2, 4, 8} and 1 <= j < 2^m, exactly as written.
///
/// It is never reduced: "2/4" and "1/2" are the same share but different marks, since the block layout
/// follows m (taggant-1, sections 4 and 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gamma {
    numerator: u16,
    planes: u8,
}

impl Gamma {
    /// One half, the share that channels with accounts need.
    pub const HALF: Self = Self { numerator: 1, planes: 1 };

    /// j: how many of the 2^m values of a token's number are green.
    #[must_use]
    pub fn numerator(self) -> u16 {
        self.numerator
    }

    /// 2^m.
    #[must_use]
    pub fn denominator(self) -> u16 {
        1 << self.planes
    }

    /// m: how many bit planes a block is cut into.
    #[must_use]
    pub fn planes(self) -> usize {
        usize::from(self.planes)
    }

    /// The share as a number, exact: a dyadic fraction.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator())
    }
}

impl FromStr for Gamma {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let (numerator, denominator) = text.split_once('/')?;
            let planes = match denominator {
                "2" => 1,
                "4" => 2,
                "16" => 4,
                "256" => 8,
                _ => return None,
            };
            let gamma = Self { numerator: numerator.parse().ok()?, planes };
            // Written one way only: no sign, no leading zero, no space.
            let in_range = gamma.numerator >= 1 && gamma.numerator < gamma.denominator();
            (in_range && gamma.to_string() == text).then_some(gamma)
        };
        parse().ok_or_else(|| Kind::Gamma { found: text.chars().take(40).collect() }.into())
    }
}

impl fmt::Display for Gamma {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator())
    }
}

impl serde::Serialize for Gamma {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_is_written_one_way_only() {
        for text in ["1/2", "1/4", "2/4", "3/4", "3/16", "15/16", "1/256", "255/256"] {
            assert_eq!(text.parse::<Gamma>().unwrap().to_string(), text);
        }
        for text in [
            "", "/", "0/2", "2/2", "1/3", "1/8", "01/4", "+1/4", " 1/4", "1/4 ", "0.25", "1/", "256/256",
            "-1/4",
        ] {
            assert!(text.parse::<Gamma>().is_err(), "{text:?} was accepted");
        }
    }
}
