//! The HTTP server of every address, which limits everything that a client can do to it.
//!
//! Connections are limited in total and per network. Heads are limited in size and time, bodies in
//! time. Clients must read answers at a minimum rate. On shutdown, requests in progress get some
//! time to finish. A request without exactly one `Host` is refused, and a path that no route
//! matches is answered with 404. Everything else is up to the router.
//!
//! Invariants: the memory for connections never exceeds `max_connections` times the buffer of one;
//! a connection without a request in progress never delays the shutdown.

mod body_deadline;
mod config;
mod connection;
mod host;
mod metrics;
mod occupancy;
mod problem;
mod proxy;
mod write_deadline;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use body_deadline::BodyTimedOut;
pub use config::ServerConfig;
pub use connection::Stopping;
pub use metrics::ServerMetrics;
pub use proxy::{InvalidNetwork, Proxies, ViaProxy};

use connection::Serving;
use metrics::{AddressMetrics, Ended};
use occupancy::{Full, Occupancy, Place};

/// The pause after the operating system failed to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The number of open files reserved for the rest of the process and its admin address.
const FILES_LEFT: usize = 512;

/// The answer to a connection when there are too many; sent only as far as the socket takes it at
/// once.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// The answer to a connection when its network has too many.
const TOO_MANY_OF_YOURS: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// Why the server did not end cleanly.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Requests were still in progress when the drain timeout expired and were cut off. Their
    /// events were not acknowledged.
    #[error("{connections} connections were still busy after {limit:?}")]
    DrainTimeout {
        /// How many connections were cut off.
        connections: usize,
        /// The timeout.
        limit: Duration,
    },
}

/// An address: its proxies, its limits, and its metrics.
#[derive(Debug, Clone)]
pub struct Address {
    name: &'static str,
    config: ServerConfig,
    proxies: Proxies,
    metrics: ServerMetrics,
}

impl Address {
    /// Describes an address; `name` is its label in the metrics.
    #[must_use]
    pub fn new(name: &'static str, config: ServerConfig, metrics: ServerMetrics) -> Self {
        Self {
            name,
            config,
            proxies: Proxies::none(),
            metrics,
        }
    }

    /// Treats `proxies` as own proxies, which may carry any number of clients: they are exempt from
    /// the limit per network, and handlers find [`ViaProxy`] in their requests.
    #[must_use]
    pub fn behind(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }
}

/// Serves `router` on `listener` until `shutdown` completes, then lets requests in progress finish.
///
/// Handlers get the client's address as [`axum::extract::ConnectInfo<SocketAddr>`]. The router's
/// own fallback is replaced. On shutdown no more connections are accepted and those without a
/// request are closed; the others get `drain_timeout`. Dropping the returned future cuts off every
/// connection.
///
/// # Errors
/// [`ServeError::DrainTimeout`] when connections had to be cut off.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send,
    address: &Address,
) -> Result<(), ServeError> {
    let mut connections = JoinSet::new();
    let stopping = CancellationToken::new();
    let metrics = address.metrics.of(address.name);
    let config = &address.config;
    let occupancy = Occupancy::new(
        connection_limit(config.max_connections),
        config.network_connections,
    );
    let server = Server {
        serving: Serving {
            router: router.fallback(problem::no_such_path),
            config: config.clone(),
            metrics: metrics.clone(),
            stopping: stopping.clone(),
        },
        proxies: &address.proxies,
        occupancy,
        metrics,
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
                    // Most likely out of file descriptors: give connections time to end.
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
    server.metrics.open.set(0);
    Err(ServeError::DrainTimeout {
        connections: left,
        limit: config.drain_timeout,
    })
}

/// Returns the maximum number of connections, which leaves enough files for everything else.
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
    serving: Serving,
    proxies: &'a Proxies,
    occupancy: Occupancy,
    metrics: AddressMetrics,
}

/// The result of a connection's task.
type TaskEnded = Result<Result<(), hyper::Error>, JoinError>;

impl Server<'_> {
    /// Serves a connection, or refuses it if there are too many.
    fn take(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        connections: &mut JoinSet<Result<(), hyper::Error>>,
    ) {
        let is_proxy = self.proxies.contains(peer.ip());
        let network = (!is_proxy).then(|| peer.ip());
        let place = match self.occupancy.take(network) {
            Ok(place) => place,
            Err(full) => {
                self.refuse(&stream, full);
                return;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection broke before it was served");
            self.metrics.count(Ended::Failed);
            return;
        }
        let connection = self.serving.clone().connection(stream, peer, is_proxy);
        connections.spawn(async move {
            let _place: Place = place;
            connection.await
        });
        self.metrics.open.inc();
    }

    /// Best effort: a client that does not read the answer at once finds the connection closed.
    fn refuse(&self, stream: &TcpStream, full: Full) {
        let (answer, ended) = match full {
            Full::Everywhere => (TOO_MANY, Ended::Refused),
            Full::Network => (TOO_MANY_OF_YOURS, Ended::RefusedNetwork),
        };
        if stream.try_write(answer).is_err() {
            tracing::debug!("a connection over the limit was closed without an answer");
        }
        self.metrics.count(ended);
    }

    fn ended(&self, ended: TaskEnded) {
        self.metrics.open.dec();
        match ended {
            Ok(Ok(())) => self.metrics.count(Ended::Served),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a connection failed");
                self.metrics.count(Ended::Failed);
            }
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "a request could not be handled");
                }
                self.metrics.count(Ended::Failed);
            }
        }
    }
}
