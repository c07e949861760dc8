//! Ordinary clients: a producer that waits for delivery, and a consumer without a group.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::ToBytes;
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::statistics::Statistics;

use super::client::{Reachability, SharedContext};
use super::cluster::KafkaCluster;
use crate::error::LogError;

/// Handles a client's events.
#[derive(Debug)]
pub(super) struct PlainContext(SharedContext);

impl PlainContext {
    /// Creates the context of a client. `role` identifies the client in metrics and logs.
    pub(super) fn new(cluster: &KafkaCluster, role: &'static str) -> Self {
        Self(SharedContext::new(role, cluster, || {}))
    }

    /// Returns the client's last error, unless a broker has answered since.
    pub(super) fn last_error(&self) -> Option<String> {
        self.0.reachability().last_error()
    }

    /// Records that a broker answered.
    pub(super) fn note_success(&self) {
        self.0.reachability().note_success();
        self.0.brokers().note_success();
    }

    /// Lets the client be given its brokers again if it forgot them.
    fn bind(&self, client: &Client<Self>) {
        self.0.brokers().bind(client);
    }

    /// Records that `client` got no answer: it may have forgotten its brokers.
    pub(super) fn note_silence(&self, client: &Client<Self>) {
        self.0.brokers().note_silence(client);
    }
}

impl ClientContext for PlainContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ConsumerContext for PlainContext {}

/// A producer that reports of each message, within the delivery timeout, whether it is durable.
/// Clones share one client.
#[derive(Clone)]
pub(super) struct PatientProducer {
    client: FutureProducer<PlainContext>,
    reachability: Arc<Reachability>,
}

impl PatientProducer {
    /// Hands a message to the client. It is durable once [`Self::wait`] returns success.
    pub(super) fn send<K, P>(
        &self,
        record: FutureRecord<'_, K, P>,
    ) -> Result<DeliveryFuture, KafkaError>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        let sent = self.client.send_result(record);
        sent.map_err(|(error, _)| error)
    }

    /// Waits until a message is durable. `action` describes it in errors.
    pub(super) async fn wait(
        &self,
        sent: Result<DeliveryFuture, KafkaError>,
        action: impl Fn() -> String,
    ) -> Result<(), LogError> {
        let failed = |error| LogError::kafka(action(), self.reachability.last_error(), error);
        match sent.map_err(failed)?.await {
            Ok(Ok(_)) => {
                self.reachability.note_success();
                Ok(())
            }
            Ok(Err((error, _))) => Err(failed(error)),
            Err(_) => Err(LogError::Closed),
        }
    }
}

impl KafkaCluster {
    /// Creates a producer that reports of each message, within the delivery timeout, whether it is
    /// durable.
    pub(super) fn patient_producer(&self, role: &'static str) -> Result<PatientProducer, LogError> {
        let timeout = self.config.delivery_timeout.as_millis().to_string();
        let context = PlainContext::new(self, role);
        let reachability = Arc::clone(context.0.reachability());
        let brokers = Arc::clone(context.0.brokers());
        let made: Result<FutureProducer<PlainContext>, KafkaError> = self
            .config
            .producer(role)
            .set("message.timeout.ms", timeout)
            .create_with_context(context);
        let client = made.map_err(|error| LogError::kafka("make a producer", None, error))?;
        brokers.bind(client.client());
        Ok(PatientProducer {
            client,
            reachability,
        })
    }

    /// Creates a client that only asks the brokers, each time for `patience` at most. It connects
    /// on the first request.
    pub(super) fn asking_client(
        &self,
        role: &'static str,
        patience: Duration,
    ) -> Result<BaseConsumer<PlainContext>, LogError> {
        self.config
            .client(role)
            .set("statistics.interval.ms", "0")
            .set("socket.timeout.ms", patience.as_millis().to_string())
            .create_with_context(PlainContext::new(self, role))
            .map_err(|error| LogError::kafka("make a client of Kafka", None, error))
    }

    /// Creates a consumer without group membership, which reads what it is assigned.
    pub(super) fn plain_consumer(
        &self,
        role: &'static str,
    ) -> Result<BaseConsumer<PlainContext>, LogError> {
        let made: Result<BaseConsumer<PlainContext>, KafkaError> = self
            .config
            .client(role)
            // The client requires a group name, although it neither joins nor commits.
            .set("group.id", &self.config.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true")
            .set("queued.max.messages.kbytes", "4096")
            .create_with_context(PlainContext::new(self, role));
        let consumer = made.map_err(|error| LogError::kafka("make a consumer", None, error))?;
        consumer.context().bind(consumer.client());
        Ok(consumer)
    }
}
