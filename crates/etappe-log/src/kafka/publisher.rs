//! The publishing side on Kafka.
//!
//! The producer is idempotent and waits for all in-sync replicas. Its own timeout of messages is
//! switched off: it would let single records time out while later ones of the same partition are
//! still sent. Instead everything that waits is given up at one moment, by [`purge`]; so what a
//! partition has got at any time is a prefix of what was handed over for it, and what was given up
//! can be published again in order.
//!
//! [`purge`]: KafkaPublisher::purge

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use etappe_core::ports::{EventPublisher, OutgoingRecord, PublishError};
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use rdkafka::statistics::Statistics;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use super::client::{Reachability, SharedContext};
use super::cluster::KafkaCluster;
use super::config::KafkaConfig;
use super::delivery::{Deliveries, Delivery, Outcome};
use crate::error::LogError;
use crate::metrics::kafka::DeliveryCounters;

/// When to come back while more is published than the brokers take.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long the reports of what was given up may take.
const PURGE_PATIENCE: Duration = Duration::from_secs(2);
/// What a record that waits costs beside its bytes.
const RECORD_COST: usize = 512;
/// The largest batch in bytes, if records are not larger.
const BATCH_BYTES: usize = 1_000_000;
/// What a batch of one record has beside the record, at most.
const BATCH_OVERHEAD: usize = 64 << 10;

type Client = ThreadedProducer<PublisherContext>;

impl KafkaConfig {
    /// Returns the largest message, and batch of messages, in bytes.
    pub(super) fn max_message_bytes(&self) -> usize {
        (self.max_record_bytes + BATCH_OVERHEAD).max(1_048_588)
    }

    /// Returns the properties of a producer that never gives a message up by itself.
    pub(super) fn producer(&self, role: &str) -> ClientConfig {
        let millis = |duration: Duration| duration.as_millis().to_string();
        let mut client = self.client(role);
        client
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            .set("request.timeout.ms", millis(self.delivery_timeout))
            .set("socket.timeout.ms", millis(self.delivery_timeout))
            .set("compression.codec", self.codec.as_str())
            .set("linger.ms", millis(self.linger))
            .set("batch.size", BATCH_BYTES.to_string())
            .set("message.max.bytes", self.max_message_bytes().to_string())
            .set(
                "queue.buffering.max.kbytes",
                (self.queue_bytes / 1024).to_string(),
            )
            .set(
                "queue.buffering.max.messages",
                (self.queue_bytes / RECORD_COST).to_string(),
            );
        client
    }
}

/// Hears what becomes of each record.
struct PublisherContext {
    shared: SharedContext,
    deliveries: Arc<Deliveries>,
    counters: DeliveryCounters,
    trouble: Arc<Trouble>,
}

/// What a publisher has to complain about.
#[derive(Debug, Default)]
struct Trouble {
    noticed: Notify,
    /// The client has failed for good and must be replaced.
    is_broken: AtomicBool,
}

impl ClientContext for PublisherContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.shared.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.shared.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.trouble.is_broken.store(true, Ordering::Release);
        }
        self.shared.error(error, reason);
    }
}

impl ProducerContext for PublisherContext {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        let outcome = match result {
            Ok(_) => {
                self.shared.reachability().note_success();
                Outcome::Delivered
            }
            Err((error, _)) => match error.rdkafka_error_code() {
                // Where the topic takes less than it should, whole batches are refused for their
                // size: that is the topic's fault and not the records'.
                Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) => {
                    Outcome::Undelivered
                }
                Some(_) | None => {
                    self.shared.note_failure(error);
                    self.trouble.noticed.notify_one();
                    Outcome::Undelivered
                }
            },
        };
        self.counters.count(outcome, 1);
        self.deliveries.report(ticket, outcome);
    }
}

struct Inner {
    cluster: KafkaCluster,
    role: &'static str,
    client: RwLock<Arc<Client>>,
    deliveries: Arc<Deliveries>,
    counters: DeliveryCounters,
    trouble: Arc<Trouble>,
    reachability: Arc<Reachability>,
    tasks: TaskTracker,
}

/// Publishes records to Kafka; clones publish through the same producer.
///
/// A call that is not delivered within `kafka.delivery_timeout` gives up everything that waits,
/// that of other calls too: all of these hear that their records are not durable, though the
/// brokers may have them.
#[derive(Clone)]
pub struct KafkaPublisher {
    inner: Arc<Inner>,
}

impl fmt::Debug for KafkaPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaPublisher")
            .field("topic", &self.inner.cluster.config.topic)
            .finish_non_exhaustive()
    }
}

impl KafkaCluster {
    /// Makes a publisher of events. Connects in the background; brokers may be away.
    ///
    /// # Errors
    /// [`LogError::KafkaRefused`] when the client cannot be made, such as for a certificate that
    /// cannot be read.
    pub fn publisher(&self) -> Result<KafkaPublisher, LogError> {
        KafkaPublisher::new(self, "publisher")
    }
}

