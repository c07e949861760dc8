//! The consuming side on Kafka: a member of the consumer group that reads partitions and commits
//! progress.
//!
//! Invariant: progress is committed only by a partition's current owner, and only through this
//! module. Commits are synchronous. Each one stores the range about to be inserted as metadata
//! beside the offset; there is no auto-commit. A revoked partition goes back to the group only
//! after the application released it, and nothing is committed for it from then on. The reason is
//! that brokers do not check whom a partition belongs to, only whether the sender is a member.
//!
//! A thread of its own polls the group's client, so that membership survives slow inserts. Each
//! partition has a queue of its own, which is read in order. A range that is replayed can be read
//! from any offset.

mod assignment;
mod committed;
mod committer;
mod context;
mod freeze_detector;
mod holding;
mod leaving;
mod membership;
mod metadata;
pub(in crate::kafka) mod probe;
mod reader;
mod reading;
mod rewind;
mod settings;
mod track;
mod watchdog;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{LogRecord, Progress, ReadRequest, RecordSource, SourceEvent};
use parking_lot::{Condvar, Mutex};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use self::assignment::Assignment;
use self::committer::CommitFailure;
use self::context::GroupConsumer;
use self::freeze_detector::FreezeDetector;
use self::holding::{Holdings, Notice};
use self::probe::Probe;
pub use self::rewind::KafkaRewind;
use self::track::Gap;
use self::watchdog::{Sign, Watchdog};
use super::cluster::KafkaCluster;
use crate::error::LogError;
use crate::metrics::kafka_source::SourceMetrics;
use etappe_runtime::blocking::run_blocking;

/// How long leaving the group may take.
const LEFT_WITHIN: Duration = Duration::from_secs(11);

/// Consumes the events topic as a member of the group. Clones are the same member.
///
/// When the last clone is dropped, or after [`KafkaSource::close`], the member leaves the group.
#[derive(Debug, Clone)]
pub struct KafkaSource {
    inner: Arc<Inner>,
    _leave: Arc<LeaveOnDrop>,
}

#[derive(Debug)]
struct LeaveOnDrop(Arc<Inner>);

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        self.0.is_closing.store(true, Ordering::Release);
    }
}

/// The state shared by the source, its reads and the thread.
struct Inner {
    topic: Arc<str>,
    probe: Probe,
    /// `None` once the member left the group.
    consumer: Mutex<Option<Arc<GroupConsumer>>>,
    holdings: Mutex<Holdings<Arc<Assignment>>>,
    /// Notified when there is something to tell the application.
    told: Notify,
    /// Notified when the application released a partition.
    released: Condvar,
    is_closing: AtomicBool,
    /// Whether the member left the group.
    left: watch::Sender<bool>,
    fault: Mutex<Option<LogError>>,
    freeze_detector: FreezeDetector,
    watchdog: Arc<Watchdog>,
    rewind: KafkaRewind,
    /// Since when each partition has ended before the position reached in it.
    short_since: Mutex<BTreeMap<PartitionId, Instant>>,
    metrics: SourceMetrics,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl KafkaCluster {
    /// Joins the group as a member that reads the events topic. Connects in the background, however
    /// long that takes.
    ///
    /// # Errors
    /// [`LogError`] if the configuration cannot be used.
    pub fn source(&self) -> Result<KafkaSource, LogError> {
        self.source_rewound(BTreeMap::new())
    }

    /// Joins the group as [`KafkaCluster::source`] does, and replays the given partitions from
    /// these offsets on, because the database may have lost the records since then.
    ///
    /// # Errors
    /// [`LogError`] if the configuration cannot be used.
    pub fn source_rewound(
        &self,
        from: BTreeMap<PartitionId, Offset>,
    ) -> Result<KafkaSource, LogError> {
        let inner = membership::join(self, KafkaRewind::new(from))?;
        Ok(KafkaSource {
            _leave: Arc::new(LeaveOnDrop(Arc::clone(&inner))),
            inner,
        })
    }
}

impl KafkaSource {
    /// Asks the brokers how many partitions the topic has.
    ///
    /// # Errors
    /// [`LogError`], transient while no broker answers.
    pub async fn partitions(&self) -> Result<u32, LogError> {
        let inner = Arc::clone(&self.inner);
        run_blocking(move || inner.probe.partitions()).await
    }

    /// Returns what still has to be replayed.
    #[must_use]
    pub fn rewind(&self) -> KafkaRewind {
        self.inner.rewind.clone()
    }

    /// Returns the client's last error, unless a broker has answered since.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.inner.consumer()?.context().last_error()
    }

    /// Leaves the group at once, so that other members get its partitions. Returns when it has
    /// left.
    ///
    /// Workers should have stopped before: nothing can be read or committed afterwards.
    pub async fn close(&self) {
        self.inner.is_closing.store(true, Ordering::Release);
        let mut left = self.inner.left.subscribe();
        // Do not wait for a broker that does not answer. The brokers drop the member after its
        // session timeout.
        let left = tokio::time::timeout(LEFT_WITHIN, left.wait_for(|left| *left)).await;
        if left.is_err() {
            tracing::warn!(
                "could not leave the group in time; the brokers will drop this member after its session timeout"
            );
        }
    }
}

impl RecordSource for KafkaSource {
    type Error = LogError;

    fn topic(&self) -> &str {
        &self.inner.topic
    }

