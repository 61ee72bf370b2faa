//! One request and what comes of it.

use std::io::{self, ErrorKind, Read};
use std::time::{Duration, SystemTime};

use ureq::Agent;
use ureq::http::{HeaderMap, Response};

use super::limits::Limits;
use super::message::{bounded, message};
use super::pace;
use super::reply::Reply;
use super::{Endpoint, Proxy};

/// What came of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An answer that can be read: the body of the response, and the server's count of tokens.
    Answer { status: u16, body: String, completion_tokens: Option<u64>, held_key: bool },
    /// No answer.
    Failure(Failure),
}

impl Outcome {
    /// The request could not be started.
    pub(super) fn not_sent(error: &io::Error) -> Self {
        Self::Failure(Failure::new(bounded(&format!("cannot start a thread: {error}")), false))
    }

    /// The client is broken.
    pub(super) fn panicked() -> Self {
        Self::Failure(Failure::new("the HTTP client panicked".into(), true))
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: Option<u16>,
    /// In words, without the key.
    pub(super) why: String,
    pub(super) cure: Cure,
    /// Whether the server may have written an answer all the same.
    pub(super) may_have_cost: bool,
    /// How long the server asks to wait.
    pub(super) retry_after: Option<Duration>,
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cure {
    /// It may pass.
    Retry,
    /// It may pass, and until then all requests wait.
    SlowDown,
    /// It is about this request and does not pass.
    GiveUp,
    /// It is about all requests and does not pass.
    Stop,
}

impl Failure {
    fn new(why: String, may_have_cost: bool) -> Self {
        Self { status: None, why, cure: Cure::Retry, may_have_cost, retry_after: None }
    }
}

/// The HTTP client: no redirects, no cookies, no proxy from the environment.
pub(super) fn agent(endpoint: &Endpoint, limits: &Limits) -> Agent {
    let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(endpoint.proxy.as_ref().map(|Proxy(proxy)| proxy.clone()))
        .tls_config(tls)
        .timeout_global(Some(limits.timeout))
        .timeout_connect(Some(limits.connect_timeout))
        .max_idle_connections(limits.concurrency)
        .max_idle_connections_per_host(limits.concurrency)
        .max_idle_age(KEPT_OPEN)
        .user_agent(concat!("taggant/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// Sends one request and reads its response whole.
pub(super) fn send(agent: &Agent, endpoint: &Endpoint, body: &[u8], limits: &Limits) -> Outcome {
    let mut request = agent.post(endpoint.url()).content_type("application/json");
    if let Some(bearer) = endpoint.key.as_ref().and_then(super::ApiKey::bearer) {
        request = request.header("authorization", bearer);
    }
    let outcome = match request.send(body) {
        Ok(response) => receive(endpoint, response, limits),
        Err(error) => Outcome::Failure(transport(&error, limits)),
    };
    let Some(key) = &endpoint.key else { return outcome };
    match outcome {
        Outcome::Answer { status, body, completion_tokens, .. } => {
            let clean = key.out_of_answer(&body);
            let held_key = clean.is_some();
            Outcome::Answer { status, body: clean.unwrap_or(body), completion_tokens, held_key }
        }
        Outcome::Failure(failure) => {
            Outcome::Failure(Failure { why: key.out_of_message(&failure.why), ..failure })
        }
    }
}

fn receive(endpoint: &Endpoint, response: Response<ureq::Body>, limits: &Limits) -> Outcome {
    let status = response.status();
    let headers = response.headers().clone();
    if !status.is_success() {
        let mut body = Vec::new();
        // The status says what there is to say; what can be read of the body only explains it.
        let _ = response.into_body().into_reader().take(ERROR_BYTES).read_to_end(&mut body);
        return Outcome::Failure(refusal(status.as_u16(), &headers, &body));
    }
    let body = match response.into_body().into_with_config().limit(limits.response_bytes).read_to_vec() {
        Ok(body) => body,
        Err(error) => {
            let failure = transport(&error, limits);
            return Outcome::Failure(Failure {
                status: Some(status.as_u16()),
                may_have_cost: true,
                ..failure
            });
        }
    };
    let unreadable =
        |why| Outcome::Failure(Failure { status: Some(status.as_u16()), ..Failure::new(why, true) });
    match (Reply::parse(endpoint.api, &body), String::from_utf8(body)) {
        (Ok(reply), Ok(body)) => Outcome::Answer {
            status: status.as_u16(),
            body,
            completion_tokens: reply.completion_tokens,
            held_key: false,
        },
        (Err(why), _) => unreadable(why),
        (Ok(_), Err(_)) => unreadable("the answer is not UTF-8".into()),
    }
}

/// A status that is no success.
fn refusal(status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let cure = match status {
        429 => Cure::SlowDown,
        408 | 500.. => Cure::Retry,
        400 | 413 | 422 => Cure::GiveUp,
        _ => Cure::Stop,
    };
    let mut why = message(body);
    if let Some(location) = header("location").filter(|_| (300..400).contains(&status)) {
        let bare = location.split(['?', '#']).next().unwrap_or_default();
        why = bounded(&format!("it leads to {bare}"));
    }
    if cure == Cure::Retry || cure == Cure::SlowDown {
        why = if why.is_empty() { format!("status {status}") } else { format!("status {status}: {why}") };
    }
    Failure {
        status: Some(status),
        why,
        cure,
        // A gateway that gave up waiting does not know whether the model behind it went on.
        may_have_cost: matches!(status, 408 | 504),
        retry_after: header("retry-after").and_then(|value| pace::retry_after(value, SystemTime::now())),
    }
}

/// A failure on the way there or back.
fn transport(error: &ureq::Error, limits: &Limits) -> Failure {
    use ureq::Timeout::{Connect, Resolve};
    match error {
        ureq::Error::Timeout(Connect | Resolve) => {
            Failure::new(format!("no connection within {:.1} s", limits.connect_timeout.as_secs_f64()), false)
        }
        ureq::Error::Timeout(_) => {
            Failure::new(format!("no answer within {:.1} s", limits.timeout.as_secs_f64()), true)
        }
        ureq::Error::HostNotFound => Failure::new("the host is not found".into(), false),
        ureq::Error::ConnectionFailed => Failure::new("no connection".into(), false),
        ureq::Error::BodyExceedsLimit(limit) => {
            Failure::new(format!("the answer is longer than {limit} bytes"), true)
        }
        ureq::Error::Io(error) => {
            let text = error.to_string();
            let is_untrusted = error.kind() == ErrorKind::InvalidData && text.contains("peer certificate");
            let was_sent = !(is_untrusted || is_unreachable(error.kind()) || text.contains(NO_HOST));
            let why = bounded(&format!("connection: {text}"));
            let cure = if is_untrusted { Cure::Stop } else { Cure::Retry };
            Failure { cure, ..Failure::new(why, was_sent) }
        }
        // Before a request can be sent there must be a connection through the proxy, or a TLS session.
        error @ (ureq::Error::Rustls(_) | ureq::Error::Tls(_) | ureq::Error::ConnectProxyFailed(_)) => {
            Failure::new(bounded(&error.to_string()), false)
        }
        error => Failure::new(bounded(&error.to_string()), true),
    }
}

/// Whether a connection never came to be.
fn is_unreachable(kind: ErrorKind) -> bool {
    use ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable};
    matches!(kind, AddrNotAvailable | ConnectionRefused | HostUnreachable | NetworkDown | NetworkUnreachable)
}

/// What the standard library says when a host is not found, for which it has no kind. If it ever says something else, a
/// request that was not sent counts as spent, which is the safe side.
const NO_HOST: &str = "failed to lookup address";

/// Idle connections are closed on this side before servers do: theirs wait 5 s or more, and a request that meets a
/// closing connection is lost.
const KEPT_OPEN: Duration = Duration::from_secs(3);

/// Enough of an error's body to find its message.
const ERROR_BYTES: u64 = 64 << 10;
