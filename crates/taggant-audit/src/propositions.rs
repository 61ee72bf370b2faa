//! What would be expected on either side of the question.

use taggant_verify::TestName;
use taggant_verify::audit_result::{Origin, Propositions};
use taggant_verify::test_name::StatisticName;

/// The two propositions that a test speaks about, in words.
pub(crate) fn propositions(decides: TestName, origin: Origin) -> Propositions {
    let seen = match decides.statistic() {
        StatisticName::Count => "the suspect writes high-scoring tokens more often than chance",
        StatisticName::Score => {
            "the suspect writes high-scoring tokens more often than the reference expects"
        }
        StatisticName::OpenArgmax => "the suspect's likeliest tokens score higher than chance",
        StatisticName::OpenMass => "the suspect expects high-scoring tokens more than chance",
        _ => "the suspect expects high-scoring tokens more than the reference does",
    };
    let text = match origin {
        Origin::Suspect => "",
        Origin::KeyFree => " on text that no key had a part in",
        Origin::Marked => " on text that may carry the mark, at contexts that come for the first time",
    };
    Propositions {
        learned: format!(
            "if what the suspect was trained on carried this key's mark, {seen}{text}; by which path it came to be trained on \
             that, it does not say"
        ),
        not_learned: "if the suspect and its training had nothing to do with this key, the scores are fair draws whatever the \
                      suspect is, and p falls below alpha with a chance of at most alpha"
            .into(),
    }
}