    async fn changed(&self) -> Result<SourceEvent, LogError> {
        loop {
            let told = self.inner.told.notified();
            if let Some(fault) = self.inner.take_fault() {
                return Err(fault);
            }
            if let Some(event) = self.inner.next_event() {
                return Ok(event);
            }
            told.await;
        }
    }

    async fn read(
        &self,
        partition: PartitionId,
        request: ReadRequest,
    ) -> Result<Vec<LogRecord>, LogError> {
        let assignment = self.inner.assignment(partition)?;
        reading::read(&self.inner, &assignment, request).await
    }

    async fn commit(&self, partition: PartitionId, progress: Progress) -> Result<(), LogError> {
        let assignment = self.inner.assignment(partition)?;
        self.inner.commit(&assignment, progress).await
    }

    async fn release(&self, partition: PartitionId) {
        self.inner.holdings.lock().release(partition);
        self.inner.released.notify_all();
        // A new assignment may have waited for this.
        self.inner.told.notify_one();
    }
}

impl Inner {
    fn consumer(&self) -> Option<Arc<GroupConsumer>> {
        self.consumer.lock().clone()
    }

    fn assignment(&self, partition: PartitionId) -> Result<Arc<Assignment>, LogError> {
        let found = self.holdings.lock().find(partition).map(Arc::clone);
        found.ok_or(LogError::NotAssigned { partition })
    }

    fn next_event(&self) -> Option<SourceEvent> {
        let mut holdings = self.holdings.lock();
        while let Some((notice, assignment)) = holdings.next_notice() {
            match (notice, assignment) {
                (Notice::Revoked(partition), _) => return Some(SourceEvent::Revoked { partition }),
                (Notice::Assigned(partition), Some(assignment)) => {
                    return Some(SourceEvent::Assigned {
                        partition,
                        progress: assignment.progress,
                        replay: self.rewind.ranges(partition, assignment.progress),
                    });
                }
                (Notice::Assigned(_), None) => {}
            }
        }
        None
    }

    fn take_fault(&self) -> Option<LogError> {
        let mut fault = self.fault.lock();
        fault.take()
    }

    /// Reports an error that concerns the whole membership to the application.
    fn report(&self, error: LogError) {
        *self.fault.lock() = Some(error);
        self.told.notify_one();
    }

    async fn commit(&self, assignment: &Assignment, progress: Progress) -> Result<(), LogError> {
        let partition = assignment.partition;
        if self.freeze_detector.is_doubtful() {
            self.metrics.record_refused_commit("stood_still");
            let action = format!("commit progress of partition {partition}");
            return Err(self.unavailable(format!(
                "{action}: the process was frozen and may no longer be a member"
            )));
        }
        let started = Instant::now();
        match assignment.committer.commit(progress).await {
            Ok(()) => {
                self.watchdog.clear(Sign::Commit(partition));
                self.metrics.record_commit(started.elapsed());
                self.note_success();
                self.rewind.done(partition);
                Ok(())
            }
            Err(CommitFailure::NotOurs) => {
                self.metrics.record_refused_commit("not_ours");
                Err(LogError::NotAssigned { partition })
            }
            Err(CommitFailure::Unanswered) => {
                self.watchdog.note(Sign::Commit(partition));
                self.metrics.record_refused_commit("unanswered");
                Err(self.unavailable(format!("commit progress of partition {partition}")))
            }
            Err(CommitFailure::Kafka(error)) => {
                self.watchdog.note(Sign::Commit(partition));
                self.metrics.record_refused_commit("brokers");
                let action = format!("commit progress of partition {partition}");
                Err(LogError::kafka(action, None, error))
            }
        }
    }

    /// Returns the error for something the brokers did not do in time.
    fn unavailable(&self, action: String) -> LogError {
        let reason = self.consumer().and_then(|it| it.context().last_error());
        let error = KafkaError::Global(RDKafkaErrorCode::OperationTimedOut);
        LogError::kafka(action, reason, error)
    }

    /// Returns the error for a partition that ends before the position reached in it.
    fn too_short(&self, partition: PartitionId, from: Offset, end: Offset) -> LogError {
        let mut since = self.short_since.lock();
        let since = since.entry(partition).or_insert_with(Instant::now);
        LogError::TooShort {
            topic: self.topic.to_string(),
            partition,
            from,
            end,
            lasting: since.elapsed(),
        }
    }

    /// Records that a broker answered.
    fn note_success(&self) {
        if let Some(consumer) = self.consumer() {
            consumer.context().note_success();
        }
    }

    fn long_enough(&self, partition: PartitionId) {
        self.short_since.lock().remove(&partition);
    }

    /// Reports that records were deleted before they were read.
    fn tell_of_expired(&self, partition: PartitionId, gap: Gap) {
        let Gap { expected, found } = gap;
        let lost = found.0.saturating_sub(expected.0);
        if self.metrics.record_expired(partition, found, lost) {
            tracing::error!(
                topic = &*self.topic,
                partition = partition.0,
                first = expected.0,
                next = found.0,
                "records were deleted before they were read: `kafka.retention` is too short, or \
                 nothing was read for too long"
            );
        }
    }
}

/// Lists partitions of a topic for the client.
fn list_of(topic: &str, partitions: &[PartitionId]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(topic, as_i32(*partition));
    }
    list
}

/// Returns a partition's number in the client's type.
fn as_i32(partition: PartitionId) -> i32 {
    i32::try_from(partition.0).unwrap_or(i32::MAX)
}

/// Returns an offset in the client's type.
fn as_i64(offset: Offset) -> i64 {
    i64::try_from(offset.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
