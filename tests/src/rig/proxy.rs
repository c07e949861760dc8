//! A proxy in front of ClickHouse that does to inserts what a kill cannot: refuse them as a busy
//! server would, delay them, or store them without answering. It can also break the pipeline on
//! purpose, to show that the checker notices.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use etappe_testkit::rows::{StoredRow, try_read_block};
use http::request::Parts;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::fault::Fault;
use super::message::POISON;

/// ClickHouse's error code for incorrect data, used to refuse poison.
pub const REFUSED_FOR_CONTENT: u32 = 117;

/// The body type of the proxy's answers.
type Body = BoxBody<Bytes, anyhow::Error>;

/// What the proxy does to inserts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Forwards everything.
    Pass,
    /// Closes connections without an answer, for queries too.
    HangUp,
    /// Answers "too many parts", code 252.
    TooManyParts,
    /// Answers "memory limit exceeded", code 241.
    MemoryLimit,
    /// Answers 503, as a server in between would.
    Unavailable,
    /// Waits before it forwards an insert.
    Delay(Duration),
    /// Forwards an insert and, once it is stored, closes the connection without an answer.
    SwallowAnswer,
    /// Breaks the guarantee: acknowledges an insert and drops it.
    Lose,
    /// Breaks the guarantee: stores an insert twice.
    Double,
    /// Breaks the guarantee: changes a character of a message on the way.
    Alter,
}

impl Treatment {
    /// Returns the treatment for a fault of the given length, if the proxy can cause it.
    #[must_use]
    pub fn of(fault: Fault, outage: Duration) -> Option<Self> {
        Some(match fault {
            Fault::HangUp => Self::HangUp,
            Fault::TooManyParts => Self::TooManyParts,
            Fault::MemoryLimit => Self::MemoryLimit,
            Fault::Unavailable => Self::Unavailable,
            Fault::Slow => Self::Delay(outage / 2),
            Fault::SwallowAnswer => Self::SwallowAnswer,
            _ => return None,
        })
    }
}

/// A running proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    state: Arc<State>,
    _server: JoinSet<()>,
}

#[derive(Debug)]
struct State {
    /// The server's address, without a trailing slash.
    target: String,
    client: reqwest::Client,
    treatment: Mutex<Treatment>,
    /// Whether inserts with poison are refused for their content.
    refuses_poison: AtomicBool,
    /// The number of inserts that were not simply forwarded.
    treated: AtomicU64,
}

impl Proxy {
    /// Starts a proxy for the server at `target`, such as `http://127.0.0.1:8123`.
    ///
    /// # Errors
    /// When there is no free address.
    pub async fn start(target: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let state = Arc::new(State {
            target: target.trim_end_matches('/').to_owned(),
            client: reqwest::Client::builder().build()?,
            treatment: Mutex::new(Treatment::Pass),
            refuses_poison: AtomicBool::new(false),
            treated: AtomicU64::new(0),
        });
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&state)));
        Ok(Self {
            address,
            state,
            _server: server,
        })
    }

    /// Returns the address to use in the server's place, `HOST:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Changes the treatment of inserts from now on.
    pub fn treat(&self, treatment: Treatment) {
        *self.state.treatment.lock() = treatment;
    }

    /// Changes the treatment of inserts for a while.
    pub async fn treat_for(&self, treatment: Treatment, outage: Duration) {
        self.treat(treatment);
        tokio::time::sleep(outage).await;
        self.treat(Treatment::Pass);
    }

    /// Refuses, or accepts, inserts with poison messages from now on.
    pub fn refuse_poison(&self, refuses: bool) {
        self.state.refuses_poison.store(refuses, Ordering::Relaxed);
    }

    /// Returns the number of inserts that were not simply forwarded.
    #[must_use]
    pub fn treated(&self) -> u64 {
        self.state.treated.load(Ordering::Relaxed)
    }
}

impl State {
    /// Returns the treatment of a request.
    fn treatment_of(&self, uri: &hyper::Uri) -> Treatment {
        let treatment = *self.treatment.lock();
        let is_insert = is_insert(uri);
        if treatment == Treatment::Pass || (!is_insert && treatment != Treatment::HangUp) {
            return Treatment::Pass;
        }
        self.treated.fetch_add(1, Ordering::Relaxed);
        treatment
    }
}

/// Returns whether a request inserts a batch: batches go into one table, under a token.
fn is_insert(uri: &hyper::Uri) -> bool {
    uri.query().is_some_and(|query| {
        query.contains("arrivals") && query.contains("insert_deduplication_token")
    })
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            Some(_) = connections.join_next() => continue,
        };
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { treat(&state, request).await }
            });
            // An error means a connection closed on purpose or by the client.
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

async fn treat(state: &State, request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
    let treatment = state.treatment_of(request.uri());
    if treatment == Treatment::HangUp {
        return Err(anyhow!("hanging up"));
    }
    if !is_insert(request.uri()) {
        return forward(state, request).await;
    }
    let (parts, body) = request.into_parts();
    let body = body.collect().await.context("the body ended early")?;
    treat_insert(state, treatment, (&parts, body.to_bytes())).await
}

