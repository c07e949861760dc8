//! Publishes bodies to Kafka; durable once all in-sync replicas have every record of a request.
//!
//! All requests share one idempotent producer, with the collector's batching and compression. Each
//! request counts the delivery reports of its own records; nothing is allocated per record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use tokio::sync::Notify;

use super::{Body, Store, messages, text};

/// The time limit for the brokers to create the topic.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// Where the relay publishes.
#[derive(Debug, Clone, clap::Args)]
pub struct KafkaPlan {
    /// The brokers, as `host:port,host:port`.
    #[arg(long, value_name = "HOST:PORT,…")]
    pub brokers: String,
    /// The topic; made if it is missing.
    #[arg(long, default_value = "limit.relay")]
    pub topic: String,
    /// How many partitions the topic has.
    #[arg(long, default_value_t = 4)]
    pub partitions: u32,
    /// How batches are compressed; the collector's default is the same.
    #[arg(long, default_value = "lz4")]
    pub codec: String,
    /// How long a record waits for others, in milliseconds; the collector's default is the same.
    #[arg(long, default_value_t = 5)]
    pub linger: u32,
    /// Whose acknowledgement counts: `all`, with an idempotent producer as the collector's is, or a
    /// number of replicas, without.
    #[arg(long, default_value = "all")]
    pub acks: String,
}

/// Publishes to one topic, to its partitions in turn.
#[derive(Clone)]
pub struct KafkaStore {
    producer: Arc<ThreadedProducer<Reports>>,
    topic: Arc<str>,
    partitions: u32,
    next: Arc<AtomicU32>,
    body: Body,
}

/// Reports to each request the results of its records.
struct Reports;

/// The records of one request.
struct Pending {
    remaining: AtomicUsize,
    failed: AtomicBool,
    done: Notify,
}

impl Pending {
    fn of(records: usize) -> Arc<Self> {
        Arc::new(Self {
            remaining: AtomicUsize::new(records),
            failed: AtomicBool::new(false),
            done: Notify::new(),
        })
    }

    fn note(&self, delivered: bool) {
        if !delivered {
            self.failed.store(true, Ordering::Release);
        }
        if self.remaining.fetch_sub(1, Ordering::AcqRel) == 1 {
            // The permit is kept if the single waiter starts waiting only later.
            self.done.notify_one();
        }
    }
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Arc<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Arc<Pending>) {
        pending.note(result.is_ok());
    }
}

impl KafkaStore {
    /// Connects, and creates the topic if it is missing.
    ///
    /// # Errors
    ///
    /// When the brokers do not answer or refuse.
    pub async fn connect(plan: &KafkaPlan, body: Body) -> anyhow::Result<Self> {
        make_topic(plan).await?;
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &plan.brokers)
            .set("acks", &plan.acks)
            .set("enable.idempotence", (plan.acks == "all").to_string())
            .set("message.timeout.ms", "10000")
            .set("compression.codec", &plan.codec)
            .set("linger.ms", plan.linger.to_string())
            .set("batch.size", "1000000")
            .set("queue.buffering.max.kbytes", (128 << 10).to_string())
            .set("queue.buffering.max.messages", (256 << 10).to_string())
            .create_with_context(Reports)
            .context("the producer cannot be created")?;
        Ok(Self {
            producer: Arc::new(producer),
            topic: plan.topic.as_str().into(),
            partitions: plan.partitions.max(1),
            next: Arc::default(),
            body,
        })
    }

    /// Returns whether all records are durable.
    async fn publish(&self, records: &[&[u8]]) -> bool {
        if records.is_empty() {
            return true;
        }
        let pending = Pending::of(records.len());
        for record in records {
            let partition = self.next.fetch_add(1, Ordering::Relaxed) % self.partitions;
            let record = BaseRecord::with_opaque_to(&self.topic, Arc::clone(&pending))
                .partition(i32::try_from(partition).unwrap_or(0))
                .payload(*record);
            let record: BaseRecord<'_, (), [u8], _> = record;
            if self.producer.send(record).is_err() {
                pending.note(false);
            }
        }
        pending.done.notified().await;
        !pending.failed.load(Ordering::Acquire)
    }
}

impl Store for KafkaStore {
    async fn store(&self, body: Bytes, compressed: bool) -> bool {
        let text = match self.body {
            Body::Raw => Some(body),
            Body::Inflated | Body::Events => text(body, compressed),
        };
        let Some(text) = text else { return false };
        match self.body {
            Body::Raw | Body::Inflated => self.publish(&[&text]).await,
            Body::Events => match messages(&text) {
                Some(messages) => self.publish(&messages).await,
                None => false,
            },
        }
    }
}

async fn make_topic(plan: &KafkaPlan) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &plan.brokers)
        .create()?;
    let partitions = i32::try_from(plan.partitions)?;
    let topic = NewTopic::new(&plan.topic, partitions, TopicReplication::Fixed(-1));
    let options = AdminOptions::new()
        .operation_timeout(Some(ANSWERED_WITHIN))
        .request_timeout(Some(ANSWERED_WITHIN));
    let made = admin.create_topics([&topic], &options).await;
    for outcome in made.context("the brokers do not answer")? {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => bail!("topic `{topic}` cannot be created: {code}"),
        }
    }
    Ok(())
}
