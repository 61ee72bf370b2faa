//! The course of a run: what is sent when, and what comes of it.
//!
//! One thread decides; a thread for each request under way only sends it and waits. So the order of everything that is
//! written, counted and handed over is that of one loop.

mod arrival;
mod sending;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Instant;

use super::answer::Answer;
use super::error::{Error, Kind};
use super::exchange::{self, Outcome};
use super::ledger::Ledger;
use super::log::{Entry, Header, Log, Place};
use super::pace::Pace;
use super::reply::Reply;
use super::summary::{End, Note, Summary};
use super::{Endpoint, Limits, Question, Sampling};
use sending::Step;

/// What is to be done, checked.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) questions: &'a [Question],
    pub(super) sampling: &'a Sampling,
    pub(super) limits: &'a Limits,
}

/// Does it.
pub(super) fn run(
    job: Job<'_>,
    log: &Path,
    on_answer: &mut dyn FnMut(&Answer) -> ControlFlow<()>,
    on_note: &mut dyn FnMut(&Note),
) -> Result<Summary, Error> {
    let mut run = Run::open(job, log, on_note)?;
    if let Err(error) = run.all(on_answer) {
        run.ending.get_or_insert(error);
    }
    let summary = run.summary();
    match run.ending {
        Some(error) => Err(error.with_summary(summary)),
        None => Ok(summary),
    }
}

struct Run<'a> {
    job: Job<'a>,
    log: Log,
    on_note: &'a mut dyn FnMut(&Note),
    states: Vec<State>,
    /// Questions that failed and wait to be asked again.
    waiting: BTreeSet<usize>,
    /// Every question before this one is settled, and its answer handed over.
    next_delivery: usize,
    /// Every question from this one on was not asked in this run.
    next_question: usize,
    /// How many questions may be asked at all.
    n_questions: usize,
    under_way: usize,
    ledger: Ledger,
    pace: Pace,
    failed: BTreeSet<usize>,
    failures_in_a_row: u32,
    is_stopped: bool,
    is_budget_spent: bool,
    /// Why no more is sent, if that is an error.
    ending: Option<Error>,
    counts: Summary,
}

/// What is known of a question.
#[derive(Clone, Debug)]
struct State {
    phase: Phase,
    /// Its requests, over all runs.
    attempts: u32,
    /// Its failures in this run.
    tries: u32,
    /// Tokens reserved for it; 0 for none.
    reserved: u64,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// To be asked, not before this time if there is one.
    Open(Option<Instant>),
    UnderWay,
    Answered(Place),
    Failed,
}

