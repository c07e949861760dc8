//! Accepts connections on the loopback address and serves the interface on them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::handler::Interface;
use crate::http::slot::ConnectionSlot;

/// Concurrent connections; each costs a task and two small buffers.
const MAX_CONNECTIONS: usize = 512;
/// How many of them readers may use.
const READER_CONNECTIONS: usize = 256;
/// How long a connection may be idle, or take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to pause when the system is out of sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, then lets running requests continue until `abort`.
pub(crate) async fn serve(
    listener: TcpListener,
    interface: Arc<Interface>,
    stop: CancellationToken,
    abort: CancellationToken,
) {
    let connections = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let readers = Arc::new(Semaphore::new(READER_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, slot)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let interface = Arc::clone(&interface);
        let (stop, abort) = (stop.clone(), abort.clone());
        let login = ConnectionSlot::of(&readers);
        connections.spawn(async move {
            serve_connection(stream, interface, login, stop, abort).await;
            drop(slot);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Without it small answers are delayed until the client's acknowledgement; a failure is
            // harmless.
            drop(stream.set_nodelay(true));
            Some((stream, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "could not accept a connection");
            None
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    interface: Arc<Interface>,
    slot: ConnectionSlot,
    stop: CancellationToken,
    abort: CancellationToken,
) {
    let slot = Arc::new(slot);
    let service = service_fn(move |request| {
        let (interface, slot) = (Arc::clone(&interface), Arc::clone(&slot));
        async move { Ok::<_, Infallible>(interface.answer(request, &slot).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = abort.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
}
