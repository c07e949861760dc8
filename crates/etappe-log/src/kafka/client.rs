//! What all Kafka clients share: their properties, and the handling of their statistics, errors and
//! log lines.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;

use super::brokers::ConfiguredBrokers;
use super::cluster::KafkaCluster;
use super::config::KafkaConfig;
use super::quiet::Quiet;
use super::security::Secrets;
use crate::metrics::kafka::KafkaMetrics;

impl KafkaConfig {
    /// Returns the properties shared by all clients. `role` identifies the client in the brokers'
    /// logs.
    pub(super) fn client(&self, role: &str) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", format!("etappe-{role}"))
            .set("statistics.interval.ms", "5000")
            .set("socket.keepalive.enable", "true")
            .set("socket.connection.setup.timeout.ms", "5000")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("retry.backoff.ms", "50")
            .set("retry.backoff.max.ms", "500")
            // After an error, the client asks about a topic again only this often.
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set_log_level(RDKafkaLogLevel::Info);
        self.security.apply(&mut client);
        for (name, value) in &self.properties {
            client.set(name, value);
        }
        client
    }
}

/// The state of the brokers as seen by one client.
#[derive(Debug, Default)]
pub(super) struct Reachability {
    is_away: AtomicBool,
    /// Whether there is a last error. It is checked for every record, so it needs no lock.
    has_error: AtomicBool,
    last_error: Mutex<Option<String>>,
}

impl Reachability {
    /// Returns whether no broker was reachable at the last report.
    pub(super) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Acquire)
    }

    /// Returns the client's last error, unless there was a success since.
    pub(super) fn last_error(&self) -> Option<String> {
        self.last_error.lock().clone()
    }

    /// Records that a broker answered.
    pub(super) fn note_success(&self) {
        if self.has_error.load(Ordering::Acquire) {
            let mut last = self.last_error.lock();
            *last = None;
            self.has_error.store(false, Ordering::Release);
            self.is_away.store(false, Ordering::Release);
        }
    }

    /// Records why a record was not delivered.
    pub(super) fn note_failure(&self, error: &KafkaError) {
        let mut last = self.last_error.lock();
        *last = Some(error.to_string());
        self.has_error.store(true, Ordering::Release);
    }

    /// Records an error and returns whether it means that all brokers are down.
    fn note(&self, error: &KafkaError, reason: &str) -> bool {
        let is_away = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        let mut last = self.last_error.lock();
        // "All brokers down" says less than the error before it.
        if !is_away || last.is_none() {
            *last = Some(reason.to_owned());
        }
        if is_away {
            self.is_away.store(true, Ordering::Release);
        }
        self.has_error.store(true, Ordering::Release);
        is_away
    }
}

/// The part of a context that all kinds of clients share.
pub(super) struct SharedContext {
    role: &'static str,
    metrics: KafkaMetrics,
    reachability: Arc<Reachability>,
    brokers: Arc<ConfiguredBrokers>,
    quiet: Arc<Quiet>,
    secrets: Secrets,
    /// Called when all brokers are down, or the client has failed for good.
    on_trouble: Box<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for SharedContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedContext")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl SharedContext {
    /// Creates the context of a client.
    pub(super) fn new(
        role: &'static str,
        cluster: &KafkaCluster,
        on_trouble: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            role,
            metrics: cluster.metrics.clone(),
            reachability: Arc::default(),
            brokers: Arc::new(ConfiguredBrokers::new(&cluster.config.brokers)),
            quiet: Arc::clone(&cluster.quiet),
            secrets: cluster.config.secrets(),
            on_trouble: Box::new(on_trouble),
        }
    }

    /// Uses `reachability` for the state of the brokers.
    pub(super) fn with_reachability(mut self, reachability: Arc<Reachability>) -> Self {
        self.reachability = reachability;
        self
    }

    /// Returns the configured brokers, for the client that has this context.
    pub(super) const fn brokers(&self) -> &Arc<ConfiguredBrokers> {
        &self.brokers
    }

    /// Returns the state of the brokers as seen by this client.
    pub(super) fn reachability(&self) -> &Arc<Reachability> {
        &self.reachability
    }
}

impl ClientContext for SharedContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if !self.quiet.may_speak(facility) {
            return;
        }
        let role = self.role;
        let message = self.secrets.mask(message);
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "librdkafka", role, facility, "{message}");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::warn!(target: "librdkafka", role, facility, "{message}");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(target: "librdkafka", role, facility, "{message}");
            }
            RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", role, facility, "{message}");
            }
        }
    }

    fn stats(&self, statistics: Statistics) {
        if self.brokers.observe(&statistics) {
            let role = self.role;
            tracing::info!(
                role,
                "no broker for some time, asking the configured ones again"
            );
        }
        self.metrics.record_statistics(self.role, &statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if matches!(error, KafkaError::PartitionEOF(_))
            || error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF)
        {
            // This is information for a reader, not an error.
            return;
        }
        self.metrics.record_error(self.role);
        let reason = &*self.secrets.mask(reason);
        let is_away = self.reachability.note(&error, reason);
        let is_fatal = error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal);
        let kind = if is_away { "away" } else { "error" };
        if self.quiet.may_speak(kind) {
            tracing::warn!(role = self.role, %error, reason, "trouble with the brokers");
        }
        if is_away || is_fatal {
            (self.on_trouble)();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_away_until_one_answers() {
        let reachability = Reachability::default();
        let failure = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        assert!(!reachability.note(&failure, "connection refused"));
        assert!(!reachability.is_away());
        let away = KafkaError::Global(RDKafkaErrorCode::AllBrokersDown);
        assert!(reachability.note(&away, "1/1 brokers are down"));
        assert!(reachability.is_away());
        assert_eq!(
            reachability.last_error().as_deref(),
            Some("connection refused")
        );
        reachability.note_success();
        assert!(!reachability.is_away());
        assert_eq!(reachability.last_error(), None);
    }
}
