//! A small OpenAI-compatible server: an n-gram student, over the loopback interface, with faults where they are wanted.
//!
//!     cargo run -p taggant-examples --example openai_server -- --port 8000 --train student.jsonl
//!
//! It is there to try an audit of a live endpoint without one: train the student on what a teacher wrote, marked or
//! not, and ask it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use taggant_corpus::{Options as Reading, Source, Tokenizer};
use taggant_lm::Author;
use taggant_testserver::{Fault, Options, Server, Student};

/// Serves an n-gram student at http://127.0.0.1:PORT/v1: chat/completions, completions, models.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The port; 0 takes a free one. The URL is printed.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What the student learns: rows of tokens or text, as `taggant generate` writes them. By default prose of Jane
    /// Austen.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    train: Vec<PathBuf>,
    /// The order of the student: its tokens depend on one fewer before them.
    #[arg(long, default_value_t = 4)]
    order: usize,
    /// The name of the model.
    #[arg(long, default_value = "student")]
    model: String,
    /// The environment variable with the API key that requests must bring; by default none is needed.
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
    /// What goes wrong, in turn: a status such as 429 or 500, truncated, closed, hang, too-long, no-usage.
    #[arg(long, value_name = "KIND,...", value_delimiter = ',')]
    faults: Vec<String>,
    /// Every how many requests something goes wrong.
    #[arg(long, value_name = "N", default_value_t = 5)]
    every: u64,
}

/// Starts the server.
pub(crate) fn start(args: Args) -> Result<Server, Box<dyn std::error::Error>> {
    let student = if args.train.is_empty() {
        Student::of(Author::Austen, usize::MAX)?
    } else {
        let tokenizer = Tokenizer::from_bytes(taggant_lm::Tokenizer::embedded().json(), "embedded")?;
        let reading = Reading { tokenizer: Some(tokenizer), ..Reading::default() };
        let mut sources = Vec::new();
        for path in &args.train {
            sources.extend(Source::find(&path.to_string_lossy())?);
        }
        let mut documents = Vec::new();
        taggant_corpus::read(&sources, &reading, |document| documents.push(document.tokens), |_| {})?;
        Student::train(&documents, args.order)?
    };
    let faults = args.faults.iter().map(|kind| fault(kind)).collect::<Result<Vec<Fault>, String>>()?;
    let every = args.every.max(1);
    let turn = move |number: u64| {
        let is_bad = !faults.is_empty() && number.is_multiple_of(every);
        is_bad.then(|| faults[(number / every - 1) as usize % faults.len()].clone())
    };
    let options = Options {
        port: args.port,
        model: args.model,
        key: args.key_env.map(std::env::var).transpose()?,
        fault: Box::new(move |request| turn(request.number)),
    };
    let port = options.port;
    let server = Server::start(Arc::new(student), options);
    Ok(server.map_err(|error| format!("cannot listen on port {port}: {error}; name another with --port"))?)
}

fn fault(kind: &str) -> Result<Fault, String> {
    Ok(match kind {
        "429" => {
            let body = Fault::status(429, "rate limit reached");
            let Fault::Status { status, body, .. } = body else { unreachable!("it is a status") };
            Fault::Status { status, body, retry_after: Some("1".into()) }
        }
        "truncated" => Fault::Truncated,
        "closed" => Fault::ClosedMidBody,
        "hang" => Fault::Hang(Duration::from_secs(3600)),
        "too-long" => Fault::TooLong(10),
        "no-usage" => Fault::NoUsage,
        status => match status.parse() {
            Ok(status @ 400..=599) => Fault::status(status, "a fault that was asked for"),
            _ => {
                return Err(format!(
                    "--faults {kind}: expected a status from 400 to 599, truncated, closed, hang, ..."
                ));
            }
        },
    })
}

#[allow(dead_code, reason = "the test of the examples starts the server itself, for `main` never returns")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = start(Args::parse())?;
    println!("{}", server.url());
    server.serve_forever();
    Ok(())
}
