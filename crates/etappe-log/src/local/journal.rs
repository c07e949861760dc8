//! The journal of a partition's consumer, `cursor.log`, which makes its progress durable.
//!
//! Invariant: once a commit returns, its entry is on disk. Each entry holds the whole progress, so
//! the last valid entry is the current one, and a torn last entry counts as never written.
//!
//! The file is filled with zeros to its full length when it is created, and entries overwrite the
//! zeros one after another. A commit therefore syncs one block of data and no file metadata. A full
//! file is replaced by a new one that begins with the current state.
//!
//! Traps:
//!
//! - After a failed write or sync the content of the file is unknown, so nothing more is written to
//!   it. The next commit creates a new file.
//! - A torn entry must not be followed by others. The first commit after opening therefore creates
//!   a new file as well.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::{Clock, Progress};
use etappe_core::time::Timestamp;

use super::disk::Disk;
use super::progress::{ConsumerState, Passed, Step};
use crate::error::LogError;

/// The length of an entry in bytes.
pub(crate) const ENTRY_BYTES: usize = 64;
/// A new file has room for at least this many bytes of entries.
const LEAST_CAPACITY: usize = 256 << 10;
/// The name of the journal file in the partition's folder.
pub(crate) const FILE_NAME: &str = "cursor.log";
const MAGIC: [u8; 4] = [0xF5, b'E', b'C', 0xFF];
const VERSION: u8 = 1;

const HAS_PENDING: u8 = 1;
const HAS_PASSED: u8 = 2;
const WAS_PENDING: u8 = 4;
const REPLAY_DUE: u8 = 8;

/// The journal of a partition's consumer.
#[derive(Debug)]
pub(crate) struct Journal {
    disk: Arc<dyn Disk>,
    partition: PartitionId,
    path: PathBuf,
    state: ConsumerState,
    /// The file to append entries to. `None` after opening an existing journal, or a failure.
    file: Option<File>,
    /// The bytes of the file that hold entries, and its total length.
    written: usize,
    capacity: usize,
    /// The number of the next entry.
    sequence: u64,
    is_closed: bool,
    /// The number of the latest commit that was attempted.
    latest_commit: u64,
}

impl Journal {
    /// Creates the journal of a new partition in `directory`.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        partition: PartitionId,
        directory: &Path,
    ) -> Result<Self, LogError> {
        let mut journal = Self {
            disk,
            partition,
            path: directory.join(FILE_NAME),
            state: ConsumerState::default(),
            file: None,
            written: 0,
            capacity: 0,
            sequence: 1,
            is_closed: false,
            latest_commit: 0,
        };
        journal.rewrite(None)?;
        Ok(journal)
    }

    /// Opens the journal in `directory`, or returns `None` if there is none.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        partition: PartitionId,
        directory: &Path,
    ) -> Result<Option<Self>, LogError> {
        let path = directory.join(FILE_NAME);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::unusable("read", path)(error)),
        };
        let loaded = load(&path, &bytes)?;
        // Sync first: the last process may have written entries that are not on disk yet, and the
        // consumer will act on them.
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(LogError::unusable("sync", &path))?;
        Ok(Some(Self {
            disk,
            partition,
            path,
            state: loaded.state,
            // A torn entry must not be followed by others, so the first commit creates a new file.
            file: None,
            written: 0,
            capacity: 0,
            sequence: loaded.sequence,
            is_closed: false,
            latest_commit: 0,
        }))
    }

    /// Returns the consumer's state.
    pub(crate) const fn state(&self) -> &ConsumerState {
        &self.state
    }

    /// Durably records that what was passed recently must be replayed.
    pub(crate) fn require_replay(&mut self) -> Result<(), LogError> {
        self.store(self.state.replay_due_step())
    }

    /// Durably records `progress`. If a replay is due, this also records that it is done.
    pub(crate) fn commit(
        &mut self,
        progress: Progress,
        end: Offset,
        retention: Duration,
        clock: &dyn Clock,
    ) -> Result<(), LogError> {
        if self.is_closed {
            return Err(LogError::Closed);
        }
        let now = clock.now();
        let step =
            self.state
                .step_to(progress, end, now)
                .map_err(|reason| LogError::InvalidProgress {
                    partition: self.partition,
                    next: progress.next,
                    reason,
                })?;
        if self.state.is_replay_due() {
            // The replayed entries get a new time, so all entries are rewritten. If that fails, the
            // replay stays due.
            let before = self.state.clone();
            self.state.finish_replay(retention, now);
            self.file = None;
            return self.store(step).inspect_err(|_| self.state = before);
        }
        self.store(step)
    }

    /// Returns whether the commit `number` is later than all attempted so far, and records the
    /// attempt.
    pub(crate) const fn is_latest(&mut self, number: u64) -> bool {
        let is_latest = number > self.latest_commit;
        if is_latest {
            self.latest_commit = number;
        }
        is_latest
    }

    /// Refuses all further commits.
    pub(crate) const fn close(&mut self) {
        self.is_closed = true;
    }

    /// Forgets what was passed more than `retention` ago, and returns the lowest offset that is
    /// still needed.
    pub(crate) fn forget(&mut self, retention: Duration, now: Timestamp) -> Offset {
        self.state.forget(retention, now);
        self.state.needed_from()
    }

    /// Makes `step` durable, then applies it.
    fn store(&mut self, step: Step) -> Result<(), LogError> {
        match self.file.take() {
            Some(file) if self.written + ENTRY_BYTES <= self.capacity => {
                let entry = encode(&step, self.sequence);
                self.disk
                    .write(&file, &entry, self.written as u64)
                    .and_then(|()| self.disk.sync(&file))
                    .map_err(|source| self.error(source))?;
                self.written += ENTRY_BYTES;
                self.sequence += 1;
                self.file = Some(file);
            }
            Some(_) | None => self.rewrite(Some(step))?,
        }
        self.state.apply(&step);
        Ok(())
    }

    /// Replaces the file with a new one that holds the state and `step`.
    fn rewrite(&mut self, step: Option<Step>) -> Result<(), LogError> {
        let mut bytes = Vec::new();
        for step in self.state.snapshot().chain(step) {
            bytes.extend_from_slice(&encode(&step, self.sequence));
            self.sequence += 1;
        }
        let written = bytes.len();
        let capacity = (2 * written).max(LEAST_CAPACITY).next_multiple_of(4096);
        bytes.resize(capacity, 0);
        let new = self.path.with_extension("new");
        let write = || {
            match std::fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let file = self.disk.create(&new)?;
            self.disk.write(&file, &bytes, 0)?;
            self.disk.sync(&file)?;
            self.disk.replace(&new, &self.path)?;
            Ok(file)
        };
        let file = write().map_err(|source| self.error(source))?;
        self.file = Some(file);
        self.written = written;
        self.capacity = capacity;
        Ok(())
    }

    fn error(&self, source: io::Error) -> LogError {
        LogError::Commit {
            path: self.path.clone(),
            source,
        }
    }
}

