//! Handles requests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, request::Parts};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::decode::UploadEncoding;
use super::multipart;
use super::request::{QueryRequest, authenticate, url_parameters};
use super::response::{Head, QueryBody, QueryResponse, RunningBody, plain};
use super::upload::{self, PumpLimits, Upload};
use crate::credentials::{EngineSecrets, Role};
use crate::engine::Engine;
use crate::exception::{Exception, code};
use crate::http::slot::ConnectionSlot;
use crate::metrics::EngineMetrics;
use crate::query::cancel::{CancelOnDrop, Canceller, Ticket};
use crate::query::output::{Output, OutputEvent, OutputOptions};
use crate::query::{Query, QueryLimits};
use crate::statement;
use crate::turns::{Claim, Turn, Turns};

/// The largest form; it holds a statement and parameters, but no data.
const MAX_FORM: usize = 16 * 1024 * 1024;
/// How much of the body is read if the login is wrong.
const MAX_STRANGER: u64 = 1024 * 1024;
/// The engine recurses deeply; this is the stack size it normally has.
const QUERY_STACK: usize = 8 * 1024 * 1024;

/// State shared by all requests.
pub(crate) struct Interface {
    pub(crate) engine: Arc<Engine>,
    pub(crate) secrets: EngineSecrets,
    pub(crate) canceller: Arc<Canceller>,
    pub(crate) turns: Arc<Turns>,
    pub(crate) limits: QueryLimits,
    pub(crate) idle_timeout: Duration,
    pub(crate) metrics: EngineMetrics,
}

