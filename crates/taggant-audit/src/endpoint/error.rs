//! What can go wrong between a question and its answer.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use super::summary::Summary;

/// Why an endpoint could not be asked.
///
/// Three families: a call that must change ([`is_misuse`](Self::is_misuse)), a log that is of another run, in use or
/// damaged ([`is_log`](Self::is_log)), and a server that refuses or fails ([`is_server`](Self::is_server)). Of the
/// server's own message up to 300 characters are shown, control characters as spaces. No message holds the key, a
/// prompt or an answer.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    summary: Option<Box<Summary>>,
}

impl Error {
    /// Whether the calling code or a setting must change, whatever the server does.
    #[must_use]
    pub fn is_misuse(&self) -> bool {
        matches!(
            self.kind,
            Kind::Url { .. } | Kind::Key { .. } | Kind::KeyInTheClear | Kind::Proxy | Kind::Setting { .. }
        )
    }

    /// Whether it is the log that cannot be used.
    #[must_use]
    pub fn is_log(&self) -> bool {
        matches!(
            self.kind,
            Kind::LogIo { .. }
                | Kind::LogInUse { .. }
                | Kind::LogDiffers { .. }
                | Kind::LogDamaged { .. }
                | Kind::NotALog { .. }
        )
    }

    /// Whether the server refused, failed too often, or asked for a longer wait than is allowed. What it answered
    /// before is in the log; the same call goes on from there.
    #[must_use]
    pub fn is_server(&self) -> bool {
        matches!(
            self.kind,
            Kind::Refused { .. } | Kind::Untrusted { .. } | Kind::Failing { .. } | Kind::LongWait { .. }
        )
    }

    /// The HTTP status with which the server refused, if it did.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.kind {
            Kind::Refused { status, .. } => Some(status),
            _ => None,
        }
    }

    /// What was done before the run ended, if it began.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_deref()
    }

    pub(super) fn with_summary(mut self, summary: Summary) -> Self {
        self.summary = Some(Box::new(summary));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.kind)
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self { kind, summary: None }
    }
}

/// What exactly went wrong. `log` is the log's path.
#[derive(Debug, thiserror::Error)]
pub(super) enum Kind {
    #[error("endpoint: expected a URL such as https://api.example.com/v1, found one {found}")]
    Url { found: &'static str },
    #[error("API key: expected visible ASCII characters, found {found}")]
    Key { found: &'static str },
    #[error(
        "an API key is not sent over http to another machine, where everyone on the way can read it; use https"
    )]
    KeyInTheClear,
    #[error("proxy: expected a URL such as http://proxy.example.com:3128")]
    Proxy,
    #[error("{name}: expected {expected}, found {found}")]
    Setting { name: &'static str, expected: &'static str, found: String },
    #[error("{}: cannot {what} the log", log.display())]
    LogIo { log: PathBuf, what: &'static str, source: io::Error },
    #[error("{}: another process is asking with this log; wait for it, or name another log", log.display())]
    LogInUse { log: PathBuf },
    #[error("{}: the log is of another run and is left alone: {what}; name another log", log.display())]
    LogDiffers { log: PathBuf, what: String },
    #[error("{}:{line}: the log is damaged: {what}", log.display())]
    LogDamaged { log: PathBuf, line: u64, what: &'static str },
    #[error("{}:1: not the log of an endpoint, and left alone; name another file", log.display())]
    NotALog { log: PathBuf },
    #[error("{url} refuses with status {status}{}{}", message_part(message), hint(*status))]
    Refused { url: String, status: u16, message: String },
    #[error("{url} is not trusted: {why}; on Linux SSL_CERT_FILE names a file with other roots")]
    Untrusted { url: String, why: String },
    #[error(
        "{url} asks to wait for {wait_s} s, which is longer than {longest_s} s; run again later with the same log"
    )]
    LongWait { url: String, wait_s: u64, longest_s: u64 },
    #[error(
        "{url} fails question after question ({questions} in a row), the last with: {why}; run again with the same log"
    )]
    Failing { url: String, questions: u32, why: String },
}

impl Kind {
    pub(super) fn io(log: &Path, what: &'static str) -> impl FnOnce(io::Error) -> Error {
        let log = log.to_owned();
        move |source| Self::LogIo { log, what, source }.into()
    }
}

fn message_part(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

/// What to look at first.
fn hint(status: u16) -> &'static str {
    match status {
        300..=399 => "; redirects are not followed, so give the URL it leads to",
        401 | 403 => "; is the API key right, and allowed to use this model?",
        404 | 405 => "; is the URL right (most end in /v1), and the model's name?",
        _ => "",
    }
}
