//! Response heads, and bodies that come from a query's thread.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::{Body, Frame};
use prometheus::IntCounter;
use tokio::sync::mpsc;
use tokio::time::Sleep;

use crate::exception::{Exception, code};
use crate::ffi::Progress;
use crate::http::encode::Encoding;
use crate::query::cancel::CancelOnDrop;
use crate::query::output::OutputEvent;

/// How long a client has to receive the text of an exception that follows a partial result.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// A response of the interface.
pub(crate) type QueryResponse = Response<QueryBody>;

/// A response body that ended early.
#[derive(Debug, thiserror::Error)]
#[error("the query failed after its result had started")]
pub(crate) struct BodyBroken;

/// A response's body.
pub(crate) enum QueryBody {
    /// The whole body; `None` once it has been taken.
    Full(Option<Bytes>),
    /// From a query that is still running; dropping it cancels the query.
    Running(Box<RunningBody>),
}

/// The result of a query that is still running.
pub(crate) struct RunningBody {
    pub(crate) events: mpsc::Receiver<OutputEvent>,
    pub(crate) guard: CancelOnDrop,
    pub(crate) sent: IntCounter,
    /// Set when the result fails half-way: the body fails at this time.
    pub(crate) breaks_at: Option<Pin<Box<Sleep>>>,
}

impl Body for QueryBody {
    type Data = Bytes;
    type Error = BodyBroken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        match self.get_mut() {
            Self::Full(content) => Poll::Ready(content.take().map(|data| Ok(Frame::data(data)))),
            Self::Running(running) => running.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(None))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Full(content) => {
                let length = content.as_ref().map_or(0, Bytes::len);
                hyper::body::SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Self::Running(_) => hyper::body::SizeHint::default(),
        }
    }
}

impl RunningBody {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        if let Some(breaks_at) = &mut self.breaks_at {
            std::task::ready!(breaks_at.as_mut().poll(context));
            return Poll::Ready(Some(Err(BodyBroken)));
        }
        match std::task::ready!(self.events.poll_recv(context)) {
            Some(OutputEvent::Data(data)) => {
                self.sent
                    .inc_by(u64::try_from(data.len()).unwrap_or(u64::MAX));
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Some(OutputEvent::End) => {
                self.guard.ticket.finish();
                Poll::Ready(None)
            }
            // A body without a proper end tells the client that the response is incomplete. Failing
            // at once would discard unsent data, namely the exception's text.
            Some(OutputEvent::Broken | OutputEvent::Head { .. } | OutputEvent::Failed(_))
            | None => {
                self.breaks_at = Some(Box::pin(tokio::time::sleep(FLUSH_TIME)));
                self.poll(context)
            }
        }
    }
}

/// What all responses to a query have in common.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) query_id: String,
    pub(crate) exception_tag: String,
    pub(crate) version: String,
    pub(crate) timezone: String,
}

impl Head {
    /// Returns the response to a query that succeeds.
    pub(crate) fn success(
        &self,
        format: &str,
        progress: Progress,
        encoding: Encoding,
        body: QueryBody,
    ) -> QueryResponse {
        let mut response = self.response(StatusCode::OK, body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(format)));
        if let Some(encoding) = encoding.header() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        insert(&mut response, "x-clickhouse-format", format);
        insert(
            &mut response,
            "x-clickhouse-exception-tag",
            &self.exception_tag,
        );
        insert(&mut response, "x-clickhouse-timezone", &self.timezone);
        insert(&mut response, "x-clickhouse-summary", &summary(progress));
        response
    }

    /// Returns the response to a query that failed before its result began.
    pub(crate) fn failure(&self, exception: &Exception) -> QueryResponse {
        let text = format!("{exception} (version {})\n", self.version);
        let body = QueryBody::Full(Some(text.into()));
        let mut response = self.response(exception.status(), body);
        insert(
            &mut response,
            "x-clickhouse-exception-code",
            &exception.code.to_string(),
        );
        if exception.code == code::REQUIRED_PASSWORD {
            insert(
                &mut response,
                "www-authenticate",
                "Basic realm=\"ClickHouse server HTTP API\"",
            );
        }
        response
    }

    fn response(&self, status: StatusCode, body: QueryBody) -> QueryResponse {
        let mut response = plain(status, body);
        insert(&mut response, "x-clickhouse-query-id", &self.query_id);
        response
    }
}

/// Returns a response with the headers common to all responses.
pub(crate) fn plain(status: StatusCode, body: QueryBody) -> QueryResponse {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    insert(&mut response, "content-type", "text/plain; charset=UTF-8");
    insert(
        &mut response,
        "x-clickhouse-server-display-name",
        "etappe-engine",
    );
    response
}

/// Inserts a header, unless its text is not a valid header value.
fn insert(response: &mut QueryResponse, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// ClickHouse's summary of a query's work; it writes numbers as strings.
fn summary(progress: Progress) -> String {
    serde_json::json!({
        "read_rows": progress.read_rows.to_string(),
        "read_bytes": progress.read_bytes.to_string(),
        "written_rows": progress.written_rows.to_string(),
        "written_bytes": progress.written_bytes.to_string(),
    })
    .to_string()
}

fn content_type(format: &str) -> &'static str {
    let format = format.to_ascii_lowercase();
    let is = |prefix: &str| format.starts_with(prefix);
    if is("jsoneachrow") || is("jsonl") || is("ndjson") {
        "application/x-ndjson; charset=UTF-8"
    } else if is("json") {
        "application/json; charset=UTF-8"
    } else if is("csv") {
        "text/csv; charset=UTF-8"
    } else if is("tsv") || is("tabseparated") {
        "text/tab-separated-values; charset=UTF-8"
    } else if is("xml") {
        "application/xml; charset=UTF-8"
    } else if is("rowbinary") || is("native") || is("parquet") || is("arrow") {
        "application/octet-stream"
    } else {
        "text/plain; charset=UTF-8"
    }
}
