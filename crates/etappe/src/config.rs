//! A process's configuration: the settings of all components, combined from all layers.
//!
//! Each crate owns its settings; this combines them. [`Config::load`] reports every problem of
//! every layer at once. Nothing is bound, opened or created before it has succeeded.

mod layers;
mod passwords;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use etappe_classifier::ClassifierConfig;
use etappe_collector::config::CollectorConfig;
use etappe_core::rules::{RuleFileKind, RuleSet, RuleSource};
use etappe_engine::config::EngineConfig;
use etappe_engine::fence::FenceMode;
use etappe_insights::config::InsightsConfig;
use etappe_journeys::config::JourneysConfig;
use etappe_log::kafka::KafkaConfig;
use etappe_log::local::LocalLogConfig;
use etappe_log::spool::SpoolConfig;
use etappe_runtime::http_server::ServerConfig;
use etappe_runtime::telemetry::TelemetryConfig;
use etappe_warehouse::WarehouseConfig;
use etappe_web::config::{OidcConfig, WebConfig};
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::cli::{ConfigSource, FlagSetting};
pub(crate) use layers::Problem;
use layers::{Origin, Setting};

/// The configuration is invalid; lists every problem.
#[derive(Debug)]
pub(crate) struct BadConfiguration(pub(crate) Vec<Problem>);

impl fmt::Display for BadConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problems", self.0.len())
    }
}

impl std::error::Error for BadConfiguration {}

/// The outside services that a command requires.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs {
    /// An outside Kafka.
    pub(crate) kafka: bool,
    /// An outside ClickHouse.
    pub(crate) server: bool,
}

impl Needs {
    /// Everything needed is on this machine.
    pub(crate) const NOTHING: Self = Self {
        kafka: false,
        server: false,
    };
}

/// All settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The public address. Default `127.0.0.1:7070`.
    pub(crate) listen: SocketAddr,
    /// The admin address. Default `127.0.0.1:7071`.
    pub(crate) admin: SocketAddr,
    pub(crate) telemetry: TelemetryConfig,
    pub(crate) server: ServerConfig,
    pub(crate) rules: RuleFiles,
    pub(crate) collector: CollectorConfig,
    pub(crate) log: LocalLogConfig,
    pub(crate) kafka: KafkaConfig,
    pub(crate) spool: SpoolConfig,
    pub(crate) classifier: ClassifierConfig,
    pub(crate) engine: EngineSettings,
    pub(crate) clickhouse: WarehouseConfig,
    pub(crate) insights: InsightsConfig,
    pub(crate) journeys: JourneysConfig,
    pub(crate) web: WebConfig,
    pub(crate) oidc: OidcConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7070)),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 7071)),
            telemetry: TelemetryConfig::default(),
            server: ServerConfig::default(),
            rules: RuleFiles::default(),
            collector: CollectorConfig::default(),
            log: LocalLogConfig::default(),
            kafka: KafkaConfig::default(),
            spool: SpoolConfig::default(),
            classifier: ClassifierConfig::default(),
            engine: EngineSettings::default(),
            clickhouse: WarehouseConfig::default(),
            insights: InsightsConfig::default(),
            journeys: JourneysConfig::default(),
            web: WebConfig::default(),
            oidc: OidcConfig::default(),
        }
    }
}

/// The paths of the user's own rules; each is a folder of `.toml` files or a single file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RuleFiles {
    /// Vocabularies, tried before the shipped ones. Default none.
    pub(crate) vocabularies: Option<PathBuf>,
    /// Models, used beside the shipped ones or instead of one with the same id. Default none.
    pub(crate) models: Option<PathBuf>,
}

