//! The names of tests: which statistic, under which filter.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Kind};

/// The name of a test: a statistic and a filter on contexts, as in `score-served`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TestName {
    statistic: StatisticName,
    filter: Filter,
}

/// What a test sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StatisticName {
    /// Each distinct input once.
    Count,
    /// Each distinct input with a weight that came with the text.
    Weighted,
    /// How often a token came less how often a reference expected it.
    Score,
    /// The suspect's likeliest next token, each distinct (context, token) once.
    OpenArgmax,
    /// The suspect's probabilities.
    OpenMass,
    /// The suspect's probabilities less those of a reference.
    OpenPaired,
}

/// Which contexts a test reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Filter {
    /// All of them.
    All,
    /// Those of a log of served text. The log looks at the key, so a p under this filter is calibrated, and proven
    /// through its e-value alone.
    Served,
    /// Those of unmarked text of the same teacher. No key is in it, so everything stays exact.
    Familiar,
}

impl TestName {
    /// Each distinct input once.
    pub const COUNT: Self = Self::plain(StatisticName::Count);
    /// With weights that came with the text.
    pub const WEIGHTED: Self = Self::plain(StatisticName::Weighted);
    /// Centred by a reference.
    pub const SCORE: Self = Self::plain(StatisticName::Score);
    /// The published baseline of open models.
    pub const OPEN_ARGMAX: Self = Self::plain(StatisticName::OpenArgmax);
    /// The suspect's probabilities.
    pub const OPEN_MASS: Self = Self::plain(StatisticName::OpenMass);
    /// The suspect's probabilities less those of a reference.
    pub const OPEN_PAIRED: Self = Self::plain(StatisticName::OpenPaired);

    /// Every name there is.
    pub const ALL: [Self; 10] = [
        Self::COUNT,
        Self { statistic: StatisticName::Count, filter: Filter::Served },
        Self { statistic: StatisticName::Count, filter: Filter::Familiar },
        Self::SCORE,
        Self { statistic: StatisticName::Score, filter: Filter::Served },
        Self { statistic: StatisticName::Score, filter: Filter::Familiar },
        Self::OPEN_ARGMAX,
        Self::OPEN_MASS,
        Self::OPEN_PAIRED,
        Self::WEIGHTED,
    ];

    /// The order in which the tests of an audit are taken to decide where no plan and no flag names one: the first that is
    /// made. What is at hand decides it, never a result.
    pub const DEFAULT_ORDER: [Self; 8] = [
        Self::OPEN_PAIRED,
        Self::SCORE.under(Filter::Served),
        Self::SCORE.under(Filter::Familiar),
        Self::SCORE,
        Self::OPEN_MASS,
        Self::COUNT.under(Filter::Served),
        Self::COUNT.under(Filter::Familiar),
        Self::COUNT,
    ];

    const fn plain(statistic: StatisticName) -> Self {
        Self { statistic, filter: Filter::All }
    }

    /// The same statistic under a filter.
    #[must_use]
    pub const fn under(self, filter: Filter) -> Self {
        Self { statistic: self.statistic, filter }
    }

    /// What is summed.
    #[must_use]
    pub fn statistic(self) -> StatisticName {
        self.statistic
    }

    /// Over which contexts.
    #[must_use]
    pub fn filter(self) -> Filter {
        self.filter
    }

    /// Whether each input counts alike, so that the null is that of a count.
    #[must_use]
    pub fn is_count(self) -> bool {
        matches!(self.statistic, StatisticName::Count | StatisticName::OpenArgmax)
    }

    /// Whether it reads what a model expects and not what it wrote.
    #[must_use]
    pub fn is_open(self) -> bool {
        use StatisticName::{OpenArgmax, OpenMass, OpenPaired};
        matches!(self.statistic, OpenArgmax | OpenMass | OpenPaired)
    }
}

impl fmt::Display for TestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.statistic {
            StatisticName::Count => "count",
            StatisticName::Weighted => "weighted",
            StatisticName::Score => "score",
            StatisticName::OpenArgmax => "open-argmax",
            StatisticName::OpenMass => "open-mass",
            StatisticName::OpenPaired => "open-paired",
        })?;
        f.write_str(match self.filter {
            Filter::All => "",
            Filter::Served => "-served",
            Filter::Familiar => "-familiar",
        })
    }
}

impl FromStr for TestName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|name| name.to_string() == text).ok_or_else(|| Kind::TestName.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_no_other_does() {
        for name in TestName::ALL {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        for wrong in ["", "counts", "count-", "open-mass-served", "weighted-familiar", "COUNT", "-served"] {
            assert!(wrong.parse::<TestName>().is_err(), "{wrong}");
        }
    }
}
