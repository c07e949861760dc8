//! Etappe by role: an engine, collectors, classifiers and insights as separate processes, on a
//! separate Kafka.

use std::path::{Path, PathBuf};

use anyhow::Context;
use etappe_testkit::kafka::KafkaNodes;
use etappe_testkit::process::{binary_path, free_address};
use etappe_testkit::wait::{PATIENCE, until};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::rig::proxy::Proxy;
use crate::rig::shim::Shim;
use crate::role::{RoleProcess, Surroundings};
use crate::site::TestSite;

/// The number of processes per role.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Brokers.
    pub brokers: usize,
    /// Collectors.
    pub collectors: usize,
    /// Classifiers.
    pub classifiers: usize,
}

/// All processes of an installation by role. Dropping it kills them.
#[derive(Debug)]
pub struct Fleet {
    folder: TempDir,
    /// The brokers.
    pub kafka: KafkaNodes,
    /// ClickHouse's engine as a server.
    pub engine: RoleProcess,
    /// The collectors.
    pub collectors: Vec<RoleProcess>,
    /// The classifiers.
    pub classifiers: Vec<RoleProcess>,
    /// The process that answers queries.
    pub insights: RoleProcess,
    /// ClickHouse's direct address, and the one that the roles use.
    clickhouse: String,
    used_clickhouse: String,
    library: Option<PathBuf>,
}

impl Fleet {
    /// Starts everything, from the inside out.
    ///
    /// # Errors
    /// When a part does not become ready.
    pub async fn start(sizes: Sizes) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("etappe-fleet-").tempdir()?;
        let (engine, clickhouse) = start_engine(folder.path()).await?;
        let used = clickhouse.clone();
        Self::around((folder, engine), (clickhouse, used), None, sizes).await
    }

    /// Starts everything so that all faults can be injected: with a proxy in front of ClickHouse
    /// and a shim around every process's C library.
    ///
    /// # Errors
    /// When a part does not become ready.
    pub async fn start_for_faults(sizes: Sizes) -> anyhow::Result<(Self, Proxy)> {
        let folder = tempfile::Builder::new().prefix("etappe-fleet-").tempdir()?;
        let library = Shim::build(folder.path()).await?;
        let shim = shim(folder.path(), &library, "engine")?;
        let (engine, clickhouse) = start_engine_with(folder.path(), Some(shim)).await?;
        let address = engine.said("listen");
        let proxy = Proxy::start(&format!("http://{address}")).await?;
        let used = clickhouse.replace(&address, proxy.address());
        let addresses = (clickhouse, used);
        let fleet = Self::around((folder, engine), addresses, Some(library), sizes).await?;
        Ok((fleet, proxy))
    }

    async fn around(
        (folder, engine): (TempDir, RoleProcess),
        (clickhouse, used_clickhouse): (String, String),
        library: Option<PathBuf>,
        sizes: Sizes,
    ) -> anyhow::Result<Self> {
        let kafka = KafkaNodes::start(sizes.brokers)
            .await
            .context("Kafka does not start")?;
        let start = Start {
            folder: folder.path().to_owned(),
            brokers: kafka.brokers(),
            clickhouse: used_clickhouse.clone(),
            library: library.clone(),
        };
        let mut classifiers = Vec::new();
        for number in 0..sizes.classifiers {
            classifiers.push(start.classifier(number).await?);
        }
        let mut collectors = Vec::new();
        for number in 0..sizes.collectors {
            let name = format!("collector-{number}");
            let arguments = collector(folder.path(), &name, &start.brokers)?;
            collectors.push(start.role(&name, arguments).await?);
        }
        let arguments = start.arguments("insights", &addresses()?);
        let insights = start.role("insights", arguments).await?;
        Ok(Self {
            folder,
            kafka,
            engine,
            collectors,
            classifiers,
            insights,
            clickhouse,
            used_clickhouse,
            library,
        })
    }

    /// Creates a site and returns it as reached through collector number `collector`.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn create_site(&self, name: &str, collector: usize) -> anyhow::Result<TestSite> {
        let made = self.run(&["keys", "create", "--site", name]).await?;
        let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
        let collector = self.collectors[collector].said("listen");
        let site = TestSite::of(
            &collector,
            &self.insights.said("listen"),
            name,
            (text("write_key"), text("read_token")),
        )?;
        // The command returns once the key is in the table, which the collector reads by itself.
        until("the collector knows the key", PATIENCE, async || {
            let answer = site.post("/v1/batch", r#"{"batch":[]}"#).await;
            answer.is_ok_and(|(status, _)| status != 401)
        })
        .await;
        Ok(site)
    }

    /// Starts one more classifier.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn add_classifier(&mut self) -> anyhow::Result<()> {
        let start = Start {
            folder: self.folder.path().to_owned(),
            brokers: self.kafka.brokers(),
            clickhouse: self.used_clickhouse.clone(),
            library: self.library.clone(),
        };
        let role = start.classifier(self.classifiers.len()).await?;
        self.classifiers.push(role);
        Ok(())
    }

    /// Returns the folder of a collector's spool.
    #[must_use]
    pub fn spool(&self, collector: usize) -> PathBuf {
        self.folder
            .path()
            .join(format!("collector-{collector}/spool"))
    }

    /// Runs a command on the fleet's Kafka and returns the last line it printed, as JSON.
    ///
    /// # Errors
    /// When it fails or prints no JSON.
    pub async fn run(&self, command: &[&str]) -> anyhow::Result<Value> {
        let brokers = self.kafka.brokers();
        run(&[command, &["--kafka", &brokers, "--json"]].concat()).await
    }

    /// Returns ClickHouse's address with the login.
    #[must_use]
    pub fn clickhouse(&self) -> &str {
        &self.clickhouse
    }

    /// Returns the last log lines of every process.
    #[must_use]
    pub fn last_words(&self) -> String {
        let roles = self.collectors.iter().chain(&self.classifiers);
        let roles = roles.chain([&self.insights, &self.engine]);
        let said = roles.map(|role| format!("{}:\n{}\n", role.name(), role.log_tail()));
        said.collect()
    }

    /// Stops everything cleanly, from the outside in.
    ///
    /// # Errors
    /// When a part does not stop in time or fails.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for collector in &mut self.collectors {
            collector.stop().await?;
        }
        for classifier in &mut self.classifiers {
            classifier.stop().await?;
        }
        self.insights.stop().await?;
        self.engine.stop().await
    }
}

