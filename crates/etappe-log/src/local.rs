//! The event log on the local disk.
//!
//! Invariant: a record is acknowledged only after its group was synced to disk, and is readable
//! only then. Each partition has one writer thread. Publishers queue their records; the thread
//! writes everything queued as one group, syncs once, and answers every publisher in the group.
//!
//! Files: `DIR/log.json` describes the log, `DIR/boot.json` records how it was left, and `DIR/lock`
//! is locked by the process that has the log open. Each `DIR/partition-N` holds the partition's
//! segments and `cursor.log`, its consumer's progress.
//!
//! Modules, innermost first: `frame` (bytes), `segment` (a file of frames), `partition` and
//! `append` (a sequence of segments, read and appended to), `progress` and `journal` (the
//! consumer), `queue` and `writer` (the thread), `publisher` and `source` (the ports).
//! `dead_letter_file` stores records that could not be stored elsewhere, in a file outside the log.

mod append;
mod backup;
mod config;
mod dead_letter_file;
mod disk;
mod drain;
mod folder;
mod frame;
mod journal;
mod opening;
mod partition;
mod progress;
mod publisher;
mod queue;
mod segment;
mod source;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;
use std::time::Duration;

use etappe_core::id::PartitionId;
use etappe_core::ports::Clock;
use prometheus::Registry;
use tokio_util::task::TaskTracker;

pub use self::config::LocalLogConfig;
pub use self::dead_letter_file::{DeadLetterFile, ReadLetters};
use self::disk::{Disk, RealDisk};
pub use self::drain::MoveProgress;
use self::folder::Folder;
pub use self::frame::Codec;
use self::opening::Opening;
pub use self::publisher::LocalPublisher;
pub use self::source::{LocalReader, LocalSource};
use self::writer::Shared;
use crate::error::LogError;
use crate::metrics::LogMetrics;

const BOOT_ID_PATH: &str = "/proc/sys/kernel/random/boot_id";
/// How often to look for consumed segments.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How often to test whether a log that failed is writable again.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How long closing waits for the file system to be synced.
const SYNC_PATIENCE: Duration = Duration::from_secs(10);

/// Returns the id of the machine's current boot.
///
/// # Errors
/// [`LogError::Unusable`] if the id cannot be read.
pub fn current_boot_id() -> Result<String, LogError> {
    std::fs::read_to_string(BOOT_ID_PATH)
        .map(|id| id.trim().to_owned())
        .map_err(LogError::unusable("read", BOOT_ID_PATH))
}

/// The state shared by the handles of an open log.
pub(crate) struct Inner {
    topic: String,
    config: Arc<LocalLogConfig>,
    clock: Arc<dyn Clock>,
    disk: Arc<dyn Disk>,
    partitions: Vec<Arc<Shared>>,
    /// The number of partitions assigned to the consumer so far.
    assigned: AtomicUsize,
    /// Reads and commits in progress.
    tasks: TaskTracker,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("topic", &self.topic)
            .field("directory", &self.config.directory)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn partition(&self, partition: PartitionId) -> Result<&Arc<Shared>, LogError> {
        usize::try_from(partition.0)
            .ok()
            .and_then(|index| self.partitions.get(index))
            .ok_or(LogError::UnknownPartition { partition })
    }

    /// Runs `work` on a blocking thread. Dropping the future does not stop it.
    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LogError> {
        match self.tasks.spawn_blocking(work).await {
            Ok(done) => Ok(done),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(LogError::Closed),
            },
        }
    }
}

/// The local event log, open in this process.
///
/// Dropping it stops it like [`close`](Self::close), but blocks, and does not mark the log as
/// cleanly closed.
#[derive(Debug)]
pub struct LocalLog {
    inner: Arc<Inner>,
    folder: Option<Folder>,
    writers: Vec<JoinHandle<()>>,
}

impl LocalLog {
    /// Opens the log that `config` describes, creating it if there is none. Blocks.
    ///
    /// `boot_id` identifies the machine's current boot, see [`current_boot_id`]. If it differs from
    /// that of the last use, the machine may have lost data that the consumer had stored.
    ///
    /// # Errors
    /// [`LogError`] if the configuration is invalid, the folder cannot be used or is in use, or a
    /// file in it is damaged.
    pub fn open(
        config: LocalLogConfig,
        clock: Arc<dyn Clock>,
        boot_id: &str,
        registry: &Registry,
    ) -> Result<Self, LogError> {
        let opening = Opening {
            disk: Arc::new(RealDisk),
            config: Arc::new(config),
            clock,
            metrics: LogMetrics::new(registry),
            upkeep_interval: UPKEEP_INTERVAL,
            try_again: TRY_AGAIN,
            total_bytes: Arc::default(),
        };
        opening.run(boot_id)
    }

    /// Returns the publishing side.
    #[must_use]
    pub fn publisher(&self) -> LocalPublisher {
        LocalPublisher::new(Arc::clone(&self.inner))
    }

    /// Returns the consuming side.
    #[must_use]
    pub fn source(&self) -> LocalSource {
        LocalSource::new(Arc::clone(&self.inner))
    }

    /// Returns a reader that does not consume.
    #[must_use]
    pub fn reader(&self) -> LocalReader {
        LocalReader::new(Arc::clone(&self.inner))
    }

    /// Closes the log: refuses new events, writes what is queued, syncs its file system, and marks
    /// the log as cleanly closed. The consumer must have stopped before.
    ///
    /// If syncing the file system takes too long, the log is closed without the mark. That matters
    /// only if the machine then goes down.
    ///
    /// # Errors
    /// [`LogError::Unusable`] if the mark cannot be written. Everything acknowledged is safe.
    pub async fn close(mut self) -> Result<(), LogError> {
        let writers = self.stop_intake();
        let join = move || writers.into_iter().for_each(join_writer);
        self.inner.run_blocking(join).await?;
        for shared in &self.inner.partitions {
            shared.journal.lock().close();
        }
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        let Some(folder) = self.folder.take() else {
            return Ok(());
        };
        let disk = Arc::clone(&self.inner.disk);
        let marking = tokio::task::spawn_blocking(move || folder.mark_closed(disk.as_ref()));
        match tokio::time::timeout(SYNC_PATIENCE, marking).await {
            Ok(Ok(marked)) => marked,
            Ok(Err(_)) => Err(LogError::Closed),
            Err(_) => {
                tracing::warn!("the file system is still being synced, closing without a mark");
                Ok(())
            }
        }
    }

    fn stop_intake(&mut self) -> Vec<JoinHandle<()>> {
        for shared in &self.inner.partitions {
            shared.queue.close();
        }
        std::mem::take(&mut self.writers)
    }
}

impl Drop for LocalLog {
    fn drop(&mut self) {
        self.stop_intake().into_iter().for_each(join_writer);
        for shared in &self.inner.partitions {
            shared.journal.lock().close();
        }
    }
}

fn join_writer(writer: JoinHandle<()>) {
    if writer.join().is_err() {
        tracing::error!("a writer of the event log has panicked");
    }
}
