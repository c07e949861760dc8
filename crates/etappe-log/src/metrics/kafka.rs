//! Metrics of the Kafka clients, mostly from librdkafka's own statistics.
//!
//! Labels: `role` (which client), `partition`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGaugeVec, Registry};
use rdkafka::statistics::{Broker, Statistics};

use super::kafka_source::SourceMetrics;
use super::{as_gauge, registered};

etappe_runtime::metric_set! {
    /// Metrics of what the clients report.
    #[derive(Debug, Clone)]
    struct ClientMetrics {
        /// Number of brokers that the client is connected to, by role.
        ///
        /// Alert on 0.
        brokers_up: IntGaugeVec = "etappe_log_kafka_brokers_up" by ["role"],
        /// 99th percentile of the slowest broker's round trip in the last seconds, by role.
        ///
        /// Alert over 1 s.
        round_trip_seconds: GaugeVec = "etappe_log_kafka_round_trip_seconds" by ["role"],
        /// Number of records waiting to be sent to the brokers, by role.
        ///
        /// Alert when it grows.
        queue_records: IntGaugeVec = "etappe_log_kafka_queue_records" by ["role"],
        /// Number of bytes of records waiting to be sent to the brokers, by role.
        ///
        /// Alert near `kafka.queue_bytes`.
        queue_bytes: IntGaugeVec = "etappe_log_kafka_queue_bytes" by ["role"],
        /// Number of retried requests, by role.
        ///
        /// Alert when it rises for long.
        retries: IntCounterVec = "etappe_log_kafka_retries_total" by ["role"],
        /// Number of requests that could not be sent or whose answer could not be read, by role.
        ///
        /// Alert when it rises for long.
        request_errors: IntCounterVec = "etappe_log_kafka_request_errors_total" by ["role"],
        /// Number of requests not answered in time, by role.
        ///
        /// Alert when it rises for long.
        request_timeouts: IntCounterVec = "etappe_log_kafka_request_timeouts_total" by ["role"],
        /// Number of bytes sent to the brokers, by role.
        sent_bytes: IntCounterVec = "etappe_log_kafka_sent_bytes_total" by ["role"],
        /// Number of bytes received from the brokers, by role.
        received_bytes: IntCounterVec = "etappe_log_kafka_received_bytes_total" by ["role"],
        /// Number of offsets between the group's committed offset and the end, by partition.
        ///
        /// Alert when it grows for long.
        lag_records: IntGaugeVec = "etappe_log_kafka_lag_records" by ["partition"],
        /// Number of errors of a client as a whole, by role.
        ///
        /// Alert when it rises for long.
        errors: IntCounterVec = "etappe_log_kafka_errors_total" by ["role"],
        /// Number of records published, by result.
        ///
        /// Alert when `undelivered` increases.
        records: IntCounterVec = "etappe_log_kafka_records_total" by ["result"],
        /// Time for which the events topic keeps records, read or not.
        ///
        /// The alert on unread records compares their age with it.
        retention_seconds: Gauge = "etappe_log_kafka_retention_seconds",
    }
}

/// Metrics of all clients.
#[derive(Debug, Clone)]
pub(crate) struct KafkaMetrics {
    clients: Arc<ClientMetrics>,
    /// The values of each client's own counters at its last report.
    counted: Arc<Mutex<HashMap<String, [u64; TOTALS.len()]>>>,
    /// Metrics of the membership in the consumer group.
    pub(crate) source: SourceMetrics,
}

/// A counter, and the value that a client counts for it for each of its brokers.
type Total = (fn(&ClientMetrics) -> &IntCounterVec, fn(&Broker) -> u64);

const TOTALS: [Total; 5] = [
    (|it| &it.retries, |broker| broker.txretries),
    (
        |it| &it.request_errors,
        |broker| broker.txerrs + broker.rxerrs,
    ),
    (|it| &it.request_timeouts, |broker| broker.req_timeouts),
    (|it| &it.sent_bytes, |broker| broker.txbytes),
    (|it| &it.received_bytes, |broker| broker.rxbytes),
];
/// The most clients to distinguish; more than a process ever has.
const CLIENTS: usize = 256;