/// How the roles of a fleet are started.
struct Start {
    folder: PathBuf,
    brokers: String,
    clickhouse: String,
    library: Option<PathBuf>,
}

impl Start {
    async fn classifier(&self, number: usize) -> anyhow::Result<RoleProcess> {
        let name = format!("classifier-{number}");
        let own = ["--admin", &free_address()?, "--instance", &name, "--json"];
        let own = own.map(str::to_owned);
        self.role(&name, self.arguments("classifier", &own)).await
    }

    async fn role(&self, name: &str, arguments: Vec<String>) -> anyhow::Result<RoleProcess> {
        match &self.library {
            Some(library) => {
                let shim = shim(&self.folder, library, name)?;
                RoleProcess::start_in(shimmed(shim), &self.folder, name, arguments).await
            }
            None => RoleProcess::start(&self.folder, name, arguments).await,
        }
    }

    fn arguments(&self, role: &str, own: &[String]) -> Vec<String> {
        let outside = ["--kafka", &self.brokers, "--clickhouse", &self.clickhouse];
        arguments(role, &outside, own)
    }
}

fn shimmed(shim: Shim) -> Surroundings {
    Surroundings {
        shim: Some(shim),
        ..Surroundings::default()
    }
}

/// Returns the shim of a role, whose files are in the folder of its name.
fn shim(folder: &Path, library: &Path, name: &str) -> anyhow::Result<Shim> {
    let control = folder.join(format!("{name}-shim"));
    Shim::new(library, &control, &folder.join(name))
}

/// Starts the engine as a server and returns its address with the login.
///
/// # Errors
/// When it does not become ready.
pub async fn start_engine(folder: &Path) -> anyhow::Result<(RoleProcess, String)> {
    start_engine_with(folder, None).await
}

pub(crate) async fn start_engine_with(
    folder: &Path,
    shim: Option<Shim>,
) -> anyhow::Result<(RoleProcess, String)> {
    let data = folder.join("engine");
    let data = data.to_str().context("a folder whose name is text")?;
    let listen = free_address()?;
    let arguments = ["engine", "--data", data, "--listen", &listen];
    let engine = match shim {
        Some(shim) => RoleProcess::start_in(shimmed(shim), folder, "engine", arguments).await?,
        None => RoleProcess::start(folder, "engine", arguments).await?,
    };
    let output = Command::new(binary_path())
        .args(arguments)
        .arg("--url")
        .output()
        .await?;
    let url = String::from_utf8(output.stdout)?.trim().to_owned();
    Ok((engine, url))
}

/// Returns the arguments of a collector with a data folder of its own.
///
/// # Errors
/// When there is no free address.
pub fn collector(folder: &Path, name: &str, brokers: &str) -> anyhow::Result<Vec<String>> {
    let data = folder.join(name);
    let data = data.to_str().context("a folder whose name is text")?;
    let outside = ["--kafka", brokers, "--data", data];
    Ok(arguments("collector", &outside, &addresses()?))
}

/// Runs a command and returns the last line it printed, as JSON.
///
/// # Errors
/// When it fails or prints no JSON.
pub async fn run(arguments: &[&str]) -> anyhow::Result<Value> {
    let output = Command::new(binary_path()).args(arguments).output().await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "etappe {arguments:?}: {errors}");
    let printed = String::from_utf8_lossy(&output.stdout);
    let last = printed.lines().last().unwrap_or_default();
    serde_json::from_str(last).with_context(|| format!("etappe {arguments:?} printed `{printed}`"))
}

fn arguments(role: &str, outside: &[&str], own: &[String]) -> Vec<String> {
    let outside = outside.iter().map(|text| (*text).to_owned());
    std::iter::once(role.to_owned())
        .chain(outside)
        .chain(own.iter().cloned())
        .collect()
}

fn addresses() -> anyhow::Result<Vec<String>> {
    let (listen, admin) = (free_address()?, free_address()?);
    Ok(["--listen", &listen, "--admin", &admin, "--json"]
        .map(str::to_owned)
        .to_vec())
}
