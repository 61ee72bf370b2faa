//! What an audit has at hand, and the test that its verdict then rests on where nobody names one.

use taggant_verify::audit_result::Origin;
use taggant_verify::test_name::StatisticName;
use taggant_verify::{Filter, TestName};

/// What an audit has at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each says of one thing whether it is there")]
pub struct AtHand {
    /// Where the tokens come from.
    pub origin: Origin,
    /// A log of what was served.
    pub served: bool,
    /// Unmarked text of the same teacher.
    pub familiar: bool,
    /// A reference.
    pub reference: bool,
    /// Log-probs of the suspect.
    pub log_probs: bool,
}

impl AtHand {
    /// The first test of [`TestName::DEFAULT_ORDER`] that can be made; `None` where the suspect read text and gave no log-probs.
    #[must_use]
    pub fn default_statistic(self) -> Option<TestName> {
        TestName::DEFAULT_ORDER.into_iter().find(|name| self.makes(*name))
    }

    /// Whether a test can be made.
    #[must_use]
    pub fn makes(self, name: TestName) -> bool {
        self.lacks(name).is_none()
    }

    /// The first thing that a test needs and that is not at hand.
    #[must_use]
    pub fn lacks(self, name: TestName) -> Option<&'static str> {
        let text = (self.origin == Origin::Suspect, "text that the suspect wrote");
        let log_probs = (self.log_probs, "log-probs of the suspect");
        let reference = (self.reference, "a reference");
        let all = (true, "");
        let of_statistic = match name.statistic() {
            StatisticName::Count => [text, all],
            StatisticName::Score => [text, reference],
            StatisticName::OpenArgmax | StatisticName::OpenMass => [log_probs, all],
            StatisticName::OpenPaired => [log_probs, reference],
            _ => [(false, "weights"), all],
        };
        let of_filter = match name.filter() {
            Filter::Served => (self.served, "a log of what was served"),
            Filter::Familiar => (self.familiar, "familiar text"),
            _ => all,
        };
        let mut needed = of_statistic.into_iter().chain([of_filter]);
        needed.find(|(is_there, _)| !is_there).map(|(_, what)| what)
    }
}
