//! What the tests of a live endpoint share: a server over the embedded student, and a client in a hurry.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use taggant_audit::endpoint::{Answer, Api, Endpoint, Error, Limits, Note, Question, Sampling, Summary, ask};
use taggant_lm::Author;
use taggant_testserver::{Fault, Options, Request, Server, Student};
use tempfile::TempDir;

/// A student shared by all tests of a file.
pub(crate) fn student() -> Arc<Student> {
    static STUDENT: OnceLock<Arc<Student>> = OnceLock::new();
    Arc::clone(STUDENT.get_or_init(|| Arc::new(Student::of(Author::Austen, 200_000).unwrap())))
}

/// A server, a log and everything a run is made of, to be changed before it is run.
pub(crate) struct Bench {
    pub(crate) server: Server,
    pub(crate) folder: TempDir,
    pub(crate) endpoint: Endpoint,
    pub(crate) questions: Vec<Question>,
    pub(crate) sampling: Sampling,
    pub(crate) limits: Limits,
    /// Break after so many answers.
    pub(crate) stop_after: Option<usize>,
}

/// What a run gave.
pub(crate) struct Run {
    pub(crate) answers: Vec<Answer>,
    pub(crate) notes: Vec<Note>,
    pub(crate) result: Result<Summary, Error>,
}

impl Bench {
    /// Twelve questions to a server without faults.
    pub(crate) fn new() -> Self {
        Self::with_faults(|_| None)
    }

    pub(crate) fn with_faults(fault: impl Fn(&Request) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self::with_options(Options { fault: Box::new(fault), ..Options::default() })
    }

    pub(crate) fn with_options(options: Options) -> Self {
        let server = Server::start(student(), options).unwrap();
        let endpoint = Endpoint::new(&server.url(), "student", Api::Chat).unwrap();
        let limits = Limits { first_wait: Duration::from_millis(4), ..Limits::default() };
        let sampling = Sampling { max_tokens: 24, seed: Some(7), ..Sampling::default() };
        let folder = tempfile::tempdir().unwrap();
        Self { server, folder, endpoint, questions: questions(12), sampling, limits, stop_after: None }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log.jsonl")
    }

    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }

    pub(crate) fn run(&self) -> Run {
        let (mut answers, mut notes) = (Vec::new(), Vec::new());
        let result = ask(
            &self.endpoint,
            &self.questions,
            &self.sampling,
            &self.limits,
            &self.log(),
            &mut |answer| {
                answers.push(answer.clone());
                match self.stop_after {
                    Some(n) if answers.len() >= n => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                }
            },
            &mut |note| notes.push(note.clone()),
        );
        Run { answers, notes, result }
    }

    /// What a run without faults or limits delivers: the oracle.
    pub(crate) fn undisturbed(&self) -> Vec<Answer> {
        let mut bench = Self::new();
        bench.questions = self.questions.clone();
        bench.sampling = self.sampling.clone();
        bench.endpoint = Endpoint::new(&bench.server.url(), "student", self.endpoint.api()).unwrap();
        bench.run().answers
    }
}

impl Run {
    pub(crate) fn summary(&self) -> &Summary {
        self.result.as_ref().unwrap()
    }

    pub(crate) fn error(&self) -> &Error {
        self.result.as_ref().unwrap_err()
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.answers.iter().map(|answer| answer.question.as_str()).collect()
    }

    /// All notes, a line each.
    pub(crate) fn talk(&self) -> String {
        self.notes.iter().map(|note| format!("{note}\n")).collect()
    }
}

pub(crate) fn questions(n: usize) -> Vec<Question> {
    let prompts = ["She was", "It is a truth", "He said that", "The carriage"];
    (0..n)
        .map(|i| Question { id: format!("q{i}"), prompt: format!("{} {i}", prompts[i % prompts.len()]) })
        .collect()
}

/// The number in a question of [`questions`], as the server sees it.
pub(crate) fn number(request: &Request) -> usize {
    request.prompt.trim().rsplit(' ').next().unwrap().parse().unwrap()
}
