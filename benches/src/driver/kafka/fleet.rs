//! The processes: a broker, ClickHouse's engine, and one per role.

use anyhow::Context;
use etappe_testkit::kafka::KafkaNode;
use etappe_testkit::process::free_address;
use etappe_tests::fleet::{self, start_engine};
use etappe_tests::role::RoleProcess;
use etappe_tests::site::TestSite;
use tempfile::TempDir;
use tokio::time::Instant;

use super::super::bench::{Bench, Installation};
use super::super::embedded::EmbeddedEngine;
use super::super::options::Options;
use crate::process::Pid;

const SITE: &str = "bench";

/// All processes; dropping this ends them and removes the folder.
#[derive(Debug)]
pub(super) struct Fleet {
    options: Options,
    kafka: KafkaNode,
    engine: RoleProcess,
    clickhouse: String,
    collector: Option<RoleProcess>,
    /// Whether the collector publishes to a topic that nobody reads.
    is_alone: bool,
    classifier: Option<RoleProcess>,
    classifier_started: Instant,
    insights: Option<RoleProcess>,
    /// Write key and read token.
    keys: (String, String),
    folder: TempDir,
}

impl Fleet {
    /// Starts the processes that are not measured alone: the broker and the engine.
    pub(super) async fn start(options: &Options) -> anyhow::Result<Self> {
        let folder = options.make_folder()?;
        let kafka = KafkaNode::start().await?;
        let (engine, clickhouse) = start_engine(folder.path()).await?;
        Ok(Self {
            options: options.clone(),
            kafka,
            engine,
            clickhouse,
            collector: None,
            is_alone: false,
            classifier: None,
            classifier_started: Instant::now(),
            insights: None,
            keys: Default::default(),
            folder,
        })
    }

    pub(super) fn brokers(&self) -> String {
        self.kafka.brokers()
    }

    /// Creates the site; a collector must have created the topics before.
    pub(super) async fn create_site(&mut self) -> anyhow::Result<()> {
        let brokers = self.brokers();
        let command = [
            "keys", "create", "--site", SITE, "--kafka", &brokers, "--json",
        ];
        let made = fleet::run(&command).await?;
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        self.keys = (text("write_key"), text("read_token"));
        Ok(())
    }

    /// Starts the collector, replacing the previous one; `topic` overrides the usual topic.
    pub(super) async fn start_collector(&mut self, topic: Option<&str>) -> anyhow::Result<()> {
        if let Some(mut before) = self.collector.take() {
            before.stop().await?;
        }
        let name = topic.unwrap_or("collector");
        let mut arguments = fleet::collector(self.folder.path(), name, &self.brokers())?;
        if let Some(topic) = topic {
            let config = self.folder.path().join("collector.toml");
            std::fs::write(&config, format!("[kafka]\ntopic = \"{topic}\"\n"))?;
            let config = config.to_str().context("a folder whose name is text")?;
            arguments.extend(["--config", config].map(str::to_owned));
        }
        let collector = RoleProcess::start(self.folder.path(), name, arguments).await?;
        self.collector = Some(collector);
        self.is_alone = topic.is_some();
        Ok(())
    }

    /// Starts the classifier and returns its process.
    pub(super) async fn start_classifier(&mut self) -> anyhow::Result<Pid> {
        let classifier = self.start_role("classifier", Vec::new()).await?;
        self.classifier_started = Instant::now();
        let pid = classifier.id().context("the classifier has ended")?;
        self.classifier = Some(classifier);
        Ok(pid)
    }

    /// Starts the process that answers queries, and the classifier if it is not running; returns
    /// when the classifier was started.
    pub(super) async fn start_insights(&mut self) -> anyhow::Result<Instant> {
        if self.classifier.is_none() {
            self.start_classifier().await?;
        }
        let own = vec!["--listen".to_owned(), free_address()?];
        self.insights = Some(self.start_role("insights", own).await?);
        Ok(self.classifier_started)
    }

    async fn start_role(&self, role: &str, own: Vec<String>) -> anyhow::Result<RoleProcess> {
        let (brokers, admin) = (self.brokers(), free_address()?);
        let outside = ["--kafka", &brokers, "--clickhouse", &self.clickhouse];
        let arguments = [role].into_iter().chain(outside);
        let arguments = arguments.chain(["--admin", &admin, "--json"]);
        let arguments = arguments.map(str::to_owned).chain(own);
        RoleProcess::start(self.folder.path(), role, arguments).await
    }

    /// Returns the running processes, ready to be measured. A collector that runs alone counts as
    /// the server.
    pub(super) fn bench(&self) -> anyhow::Result<Bench> {
        let collector = self.collector.as_ref().context("no collector runs")?;
        let listen = collector.said("listen");
        let insights = self.insights.as_ref();
        let questions = insights.map_or_else(|| listen.clone(), |role| role.said("listen"));
        let behind = |role| if self.is_alone { None } else { role };
        let roles = [
            (
                if self.is_alone { "server" } else { "collector" },
                Some(collector),
            ),
            ("classifier", behind(self.classifier.as_ref())),
            ("insights", behind(insights)),
        ];
        let mut ours = Vec::new();
        for (name, role) in roles {
            if let Some(role) = role {
                let pid = role.id().with_context(|| format!("{name} has ended"))?;
                ours.push((name.to_owned(), pid));
            }
        }
        let engine = self.engine.id().context("the engine has ended")?;
        let broker = self.kafka.id().context("Kafka has ended")?;
        let installation = Installation {
            site: TestSite::of(&listen, &questions, SITE, self.keys.clone())?,
            listen,
            engine: EmbeddedEngine::at(engine, &self.clickhouse)?,
            ours,
            beside: vec![("kafka".to_owned(), broker)],
            folder: self.folder.path().to_owned(),
        };
        let mut bench = Bench::of(self.options.clone(), installation);
        bench.target = bench.target.with_many_connections();
        Ok(bench)
    }

    /// Stops everything, from the outside in.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        let roles = [
            self.collector,
            self.insights,
            self.classifier,
            Some(self.engine),
        ];
        for mut role in roles.into_iter().flatten() {
            role.stop().await?;
        }
        self.kafka.stop().await?;
        Ok(())
    }
}
