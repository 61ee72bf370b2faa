//! One row of a corpus: text or tokens, an id, and what may come with them.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;
use taggant::TokenId;

use crate::documents::Options;
use crate::ln_row::LnRow;
use crate::log_probs::{parse_log_probs, without_bare_infinity};

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
    /// The field with the text of the prompt, a string; read where [`Options::prompts`](crate::Options::prompts)
    /// asks for it.
    pub prompt: String,
    /// The field with the tokens of the prompt, an array of ids; it wins when both are there.
    pub prompt_tokens: String,
    /// The field with the log-probs of each token, as [`Document::log_probs`](crate::Document::log_probs) has them;
    /// `None` reads none.
    pub log_probs: Option<String>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            text: "text".into(),
            tokens: "tokens".into(),
            id: "id".into(),
            weights: None,
            prompt: "prompt".into(),
            prompt_tokens: "prompt_tokens".into(),
            log_probs: None,
        }
    }
}

/// What a row holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    Tokens(Vec<TokenId>),
}

/// A row, and what it has besides its content.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: Option<String>,
    pub(crate) content: Content,
    pub(crate) weights: Option<Vec<f64>>,
    pub(crate) prompt: Option<Content>,
    pub(crate) log_probs: Option<Vec<Option<LnRow>>>,
}

/// Reads one line of jsonl. The message of an error is about the line and never shows its text.
pub(crate) fn parse(line: &str, options: &Options) -> Result<Row, String> {
    let fields = &options.fields;
    match parse_object(line) {
        Ok(object) => parse_fields(&object, options),
        Err(message) if fields.log_probs.is_some() => match without_bare_infinity(line) {
            Some(line) => parse_fields(&parse_object(&line)?, options),
            None => Err(message),
        },
        Err(message) => Err(message),
    }
}

type Object<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

fn parse_object(line: &str) -> Result<Object<'_>, String> {
    serde_json::from_str(line).map_err(|error| json_fault(&error))
}

fn parse_fields(object: &Object<'_>, options: &Options) -> Result<Row, String> {
    let fields = &options.fields;
    let field = |name: &str| object.get(name).copied().filter(|value| value.get() != "null");
    let content = |tokens_name: &str, text_name: &str| match (field(tokens_name), field(text_name)) {
        (Some(tokens), _) => {
            parse_tokens(tokens.get(), tokens_name).map(|tokens| Some(Content::Tokens(tokens)))
        }
        (None, Some(text)) => match serde_json::from_str(text.get()) {
            Ok(text) => Ok(Some(Content::Text(text))),
            Err(_) => Err(format!("field `{text_name}` is not a string")),
        },
        (None, None) => Ok(None),
    };
    let id = field(&fields.id).map(|value| id(value.get(), &fields.id)).transpose()?;
    let prompt = match options.prompts {
        true => content(&fields.prompt_tokens, &fields.prompt)?,
        false => None,
    };
    let weights = match &fields.weights {
        None => None,
        Some(name) => match field(name) {
            None => return Err(format!("expected a field `{name}` with a weight for each token")),
            Some(weights) => Some(parse_weights(weights.get(), name)?),
        },
    };
    let named = |name: &String| field(name).map(|value| parse_log_probs(value.get(), name, options.least_p));
    let log_probs = fields.log_probs.as_ref().and_then(named).transpose()?;
    match content(&fields.tokens, &fields.text)? {
        Some(content) => Ok(Row { id, content, weights, prompt, log_probs }),
        None => Err(format!("expected a field `{}` or `{}`, found neither", fields.text, fields.tokens)),
    }
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
        match (parse(line, &Options::default()), expected) {
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
        let options = Options { fields, ..Options::default() };
        let row = parse(r#"{"tokens": [1, 2], "w": [0.5, 3]}"#, &options).unwrap();
        assert_eq!(row.weights, Some(vec![0.5, 3.0]));
        assert_eq!(parse(r#"{"tokens": [1], "w": [1]}"#, &Options::default()).unwrap().weights, None);
        for wrong in [r#"{"tokens": [1]}"#, r#"{"tokens": [1], "w": "1"}"#, r#"{"tokens": [1], "w": [null]}"#]
        {
            assert!(parse(wrong, &options).unwrap_err().contains("`w`"), "{wrong}");
        }
    }

    #[test]
    fn ids_may_be_whole_numbers() {
        let row = parse(r#"{"id": 17, "tokens": [1]}"#, &Options::default()).unwrap();
        assert_eq!(row.id.as_deref(), Some("17"));
    }

    #[test]
    fn prompts_are_read_where_they_are_asked_for() {
        let asked = Options { prompts: true, ..Options::default() };
        let line = r#"{"tokens": [1], "prompt": ["no", "string"], "prompt_tokens": [4, 5]}"#;
        assert_eq!(parse(line, &asked).unwrap().prompt, Some(Content::Tokens(vec![4, 5])));
        assert_eq!(parse(line, &Options::default()).unwrap().prompt, None);
        let text = parse(r#"{"tokens": [1], "prompt": "a", "prompt_tokens": null}"#, &asked).unwrap();
        assert_eq!(text.prompt, Some(Content::Text("a".into())));
        assert_eq!(parse(r#"{"tokens": [1]}"#, &asked).unwrap().prompt, None);
        let message = parse(r#"{"tokens": [1], "prompt": [1]}"#, &asked).unwrap_err();
        assert_eq!(message, "field `prompt` is not a string");
        let message = parse(r#"{"tokens": [1], "prompt_tokens": [-1]}"#, &asked).unwrap_err();
        assert!(message.contains("field `prompt_tokens`, entry 0"), "{message}");
    }

    #[test]
    fn log_probs_are_read_where_they_are_asked_for_and_may_be_missing() {
        let line = r#"{"tokens": [1, 2], "text": "-Infinity", "l": [null, {"ids": [1, 2], "ln_p": [0, -Infinity]}]}"#;
        let fields = Fields { log_probs: Some("l".into()), ..Fields::default() };
        let options = Options { fields, ..Options::default() };
        let rows = parse(line, &options).unwrap().log_probs.unwrap();
        assert!(rows[0].is_none() && rows[1].as_ref().unwrap().ids() == [1]);
        assert_eq!(parse(r#"{"tokens": [1]}"#, &options).unwrap().log_probs, None);
        assert_eq!(parse(r#"{"tokens": [1], "l": 7}"#, &Options::default()).unwrap().log_probs, None);
        assert!(parse(line, &Options::default()).unwrap_err().contains("not valid JSON"));
        assert!(parse(r#"{"tokens": -Infinity}"#, &options).unwrap_err().contains("expected a field"));
    }
}
