//! What a server answers, read from the body of its response.

use serde::Deserialize;
use serde_json::Value;

use super::Api;
use super::answer::TokenLogProb;
use super::message::{bounded, message_of};

/// What is read from a response.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) text: String,
    pub(super) finish_reason: Option<String>,
    pub(super) completion_tokens: Option<u64>,
    pub(super) log_probs: Option<Vec<TokenLogProb>>,
}

impl Reply {
    /// Reads the body of a response. Usage and log-probabilities that cannot be read are left out.
    ///
    /// # Errors
    /// What is wrong, in a line that holds none of the text.
    pub(super) fn parse(api: Api, body: &[u8]) -> Result<Self, String> {
        let body: Body = serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                format!(
                    "the answer is not of the form of OpenAI (line {}, column {})",
                    error.line(),
                    error.column()
                )
            }
            _ => format!("the answer of {} bytes is not valid JSON: {error}", body.len()),
        })?;
        let Some(choice) = body.choices.into_iter().next() else {
            return Err(match body.error {
                Some(error) => format!("an error for an answer: {}", bounded(&message_of(&error))),
                None => "the answer is not of the form of OpenAI: expected an entry in `choices`, found none"
                    .into(),
            });
        };
        let text = match (api, choice.message, choice.text) {
            (Api::Chat, Some(message), _) => message.content.map(Content::into_text),
            (Api::Completions, _, Some(text)) => Some(text),
            (Api::Chat, None, _) => {
                return Err(
                    "the answer is not of the form of OpenAI: expected a `message`, found none".into()
                );
            }
            (Api::Completions, _, None) => {
                return Err("the answer is not of the form of OpenAI: expected a `text`, found none".into());
            }
        };
        let log_probs = choice.logprobs.and_then(|value| match api {
            Api::Chat => serde_json::from_value(value).ok().and_then(ChatLogProbs::into_tokens),
            Api::Completions => serde_json::from_value(value).ok().and_then(CompletionLogProbs::into_tokens),
        });
        let text = text.unwrap_or_default();
        let counted = body.usage.as_ref().and_then(|usage| usage.get("completion_tokens")?.as_u64());
        Ok(Self {
            // Servers that do not count say 0.
            completion_tokens: counted.filter(|n| *n > 0 || text.is_empty()),
            text,
            finish_reason: choice.finish_reason,
            log_probs,
        })
    }
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Message>,
    text: Option<String>,
    finish_reason: Option<String>,
    logprobs: Option<Value>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<Content>,
}

/// A text, or parts of which some are text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

impl Content {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
        }
    }
}

#[derive(Deserialize)]
struct ChatLogProbs {
    content: Option<Vec<ChatToken>>,
}

#[derive(Deserialize)]
struct ChatToken {
    token: String,
    logprob: Option<f64>,
    bytes: Option<Vec<u8>>,
    #[serde(default)]
    top_logprobs: Vec<ChatToken>,
}

impl ChatLogProbs {
    fn into_tokens(self) -> Option<Vec<TokenLogProb>> {
        let tokens = self.content?.into_iter().map(|token| {
            let top =
                token.top_logprobs.into_iter().map(|top| (bytes(top.token, top.bytes), ln_p(top.logprob)));
            let top = top.collect();
            TokenLogProb { bytes: bytes(token.token, token.bytes), ln_p: ln_p(token.logprob), top }
        });
        Some(tokens.collect())
    }
}

#[derive(Deserialize)]
struct CompletionLogProbs {
    tokens: Vec<String>,
    token_logprobs: Vec<Option<f64>>,
    top_logprobs: Option<Vec<Option<serde_json::Map<String, Value>>>>,
}

impl CompletionLogProbs {
    fn into_tokens(self) -> Option<Vec<TokenLogProb>> {
        let n_tokens = self.tokens.len();
        let top = self.top_logprobs.unwrap_or_else(|| vec![None; n_tokens]);
        if self.token_logprobs.len() != n_tokens || top.len() != n_tokens {
            return None;
        }
        let tokens =
            self.tokens.into_iter().zip(self.token_logprobs).zip(top).map(|((token, logprob), top)| {
                let top = top.into_iter().flatten();
                let top = top.map(|(token, logprob)| (bytes(token, None), ln_p(logprob.as_f64()))).collect();
                TokenLogProb { bytes: bytes(token, None), ln_p: ln_p(logprob), top }
            });
        Some(tokens.collect())
    }
}

fn ln_p(logprob: Option<f64>) -> f64 {
    logprob.unwrap_or(f64::NEG_INFINITY)
}

fn bytes(token: String, bytes: Option<Vec<u8>>) -> Vec<u8> {
    bytes.or_else(|| spelled_out(&token)).unwrap_or_else(|| token.into_bytes())
}

