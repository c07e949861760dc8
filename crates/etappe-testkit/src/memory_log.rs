//! An in-memory event log: publisher and record source, with everything that the ports promise.
//!
//! [`MemoryLog`] is what survives a crash: records and progress. A [`MemoryConsumer`] is one run of
//! a consumer. Breaking the contract (committing a range that does not begin at `next`, moving
//! progress back, committing after a release) panics, so that a test cannot overlook it. Assigning
//! a partition fences its last owner: the last owner's later commits are refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::event::Event;
use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::{
    EventPublisher, LogRecord, OutgoingRecord, Progress, PublishError, ReadRequest, RecordSource,
    RetryClass, SourceEvent,
};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::faults::{Faults, Operation, PlannedError};

/// The maximum number of unread assignments and revocations.
const CHANGES: usize = 1_024;

/// The answer to a commit of a replaced owner.
const FENCED: PlannedError = PlannedError {
    operation: Operation::Commit,
    class: RetryClass::Transient,
};

#[derive(Debug)]
struct Partition {
    records: Vec<LogRecord>,
    end: Offset,
    progress: Progress,
    commits: Vec<Progress>,
    /// Counts the owners.
    generation: u64,
}

/// An in-memory log; clones share its content.
#[derive(Debug, Clone)]
pub struct MemoryLog {
    topic: Arc<str>,
    partitions: Arc<Mutex<Vec<Partition>>>,
    appended: Arc<watch::Sender<u64>>,
    faults: Faults,
}

impl MemoryLog {
    /// Makes an empty log.
    #[must_use]
    pub fn new(topic: &str, partitions: u32) -> Self {
        Self::with_faults(topic, partitions, Faults::default())
    }

    /// Makes an empty log that fails as planned.
    #[must_use]
    pub fn with_faults(topic: &str, partitions: u32, faults: Faults) -> Self {
        let empty = |_| Partition {
            records: Vec::new(),
            end: Offset(0),
            progress: Progress {
                next: Offset(0),
                pending: None,
            },
            commits: Vec::new(),
            generation: 0,
        };
        Self {
            topic: topic.into(),
            partitions: Arc::new(Mutex::new((0..partitions).map(empty).collect())),
            appended: Arc::new(watch::Sender::new(0)),
            faults,
        }
    }

    /// Returns the log's name.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Appends a record to a partition and returns its offset.
    pub fn append(&self, partition: PartitionId, payload: impl Into<Bytes>) -> Offset {
        let offset = self.with(partition, |partition| {
            let offset = partition.end;
            partition.records.push(LogRecord {
                offset,
                payload: payload.into(),
            });
            partition.end = offset.next();
            offset
        });
        self.appended.send_modify(|count| *count += 1);
        offset
    }

    /// Appends the record of `event` to the partition of its key.
    pub fn append_event(&self, event: &Event<'_>) -> (PartitionId, Offset) {
        let partition = self.partition_of(etappe_wire::record::partition_key(event));
        let mut payload = Vec::new();
        etappe_wire::record::encode(event, &mut payload);
        (partition, self.append(partition, payload))
    }

    /// Skips offsets, as a broker's control records do.
    pub fn skip(&self, partition: PartitionId, offsets: u64) {
        self.with(partition, |partition| partition.end.0 += offsets);
    }

    /// Returns all records of a partition.
    #[must_use]
    pub fn records(&self, partition: PartitionId) -> Vec<LogRecord> {
        self.with(partition, |partition| partition.records.clone())
    }

    /// Returns the offset of a partition's next record.
    #[must_use]
    pub fn end(&self, partition: PartitionId) -> Offset {
        self.with(partition, |partition| partition.end)
    }

    /// Returns the committed progress.
    #[must_use]
    pub fn progress(&self, partition: PartitionId) -> Progress {
        self.with(partition, |partition| partition.progress)
    }

    /// Returns all commits, in order.
    #[must_use]
    pub fn commits(&self, partition: PartitionId) -> Vec<Progress> {
        self.with(partition, |partition| partition.commits.clone())
    }

    /// Returns all ranges that were ever recorded as pending, each once, in order.
    #[must_use]
    pub fn ranges(&self, partition: PartitionId) -> Vec<OffsetRange> {
        let commits = self.commits(partition);
        let mut seen = std::collections::BTreeSet::new();
        commits
            .into_iter()
            .filter_map(|progress| progress.pending)
            .filter(|range| seen.insert((range.first, range.last)))
            .collect()
    }

    /// Starts a consumer to which all partitions are assigned, each with the committed progress.
    #[must_use]
    pub fn consumer(&self) -> MemoryConsumer {
        let consumer = self.idle_consumer();
        let count = self.partitions.lock().len();
        for number in 0..count {
            let id = PartitionId(u32::try_from(number).expect("made of a u32"));
            consumer.assign(id, Vec::new());
        }
        consumer
    }

