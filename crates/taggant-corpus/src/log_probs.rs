//! Log-probs in a row of jsonl: an array with null, a list of the most likely tokens, or a whole row for each token.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use taggant::TokenId;

use crate::ln_row::LnRow;

/// One entry that is not null.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    ids: Option<&'a RawValue>,
    #[serde(borrow)]
    ln_p: &'a RawValue,
}

/// A natural logarithm; null and `"-Infinity"` stand for minus infinity, which JSON has no number for.
#[derive(Deserialize)]
#[serde(untagged)]
enum LnP<'a> {
    Number(f32),
    Null(()),
    #[serde(borrow)]
    Name(Cow<'a, str>),
}

/// Reads the log-probs of one row of a corpus. Entries of whole rows below `least_p` are dropped here already. The
/// message of an error names the entry and never shows its text.
pub(crate) fn parse_log_probs(json: &str, field: &str, least_p: f64) -> Result<Vec<Option<LnRow>>, String> {
    let entries: Vec<Option<&RawValue>> = serde_json::from_str(json)
        .map_err(|_| format!("field `{field}` is not an array of null and log-probs"))?;
    let parse = |(i, entry): (usize, Option<&RawValue>)| match entry {
        None => Ok(None),
        Some(entry) => parse_entry(entry.get(), least_p)
            .map(Some)
            .map_err(|message| format!("field `{field}`, entry {i}: {message}")),
    };
    entries.into_iter().enumerate().map(parse).collect()
}

fn parse_entry(json: &str, least_p: f64) -> Result<LnRow, String> {
    let entry: Entry<'_> = serde_json::from_str(json)
        .map_err(|_| "expected null, or an object with `ln_p` and, of a list, `ids`".to_owned())?;
    let ln_p = parse_ln_p(entry.ln_p.get())?;
    match entry.ids {
        None => Ok(LnRow::whole(ln_p)?.without_below(least_p)),
        Some(ids) => {
            let ids: Vec<TokenId> = serde_json::from_str(ids.get())
                .map_err(|_| format!("`ids` is not an array of token ids from 0 to {}", TokenId::MAX))?;
            LnRow::listed(ids, ln_p)
        }
    }
}

fn parse_ln_p(json: &str) -> Result<Vec<f32>, String> {
    // Plain numbers first: a whole row has as many as the vocabulary.
    if let Ok(ln_p) = serde_json::from_str(json) {
        return Ok(ln_p);
    }
    let values: Vec<&RawValue> =
        serde_json::from_str(json).map_err(|_| "`ln_p` is not an array of numbers".to_owned())?;
    let number = |(i, value): (usize, &RawValue)| match serde_json::from_str(value.get()) {
        Ok(LnP::Number(ln_p)) => Ok(ln_p),
        Ok(LnP::Null(())) => Ok(f32::NEG_INFINITY),
        Ok(LnP::Name(name)) if name == "-Infinity" => Ok(f32::NEG_INFINITY),
        _ => Err(format!("`ln_p` {i} is not a number, null or \"-Infinity\"")),
    };
    values.into_iter().enumerate().map(number).collect()
}

/// The same line where `-Infinity` outside of strings, which Python writes and JSON does not know, is null; `None`
/// if there is none.
pub(crate) fn without_bare_infinity(line: &str) -> Option<String> {
    let (mut found, mut is_string, mut is_escaped) = (Vec::new(), false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_string,
            b'"' => is_string = !is_string,
            b'-' if !is_string && line[at..].starts_with(BARE) => found.push(at),
            _ => {}
        }
    }
    let mut line = line.to_owned();
    for &at in &found {
        // As long as what it stands for: columns in messages stay right.
        line.replace_range(at..at + BARE.len(), "null     ");
    }
    (!found.is_empty()).then_some(line)
}

const BARE: &str = "-Infinity";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Result<&[Option<&[TokenId]>], &str>) {
        match (parse_log_probs(json, "l", 0.0), expected) {
            (Ok(rows), Ok(expected)) => {
                let ids: Vec<Option<&[TokenId]>> =
                    rows.iter().map(|row| row.as_ref().map(LnRow::ids)).collect();
                assert_eq!(ids, expected, "{json}");
            }
            (Err(message), Err(words)) => {
                assert!(message.contains(words) && !message.contains("hunter2"), "{json}: {message}");
            }
            (found, _) => panic!("{json}: {found:?}"),
        }
    }

    #[test]
    fn entries_are_null_lists_or_whole_rows() {
        check("[]", Ok(&[]));
        check(r#"[null, {"ids": [7, 3], "ln_p": [-1, -2.5]}]"#, Ok(&[None, Some(&[3, 7])]));
        check(r#"[{"ln_p": [-0.6931472, -0.6931472], "more": "hunter2"}]"#, Ok(&[Some(&[0, 1])]));
        check(r#"[{"ids": null, "ln_p": [null, 0, "-Infinity"]}]"#, Ok(&[Some(&[1])]));
        check(r#"[{"ids": [5, 6], "ln_p": [-0.1, -9999]}]"#, Ok(&[Some(&[5])]));
    }

    #[test]
    fn faults_name_the_entry_and_never_the_text() {
        check(r#""hunter2""#, Err("field `l` is not an array"));
        check(r#"[null, "hunter2"]"#, Err("field `l`, entry 1: expected null, or an object"));
        check(r#"[{"ids": [1]}]"#, Err("entry 0: expected null, or an object with `ln_p`"));
        check(r#"[{"ids": ["hunter2"], "ln_p": [-1]}]"#, Err("entry 0: `ids` is not an array of token ids"));
        check(r#"[{"ids": [-1], "ln_p": [-1]}]"#, Err("`ids` is not an array of token ids from 0 to"));
        check(r#"[{"ids": [1], "ln_p": ["hunter2"]}]"#, Err("`ln_p` 0 is not a number"));
        check(r#"[{"ids": [1], "ln_p": 3}]"#, Err("`ln_p` is not an array of numbers"));
        check(r#"[{"ids": [1, 2], "ln_p": [-1]}]"#, Err("entry 0: 2 ids and 1 log-probabilities"));
        check(
            r#"[null, null, {"ids": [1], "ln_p": [0.5]}]"#,
            Err("entry 2: log-probability 0: expected a natural"),
        );
        check(r#"[{"ln_p": [-3, -3]}]"#, Err("entry 0: the probabilities of a whole row sum to 0.099574"));
    }

    #[test]
    fn infinity_is_null_outside_of_strings_alone() {
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(without_bare_infinity(line).as_deref(), expected, "{line}");
        };
        check(r#"{"a": -Infinity}"#, Some(r#"{"a": null     }"#));
        check(r#"[-1, "\"-Infinity"]"#, None);
        check(r#"["\\", -Infinity, "é-Infinity"]"#, Some(r#"["\\", null     , "é-Infinity"]"#));
        check("", None);
    }
}
