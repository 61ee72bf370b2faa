//! What a question is sent with.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Question;
use super::error::{Error, Kind};

/// Which of the two calls of an OpenAI-compatible server is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// `/chat/completions`: the prompt is a user's message. What nearly every server offers.
    Chat,
    /// `/completions`: the model goes on where the prompt ends.
    Completions,
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
        })
    }
}

/// The name under which a request says how long its answer may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitField {
    /// `max_tokens`, which nearly every server knows.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`, which the reasoning models of OpenAI ask for instead.
    MaxCompletionTokens,
}

impl fmt::Display for LimitField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        })
    }
}

/// How answers are to be sampled. What is `None` is left out of the request, and the server's own default holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// The most tokens of one answer, at least 1.
    pub max_tokens: u64,
    /// The name of the field that says so.
    #[serde(default)]
    pub limit_field: LimitField,
    /// The temperature, 0 or more. Servers differ in their default; 1 is the model's own distribution.
    pub temperature: Option<f64>,
    /// Nucleus sampling: above 0, at most 1.
    pub top_p: Option<f64>,
    /// The seed of the first question. Question i is sent with `seed + i`, so that a prompt that is asked twice is
    /// answered twice. Some servers read 32 bits only.
    pub seed: Option<u64>,
    /// Ask for the log-probability of each token, and of as many of the most likely ones (OpenAI: up to 20 in chat, 5
    /// in completions). Servers may ignore it.
    pub top_logprobs: Option<u8>,
    /// A system message before each prompt; chat only.
    pub system: Option<String>,
}

impl Default for Sampling {
    /// 256 tokens at temperature 1.
    fn default() -> Self {
        Self {
            max_tokens: 256,
            limit_field: LimitField::MaxTokens,
            temperature: Some(1.0),
            top_p: None,
            seed: None,
            top_logprobs: None,
            system: None,
        }
    }
}

impl Sampling {
    pub(super) fn check(&self, api: Api) -> Result<(), Error> {
        let refuse = |name, expected, found: &dyn fmt::Display| {
            Err(Kind::Setting { name, expected, found: found.to_string() }.into())
        };
        if self.max_tokens == 0 {
            return refuse("max tokens", "at least 1", &0);
        }
        if let Some(temperature) = self.temperature.filter(|t| !(t.is_finite() && *t >= 0.0)) {
            return refuse("temperature", "0 or more", &temperature);
        }
        if let Some(top_p) = self.top_p.filter(|p| !(*p > 0.0 && *p <= 1.0)) {
            return refuse("top-p", "above 0 and at most 1", &top_p);
        }
        if self.system.is_some() && api == Api::Completions {
            return refuse("system message", "none, for completions have no messages", &"one");
        }
        Ok(())
    }

    /// The body of the request for question `index`, with its own limit of tokens.
    pub(super) fn body(
        &self,
        api: Api,
        model: &str,
        question: &Question,
        index: usize,
        max_tokens: u64,
    ) -> Vec<u8> {
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
        set("model", json!(model));
        match api {
            Api::Chat => {
                let system = self.system.iter().map(|text| json!({"role": "system", "content": text}));
                let user = json!({"role": "user", "content": question.prompt});
                set("messages", system.chain([user]).collect());
            }
            Api::Completions => {
                set("prompt", json!(question.prompt));
            }
        }
        set(&self.limit_field.to_string(), json!(max_tokens));
        if let Some(temperature) = self.temperature {
            set("temperature", json!(temperature));
        }
        if let Some(top_p) = self.top_p {
            set("top_p", json!(top_p));
        }
        if let Some(seed) = self.seed {
            set("seed", json!(seed.wrapping_add(index as u64)));
        }
        match (self.top_logprobs, api) {
            (None, _) => {}
            (Some(top), Api::Completions) => {
                set("logprobs", json!(top));
            }
            (Some(top), Api::Chat) => {
                set("logprobs", json!(true));
                set("top_logprobs", json!(top));
            }
        }
        set("stream", json!(false));
        Value::Object(body).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_body(sampling: &Sampling, api: Api, expected: &str) {
        let question = Question { id: "q".into(), prompt: "Once".into() };
        let body = sampling.body(api, "m", &question, 2, 5);
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn bodies_hold_what_was_asked_and_no_more() {
        let bare = Sampling { temperature: None, ..Sampling::default() };
        check_body(
            &bare,
            Api::Chat,
            r#"{"model":"m","messages":[{"role":"user","content":"Once"}],"max_tokens":5,"stream":false}"#,
        );
        check_body(&bare, Api::Completions, r#"{"model":"m","prompt":"Once","max_tokens":5,"stream":false}"#);
        let full = Sampling {
            limit_field: LimitField::MaxCompletionTokens,
            top_p: Some(0.5),
            seed: Some(7),
            top_logprobs: Some(3),
            system: Some("Be brief.".into()),
            ..Sampling::default()
        };
        check_body(
            &full,
            Api::Chat,
            r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Once"}],"max_completion_tokens":5,"temperature":1.0,"top_p":0.5,"seed":9,"logprobs":true,"top_logprobs":3,"stream":false}"#,
        );
        let lines = Sampling { top_logprobs: Some(0), ..bare };
        check_body(
            &lines,
            Api::Completions,
            r#"{"model":"m","prompt":"Once","max_tokens":5,"logprobs":0,"stream":false}"#,
        );
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let good = Sampling::default();
        assert!(good.check(Api::Chat).is_ok());
        for (bad, name) in [
            (Sampling { max_tokens: 0, ..good.clone() }, "max tokens"),
            (Sampling { temperature: Some(-0.1), ..good.clone() }, "temperature"),
            (Sampling { temperature: Some(f64::NAN), ..good.clone() }, "temperature"),
            (Sampling { top_p: Some(0.0), ..good.clone() }, "top-p"),
            (Sampling { top_p: Some(f64::INFINITY), ..good.clone() }, "top-p"),
            (Sampling { system: Some("hidden".into()), ..good.clone() }, "system message"),
        ] {
            let error = bad.check(Api::Completions).unwrap_err();
            assert!(error.is_misuse() && error.to_string().starts_with(name), "{error}");
            assert!(!error.to_string().contains("hidden"));
        }
    }
}
