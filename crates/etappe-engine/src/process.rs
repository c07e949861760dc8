//! The engine's process: its inside ([`PreparedEngine`], [`run_engine`]) and its parent's handle
//! ([`EngineProcess`]).
//!
//! Invariant: the process ends when its control pipe closes, and only then. It ignores SIGINT,
//! SIGTERM and SIGHUP, because it is in its parent's process group: a signal to the whole group
//! must not stop the engine while writers still drain. If the parent dies, the pipe closes and the
//! engine stops.

mod prepared;
mod supervise;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::config::EngineConfig;
use crate::credentials::EngineSecrets;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::http::handler::Interface;
use crate::metrics::EngineMetrics;
use crate::query::QueryLimits;
use crate::query::cancel::Canceller;
use crate::server::serve;
use crate::turns::Turns;

pub use prepared::{PreparedEngine, run_statements};
pub use supervise::{EngineProcess, EngineProcessOptions};

/// The engine recurses deeply when it loads tables.
const OPEN_STACK: usize = 16 * 1024 * 1024;
/// How long killed queries may take to end.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// The line that tells the parent that the engine is ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadyLine {
    /// Where the engine listens.
    pub listen: SocketAddr,
}

/// Runs a prepared engine: opens the data folder, writes one [`ReadyLine`] as JSON to `ready`, and
/// serves until `control` ends. Then it stops accepting, lets running queries finish within
/// [`EngineConfig::drain_timeout`], kills the rest, and closes the data folder.
///
/// Replaces the process's handlers of SIGINT, SIGTERM and SIGHUP. A process can run only one
/// engine, and only once.
///
/// # Errors
///
/// If the library or the data folder cannot be opened, or metrics with the same names are
/// registered.
pub async fn run_engine<C, R>(
    prepared: PreparedEngine,
    control: C,
    mut ready: R,
    registry: &Registry,
) -> Result<(), EngineError>
where
    C: AsyncRead + Unpin,
    R: AsyncWrite + Unpin,
{
    let PreparedEngine {
        config,
        lock,
        secrets,
        listener,
        server_config,
    } = prepared;
    let _signals = take_signals()?;
    let metrics = EngineMetrics::register(registry)
        .map_err(|error| EngineError::BadConfiguration(format!("metrics: {error}")))?;
    let bind_failed = |source| EngineError::io(format!("listen on {}", config.listen), source);
    let listener = TcpListener::from_std(listener).map_err(bind_failed)?;
    let listen = listener.local_addr().map_err(bind_failed)?;
    let opened = config.clone();
    let engine = Arc::new(on_thread(move || Engine::open(&opened, &server_config, lock)).await??);
    let turns = Arc::new(Turns::new(
        config.concurrent_queries,
        config.queued_queries,
        config.queue_timeout,
    ));
    let canceller = Canceller::start(Arc::clone(&engine), turns.capacity())
        .map_err(|source| EngineError::io("start a thread", source))?;
    let interface = Arc::new(build_interface(
        &config,
        Parts {
            engine: Arc::clone(&engine),
            secrets,
            canceller: Arc::new(canceller),
        },
        Arc::clone(&turns),
        metrics,
    ));
    announce(&mut ready, listen).await?;
    tracing::info!(%listen, version = engine.version(), "engine ready");
    let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
    let server = serve(
        listener,
        Arc::clone(&interface),
        stop.clone(),
        abort.clone(),
    );
    let stopping = async {
        wait_for_end(control).await;
        end_queries(config.drain_timeout, &stop, &abort).await
    };
    tokio::select! {
        () = server => {}
        () = stopping => {}
    }
    close(engine, interface, &turns).await
}

/// Accepts no further queries, and kills the running ones after `drain_timeout`. Never returns,
/// because the server ends by itself.
async fn end_queries(drain_timeout: Duration, stop: &CancellationToken, abort: &CancellationToken) {
    tracing::info!("engine stopping");
    stop.cancel();
    tokio::time::sleep(drain_timeout).await;
    tracing::warn!("queries are still running and will be killed");
    abort.cancel();
    std::future::pending().await
}

/// Catches the signals; they are then ignored.
fn take_signals() -> Result<[Signal; 3], EngineError> {
    let take = |kind| signal(kind).map_err(|source| EngineError::io("catch signals", source));
    Ok([
        take(SignalKind::interrupt())?,
        take(SignalKind::terminate())?,
        take(SignalKind::hangup())?,
    ])
}

/// Runs an engine call, which blocks and recurses deeply, on its own thread.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .name("engine-open".to_owned())
        .stack_size(OPEN_STACK)
        .spawn(move || drop(sender.send(work())))
        .map_err(|source| EngineError::io("start a thread", source))?;
    Ok(receiver.await.expect("the thread sends before it ends"))
}

struct Parts {
    engine: Arc<Engine>,
    secrets: EngineSecrets,
    canceller: Arc<Canceller>,
}

fn build_interface(
    config: &EngineConfig,
    parts: Parts,
    turns: Arc<Turns>,
    metrics: EngineMetrics,
) -> Interface {
    Interface {
        engine: parts.engine,
        secrets: parts.secrets,
        canceller: parts.canceller,
        turns,
        limits: QueryLimits {
            body_bytes: config.body_limit_bytes,
            reader_timeout: config.reader_query_timeout,
            reader_memory: config.reader_memory_bytes,
        },
        idle_timeout: config.idle_timeout,
        metrics,
    }
}

async fn announce<R: AsyncWrite + Unpin>(
    ready: &mut R,
    listen: SocketAddr,
) -> Result<(), EngineError> {
    let failed = |source| EngineError::io("say that the engine is ready", source);
    let mut line =
        serde_json::to_vec(&ReadyLine { listen }).map_err(|error| failed(error.into()))?;
    line.push(b'\n');
    ready.write_all(&line).await.map_err(failed)?;
    ready.flush().await.map_err(failed)
}

/// Reads the control pipe to its end and ignores the data.
async fn wait_for_end<C: AsyncRead + Unpin>(mut control: C) {
    let mut buffer = [0; 64];
    while let Ok(1..) = control.read(&mut buffer).await {}
}

/// Closes the engine after the last query. Queries whose connections were aborted are being killed.
/// If one does not end, the data folder is not closed and the process just exits, which the engine
/// survives like a crash.
async fn close(
    engine: Arc<Engine>,
    interface: Arc<Interface>,
    turns: &Turns,
) -> Result<(), EngineError> {
    if tokio::time::timeout(KILL_TIMEOUT, turns.all_ended())
        .await
        .is_err()
    {
        tracing::error!("queries did not end after they were killed");
        return Ok(());
    }
    let Some(interface) = Arc::into_inner(interface) else {
        tracing::error!("a connection outlived the server");
        return Ok(());
    };
    let Interface {
        canceller,
        engine: of_interface,
        ..
    } = interface;
    drop(of_interface);
    if let Some(canceller) = Arc::into_inner(canceller) {
        on_thread(move || canceller.stop()).await?;
    }
    match Arc::into_inner(engine) {
        Some(engine) => on_thread(move || engine.close()).await?,
        None => tracing::error!("the engine is still in use"),
    }
    tracing::info!("engine closed");
    Ok(())
}