/// The embedded engine's limits and settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EngineSettings {
    /// The engine's memory limit in bytes. Default 3 GiB. Beyond it queries fail and inserts wait.
    pub(crate) server_memory_bytes: u64,
    /// The memory limit of one query in bytes. Default 2 GiB.
    pub(crate) query_memory_bytes: u64,
    /// Threads per query. Default 2; more than the number of cores has no use.
    pub(crate) query_threads: u16,
    /// Concurrent queries. Default 16; further ones wait. A quarter is reserved for writes, and
    /// readers get a third of the rest.
    pub(crate) concurrent_queries: usize,
    /// The memory limit of a reader's query in bytes. Default 384 MiB.
    pub(crate) reader_memory_bytes: u64,
    /// Whether the engine may run without its fence: `required`, `preferred` or `off`. Default
    /// `preferred`: logs a warning for what the kernel cannot fence off.
    pub(crate) fence: FenceMode,
    /// Whether the engine may connect to other servers, such as a ZooKeeper. Default false.
    pub(crate) network: bool,
}

impl Default for EngineSettings {
    fn default() -> Self {
        let defaults = EngineConfig::new("", "");
        Self {
            server_memory_bytes: defaults.server_memory_bytes,
            query_memory_bytes: defaults.query_memory_bytes,
            query_threads: defaults.query_threads,
            concurrent_queries: defaults.concurrent_queries,
            reader_memory_bytes: defaults.reader_memory_bytes,
            fence: defaults.fence,
            network: defaults.network,
        }
    }
}

impl EngineSettings {
    /// Returns the engine's configuration for a folder and a library.
    pub(crate) fn to_engine_config(&self, data: PathBuf, library: PathBuf) -> EngineConfig {
        let mut config = EngineConfig::new(data, library);
        config.server_memory_bytes = self.server_memory_bytes;
        config.query_memory_bytes = self.query_memory_bytes;
        config.query_threads = self.query_threads;
        config.concurrent_queries = self.concurrent_queries;
        config.reader_memory_bytes = self.reader_memory_bytes;
        config.fence = self.fence;
        config.network = self.network;
        config
    }
}

