//! The event log on this machine's disk.
//!
//! `DIR/log.json` says what the log is, `DIR/boot.json` how it was left, `DIR/lock` is locked by
//! the process that has it open. Each `DIR/partition-N` holds the partition's segments and
//! `cursor.log`, its consumer's progress. Per partition one thread writes: publishers queue, the
//! thread writes all that is queued as one group, syncs once and answers everybody.
//!
//! From the inside out: `frame` (bytes), `segment` (a file of frames), `partition` and `append` (a
//! sequence of segments, read and appended to), `progress` and `journal` (the consumer), `queue`
//! and `writer` (the thread), `publisher` and `source` (the ports).

mod append;
mod config;
mod disk;
mod folder;
mod frame;
mod journal;
mod partition;
mod progress;
mod publisher;
mod queue;
mod segment;
mod source;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::Clock;
use prometheus::Registry;
use tokio_util::task::TaskTracker;

pub(crate) use self::append::Appended;
use self::append::Appender;
pub use self::config::{Codec, LocalLogConfig};
use self::disk::{Disk, RealDisk};
use self::folder::Folder;
use self::journal::Journal;
use self::partition::PartitionLog;
pub use self::publisher::LocalPublisher;
use self::queue::Queue;
pub use self::source::{LocalReader, LocalSource, PartitionPositions};
use self::writer::{Shared, Upkeep, Writer};
use crate::error::LogError;
use crate::metrics::LogMetrics;

const BOOT_ID_PATH: &str = "/proc/sys/kernel/random/boot_id";
/// How often consumed segments are looked for.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How long closing waits for the file system to be synced.
const SYNC_PATIENCE: Duration = Duration::from_secs(10);

/// Returns the id of the machine's present boot.
///
/// # Errors
/// [`LogError::Unusable`] when the operating system does not tell.
pub fn current_boot_id() -> Result<String, LogError> {
    std::fs::read_to_string(BOOT_ID_PATH)
        .map(|id| id.trim().to_owned())
        .map_err(LogError::unusable("read", BOOT_ID_PATH))
}

/// What the handles of an open log share.
pub(crate) struct Inner {
    topic: String,
    config: Arc<LocalLogConfig>,
    clock: Arc<dyn Clock>,
    partitions: Vec<Arc<Shared>>,
    /// How many partitions were assigned to the consumer.
    assigned: AtomicUsize,
    /// Reads and commits under way.
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

    /// Runs `work` where it may block. Dropping the future does not stop it.
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
/// Dropping it stops it like [`close`](Self::close), but blocks, and leaves no mark of a clean end.
#[derive(Debug)]
pub struct LocalLog {
    inner: Arc<Inner>,
    folder: Option<Folder>,
    writers: Vec<JoinHandle<()>>,
}

impl LocalLog {
    /// Opens the log that `config` describes, and makes it when there is none. Blocks.
    ///
    /// `boot_id` names the machine's present boot, see [`current_boot_id`]: when it is not the one
    /// that the log was last used in, the machine may have lost what the consumer had stored.
    ///
    /// # Errors
    /// [`LogError`] when the configuration is invalid, the folder cannot be used or is in use, or a
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

    /// Closes the log: takes no more events, writes what is queued, syncs the file system that it
    /// lies on, and marks the log as left clean. The consumer must have stopped before.
    ///
    /// Where the file system needs long to sync, the log is closed without the mark; that only
    /// matters if the machine then goes down.
    ///
    /// # Errors
    /// [`LogError::Unusable`] when the mark cannot be written. Everything acknowledged is safe.
    pub async fn close(mut self) -> Result<(), LogError> {
        let writers = self.stop_intake();
        let join = move || writers.into_iter().for_each(join_writer);
        self.inner.run_blocking(join).await?;
        for shared in &self.inner.partitions {
            shared.lock_journal().close();
        }
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        let Some(folder) = self.folder.take() else {
            return Ok(());
        };
        let marking = tokio::task::spawn_blocking(move || folder.mark_closed());
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
            shared.lock_journal().close();
        }
    }
}

fn join_writer(writer: JoinHandle<()>) {
    if writer.join().is_err() {
        tracing::error!("a writer of the event log has panicked");
    }
}

/// What a log is opened with.
pub(crate) struct Opening {
    disk: Arc<dyn Disk>,
    config: Arc<LocalLogConfig>,
    clock: Arc<dyn Clock>,
    metrics: LogMetrics,
    upkeep_interval: Duration,
    total_bytes: Arc<AtomicU64>,
}

/// Whether a log was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It is being made.
    New,
    /// It was there, and whether the machine went down while it was in use.
    Existing { had_unclean_boot: bool },
}

