//! One Kafka configuration, from which publishers and sources are created.

use std::fmt;
use std::sync::Arc;

use etappe_core::ports::Clock;
use prometheus::Registry;

use super::config::KafkaConfig;
use super::quiet::Quiet;
use crate::error::LogError;
use crate::metrics::kafka::KafkaMetrics;

/// The brokers and topics of a configuration. Clones share them.
///
/// Creating one does not connect.
#[derive(Clone)]
pub struct KafkaCluster {
    pub(super) config: Arc<KafkaConfig>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: KafkaMetrics,
    /// Suppresses lines that all clients repeat.
    pub(super) quiet: Arc<Quiet>,
}

impl fmt::Debug for KafkaCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaCluster")
            .field("brokers", &self.config.brokers)
            .field("topic", &self.config.topic)
            .finish_non_exhaustive()
    }
}

impl KafkaCluster {
    /// Creates the cluster for `config`.
    ///
    /// # Errors
    /// [`LogError::InvalidConfig`] if the configuration cannot be used or names no brokers.
    pub fn new(
        config: KafkaConfig,
        clock: Arc<dyn Clock>,
        registry: &Registry,
    ) -> Result<Self, LogError> {
        let mut problems = config.validate().err().unwrap_or_default();
        if !config.is_enabled() {
            problems.push("`brokers` is empty".to_owned());
        }
        if !problems.is_empty() {
            return Err(LogError::InvalidConfig { problems });
        }
        Ok(Self {
            metrics: KafkaMetrics::new(registry, config.retention),
            quiet: Arc::default(),
            config: Arc::new(config),
            clock,
        })
    }

    /// Returns the configuration.
    #[must_use]
    pub fn config(&self) -> &KafkaConfig {
        &self.config
    }
}
