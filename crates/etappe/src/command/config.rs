//! `etappe config`: prints the configuration and reports its problems.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use etappe_log::kafka::KafkaCluster;
use etappe_runtime::clock::SystemClock;
use etappe_warehouse::Warehouse;
use etappe_web::oidc::Oidc;
use prometheus::Registry;

use crate::answer::{answer, write};
use crate::cli::ConfigCommand;
use crate::config::{Config, Needs};

/// The timeout for an outside service.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs one of the commands.
pub(crate) async fn run(command: ConfigCommand) -> anyhow::Result<()> {
    match command {
        // Settings contain no secrets: keys and tokens are stored elsewhere.
        ConfigCommand::Print { config } => {
            let config = Config::load(&config, Vec::new(), Needs::NOTHING)?;
            write(format_args!("{}", toml::to_string(&config)?));
        }
        ConfigCommand::Check {
            connect: tries,
            outside,
            config,
        } => {
            let config = Config::load(&config, outside.flags().collect(), Needs::NOTHING)?;
            config.compile_rules()?;
            if tries {
                connect(&config).await?;
            }
            answer!("the configuration is valid");
        }
    }
    Ok(())
}

/// Tries to reach each outside service and reports the result; fails if one of them fails.
async fn connect(config: &Config) -> anyhow::Result<()> {
    let mut failed = Vec::new();
    let mut tell = |name: &'static str, place: &str, tried: anyhow::Result<String>| match tried {
        Ok(found) => answer!("{name} at {place}: {found}"),
        Err(error) => {
            answer!("{name} at {place}: {error:#}");
            failed.push(name);
        }
    };
    if config.kafka.is_enabled() {
        tell("Kafka", &config.kafka.brokers, try_kafka(config).await);
    }
    if config.uses_server() {
        let place = config.clickhouse.host();
        tell("ClickHouse", &place, try_clickhouse(config).await);
    }
    if config.oidc.is_set() {
        tell(
            "the provider",
            &config.oidc.issuer,
            try_provider(config).await,
        );
    }
    if !config.kafka.is_enabled() && !config.uses_server() {
        answer!(
            "no Kafka or ClickHouse is configured: `etappe up` keeps log and database in its folder"
        );
    }
    if !failed.is_empty() {
        bail!("{} cannot be used", failed.join(" and "));
    }
    Ok(())
}

async fn try_kafka(config: &Config) -> anyhow::Result<String> {
    let clock = Arc::new(SystemClock);
    let cluster = KafkaCluster::new(config.kafka.clone(), clock, &Registry::new())?;
    let missing = tokio::time::timeout(PATIENCE, cluster.check_topics())
        .await
        .with_context(no_answer)??;
    Ok(match missing[..] {
        [] => "reached; the topics exist and are as configured".to_owned(),
        _ => format!(
            "reached; the first process creates the missing topics {}",
            missing.join(", ")
        ),
    })
}

async fn try_clickhouse(config: &Config) -> anyhow::Result<String> {
    let warehouse = Warehouse::connect(config.clickhouse.clone(), &Registry::new())?;
    tokio::time::timeout(PATIENCE, warehouse.check_server())
        .await
        .with_context(no_answer)??;
    Ok("reached and logged in; the version is new enough".to_owned())
}

async fn try_provider(config: &Config) -> anyhow::Result<String> {
    let oidc = Oidc::try_new(&config.oidc, &config.web)?.context("no provider is configured")?;
    let place = oidc.reach().await?;
    Ok(format!(
        "reached; it must know {place} to send people back to"
    ))
}

fn no_answer() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}
