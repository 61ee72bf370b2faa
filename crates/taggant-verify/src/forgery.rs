//! The co-test for forgery: is a marked text as strongly marked where the mark is hard to learn as where it is easy?
//!
//! Whoever learned a mark from marked output knows the colours of contexts that are common there, and not those of rare
//! ones. The engine that holds the key knows them all. So a text that tested positive is looked at once more:
//!
//! ```text
//! score of token t  ~  unmarked law + strength * (marked law - unmarked law)         means; strength 1 = as the engine
//! gap = strength over common contexts - strength over rare ones                      0 if genuine, > 0 if learned
//! ```
//!
//! The marked law of a score is that of the token *which was written*, from a reference model's row
//! ([`Moments`]): how green a token is expected to be depends on how free the model was to choose another. Rare
//! contexts differ from common ones in this, so without a reference genuine texts show a difference too, and the
//! co-test is not run. The reference should be the model that wrote the text.
//!
//! A strength rather than a difference of residuals, since two things shrink all strengths alike and are no forgery: a
//! reference that is not quite the model, and a text of which a part was written by somebody else.
//!
//! # What it can be relied on for
//!
//! If the reference is the model, the residual `score - marked mean` has mean 0 given everything before it, the token
//! itself and the other colours of its context, so that z has mean 0 and variance 1 but for the estimated strength. The
//! p-value takes z as normal: it is [`PKind::Calibrated`], measured by `cargo xtask calibrate forgery`, not proven.
//! Another model as reference shifts z; the shift grows with the square root of the text's length, and
//! [`Contrast::test_against`] removes it with texts known to be genuine.
//!
//! Measured on a small n-gram model with a green list (gamma 1/4, delta 2, contexts of 2 tokens): of 1,000 genuine
//! texts of 1,500 tokens, each under its own key, 0.8 % are flagged, and 1.3 % with another model as reference. The 99
//! % limit of 1 % is 1.8 %. Of texts of 2,000 tokens, 97 % from a student of 500,000 marked tokens are flagged, and all
//! of a forger who guesses colours from as many. Without a reference the two strata of all genuine texts together are z
//! = -4 apart, and z = -21 for [`Strata::VERBATIM`].
//!
//! A flag says that the strength of the mark falls with the rarity of the context. A learned mark does that; so does a
//! text in which somebody else wrote the parts with rare contexts. It says nothing on a *model*: a student is a
//! learned imitator, and passes for a forger as it should.
//!
//! # Paper
//! Gloaguen et al., ICML 2025, arXiv 2410.02693, correlate colours with n-gram frequencies of a text. Differs: the
//! expectation of each colour comes from the key and a reference row, two strata are compared, and any scheme with a
//! known marked law will do.

use std::f64::consts::{LN_2, PI};

use crate::ln_p::LnP;
use crate::p_value::{PKind, PValue};

mod frequencies;
mod item;
mod scorer;

pub use frequencies::Frequencies;
pub use item::{Item, Moments};
pub use scorer::{Dropped, Scorer};

/// Which contexts are rare and which are common; all others are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strata {
    /// The smallest frequency of a rare context.
    pub rare_at_least: u64,
    /// The largest frequency of a rare context.
    pub rare_at_most: u64,
    /// The smallest frequency of a common one.
    pub common_at_least: u64,
}

impl Default for Strata {
    /// Rare: 1 to 7 occurrences; common: 32 and more.
    ///
    /// Contexts that never occur are left out since an editor makes them: whoever replaces a token puts three unmarked
    /// ones in its place, two of them after contexts that the engine would hardly have served.
    fn default() -> Self {
        Self { rare_at_least: 1, rare_at_most: 7, common_at_least: 32 }
    }
}

impl Strata {
    /// Rare: at most 1 occurrence; common: 16 and more. More power, for texts known to be as the sampler left them: of
    /// genuine texts of 2,000 tokens it flags a third with one token in twenty replaced, where the default flags 3 %.
    pub const VERBATIM: Self = Self { rare_at_least: 0, rare_at_most: 1, common_at_least: 16 };
}

/// How strongly the tokens of one stratum are marked.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Strength {
    /// How many tokens.
    pub n: u64,
    /// 1 if marked as the engine marks, 0 if not at all.
    pub value: f64,
    /// 1 / variance of the value.
    pub information: f64,
}

/// The strength of the mark after rare contexts and after common ones.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Contrast {
    /// After rare contexts.
    pub rare: Strength,
    /// After common contexts.
    pub common: Strength,
    /// Over all tokens, those between included.
    pub overall: f64,
}

/// The result of the co-test.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ForgeryTest {
    /// Strength after common contexts less strength after rare ones, less that of genuine texts if those were given.
    pub gap: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// `gap / standard_error`.
    pub z: f64,
    /// One-sided: small if rare contexts are less strongly marked. From the normal law of z, so calibrated, not proven.
    pub p: PValue,
    /// The gap that would be flagged with probability 0.9. Above 1 not even a forger who knows common contexts
    /// perfectly and rare ones not at all would be: the text is too short.
    pub detectable_gap: f64,
}