impl Interface {
    /// Handles one request.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        slot: &ConnectionSlot,
    ) -> QueryResponse {
        let (parts, body) = request.into_parts();
        match (&parts.method, parts.uri.path()) {
            (&Method::GET | &Method::HEAD, "/ping" | "/replicas_status") => text("Ok.\n"),
            (&Method::GET, "/metrics") => self.metrics(&parts),
            // Answers ClickHouse health checks that send no query.
            (&Method::GET, "/") if parts.uri.query().is_none() => text("Ok.\n"),
            (&Method::HEAD, "/") => plain(StatusCode::OK, QueryBody::Full(None)),
            (&Method::GET | &Method::POST, "/") => self.query(&parts, body, slot).await,
            (_, "/") => plain(StatusCode::METHOD_NOT_ALLOWED, QueryBody::Full(None)),
            (_, path) => {
                let text =
                    format!("There is no handle {path}\n\nUse / or /ping for health checks.\n");
                plain(StatusCode::NOT_FOUND, QueryBody::Full(Some(text.into())))
            }
        }
    }

    fn metrics(&self, parts: &Parts) -> QueryResponse {
        let pairs = url_parameters(parts.uri.query().unwrap_or_default());
        match authenticate(&parts.headers, &pairs, &self.secrets) {
            Ok(_) => text(self.metrics.render()),
            Err(exception) => self.refuse(&self.head(None), &exception),
        }
    }

    async fn query(&self, parts: &Parts, body: Incoming, slot: &ConnectionSlot) -> QueryResponse {
        let mut request = match QueryRequest::read(parts, &self.secrets) {
            Ok(request) => request,
            Err(exception) => {
                upload::discard(body, self.pump_limits(MAX_STRANGER)).await;
                return self.refuse(&self.head(None), &exception);
            }
        };
        let head = self.head(request.query_id.clone());
        if let Err(exception) = slot.take(request.role) {
            return closing(self.refuse(&head, &exception));
        }
        let begun = async {
            let body = read_form(&mut request, &parts.headers, body).await?;
            let (claim, body) = self.claim(&request, body).await?;
            let waited_from = Instant::now();
            let turn = self.turns.take(claim).await?;
            self.metrics
                .query
                .queue_duration
                .observe(waited_from.elapsed().as_secs_f64());
            Ok((turn, body))
        };
        let (turn, body) = match begun.await {
            Ok(begun) => begun,
            Err(exception) => return self.refuse(&head, &exception),
        };
        match self.run(request, body, &head, turn).await {
            Ok(response) => response,
            Err(exception) => self.refuse(&head, &exception),
        }
    }

    /// Determines the kind of turn that a request needs. If the statement is in the body, its
    /// beginning is read.
    async fn claim(
        &self,
        request: &QueryRequest,
        body: Option<Incoming>,
    ) -> Result<(Claim, Option<Upload>), Exception> {
        let mut upload = body.map(Upload::new);
        if request.role == Role::Reader {
            return Ok((Claim::Reader, upload));
        }
        let mut beginning = request.query.as_slice();
        if let (true, true, Some(upload)) = (
            request.query.is_empty(),
            request.upload == UploadEncoding::default(),
            &mut upload,
        ) {
            beginning = upload.peek(self.idle_timeout).await?;
        }
        let claim = if statement::begins_a_change(beginning) {
            Claim::Change
        } else {
            Claim::Question
        };
        Ok((claim, upload))
    }

    /// Runs a query on its own thread, passes it the body, and waits until its result begins.
    async fn run(
        &self,
        request: QueryRequest,
        body: Option<Upload>,
        head: &Head,
        turn: Turn,
    ) -> Result<QueryResponse, Exception> {
        let encoding = request.encoding;
        let (output, mut events) = Output::new(OutputOptions {
            encoding,
            exception_tag: head.exception_tag.clone(),
            version: head.version.clone(),
            idle_timeout: self.idle_timeout,
        });
        let (pieces, reader) = upload::channel();
        let ticket = Ticket::issue();
        let canceller = Arc::clone(&self.canceller);
        let query = Query {
            engine: Arc::clone(&self.engine),
            request,
            upload: reader,
            output,
            ticket: Arc::clone(&ticket),
            limits: self.limits,
            metrics: self.metrics.clone(),
        };
        self.start(query, turn)?;
        let guard = CancelOnDrop { ticket, canceller };
        let received = self.metrics.query.received_bytes.clone();
        let limits = self.pump_limits(self.limits.body_bytes);
        let pump = async {
            match body {
                Some(body) => upload::pump(body, pieces, limits, received).await,
                None => drop(pieces.send(upload::Piece::End).await),
            }
        };
        let (first, ()) = tokio::join!(events.recv(), pump);
        match first {
            Some(OutputEvent::Head { format, progress }) => {
                let sent = self.metrics.query.sent_bytes.clone();
                let running = RunningBody {
                    events,
                    guard,
                    sent,
                    breaks_at: None,
                };
                let body = QueryBody::Running(Box::new(running));
                Ok(head.success(&format, progress, encoding, body))
            }
            Some(OutputEvent::Failed(exception)) => {
                guard.ticket.finish();
                // The query's thread has already counted it.
                Ok(head.failure(&exception))
            }
            Some(OutputEvent::Data(_) | OutputEvent::End | OutputEvent::Broken) | None => Err(
                Exception::new(code::UNKNOWN_EXCEPTION, "the query ended without a result"),
            ),
        }
    }

    /// Starts the query's thread, which holds the turn until it ends.
    fn start(&self, query: Query, turn: Turn) -> Result<(), Exception> {
        let in_flight = self.metrics.query.in_flight.clone();
        let duration = self.metrics.query.duration.clone();
        let run = move || {
            in_flight.inc();
            let timer = duration.start_timer();
            query.run();
            timer.observe_duration();
            in_flight.dec();
            drop(turn);
        };
        std::thread::Builder::new()
            .name("engine-query".to_owned())
            .stack_size(QUERY_STACK)
            .spawn(run)
            .map(drop)
            .map_err(|error| {
                let text = format!("no thread for the query: {error}. (CANNOT_SCHEDULE_TASK)");
                Exception::new(code::CANNOT_SCHEDULE_TASK, text)
            })
    }

    fn pump_limits(&self, discarded_bytes: u64) -> PumpLimits {
        PumpLimits {
            idle_timeout: self.idle_timeout,
            discarded_bytes,
        }
    }

    fn refuse(&self, head: &Head, exception: &Exception) -> QueryResponse {
        self.metrics.record_error(exception);
        head.failure(exception)
    }

    fn head(&self, query_id: Option<String>) -> Head {
        Head {
            query_id: query_id.unwrap_or_else(|| random_letters(32)),
            exception_tag: random_letters(16),
            version: self.engine.version().to_owned(),
            timezone: self.engine.timezone().to_owned(),
        }
    }
}

/// Tells the client to close this connection and open a new one.
fn closing(mut response: QueryResponse) -> QueryResponse {
    let close = http::HeaderValue::from_static("close");
    response
        .headers_mut()
        .insert(http::header::CONNECTION, close);
    response
}

/// Reads the body into the request if it is a form; otherwise returns it for streaming.
async fn read_form(
    request: &mut QueryRequest,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Option<Incoming>, Exception> {
    let content_type = headers.get(http::header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let Some(boundary) = multipart::boundary(content_type) else {
        return Ok(Some(body));
    };
    let form = Limited::new(body, MAX_FORM)
        .collect()
        .await
        .map_err(|error| {
            let text = format!("the form cannot be read: {error}. (QUERY_IS_TOO_LARGE)");
            Exception::new(code::QUERY_IS_TOO_LARGE, text)
        })?;
    request.add_form(&form.to_bytes(), &boundary)?;
    // The encodings applied to the form; its data has none.
    request.upload = UploadEncoding::default();
    Ok(None)
}

fn text(text: impl Into<Bytes>) -> QueryResponse {
    plain(StatusCode::OK, QueryBody::Full(Some(text.into())))
}

fn random_letters(count: usize) -> String {
    (0..count)
        .map(|_| char::from(b'a' + rand::random::<u8>() % 26))
        .collect()
}