#[derive(Debug)]
struct Loaded {
    state: ConsumerState,
    sequence: u64,
}

fn load(path: &Path, bytes: &[u8]) -> Result<Loaded, LogError> {
    let mut state = ConsumerState::default();
    let mut sequence = 0;
    let mut bad = None;
    for (index, entry) in bytes.chunks_exact(ENTRY_BYTES).enumerate() {
        match decode(path, entry)? {
            Some((number, step)) if number > sequence => {
                state.apply(&step);
                sequence = number;
                if let Some(position) = bad.take() {
                    tracing::error!(
                        file = %path.display(),
                        position,
                        "a progress entry is damaged; later entries replace it"
                    );
                }
            }
            Some(_) => break,
            None if bad.is_none() && entry.iter().any(|&byte| byte != 0) => {
                bad = Some(index * ENTRY_BYTES);
            }
            None => {}
        }
    }
    if sequence == 0 {
        return Err(LogError::ProgressLost {
            path: path.to_owned(),
            reason: "it holds no readable entry",
        });
    }
    if let Some(position) = bad {
        tracing::warn!(
            file = %path.display(),
            position,
            "the last entry of the progress was torn by a crash and never confirmed"
        );
    }
    Ok(Loaded {
        state,
        sequence: sequence + 1,
    })
}

fn encode(step: &Step, sequence: u64) -> [u8; ENTRY_BYTES] {
    let mut entry = [0; ENTRY_BYTES];
    let mut flags = 0;
    entry[..4].copy_from_slice(&MAGIC);
    entry[4] = VERSION;
    entry[8..16].copy_from_slice(&sequence.to_le_bytes());
    entry[16..24].copy_from_slice(&step.at.as_millis().to_le_bytes());
    entry[24..32].copy_from_slice(&step.progress.next.0.to_le_bytes());
    if let Some(pending) = step.progress.pending {
        flags |= HAS_PENDING;
        entry[32..40].copy_from_slice(&pending.last.0.to_le_bytes());
    }
    if let Some(passed) = step.passed {
        flags |= HAS_PASSED;
        if passed.was_pending {
            flags |= WAS_PENDING;
        }
        let last = step.progress.next.0.saturating_sub(1);
        entry[40..48].copy_from_slice(&passed.from.0.to_le_bytes());
        entry[48..56].copy_from_slice(&last.to_le_bytes());
    }
    if step.replay_due {
        flags |= REPLAY_DUE;
    }
    entry[5] = flags;
    let checksum = crc32fast::hash(&entry[..60]);
    entry[60..].copy_from_slice(&checksum.to_le_bytes());
    entry
}

/// Returns the entry's number and step, or `None` if it is not a valid entry.
fn decode(path: &Path, entry: &[u8]) -> Result<Option<(u64, Step)>, LogError> {
    let number = |at: usize| {
        let bytes = entry[at..at + 8].try_into().expect("eight bytes are taken");
        u64::from_le_bytes(bytes)
    };
    if !entry.starts_with(&MAGIC) || crc32fast::hash(&entry[..60]).to_le_bytes() != entry[60..] {
        return Ok(None);
    }
    if entry[4] != VERSION {
        return Err(LogError::NewerFormat {
            path: path.to_owned(),
            version: entry[4].into(),
            supported: VERSION.into(),
        });
    }
    let flags = entry[5];
    let next = Offset(number(24));
    let pending = (flags & HAS_PENDING != 0).then(|| OffsetRange {
        first: next,
        last: Offset(number(32)),
    });
    let passed = (flags & HAS_PASSED != 0).then(|| Passed {
        from: Offset(number(40)),
        was_pending: flags & WAS_PENDING != 0,
    });
    let step = Step {
        at: Timestamp::from_millis(i64::from_le_bytes(
            entry[16..24].try_into().expect("eight bytes are taken"),
        )),
        progress: Progress { next, pending },
        passed,
        replay_due: flags & REPLAY_DUE != 0,
    };
    Ok(Some((number(8), step)))
}

#[cfg(test)]
mod tests;
