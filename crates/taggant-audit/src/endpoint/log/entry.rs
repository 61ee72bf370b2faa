//! The lines of a log.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::endpoint::{Api, Endpoint, Question, Sampling};

/// The first line: what the log is bound to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::endpoint) struct Header {
    /// The version of this format.
    taggant_endpoint_log: u32,
    url: String,
    model: String,
    api: Api,
    sampling: Sampling,
    questions: u64,
    questions_sha256: String,
}

impl Header {
    pub(in crate::endpoint) fn new(endpoint: &Endpoint, questions: &[Question], sampling: &Sampling) -> Self {
        Self {
            taggant_endpoint_log: VERSION,
            url: endpoint.address.as_str().to_owned(),
            model: endpoint.model.clone(),
            api: endpoint.api,
            sampling: sampling.clone(),
            questions: questions.len() as u64,
            questions_sha256: digest(questions),
        }
    }

    /// What differs from the header of another run: of the log first, then of this run.
    pub(super) fn difference(&self, run: &Self) -> Option<String> {
        let differ = |name: &str, log: &dyn std::fmt::Display, run: &dyn std::fmt::Display| {
            let (log, run) = (log.to_string(), run.to_string());
            (log != run).then(|| format!("{name} {log} there, {run} here"))
        };
        let number = |value: Option<f64>| value.map_or("unset".to_owned(), |value| value.to_string());
        let whole = |value: Option<u64>| value.map_or("unset".to_owned(), |value| value.to_string());
        let (old, new) = (&self.sampling, &run.sampling);
        let differences = [
            differ("format version", &self.taggant_endpoint_log, &run.taggant_endpoint_log),
            differ("endpoint", &self.url, &run.url),
            differ("model", &format_args!("{:?}", self.model), &format_args!("{:?}", run.model)),
            differ("API", &self.api, &run.api),
            differ("max tokens", &old.max_tokens, &new.max_tokens),
            differ("name of the limit", &old.limit_field, &new.limit_field),
            differ("temperature", &number(old.temperature), &number(new.temperature)),
            differ("top-p", &number(old.top_p), &number(new.top_p)),
            differ("seed", &whole(old.seed), &whole(new.seed)),
            differ(
                "top log-probs",
                &whole(old.top_logprobs.map(u64::from)),
                &whole(new.top_logprobs.map(u64::from)),
            ),
            (old.system != new.system).then(|| "another system message".to_owned()),
            differ("questions", &self.questions, &run.questions),
            (self.questions == run.questions && self.questions_sha256 != run.questions_sha256).then(|| {
                let digests =
                    [&self.questions_sha256, &run.questions_sha256].map(|hex| hex.get(..16).unwrap_or(hex));
                format!(
                    "other questions, or in another order (SHA-256 {}... there, {}... here)",
                    digests[0], digests[1]
                )
            }),
        ];
        let differences: Vec<String> = differences.into_iter().flatten().collect();
        (!differences.is_empty()).then(|| differences.join("; "))
    }
}

/// Every later line. `index` is the place of the question in the list, `attempt` counts its requests over all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::endpoint) enum Entry<'a> {
    /// A request is about to be sent. Without a line on what came of it the whole limit counts as spent.
    Sent { question: Cow<'a, str>, index: u64, attempt: u32, max_tokens: u64, unix_seconds: u64 },
    /// An answer, with the body of the response as it came.
    Answer {
        question: Cow<'a, str>,
        index: u64,
        attempt: u32,
        status: u16,
        max_tokens: u64,
        tokens_spent: u64,
        unix_seconds: u64,
        prompt: Cow<'a, str>,
        body: Cow<'a, str>,
    },
    /// No answer, and why.
    NoAnswer {
        question: Cow<'a, str>,
        index: u64,
        attempt: u32,
        status: Option<u16>,
        tokens_spent: u64,
        why: Cow<'a, str>,
    },
    /// The retries of a question are used up for this run.
    Failed { question: Cow<'a, str>, index: u64, attempts: u32 },
    /// The lines right before this one, from `first_line` on, were cut off by a kill.
    SetAside { first_line: u64, bytes: u64 },
}

/// SHA-256 over id and prompt of each question in order, each after its length in bytes (64 bits, little-endian).
fn digest(questions: &[Question]) -> String {
    let mut hash = Sha256::new();
    for text in questions.iter().flat_map(|question| [&question.id, &question.prompt]) {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

const VERSION: u32 = 1;
