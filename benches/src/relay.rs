//! The limit of the collector: a bare HTTP server that only makes bodies durable.
//!
//! It reads the body, hands it to a [`Store`], and answers 200 once the store has made it durable.
//! This is the same guarantee as the collector's, without authentication, decoding, checks or
//! limits. One store appends to a file by group commit ([`FileStore`]), the other publishes to
//! Kafka ([`KafkaStore`]). Both can split the batch and store each message as a separate record:
//! the minimum work of any collector whose log holds events instead of requests.

mod committer;
mod file;
mod kafka;

use std::convert::Infallible;
use std::future::Future;
use std::io::Read;

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_ENCODING;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use file::FileStore;
pub use kafka::{KafkaPlan, KafkaStore};

/// The part of a request that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Body {
    /// The body as it came.
    Raw,
    /// The body's text, decompressed.
    Inflated,
    /// Each message of the body, decompressed, as a record of its own.
    Events,
}

/// Where bodies are stored. Clones share the store.
pub trait Store: Clone + Send + Sync + 'static {
    /// Stores a body and returns whether it is durable; `compressed` means that it came as gzip.
    fn store(&self, body: Bytes, compressed: bool) -> impl Future<Output = bool> + Send;
}

/// A batch whose messages are not parsed.
#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Vec<&'a RawValue>,
}

/// Serves until the process ends.
///
/// # Errors
///
/// When connections cannot be accepted any more.
pub async fn serve(listener: TcpListener, store: impl Store) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let (stream, _) = accepted.context("cannot accept connections")?;
        stream.set_nodelay(true)?;
        let store = store.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let store = store.clone();
                async move { Ok::<_, Infallible>(answer(request, &store).await) }
            });
            // A client that disconnects is not the server's error.
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

async fn answer(request: Request<Incoming>, store: &impl Store) -> Response<Full<Bytes>> {
    let compressed = request.headers().contains_key(CONTENT_ENCODING);
    let stored = match read(request.into_body()).await {
        Some(body) => store.store(body, compressed).await,
        None => false,
    };
    let mut response = Response::new(Full::new(Bytes::from_static(br#"{"success":true}"#)));
    if !stored {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// Reads a body; like any server, it does not copy a body that arrived in one piece.
async fn read(mut body: Incoming) -> Option<Bytes> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.ok()?.into_data() else {
            continue;
        };
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&data);
        }
    }
    Some(if all.is_empty() { first } else { all.freeze() })
}

fn text(bytes: Bytes, compressed: bool) -> Option<Bytes> {
    if !compressed {
        return Some(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len() * 12);
    GzDecoder::new(&bytes[..]).read_to_end(&mut text).ok()?;
    Some(text.into())
}

/// Returns the messages of a batch, or the single message.
fn messages(text: &[u8]) -> Option<Vec<&[u8]>> {
    let messages = match serde_json::from_slice::<Batch<'_>>(text) {
        Ok(Batch { batch }) => batch,
        Err(_) => vec![serde_json::from_slice::<&RawValue>(text).ok()?],
    };
    Some(
        messages
            .iter()
            .map(|message| message.get().as_bytes())
            .collect(),
    )
}

#[cfg(test)]
mod tests;
