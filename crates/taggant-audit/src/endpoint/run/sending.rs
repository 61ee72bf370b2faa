//! What is sent next, and when.

use std::time::Instant;

use super::{Job, Phase, Run};
use crate::endpoint::error::Error;
use crate::endpoint::ledger::Grant;
use crate::endpoint::log::{Entry, unix_seconds};

/// What to do next.
pub(super) enum Step {
    /// Send this question with its reservation.
    Send(usize),
    /// Nothing before this time, unless something comes in.
    WaitUntil(Instant),
    /// Nothing until something comes in.
    Wait,
}

impl Run<'_> {
    /// Decides what is next, and reserves what it takes.
    pub(super) fn step(&mut self, now: Instant) -> Step {
        let is_over = self.is_stopped || self.is_budget_spent || self.ending.is_some();
        if is_over || self.under_way >= self.job.limits.concurrency {
            return Step::Wait;
        }
        while self.next_question < self.n_questions
            && matches!(self.states[self.next_question].phase, Phase::Answered(_))
        {
            self.next_question += 1;
        }
        let window = self.job.limits.concurrency * AHEAD;
        let new = (self.next_question < self.n_questions && self.next_question < self.next_delivery + window)
            .then_some(self.next_question);
        let mut soonest = None;
        let mut candidates = Vec::new();
        for &index in &self.waiting {
            match self.states[index].phase {
                Phase::Open(Some(time)) if time > now => {
                    soonest = Some(soonest.map_or(time, |soonest: Instant| soonest.min(time)));
                }
                _ => candidates.push(index),
            }
        }
        candidates.extend(new);
        for index in candidates {
            if self.pace.next() > now {
                return Step::WaitUntil(self.pace.next());
            }
            if self.states[index].reserved == 0 {
                let is_first = index == self.next_delivery;
                match self.ledger.reserve(self.job.sampling.max_tokens, is_first) {
                    Grant::Reserved(tokens) => self.states[index].reserved = tokens,
                    Grant::Later => continue,
                    Grant::Over => {
                        self.is_budget_spent = true;
                        return Step::Wait;
                    }
                }
            }
            return Step::Send(index);
        }
        soonest.map_or(Step::Wait, Step::WaitUntil)
    }

    /// Writes down that a question is sent, and makes the body of the request.
    pub(super) fn send(&mut self, index: usize) -> Result<Vec<u8>, Error> {
        let Job { endpoint, questions, sampling, .. } = self.job;
        let (question, state) = (&questions[index], &mut self.states[index]);
        state.attempts = state.attempts.saturating_add(1);
        state.phase = Phase::UnderWay;
        self.waiting.remove(&index);
        self.next_question = self.next_question.max(index + 1);
        self.under_way += 1;
        self.counts.requests += 1;
        self.pace.sent(Instant::now());
        self.log.append(&Entry::Sent {
            question: (&question.id).into(),
            index: index as u64,
            attempt: state.attempts,
            max_tokens: state.reserved,
            unix_seconds: unix_seconds(),
        })?;
        Ok(sampling.body(endpoint.api, &endpoint.model, question, index, state.reserved))
    }
}

/// How many times the concurrency may be sent ahead of what was handed over: enough to keep all requests busy while one
/// is slow, and little to pay for answers that nobody waits for any more.
const AHEAD: usize = 4;
