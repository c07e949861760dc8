//! A process's database: the embedded engine, or an outside server.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use etappe_core::ports::{RetryClass, Retryable};
use etappe_runtime::backoff::Backoff;
use etappe_runtime::health::Reporter;
use etappe_warehouse::{JourneyStage, Warehouse, WarehouseConfig, WarehouseError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Service;
use super::engine::{EngineCommand, library, supervise};
use crate::cli::ConfigSource;

/// The name of the database.
pub(crate) const DATABASE: &str = "etappe";

/// How the embedded engine is started.
pub(crate) struct Embedded {
    /// The folder of its files.
    pub(crate) data: PathBuf,
    /// Its library, if one was given.
    pub(crate) library: Option<PathBuf>,
    /// The configuration, which the engine's process reads too.
    pub(crate) config: ConfigSource,
}

impl Service {
    /// Starts the engine, migrates its tables, and keeps it running until `stop`.
    pub(crate) async fn start_engine(
        &self,
        embedded: Embedded,
        stop: &CancellationToken,
    ) -> anyhow::Result<(Warehouse, JoinHandle<()>)> {
        let report = self.health.register("engine");
        let command = EngineCommand {
            data: embedded.data,
            library: library(embedded.library).await?,
            config: embedded.config,
        };
        let engine = command.start(None).await?;
        let (user, password) = command.login()?;
        let url = format!("http://{}", engine.address());
        let config = WarehouseConfig {
            url,
            user,
            password,
            database: DATABASE.to_owned(),
            ..self.config.clickhouse.clone()
        };
        let warehouse = Warehouse::connect(config, &self.registry)?;
        self.prepare(&warehouse)
            .await
            .context("the tables cannot be brought up to date")?;
        let task = self
            .tasks
            .spawn(supervise(command, engine, report, stop.clone()));
        Ok((warehouse, task))
    }

    /// Migrates the tables and updates the journey models that the views use.
    async fn prepare(&self, warehouse: &Warehouse) -> Result<(), WarehouseError> {
        warehouse.migrate().await?;
        let stages = self.rules.models().iter().flat_map(|model| {
            model.stages.iter().map(|stage| JourneyStage {
                model: model.id.to_string(),
                ordinal: stage.ordinal,
                stage: stage.id.to_string(),
                gate: stage.gate,
                own_hit: stage.own_hit,
                label_en: stage.labels.en.to_string(),
                label_nl: stage.labels.nl.to_string(),
            })
        });
        warehouse.publish_stages(&stages.collect::<Vec<_>>()).await
    }

    /// Connects to the configured server and migrates its tables, waiting for the server without
    /// limit.
    pub(crate) async fn connect_server(&self, report: &Reporter) -> anyhow::Result<Warehouse> {
        let warehouse = Warehouse::connect(self.config.clickhouse.clone(), &self.registry)?;
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
        loop {
            let Err(error) = self.prepare(&warehouse).await else {
                return Ok(warehouse);
            };
            if error.retry_class() != RetryClass::Transient {
                return Err(error).context("the tables cannot be brought up to date");
            }
            report.not_ready(error.to_string());
            tokio::select! {
                () = self.shutdown.begun() => anyhow::bail!("stopped before ClickHouse answered"),
                () = backoff.pause() => {}
            }
        }
    }
}