impl KafkaMetrics {
    /// Creates the metrics of clients whose topic keeps records for `retention`, and registers
    /// them.
    pub(crate) fn new(registry: &Registry, retention: Duration) -> Self {
        let metrics = Self {
            clients: Arc::new(registered(registry)),
            counted: Arc::default(),
            source: SourceMetrics::new(registry),
        };
        let retention_seconds = &metrics.clients.retention_seconds;
        retention_seconds.set(retention.as_secs_f64());
        metrics
    }

    /// Records that a client reported an error.
    pub(crate) fn record_error(&self, role: &str) {
        self.clients.errors.with_label_values(&[role]).inc();
    }

    /// Returns the counter of published records with this result.
    pub(crate) fn published(&self, result: &str) -> IntCounter {
        self.clients.records.with_label_values(&[result])
    }

    /// Records a client's statistics.
    pub(crate) fn record_statistics(&self, role: &str, statistics: &Statistics) {
        let set = |gauge: &IntGaugeVec, value: u64| {
            gauge.with_label_values(&[role]).set(as_gauge(value));
        };
        let brokers = || statistics.brokers.values().filter(|it| it.nodeid >= 0);
        set(&self.clients.brokers_up, brokers_up(statistics) as u64);
        let slowest = brokers()
            .filter_map(|broker| broker.rtt.as_ref())
            .map(|window| window.p99)
            .max()
            .unwrap_or(0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a round trip has few enough microseconds"
        )]
        self.clients
            .round_trip_seconds
            .with_label_values(&[role])
            .set(slowest as f64 / 1e6);
        set(&self.clients.queue_records, statistics.msg_cnt);
        set(&self.clients.queue_bytes, statistics.msg_size);
        self.record_totals(role, statistics);
        if statistics.cgrp.is_some() {
            self.record_lag(statistics);
        }
    }

    /// Adds what a client has counted since its last report.
    fn record_totals(&self, role: &str, statistics: &Statistics) {
        let mut counted = self.counted.lock();
        if counted.len() >= CLIENTS && !counted.contains_key(&statistics.name) {
            counted.clear();
        }
        let before = counted.entry(statistics.name.clone()).or_default();
        for (index, (counter, count)) in TOTALS.iter().enumerate() {
            let total = statistics.brokers.values().map(count).sum();
            let more = u64::saturating_sub(total, before[index]);
            counter(&self.clients)
                .with_label_values(&[role])
                .inc_by(more);
            before[index] = total;
        }
    }

    fn record_lag(&self, statistics: &Statistics) {
        self.clients.lag_records.reset();
        let partitions = statistics.topics.values().flat_map(|it| &it.partitions);
        for (number, partition) in partitions {
            // A partition that is not assigned here has no lag here.
            if *number >= 0 && partition.desired && partition.consumer_lag >= 0 {
                self.clients
                    .lag_records
                    .with_label_values(&[&number.to_string()])
                    .set(partition.consumer_lag);
            }
        }
    }
}

/// Returns the number of brokers that a client is connected to.
pub(crate) fn brokers_up(statistics: &Statistics) -> usize {
    let brokers = statistics.brokers.values();
    brokers
        .filter(|broker| broker.nodeid >= 0 && broker.state == "UP")
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(client: &str, retries: u64) -> Statistics {
        let broker = Broker {
            nodeid: 1,
            state: "UP".to_owned(),
            txretries: retries,
            ..Broker::default()
        };
        Statistics {
            name: client.to_owned(),
            msg_cnt: 7,
            brokers: HashMap::from([("broker".to_owned(), broker)]),
            ..Statistics::default()
        }
    }

    #[test]
    fn counters_of_all_clients_are_added_up() {
        let registry = Registry::new();
        let metrics = KafkaMetrics::new(&registry, Duration::from_secs(60));
        metrics.record_statistics("publisher", &statistics("one", 3));
        metrics.record_statistics("publisher", &statistics("one", 5));
        metrics.record_statistics("publisher", &statistics("two", 2));
        let retries = metrics.clients.retries.with_label_values(&["publisher"]);
        assert_eq!(retries.get(), 7);
        let up = metrics.clients.brokers_up.with_label_values(&["publisher"]);
        let queue = metrics
            .clients
            .queue_records
            .with_label_values(&["publisher"]);
        assert_eq!((up.get(), queue.get()), (1, 7));
    }
}