impl KafkaPublisher {
    fn new(cluster: &KafkaCluster, role: &'static str) -> Result<Self, LogError> {
        let deliveries = Arc::<Deliveries>::default();
        let trouble = Arc::<Trouble>::default();
        let counters = cluster.metrics.delivery_counters();
        let reachability = Arc::<Reachability>::default();
        let client = Builder {
            cluster,
            role,
            deliveries: &deliveries,
            counters: &counters,
            trouble: &trouble,
            reachability: &reachability,
        }
        .build()?;
        Ok(Self {
            inner: Arc::new(Inner {
                cluster: cluster.clone(),
                role,
                client: RwLock::new(Arc::new(client)),
                deliveries,
                counters,
                trouble,
                reachability,
                tasks: TaskTracker::new(),
            }),
        })
    }

    fn config(&self) -> &KafkaConfig {
        &self.inner.cluster.config
    }

    fn client(&self) -> Arc<Client> {
        let client = self.inner.client.read();
        Arc::clone(&client.unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns how many partitions the topic has.
    pub(crate) fn partitions(&self) -> u32 {
        self.config().partitions
    }

    /// Returns how long a record may take.
    pub(crate) fn delivery_timeout(&self) -> Duration {
        self.config().delivery_timeout
    }

    /// Returns the largest record that is taken.
    pub(crate) fn max_record_bytes(&self) -> usize {
        self.config().max_record_bytes
    }

    /// Returns the partition of a key.
    fn partition_of(&self, key: u64) -> i32 {
        let partition = key % u64::from(self.partitions());
        i32::try_from(partition).expect("there are at most 64 partitions")
    }

    /// Hands records over and returns where their outcomes will be. Does not wait.
    ///
    /// Once one is refused because too much is waiting, all behind it are, so that none of a key
    /// comes before an earlier one.
    pub(crate) fn hand_over(&self, records: &[OutgoingRecord]) -> Arc<Delivery> {
        let entries = records
            .iter()
            .map(|record| (self.partition_of(record.key), &record.payload[..]));
        self.hand_over_to(records.len(), entries)
    }

    /// Hands the same payload over for every partition.
    pub(crate) fn hand_over_everywhere(&self, payload: &[u8]) -> Arc<Delivery> {
        let partitions = i32::try_from(self.partitions()).expect("there are at most 64");
        let entries = (0..partitions).map(|partition| (partition, payload));
        self.hand_over_to(entries.len(), entries)
    }

    /// Hands over payloads, each with its partition.
    fn hand_over_to<'a>(
        &self,
        count: usize,
        entries: impl Iterator<Item = (i32, &'a [u8])>,
    ) -> Arc<Delivery> {
        let client = self.client();
        let (topic, limit) = (&self.config().topic, self.config().max_record_bytes);
        let handover = self.inner.deliveries.begin(count);
        let mut stop = None;
        for (place, (partition, payload)) in entries.enumerate() {
            let refusal = if payload.len() > limit {
                Some(Outcome::TooLarge)
            } else if stop.is_some() {
                stop
            } else {
                let record =
                    BaseRecord::<(), [u8], usize>::with_opaque_to(topic, handover.ticket(place))
                        .partition(partition)
                        .payload(payload);
                client
                    .send(record)
                    .err()
                    .map(|(error, _)| self.refusal(&error))
            };
            if let Some(outcome) = refusal {
                if outcome != Outcome::TooLarge {
                    stop = Some(outcome);
                }
                self.inner.counters.count(outcome, 1);
                handover.refuse(place, outcome);
            }
        }
        handover.finish()
    }

    fn refusal(&self, error: &KafkaError) -> Outcome {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Outcome::QueueFull,
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Outcome::TooLarge,
            Some(_) | None => {
                tracing::debug!(%error, "the client does not take a record");
                self.inner.reachability.note_failure(error);
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
                    self.inner.trouble.is_broken.store(true, Ordering::Release);
                }
                self.inner.trouble.noticed.notify_one();
                Outcome::Undelivered
            }
        }
    }

    /// Waits until something is wrong: all brokers are away, a record was refused, or the client
    /// has failed. Whoever waits next hears of what went wrong in between. Cancellation-safe.
    pub(crate) async fn trouble(&self) {
        self.inner.trouble.noticed.notified().await;
    }

    /// Returns whether no broker was reachable when last heard of.
    pub(crate) fn is_away(&self) -> bool {
        self.inner.reachability.is_away()
    }

