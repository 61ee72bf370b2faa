//! Exit statuses, and how an error is told.

use std::io::{self, ErrorKind, IsTerminal};

use taggant_verify::Verdict;

/// Exit statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// It ran.
    Ran = 0,
    /// `selftest` or `report --check` found a difference; with `--exit-code`, evidence.
    Difference = 1,
    /// Usage, configuration, input or output.
    Usage = 2,
    /// Nothing in the input could be scored.
    NothingToScore = 3,
    /// With `--exit-code`: inconclusive.
    Inconclusive = 4,
    /// With `--exit-code`: a self-check failed.
    Invalid = 5,
}

impl Status {
    /// The status that says a verdict.
    pub(crate) fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Evidence => Self::Difference,
            Verdict::NoEvidence => Self::Ran,
            Verdict::Inconclusive => Self::Inconclusive,
            Verdict::Invalid => Self::Invalid,
        }
    }
}

/// Tells an error in one line on stderr, and says the exit status.
pub(crate) fn report(error: &anyhow::Error) -> Status {
    // Whoever reads our output has enough: not a failure.
    let is_broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    if error.chain().any(is_broken_pipe) {
        return Status::Ran;
    }
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        // A transparent error repeats the message of its cause.
        if parts.last() != Some(&cause) {
            parts.push(cause);
        }
    }
    tell(&parts.join(": "));
    let is_nothing = error.downcast_ref().is_some_and(taggant_verify::Error::is_nothing_to_score)
        || error.downcast_ref().is_some_and(taggant_audit::Error::is_nothing_to_score);
    if is_nothing { Status::NothingToScore } else { Status::Usage }
}

/// Tells one line on stderr.
pub(crate) fn tell(line: &str) {
    eprintln!("taggant: {}", redact(&line.replace('\n', " ")));
}

/// Tells what clap has to say: help and version on stdout, a usage error on stderr.
pub(crate) fn usage(error: &clap::Error) -> Status {
    if !error.use_stderr() {
        // Whoever asked for help and closed the pipe has enough.
        let _ = error.print();
        return Status::Ran;
    }
    let rendered = error.render();
    let text = if io::stderr().is_terminal() { rendered.ansi().to_string() } else { rendered.to_string() };
    eprint!("{}", redact(&text));
    Status::Usage
}

/// Hides whatever looks like a key: a run of 30 hexadecimal digits or more, unless it is a stated SHA-256. A key that
/// was typed in the wrong place must not come back on the terminal or in a log.
fn redact(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let run = rest[start..].find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len() - start);
        shown.push_str(&rest[..start]);
        if run >= KEY_LIKE && !shown.ends_with("sha256:") {
            shown.push_str("[hidden: it looks like a key]");
        } else {
            shown.push_str(&rest[start..start + run]);
        }
        rest = &rest[start + run..];
    }
    shown + rest
}

/// Hexadecimal digits in a row that no path, id or number of ours has.
const KEY_LIKE: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_key_is_hidden_and_digests_are_not() {
        let key = "5a".repeat(32);
        for text in [key.clone(), format!("0x{key}"), format!("cannot read {key} : gone"), format!("{key}/x")]
        {
            assert!(!redact(&text).contains("5a5a"), "{text}");
        }
        for text in ["key id 0123456789abcdef", "", "x", &format!("sha256:{key}, and more")] {
            assert_eq!(redact(text), text);
        }
    }
}
