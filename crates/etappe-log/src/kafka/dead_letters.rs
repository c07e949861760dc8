//! Dead letters: records that could not be stored, on a topic of their own.
//!
//! Invariant: burying a record twice changes nothing. The first burial of a position is the letter,
//! and later ones are ignored.
//!
//! A letter's value is the original record. Headers hold its position, the reason, and when it was
//! buried. When a letter was sent again, another message records it: the same position, no value,
//! and the header `replayed_at`.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{DeadLetter, DeadLetters, StoredDeadLetter};
use etappe_core::time::Timestamp;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use rdkafka::producer::FutureRecord;
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::cluster::KafkaCluster;
use super::plain::{PatientProducer, PlainContext};
use super::source::probe::Probe;
use crate::error::LogError;
use etappe_runtime::blocking::run_blocking;

/// The longest reason that is stored, in characters.
const MAX_REASON: usize = 2_000;
/// How many letters may wait for their reader.
const READ_AHEAD: usize = 16;
/// How long reading may go without a message.
const COMES_WITHIN: Duration = Duration::from_secs(10);
/// How many letters are sent to the brokers at a time.
const AT_ONCE: usize = 256;

const TOPIC: &str = "topic";
const PARTITION: &str = "partition";
const OFFSET: &str = "offset";
const REASON: &str = "reason";
const BURIED_AT: &str = "buried_at";
const REPLAYED_AT: &str = "replayed_at";

/// Stores dead letters on their topic. Clones share one client.
#[derive(Clone)]
pub struct KafkaDeadLetters {
    cluster: KafkaCluster,
    producer: PatientProducer,
}

impl fmt::Debug for KafkaDeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaDeadLetters")
            .field("topic", &self.letter_topic())
            .finish_non_exhaustive()
    }
}

/// The position of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    topic: String,
    partition: PartitionId,
    offset: Offset,
}

/// The content of a message on the topic.
enum Said {
    Buried {
        reason: String,
        buried_at: Timestamp,
    },
    Replayed(Timestamp),
}

/// The extent of the letters before they are read.
#[derive(Default)]
struct Index {
    /// For each position: the partition and offset of its letter on the dead-letter topic, and when
    /// it was last sent again.
    letters: HashMap<Place, ((i32, i64), Option<Timestamp>)>,
}

impl KafkaCluster {
    /// Creates the store of dead letters. Connects in the background; brokers need not be
    /// reachable.
    ///
    /// # Errors
    /// [`LogError`] if the client cannot be created.
    pub fn dead_letters(&self) -> Result<KafkaDeadLetters, LogError> {
        Ok(KafkaDeadLetters {
            cluster: self.clone(),
            producer: self.patient_producer("dead-letters")?,
        })
    }
}

impl DeadLetters for KafkaDeadLetters {
    type Error = LogError;

    async fn store(&self, letters: &[DeadLetter]) -> Result<(), LogError> {
        let buried_at = self.cluster.clock.now().to_string();
        for some in letters.chunks(AT_ONCE) {
            let mut sent = Vec::with_capacity(some.len());
            for letter in some {
                let reason: String = letter.reason.chars().take(MAX_REASON).collect();
                let headers = place_headers(&self.cluster.config.topic, letter)
                    .insert(header(REASON, &reason))
                    .insert(header(BURIED_AT, &buried_at));
                sent.push(self.send(headers, Some(&letter.payload)));
            }
            for delivery in sent {
                self.wait(delivery).await?;
            }
        }
        Ok(())
    }
}

impl KafkaDeadLetters {
    fn letter_topic(&self) -> &str {
        &self.cluster.config.dead_letter_topic
    }

    /// Reads all dead letters of all topics, in the order in which they were buried.
    ///
    /// # Errors
    /// [`LogError`], transient while brokers are unavailable.
    pub async fn read_all(&self) -> Result<Vec<StoredDeadLetter>, LogError> {
        let mut letters = Vec::new();
        self.visit(|letter| letters.push(letter)).await?;
        Ok(letters)
    }

    /// Calls `visit` with each dead letter, in the order in which they were buried. Holds only the
    /// positions of all letters in memory, not the letters.
    ///
    /// # Errors
    /// [`LogError`], transient while brokers are unavailable. Some letters may have been visited.
    pub async fn visit(&self, mut visit: impl FnMut(StoredDeadLetter)) -> Result<(), LogError> {
        let (sender, mut letters) = mpsc::channel(READ_AHEAD);
        let reader = self.clone();
        let read = run_blocking(move || reader.read_into(&sender));
        let pass_on = async {
            while let Some(letter) = letters.recv().await {
                visit(letter);
            }
        };
        let (read, ()) = tokio::join!(read, pass_on);
        read
    }

    /// Records that a letter was sent again, and returns once that is durable. The latest time
    /// counts.
    ///
    /// # Errors
    /// [`LogError`], transient while brokers are unavailable.
    pub async fn mark_replayed(&self, letter: &StoredDeadLetter) -> Result<(), LogError> {
        let now = self.cluster.clock.now().to_string();
        let headers = place_headers(&letter.topic, &letter.letter);
        let sent = self.send(headers.insert(header(REPLAYED_AT, &now)), None);
        self.wait(sent).await
    }

    fn send(
        &self,
        headers: OwnedHeaders,
        payload: Option<&Bytes>,
    ) -> Result<DeliveryFuture, KafkaError> {
        let mut record: FutureRecord<'_, (), [u8]> =
            FutureRecord::to(self.letter_topic()).headers(headers);
        record.payload = payload.map(|bytes| &**bytes);
        self.producer.send(record)
    }