    /// Returns why records are not delivered now, if so: for the report on readiness.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let reason = self.inner.reachability.last_error();
        if self.is_away() {
            let reason = reason.unwrap_or_else(|| "all brokers are down".to_owned());
            Some(format!("no Kafka broker can be reached: {reason}"))
        } else {
            reason.map(|reason| format!("Kafka: {reason}"))
        }
    }

    /// Gives up everything that waits to be delivered. The outcomes of the calls concerned come
    /// soon after; what is on its way to a broker may arrive there all the same.
    ///
    /// A client that has failed for good is replaced by a new one.
    pub fn purge(&self) {
        let everything = PurgeConfig::default().queue().inflight().non_blocking();
        self.client().purge(everything);
        if self.inner.trouble.is_broken.swap(false, Ordering::AcqRel) {
            self.replace_client();
        }
    }

    fn replace_client(&self) {
        let inner = &self.inner;
        let builder = Builder {
            cluster: &inner.cluster,
            role: inner.role,
            deliveries: &inner.deliveries,
            counters: &inner.counters,
            trouble: &inner.trouble,
            reachability: &inner.reachability,
        };
        match builder.build() {
            Ok(client) => {
                tracing::warn!("the Kafka producer has failed and was replaced");
                let mut slot = inner.client.write().unwrap_or_else(PoisonError::into_inner);
                let old = std::mem::replace(&mut *slot, Arc::new(client));
                drop(slot);
                // It waits for its threads.
                inner.tasks.spawn_blocking(move || drop(old));
            }
            Err(error) => {
                tracing::error!(%error, "the Kafka producer has failed and cannot be replaced yet");
                inner.trouble.is_broken.store(true, Ordering::Release);
            }
        }
    }

    /// Waits for a delivery, at most `patience`; then everything that waits is given up.
    pub(crate) async fn complete(&self, delivery: &Delivery, patience: Duration) {
        if tokio::time::timeout(patience, delivery.completed())
            .await
            .is_err()
        {
            self.purge();
            if tokio::time::timeout(PURGE_PATIENCE, delivery.completed())
                .await
                .is_err()
            {
                tracing::warn!("the Kafka client does not report what was given up");
            }
        }
    }

    /// Waits until everything that waits is delivered, at most `kafka.delivery_timeout`, and stops
    /// the client once its last clone is gone. What is not delivered by then is given up.
    pub async fn close(&self) {
        let (client, patience) = (self.client(), self.delivery_timeout());
        let flushing = move || {
            if let Err(error) = client.flush(patience) {
                tracing::warn!(%error, "records were not delivered before the end");
                client.purge(PurgeConfig::default().queue().inflight());
            }
        };
        // A panic in it was told already.
        self.inner.tasks.spawn_blocking(flushing).await.ok();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

impl EventPublisher for KafkaPublisher {
    async fn publish(&self, records: Vec<OutgoingRecord>) -> Vec<Result<(), PublishError>> {
        let delivery = self.hand_over(&records);
        self.complete(&delivery, self.delivery_timeout()).await;
        records
            .iter()
            .zip(delivery.outcomes())
            .map(|(record, outcome)| self.result(record, outcome))
            .collect()
    }
}

impl KafkaPublisher {
    /// Returns what a publisher is told about a record.
    pub(crate) fn result(
        &self,
        record: &OutgoingRecord,
        outcome: Outcome,
    ) -> Result<(), PublishError> {
        match outcome {
            Outcome::Delivered => Ok(()),
            Outcome::TooLarge => Err(PublishError::TooLarge {
                size: record.payload.len(),
                limit: self.max_record_bytes(),
            }),
            Outcome::QueueFull => Err(PublishError::Unavailable {
                reason: "more is coming in than Kafka takes".to_owned(),
                retry_after: RETRY_AFTER,
            }),
            Outcome::Undelivered | Outcome::Waiting => Err(PublishError::Unavailable {
                reason: self
                    .problem()
                    .unwrap_or_else(|| "Kafka did not answer in time".to_owned()),
                retry_after: RETRY_AFTER,
            }),
        }
    }
}

/// What a client is made of.
struct Builder<'a> {
    cluster: &'a KafkaCluster,
    role: &'static str,
    deliveries: &'a Arc<Deliveries>,
    counters: &'a DeliveryCounters,
    trouble: &'a Arc<Trouble>,
    reachability: &'a Arc<Reachability>,
}

impl Builder<'_> {
    fn build(&self) -> Result<Client, LogError> {
        let on_trouble = {
            let trouble = Arc::clone(self.trouble);
            move || trouble.noticed.notify_one()
        };
        let shared = SharedContext::new(self.role, self.cluster.metrics.clone(), on_trouble)
            .with_reachability(Arc::clone(self.reachability));
        let context = PublisherContext {
            shared,
            deliveries: Arc::clone(self.deliveries),
            counters: self.counters.clone(),
            trouble: Arc::clone(self.trouble),
        };
        self.cluster
            .config
            .producer(self.role)
            .create_with_context(context)
            .map_err(|error| LogError::kafka("make a producer", None, error))
    }
}
