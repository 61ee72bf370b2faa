//! JSON documents with a schema version, as plans and cohorts are: read strictly, written canonically.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, Kind};

/// Reads a document of at most `max` bytes whose `schema_version` is `version`.
pub(crate) fn read<T: DeserializeOwned>(
    bytes: &[u8],
    document: &'static str,
    version: u64,
    max: usize,
) -> Result<T, Error> {
    if bytes.len() > max {
        return Err(Kind::Size { document, max }.into());
    }
    let refused = |error: serde_json::Error| Kind::Json { document, message: one_line(&error.to_string()) };
    // First the version alone: of another one, unknown fields are no news.
    let Header { schema_version: found } = serde_json::from_slice(bytes).map_err(refused)?;
    if found != version {
        return Err(Kind::SchemaVersion { document, expected: version, found }.into());
    }
    Ok(serde_json::from_slice(bytes).map_err(refused)?)
}

/// Canonical JSON (RFC 8785).
///
/// # Panics
/// Never for values that hold strings and finite numbers.
pub(crate) fn canonical(value: &impl Serialize) -> String {
    serde_json_canonicalizer::to_string(value).expect("a document holds strings and finite numbers")
}

/// For fields that may be null and must be there: serde takes a missing one for null.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// A value for a message: quoted, on one line, not longer than a glance.
pub(crate) fn quoted(text: &str) -> String {
    let mut start: String = text.chars().take(SHOWN).collect();
    if start.len() < text.len() {
        start.push_str("...");
    }
    format!("{start:?}")
}

/// serde's message without the value that it did not expect, which may be anything, and on one line.
fn one_line(message: &str) -> String {
    let message = match message.split_once(", expected ") {
        Some((_, expected)) if message.starts_with("invalid ") => &format!("expected {expected}"),
        _ => message,
    };
    let line: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // The end says where.
    let place = line.rfind(" at line ").unwrap_or(line.len());
    match line.char_indices().nth(2 * SHOWN) {
        Some((cut, _)) if place > cut => format!("{}...{}", &line[..cut], &line[place..]),
        _ => line,
    }
}

/// The largest whole number that canonical JSON, whose numbers are doubles, tells from its neighbours: 2^53.
pub(crate) const MAX_WHOLE: u64 = 1 << 53;

/// Characters of a value that a message shows.
const SHOWN: usize = 80;

/// What every document has, whatever else its version holds.
#[derive(Deserialize)]
struct Header {
    schema_version: u64,
}
