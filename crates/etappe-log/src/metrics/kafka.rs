//! Metrics of the clients of Kafka, mostly from librdkafka's own statistics.
//!
//! Labels: `role` (which of our clients), `partition`.

use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};
use rdkafka::statistics::Statistics;

use super::kafka_source::SourceMetrics;
use super::{as_gauge, labelled_counter, register};
use crate::kafka::delivery::Outcome;

/// Metrics of all clients.
#[derive(Debug, Clone)]
pub(crate) struct KafkaMetrics {
    /// Gauge: brokers that the client is connected to. Alert: 0.
    brokers_up: IntGaugeVec,
    /// Gauge: the slowest broker's round trip, 99th percentile of the last seconds. Alert: over 1 s.
    round_trip_seconds: GaugeVec,
    /// Gauge: records waiting for the brokers. Alert: growing.
    queue_records: IntGaugeVec,
    /// Gauge: their bytes. Alert: near `kafka.queue_bytes`.
    queue_bytes: IntGaugeVec,
    /// Gauge: requests tried again, as the client counts them. Alert: rising for long.
    retries: IntGaugeVec,
    /// Gauge: requests that failed to be sent or answered, as the client counts them.
    request_errors: IntGaugeVec,
    /// Gauge: requests that were not answered in time, as the client counts them.
    request_timeouts: IntGaugeVec,
    /// Gauge: bytes sent, as the client counts them.
    sent_bytes: IntGaugeVec,
    /// Gauge: bytes received, as the client counts them.
    received_bytes: IntGaugeVec,
    /// Gauge: offsets between what the group has committed and the end. Alert: growing for long.
    lag_records: IntGaugeVec,
    /// Counter: errors that a client reported as a whole. Alert: rising for long.
    errors: IntCounterVec,
    /// Counter: records delivered, by result. Alert: `undelivered` moves.
    records: IntCounterVec,
    /// Metrics of the membership in the consumer group.
    pub(crate) source: SourceMetrics,
}

/// Counts records by what became of them.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryCounters {
    delivered: IntCounter,
    undelivered: IntCounter,
    too_large: IntCounter,
    queue_full: IntCounter,
}

impl DeliveryCounters {
    /// Counts so many records.
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
    /// Makes the metrics and registers them.
    pub(crate) fn new(registry: &Registry) -> Self {
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
            retries: gauge("etappe_log_kafka_retries", "Requests tried again."),
            request_errors: gauge("etappe_log_kafka_request_errors", "Requests that failed."),
            request_timeouts: gauge(
                "etappe_log_kafka_request_timeouts",
                "Requests not answered in time.",
            ),
            sent_bytes: gauge("etappe_log_kafka_sent_bytes", "Bytes sent to the brokers."),
            received_bytes: gauge(
                "etappe_log_kafka_received_bytes",
                "Bytes received from the brokers.",
            ),
            lag_records: register(
                registry,
                IntGaugeVec::new(lag, &["partition"]).expect("the name and the label are valid"),
            ),
            errors: labelled_counter(
                registry,
                "etappe_log_kafka_errors_total",
                "Errors that a client reported as a whole.",
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

    /// Returns the counters of what becomes of records.
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
        let up = brokers().filter(|broker| broker.state == "UP").count();
        set(&self.brokers_up, up as u64);
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
        set(&self.retries, brokers().map(|it| it.txretries).sum());
        set(
            &self.request_errors,
            brokers().map(|it| it.txerrs + it.rxerrs).sum(),
        );
        set(
            &self.request_timeouts,
            brokers().map(|it| it.req_timeouts).sum(),
        );
        set(&self.sent_bytes, brokers().map(|it| it.txbytes).sum());
        set(&self.received_bytes, brokers().map(|it| it.rxbytes).sum());
        if statistics.cgrp.is_some() {
            self.record_lag(statistics);
        }
    }

    fn record_lag(&self, statistics: &Statistics) {
        self.lag_records.reset();
        let partitions = statistics.topics.values().flat_map(|it| &it.partitions);
        for (number, partition) in partitions {
            // What is not assigned here has no lag here.
            if *number >= 0 && partition.desired && partition.consumer_lag >= 0 {
                self.lag_records
                    .with_label_values(&[&number.to_string()])
                    .set(partition.consumer_lag);
            }
        }
    }
}
