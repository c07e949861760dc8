//! A server with bounds on everything a client can do to it.
//!
//! Connections are counted, heads are bounded in size and time, answers must be taken in time, and
//! at the end requests in progress get a while to finish. What a request may do is the router's
//! business; any router can be served, so all public paths can share one address.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::config::CollectorConfig;
use crate::error::ServeError;
use crate::metrics::CollectorMetrics;

mod write_deadline;

use write_deadline::WriteDeadline;

/// How long to wait after the operating system refused to hand out a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many open files are left to the rest of the process.
const FILES_LEFT: usize = 256;

/// How much is buffered for a connection beyond the head.
const BUFFER_BYTES: usize = 32 * 1024;

/// What a connection over the limit is told, as far as it takes it at once.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// Serves `router` on `listener` until `shutdown` ends, then lets requests in progress finish.
///
/// Handlers find the client's address as [`ConnectInfo<SocketAddr>`]. On `shutdown` no connection is
/// accepted any more and idle ones are closed; the rest gets `config.drain_timeout`. Dropping the
/// returned future cuts every connection off.
///
/// # Errors
/// [`ServeError::DrainTimeout`] when connections had to be cut off.
pub async fn run(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send,
    config: &CollectorConfig,
    metrics: &CollectorMetrics,
) -> Result<(), ServeError> {
    let mut connections = JoinSet::new();
    let stopping = CancellationToken::new();
    let server = Server {
        router,
        limit: connection_limit(config.max_connections),
        config,
        metrics,
        stopping: stopping.clone(),
    };
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => server.ended(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => server.take(stream, peer, &mut connections),
                Err(error) => {
                    // Out of file descriptors, most likely: give connections time to end.
                    tracing::warn!(%error, "no connection could be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    stopping.cancel();
    let drained = timeout(config.drain_timeout, async {
        while let Some(ended) = connections.join_next().await {
            server.ended(ended);
        }
    });
    if drained.await.is_ok() {
        return Ok(());
    }
    let left = connections.len();
    connections.shutdown().await;
    metrics.connections.set(0);
    Err(ServeError::DrainTimeout {
        connections: left,
        limit: config.drain_timeout,
    })
}

/// Returns how many connections may be open: no more than leave files for everything else.
fn connection_limit(wanted: usize) -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files
        .and_then(|files| usize::try_from(files).ok())
        .unwrap_or(usize::MAX);
    let limit = wanted.min(files.saturating_sub(FILES_LEFT).max(1));
    if limit < wanted {
        tracing::warn!(
            limit,
            wanted,
            files,
            "fewer connections than configured: raise `ulimit -n`"
        );
    }
    limit
}

struct Server<'a> {
    router: Router,
    /// How many connections may be open.
    limit: usize,
    config: &'a CollectorConfig,
    metrics: &'a CollectorMetrics,
    stopping: CancellationToken,
}

/// How a connection ended.
type Ended = Result<Result<(), hyper::Error>, JoinError>;

impl Server<'_> {
    /// Serves a connection, or refuses it if there are too many.
    fn take(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        connections: &mut JoinSet<Result<(), hyper::Error>>,
    ) {
        if connections.len() >= self.limit {
            // Best effort: whoever does not take it finds the connection closed.
            if stream.try_write(TOO_MANY).is_err() {
                tracing::debug!("a connection over the limit was closed without an answer");
            }
            self.count("refused");
            return;
        }
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection broke before it was served");
            self.count("failed");
            return;
        }
        let router = self.router.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().call(request)
        });
        let io = TokioIo::new(WriteDeadline::new(stream, self.config.write_timeout));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.config.header_timeout)
            .max_header_size(self.config.header_bytes)
            .max_buf_size(self.config.header_bytes + BUFFER_BYTES)
            .serve_connection(io, service);
        let stopping = self.stopping.clone();
        connections.spawn(async move {
            tokio::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => return ended,
                () = stopping.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            connection.await
        });
        self.metrics.connections.inc();
    }

    fn ended(&self, ended: Ended) {
        self.metrics.connections.dec();
        match ended {
            Ok(Ok(())) => self.count("served"),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a connection failed");
                self.count("failed");
            }
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "a request could not be handled");
                }
                self.count("failed");
            }
        }
    }

    fn count(&self, result: &str) {
        self.metrics
            .connections_ended
            .with_label_values(&[result])
            .inc();
    }
}
