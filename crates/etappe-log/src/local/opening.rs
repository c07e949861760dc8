//! Opens the local log: first the checks, then each partition, then the mark that it is in use.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::Clock;
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use super::append::Appender;
use super::config::LocalLogConfig;
use super::disk::Disk;
use super::folder::{self, Folder};
use super::journal::{self, Journal};
use super::partition::PartitionLog;
use super::queue::Queue;
use super::writer::{Shared, Upkeep, Writer};
use super::{Inner, LocalLog};
use crate::error::LogError;
use crate::metrics::LogMetrics;

/// The parameters of a log.
pub(crate) struct Opening {
    /// The disk.
    pub(crate) disk: Arc<dyn Disk>,
    /// The configuration.
    pub(crate) config: Arc<LocalLogConfig>,
    /// The clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// The metrics.
    pub(crate) metrics: LogMetrics,
    /// How often to look for consumed segments.
    pub(crate) upkeep_interval: Duration,
    /// How often to test whether a log that failed is writable again.
    pub(crate) try_again: Duration,
    /// Total bytes of all partitions' segments; starts at 0.
    pub(crate) total_bytes: Arc<AtomicU64>,
}

/// Whether the log existed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It is being created.
    New,
    /// It existed. The field tells whether the machine went down while the log was in use.
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
            try_again: self.try_again,
        };
        let mut log = LocalLog {
            inner: Arc::new(Inner {
                topic: description.topic(),
                partitions: parts.iter().map(|(shared, _)| Arc::clone(shared)).collect(),
                config: Arc::clone(&self.config),
                clock: Arc::clone(&self.clock),
                disk: Arc::clone(&self.disk),
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
            holds: AtomicUsize::new(0),
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

    /// Continues after offsets that the consumer has seen but the log has lost. New records at
    /// those offsets would look as if they were already stored.
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
