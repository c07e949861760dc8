//! The writer of a partition: takes what is queued, appends it as one group, and answers all
//! publishers in the group.
//!
//! It runs on a thread of its own because it spends its time waiting for the disk. Between groups
//! it deletes segments that are no longer needed and updates the metrics that are slow to compute.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use etappe_core::id::Offset;
use etappe_core::ports::{Clock, Progress, PublishError};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::append::{AppendError, Appender};
use super::journal::Journal;
use super::partition::PartitionLog;
use super::queue::{Queue, Submission, Work};
use crate::error::LogError;
use crate::metrics::{PartitionMetrics, as_gauge};

/// The size at which a group is closed. It bounds the write buffer and the time of a sync.
const GROUP_BYTES: usize = 8 << 20;
/// The retry delay sent after a disk failure.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The state shared by the parts of a partition.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Its segments.
    pub(crate) log: Arc<PartitionLog>,
    /// Its queue.
    pub(crate) queue: Queue,
    /// Its consumer's journal.
    pub(crate) journal: Mutex<Journal>,
    /// The number of the next commit.
    pub(crate) commits_begun: AtomicU64,
    /// The consumer's `next`, readable without waiting for the journal.
    pub(crate) committed: AtomicU64,
    /// Why the last group could not be written, if it failed.
    pub(crate) problem: Mutex<Option<String>>,
    /// The number of copies in progress, during which no segment may be deleted.
    pub(crate) holds: AtomicUsize,
    /// Its metrics.
    pub(crate) metrics: PartitionMetrics,
}

impl Shared {
    /// Returns the first offset that is not known to be processed.
    pub(crate) fn committed(&self) -> Offset {
        Offset(self.committed.load(Ordering::Acquire))
    }

    /// Durably records `progress`. Blocks.
    ///
    /// Commits are numbered in the order of their requests. A late one, whose caller went away,
    /// must not undo a later one.
    pub(crate) fn commit(
        &self,
        number: u64,
        progress: Progress,
        retention: Duration,
        clock: &dyn Clock,
    ) -> Result<(), LogError> {
        let mut journal = self.journal.lock();
        if !journal.is_latest(number) {
            return Ok(());
        }
        let started = Instant::now();
        journal.commit(progress, self.log.end(), retention, clock)?;
        self.committed.store(progress.next.0, Ordering::Release);
        drop(journal);
        let took = started.elapsed();
        self.metrics.commit_seconds.observe(took.as_secs_f64());
        self.record_lag();
        Ok(())
    }

    /// Updates the lag metric.
    pub(crate) fn record_lag(&self) {
        let lag = self.log.end().0.saturating_sub(self.committed().0);
        self.metrics.record_lag(lag);
    }

    /// Returns why the last group could not be written, if it failed.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.lock().clone()
    }
}

/// The writer of a partition.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    appender: Appender,
    clock: Arc<dyn Clock>,
    upkeep: Upkeep,
    upkeep_at: Instant,
    /// When the last test of writability was made.
    tried_at: Instant,
}

/// The upkeep settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Upkeep {
    /// How long consumed records are kept.
    pub(crate) retention: Duration,
    /// How often to look for segments that are no longer needed.
    pub(crate) interval: Duration,
    /// How often to test whether a log that failed is writable again.
    pub(crate) try_again: Duration,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let stopped = "its writer has stopped by a fault: restart the process".to_owned();
            *self.shared.problem.lock() = Some(stopped);
            self.shared.metrics.writable.set(0);
        }
        self.shared.queue.abort();
    }
}

impl Writer {
    /// Creates a writer.
    pub(crate) fn new(
        shared: Arc<Shared>,
        appender: Appender,
        clock: Arc<dyn Clock>,
        upkeep: Upkeep,
    ) -> Self {
        Self {
            shared,
            appender,
            clock,
            upkeep,
            upkeep_at: Instant::now(),
            tried_at: Instant::now(),
        }
    }

