//! The exact law of one value under the null.

use crate::gamma::Gamma;
use crate::scheme::Scheme;
use crate::scheme::gumbel_max::SCORE_UNIT;

/// The law of one value when the key is independent of the text.
///
/// A value is an integer ([`Reading::value`](crate::reader::Reading::value)); its *score* is what a count
/// statistic adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Law {
    /// 1 with probability `numerator / denominator`, else 0. Score: the value.
    Bernoulli {
        /// How many of `denominator` equally likely outcomes give 1.
        numerator: u64,
        /// How many equally likely outcomes there are.
        denominator: u64,
    },
    /// `-ln(1 - u)`, Exp(1), in units of 2^-40 nats, u being the midpoint of one of 2^32 cells.
    /// Score: the value.
    ///
    /// The grid makes the law a shade lighter than Exp(1): as `(1 - u)^-s` is convex in u, the midpoint of
    /// a cell never exceeds its average, so every exponential moment is at most that of Exp(1), and the
    /// mean falls short by ln 2 / 2^33 = 8.1e-11.
    Exponential,
    /// `depth` fair, independent bits in the low bits of the value. Score: how many are 1.
    Bits {
        /// How many bits, 1 to 32.
        depth: u8,
    },
}

impl Law {
    /// The law of a scheme of taggant-1.
    pub(crate) fn of(scheme: &Scheme) -> Self {
        match scheme {
            Scheme::Green(green) => Self::green(green.gamma()),
            Scheme::Gumbel(_) => Self::Exponential,
            Scheme::Tournament(tournament) => Self::Bits { depth: tournament.depth() },
        }
    }

    /// The Bernoulli law of a green list.
    #[must_use]
    pub fn green(gamma: Gamma) -> Self {
        Self::Bernoulli { numerator: gamma.numerator().into(), denominator: gamma.denominator().into() }
    }

    /// The score of a value, in [`Law::unit`]s.
    #[must_use]
    pub fn score(self, value: u64) -> u64 {
        match self {
            Self::Bernoulli { .. } | Self::Exponential => value,
            Self::Bits { .. } => u64::from(value.count_ones()),
        }
    }

    /// How many integer units of score make one unit of the statistic: green tokens, nats, one-bits.
    #[must_use]
    pub fn unit(self) -> u64 {
        match self {
            Self::Exponential => SCORE_UNIT,
            Self::Bernoulli { .. } | Self::Bits { .. } => 1,
        }
    }

    /// The mean of one score, in units of the statistic.
    #[must_use]
    pub fn mean(self) -> f64 {
        match self {
            Self::Bernoulli { numerator, denominator } => numerator as f64 / denominator as f64,
            Self::Exponential => 1.0,
            Self::Bits { depth } => f64::from(depth) / 2.0,
        }
    }

    /// The variance of one score, in squared units of the statistic.
    #[must_use]
    pub fn variance(self) -> f64 {
        match self {
            Self::Bernoulli { .. } => self.mean() * (1.0 - self.mean()),
            Self::Exponential => 1.0,
            Self::Bits { depth } => f64::from(depth) / 4.0,
        }
    }
}
