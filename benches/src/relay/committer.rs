//! Group commit: all waiting bodies are written, synced and answered together.
//!
//! The file is restarted once it is large, so that a long run does not fill the disk.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

const FILE_BYTES: usize = 256 * 1024 * 1024;
const QUEUE: usize = 4_096;
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// Hands bodies to the writer thread, which ends with the last clone.
#[derive(Debug, Clone)]
pub(super) struct Committer {
    waiting: mpsc::Sender<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    bytes: Bytes,
    committed: oneshot::Sender<()>,
}

impl Committer {
    pub(super) fn start(dir: PathBuf) -> anyhow::Result<Self> {
        let mut file = LimitedFile::create(&dir)?;
        let (waiting, mut taken) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || {
                while let Some(first) = taken.blocking_recv() {
                    let group = group(first, &mut taken);
                    // The closed channel reports a failed group to its waiters.
                    if file.write(&group).is_ok() {
                        for waiting in group {
                            waiting.committed.send(()).ok();
                        }
                    }
                }
            })?;
        Ok(Self { waiting })
    }

    /// Returns whether the bytes are on disk.
    pub(super) async fn commit(&self, bytes: Bytes) -> bool {
        let (committed, done) = oneshot::channel();
        let sent = self.waiting.send(Waiting { bytes, committed }).await;
        sent.is_ok() && done.await.is_ok()
    }
}

fn group(first: Waiting, taken: &mut mpsc::Receiver<Waiting>) -> Vec<Waiting> {
    let mut bytes = first.bytes.len();
    let mut group = vec![first];
    while bytes < GROUP_BYTES {
        let Ok(next) = taken.try_recv() else { break };
        bytes += next.bytes.len();
        group.push(next);
    }
    group
}

struct LimitedFile {
    path: PathBuf,
    file: File,
    length: usize,
    buffer: Vec<u8>,
}

impl LimitedFile {
    fn create(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("relay.bin");
        let file =
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self {
            path,
            file,
            length: 0,
            buffer: Vec::new(),
        })
    }

    fn write(&mut self, group: &[Waiting]) -> std::io::Result<()> {
        if self.length > FILE_BYTES {
            std::fs::remove_file(&self.path)?;
            self.file = File::create(&self.path)?;
            self.length = 0;
        }
        self.buffer.clear();
        for waiting in group {
            self.buffer.extend_from_slice(&waiting.bytes);
        }
        self.file.write_all(&self.buffer)?;
        self.length += self.buffer.len();
        self.file.sync_data()
    }
}