impl Contrast {
    /// The contrast between two strata of items.
    ///
    /// `None`, too little data, when a stratum has fewer than 50 items, or items that a mark does not change. Items
    /// with a number that is not finite, or a negative variance, are `None` too: they come from no experiment.
    ///
    /// ```text
    /// w_t = (m_t - u_t) / v_t                           m, u: means with and without the mark
    /// v_t = (1 - s) var u_t + s var m_t + s (1 - s) (m_t - u_t)^2      s: the overall strength, held to [0, 1]
    /// strength = sum w_t (score_t - u_t) / sum w_t (m_t - u_t)         information = sum w_t (m_t - u_t)
    /// ```
    #[must_use]
    pub fn new(items: &[Item], strata: Strata) -> Option<Self> {
        if !items.iter().all(is_sound) {
            return None;
        }
        // The weights need a strength and the strength weights: two rounds from full strength settle it.
        let first = Strength::of(items, 1.0);
        let overall = Strength::of(items, first.value).value;
        let stratum = |keep: &dyn Fn(u64) -> bool| {
            let strength = Strength::of(items.iter().filter(|item| keep(item.frequency)), overall);
            (strength.n >= MIN_ITEMS && strength.value.is_finite()).then_some(strength)
        };
        let rare = stratum(&|frequency| (strata.rare_at_least..=strata.rare_at_most).contains(&frequency))?;
        let common =
            stratum(&|frequency| frequency >= strata.common_at_least && frequency > strata.rare_at_most)?;
        Some(Self { rare, common, overall })
    }

    /// The test, with the reference taken as the model that writes genuine texts.
    #[must_use]
    pub fn test(&self) -> ForgeryTest {
        ForgeryTest::new(self.gap(), self.variance())
    }

    /// The test against the contrast of texts known to be genuine, under the same reference, strata and frequencies,
    /// and under any keys: what the reference gets wrong about genuine text is taken off, and its own error is added.
    #[must_use]
    pub fn test_against(&self, genuine: &Self) -> ForgeryTest {
        ForgeryTest::new(self.gap() - genuine.gap(), self.variance() + genuine.variance())
    }

    fn gap(&self) -> f64 {
        self.common.value - self.rare.value
    }

    fn variance(&self) -> f64 {
        1.0 / self.common.information + 1.0 / self.rare.information
    }
}

impl Strength {
    /// The strength over items, weighted as is best near `strength`; NaN if a mark changes nothing about them.
    fn of<'a>(items: impl IntoIterator<Item = &'a Item>, strength: f64) -> Self {
        let s = strength.clamp(0.0, 1.0);
        let (mut n, mut score, mut information) = (0, 0.0, 0.0);
        for Item { score: found, marked, unmarked, .. } in items {
            let effect = marked.mean - unmarked.mean;
            let variance =
                (1.0 - s) * unmarked.variance + s * marked.variance + s * (1.0 - s) * effect * effect;
            let weight = effect / variance.max(SMALLEST_VARIANCE * unmarked.variance);
            n += 1;
            score += weight * (found - unmarked.mean);
            information += weight * effect;
        }
        Self { n, value: score / information, information }
    }
}

impl ForgeryTest {
    /// The level at which a text is flagged.
    pub const LEVEL: f64 = 0.01;

    fn new(gap: f64, variance: f64) -> Self {
        let standard_error = variance.sqrt();
        let z = gap / standard_error;
        Self {
            gap,
            standard_error,
            z,
            p: PValue::new(LnP::from_ln(ln_upper_normal(z)), PKind::Calibrated),
            detectable_gap: (Z_AT_LEVEL + Z_AT_POWER) * standard_error,
        }
    }

    /// Whether p, adjusted for its hypotheses, is at most [`LEVEL`](Self::LEVEL).
    #[must_use]
    pub fn is_flagged(&self) -> bool {
        self.p.adjusted().ln() <= libm::log(Self::LEVEL)
    }
}

/// Whether an item can be one of an experiment.
fn is_sound(item: &Item) -> bool {
    let variances = [item.marked.variance, item.unmarked.variance];
    let numbers = [item.score, item.marked.mean, item.unmarked.mean, variances[0], variances[1]];
    numbers.iter().all(|number| number.is_finite()) && variances[0] >= 0.0 && variances[1] > 0.0
}

/// ln P(N(0, 1) >= z); the asymptotic series (DLMF 7.12.1) from z = 30 on, where it is good to 1e-9 of p.
fn ln_upper_normal(z: f64) -> f64 {
    if z < 30.0 {
        return libm::log(libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2)) - LN_2;
    }
    let r = 1.0 / (z * z);
    -0.5 * (z * z + libm::log(2.0 * PI)) - libm::log(z) + libm::log1p(r * (-1.0 + r * (3.0 - 15.0 * r)))
}

/// Below this many items the normal law is not near enough.
const MIN_ITEMS: u64 = 50;

/// No variance counts as less than this share of the unmarked one, or single tokens that a strong mark makes all but
/// certain would decide.
const SMALLEST_VARIANCE: f64 = 0.01;

/// The normal quantile of 1 - [`ForgeryTest::LEVEL`].
const Z_AT_LEVEL: f64 = 2.326_347_874_040_841;

/// The normal quantile of the power at which gaps are stated, 0.9.
const Z_AT_POWER: f64 = 1.281_551_565_544_6;

#[cfg(test)]
mod tests;
