//! A live, OpenAI-compatible endpoint: questions in, answers out, in the order of the questions.
//!
//! [`ask`] sends prompts to a server, several at once, and hands each [`Answer`] over in order, so that a caller can
//! stop at any answer, and stops at the same one when the run is repeated from its log. The log keeps every response
//! as it came; a run that is killed, cut off or out of budget goes on from it without asking twice.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use std::path::Path;
//! use taggant_audit::endpoint::{Api, ApiKey, Endpoint, Limits, Question, Sampling, ask};
//!
//! let key = ApiKey::new(std::env::var("SUSPECT_API_KEY")?)?;
//! let endpoint = Endpoint::new("https://api.example.com/v1", "suspect-7b", Api::Chat)?.with_key(key)?;
//! let questions = [Question { id: "1".into(), prompt: "Tell me of the sea.".into() }];
//! let limits = Limits { budget_tokens: Some(100_000), ..Limits::default() };
//! let summary = ask(
//!     &endpoint,
//!     &questions,
//!     &Sampling::default(),
//!     &limits,
//!     Path::new("suspect.log.jsonl"),
//!     &mut |answer| {
//!         println!("{}", answer.text);
//!         ControlFlow::Continue(())
//!     },
//!     &mut |note| eprintln!("{note}"),
//! )?;
//! println!("{} tokens", summary.tokens);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod answer;
mod error;
mod exchange;
mod key;
mod ledger;
mod limits;
mod log;
mod message;
mod pace;
mod reply;
mod run;
mod sampling;
mod summary;

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;

use hashbrown::HashSet;

use address::Address;
pub use answer::{Answer, TokenLogProb};
pub use error::Error;
use error::Kind;
pub use key::ApiKey;
pub use limits::Limits;
pub use sampling::{Api, LimitField, Sampling};
pub use summary::{End, Note, Summary};

/// A server and the model on it that is asked.
#[derive(Clone, Debug)]
pub struct Endpoint {
    address: Address,
    model: String,
    api: Api,
    key: Option<ApiKey>,
    proxy: Option<Proxy>,
}

impl Endpoint {
    /// The endpoint at a base URL such as `https://api.example.com/v1`, without a key.
    ///
    /// A URL without a path means `/v1`; one that ends in `/chat/completions` or `/completions` is taken without. The
    /// certificate of an https server is checked as the operating system does it; on Linux the environment variables
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name other roots.
    ///
    /// # Errors
    /// When it is no http or https URL, or one with a user, a password, a query or a fragment, which may be secrets and
    /// would end up in the log.
    pub fn new(url: &str, model: impl Into<String>, api: Api) -> Result<Self, Error> {
        Ok(Self { address: Address::parse(url)?, model: model.into(), api, key: None, proxy: None })
    }

    /// The same with an API key, sent as a bearer token.
    ///
    /// # Errors
    /// When the key would go unencrypted to another machine.
    pub fn with_key(self, key: ApiKey) -> Result<Self, Error> {
        if !self.address.is_encrypted && !self.address.is_this_machine {
            return Err(Kind::KeyInTheClear.into());
        }
        Ok(self.with_key_in_the_clear(key))
    }

    /// The same with an API key, even where everyone on the way can read it: for a server in a network that you trust.
    #[must_use]
    pub fn with_key_in_the_clear(self, key: ApiKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The same through an HTTP proxy such as `http://proxy.example.com:3128`. Without it there is none, whatever the
    /// environment says.
    ///
    /// # Errors
    /// When it is no URL of a proxy. The message does not show it, for it may hold a password.
    pub fn with_proxy(self, url: &str) -> Result<Self, Error> {
        let proxy = ureq::Proxy::new(url).map_err(|_| Kind::Proxy)?;
        Ok(Self { proxy: Some(Proxy(proxy)), ..self })
    }

    /// The base URL in the form in which logs and messages show it.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.address.as_str()
    }

    /// The model's name on that server.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Which call is used.
    #[must_use]
    pub fn api(&self) -> Api {
        self.api
    }

    fn url(&self) -> String {
        self.address.url(self.api)
    }
}

/// A proxy, whose URL may hold a password.
#[derive(Clone)]
struct Proxy(ureq::Proxy);

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxy(..)")
    }
}

/// A prompt and a name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// A name that no other question of the run has.
    pub id: String,
    /// The prompt. The same one may be asked under several ids.
    pub prompt: String,
}

/// Asks `questions` and hands over the answers, in the order of the questions.
///
/// `on_answer` runs on the calling thread. Answers that come early wait in the log, not in memory. When it breaks, no
/// further request is sent; answers under way are still waited for and kept in the log. `on_note` hears of failures and
/// of what an earlier run left.
///
/// # Order
///
/// Requests are sent in the order of the questions, at most four times [`Limits::concurrency`] ahead of what was
/// handed over. A question that fails, or that the budget of tokens does not reach any more, is passed over; once a later
/// run has its answer, it is handed over in its place.
/// So the answers up to any point, and with them a stop that depends on nothing else, are the same however often a run
/// is interrupted, as long as no question before it fails and no budget of tokens runs out.
///
/// # Budget
///
/// Before each request its limit of tokens is reserved. What the server counts (`usage.completion_tokens`) is then
/// spent; without a count, all of it. A request without an answer whose cost is not known counts in full: a time-out,
/// a connection that closed early, an answer that cannot be read, status 408 or 504, or a run that was killed meanwhile.
/// One that was refused (429, 500, 503, ...) or never sent costs nothing. So the sum of what the server may have
/// written is never above the budget, in any number of runs with one log, unless it writes more than it was asked for:
/// that is spent too, and said.
///
/// When less is left than a whole answer, the next question waits until all before it are settled and gets what is
/// left. What a question is clipped to therefore depends on the answers before it, not on what came when.
///
/// # Failures
///
/// Tried again, later and later: 429 and 5xx with their `Retry-After`, 408, no connection, time-outs, closed
/// connections, answers that cannot be read or hold an error. Any other status ends the run with the server's message;
/// 400, 413 and 422 only as long as there is no answer, for later they are about one question, which then fails.
/// Redirects are not followed.
///
/// # Log
///
/// JSON lines, described in `docs/formats.md`. The file is locked while it is in use, flushed to the disk before answers
/// are handed over, and only ever appended to; a last line that was cut off stays and is marked. It holds prompts,
/// answers and the URL, and never the key.
///
/// # Errors
/// When a setting is out of range or an id is there twice; when the log cannot be used, or is that of another endpoint,
/// model, sampling or list of questions; when the server refuses, asks for too long a wait, or fails too many questions
/// in a row (or all of them). After the start the error has a [`Summary`].
pub fn ask(
    endpoint: &Endpoint,
    questions: &[Question],
    sampling: &Sampling,
    limits: &Limits,
    log: &Path,
    on_answer: &mut dyn FnMut(&Answer) -> ControlFlow<()>,
    on_note: &mut dyn FnMut(&Note),
) -> Result<Summary, Error> {
    sampling.check(endpoint.api)?;
    limits.check()?;
    let mut ids = HashSet::with_capacity(questions.len());
    if let Some(twice) = questions.iter().position(|question| !ids.insert(&question.id)) {
        let found = format!("that of question {} again", twice + 1);
        return Err(Kind::Setting { name: "ids of questions", expected: "each of them once", found }.into());
    }
    run::run(run::Job { endpoint, questions, sampling, limits }, log, on_answer, on_note)
}