    /// Starts a consumer without assigned partitions.
    #[must_use]
    pub fn idle_consumer(&self) -> MemoryConsumer {
        self.idle_consumer_failing(self.faults.clone())
    }

    /// Starts a consumer without assigned partitions and with its own failure plan.
    #[must_use]
    pub fn idle_consumer_failing(&self, faults: Faults) -> MemoryConsumer {
        let (sender, receiver) = mpsc::channel(CHANGES);
        MemoryConsumer {
            log: self.clone(),
            faults,
            changes: sender,
            pending_changes: Arc::new(tokio::sync::Mutex::new(receiver)),
            owned: Arc::new(watch::Sender::new(BTreeMap::new())),
        }
    }

    fn partition_of(&self, key: u64) -> PartitionId {
        let count = u64::try_from(self.partitions.lock().len()).expect("made of a u32");
        PartitionId(u32::try_from(key % count).expect("less than a u32"))
    }

    fn with<T>(&self, id: PartitionId, work: impl FnOnce(&mut Partition) -> T) -> T {
        let mut partitions = self.partitions.lock();
        let partition = usize::try_from(id.0)
            .ok()
            .and_then(|index| partitions.get_mut(index))
            .expect("the test names a partition that exists");
        work(partition)
    }

    fn ready(&self, id: PartitionId, request: ReadRequest) -> Vec<LogRecord> {
        self.with(id, |partition| {
            let start = partition
                .records
                .partition_point(|record| record.offset < request.from);
            let mut bytes = 0;
            partition
                .records
                .iter()
                .skip(start)
                .take_while(|record| request.until.is_none_or(|until| record.offset <= until))
                .take_while(|record| {
                    let fits = bytes == 0 || bytes + record.payload.len() <= request.max_bytes;
                    bytes += record.payload.len();
                    fits
                })
                .cloned()
                .collect()
        })
    }
}

impl EventPublisher for MemoryLog {
    async fn publish(&self, records: Vec<OutgoingRecord>) -> Vec<Result<(), PublishError>> {
        let unavailable = |error: PlannedError| PublishError::Unavailable {
            reason: error.to_string(),
            retry_after: Duration::from_secs(1),
        };
        if let Err(error) = self.faults.before(Operation::Publish).await {
            return records.iter().map(|_| Err(unavailable(error))).collect();
        }
        let count = records.len();
        for record in records {
            self.append(self.partition_of(record.key), record.payload);
        }
        let outcome = self.faults.after(Operation::Publish).await;
        vec![outcome.map_err(unavailable); count]
    }
}

/// One consumer of a [`MemoryLog`]; clones are the same one.
#[derive(Debug, Clone)]
pub struct MemoryConsumer {
    log: MemoryLog,
    faults: Faults,
    changes: mpsc::Sender<SourceEvent>,
    pending_changes: Arc<tokio::sync::Mutex<mpsc::Receiver<SourceEvent>>>,
    /// The partitions that are not released, and the generation of each assignment.
    owned: Arc<watch::Sender<BTreeMap<PartitionId, u64>>>,
}

impl MemoryConsumer {
    /// Assigns a partition to the consumer with its committed progress, and ranges to replay.
    ///
    /// # Panics
    /// When the consumer leaves over a thousand changes unread.
    pub fn assign(&self, partition: PartitionId, replay: Vec<OffsetRange>) {
        self.own(partition);
        self.tell(SourceEvent::Assigned {
            partition,
            progress: Some(self.log.progress(partition)),
            replay,
        });
    }

    /// Assigns a partition to the consumer as if no progress had been committed.
    ///
    /// # Panics
    /// When the consumer leaves over a thousand changes unread.
    pub fn assign_unknown(&self, partition: PartitionId) {
        self.own(partition);
        self.tell(SourceEvent::Assigned {
            partition,
            progress: None,
            replay: Vec::new(),
        });
    }

    /// Revokes a partition; it is released once [`Self::wait_released`] returns.
    ///
    /// # Panics
    /// When the consumer leaves over a thousand changes unread.
    pub fn revoke(&self, partition: PartitionId) {
        self.tell(SourceEvent::Revoked { partition });
    }

    /// Waits until the consumer has released `partition`.
    ///
    /// # Panics
    /// Never: the sender lives as long as this consumer.
    pub async fn wait_released(&self, partition: PartitionId) {
        let mut owned = self.owned.subscribe();
        owned
            .wait_for(|owned| !owned.contains_key(&partition))
            .await
            .expect("the sender lives as long as self");
    }

    /// Returns whether the consumer has not released `partition` yet.
    #[must_use]
    pub fn holds(&self, partition: PartitionId) -> bool {
        self.owned.borrow().contains_key(&partition)
    }

    fn own(&self, partition: PartitionId) {
        let generation = self.log.with(partition, |partition| {
            partition.generation += 1;
            partition.generation
        });
        self.owned.send_modify(|owned| {
            owned.insert(partition, generation);
        });
    }

