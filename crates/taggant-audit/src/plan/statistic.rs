//! The deciding test in a plan's JSON: by the name that it has in a report.

use serde::{Deserialize, Deserializer, Serializer, de};
use taggant_verify::TestName;

use crate::document::quoted;
use crate::error::{Error, Kind};
use crate::plan::DOCUMENT;

/// Refuses a test that no audit makes.
pub(crate) fn check(name: TestName) -> Result<(), Error> {
    if is_of_audits(name) { Ok(()) } else { Err(refused(&name.to_string())) }
}

pub(crate) fn serialize<S: Serializer>(name: &TestName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TestName, D::Error> {
    let text = String::deserialize(deserializer)?;
    let name = text.parse().ok().filter(|name| is_of_audits(*name));
    name.ok_or_else(|| de::Error::custom(refused(&text)))
}

/// Weights come with a text and not with an audit.
fn is_of_audits(name: TestName) -> bool {
    name != TestName::WEIGHTED && TestName::ALL.contains(&name)
}

fn refused(found: &str) -> Error {
    Kind::Field {
        document: DOCUMENT,
        field: "statistic".into(),
        expected: "count or score, alone or with -served or -familiar, open-argmax, open-mass or open-paired",
        found: quoted(found),
    }
    .into()
}
