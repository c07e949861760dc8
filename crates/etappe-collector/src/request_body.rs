//! Reads a request's body within its size limit and its memory lease. The server limits the time.

use axum::body::Body;
use bytes::Bytes;
use etappe_runtime::http_server::BodyTimedOut;
use http_body_util::BodyExt;

use crate::budget::Lease;
use crate::config::CollectorConfig;
use crate::error::IntakeError;
use crate::inflate::is_gzip;

/// How much of a refused body is read and discarded, so that a client that reads only after sending
/// gets its answer instead of a broken connection.
const DISCARDED_BYTES: usize = 32 * 1024 * 1024;

/// The smallest buffer for a body.
const FIRST_BUFFER: usize = 4 * 1024;

/// A body that is being received.
pub(crate) struct RequestBody {
    body: Body,
    /// Whether any of it was requested; before that a client may still be waiting for `100
    /// Continue`.
    begun: bool,
    /// Whether the body has ended.
    ended: bool,
}

impl RequestBody {
    /// Takes the body.
    pub(crate) const fn new(body: Body) -> Self {
        Self {
            body,
            begun: false,
            ended: false,
        }
    }

    /// Reads the whole body. The gzip limit applies to a body that starts like gzip and the other
    /// limit to all others, whatever the headers say.
    pub(crate) async fn read(
        &mut self,
        config: &CollectorConfig,
        stated_length: Option<usize>,
        lease: &mut Lease,
    ) -> Result<Vec<u8>, IntakeError> {
        let limit = config.body_bytes.max(config.compressed_body_bytes);
        if stated_length.is_some_and(|length| length > limit) {
            return Err(IntakeError::BodyTooLarge { limit });
        }
        let mut bytes = Vec::new();
        while let Some(data) = self.next().await? {
            let size = bytes.len() + data.len();
            let starts_gzip = match bytes.len() {
                0 | 1 => {
                    let head: Vec<u8> = bytes.iter().chain(data.iter()).take(2).copied().collect();
                    is_gzip(&head)
                }
                _ => is_gzip(&bytes),
            };
            let limit = if starts_gzip {
                config.compressed_body_bytes
            } else {
                config.body_bytes
            };
            // The stated length avoids reading a body that is too long anyway.
            if size.max(stated_length.unwrap_or(0)) > limit {
                return Err(if starts_gzip {
                    IntakeError::CompressedBodyTooLarge { limit }
                } else {
                    IntakeError::BodyTooLarge { limit }
                });
            }
            if size > bytes.capacity() {
                let capacity = size.max(bytes.capacity() * 2).max(FIRST_BUFFER).min(limit);
                lease
                    .resize(capacity)
                    .map_err(|_| IntakeError::Overloaded)?;
                bytes.reserve_exact(capacity - bytes.len());
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes)
    }

    /// Reads and discards the rest, up to a limit. A client that waits for `100 Continue` does not
    /// get it.
    pub(crate) async fn discard(mut self, waits_for_leave: bool) {
        if waits_for_leave && !self.begun {
            return;
        }
        let mut left = DISCARDED_BYTES;
        while let Ok(Some(data)) = self.next().await {
            let Some(rest) = left.checked_sub(data.len()) else {
                return;
            };
            left = rest;
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, IntakeError> {
        self.begun = true;
        while !self.ended {
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Err(match BodyTimedOut::find(&error) {
                        Some(BodyTimedOut { limit }) => IntakeError::BodyTimeout { limit },
                        None => IntakeError::BrokenBody,
                    });
                }
                None => self.ended = true,
            }
        }
        Ok(None)
    }
}
