//! Passes a request's body from the network to the query's thread.
//!
//! Invariant: a body is only complete after an explicit end message. A channel that closes without
//! one means that the client is gone, and then nothing may be inserted. The channel is short, so
//! that a slow engine slows the client down.

use std::io::{self, Read};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use prometheus::IntCounter;
use tokio::sync::mpsc;

use crate::exception::{Exception, code};

/// Pieces in flight; each is one read from the socket, some hundred KiB at most.
const PIECES: usize = 8;

/// A message from the network to the query's thread.
#[derive(Debug)]
pub(crate) enum Piece {
    Data(Bytes),
    End,
    /// The body is incomplete: the connection broke or the client timed out.
    Broken(String),
}

/// Why a body could not be read completely.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("the request's body ended early: {0}. (NETWORK_ERROR)")]
    Broken(String),
}

/// Returns both ends of the channel for a body.
pub(crate) fn channel() -> (mpsc::Sender<Piece>, UploadReader) {
    let (sender, receiver) = mpsc::channel(PIECES);
    let reader = UploadReader {
        receiver,
        current: Bytes::new(),
        is_finished: false,
    };
    (sender, reader)
}

/// Limits on reading a body.
pub(crate) struct PumpLimits {
    /// How long the client may send nothing.
    pub(crate) idle_timeout: Duration,
    /// How many bytes to read after the query stopped reading.
    pub(crate) discarded_bytes: u64,
}

/// A body whose first piece may have been read already.
pub(crate) struct Upload {
    body: Incoming,
    beginning: Bytes,
}

impl Upload {
    pub(crate) fn new(body: Incoming) -> Self {
        Self {
            body,
            beginning: Bytes::new(),
        }
    }

    /// Waits for the first piece and returns it; empty if the body is empty.
    pub(crate) async fn peek(&mut self, idle_timeout: Duration) -> Result<&[u8], Exception> {
        while self.beginning.is_empty() {
            match tokio::time::timeout(idle_timeout, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.beginning = data;
                    }
                }
                Ok(None) => break,
                Ok(Some(Err(error))) => {
                    let error = UploadError::Broken(error.to_string()).to_string();
                    return Err(Exception::new(code::NETWORK_ERROR, error));
                }
                Err(_) => {
                    let text = "the client sends nothing. (SOCKET_TIMEOUT)";
                    return Err(Exception::new(code::SOCKET_TIMEOUT, text));
                }
            }
        }
        Ok(&self.beginning)
    }
}

/// Sends the body piece by piece. When the query's thread stops reading, the rest is read and
/// discarded, so that the client sees the answer instead of a broken connection.
pub(crate) async fn pump(
    upload: Upload,
    sender: mpsc::Sender<Piece>,
    limits: PumpLimits,
    received: IntCounter,
) {
    let Upload {
        mut body,
        beginning,
    } = upload;
    let mut discarded = 0_u64;
    if !beginning.is_empty() {
        let length = u64::try_from(beginning.len()).unwrap_or(u64::MAX);
        received.inc_by(length);
        if sender.send(Piece::Data(beginning)).await.is_err() {
            discarded = length;
        }
    }
    while discarded <= limits.discarded_bytes {
        let message = match tokio::time::timeout(limits.idle_timeout, body.frame()).await {
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Piece::Data(data),
                // Trailers are ignored.
                Err(_) => continue,
            },
            Ok(Some(Err(error))) => Piece::Broken(error.to_string()),
            Ok(None) => Piece::End,
            Err(_) => Piece::Broken(format!(
                "no data received for {} s",
                limits.idle_timeout.as_secs()
            )),
        };
        let is_last = !matches!(message, Piece::Data(_));
        let length = match &message {
            Piece::Data(data) => u64::try_from(data.len()).unwrap_or(u64::MAX),
            Piece::End | Piece::Broken(_) => 0,
        };
        received.inc_by(length);
        if sender.send(message).await.is_err() {
            discarded = discarded.saturating_add(length);
        }
        if is_last {
            return;
        }
    }
}

/// Reads and discards a limited part of the body of a refused request, so that the client sees the
/// refusal instead of a broken connection.
pub(crate) async fn discard(mut body: Incoming, limits: PumpLimits) {
    let mut discarded = 0_u64;
    while discarded <= limits.discarded_bytes {
        match tokio::time::timeout(limits.idle_timeout, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                discarded = discarded.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            }
            Ok(Some(Err(_)) | None) | Err(_) => return,
        }
    }
}

/// The query thread's end of the channel. Reads block, so it must not be used on a thread of the
/// runtime.
pub(crate) struct UploadReader {
    receiver: mpsc::Receiver<Piece>,
    current: Bytes,
    is_finished: bool,
}

impl Read for UploadReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.is_finished {
            match self.receiver.blocking_recv() {
                Some(Piece::Data(data)) => self.current = data,
                Some(Piece::End) => self.is_finished = true,
                Some(Piece::Broken(reason)) => {
                    return Err(io::Error::other(UploadError::Broken(reason)));
                }
                None => {
                    let reason = "the client disconnected".to_owned();
                    return Err(io::Error::other(UploadError::Broken(reason)));
                }
            }
        }
        let length = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_complete_only_with_its_end() {
        let (sender, mut reader) = channel();
        sender
            .blocking_send(Piece::Data(Bytes::from_static(b"ab")))
            .unwrap();
        sender
            .blocking_send(Piece::Data(Bytes::from_static(b"c")))
            .unwrap();
        sender.blocking_send(Piece::End).unwrap();
        let mut content = String::new();
        reader.read_to_string(&mut content).unwrap();
        assert_eq!(content, "abc");

        let (sender, mut reader) = channel();
        sender
            .blocking_send(Piece::Data(Bytes::from_static(b"ab")))
            .unwrap();
        drop(sender);
        assert!(reader.read_to_string(&mut content).is_err());
    }
}
