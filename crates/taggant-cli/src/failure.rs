//! Exit statuses, and how an error is told.

use std::io::{self, ErrorKind};

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
    eprintln!("taggant: {}", parts.join(": ").replace('\n', " "));
    let is_nothing = |error: &taggant_verify::Error| error.is_nothing_to_score();
    if error.downcast_ref().is_some_and(is_nothing) { Status::NothingToScore } else { Status::Usage }
}