/// The bytes of a token such as `bytes:\xe2\x80`, which is how completions show one that is no text.
fn spelled_out(token: &str) -> Option<Vec<u8>> {
    let digits = token.strip_prefix("bytes:\\x")?.split("\\x");
    digits.map(|two| u8::from_str_radix(two, 16).ok().filter(|_| two.len() == 2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8], ln_p: f64, top: &[(&[u8], f64)]) -> TokenLogProb {
        TokenLogProb { bytes: bytes.to_vec(), ln_p, top: top.iter().map(|(b, p)| (b.to_vec(), *p)).collect() }
    }

    #[test]
    fn chat_answers_are_read_with_their_log_probs() {
        let body = r#"{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"Hi \u00e9"},
            "logprobs":{"content":[
                {"token":"Hi","logprob":-0.5,"bytes":[72,105],"top_logprobs":[
                    {"token":"Hi","logprob":-0.5,"bytes":[72,105]},{"token":"A","logprob":-9999.0,"bytes":null}]},
                {"token":" \ufffd","logprob":null,"bytes":[32,195],"top_logprobs":[]},
                {"token":"x","logprob":-1,"bytes":[169]}]},
            "finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":3}}"#;
        let reply = Reply::parse(Api::Chat, body.as_bytes()).unwrap();
        let expected = vec![
            token(b"Hi", -0.5, &[(b"Hi", -0.5), (b"A", -9999.0)]),
            token(b" \xc3", f64::NEG_INFINITY, &[]),
            token(b"\xa9", -1.0, &[]),
        ];
        assert_eq!(reply.log_probs.as_deref(), Some(&*expected));
        assert_eq!((reply.text.as_str(), reply.finish_reason.as_deref()), ("Hi \u{e9}", Some("stop")));
        assert_eq!(reply.completion_tokens, Some(3));
        let answer = crate::endpoint::Answer {
            index: 0,
            question: "q".into(),
            prompt: String::new(),
            text: reply.text,
            finish_reason: None,
            completion_tokens: None,
            log_probs: reply.log_probs,
        };
        assert!(answer.is_aligned());
        assert!(!crate::endpoint::Answer { text: "Hi".into(), ..answer.clone() }.is_aligned());
        assert!(!crate::endpoint::Answer { log_probs: None, ..answer }.is_aligned());
    }

    #[test]
    fn completions_are_read_with_their_log_probs() {
        let body = r#"{"choices":[{"text":"a b","finish_reason":"length","logprobs":{
            "tokens":["a","bytes:\\xe2\\x80"],"token_logprobs":[null,-2.0],
            "top_logprobs":[null,{"bytes:\\xe2\\x80":-2.0," b":-0.1}],"text_offset":[0,1]}}]}"#;
        let reply = Reply::parse(Api::Completions, body.as_bytes()).unwrap();
        let expected = vec![
            token(b"a", f64::NEG_INFINITY, &[]),
            token(b"\xe2\x80", -2.0, &[(b"\xe2\x80", -2.0), (b" b", -0.1)]),
        ];
        assert_eq!(reply.log_probs, Some(expected));
        assert_eq!(reply.completion_tokens, None);
    }

    #[test]
    fn parts_that_cannot_be_read_are_left_out() {
        let check = |api, body: &str| Reply::parse(api, body.as_bytes()).unwrap();
        let reply = check(
            Api::Chat,
            r#"{"choices":[{"message":{"content":null},"logprobs":{"content":[{"token":3}]}}],"usage":{"completion_tokens":-1}}"#,
        );
        assert_eq!(
            reply,
            Reply { text: String::new(), finish_reason: None, completion_tokens: None, log_probs: None }
        );
        for logprobs in ["null", "[]", r#"{"tokens":["a"],"token_logprobs":[]}"#, r#"{"content":null}"#] {
            let body = format!(r#"{{"choices":[{{"text":"a","logprobs":{logprobs}}}],"usage":null}}"#);
            assert_eq!(check(Api::Completions, &body).log_probs, None, "{logprobs}");
        }
    }

    #[test]
    fn texts_in_parts_are_joined_and_a_count_of_nothing_is_none() {
        let body = r#"{"choices":[{"message":{"content":[{"type":"thinking","thinking":[]},{"type":"text","text":"a"},
            {"text":"b"}]}}],"usage":{"completion_tokens":0}}"#;
        let reply = Reply::parse(Api::Chat, body.as_bytes()).unwrap();
        assert_eq!((reply.text.as_str(), reply.completion_tokens), ("ab", None));
        let empty = r#"{"choices":[{"text":""}],"usage":{"completion_tokens":0}}"#;
        assert_eq!(Reply::parse(Api::Completions, empty.as_bytes()).unwrap().completion_tokens, Some(0));
    }

    #[test]
    fn what_is_no_answer_is_said_without_its_text() {
        let check = |api, body: &str, words: &str| {
            let message = Reply::parse(api, body.as_bytes()).unwrap_err();
            assert!(message.contains(words) && !message.contains("hidden"), "{body}: {message}");
        };
        check(Api::Chat, r#"{"choices":[{"message":{"content":"hidd"#, "of 39 bytes is not valid JSON: EOF");
        check(Api::Chat, "", "of 0 bytes is not valid JSON");
        check(Api::Chat, "<html>", "not valid JSON");
        check(Api::Chat, r#"{"choices":"hidden"}"#, "not of the form");
        check(Api::Chat, r#"{"choices":[{"message":{"content":["hidden"]}}]}"#, "not of the form");
        check(Api::Chat, r#"{"choices":[{"message":{"content":3}}]}"#, "not of the form");
        check(Api::Chat, "{}", "expected an entry in `choices`");
        check(Api::Chat, r#"{"error":{"message":"over\nloaded"}}"#, "an error for an answer: over loaded");
        check(Api::Chat, r#"{"choices":[{"text":"hidden"}]}"#, "expected a `message`");
        check(Api::Completions, r#"{"choices":[{"message":{"content":"hidden"}}]}"#, "expected a `text`");
        check(Api::Chat, &"[".repeat(100_000), "not");
    }
}