impl Opening {
    pub(crate) fn run(self, boot_id: &str) -> Result<LocalLog, LogError> {
        let config = Arc::clone(&self.config);
        config
            .validate()
            .map_err(|problems| LogError::InvalidConfig { problems })?;
        let folder = Folder::open(&config.directory, boot_id)?;
        let found = folder.description()?;
        let origin = match &found {
            None => Origin::New,
            Some(found) if found.partitions != config.partitions => {
                return Err(LogError::PartitionCount {
                    directory: config.directory.clone(),
                    stored: found.partitions,
                    configured: config.partitions,
                });
            }
            Some(_) => Origin::Existing {
                had_unclean_boot: folder.had_unclean_boot()?,
            },
        };
        let parts = (0..config.partitions)
            .map(|index| self.open_partition(PartitionId(index), origin))
            .collect::<Result<Vec<_>, _>>()?;
        let description = match found {
            Some(found) => found,
            None => folder.describe(config.partitions, self.clock.now())?,
        };
        folder.mark_in_use()?;
        self.start(folder, &description, parts)
    }

    fn start(
        self,
        folder: Folder,
        description: &folder::Description,
        parts: Vec<(Arc<Shared>, Appender)>,
    ) -> Result<LocalLog, LogError> {
        let upkeep = Upkeep {
            retention: self.config.retention,
            interval: self.upkeep_interval,
        };
        let mut log = LocalLog {
            inner: Arc::new(Inner {
                topic: description.topic(),
                partitions: parts.iter().map(|(shared, _)| Arc::clone(shared)).collect(),
                config: Arc::clone(&self.config),
                clock: Arc::clone(&self.clock),
                assigned: AtomicUsize::new(0),
                tasks: TaskTracker::new(),
            }),
            folder: Some(folder),
            writers: Vec::new(),
        };
        for (shared, appender) in parts {
            let name = format!("log-writer-{}", shared.log.id);
            let writer = Writer::new(shared, appender, Arc::clone(&self.clock), upkeep);
            let thread = std::thread::Builder::new()
                .name(name)
                .spawn(move || writer.run())
                .map_err(LogError::unusable(
                    "start the writer of",
                    &self.config.directory,
                ))?;
            log.writers.push(thread);
        }
        Ok(log)
    }

    fn open_partition(
        &self,
        id: PartitionId,
        origin: Origin,
    ) -> Result<(Arc<Shared>, Appender), LogError> {
        let directory = self.config.directory.join(format!("partition-{id}"));
        let opened = PartitionLog::open(&directory, id)?;
        let metrics = self.metrics.partition(id);
        metrics.truncated_bytes.inc_by(opened.cut_bytes);
        let journal = self.open_journal(&opened.log, &directory, origin)?;
        let mut appender = Appender::new(
            Arc::clone(&self.disk),
            Arc::clone(&self.config),
            Arc::clone(&opened.log),
            opened.active,
            Arc::clone(&self.total_bytes),
        );
        let progress = journal.state().progress();
        let reached = progress
            .pending
            .map_or(progress.next, |pending| pending.last.next());
        let end = opened.log.end();
        if reached > end {
            self.skip(&mut appender, &directory, end, reached)?;
            metrics.lost_offsets.inc_by(reached.0 - end.0);
        }
        let per_partition = self.config.queue_bytes / self.config.partitions as usize;
        let shared = Arc::new(Shared {
            log: opened.log,
            queue: Queue::new(per_partition),
            committed: AtomicU64::new(progress.next.0),
            commits_begun: AtomicU64::new(1),
            journal: Mutex::new(journal),
            problem: Mutex::default(),
            metrics,
        });
        shared.record_lag();
        Ok((shared, appender))
    }

    fn open_journal(
        &self,
        log: &PartitionLog,
        directory: &Path,
        origin: Origin,
    ) -> Result<Journal, LogError> {
        let disk = Arc::clone(&self.disk);
        match origin {
            Origin::New if log.size().0 > 0 => Err(LogError::ProgressLost {
                path: self.config.directory.join(folder::DESCRIPTION),
                reason: "there are segments, but nothing says what they belong to",
            }),
            Origin::New => Journal::create(disk, log.id, directory),
            Origin::Existing { had_unclean_boot } => {
                let mut journal =
                    Journal::open(disk, log.id, directory)?.ok_or(LogError::ProgressLost {
                        path: directory.join(journal::FILE_NAME),
                        reason: "it is not there",
                    })?;
                if had_unclean_boot {
                    tracing::warn!(
                        partition = %log.id,
                        "the machine went down without closing the log; what was stored last is \
                         stored again"
                    );
                    journal.require_replay()?;
                }
                Ok(journal)
            }
        }
    }

    /// Goes on after offsets that the consumer has seen but the log has lost: giving them to other
    /// records would make these look as if they were stored already.
    fn skip(
        &self,
        appender: &mut Appender,
        directory: &Path,
        end: Offset,
        reached: Offset,
    ) -> Result<(), LogError> {
        tracing::error!(
            partition = %directory.display(),
            %end,
            %reached,
            "the log ends before its consumer's progress: the disk has lost synced records; \
             going on after them"
        );
        appender.skip_to(reached).map_err(|error| {
            LogError::unusable("go on in", directory)(std::io::Error::other(error))
        })
    }
}
