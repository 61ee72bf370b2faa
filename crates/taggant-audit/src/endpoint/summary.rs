//! What a run did, and what is said on the way.

use std::fmt;
use std::time::Duration;

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// Every question was answered, or failed.
    AllAsked,
    /// The caller had seen enough.
    Stopped,
    /// The budget of tokens is spent.
    TokenBudget,
    /// The budget of questions is spent.
    QueryBudget,
    /// With the error that carries the summary.
    Error,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Why it ended.
    pub end: End,
    /// Answers in the log, those of earlier runs and those not delivered included.
    pub answers: u64,
    /// Of these, answers of earlier runs.
    pub answers_before: u64,
    /// Answers handed over.
    pub delivered: u64,
    /// The ids of questions whose retries were used up in this run, in the order of the questions. The same call asks
    /// them again.
    pub failed: Vec<String>,
    /// Requests sent in this run.
    pub requests: u64,
    /// Completion tokens that count as spent, over all runs with this log.
    pub tokens: u64,
    /// Of these, tokens of requests without an answer whose cost is not known: they count in full.
    pub tokens_lost: u64,
    /// Delivered answers that are longer than was asked for.
    pub too_long: u64,
    /// Delivered answers without log-probabilities although they were asked for.
    pub without_log_probs: u64,
    /// The last failure, in words, whether or not a retry made up for it.
    pub last_failure: Option<String>,
}

/// Something a user may want to hear of while a run goes on. Its `Display` is the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// An earlier run was cut off while it wrote to the log; what it wrote last is set aside.
    SetAside {
        /// The first line set aside, from 1.
        line: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Requests of an earlier run whose answers never reached the log.
    CutOff {
        /// How many.
        requests: u64,
        /// The tokens that count as spent for them.
        tokens: u64,
    },
    /// The run goes on with a log that holds answers.
    Resumed {
        /// How many.
        answers: u64,
    },
    /// A request failed and is sent again.
    Retry {
        /// The question's id.
        question: String,
        /// What happened.
        why: String,
        /// When it is sent again.
        wait: Duration,
    },
    /// The retries of a question are used up, or the server refuses this one question.
    Failed {
        /// The question's id.
        question: String,
        /// What happened last.
        why: String,
    },
    /// The server wrote more tokens than it was asked for.
    TooLong {
        /// The question's id.
        question: String,
        /// How many tokens were asked for.
        asked: u64,
        /// How many the server counted.
        found: u64,
    },
    /// The server's answer held the API key, which was taken out before the answer was kept.
    KeyInAnswer {
        /// The question's id.
        question: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetAside { line, bytes } => {
                write!(
                    f,
                    "line {line} of the log was cut off ({bytes} bytes) and is set aside; its question is asked again"
                )
            }
            Self::CutOff { requests, tokens } => write!(
                f,
                "{requests} requests of an earlier run were cut off; the {tokens} tokens they may have cost count as spent, \
                 and they are sent again"
            ),
            Self::Resumed { answers } => {
                write!(f, "the log holds {answers} answers, which are not asked for again")
            }
            Self::Retry { question, why, wait } => {
                write!(f, "question {question}: {why}; asked again in {:.1} s", wait.as_secs_f64())
            }
            Self::Failed { question, why } => {
                write!(f, "question {question} failed: {why}; the next run asks it again")
            }
            Self::TooLong { question, asked, found } => write!(
                f,
                "question {question}: the server was asked for at most {asked} tokens and counts {found}; all count as spent"
            ),
            Self::KeyInAnswer { question } => {
                write!(f, "question {question}: the answer repeats the API key, which was taken out of it")
            }
        }
    }
}