impl<'a> Run<'a> {
    fn open(job: Job<'a>, path: &Path, on_note: &'a mut dyn FnMut(&Note)) -> Result<Self, Error> {
        let header = Header::new(job.endpoint, job.questions, job.sampling);
        let (log, earlier) = Log::open(path, &header, job.questions)?;
        if let Some((line, bytes)) = earlier.set_aside {
            on_note(&Note::SetAside { line, bytes });
        }
        if earlier.cut_off.0 > 0 {
            on_note(&Note::CutOff { requests: earlier.cut_off.0, tokens: earlier.cut_off.1 });
        }
        let states: Vec<State> = earlier
            .questions
            .iter()
            .map(|known| State {
                phase: known.answer.map_or(Phase::Open(None), Phase::Answered),
                attempts: known.attempts,
                tries: 0,
                reserved: 0,
            })
            .collect();
        let answers = earlier.questions.iter().filter(|known| known.answer.is_some()).count() as u64;
        if answers > 0 {
            on_note(&Note::Resumed { answers });
        }
        let budget = usize::try_from(job.limits.budget_queries.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        Ok(Self {
            job,
            log,
            on_note,
            states,
            waiting: BTreeSet::new(),
            next_delivery: 0,
            next_question: 0,
            n_questions: job.questions.len().min(budget),
            under_way: 0,
            ledger: Ledger::new(job.limits.budget_tokens, earlier.tokens_spent),
            pace: Pace::new(job.limits.requests_per_minute, Instant::now()),
            failed: BTreeSet::new(),
            failures_in_a_row: 0,
            is_stopped: false,
            is_budget_spent: false,
            ending: None,
            counts: Summary {
                end: End::AllAsked,
                answers,
                answers_before: answers,
                delivered: 0,
                failed: Vec::new(),
                requests: 0,
                tokens: 0,
                tokens_lost: earlier.tokens_lost,
                too_long: 0,
                without_log_probs: 0,
                last_failure: None,
            },
        })
    }

    /// Sends, waits and hands over until nothing is left to do.
    fn all(&mut self, on_answer: &mut dyn FnMut(&Answer) -> ControlFlow<()>) -> Result<(), Error> {
        let agent = &exchange::agent(self.job.endpoint, self.job.limits);
        let (sender, arrivals) = mpsc::channel();
        thread::scope(|scope| {
            loop {
                self.deliver(on_answer, false)?;
                let arrived = match self.step(Instant::now()) {
                    Step::Send(index) => {
                        let Job { endpoint, limits, .. } = self.job;
                        let body = self.send(index)?;
                        let arrival = Arrival { index, sender: sender.clone() };
                        let request =
                            move || arrival.bring(|| exchange::send(agent, endpoint, &body, limits));
                        if let Err(error) = thread::Builder::new().spawn_scoped(scope, request) {
                            let _ = sender.send((index, Outcome::not_sent(&error)));
                        }
                        continue;
                    }
                    Step::Wait if self.under_way == 0 => break,
                    Step::Wait => arrivals.recv().ok(),
                    Step::WaitUntil(time) => {
                        arrivals.recv_timeout(time.saturating_duration_since(Instant::now())).ok()
                    }
                };
                for (index, outcome) in arrived.into_iter().chain(arrivals.try_iter()) {
                    self.arrived(index, outcome)?;
                }
            }
            // What the budget cannot answer any more holds up no answer that is there.
            self.deliver(on_answer, self.is_budget_spent)?;
            self.log.sync()
        })
    }

    /// Hands over what is next in order; past questions that are open, if nothing comes of them any more.
    fn deliver(
        &mut self,
        on_answer: &mut dyn FnMut(&Answer) -> ControlFlow<()>,
        passes_over_open: bool,
    ) -> Result<(), Error> {
        while self.next_delivery < self.n_questions && !self.is_stopped {
            match self.states[self.next_delivery].phase {
                Phase::Answered(place) => {
                    self.log.sync()?;
                    let answer = self.answer(self.next_delivery, place)?;
                    self.counts.delivered += 1;
                    self.is_stopped = on_answer(&answer).is_break();
                }
                Phase::Failed => {}
                Phase::Open(_) if passes_over_open => {}
                Phase::Open(_) | Phase::UnderWay => break,
            }
            self.next_delivery += 1;
        }
        Ok(())
    }

    /// Reads an answer back from the log: what is handed over is what the log holds, now and after a resume.
    fn answer(&mut self, index: usize, place: Place) -> Result<Answer, Error> {
        let changed = |log: &Log| log.damaged(place.line(), "its answer cannot be read");
        let Entry::Answer { body, max_tokens, .. } = self.log.entry(place)? else {
            return Err(changed(&self.log));
        };
        let reply = Reply::parse(self.job.endpoint.api, body.as_bytes()).map_err(|_| changed(&self.log))?;
        let question = &self.job.questions[index];
        self.counts.too_long += u64::from(reply.completion_tokens.is_some_and(|found| found > max_tokens));
        let asked_log_probs = self.job.sampling.top_logprobs.is_some();
        self.counts.without_log_probs += u64::from(asked_log_probs && reply.log_probs.is_none());
        Ok(Answer {
            index,
            question: question.id.clone(),
            prompt: question.prompt.clone(),
            text: reply.text,
            finish_reason: reply.finish_reason,
            completion_tokens: reply.completion_tokens,
            log_probs: reply.log_probs,
        })
    }

    /// Nothing more is sent, for this reason or an earlier one.
    fn end(&mut self, kind: Kind) {
        self.ending.get_or_insert_with(|| kind.into());
    }

    fn summary(&self) -> Summary {
        let end = if self.ending.is_some() {
            End::Error
        } else if self.is_stopped {
            End::Stopped
        } else if self.is_budget_spent {
            End::TokenBudget
        } else if self.n_questions < self.job.questions.len() {
            End::QueryBudget
        } else {
            End::AllAsked
        };
        let failed = self.failed.iter().map(|&index| self.job.questions[index].id.clone()).collect();
        Summary { end, failed, tokens: self.ledger.spent(), ..self.counts.clone() }
    }
}

/// Brings the outcome of one request back, come what may: the loop counts on it.
struct Arrival {
    index: usize,
    sender: Sender<(usize, Outcome)>,
}

impl Arrival {
    fn bring(self, send: impl FnOnce() -> Outcome) {
        let outcome = catch_unwind(AssertUnwindSafe(send)).unwrap_or_else(|_| Outcome::panicked());
        // Nobody listens any more only when the run has failed.
        let _ = self.sender.send((self.index, outcome));
    }
}
