//! The publishing side on Kafka.
//!
//! Invariant: at any time a partition holds a prefix, in order, of what was handed over for it
//! since the last purge. Records that were given up can therefore be published again in order.
//!
//! The producer is idempotent and waits for all in-sync replicas. Its own message timeout is
//! switched off, because it would let single records time out while later ones of the same
//! partition are still sent. Instead, [`purge`] gives up everything that waits at one moment.
//!
//! [`purge`]: Relay::purge

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::{EventPublisher, OutgoingRecord, PublishError};
use parking_lot::RwLock;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig};
use tokio_util::task::TaskTracker;

use super::cluster::KafkaCluster;
use super::config::KafkaConfig;
use super::delivery::{Delivery, Outcome};
use super::producer::{Client, Reports};
use super::relay::Relay;
use crate::error::LogError;

/// The retry delay sent while more is published than the brokers accept.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long to wait for the delivery reports of purged records.
const PURGE_PATIENCE: Duration = Duration::from_secs(2);

struct Inner {
    cluster: KafkaCluster,
    client: RwLock<Arc<Client>>,
    reports: Reports,
    tasks: TaskTracker,
}

/// Publishes records to Kafka. Clones publish through the same producer.
///
/// A call that is not delivered within `kafka.delivery_timeout` gives up everything that waits,
/// including the records of other calls. All these calls report their records as not durable,
/// although the brokers may have them.
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
    /// Creates a publisher of events. Connects in the background; brokers need not be reachable.
    ///
    /// # Errors
    /// [`LogError::KafkaRefused`] if the client cannot be created, for example because a
    /// certificate cannot be read.
    pub fn publisher(&self) -> Result<KafkaPublisher, LogError> {
        KafkaPublisher::new(self)
    }
}

impl KafkaPublisher {
    fn new(cluster: &KafkaCluster) -> Result<Self, LogError> {
        let reports = Reports::new(cluster);
        let client = reports.producer(cluster)?;
        Ok(Self {
            inner: Arc::new(Inner {
                cluster: cluster.clone(),
                client: RwLock::new(Arc::new(client)),
                reports,
                tasks: TaskTracker::new(),
            }),
        })
    }

    fn config(&self) -> &KafkaConfig {
        &self.inner.cluster.config
    }

    fn client(&self) -> Arc<Client> {
        Arc::clone(&self.inner.client.read())
    }

    /// Returns how many partitions the topic has.
    fn partitions(&self) -> u32 {
        self.config().partitions
    }

    /// Returns the partition of a key.
    fn partition_of(&self, key: u64) -> i32 {
        let partition = key % u64::from(self.partitions());
        i32::try_from(partition).expect("there are at most 64 partitions")
    }

    /// Hands over payloads, each with its partition.
    fn hand_over_to<'a>(
        &self,
        count: usize,
        entries: impl Iterator<Item = (i32, &'a [u8])>,
    ) -> Arc<Delivery> {
        let client = self.working_client();
        let (topic, limit) = (&self.config().topic, self.config().max_record_bytes);
        let handover = self.inner.reports.deliveries.begin(count);
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
                self.inner.reports.counters.count(outcome);
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
                self.inner.reports.note_failure(error);
                Outcome::Undelivered
            }
        }
    }

    /// Returns why records are not being delivered, if they are not. Used by the readiness report.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let reason = self.inner.reports.reachability.last_error();
        if self.is_away() {
            let reason = reason.unwrap_or_else(|| "all brokers are down".to_owned());
            Some(format!("no Kafka broker can be reached: {reason}"))
        } else {
            reason.map(|reason| format!("Kafka: {reason}"))
        }
    }

    /// Returns the client. A client that has failed for good or is stuck is replaced first.
    fn working_client(&self) -> Arc<Client> {
        let client = self.client();
        let reason = match client.client().fatal_error() {
            Some((_, reason)) => reason,
            None if self.inner.reports.stands_still() => {
                "it repeatedly delivered nothing".to_owned()
            }
            None => return client,
        };
        let inner = &self.inner;
        let mut slot = inner.client.write();
        if !Arc::ptr_eq(&slot, &client) {
            return Arc::clone(&slot);
        }
        match inner.reports.producer(&inner.cluster) {
            Ok(new) => {
                tracing::warn!(reason, "the Kafka producer has failed and was replaced");
                *slot = Arc::new(new);
                let new = Arc::clone(&slot);
                drop(slot);
                // Dropping a client waits for its threads.
                inner.tasks.spawn_blocking(move || drop(client));
                new
            }
            Err(error) => {
                tracing::error!(%error, "the Kafka producer has failed and cannot be replaced yet");
                client.clone()
            }
        }
    }

    /// Waits for a delivery for at most `patience`, then gives up every record that waits.
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
                tracing::warn!("the Kafka client did not report the purged records");
            }
        }
    }

    /// Waits for at most `kafka.delivery_timeout` until every waiting record is delivered, and
    /// gives up the rest. The client stops once its last clone is gone.
    pub async fn close(&self) {
        let (client, patience) = (self.client(), self.delivery_timeout());
        let flushing = move || {
            if let Err(error) = client.flush(patience) {
                tracing::warn!(%error, "records were not delivered before shutdown");
                client.purge(PurgeConfig::default().queue().inflight());
            }
        };
        // A panic in it was already reported.
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

impl Relay for KafkaPublisher {
    fn delivery_timeout(&self) -> Duration {
        self.config().delivery_timeout
    }

    fn max_record_bytes(&self) -> usize {
        self.config().max_record_bytes
    }

    fn hand_over(&self, records: &[OutgoingRecord]) -> Arc<Delivery> {
        let entries = records
            .iter()
            .map(|record| (self.partition_of(record.key), &record.payload[..]));
        self.hand_over_to(records.len(), entries)
    }

    fn hand_over_everywhere(&self, payload: &Bytes) -> Arc<Delivery> {
        let partitions = i32::try_from(self.partitions()).expect("there are at most 64");
        let entries = (0..partitions).map(|partition| (partition, &payload[..]));
        self.hand_over_to(entries.len(), entries)
    }

    async fn trouble(&self) {
        self.inner.reports.trouble.notified().await;
    }

    fn is_away(&self) -> bool {
        self.inner.reports.reachability.is_away()
    }

    fn purge(&self) {
        let everything = PurgeConfig::default().queue().inflight().non_blocking();
        self.inner.reports.note_purge();
        self.client().purge(everything);
    }

    fn result(&self, record: &OutgoingRecord, outcome: Outcome) -> Result<(), PublishError> {
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

    fn problem(&self) -> Option<String> {
        Self::problem(self)
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}

#[cfg(test)]
mod tests;
