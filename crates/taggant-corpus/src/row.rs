//! One row of a corpus: text or tokens, and an id.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;
use taggant::TokenId;

/// The names of the fields that are read; all others are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The field with the text, a string.
    pub text: String,
    /// The field with the tokens, an array of ids; it wins when both are there.
    pub tokens: String,
    /// The field with the id, a string or a whole number.
    pub id: String,
    /// The field with a weight for each token, an array of numbers; `None` reads none.
    pub weights: Option<String>,
}

impl Default for Fields {
    fn default() -> Self {
        Self { text: "text".into(), tokens: "tokens".into(), id: "id".into(), weights: None }
    }
}

/// What a row holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    Tokens(Vec<TokenId>),
}

/// A row and its id, if it has one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: Option<String>,
    pub(crate) content: Content,
    pub(crate) weights: Option<Vec<f64>>,
}

/// Reads one line of jsonl. The message of an error is about the line and never shows its text.
pub(crate) fn parse(line: &str, fields: &Fields) -> Result<Row, String> {
    let object: HashMap<Cow<'_, str>, &RawValue> =
        serde_json::from_str(line).map_err(|error| json_fault(&error))?;
    let field = |name: &str| object.get(name).copied().filter(|value| value.get() != "null");
    let id = field(&fields.id).map(|value| id(value.get(), &fields.id)).transpose()?;
    let content = match (field(&fields.tokens), field(&fields.text)) {
        (Some(tokens), _) => Content::Tokens(parse_tokens(tokens.get(), &fields.tokens)?),
        (None, Some(text)) => {
            let text = serde_json::from_str(text.get());
            Content::Text(text.map_err(|_| format!("field `{}` is not a string", fields.text))?)
        }
        (None, None) => {
            return Err(format!("expected a field `{}` or `{}`, found neither", fields.text, fields.tokens));
        }
    };
    let weights = match &fields.weights {
        None => None,
        Some(name) => match field(name) {
            None => return Err(format!("expected a field `{name}` with a weight for each token")),
            Some(weights) => Some(parse_weights(weights.get(), name)?),
        },
    };
    Ok(Row { id, content, weights })
}

fn parse_weights(json: &str, field: &str) -> Result<Vec<f64>, String> {
    serde_json::from_str(json).map_err(|_| format!("field `{field}` is not an array of numbers"))
}

fn id(json: &str, field: &str) -> Result<String, String> {
    match serde_json::from_str(json) {
        Ok(Value::String(id)) => Ok(id),
        Ok(Value::Number(id)) if !id.is_f64() => Ok(id.to_string()),
        _ => Err(format!("field `{field}` is neither a string nor a whole number")),
    }
}

fn parse_tokens(json: &str, field: &str) -> Result<Vec<TokenId>, String> {
    if let Ok(tokens) = serde_json::from_str(json) {
        return Ok(tokens);
    }
    // Something is off: look again, slowly, to say what.
    let Ok(values) = serde_json::from_str::<Vec<&RawValue>>(json) else {
        return Err(format!("field `{field}` is not an array of token ids"));
    };
    let is_bad = |value: &&RawValue| serde_json::from_str::<TokenId>(value.get()).is_err();
    let at = values.iter().position(is_bad).unwrap_or_default();
    let found: String = values.get(at).map_or("", |value| value.get()).chars().take(24).collect();
    let is_number = found.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let found = if is_number { format!(", found {found}") } else { String::new() };
    Err(format!("field `{field}`, entry {at}: expected a token id from 0 to {}{found}", TokenId::MAX))
}

/// What JSON says is wrong, without the position in a line that is the file's, not ours.
fn json_fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    match error.classify() {
        serde_json::error::Category::Data => "expected a JSON object".into(),
        _ => format!("not valid JSON: {what} (column {})", error.column()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Result<Content, &str>) {
        match (parse(line, &Fields::default()), expected) {
            (Ok(row), Ok(content)) => assert_eq!(row.content, content, "{line}"),
            (Err(message), Err(words)) => assert!(message.contains(words), "{line}: {message:?}"),
            (found, _) => panic!("{line}: {found:?}"),
        }
    }

    #[test]
    fn rows_are_read_or_refused_in_one_line() {
        let tokens = |ids: &[u32]| Ok(Content::Tokens(ids.to_vec()));
        check(r#"{"tokens": [1, 4294967295]}"#, tokens(&[1, u32::MAX]));
        check(r#"{"tokens": []}"#, tokens(&[]));
        check(r#"{"tokens": [1], "text": "both"}"#, tokens(&[1]));
        check(r#"{"tokens": null, "text": "a\u00e9"}"#, Ok(Content::Text("a\u{e9}".into())));
        check(r#"{"text": "x", "prompt": "never read", "other": {"a": [1]}}"#, Ok(Content::Text("x".into())));
        check(
            r#"{"tokens": [1, 2, 4294967296]}"#,
            Err("entry 2: expected a token id from 0 to 4294967295, found 4294967296"),
        );
        check(r#"{"tokens": [1, -2]}"#, Err("entry 1"));
        check(r#"{"tokens": [1.5]}"#, Err("entry 0"));
        check(r#"{"tokens": ["secret text"]}"#, Err("entry 0: expected a token id from 0 to 4294967295"));
        check(r#"{"tokens": "1 2"}"#, Err("not an array"));
        check(r#"{"text": 3}"#, Err("not a string"));
        check(r#"{"id": "a"}"#, Err("`text` or `tokens`"));
        check(r#"{"id": [1], "text": "x"}"#, Err("`id`"));
        check(r#"[1]"#, Err("expected a JSON object"));
        check(r#"{"text": "x""#, Err("not valid JSON"));
        check("", Err("not valid JSON"));
    }

    #[test]
    fn weights_are_read_where_they_are_asked_for() {
        let fields = Fields { weights: Some("w".into()), ..Fields::default() };
        let row = parse(r#"{"tokens": [1, 2], "w": [0.5, 3]}"#, &fields).unwrap();
        assert_eq!(row.weights, Some(vec![0.5, 3.0]));
        assert_eq!(parse(r#"{"tokens": [1], "w": [1]}"#, &Fields::default()).unwrap().weights, None);
        for wrong in [r#"{"tokens": [1]}"#, r#"{"tokens": [1], "w": "1"}"#, r#"{"tokens": [1], "w": [null]}"#]
        {
            assert!(parse(wrong, &fields).unwrap_err().contains("`w`"), "{wrong}");
        }
    }

    #[test]
    fn ids_may_be_whole_numbers() {
        let row = parse(r#"{"id": 17, "tokens": [1]}"#, &Fields::default()).unwrap();
        assert_eq!(row.id.as_deref(), Some("17"));
    }
}
