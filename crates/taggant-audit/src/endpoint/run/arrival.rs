//! What comes of a request.

use std::time::Instant;

use super::{Job, Phase, Run};
use crate::endpoint::error::{Error, Kind};
use crate::endpoint::exchange::{Cure, Failure, Outcome};
use crate::endpoint::ledger::Grant;
use crate::endpoint::log::{Entry, unix_seconds};
use crate::endpoint::summary::Note;

impl Run<'_> {
    /// Writes down what came of a request, and draws the consequences.
    pub(super) fn arrived(&mut self, index: usize, outcome: Outcome) -> Result<(), Error> {
        self.under_way -= 1;
        match outcome {
            Outcome::Answer { status, body, completion_tokens, held_key } => {
                self.answered(index, status, &body, completion_tokens, held_key)
            }
            Outcome::Failure(failure) => self.failed(index, failure),
        }
    }

    fn answered(
        &mut self,
        index: usize,
        status: u16,
        body: &str,
        completion_tokens: Option<u64>,
        held_key: bool,
    ) -> Result<(), Error> {
        let (question, state) = (&self.job.questions[index], &mut self.states[index]);
        let max_tokens = std::mem::take(&mut state.reserved);
        let spent = completion_tokens.unwrap_or(max_tokens);
        self.ledger.release(max_tokens);
        self.ledger.spend(spent);
        let place = self.log.append(&Entry::Answer {
            question: (&question.id).into(),
            index: index as u64,
            attempt: state.attempts,
            status,
            max_tokens,
            tokens_spent: spent,
            unix_seconds: unix_seconds(),
            prompt: (&question.prompt).into(),
            body: body.into(),
        })?;
        state.phase = Phase::Answered(place);
        self.counts.answers += 1;
        self.failures_in_a_row = 0;
        if spent > max_tokens {
            let (question, asked, found) = (question.id.clone(), max_tokens, spent);
            (self.on_note)(&Note::TooLong { question, asked, found });
        }
        if held_key {
            (self.on_note)(&Note::KeyInAnswer { question: question.id.clone() });
        }
        Ok(())
    }

    fn failed(&mut self, index: usize, failure: Failure) -> Result<(), Error> {
        let (question, state) = (&self.job.questions[index], &mut self.states[index]);
        state.phase = Phase::Open(None);
        state.tries += 1;
        let spent = if failure.may_have_cost { state.reserved } else { 0 };
        self.log.append(&Entry::NoAnswer {
            question: (&question.id).into(),
            index: index as u64,
            attempt: state.attempts,
            status: failure.status,
            tokens_spent: spent,
            why: (&failure.why).into(),
        })?;
        if spent > 0 {
            self.ledger.release(spent);
            self.ledger.spend(spent);
            self.counts.tokens_lost += spent;
            state.reserved = 0;
        }
        self.counts.last_failure = Some(failure.why.clone());
        let url = self.job.endpoint.url();
        let is_for_all =
            failure.cure == Cure::Stop || failure.cure == Cure::GiveUp && self.counts.answers == 0;
        match failure.status {
            Some(status) if is_for_all => self.end(Kind::Refused { url, status, message: failure.why }),
            None if is_for_all => self.end(Kind::Untrusted { url, why: failure.why }),
            status if failure.cure == Cure::GiveUp => {
                let status = status.unwrap_or_default();
                self.give_up(index, format!("refused with status {status}: {}", failure.why))?;
            }
            _ if state.tries > self.job.limits.retries => self.give_up(index, failure.why)?,
            _ => self.retry(index, failure),
        }
        Ok(())
    }

    /// A question is asked again, later.
    fn retry(&mut self, index: usize, failure: Failure) {
        let Job { endpoint, questions, sampling, limits } = self.job;
        let state = &mut self.states[index];
        let wait = self.pace.backoff(limits, index, state.tries, failure.retry_after);
        if failure.retry_after.is_some_and(|asked| asked > limits.longest_wait) {
            let (wait_s, longest_s) = (wait.as_secs(), limits.longest_wait.as_secs());
            self.end(Kind::LongWait { url: endpoint.url(), wait_s, longest_s });
            return;
        }
        if state.reserved == 0
            && let Grant::Reserved(tokens) = self.ledger.reserve(sampling.max_tokens, false)
        {
            state.reserved = tokens;
        }
        let time = Instant::now() + wait;
        state.phase = Phase::Open(Some(time));
        self.waiting.insert(index);
        if failure.cure == Cure::SlowDown {
            self.pace.pause(time);
        }
        (self.on_note)(&Note::Retry { question: questions[index].id.clone(), why: failure.why, wait });
    }

    /// A question fails for this run.
    fn give_up(&mut self, index: usize, why: String) -> Result<(), Error> {
        let (question, state) = (&self.job.questions[index], &mut self.states[index]);
        state.phase = Phase::Failed;
        self.ledger.release(std::mem::take(&mut state.reserved));
        self.log.append(&Entry::Failed {
            question: (&question.id).into(),
            index: index as u64,
            attempts: state.attempts,
        })?;
        (self.on_note)(&Note::Failed { question: question.id.clone(), why: why.clone() });
        self.failed.insert(index);
        self.failures_in_a_row += 1;
        let is_all = self.counts.answers == 0 && self.failed.len() == self.n_questions;
        if self.failures_in_a_row >= self.job.limits.failures_in_a_row || is_all {
            let (url, questions) = (self.job.endpoint.url(), self.failures_in_a_row);
            self.end(Kind::Failing { url, questions, why });
        }
        Ok(())
    }
}
