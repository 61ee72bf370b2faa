//! What a plan fixes.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};
use taggant_verify::TestName;
use taggant_verify::audit_result::{Origin, ReferenceKind};

use crate::digest::Digest;
use crate::document::present;
use crate::endpoint::Api;
use crate::plan::file::{PlannedFile, Role};
use crate::plan::reading::Reading;
use crate::plan::statistic;

/// The version of the JSON.
pub const SCHEMA_VERSION: u64 = 1;

/// Everything that a plan fixes. In JSON every key is present, null where it does not apply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u64,
    /// The program and its version, as in the report: another version may give other numbers.
    pub tool: String,
    /// The dialect's name.
    pub dialect: String,
    /// SHA-256 of the profile's canonical JSON.
    pub profile_digest: Digest,
    /// The keys to be tested, at least one, no two alike.
    pub keys: Vec<PlannedKey>,
    /// The test that the verdict rests on. Others may be shown beside it.
    #[serde(with = "statistic")]
    pub statistic: TestName,
    /// Where the tokens come from at which the suspect is looked at.
    pub origin: Origin,
    /// The references, ranked by the likelihood that they give the suspect's text: their order here is none. None, with
    /// files of references to come, leaves open which.
    pub references: Vec<PlannedReference>,
    /// Every filter that some test of the run uses.
    pub filters: BTreeSet<Filter>,
    /// The level of the verdict, above 0 and below 1.
    pub alpha: f64,
    /// The effect that `no-evidence` must have been able to see, in standard deviations of one value.
    pub min_effect: f64,
    /// How many runs share alpha, this one included.
    pub hypotheses: NonZeroU64,
    /// How many decoys check the null; 0 for none.
    pub decoys: u64,
    /// How many simulated keys picture it; 0 for none.
    pub columns: u64,
    /// Whether queries end as soon as the e-process reaches 1 / alpha.
    pub sequential: bool,
    /// What may be asked of the suspect.
    pub budget: Budget,
    /// The live suspect and how it is sampled; null if its answers come from files.
    #[serde(deserialize_with = "present")]
    pub endpoint: Option<Endpoint>,
    /// The level of the permutation p of cohorts; null without cohorts.
    #[serde(deserialize_with = "present")]
    pub cohort_level: Option<f64>,
    /// How files are read.
    pub reading: Reading,
    /// The files that exist.
    pub files: Vec<PlannedFile>,
    /// The roles whose files do not exist yet: any are accepted later, and the report gives their digests.
    pub to_come: BTreeSet<Role>,
}

/// A key to be tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedKey {
    /// Its public id, 16 hexadecimal digits.
    pub key_id: String,
    /// The cohort whose key it is; null without cohorts.
    #[serde(deserialize_with = "present")]
    pub cohort: Option<String>,
    /// SHA-256 of the canonical JSON of its profile, where that is not the plan's; else null.
    #[serde(deserialize_with = "present")]
    pub profile_digest: Option<Digest>,
    /// The commitment to this key and the profile; null if there is none.
    #[serde(deserialize_with = "present")]
    pub commitment: Option<Digest>,
    /// Where and when the commitment was published, in the auditor's words; null if it was not. Nothing checks it.
    #[serde(deserialize_with = "present")]
    pub published: Option<String>,
}

/// A model that predicts what an unmarked suspect would have written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedReference {
    /// What the report calls it: a file's name, without folders.
    pub name: String,
    /// Where its probabilities come from.
    pub kind: ReferenceKind,
}

/// What leaves contexts out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Filter {
    /// Only contexts that occur in output that was really given out.
    Served,
    /// Only contexts that occur in unmarked text of the same teacher.
    Familiar,
    /// Windows that occur in any prompt of the audit are left out of all answers.
    Prompts,
}

/// What may be asked of the suspect; null where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Tokens of answers.
    #[serde(deserialize_with = "present")]
    pub tokens: Option<u64>,
    /// Queries.
    #[serde(deserialize_with = "present")]
    pub queries: Option<u64>,
}

/// A live suspect and how it is sampled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The base URL: http or https, without user, query or fragment, where secrets could stand.
    pub url: String,
    /// The name of the model there.
    pub model: String,
    /// Which of the server's calls is used.
    pub api: Api,
    /// The longest answer, in tokens.
    pub max_tokens: u64,
    /// The temperature, at least 0; null for the server's default.
    #[serde(deserialize_with = "present")]
    pub temperature: Option<f64>,
    /// The nucleus, above 0 and at most 1; null for the server's default.
    #[serde(deserialize_with = "present")]
    pub top_p: Option<f64>,
    /// The seed that the first question is sent with, one more for each later one; null for none.
    #[serde(deserialize_with = "present")]
    pub seed: Option<u64>,
    /// How many log-probs are asked for at each token; null for none.
    #[serde(deserialize_with = "present")]
    pub top_logprobs: Option<u8>,
}

impl Terms {
    /// The files of one role, in the order of the plan.
    pub fn files_of(&self, role: Role) -> impl Iterator<Item = &PlannedFile> {
        self.files.iter().filter(move |file| file.role == role)
    }
}
