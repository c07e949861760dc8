//! Metrics of the Kafka clients, mostly from librdkafka's own statistics.
//!
//! Labels: `role` (which client), `partition`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};
use rdkafka::statistics::{Broker, Statistics};

use super::kafka_source::SourceMetrics;
use super::{as_gauge, labelled_counter, register};
use crate::kafka::delivery::Outcome;

/// Metrics of all clients.
#[derive(Debug, Clone)]
pub(crate) struct KafkaMetrics {
    /// Gauge: brokers that the client is connected to. Alert: 0.
    brokers_up: IntGaugeVec,
    /// Gauge: 99th percentile of the slowest broker's round trip in the last seconds. Alert: over 1
    /// s.
    round_trip_seconds: GaugeVec,
    /// Gauge: records waiting to be sent to the brokers. Alert: growing.
    queue_records: IntGaugeVec,
    /// Gauge: their bytes. Alert: near `kafka.queue_bytes`.
    queue_bytes: IntGaugeVec,
    /// The clients' own counters, and the value of each at its last report.
    totals: [IntCounterVec; TOTALS.len()],
    counted: Arc<Mutex<HashMap<String, [u64; TOTALS.len()]>>>,
    /// Gauge: offsets between the group's committed offset and the end. Alert: growing for long.
    lag_records: IntGaugeVec,
    /// Counter: errors of a client as a whole. Alert: rising for long.
    errors: IntCounterVec,
    /// Counter: records by outcome. Alert: `undelivered` increases.
    records: IntCounterVec,
    /// Metrics of the membership in the consumer group.
    pub(crate) source: SourceMetrics,
}

/// The name and help text of a counter, and the value it counts.
type Total = (&'static str, &'static str, fn(&Broker) -> u64);

/// Counters with the label `role`, of values that a client counts for each of its brokers. Alert:
/// retries, errors or timeouts rising for long.
const TOTALS: [Total; 5] = [
    (
        "etappe_log_kafka_retries_total",
        "Retried requests.",
        |broker| broker.txretries,
    ),
    (
        "etappe_log_kafka_request_errors_total",
        "Requests that could not be sent or whose answer could not be read.",
        |broker| broker.txerrs + broker.rxerrs,
    ),
    (
        "etappe_log_kafka_request_timeouts_total",
        "Requests not answered in time.",
        |broker| broker.req_timeouts,
    ),
    (
        "etappe_log_kafka_sent_bytes_total",
        "Bytes sent to the brokers.",
        |broker| broker.txbytes,
    ),
    (
        "etappe_log_kafka_received_bytes_total",
        "Bytes received from the brokers.",
        |broker| broker.rxbytes,
    ),
];
/// The most clients to distinguish; more than a process ever has.
const CLIENTS: usize = 256;

/// Counts records by outcome.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryCounters {
    delivered: IntCounter,
    undelivered: IntCounter,
    too_large: IntCounter,
    queue_full: IntCounter,
}

impl DeliveryCounters {
    /// Counts `records` records.
    pub(crate) fn count(&self, outcome: Outcome, records: u64) {
        match outcome {
            Outcome::Delivered => self.delivered.inc_by(records),
            Outcome::Undelivered => self.undelivered.inc_by(records),
            Outcome::TooLarge => self.too_large.inc_by(records),
            Outcome::QueueFull => self.queue_full.inc_by(records),
            Outcome::Waiting => {}
        }
    }
}

