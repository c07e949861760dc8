//! `etappe audit`: checks that every consumed offset is exactly one row, mark or dead letter.

use anyhow::bail;
use etappe_core::audit::{AuditReport, audit};
use etappe_log::dead_letters::DeadLetterStore;
use etappe_warehouse::Warehouse;
use prometheus::Registry;

use crate::answer::answer;
use crate::cli::AuditArguments;
use crate::config::{Config, Needs};
use crate::control::ControlClient;
use crate::data_dir::DataDir;
use crate::service::Service;

/// Runs the audit; fails when something is missing or stored twice.
pub(crate) async fn run(arguments: AuditArguments) -> anyhow::Result<()> {
    let flags = arguments.outside.flags().collect();
    let config = Config::load(&arguments.config, flags, Needs::NOTHING)?;
    let report = if config.uses_kafka() && config.uses_server() {
        audit_outside(config).await?
    } else {
        ControlClient::of(&DataDir::existing(&arguments.data)?)?
            .audit()
            .await?
    };
    print(&report, arguments.json)?;
    if !report.is_clean {
        bail!("the audit found offsets that are missing or stored more than once");
    }
    Ok(())
}

async fn audit_outside(config: Config) -> anyhow::Result<AuditReport> {
    let warehouse = Warehouse::connect(config.clickhouse.clone(), &Registry::new())?;
    let service = Service::start(config)?;
    let cluster = service.kafka()?;
    let topic = &service.config.kafka.topic;
    // Positions first: anything stored meanwhile has later offsets.
    let positions = cluster.positions().await?;
    let stored = warehouse.offset_ranges(topic).await?;
    let letters = DeadLetterStore::Kafka(cluster.dead_letters()?);
    let letters = letters.read_positions().await?;
    Ok(audit(topic, &positions, &stored, &letters))
}

fn print(report: &AuditReport, json: bool) -> anyhow::Result<()> {
    if json {
        answer!("{}", serde_json::to_string(report)?);
        return Ok(());
    }
    answer!("{}", report.topic);
    for partition in &report.partitions {
        answer!(
            "  partition {}: {} stored, {} dead letters, consumed to {} of {}; {} missing, {} twice",
            partition.partition,
            partition.stored,
            partition.dead_letters,
            partition.committed,
            partition.end,
            partition.missing,
            partition.surplus
        );
        for (first, last) in &partition.holes {
            answer!("    missing: {first} to {last}");
        }
    }
    Ok(())
}
