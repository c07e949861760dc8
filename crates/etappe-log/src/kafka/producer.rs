//! The producer behind a publisher: its properties and its reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use prometheus::IntCounter;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use rdkafka::statistics::Statistics;
use tokio::sync::Notify;

use super::client::{Reachability, SharedContext};
use super::cluster::KafkaCluster;
use super::config::KafkaConfig;
use super::delivery::{Deliveries, Outcome};
use crate::error::LogError;
use crate::metrics::kafka::{KafkaMetrics, brokers_up};

/// How many purges in a row, with a broker connected and nothing delivered in between, until the
/// producer is replaced. When brokers come and go, librdkafka's idempotent producer can wait
/// forever for responses to purged records.
const VAIN_PURGES: u32 = 3;
/// The same without a broker that is known to be connected: the client may have forgotten the brokers.
const VAIN_PURGES_ALONE: u32 = 12;
/// The cost of a waiting record in addition to its bytes.
const RECORD_COST: usize = 512;
/// The role of publishers' clients in logs and metrics.
const ROLE: &str = "publisher";
/// The largest batch in bytes, unless a single record is larger.
const BATCH_BYTES: usize = 1_000_000;
/// The most bytes that a batch of one record has in addition to the record.
const BATCH_OVERHEAD: usize = 64 << 10;

/// The producer, with a thread of its own that handles the delivery reports.
pub(super) type Client = ThreadedProducer<PublisherContext>;

impl KafkaConfig {
    /// Returns the largest size of a message, and of a batch of messages, in bytes.
    pub(super) fn max_message_bytes(&self) -> usize {
        (self.max_record_bytes + BATCH_OVERHEAD).max(1_048_588)
    }

    /// Returns the properties of a producer that never gives up a message by itself.
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

/// What a publisher learns from its producer. A replacement producer reports here too.
#[derive(Debug, Clone)]
pub(super) struct Reports {
    /// The outcomes of the records.
    pub(super) deliveries: Arc<Deliveries>,
    /// Counters of the outcomes.
    pub(super) counters: DeliveryCounters,
    /// Notified when something goes wrong.
    pub(super) trouble: Arc<Notify>,
    /// Whether the brokers answer.
    pub(super) reachability: Arc<Reachability>,
    progress: Arc<ProducerProgress>,
}

/// Counts records by outcome.
#[derive(Debug, Clone)]
pub(super) struct DeliveryCounters {
    delivered: IntCounter,
    undelivered: IntCounter,
    too_large: IntCounter,
    queue_full: IntCounter,
}

impl DeliveryCounters {
    fn new(metrics: &KafkaMetrics) -> Self {
        Self {
            delivered: metrics.published("delivered"),
            undelivered: metrics.published("undelivered"),
            too_large: metrics.published("too_large"),
            queue_full: metrics.published("queue_full"),
        }
    }

    /// Counts a record.
    pub(super) fn count(&self, outcome: Outcome) {
        match outcome {
            Outcome::Delivered => self.delivered.inc(),
            Outcome::Undelivered => self.undelivered.inc(),
            Outcome::TooLarge => self.too_large.inc(),
            Outcome::QueueFull => self.queue_full.inc(),
            Outcome::Waiting => {}
        }
    }
}

/// Whether a producer makes progress.
#[derive(Debug, Default)]
struct ProducerProgress {
    /// The number of purges since the last delivery.
    vain_purges: AtomicU32,
    /// Whether a broker was connected at the last look.
    has_broker: AtomicBool,
}

impl Reports {
    /// Creates the reports of a publisher to `cluster`.
    pub(super) fn new(cluster: &KafkaCluster) -> Self {
        Self {
            deliveries: Arc::default(),
            counters: DeliveryCounters::new(&cluster.metrics),
            trouble: Arc::default(),
            reachability: Arc::default(),
            progress: Arc::default(),
        }
    }

    /// Records a purge.
    pub(super) fn note_purge(&self) {
        self.progress.vain_purges.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns whether the producer is stuck.
    pub(super) fn stands_still(&self) -> bool {
        let limit = match self.progress.has_broker.load(Ordering::Relaxed) {
            true => VAIN_PURGES,
            false => VAIN_PURGES_ALONE,
        };
        self.progress.vain_purges.load(Ordering::Relaxed) >= limit
    }

    /// Creates a producer that reports here.
    pub(super) fn producer(&self, cluster: &KafkaCluster) -> Result<Client, LogError> {
        self.progress.vain_purges.store(0, Ordering::Relaxed);
        let trouble = Arc::clone(&self.trouble);
        let on_trouble = move || trouble.notify_one();
        let shared = SharedContext::new(ROLE, cluster, on_trouble)
            .with_reachability(Arc::clone(&self.reachability));
        let context = PublisherContext {
            shared,
            reports: self.clone(),
        };
        let made: Result<Client, KafkaError> =
            cluster.config.producer(ROLE).create_with_context(context);
        let client = made.map_err(|error| LogError::kafka("make a producer", None, error))?;
        let context = client.context();
        context.shared.brokers().bind(client.client());
        Ok(client)
    }

    /// Records that a record was refused or not delivered.
    pub(super) fn note_failure(&self, error: &KafkaError) {
        self.reachability.note_failure(error);
        self.trouble.notify_one();
    }
}

/// Handles the outcome of each record.
pub(super) struct PublisherContext {
    shared: SharedContext,
    reports: Reports,
}

impl ClientContext for PublisherContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.shared.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        let has_broker = brokers_up(&statistics) > 0;
        let progress = &self.reports.progress;
        progress.has_broker.store(has_broker, Ordering::Relaxed);
        self.shared.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.error(error, reason);
    }
}

impl ProducerContext for PublisherContext {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        let outcome = match result {
            Ok(_) => {
                let vain = &self.reports.progress.vain_purges;
                vain.store(0, Ordering::Relaxed);
                self.reports.reachability.note_success();
                Outcome::Delivered
            }
            Err((error, _)) => match error.rdkafka_error_code() {
                // If the topic accepts smaller messages than it should, whole batches are refused
                // for their size. That is the topic's fault, not the records'.
                Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) => {
                    Outcome::Undelivered
                }
                Some(_) | None => {
                    self.reports.note_failure(error);
                    Outcome::Undelivered
                }
            },
        };
        self.reports.counters.count(outcome);
        self.reports.deliveries.report(ticket, outcome);
    }
}