impl KafkaMetrics {
    /// Creates the metrics of clients whose topic keeps records for `retention`, and registers
    /// them.
    pub(crate) fn new(registry: &Registry, retention: Duration) -> Self {
        show_retention(registry, retention);
        let gauge = |name, help| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["role"])
                .expect("the name and the label are valid");
            register(registry, gauge)
        };
        let round_trip = Opts::new(
            "etappe_log_kafka_round_trip_seconds",
            "Round trip to the slowest broker, 99th percentile.",
        );
        let lag = Opts::new(
            "etappe_log_kafka_lag_records",
            "Offsets between what the group has committed and the end.",
        );
        Self {
            brokers_up: gauge("etappe_log_kafka_brokers_up", "Brokers connected to."),
            round_trip_seconds: register(
                registry,
                GaugeVec::new(round_trip, &["role"]).expect("the name and the label are valid"),
            ),
            queue_records: gauge(
                "etappe_log_kafka_queue_records",
                "Records waiting for the brokers.",
            ),
            queue_bytes: gauge(
                "etappe_log_kafka_queue_bytes",
                "Bytes of records waiting for the brokers.",
            ),
            totals: TOTALS.map(|(name, help, _)| labelled_counter(registry, name, help, &["role"])),
            counted: Arc::default(),
            lag_records: register(
                registry,
                IntGaugeVec::new(lag, &["partition"]).expect("the name and the label are valid"),
            ),
            errors: labelled_counter(
                registry,
                "etappe_log_kafka_errors_total",
                "Errors of a client as a whole.",
                &["role"],
            ),
            records: labelled_counter(
                registry,
                "etappe_log_kafka_records_total",
                "Records published, by what became of them.",
                &["result"],
            ),
            source: SourceMetrics::new(registry),
        }
    }

    /// Records that a client reported an error.
    pub(crate) fn record_error(&self, role: &str) {
        self.errors.with_label_values(&[role]).inc();
    }

    /// Returns the counters of outcomes.
    pub(crate) fn delivery_counters(&self) -> DeliveryCounters {
        let counter = |result| self.records.with_label_values(&[result]);
        DeliveryCounters {
            delivered: counter("delivered"),
            undelivered: counter("undelivered"),
            too_large: counter("too_large"),
            queue_full: counter("queue_full"),
        }
    }

    /// Records a client's statistics.
    pub(crate) fn record_statistics(&self, role: &str, statistics: &Statistics) {
        let set = |gauge: &IntGaugeVec, value: u64| {
            gauge.with_label_values(&[role]).set(as_gauge(value));
        };
        let brokers = || statistics.brokers.values().filter(|it| it.nodeid >= 0);
        set(&self.brokers_up, brokers_up(statistics) as u64);
        let slowest = brokers()
            .filter_map(|broker| broker.rtt.as_ref())
            .map(|window| window.p99)
            .max()
            .unwrap_or(0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a round trip has few enough microseconds"
        )]
        self.round_trip_seconds
            .with_label_values(&[role])
            .set(slowest as f64 / 1e6);
        set(&self.queue_records, statistics.msg_cnt);
        set(&self.queue_bytes, statistics.msg_size);
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
        for (index, (_, _, count)) in TOTALS.iter().enumerate() {
            let total = statistics.brokers.values().map(count).sum();
            let more = u64::saturating_sub(total, before[index]);
            self.totals[index].with_label_values(&[role]).inc_by(more);
            before[index] = total;
        }
    }

    fn record_lag(&self, statistics: &Statistics) {
        self.lag_records.reset();
        let partitions = statistics.topics.values().flat_map(|it| &it.partitions);
        for (number, partition) in partitions {
            // A partition that is not assigned here has no lag here.
            if *number >= 0 && partition.desired && partition.consumer_lag >= 0 {
                self.lag_records
                    .with_label_values(&[&number.to_string()])
                    .set(partition.consumer_lag);
            }
        }
    }
}

/// Exports `etappe_log_kafka_retention_seconds`, a gauge: how long the events topic keeps records.
/// The alert on unread records compares their age with it.
fn show_retention(registry: &Registry, retention: Duration) {
    let gauge = Gauge::new(
        "etappe_log_kafka_retention_seconds",
        "How long the events topic keeps records, read or not.",
    );
    let gauge = register(registry, gauge.expect("the name is valid"));
    gauge.set(retention.as_secs_f64());
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
        let retries = metrics.totals[0].with_label_values(&["publisher"]);
        assert_eq!(retries.get(), 7);
        let up = metrics.brokers_up.with_label_values(&["publisher"]);
        let queue = metrics.queue_records.with_label_values(&["publisher"]);
        assert_eq!((up.get(), queue.get()), (1, 7));
    }
}
