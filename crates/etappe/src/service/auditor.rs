//! Audits the log and the tables of a running process.

use etappe_log::kafka::KafkaCluster;
use etappe_log::local::{LocalReader, PartitionPositions};
use etappe_warehouse::Warehouse;

use crate::audit::{AuditReport, audit};
use crate::letters::DeadLetterStore;

/// Who knows how far the consumer has come.
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
    /// Compares what was consumed with what is stored and with the dead `letters`.
    pub(crate) async fn audit(&self, letters: &DeadLetterStore) -> anyhow::Result<AuditReport> {
        // Positions first: what is stored or buried meanwhile lies behind them.
        let positions: Vec<PartitionPositions> = match &self.positions {
            Positions::Local(reader) => reader.positions(),
            Positions::Kafka(cluster) => cluster.positions().await?,
        };
        let stored = self.warehouse.offset_ranges(&self.topic).await?;
        let letters = letters.list_without_bytes().await?;
        Ok(audit(&self.topic, &positions, &stored, &letters))
    }
}
