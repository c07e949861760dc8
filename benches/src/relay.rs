//! The limit of the collector: a bare HTTP server that makes bodies durable, and nothing else.
//!
//! It reads the body, appends it to a file, and answers 200 once a group commit has it on disk:
//! the same guarantee as the collector's, without authentication, decoding, checks or limits.
//! With [`Body::Inflated`] it decompresses the body and appends the text. With [`Body::Events`] it
//! also takes the batch apart and appends each message as a record with length and checksum: the
//! least that any collector has to do whose log holds events and not requests.

mod committer;

use std::convert::Infallible;
use std::io::Read;
use std::path::PathBuf;

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

use committer::Committer;

/// What is appended to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Body {
    /// The body as it came.
    Raw,
    /// The body's text, decompressed.
    Inflated,
    /// Each message of the body, decompressed, as a record of its own.
    Events,
}

/// A batch whose messages are not looked into.
#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Vec<&'a RawValue>,
}

/// Serves until the process is ended.
///
/// # Errors
///
/// When the file cannot be made.
pub async fn serve(listener: TcpListener, dir: PathBuf, body: Body) -> anyhow::Result<()> {
    let committer = Committer::start(dir)?;
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let (stream, _) = accepted.context("cannot accept connections")?;
        stream.set_nodelay(true)?;
        let committer = committer.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let committer = committer.clone();
                async move { Ok::<_, Infallible>(answer(request, body, &committer).await) }
            });
            // A client that goes away is not the server's error.
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    body: Body,
    committer: &Committer,
) -> Response<Full<Bytes>> {
    let compressed = request.headers().contains_key(CONTENT_ENCODING);
    let read = read(request.into_body()).await;
    let stored = match body {
        Body::Raw => read,
        Body::Inflated => read.and_then(|bytes| text(bytes, compressed)),
        Body::Events => read.and_then(|bytes| records(&text(bytes, compressed)?)),
    };
    let committed = match stored {
        Some(bytes) => committer.commit(bytes).await,
        None => false,
    };
    let mut response = Response::new(Full::new(Bytes::from_static(br#"{"success":true}"#)));
    if !committed {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// Reads a body; like any server, it does not copy one that came in one piece.
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

/// Returns the messages of a batch, or the one message, each after its length and checksum.
fn records(text: &[u8]) -> Option<Bytes> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 32);
    match serde_json::from_slice::<Batch<'_>>(text) {
        Ok(Batch { batch }) => {
            for message in batch {
                append_record(message.get().as_bytes(), &mut out)?;
            }
        }
        Err(_) => append_record(
            serde_json::from_slice::<&RawValue>(text)
                .ok()?
                .get()
                .as_bytes(),
            &mut out,
        )?,
    }
    Some(out.into())
}

fn append_record(message: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(&u32::try_from(message.len()).ok()?.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(message).to_le_bytes());
    out.extend_from_slice(message);
    Some(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use etappe_core::time::Timestamp;

    use super::*;
    use crate::load::{LoadPlan, Target, run};
    use crate::request_pool::{RequestPool, Shape};
    use crate::schedule::Arrival;

    async fn stored_by(body: Body) -> (u64, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let plan = LoadPlan {
            address: listener.local_addr().unwrap().to_string(),
            write_key: String::new(),
            target: Target::Bare,
            shape: Shape::Batch(10),
            arrival: Arrival::Open { per_second: 100.0 },
            connections: 4,
            duration: Duration::from_millis(200),
            watch: None,
        };
        let mut server = JoinSet::new();
        server.spawn(serve(listener, dir.path().to_owned(), body));
        let pool = RequestPool::new(plan.shape, Timestamp::EPOCH, 1).unwrap();
        let report = run(&plan, Arc::new(pool)).await.unwrap();
        assert!(report.is_complete() && report.errors.is_empty(), "{report}");
        let file = std::fs::read_dir(dir.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        (report.body_bytes_sent, std::fs::read(file.path()).unwrap())
    }

    #[tokio::test]
    async fn the_raw_relay_stores_exactly_the_bytes_that_were_sent() {
        let (sent, stored) = stored_by(Body::Raw).await;
        assert_eq!(stored.len() as u64, sent);
    }

    #[tokio::test]
    async fn the_inflating_relay_stores_the_text() {
        let (_, stored) = stored_by(Body::Inflated).await;
        let text = String::from_utf8(stored).unwrap();
        assert_eq!(text.matches(r#"{"batch":["#).count(), 20);
        assert_eq!(text.matches(r#""messageId":"#).count(), 200);
    }

    #[tokio::test]
    async fn the_relay_of_events_stores_each_message_as_a_record() {
        let (_, stored) = stored_by(Body::Events).await;
        let (mut rest, mut messages) = (&stored[..], 0);
        while let Some((head, tail)) = rest.split_first_chunk::<8>() {
            let [a, b, c, d, checksum @ ..] = *head;
            let (message, after) = tail.split_at(u32::from_le_bytes([a, b, c, d]) as usize);
            assert_eq!(u32::from_le_bytes(checksum), crc32fast::hash(message));
            assert!(message.starts_with(b"{") && message.ends_with(b"}"));
            (rest, messages) = (after, messages + 1);
        }
        assert_eq!(messages, 200);
    }

    #[test]
    fn a_single_message_is_one_record() {
        assert_eq!(
            records(b" {\"event\":\"x\"}").map(|bytes| bytes.len()),
            Some(8 + 13)
        );
        assert_eq!(records(b"{not json"), None);
    }
}
