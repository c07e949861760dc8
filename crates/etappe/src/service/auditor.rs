//! Audits a running process's log and tables.

use etappe_core::audit::{AuditReport, PartitionPositions, audit};
use etappe_log::dead_letters::DeadLetterStore;
use etappe_log::kafka::KafkaCluster;
use etappe_log::local::LocalReader;
use etappe_warehouse::Warehouse;

/// The source of the consumer's progress.
#[derive(Debug, Clone)]
pub(crate) enum Positions {
    Local(LocalReader),
    Kafka(KafkaCluster),
}

/// What an audit needs.
#[derive(Debug, Clone)]
pub(crate) struct Auditor {
    pub(crate) topic: String,
    pub(crate) positions: Positions,
    pub(crate) warehouse: Warehouse,
}

impl Auditor {
    /// Compares the consumed offsets with the stored rows and the dead `letters`.
    pub(crate) async fn audit(&self, letters: &DeadLetterStore) -> anyhow::Result<AuditReport> {
        // Positions first: anything stored or buried meanwhile has later offsets.
        let positions: Vec<PartitionPositions> = match &self.positions {
            Positions::Local(reader) => reader.positions(),
            Positions::Kafka(cluster) => cluster.positions().await?,
        };
        let stored = self.warehouse.offset_ranges(&self.topic).await?;
        let letters = letters.read_positions().await?;
        Ok(audit(&self.topic, &positions, &stored, &letters))
    }
}
