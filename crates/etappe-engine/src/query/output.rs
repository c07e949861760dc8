//! The channel from the query's thread to the client.
//!
//! The channel and its pieces are short, so that the result for a slow client waits in the engine,
//! not in memory. A client that reads nothing for too long counts as gone.

use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::exception::{Exception, code};
use crate::ffi::Progress;
use crate::http::encode::{Encoder, Encoding};

/// Pieces that may wait for the client; each is at most 256 KiB.
const PIECES: usize = 4;

/// A message from the query's thread to the connection.
#[derive(Debug)]
pub(crate) enum OutputEvent {
    /// The query runs without error so far; its result begins.
    Head { format: String, progress: Progress },
    /// A piece of the encoded result.
    Data(Bytes),
    /// The result is complete.
    End,
    /// The result is incomplete; the last bytes sent contain the reason.
    Broken,
    /// The query failed before anything was sent.
    Failed(Exception),
}

/// The options of an output.
pub(crate) struct OutputOptions {
    pub(crate) encoding: Encoding,
    /// Marks an exception in the middle of a result.
    pub(crate) exception_tag: String,
    /// The version at the end of every exception's text.
    pub(crate) version: String,
    pub(crate) idle_timeout: Duration,
}

/// The query thread's end of the channel to the client.
pub(crate) struct Output {
    sender: mpsc::Sender<OutputEvent>,
    runtime: Handle,
    encoder: Encoder,
    options: OutputOptions,
    format: String,
    has_begun: bool,
}

impl Output {
    /// Returns an output and the receiver of its events. Must be called on the runtime.
    pub(crate) fn new(options: OutputOptions) -> (Self, mpsc::Receiver<OutputEvent>) {
        let (sender, receiver) = mpsc::channel(PIECES);
        let output = Self {
            sender,
            runtime: Handle::current(),
            encoder: Encoder::new(options.encoding),
            options,
            format: String::new(),
            has_begun: false,
        };
        (output, receiver)
    }

    /// Sets the format that the response head names.
    pub(crate) fn set_format(&mut self, format: &str) {
        format.clone_into(&mut self.format);
    }

    /// Sends a part of the result; blocks while the client is behind.
    pub(crate) fn write(&mut self, mut data: Bytes, progress: Progress) -> Result<(), Exception> {
        self.begin(progress)?;
        while let Some(piece) = self
            .encoder
            .encode(&mut data)
            .map_err(|error| encoding(&error))?
        {
            self.send_data(piece)?;
        }
        Ok(())
    }

    /// Ends the result.
    pub(crate) fn finish(mut self, progress: Progress) {
        let Ok(()) = self.begin(progress) else { return };
        let encoder = std::mem::replace(&mut self.encoder, Encoder::Identity);
        let ended = match encoder.finish() {
            Ok(last) => self
                .send_data(last)
                .and_then(|()| self.send(OutputEvent::End)),
            Err(error) => Err(encoding(&error)),
        };
        if let Err(exception) = ended {
            tracing::debug!(error = %exception, "a result could not be sent completely");
        }
    }

    /// Sends a failure: as the whole answer, or after a partial result in the form that clients
    /// look for.
    pub(crate) fn fail(mut self, exception: &Exception) {
        if !self.has_begun {
            // If the client is gone, the failure is not needed.
            drop(self.send(OutputEvent::Failed(exception.clone())));
            return;
        }
        let tag = &self.options.exception_tag;
        let message = format!("{exception} (version {})\n", self.options.version);
        let tail = format!(
            "\r\n__exception__\r\n{tag}\r\n{message}{} {tag}\r\n__exception__\r\n",
            message.len()
        );
        let pieces = self
            .encoder
            .encode_apart(tail.as_bytes())
            .unwrap_or_default();
        for piece in pieces {
            if self.send_data(piece).is_err() {
                return;
            }
        }
        drop(self.send(OutputEvent::Broken));
    }

    fn begin(&mut self, progress: Progress) -> Result<(), Exception> {
        if self.has_begun {
            return Ok(());
        }
        self.has_begun = true;
        self.send(OutputEvent::Head {
            format: self.format.clone(),
            progress,
        })
    }

    fn send_data(&self, piece: Bytes) -> Result<(), Exception> {
        if piece.is_empty() {
            Ok(())
        } else {
            self.send(OutputEvent::Data(piece))
        }
    }

    fn send(&self, event: OutputEvent) -> Result<(), Exception> {
        let gone = |reason: &str| {
            Exception::new(code::NETWORK_ERROR, format!("{reason}. (NETWORK_ERROR)"))
        };
        match self.sender.try_send(event) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(gone("the client disconnected")),
            Err(TrySendError::Full(event)) => self
                .runtime
                .block_on(self.sender.send_timeout(event, self.options.idle_timeout))
                .map_err(|_| gone("the client does not read the result")),
        }
    }
}

fn encoding(error: &std::io::Error) -> Exception {
    let text = format!("the result cannot be encoded: {error}");
    Exception::new(code::UNKNOWN_EXCEPTION, text)
}