async fn treat_insert(
    state: &State,
    treatment: Treatment,
    (parts, body): (&Parts, Bytes),
) -> anyhow::Result<Response<Body>> {
    let path = parts.uri.to_string();
    match treatment {
        Treatment::Unavailable => answer(StatusCode::SERVICE_UNAVAILABLE, None, "try again later"),
        Treatment::TooManyParts => refuse(
            252,
            "Too many parts (3000 with average size of 1.00 MiB) in table. Merges are processing \
             significantly slower than inserts. (TOO_MANY_PARTS)",
        ),
        Treatment::MemoryLimit => refuse(
            241,
            "(total) memory limit exceeded: would use 4.00 GiB, maximum: 3.00 GiB. \
             (MEMORY_LIMIT_EXCEEDED)",
        ),
        Treatment::Lose => answer(StatusCode::OK, None, ""),
        _ if state.refuses_poison.load(Ordering::Relaxed) && find_poison(&body).is_some() => {
            refuse(REFUSED_FOR_CONTENT, &words_for_poison(&body))
        }
        Treatment::Delay(delay) => {
            tokio::time::sleep(delay).await;
            send(state, parts, &path, body).await
        }
        Treatment::SwallowAnswer => {
            let response = send(state, parts, &path, body).await?;
            response.into_body().collect().await?;
            Err(anyhow!("the answer is swallowed"))
        }
        Treatment::Double => {
            let first = send(state, parts, &path, body.clone()).await?;
            first.into_body().collect().await?;
            send(state, parts, &with_another_token(&path), body).await
        }
        Treatment::Alter => send(state, parts, &path, alter(&body)).await,
        Treatment::Pass | Treatment::HangUp => send(state, parts, &path, body).await,
    }
}

/// Returns the position of a poison message.
fn find_poison(rows: &[u8]) -> Option<usize> {
    memchr::memmem::find(rows, POISON.as_bytes())
}

/// Refuses as ClickHouse does: it names the row that violates a constraint, but not of data that a
/// view throws on. The first poison message decides between the two.
fn words_for_poison(body: &[u8]) -> String {
    let kind = find_poison(body).and_then(|at| body.get(at + POISON.len()));
    let is_named = kind.is_some_and(|digit| digit.is_multiple_of(2));
    let rows = try_read_block(body).unwrap_or_default();
    let is_poison = |row: &StoredRow| row.texts.values().any(|text| text.contains(POISON));
    match rows.iter().position(is_poison) {
        Some(row) if is_named => format!(
            "Constraint `poison` for table etappe.arrivals (9f01) is violated at row {}. (INCORRECT_DATA)",
            row + 1
        ),
        _ => "Poison. (INCORRECT_DATA)".to_owned(),
    }
}

/// Forwards a request and its answer as streams.
async fn forward(state: &State, request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.to_string();
    let body = reqwest::Body::wrap_stream(http_body_util::BodyDataStream::new(body));
    send(state, &parts, &path, body).await
}

async fn send(
    state: &State,
    parts: &Parts,
    path: &str,
    body: impl Into<reqwest::Body>,
) -> anyhow::Result<Response<Body>> {
    let url = format!("{}{path}", state.target);
    let mut request = state.client.request(parts.method.clone(), url);
    for (name, value) in &parts.headers {
        if !matches!(
            name.as_str(),
            "host" | "content-length" | "transfer-encoding" | "connection"
        ) {
            request = request.header(name, value);
        }
    }
    let answered = request.body(body).send().await?;
    let mut response = Response::builder().status(answered.status());
    for (name, value) in answered.headers() {
        if !matches!(
            name.as_str(),
            "content-length" | "transfer-encoding" | "connection"
        ) {
            response = response.header(name, value);
        }
    }
    let pieces = futures_util::StreamExt::map(answered.bytes_stream(), |piece| {
        piece.map(Frame::data).map_err(anyhow::Error::from)
    });
    Ok(response.body(StreamBody::new(pieces).boxed())?)
}

/// Answers as ClickHouse does when it refuses an insert.
fn refuse(code: u32, words: &str) -> anyhow::Result<Response<Body>> {
    let text = format!("Code: {code}. DB::Exception: {words}\n");
    answer(StatusCode::INTERNAL_SERVER_ERROR, Some(code), &text)
}

fn answer(status: StatusCode, code: Option<u32>, text: &str) -> anyhow::Result<Response<Body>> {
    let mut response = Response::builder().status(status);
    if let Some(code) = code {
        response = response.header("X-ClickHouse-Exception-Code", code);
    }
    let body = Full::new(Bytes::from(text.to_owned()));
    let body = body.map_err(|never: Infallible| match never {}).boxed();
    Ok(response.body(body)?)
}

/// Returns the same insert under a token that is new to the server.
fn with_another_token(path: &str) -> String {
    path.replace(
        "insert_deduplication_token=",
        "insert_deduplication_token=again-",
    )
}

/// Changes the first character of the first nonce in rows: the character after `"nonce":"`.
fn alter(body: &[u8]) -> Bytes {
    const BEFORE: &[u8] = br#""nonce":""#;
    let mut altered = body.to_vec();
    let found = altered
        .windows(BEFORE.len())
        .position(|window| window == BEFORE);
    if let Some(digit) = found.and_then(|at| altered.get_mut(at + BEFORE.len())) {
        *digit = if *digit == b'x' { b'y' } else { b'x' };
    }
    altered.into()
}
