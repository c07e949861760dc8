//! `etappe migrate`: brings the tables of a database up to date, and says what it did.

use anyhow::Context;
use etappe_warehouse::{Warehouse, WarehouseConfig};
use prometheus::Registry;

use crate::cli::MigrateArguments;
use crate::command::engine::library;
use crate::command::up::engine::EngineCommand;
use crate::config::Config;
use crate::data_dir::DataDir;

/// The database that everything stands in.
pub(crate) const DATABASE: &str = "etappe";

/// Migrates the embedded engine's database of a data folder, or that of a server.
#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(crate) async fn run(arguments: MigrateArguments) -> anyhow::Result<()> {
    let config = Config::load(&arguments.config, Vec::new())?;
    etappe_runtime::telemetry::init(&config.telemetry)?;
    if let Some(url) = &arguments.clickhouse {
        println!("{}", migrate(server(url)?).await?);
        return Ok(());
    }
    let data = DataDir::existing(&arguments.data)?;
    let _lock = data
        .lock()
        .await
        .context("a running `etappe up` migrates by itself")?;
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
    println!("{}", migrated?);
    Ok(())
}

async fn migrate(config: WarehouseConfig) -> anyhow::Result<String> {
    let report = Warehouse::connect(config, &Registry::new())?
        .migrate()
        .await?;
    Ok(format!("{report:?}"))
}

/// Takes apart `http://user:password@host:port/database`.
fn server(url: &str) -> anyhow::Result<WarehouseConfig> {
    let mut url = reqwest::Url::parse(url).with_context(|| format!("`{url}` is no address"))?;
    let (user, password) = (
        url.username().to_owned(),
        url.password().unwrap_or("").to_owned(),
    );
    let database = url.path().trim_matches('/').to_owned();
    let database = if database.is_empty() {
        DATABASE.to_owned()
    } else {
        database
    };
    let user = if user.is_empty() {
        "default".to_owned()
    } else {
        user
    };
    url.set_path("");
    url.set_username("").ok();
    url.set_password(None).ok();
    Ok(WarehouseConfig::new(
        url.as_str().trim_end_matches('/'),
        &database,
        &user,
        &password,
    ))
}
