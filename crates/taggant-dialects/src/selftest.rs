//! Golden vectors against this build.

use std::fmt::Display;

use serde_json::Value;

use crate::dialect::dialect;
use crate::error::{Error, Kind};

/// What a vector file had to say of this build.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The dialect that the file is about.
    pub dialect: String,
    /// How many cases it holds.
    pub n_cases: usize,
    /// How many cases differ somewhere.
    pub n_failed: usize,
    /// Every field of every case that differs.
    pub differences: Vec<(usize, String, Difference)>,
}

/// A field of a case that this build does not reproduce.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The field's path within the case.
    pub field: String,
    /// What the file says.
    pub expected: String,
    /// What this build says.
    pub found: String,
}

impl Difference {
    pub(crate) fn new(field: &str, expected: &dyn Display, found: &dyn Display) -> Self {
        Self { field: field.to_owned(), expected: expected.to_string(), found: found.to_string() }
    }
}

/// Checks every case of a vector file.
///
/// # Errors
/// When the text is not a vector file of schema 1, or is about a dialect that this build does not know.
pub fn check(text: &str) -> Result<Outcome, Error> {
    let invalid = |message: String| Kind::Vectors { message };
    let file: Value = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
    if file.get("schema") != Some(&Value::from(1)) {
        return Err(invalid("expected \"schema\": 1".into()).into());
    }
    let name = file.get("dialect").and_then(Value::as_str);
    let name = name.ok_or_else(|| invalid("expected a \"dialect\" beside \"schema\"".into()))?;
    let cases = file.get("cases").and_then(Value::as_array).filter(|cases| !cases.is_empty());
    let cases = cases.ok_or_else(|| invalid("expected a list of \"cases\"".into()))?;
    let dialect = dialect(name)?;

    let mut outcome =
        Outcome { dialect: name.to_owned(), n_cases: cases.len(), n_failed: 0, differences: Vec::new() };
    for (at, case) in cases.iter().enumerate() {
        let differences = dialect.check_case(case);
        outcome.n_failed += usize::from(!differences.is_empty());
        let why = case.get("why").and_then(Value::as_str).unwrap_or_default().to_owned();
        outcome.differences.extend(differences.into_iter().map(|difference| (at, why.clone(), difference)));
    }
    Ok(outcome)
}
