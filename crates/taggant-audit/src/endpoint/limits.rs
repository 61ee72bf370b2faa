//! How much, how fast and how patiently an endpoint is asked.

use std::time::Duration;

use super::error::{Error, Kind};

/// The limits of a run. None of them is bound to the log: a run may go on under others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many requests may be under way at once, 1 to 1024.
    pub concurrency: usize,
    /// The most requests sent in a minute, retries included, evenly spaced; `None` for no such limit.
    pub requests_per_minute: Option<u32>,
    /// The most completion tokens over all runs with one log; `None` for no such limit. What counts, and how the last
    /// requests are clipped, is described at [`ask`](super::ask).
    pub budget_tokens: Option<u64>,
    /// The most questions asked over all runs with one log: the first so many of the list. A question that is asked
    /// again after a failure is still one.
    pub budget_queries: Option<u64>,
    /// How often a question is asked again after a failure that may pass.
    pub retries: u32,
    /// How long to wait before the first retry. Each further wait is twice as long, up to a minute, and shortened by
    /// a random part of up to a half.
    pub first_wait: Duration,
    /// The longest wait that a server's `Retry-After` may ask for; a longer one ends the run.
    pub longest_wait: Duration,
    /// How long one request may take, from looking up the host to the last byte of the answer.
    pub timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// After so many questions in a row whose retries were used up the run ends; at least 1.
    pub failures_in_a_row: u32,
    /// The longest response that is read, in bytes.
    pub response_bytes: u64,
}

impl Default for Limits {
    /// Four requests at once; eight retries, which bridge three minutes; two minutes for an answer; no budget.
    fn default() -> Self {
        Self {
            concurrency: 4,
            requests_per_minute: None,
            budget_tokens: None,
            budget_queries: None,
            retries: 8,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(600),
            timeout: Duration::from_secs(120),
            connect_timeout: Duration::from_secs(10),
            failures_in_a_row: 5,
            response_bytes: 16 << 20,
        }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |name, expected, found: u64| {
            Err(Kind::Setting { name, expected, found: found.to_string() }.into())
        };
        if !(1..=1024).contains(&self.concurrency) {
            return refuse("concurrency", "1 to 1024 requests at once", self.concurrency as u64);
        }
        if self.requests_per_minute == Some(0) {
            return refuse("requests per minute", "at least 1", 0);
        }
        if self.failures_in_a_row == 0 {
            return refuse("failures in a row", "at least 1", 0);
        }
        if self.timeout.is_zero() || self.connect_timeout.is_zero() {
            return refuse("timeout", "above 0 s", 0);
        }
        Ok(())
    }
}
