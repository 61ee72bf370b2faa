//! What a server says when it does not answer, brought into one line.

use serde_json::Value;

/// The server's words, wherever its kind of server puts them.
pub(super) fn message(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => bounded(&message_of(&value)),
        Err(_) => bounded(&String::from_utf8_lossy(body)),
    }
}

pub(super) fn message_of(value: &Value) -> String {
    let mut inner = value;
    // {"error": {"message": ...}} of OpenAI, {"message": ...} of others, {"detail": ...} of FastAPI.
    while let Some(next) = ["error", "message", "detail"].iter().find_map(|name| inner.get(name)) {
        inner = next;
    }
    match inner {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// At most [`LONGEST_MESSAGE`] characters in one line, none of which moves a terminal's cursor.
pub(super) fn bounded(message: &str) -> String {
    let mut line = String::new();
    for (n, word) in message.split(|c: char| c.is_whitespace() || c.is_control()).enumerate() {
        if n > 0 && !word.is_empty() && !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > 4 * LONGEST_MESSAGE {
            break;
        }
    }
    match line.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// In characters.
const LONGEST_MESSAGE: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_servers_are_found_and_bounded() {
        let check = |body: &str, expected: &str| assert_eq!(message(body.as_bytes()), expected, "{body}");
        check(r#"{"error":{"message":"no such model","code":null}}"#, "no such model");
        check(r#"{"object":"error","message":"too long"}"#, "too long");
        check(r#"{"detail":"Not Found"}"#, "Not Found");
        check(r#"{"detail":[{"msg":"field required"}]}"#, r#"[{"msg":"field required"}]"#);
        check("  plain\r\n\ttext\u{1b}[31m ", "plain text [31m");
        check("", "");
        let long = message("\u{e9}".repeat(1000).as_bytes());
        assert_eq!(long.chars().count(), LONGEST_MESSAGE + 3);
        assert!(message(&[0xff; 5000]).chars().count() <= LONGEST_MESSAGE + 3);
    }
}
