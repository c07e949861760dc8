//! Serves one connection: its requests in turn, each within its limits.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::body_deadline::{BodyDeadline, CutOff};
use super::config::ServerConfig;
use super::metrics::AddressMetrics;
use super::proxy::ViaProxy;
use super::write_deadline::WriteDeadline;
use super::{host, problem};

/// The buffer of a connection in addition to the head.
const BUFFER_BYTES: usize = 32 * 1024;

/// Tells a handler that the server stops. In the extensions of every request, for answers without an
/// end: one that goes on delays the shutdown by the whole drain timeout.
#[derive(Debug, Clone)]
pub struct Stopping(CancellationToken);

impl Stopping {
    /// Waits until the server stops. Cancellation-safe.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }
}

/// What serving a connection of an address needs.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) router: Router,
    pub(super) config: ServerConfig,
    pub(super) metrics: AddressMetrics,
    pub(super) stopping: CancellationToken,
}

impl Serving {
    /// Serves a connection until it ends.
    pub(super) fn connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        is_proxy: bool,
    ) -> impl Future<Output = Result<(), hyper::Error>> + Send {
        let config = self.config.clone();
        let stopping = self.stopping.clone();
        let has_begun = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&has_begun);
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            begun.store(true, Ordering::Relaxed);
            let extensions = request.extensions_mut();
            extensions.insert(ConnectInfo(peer));
            extensions.insert(Stopping(self.stopping.clone()));
            if is_proxy {
                extensions.insert(ViaProxy);
            }
            self.clone().answer(request)
        });
        let io = TokioIo::new(WriteDeadline::new(stream, config.write_timeout));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            .max_header_size(config.header_bytes)
            .max_buf_size(config.header_bytes + BUFFER_BYTES)
            .serve_connection(io, service);
        async move {
            tokio::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => return ended,
                () = stopping.cancelled() => {}
            }
            if !has_begun.load(Ordering::Relaxed) {
                // At most half a head was received, so no request is lost.
                return Ok(());
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }

    async fn answer(mut self, request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
        let (parts, body) = request.into_parts();
        if let Err(error) = host::check(&parts) {
            self.metrics.count_refused("bad_host");
            return Ok(problem::bad_host(error));
        }
        let cut_off = CutOff::default();
        let limit = self.config.body_timeout;
        let body = Body::new(BodyDeadline::new(body, limit, cut_off.clone()));
        let response = self.router.call(Request::from_parts(parts, body)).await?;
        if !cut_off.happened() {
            return Ok(response);
        }
        self.metrics.count_refused("body_timeout");
        // A handler that does not know why the body ended early reports it as broken.
        if response.status() == http::StatusCode::BAD_REQUEST {
            return Ok(problem::body_timed_out(limit));
        }
        Ok(response)
    }
}
