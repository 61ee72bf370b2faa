//! The server: a runtime on a thread of its own.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::oneshot;

use crate::fault::{Fault, error};
use crate::student::Student;
use crate::wire::{self, Asked, Call};

/// Which requests meet a fault.
pub type FaultRule = Box<dyn Fn(&Request) -> Option<Fault> + Send + Sync>;

/// What a server is started with.
pub struct Options {
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The name of the only model.
    pub model: String,
    /// The key that a request must bring, if any.
    pub key: Option<String>,
    /// Decides what happens to a request.
    pub fault: FaultRule,
}

impl Default for Options {
    /// A free port, the model `student`, no key, no faults.
    fn default() -> Self {
        Self { port: 0, model: "student".into(), key: None, fault: Box::new(|_| None) }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("port", &self.port)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// A request that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// Its number among all, from 1.
    pub number: u64,
    /// How often the same prompt came with the same seed, from 1.
    pub attempt: u64,
    /// The prompt; in chat each message with a newline after it.
    pub prompt: String,
    /// The seed.
    pub seed: Option<u64>,
    /// The most tokens it asked for.
    pub max_tokens: u64,
}

/// A running server; it stops when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    student: Arc<Student>,
    options: Options,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<Request>,
    attempts: HashMap<(String, Option<u64>), u64>,
    tokens: u64,
}

impl Server {
    /// Starts to listen on the loopback interface.
    ///
    /// # Errors
    /// When the port is taken, or the system gives no thread.
    pub fn start(student: Arc<Student>, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { student, options, seen: Mutex::default() });
        let app = Router::new()
            .route("/v1/models", get(models))
            .route("/v1/chat/completions", post(chat))
            .route("/v1/completions", post(completions))
            .with_state(Arc::clone(&shared));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => {
                        tokio::spawn(async move { axum::serve(listener, app).await });
                        let _ = stopped.await;
                    }
                    Err(error) => eprintln!("cannot listen: {error}"),
                }
            });
            // Requests that hang are not waited for.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("openai-server".into()).spawn(serve)?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// The base URL, `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests that were understood so far, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.seen().requests.clone()
    }

    /// How many tokens the student has written so far, whether or not they reached anybody.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.shared.seen().tokens
    }

    /// Waits until the server is stopped from elsewhere, which nothing does: for programs that only serve.
    pub fn serve_forever(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed by it.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a request down.
    fn note(&self, asked: &Asked) -> Request {
        let mut seen = self.seen();
        let attempt = seen.attempts.entry((asked.prompt.clone(), asked.seed)).or_default();
        *attempt += 1;
        let attempt = *attempt;
        let request = Request {
            number: seen.requests.len() as u64 + 1,
            attempt,
            prompt: asked.prompt.clone(),
            seed: asked.seed,
            max_tokens: asked.settings.max_tokens,
        };
        seen.requests.push(request.clone());
        request
    }
}

async fn models(State(shared): State<Arc<Shared>>) -> Response {
    let model = serde_json::json!({"id": shared.options.model, "object": "model", "created": 0, "owned_by": "taggant"});
    json(StatusCode::OK, serde_json::json!({"object": "list", "data": [model]}).to_string())
}

async fn chat(state: State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    respond(Call::Chat, &state, &headers, &body).await
}

async fn completions(state: State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    respond(Call::Completions, &state, &headers, &body).await
}

async fn respond(call: Call, shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Response {
    let refuse = |status, message: &str| json(status, error(message));
    if let Some(key) = &shared.options.key {
        let given =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if given != format!("Bearer {key}") {
            // As careless as a server can be: the client has to keep it out of its messages.
            return refuse(StatusCode::UNAUTHORIZED, &format!("incorrect API key provided: {given}"));
        }
    }
    let asked = match Asked::parse(call, body) {
        Ok(asked) => asked,
        Err(message) => return refuse(StatusCode::BAD_REQUEST, &message),
    };
    if asked.model != shared.options.model {
        return refuse(StatusCode::NOT_FOUND, &format!("the model `{}` does not exist", asked.model));
    }
    let request = shared.note(&asked);
    let fault = (shared.options.fault)(&request);
    if let Some(fault @ (Fault::Status { .. } | Fault::Redirect(_) | Fault::Body(_))) = fault {
        return fault.apply(String::new());
    }
    let mut settings = asked.settings.clone();
    settings.seed = asked.seed.unwrap_or(request.number);
    match fault {
        Some(Fault::TooLong(more)) => {
            settings.max_tokens += more;
            settings.min_tokens = settings.max_tokens;
        }
        Some(Fault::Hang(time)) => tokio::time::sleep(time).await,
        _ => {}
    }
    let (draws, ended) = match shared.student.answer(&asked.prompt, &settings) {
        Ok(answer) => answer,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    shared.seen().tokens += draws.len() as u64;
    let n_prompt = shared.student.n_tokens(&asked.prompt);
    let usage = fault != Some(Fault::NoUsage);
    let answer = wire::answer(call, &asked, &draws, ended, n_prompt, usage);
    match fault {
        Some(fault) => fault.apply(answer),
        None => json(StatusCode::OK, answer),
    }
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
