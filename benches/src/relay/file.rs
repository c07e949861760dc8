//! Stores bodies in a file, durable by group commit.
//!
//! With [`Body::Events`] each message is a record with length and checksum.

use std::path::PathBuf;

use bytes::Bytes;

use super::committer::Committer;
use super::{Body, Store, messages, text};

/// Appends to a file, which is restarted once it is large.
#[derive(Debug, Clone)]
pub struct FileStore {
    committer: Committer,
    body: Body,
}

impl FileStore {
    /// Makes the file in `dir`.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn create(dir: PathBuf, body: Body) -> anyhow::Result<Self> {
        let committer = Committer::start(dir)?;
        Ok(Self { committer, body })
    }
}

impl Store for FileStore {
    async fn store(&self, body: Bytes, compressed: bool) -> bool {
        let bytes = match self.body {
            Body::Raw => Some(body),
            Body::Inflated => text(body, compressed),
            Body::Events => text(body, compressed).and_then(|text| records(&text)),
        };
        match bytes {
            Some(bytes) => self.committer.commit(bytes).await,
            None => false,
        }
    }
}

/// Returns the messages of a batch, or the single message, each preceded by its length and
/// checksum.
pub(super) fn records(text: &[u8]) -> Option<Bytes> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 32);
    for message in messages(text)? {
        out.extend_from_slice(&u32::try_from(message.len()).ok()?.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(message).to_le_bytes());
        out.extend_from_slice(message);
    }
    Some(out.into())
}