    async fn wait(&self, sent: Result<DeliveryFuture, KafkaError>) -> Result<(), LogError> {
        let action = || "keep a dead letter".to_owned();
        self.producer.wait(sent, action).await
    }

    /// Reads the topic twice: first what is recorded about each letter, then the letters. Blocks.
    fn read_into(&self, letters: &mpsc::Sender<StoredDeadLetter>) -> Result<(), LogError> {
        let mut index = Index::default();
        self.scan(|message| {
            if let Some((place, said)) = parse(message) {
                index.note(place, &said, position(message));
            }
            true
        })?;
        self.scan(|message| match index.letter(message) {
            // The caller may have gone away.
            Some(letter) => letters.blocking_send(letter).is_ok(),
            None => true,
        })
    }

    /// Calls `visit` with each message on the topic now, until it returns false. Blocks.
    fn scan(&self, mut visit: impl FnMut(&BorrowedMessage<'_>) -> bool) -> Result<(), LogError> {
        let topic = self.letter_topic();
        let probe = Probe::new(&self.cluster, topic)?;
        let consumer = self.cluster.plain_consumer("dead-letters")?;
        for number in 0..probe.partitions()? {
            let ends = probe.ends(PartitionId(number))?;
            if ends.start >= ends.end {
                continue;
            }
            let read = Scan {
                topic,
                consumer: &consumer,
                partition: number,
                end: ends.end.0,
            };
            if !read.run(&mut visit)? {
                break;
            }
        }
        Ok(())
    }
}

/// Reads one partition up to the end it had at the start.
struct Scan<'a> {
    topic: &'a str,
    consumer: &'a BaseConsumer<PlainContext>,
    partition: u32,
    end: u64,
}

impl Scan<'_> {
    /// Returns false if `visit` wants no more.
    fn run(&self, mut visit: impl FnMut(&BorrowedMessage<'_>) -> bool) -> Result<bool, LogError> {
        let mut list = TopicPartitionList::with_capacity(1);
        let number = i32::try_from(self.partition).unwrap_or(i32::MAX);
        list.add_partition_offset(self.topic, number, KafkaOffset::Beginning)
            .map_err(|error| self.failed(error))?;
        self.consumer
            .assign(&list)
            .map_err(|error| self.failed(error))?;
        let mut deadline = Instant::now() + COMES_WITHIN;
        loop {
            match self.consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => {
                    deadline = Instant::now() + COMES_WITHIN;
                    if !visit(&message) {
                        return Ok(false);
                    }
                    if message.offset().unsigned_abs() + 1 >= self.end {
                        return Ok(true);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(true),
                Some(Err(error)) => return Err(self.failed(error)),
                None if Instant::now() > deadline => {
                    let error = KafkaError::Global(RDKafkaErrorCode::OperationTimedOut);
                    return Err(self.failed(error));
                }
                None => {}
            }
        }
    }

    fn failed(&self, error: KafkaError) -> LogError {
        let reason = self.consumer.context().last_error();
        LogError::kafka(format!("read `{}`", self.topic), reason, error)
    }
}

impl Index {
    fn note(&mut self, place: Place, said: &Said, at: (i32, i64)) {
        match said {
            Said::Buried { .. } => {
                self.letters.entry(place).or_insert((at, None));
            }
            Said::Replayed(time) => {
                if let Some((_, replayed_at)) = self.letters.get_mut(&place) {
                    *replayed_at = (*replayed_at).max(Some(*time));
                }
            }
        }
    }

    /// Returns the message's letter, if it is the first burial of its position.
    fn letter(&self, message: &BorrowedMessage<'_>) -> Option<StoredDeadLetter> {
        let (place, said) = parse(message)?;
        let Said::Buried { reason, buried_at } = said else {
            return None;
        };
        let (at, replayed_at) = self.letters.get(&place)?;
        (*at == position(message)).then(|| StoredDeadLetter {
            topic: place.topic,
            letter: DeadLetter {
                partition: place.partition,
                offset: place.offset,
                payload: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
                reason,
            },
            buried_at,
            replayed_at: *replayed_at,
        })
    }
}

fn position(message: &BorrowedMessage<'_>) -> (i32, i64) {
    (message.partition(), message.offset())
}

fn header<'a>(key: &'a str, value: &'a str) -> Header<'a, &'a str> {
    let value = Some(value);
    Header { key, value }
}

fn place_headers(topic: &str, letter: &DeadLetter) -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(5)
        .insert(header(TOPIC, topic))
        .insert(header(PARTITION, &letter.partition.to_string()))
        .insert(header(OFFSET, &letter.offset.to_string()))
}

/// Parses a message. Returns `None` if it is not one of ours.
fn parse(message: &BorrowedMessage<'_>) -> Option<(Place, Said)> {
    let headers = message.headers()?;
    let text = |name: &str| {
        let mut found = headers.iter().filter(|header| header.key == name);
        found.next()?.value.and_then(|it| str::from_utf8(it).ok())
    };
    let place = Place {
        topic: text(TOPIC)?.to_owned(),
        partition: PartitionId(text(PARTITION)?.parse().ok()?),
        offset: Offset(text(OFFSET)?.parse().ok()?),
    };
    if let Some(at) = text(REPLAYED_AT) {
        return Some((place, Said::Replayed(Timestamp::parse(at).ok()?)));
    }
    let said = Said::Buried {
        reason: text(REASON)?.to_owned(),
        buried_at: Timestamp::parse(text(BURIED_AT)?).ok()?,
    };
    Some((place, said))
}
