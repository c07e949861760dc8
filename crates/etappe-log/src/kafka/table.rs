//! A small table shared by all processes: a compacted topic, held in memory as a whole.
//!
//! A row is a message whose key is the row's name. A message without a value deletes the row. Every
//! process reads the topic from its beginning and follows it, so a change reaches all of them
//! within moments. While brokers are unavailable, the rows stay as last known.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::FutureRecord;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tokio::sync::watch;

use super::cluster::KafkaCluster;
use super::plain::{PatientProducer, PlainContext};
use crate::error::LogError;
use etappe_runtime::blocking::run_blocking;

/// How long a poll waits.
const POLL: Duration = Duration::from_millis(100);
/// The most bytes of all rows together. Beyond that the table is no longer followed.
const MAX_BYTES: usize = 256 << 20;

/// The rows of a table, by name.
pub type TableRows = Arc<BTreeMap<String, Bytes>>;

/// A table on a topic with one partition. Clones share it. It is followed until the last clone is
/// dropped.
#[derive(Clone)]
pub struct KafkaTable {
    shared: Arc<Shared>,
    producer: PatientProducer,
    _end: Arc<EndOnDrop>,
}

struct Shared {
    topic: String,
    rows: watch::Sender<TableRows>,
    is_current: AtomicBool,
    is_closing: AtomicBool,
}

struct EndOnDrop(Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.is_closing.store(true, Ordering::Release);
    }
}

impl fmt::Debug for KafkaTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaTable")
            .field("topic", &self.shared.topic)
            .field("is_current", &self.is_current())
            .finish_non_exhaustive()
    }
}

impl KafkaTable {
    /// Opens the table on `topic`, which has one partition and is compacted. It fills in the
    /// background; brokers need not be reachable.
    ///
    /// # Errors
    /// [`LogError`] if the clients cannot be created.
    pub async fn open(cluster: &KafkaCluster, topic: &str) -> Result<Self, LogError> {
        let (cluster, topic) = (cluster.clone(), topic.to_owned());
        run_blocking(move || Self::follow(&cluster, topic)).await
    }

    fn follow(cluster: &KafkaCluster, topic: String) -> Result<Self, LogError> {
        let failed = |error| LogError::kafka("read a table", None, error);
        let consumer = cluster.plain_consumer("table")?;
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&topic, 0, KafkaOffset::Beginning)
            .map_err(failed)?;
        consumer.assign(&list).map_err(failed)?;
        let shared = Arc::new(Shared {
            topic,
            rows: watch::Sender::default(),
            is_current: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
        });
        let follower = Follower {
            shared: Arc::clone(&shared),
            rows: BTreeMap::new(),
            bytes: 0,
            next: 0,
        };
        std::thread::Builder::new()
            .name("etappe-kafka-table".to_owned())
            .spawn(move || follower.run(&consumer))
            .map_err(LogError::unusable("start a thread for", &shared.topic))?;
        Ok(Self {
            _end: Arc::new(EndOnDrop(Arc::clone(&shared))),
            producer: cluster.patient_producer("table")?,
            shared,
        })
    }

    /// Returns a receiver of the rows. It is notified of each change, and when the table becomes
    /// current.
    #[must_use]
    pub fn rows(&self) -> watch::Receiver<TableRows> {
        self.shared.rows.subscribe()
    }

    /// Returns whether the table was read to its end once. Before that, rows may be missing.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.shared.is_current.load(Ordering::Acquire)
    }

    /// Writes or deletes a row, and returns once that is durable. [`Self::rows`] shows it a moment
    /// later. Of two concurrent writes the later one wins.
    ///
    /// # Errors
    /// [`LogError`], transient while brokers are unavailable. The row may have been written.
    pub async fn put(&self, key: &str, value: Option<Bytes>) -> Result<(), LogError> {
        let mut record: FutureRecord<'_, str, [u8]> =
            FutureRecord::to(&self.shared.topic).partition(0).key(key);
        record.payload = value.as_deref();
        let sent = self.producer.send(record);
        let action = || format!("write row `{key}` of `{}`", self.shared.topic);
        self.producer.wait(sent, action).await
    }
}

/// Follows the topic, on a thread of its own.
struct Follower {
    shared: Arc<Shared>,
    rows: BTreeMap<String, Bytes>,
    bytes: usize,
    /// The offset that comes next.
    next: i64,
}

impl Follower {
    fn run(mut self, consumer: &BaseConsumer<PlainContext>) {
        let mut is_changed = false;
        while !self.shared.is_closing.load(Ordering::Acquire) {
            let wait = if is_changed { Duration::ZERO } else { POLL };
            match consumer.poll(wait) {
                Some(Ok(message)) => {
                    consumer.context().note_success();
                    self.apply(&message);
                    is_changed = true;
                    if self.bytes > MAX_BYTES {
                        tracing::error!(
                            topic = self.shared.topic,
                            limit = MAX_BYTES,
                            "the table is too large for memory and no longer followed"
                        );
                        return;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    let was_current = self.shared.is_current.swap(true, Ordering::AcqRel);
                    if is_changed || !was_current {
                        self.publish();
                    }
                    is_changed = false;
                }
                Some(Err(error)) => {
                    tracing::warn!(topic = self.shared.topic, %error, "trouble with a table");
                }
                // Do not publish a partly read table: it would lack rows that were there before.
                None if is_changed && self.shared.is_current.load(Ordering::Acquire) => {
                    self.publish();
                    is_changed = false;
                }
                None => is_changed = false,
            }
        }
    }

    fn publish(&self) {
        self.shared.rows.send_replace(Arc::new(self.rows.clone()));
    }

    fn apply(&mut self, message: &BorrowedMessage<'_>) {
        if message.offset() < self.next {
            // The topic was recreated.
            self.rows.clear();
            self.bytes = 0;
        }
        self.next = message.offset() + 1;
        let Some(key) = message.key().and_then(|key| str::from_utf8(key).ok()) else {
            tracing::warn!(
                topic = self.shared.topic,
                offset = message.offset(),
                "ignoring a row without a name"
            );
            return;
        };
        let value = message.payload().map(Bytes::copy_from_slice);
        let added = value.as_ref().map_or(0, |value| key.len() + value.len());
        let old = match value {
            Some(value) => self.rows.insert(key.to_owned(), value),
            None => self.rows.remove(key),
        };
        self.bytes += added;
        self.bytes -= old.map_or(0, |old| key.len() + old.len());
    }
}