    fn tell(&self, change: SourceEvent) {
        self.changes
            .try_send(change)
            .expect("the consumer looks at its changes");
    }

    /// Returns the generation of the partition's assignment.
    fn check_owned(&self, partition: PartitionId) -> u64 {
        let generation = self.owned.borrow().get(&partition).copied();
        generation.unwrap_or_else(|| panic!("partition {partition} was used after its release"))
    }
}

impl RecordSource for MemoryConsumer {
    type Error = PlannedError;

    fn topic(&self) -> &str {
        &self.log.topic
    }

    async fn changed(&self) -> Result<SourceEvent, PlannedError> {
        let mut changes = self.pending_changes.lock().await;
        let change = changes.recv().await;
        Ok(change.expect("the sender lives as long as self"))
    }

    async fn read(
        &self,
        partition: PartitionId,
        request: ReadRequest,
    ) -> Result<Vec<LogRecord>, PlannedError> {
        self.check_owned(partition);
        self.faults.before(Operation::Read).await?;
        let mut appended = self.log.appended.subscribe();
        let is_past_end = |until: Offset| request.from > until;
        let wait_for_records = async {
            loop {
                let records = self.log.ready(partition, request);
                if !records.is_empty() || request.until.is_some_and(is_past_end) {
                    return records;
                }
                appended
                    .changed()
                    .await
                    .expect("the sender lives as long as the log");
            }
        };
        Ok(tokio::time::timeout(request.wait, wait_for_records)
            .await
            .unwrap_or_default())
    }

    async fn commit(&self, id: PartitionId, progress: Progress) -> Result<(), PlannedError> {
        let generation = self.check_owned(id);
        self.faults.before(Operation::Commit).await?;
        self.check_owned(id);
        self.log.with(id, |partition| {
            if partition.generation != generation {
                return Err(FENCED);
            }
            assert!(
                progress.next >= partition.progress.next,
                "progress moves back from {:?} to {progress:?}",
                partition.progress
            );
            if let Some(range) = progress.pending {
                assert_eq!(range.first, progress.next, "a range begins at `next`");
                assert!(range.first <= range.last && range.last < partition.end);
            }
            partition.progress = progress;
            partition.commits.push(progress);
            Ok(())
        })?;
        self.faults.after(Operation::Commit).await
    }

    async fn release(&self, partition: PartitionId) {
        self.check_owned(partition);
        self.owned.send_modify(|owned| {
            owned.remove(&partition);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: PartitionId = PartitionId(0);

    fn request(from: u64, max_bytes: usize) -> ReadRequest {
        ReadRequest {
            from: Offset(from),
            until: None,
            max_bytes,
            wait: Duration::from_millis(50),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reads_are_bounded_in_bytes_but_never_empty_before_the_end() {
        let log = MemoryLog::new("t", 1);
        for payload in ["aaaa", "bbbb", "cccc"] {
            log.append(FIRST, payload);
        }
        let consumer = log.consumer();
        let offsets = |records: Vec<LogRecord>| -> Vec<u64> {
            records.into_iter().map(|record| record.offset.0).collect()
        };
        let read = async |from, max| {
            offsets(
                consumer
                    .read(FIRST, request(from, max))
                    .await
                    .expect("no fault planned"),
            )
        };
        assert_eq!(read(0, 8).await, [0, 1]);
        assert_eq!(read(1, 1).await, [1]);
        assert_eq!(read(3, 8).await, [0_u64; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_read_sees_an_appended_record() {
        let log = MemoryLog::new("t", 1);
        let consumer = log.consumer();
        let (records, ()) = tokio::join!(consumer.read(FIRST, request(0, 8)), async {
            log.append(FIRST, "late");
        });
        assert_eq!(records.expect("no fault planned").len(), 1);
    }

    #[tokio::test]
    async fn a_replaced_owner_commits_nothing() {
        let log = MemoryLog::new("t", 1);
        log.append(FIRST, "a");
        let (old, new) = (log.consumer(), log.consumer());
        let done = Progress {
            next: Offset(1),
            pending: None,
        };
        assert_eq!(old.commit(FIRST, done).await, Err(FENCED));
        assert_eq!(log.progress(FIRST).next, Offset(0));
        new.commit(FIRST, done).await.expect("it is the owner");
        assert_eq!(log.progress(FIRST), done);
    }

    #[tokio::test]
    #[should_panic(expected = "after its release")]
    async fn a_commit_after_a_release_panics() {
        let log = MemoryLog::new("t", 1);
        let consumer = log.consumer();
        consumer.release(FIRST).await;
        let progress = Progress {
            next: Offset(0),
            pending: None,
        };
        consumer
            .commit(FIRST, progress)
            .await
            .expect("no fault planned");
    }
}
