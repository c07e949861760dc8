//! Plain client operations on a node: topics, records, offsets.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, FutureProducer, FutureRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::{KafkaNode, KafkaNodeError};
use crate::wait::PATIENCE;

/// The timeout for a request to a node.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// The timeout of one attempt to reach a starting node.
const TRY: Duration = Duration::from_millis(500);

/// A record as a plain consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainRecord {
    /// Its offset.
    pub offset: u64,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Its value, if it has one.
    pub value: Option<Vec<u8>>,
}

impl KafkaNode {
    /// Creates a topic for a test and returns its name, which begins with `what`.
    ///
    /// # Errors
    /// The node's answer.
    pub async fn topic(&self, what: &str, partitions: u32) -> Result<String, KafkaNodeError> {
        self.topic_with(what, partitions, &[]).await
    }

    /// Creates a topic with its own settings, such as `("cleanup.policy", "compact")`.
    ///
    /// # Errors
    /// The node's answer.
    pub async fn topic_with(
        &self,
        what: &str,
        partitions: u32,
        settings: &[(&str, &str)],
    ) -> Result<String, KafkaNodeError> {
        let name = self.unique_name(what);
        let count = i32::try_from(partitions).unwrap_or(i32::MAX);
        let mut topic = NewTopic::new(&name, count, TopicReplication::Fixed(-1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let admin: AdminClient<DefaultClientContext> = config(&self.brokers()).create()?;
        let options = AdminOptions::new().operation_timeout(Some(ANSWERED_WITHIN));
        for outcome in admin.create_topics([&topic], &options).await? {
            outcome.map_err(|(_, code)| KafkaError::AdminOp(code))?;
        }
        self.wait_for_leaders(&name, partitions).await?;
        Ok(name)
    }

    async fn wait_for_leaders(&self, topic: &str, count: u32) -> Result<(), KafkaNodeError> {
        let (brokers, topic) = (self.brokers(), topic.to_owned());
        let wait = move || -> KafkaResult<bool> {
            let client: BaseConsumer = config(&brokers).create()?;
            let metadata = client.fetch_metadata(Some(&topic), ANSWERED_WITHIN)?;
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            Ok(metadata.topics().iter().any(|it| {
                it.partitions().len() == count && it.partitions().iter().all(|it| it.leader() >= 0)
            }))
        };
        let deadline = Instant::now() + PATIENCE;
        while !run_blocking(wait.clone()).await? {
            if Instant::now() > deadline {
                return Err(self.broken("created a topic whose partitions got no leaders"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Writes values into a partition with a plain producer; all are durable when it returns.
    ///
    /// # Errors
    /// The node's answer to the first one that failed.
    pub async fn produce<V: AsRef<[u8]>>(
        &self,
        topic: &str,
        partition: u32,
        values: impl IntoIterator<Item = V>,
    ) -> Result<(), KafkaNodeError> {
        let producer: FutureProducer = config(&self.brokers())
            .set("linger.ms", "2")
            .set("queue.buffering.max.messages", "1000000")
            .set("message.max.bytes", "10000000")
            .set("batch.size", "1000000")
            .create()?;
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let mut waiting = Vec::new();
        for value in values {
            let record = FutureRecord::<(), _>::to(topic)
                .partition(partition)
                .payload(value.as_ref());
            let sent = producer.send_result(record).map_err(|(error, _)| error)?;
            waiting.push(sent);
        }
        for delivery in waiting {
            let outcome = delivery.await.map_err(|_| KafkaError::Canceled)?;
            outcome.map_err(|(error, _)| error)?;
        }
        Ok(())
    }

    /// Writes values in a transaction, which leaves an offset without a record behind them.
    ///
    /// # Errors
    /// The node's answer.
    pub async fn produce_in_transaction(
        &self,
        topic: &str,
        partition: u32,
        values: Vec<String>,
    ) -> Result<(), KafkaNodeError> {
        let mut settings = config(&self.brokers());
        settings.set("transactional.id", self.unique_name("transaction"));
        let topic = topic.to_owned();
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let write = move || -> KafkaResult<()> {
            let producer: BaseProducer = settings.create()?;
            producer.init_transactions(ANSWERED_WITHIN)?;
            producer.begin_transaction()?;
            for value in &values {
                let record = BaseRecord::<(), _>::to(&topic)
                    .partition(partition)
                    .payload(value);
                producer.send(record).map_err(|(error, _)| error)?;
            }
            producer.commit_transaction(ANSWERED_WITHIN)
        };
        Ok(run_blocking(write).await?)
    }

    /// Reads all current records of a partition with a plain consumer.
    ///
    /// # Errors
    /// The node's answer.
    pub async fn read(
        &self,
        topic: &str,
        partition: u32,
    ) -> Result<Vec<PlainRecord>, KafkaNodeError> {
        let (brokers, topic) = (self.brokers(), topic.to_owned());
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        Ok(run_blocking(move || read_to_end(&brokers, &topic, partition)).await?)
    }

    /// Returns a partition's first retained offset and the offset after its last.
    ///
    /// # Errors
    /// The node's answer.
    pub async fn offsets(&self, topic: &str, partition: u32) -> Result<(u64, u64), KafkaNodeError> {
        let (brokers, topic) = (self.brokers(), topic.to_owned());
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let ask = move || {
            let client: BaseConsumer = config(&brokers).create()?;
            client.fetch_watermarks(&topic, partition, ANSWERED_WITHIN)
        };
        let (low, high) = run_blocking(ask).await?;
        Ok((low.unsigned_abs(), high.unsigned_abs()))
    }

    /// Deletes the records before `offset` in a partition, as retention would.
    ///
    /// # Errors
    /// The node's answer.
    pub async fn delete_before(
        &self,
        topic: &str,
        partition: u32,
        offset: u64,
    ) -> Result<(), KafkaNodeError> {
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        let admin: AdminClient<DefaultClientContext> = config(&self.brokers()).create()?;
        let options = AdminOptions::new().operation_timeout(Some(ANSWERED_WITHIN));
        let deleted = admin.delete_records(&offsets, &options).await?;
        for element in deleted.elements() {
            element.error()?;
        }
        Ok(())
    }

    /// Commits an offset and its metadata for a group without members, as an operator would.
    ///
    /// # Errors
    /// The node's answer.
    pub async fn commit(
        &self,
        group: &str,
        topic: &str,
        partition: u32,
        (offset, metadata): (u64, &str),
    ) -> Result<(), KafkaNodeError> {
        let mut settings = config(&self.brokers());
        settings.set("group.id", group);
        let mut list = TopicPartitionList::new();
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let mut element = list.add_partition(topic, partition);
        element.set_offset(Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX)))?;
        element.set_metadata(metadata);
        let commit = move || {
            let client: BaseConsumer = settings.create()?;
            client.commit(&list, CommitMode::Sync)
        };
        Ok(run_blocking(commit).await?)
    }

    /// Returns a group's committed offset and metadata for a partition.
    ///
    /// # Errors
    /// The node's answer.
    pub async fn committed(
        &self,
        group: &str,
        topic: &str,
        partition: u32,
    ) -> Result<Option<(u64, String)>, KafkaNodeError> {
        let mut settings = config(&self.brokers());
        settings.set("group.id", group);
        let topic = topic.to_owned();
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let ask = move || -> KafkaResult<Option<(u64, String)>> {
            let client: BaseConsumer = settings.create()?;
            let mut wanted = TopicPartitionList::new();
            wanted.add_partition(&topic, partition);
            let found = client.committed_offsets(wanted, ANSWERED_WITHIN)?;
            let elements = found.elements();
            Ok(elements.first().and_then(|element| match element.offset() {
                Offset::Offset(offset) => {
                    Some((offset.unsigned_abs(), element.metadata().to_owned()))
                }
                _ => None,
            }))
        };
        Ok(run_blocking(ask).await?)
    }
}

/// Returns whether the node with that number answers and sees `nodes` nodes.
pub(super) async fn is_serving(brokers: &str, number: usize, nodes: usize) -> bool {
    let brokers = brokers.to_owned();
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    let ask = move || -> KafkaResult<bool> {
        let client: BaseConsumer = config(&brokers).create()?;
        let metadata = client.fetch_metadata(None, TRY)?;
        let known = metadata.brokers();
        Ok(known.len() >= nodes && known.iter().any(|broker| broker.id() == number))
    };
    run_blocking(ask).await.unwrap_or(false)
}

fn read_to_end(brokers: &str, topic: &str, partition: i32) -> KafkaResult<Vec<PlainRecord>> {
    let client: BaseConsumer = config(brokers)
        .set("group.id", "plain-reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()?;
    let mut start = TopicPartitionList::new();
    start.add_partition_offset(topic, partition, Offset::Beginning)?;
    client.assign(&start)?;
    let mut records = Vec::new();
    loop {
        match client.poll(ANSWERED_WITHIN) {
            Some(Ok(message)) => records.push(PlainRecord {
                offset: message.offset().unsigned_abs(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
            }),
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(records),
            Some(Err(error)) => return Err(error),
            None => return Err(KafkaError::Canceled),
        }
    }
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> KafkaResult<T> + Send + 'static,
) -> KafkaResult<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
