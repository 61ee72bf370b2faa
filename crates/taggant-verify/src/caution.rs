//! What a reader of a report should know: what was seen, what it may mean, what to do.

use std::fmt;

/// A caution.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Caution {
    /// No decoy panel, or one too small to judge by.
    FewDecoys {
        /// How many decoys there are.
        decoys: u64,
    },
    /// The panel's randomised p-values cannot be uniform: their mean, spread or shape is off.
    Uncalibrated {
        /// The mean of the decoys' z.
        mean_z: f64,
        /// The standard deviation of the decoys' z.
        sd_z: f64,
        /// The largest distance of their randomised p from uniform.
        ks: f64,
    },
    /// The weighted statistic's approximate p-values under fresh secrets are not uniform.
    WeightedPicture {
        /// Their largest distance from uniform.
        ks: f64,
    },
    /// A filter to served contexts looks at the key.
    ServedFilter {
        /// How many contexts the filter holds.
        contexts: usize,
    },
    /// The filter left nothing.
    NothingServed,
    /// The key-free filter left nothing.
    NothingFamiliar,
    /// The text repeats itself.
    Repetitive {
        /// sum m^2 / sum m.
        inflation: f64,
    },
    /// Channels with accounts are not part of these tests.
    AccountChannels {
        /// How many.
        channels: usize,
    },
}

impl Caution {
    /// From here on a count without de-duplication would overstate z by more than sqrt(2).
    pub(crate) const HIGH_INFLATION: f64 = 2.0;
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewDecoys { decoys: 0 } => {
                f.write_str("no decoys were drawn: the null was not checked on this text; draw 200 or more")
            }
            Self::FewDecoys { decoys } => write!(
                f,
                "{decoys} decoys are too few to check the null on this text; draw 200 or more"
            ),
            Self::Uncalibrated { mean_z, sd_z, ks } => write!(
                f,
                "the decoys' z has mean {mean_z:.2} and standard deviation {sd_z:.2} instead of 0 and 1, and their p lie up to \
                 {ks:.2} from uniform: the p-values cannot be relied on; check that the profile is the one the text was marked under, and report a bug"
            ),
            Self::WeightedPicture { ks } => write!(
                f,
                "under fresh secrets the approximate p of the weighted statistic lies up to {ks:.2} from uniform: a few inputs \
                 hold most of its weight, and only its certified p means something"
            ),
            Self::ServedFilter { contexts } => write!(
                f,
                "the filter to {contexts} served contexts looks at the key: the p of a -served test is calibrated, not proven, so the \
                 verdict rests on its bound exp(-ln_e), proven if the log is all that was served or a part of it that was \
                 chosen without regard to what was written"
            ),
            Self::NothingServed => f.write_str(
                "no context of this text is among the served ones; check that both were made with one tokenizer",
            ),
            Self::NothingFamiliar => f.write_str(
                "no context of this text is among the familiar ones; check that both were made with one tokenizer",
            ),
            Self::Repetitive { inflation } => write!(
                f,
                "the text repeats itself: counting every occurrence would inflate the variance {inflation:.1} times; each \
                 (context, token) was counted once"
            ),
            Self::AccountChannels { channels } => write!(
                f,
                "{channels} channel(s) carry accounts and are not part of these tests; a mark that is only there is not \
                 looked for"
            ),
        }
    }
}