impl Config {
    /// Combines the configuration: defaults, file, environment, and the given flags.
    ///
    /// # Errors
    /// [`BadConfiguration`] with every problem of every layer.
    pub(crate) fn load(
        source: &ConfigSource,
        flags: Vec<FlagSetting>,
        needs: Needs,
    ) -> anyhow::Result<Self> {
        let mut problems = Vec::new();
        let mut settings = Vec::new();
        if let Some(file) = &source.file {
            match std::fs::read_to_string(file) {
                Ok(text) => match layers::settings_of_file(file, &text) {
                    Ok(found) => settings.extend(found),
                    Err(found) => problems.extend(found),
                },
                Err(error) => {
                    let name = file.display();
                    problems.push(Problem::of_whole(format!("cannot read {name}: {error}")));
                }
            }
        }
        settings.extend(layers::settings_of_environment(
            std::env::vars_os().filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.into_string().ok()?))
            }),
        ));
        settings.extend(flags.into_iter().map(|(name, value)| Setting {
            path: name.split('.').map(str::to_owned).collect(),
            value: Value::String(value),
            origin: Origin::flag(&format!("--{name}")),
        }));
        let mut assembled = layers::assemble::<Self>(&settings);
        match &mut assembled {
            Ok(config) => {
                problems.extend(config.read_passwords());
                problems.extend(config.problems(needs));
            }
            Err(found) => problems.append(found),
        }
        match assembled {
            Ok(config) if problems.is_empty() => Ok(config),
            _ => Err(BadConfiguration(problems).into()),
        }
    }

    /// Returns whether events go through an outside Kafka.
    pub(crate) fn uses_kafka(&self) -> bool {
        !self.kafka.brokers.is_empty()
    }

    /// Returns whether rows go to an outside ClickHouse.
    pub(crate) fn uses_server(&self) -> bool {
        !self.clickhouse.url.is_empty()
    }

    /// Returns the missing requirements of a command, and conflicting settings.
    fn outside_problems(&self, needs: Needs) -> Vec<String> {
        let mut problems = Vec::new();
        if needs.kafka && !self.uses_kafka() {
            let missing = "kafka.brokers: this command needs Kafka: give --kafka HOST:PORT,…";
            problems.push(missing.to_owned());
        }
        if needs.server && !self.uses_server() {
            let missing = "clickhouse.url: this command needs ClickHouse: give --clickhouse URL";
            problems.push(missing.to_owned());
        }
        let (answer, delivery) = (self.collector.publish_timeout, self.kafka.delivery_timeout);
        if self.uses_kafka() && answer <= delivery {
            problems.push(format!(
                "collector.publish_timeout is {answer:?}, expected more than kafka.delivery_timeout, \
                 {delivery:?}: clients would be refused what is written a moment later"
            ));
        }
        problems
    }

    /// Returns problems of well-formed values.
    fn problems(&self, needs: Needs) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.telemetry.validate(&mut problems);
        let mut section = |name: &str, found: Vec<String>| {
            problems.extend(
                found
                    .into_iter()
                    .map(|problem| format!("{name}: {problem}")),
            );
        };
        section("server", self.server.validate());
        section("collector", self.collector.validate());
        section("log", self.log.validate().err().unwrap_or_default());
        if self.uses_kafka() {
            section("kafka", self.kafka.validate().err().unwrap_or_default());
            section("spool", self.spool.validate().err().unwrap_or_default());
        }
        if self.uses_server() {
            section(
                "clickhouse",
                self.clickhouse.validate().err().unwrap_or_default(),
            );
        }
        section(
            "classifier",
            self.classifier.validate().err().unwrap_or_default(),
        );
        section("insights", self.insights.validate());
        section("journeys", self.journeys.validate());
        section("web", self.web.validate());
        section("oidc", self.oidc.validate(&self.web));
        let engine = self
            .engine
            .to_engine_config(PathBuf::from("engine"), PathBuf::new());
        section(
            "engine",
            engine
                .validate()
                .err()
                .iter()
                .map(ToString::to_string)
                .collect(),
        );
        problems.extend(self.outside_problems(needs));
        if self.listen == self.admin && self.listen.port() != 0 {
            problems.push(format!("listen and admin are both {}", self.listen));
        }
        problems.into_iter().map(Problem::of_whole).collect()
    }

    /// Reads and compiles the rules: the shipped ones and the user's.
    ///
    /// # Errors
    /// [`BadConfiguration`] with every mistake in every file.
    pub(crate) fn compile_rules(&self) -> anyhow::Result<RuleSet> {
        let mut sources = Vec::new();
        let files = [
            (&self.rules.vocabularies, RuleFileKind::Vocabulary),
            (&self.rules.models, RuleFileKind::Model),
        ];
        for (path, kind) in files {
            if let Some(path) = path {
                let read = read_rules(path).map_err(|error| {
                    BadConfiguration(vec![Problem::of_whole(format!("rules: {error:#}"))])
                })?;
                sources.extend(read.into_iter().map(|(file, text)| match kind {
                    RuleFileKind::Vocabulary => RuleSource::vocabulary(file, text),
                    RuleFileKind::Model => RuleSource::model(file, text),
                }));
            }
        }
        RuleSet::with_user_files(sources).map_err(|mistakes| {
            let problem = |mistake: &dyn fmt::Display| Problem::of_whole(mistake.to_string());
            BadConfiguration(mistakes.iter().map(|m| problem(m)).collect()).into()
        })
    }
}

/// Reads a file, or all `.toml` files of a folder in the order of their names.
pub(crate) fn read_rules(path: &std::path::Path) -> anyhow::Result<Vec<(String, String)>> {
    use anyhow::Context;
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path)?;
        files = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        files.retain(|file| {
            file.extension()
                .is_some_and(|extension| extension == "toml")
        });
        files.sort();
    }
    let read = |file: PathBuf| {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {name}"))?;
        Ok((name, text))
    };
    files.into_iter().map(read).collect()
}
