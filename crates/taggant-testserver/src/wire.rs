//! Requests and answers as JSON.

use serde_json::{Map, Value, json};
use taggant::sampling::SamplingParams;

use crate::student::{Draw, Settings};

/// Which call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Chat,
    Completions,
}

/// A request that was understood.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) model: String,
    /// The contents of all messages, a line each; or the prompt.
    pub(crate) prompt: String,
    /// `None` where no seed was given.
    pub(crate) seed: Option<u64>,
    /// With seed 0 where none was given.
    pub(crate) settings: Settings,
    pub(crate) wants_log_probs: bool,
}

impl Asked {
    /// Reads a body. The error is for the client.
    pub(crate) fn parse(call: Call, body: &[u8]) -> Result<Self, String> {
        let body: Value =
            serde_json::from_slice(body).map_err(|error| format!("the body is not valid JSON: {error}"))?;
        let wrong = |name: &str, expected: &str| format!("{name}: expected {expected}");
        let text =
            |value: &Value, name: &str| value.as_str().map(str::to_owned).ok_or(wrong(name, "a string"));
        let prompt = match call {
            Call::Completions => text(&body["prompt"], "prompt")?,
            Call::Chat => {
                let messages = body["messages"].as_array().ok_or(wrong("messages", "an array"))?;
                let contents = messages.iter().map(|message| text(&message["content"], "content"));
                contents.map(|content| Ok(content? + "\n")).collect::<Result<String, String>>()?
            }
        };
        let whole = |name: &str, most: u64| match &body[name] {
            Value::Null => Ok(None),
            value => match value.as_u64().filter(|number| *number <= most) {
                Some(number) => Ok(Some(number)),
                None => Err(wrong(name, &format!("a whole number up to {most}"))),
            },
        };
        let number = |name: &str| match &body[name] {
            Value::Null => Ok(1.0),
            value => value.as_f64().ok_or(wrong(name, "a number")),
        };
        let limits = [whole("max_completion_tokens", 1 << 20)?, whole("max_tokens", 1 << 20)?];
        let sampling = SamplingParams::default()
            .with_temperature(number("temperature")?)
            .and_then(|sampling| sampling.with_top_p(number("top_p").unwrap_or(1.0)))
            .map_err(|error| error.to_string())?;
        let (wants_log_probs, top) = match call {
            Call::Completions => {
                let top = whole("logprobs", 5)?;
                (top.is_some(), top)
            }
            Call::Chat => (body["logprobs"] == true, whole("top_logprobs", 20)?),
        };
        if body["stream"] == true {
            return Err("stream: this server does not stream".into());
        }
        if whole("n", 1)? == Some(0) {
            return Err(wrong("n", "1"));
        }
        let seed = whole("seed", u64::MAX)?;
        let max_tokens = limits[0].or(limits[1]).unwrap_or(DEFAULT_TOKENS);
        let (seed_or_0, top) = (seed.unwrap_or(0), top.unwrap_or(0) as usize);
        let settings = Settings { min_tokens: 0, max_tokens, sampling, seed: seed_or_0, top };
        Ok(Self { model: text(&body["model"], "model")?, prompt, seed, settings, wants_log_probs })
    }
}

/// An answer in the form of OpenAI.
pub(crate) fn answer(
    call: Call,
    asked: &Asked,
    draws: &[Draw],
    ended: bool,
    n_prompt: usize,
    usage: bool,
) -> String {
    let bytes: Vec<u8> = draws.iter().flat_map(|draw| &draw.bytes).copied().collect();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let finish_reason = if ended { "stop" } else { "length" };
    let log_probs = asked.wants_log_probs.then(|| match call {
        Call::Chat => chat_log_probs(draws),
        Call::Completions => completion_log_probs(draws, asked.settings.top > 0),
    });
    let (id, object, choice) = match call {
        Call::Chat => {
            let message = json!({"role": "assistant", "content": text, "refusal": null});
            ("chatcmpl-0", "chat.completion", json!({"index": 0, "message": message}))
        }
        Call::Completions => ("cmpl-0", "text_completion", json!({"index": 0, "text": text})),
    };
    let mut choice = choice;
    choice["logprobs"] = log_probs.into();
    choice["finish_reason"] = finish_reason.into();
    let mut body =
        json!({"id": id, "object": object, "created": 0, "model": asked.model, "choices": [choice]});
    if usage {
        let n = draws.len();
        body["usage"] =
            json!({"prompt_tokens": n_prompt, "completion_tokens": n, "total_tokens": n_prompt + n});
    }
    body.to_string()
}

fn chat_log_probs(draws: &[Draw]) -> Value {
    let entry = |bytes: &[u8], ln_p: f64| json!({"token": String::from_utf8_lossy(bytes), "logprob": ln_p, "bytes": bytes});
    let tokens = draws.iter().map(|draw| {
        let mut token = entry(&draw.bytes, draw.ln_p);
        token["top_logprobs"] = draw.top.iter().map(|(bytes, ln_p)| entry(bytes, *ln_p)).collect();
        token
    });
    json!({"content": tokens.collect::<Value>(), "refusal": null})
}

fn completion_log_probs(draws: &[Draw], has_top: bool) -> Value {
    let offsets = draws.iter().scan(0, |end, draw| {
        let start = *end;
        *end += draw.bytes.len();
        Some(start)
    });
    let top = draws.iter().map(|draw| {
        draw.top.iter().map(|(bytes, ln_p)| (spelled(bytes), json!(ln_p))).collect::<Map<String, Value>>()
    });
    json!({
        "tokens": draws.iter().map(|draw| spelled(&draw.bytes)).collect::<Vec<_>>(),
        "token_logprobs": draws.iter().map(|draw| draw.ln_p).collect::<Vec<_>>(),
        "top_logprobs": has_top.then(|| top.map(Value::Object).collect::<Vec<_>>()),
        "text_offset": offsets.collect::<Vec<usize>>(),
    })
}

/// A token as completions show it: its text, or `bytes:\x..` where it is none.
fn spelled(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().fold("bytes:".into(), |text, byte| text + &format!("\\x{byte:02x}")),
    }
}

/// Where a request sets no limit.
const DEFAULT_TOKENS: u64 = 16;