    /// Runs until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        self.shared.metrics.writable.set(1);
        self.maintain();
        loop {
            let wait = match self.shared.problem() {
                Some(_) => self.upkeep.interval.min(self.upkeep.try_again),
                None => self.upkeep.interval,
            };
            match self.shared.queue.take(GROUP_BYTES, wait) {
                Work::Group { submissions, cost } => {
                    let outcome = self.write_group(&submissions);
                    self.shared.queue.finish(cost);
                    let gauge = &self.shared.metrics.queue_bytes;
                    gauge.sub(as_gauge(cost as u64));
                    for submission in submissions {
                        // The publisher may have gone away.
                        drop(submission.done.send(outcome.clone()));
                    }
                }
                Work::Nothing => {}
                Work::End => return,
            }
            if self.upkeep_at.elapsed() >= self.upkeep.interval {
                self.maintain();
            }
            self.try_again();
        }
    }

    fn write_group(&mut self, submissions: &[Submission]) -> Result<(), PublishError> {
        let started = Instant::now();
        let records = submissions.iter().flat_map(|group| &group.payloads);
        match self.appender.append(records, self.clock.now()) {
            Ok(appended) => {
                let metrics = &self.shared.metrics;
                metrics.appended_records.inc_by(appended.records);
                metrics.appended_bytes.inc_by(appended.payload_bytes);
                metrics.frames.inc_by(appended.frames);
                metrics.written_bytes.inc_by(appended.stored_bytes);
                let took = started.elapsed();
                metrics.sync_seconds.observe(took.as_secs_f64());
                self.shared.record_lag();
                self.note_success();
                Ok(())
            }
            Err(error) => {
                let refused: usize = submissions.iter().map(|group| group.payloads.len()).sum();
                self.shared.metrics.record_refused(error.reason(), refused);
                self.note_failure(&error);
                Err(PublishError::Unavailable {
                    reason: error.to_string(),
                    retry_after: RETRY_AFTER,
                })
            }
        }
    }

    /// After a failure, tests from time to time whether the log is writable again. A process that
    /// is not ready may receive no events, and without the test would never find out.
    fn try_again(&mut self) {
        let is_due = self.tried_at.elapsed() >= self.upkeep.try_again;
        if !is_due || self.shared.problem().is_none() {
            return;
        }
        self.tried_at = Instant::now();
        match self.appender.try_out() {
            Ok(()) => self.note_success(),
            Err(error) => self.note_failure(&error),
        }
    }

    fn note_success(&self) {
        if self.shared.problem.lock().take().is_some() {
            self.shared.metrics.writable.set(1);
            tracing::info!(partition = %self.shared.log.id, "the event log takes events again");
        }
    }

    /// Logs the first of consecutive failures and stores the latest.
    fn note_failure(&self, error: &AppendError) {
        let before = self.shared.problem.lock().replace(error.to_string());
        if before.is_none() {
            self.shared.metrics.writable.set(0);
            tracing::error!(
                partition = %self.shared.log.id,
                %error,
                "the event log refuses events until it can write again"
            );
        }
    }

    /// Deletes segments that are no longer needed and updates the slow metrics.
    fn maintain(&mut self) {
        self.upkeep_at = Instant::now();
        // While a commit is being synced, skip this until the next upkeep.
        let needed_from = self
            .shared
            .journal
            .try_lock()
            .map(|mut journal| journal.forget(self.upkeep.retention, self.clock.now()));
        let is_held = self.shared.holds.load(Ordering::Acquire) > 0;
        if let Some(needed_from) = needed_from.filter(|_| !is_held) {
            let deleted = self.appender.delete_before(needed_from);
            if deleted > 0 {
                tracing::debug!(
                    partition = %self.shared.log.id,
                    segments = deleted,
                    before = %needed_from,
                    "deleted consumed segments"
                );
            }
        }
        let (segments, bytes) = self.shared.log.size();
        self.shared.metrics.record_size(segments, bytes);
        // A damaged segment is reported by its reader.
        if let Ok(written_at) = self.shared.log.written_at(self.shared.committed()) {
            let now = self.clock.now();
            let age = written_at.map_or(0, |at| now.millis_since(at).max(0) / 1000);
            self.shared.metrics.oldest_unconsumed_seconds.set(age);
        }
    }
}
