//! `etappe migrate`: updates a database's tables and reports what it did.

use anyhow::Context;
use etappe_warehouse::{Warehouse, WarehouseConfig};
use prometheus::Registry;

use crate::answer::answer;
use crate::cli::MigrateArguments;
use crate::config::{Config, Needs};
use crate::data_dir::DataDir;
use crate::data_dir::parts::Kept;
use crate::service::engine::{EngineCommand, library};
use crate::service::warehouse::DATABASE;

/// Migrates the embedded engine's database of a data folder, or the database of a server.
pub(crate) async fn run(arguments: MigrateArguments) -> anyhow::Result<()> {
    let flags = arguments.server.flags().collect();
    let config = Config::load(&arguments.config, flags, Needs::NOTHING)?;
    etappe_runtime::telemetry::init(&config.telemetry)?;
    if config.uses_server() {
        answer!("{}", migrate(config.clickhouse).await?);
        return Ok(());
    }
    let data = DataDir::existing(&arguments.data)?;
    let _lock = data
        .lock()
        .await
        .context("the running `etappe up` has migrated the tables already")?;
    // A missing engine must not look like one that was always empty.
    let kept = Kept {
        log: false,
        engine: true,
    };
    data.check_parts(kept, &[])?;
    let command = EngineCommand {
        data: data.path("engine"),
        library: library(arguments.engine_library).await?,
        config: arguments.config,
    };
    let engine = command.start(None).await?;
    let (user, password) = command.login()?;
    let url = format!("http://{}", engine.address());
    let migrated = migrate(WarehouseConfig::new(&url, DATABASE, &user, &password)).await;
    engine.stop().await?;
    answer!("{}", migrated?);
    Ok(())
}

async fn migrate(config: WarehouseConfig) -> anyhow::Result<String> {
    let report = Warehouse::connect(config, &Registry::new())?
        .migrate()
        .await?;
    Ok(format!("{report:?}"))
}
