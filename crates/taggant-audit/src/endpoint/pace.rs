//! When the next request may be sent, and how long to wait after a failure.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant, SystemTime};

use super::limits::Limits;

/// Evenly spaced requests, and a pause that the server asked for.
#[derive(Debug)]
pub(super) struct Pace {
    spacing: Duration,
    next: Instant,
    jitter: RandomState,
}

impl Pace {
    pub(super) fn new(requests_per_minute: Option<u32>, now: Instant) -> Self {
        let spacing = requests_per_minute.map_or(Duration::ZERO, |n| Duration::from_secs(60) / n.max(1));
        Self { spacing, next: now, jitter: RandomState::new() }
    }

    /// The earliest time of the next request.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// A request is sent now.
    pub(super) fn sent(&mut self, now: Instant) {
        self.next = self.next.max(now) + self.spacing;
    }

    /// No request before `until`.
    pub(super) fn pause(&mut self, until: Instant) {
        self.next = self.next.max(until);
    }

    /// How long to wait after failure number `tries` (from 1) of a question: doubling, up to [`LONGEST_BACKOFF`],
    /// less a random part of up to a half, so that clients that failed together do not return together. Never less
    /// than the server asked for.
    pub(super) fn backoff(
        &self,
        limits: &Limits,
        index: usize,
        tries: u32,
        asked: Option<Duration>,
    ) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        let full = limits.first_wait.saturating_mul(1 << doublings).min(LONGEST_BACKOFF);
        let random = self.jitter.hash_one((index, tries)) as u32;
        let wait = full.mul_f64(1.0 - 0.5 * f64::from(random) / f64::from(u32::MAX));
        wait.max(asked.unwrap_or_default())
    }
}

/// Reads a `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim_ascii();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    // Some servers send a fraction.
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_are_never_shorter_than_asked() {
        let pace = Pace::new(None, Instant::now());
        let limits = Limits::default();
        let seconds = |tries, asked| pace.backoff(&limits, 3, tries, asked).as_secs_f64();
        for (tries, full) in [(0, 1.0), (1, 1.0), (2, 2.0), (6, 32.0), (7, 60.0), (u32::MAX, 60.0)] {
            let wait = seconds(tries, None);
            assert!((0.5 * full..=full).contains(&wait), "{tries}: {wait}");
        }
        assert_eq!(seconds(1, Some(Duration::from_secs(90))), 90.0);
        assert!(seconds(6, Some(Duration::ZERO)) >= 16.0);
    }

    #[test]
    fn requests_are_spaced_and_pauses_hold() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(120), start);
        assert_eq!(pace.next(), start);
        pace.sent(start);
        assert_eq!(pace.next(), start + Duration::from_millis(500));
        // Time that was not used is not saved up.
        pace.sent(start + Duration::from_secs(9));
        assert_eq!(pace.next(), start + Duration::from_millis(9500));
        pace.pause(start + Duration::from_secs(20));
        pace.pause(start + Duration::from_secs(10));
        assert_eq!(pace.next(), start + Duration::from_secs(20));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let seconds = |value| retry_after(value, now).map(|wait| wait.as_secs_f64());
        assert_eq!(seconds(" 7 "), Some(7.0));
        assert_eq!(seconds("0.25"), Some(0.25));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60.0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:48:37 GMT"), Some(0.0));
        for bad in ["", "-1", "NaN", "inf", "1e400", "soon", "99999999999999999999999999"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
