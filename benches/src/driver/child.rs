//! The load generator and the limits as separate processes, so that each one's CPU time can be
//! measured. All of them end when the value that owns them is dropped.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::embedded::EmbeddedEngine;
use crate::load::report::LoadReport;
use crate::process::Pid;
use crate::rows::{RowReport, RowTarget};

/// Connections for batches, and for single events, which mostly wait for the disk.
const BATCH_CONNECTIONS: u32 = 16;
const MANY_CONNECTIONS: u32 = 64;
const SINGLE_CONNECTIONS: u32 = 256;

/// The target of a load.
#[derive(Debug, Clone)]
pub(crate) struct LoadTarget {
    address: String,
    write_key: String,
    kind: &'static str,
    watch: Vec<(String, Pid)>,
    batch_connections: u32,
    /// Whether reports name the requests that were accepted.
    ledger: bool,
}

/// A load: events per batch (0: one event per request), events per second (`None`: as fast as
/// possible), and its duration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) batch: u32,
    pub(crate) rate: Option<f64>,
    pub(crate) seconds: f64,
}

impl LoadTarget {
    /// Targets an Etappe: its public address, a write key, and the processes to watch meanwhile.
    pub(crate) fn etappe(address: String, write_key: &str, watch: Vec<(String, Pid)>) -> Self {
        Self {
            address,
            write_key: write_key.to_owned(),
            kind: "etappe",
            watch,
            batch_connections: BATCH_CONNECTIONS,
            ledger: false,
        }
    }

    /// Uses more connections for batches: if each answer waits for the brokers, few connections
    /// would measure that wait instead of the work.
    pub(crate) fn with_many_connections(self) -> Self {
        self.with_connections(MANY_CONNECTIONS)
    }

    /// Uses this many connections for batches.
    pub(crate) fn with_connections(self, batch_connections: u32) -> Self {
        Self {
            batch_connections,
            ..self
        }
    }

    /// Makes reports name the accepted requests.
    pub(crate) fn with_ledger(self) -> Self {
        Self {
            ledger: true,
            ..self
        }
    }
}

impl Load {
    /// As fast as possible.
    pub(crate) fn closed(batch: u32, seconds: f64) -> Self {
        Self {
            batch,
            rate: None,
            seconds,
        }
    }

    /// At a fixed rate in events per second.
    pub(crate) fn open(batch: u32, rate: f64, seconds: f64) -> Self {
        Self {
            batch,
            rate: Some(rate),
            seconds,
        }
    }

    /// Runs the load to its end.
    pub(crate) async fn run(self, target: &LoadTarget) -> anyhow::Result<LoadReport> {
        let connections = if self.batch == 0 {
            SINGLE_CONNECTIONS
        } else {
            target.batch_connections
        };
        let mut command = Command::new(program("etappe-load")?);
        command
            .args([
                "--address",
                &target.address,
                "--write-key",
                &target.write_key,
            ])
            .args(["--target", target.kind, "--json"])
            .args(["--batch", &self.batch.to_string()])
            .args(["--connections", &connections.to_string()])
            .args(["--duration", &self.seconds.to_string()]);
        for (role, pid) in &target.watch {
            command.args(["--watch", &format!("{role}={pid}")]);
        }
        if target.ledger {
            command.arg("--ledger");
        }
        if let Some(rate) = self.rate {
            command.args(["--rate", &rate.to_string()]);
        }
        let report: LoadReport = answer(command, "etappe-load").await?;
        ensure!(report.accepted_events > 0, "nothing was accepted: {report}");
        Ok(report)
    }
}

/// A running bare relay.
#[derive(Debug)]
pub(crate) struct Relay {
    child: Child,
    /// Kept open, so that the relay's output has a reader.
    _output: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Relay {
    /// Starts a relay to a file; `body` is what it appends: `raw`, `inflated` or `events`.
    pub(crate) async fn start(dir: &Path, body: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(program("etappe-limit")?);
        command.args(["relay", "--body", body, "--dir"]).arg(dir);
        Self::spawn(command).await
    }

    /// Starts a relay that publishes each event to a separate topic.
    pub(crate) async fn start_on_kafka(brokers: &str, topic: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(program("etappe-limit")?);
        command.args(["kafka-relay", "--body", "events"]).args([
            "--brokers",
            brokers,
            "--topic",
            topic,
        ]);
        Self::spawn(command).await
    }

    /// Starts the same relay with a weaker producer: `acks` replicas acknowledge, and it is not
    /// idempotent.
    pub(crate) async fn start_careless(
        brokers: &str,
        topic: &str,
        acks: u32,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program("etappe-limit")?);
        command
            .args(["kafka-relay", "--body", "events", "--brokers", brokers])
            .args(["--topic", topic, "--acks", &acks.to_string()]);
        Self::spawn(command).await
    }

    async fn spawn(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().expect("stdout is a pipe");
        let mut output = BufReader::new(output).lines();
        let address = output
            .next_line()
            .await?
            .context("the relay did not start")?;
        Ok(Self {
            child,
            _output: output,
            address,
        })
    }

    pub(crate) fn target(&self) -> anyhow::Result<LoadTarget> {
        let pid = self.child.id().context("the relay has ended")?;
        Ok(LoadTarget {
            address: self.address.clone(),
            write_key: String::new(),
            kind: "bare",
            watch: vec![("server".to_owned(), pid)],
            batch_connections: BATCH_CONNECTIONS,
            ledger: false,
        })
    }
}

/// Inserts rows as fast as possible.
pub(crate) async fn insert_rows(
    engine: &EmbeddedEngine,
    target: RowTarget,
    seconds: f64,
) -> anyhow::Result<RowReport> {
    let name = match target {
        RowTarget::Bare => "bare",
        RowTarget::Arrivals => "arrivals",
    };
    let mut command = Command::new(program("etappe-limit")?);
    command
        .args([
            "rows",
            "--url",
            &engine.url,
            "--user",
            &engine.user,
            "--target",
            name,
        ])
        .args([
            "--duration",
            &seconds.to_string(),
            "--watch",
            &engine.pid.to_string(),
        ])
        .env("ETAPPE_LIMIT_PASSWORD", &engine.password);
    answer(command, "etappe-limit").await
}

async fn answer<T: DeserializeOwned>(mut command: Command, name: &str) -> anyhow::Result<T> {
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "{name} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    serde_json::from_slice(&output.stdout).with_context(|| format!("{name} printed no report"))
}

/// Returns the path of a program in this program's folder.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    ensure!(
        path.exists(),
        "{} not found: build etappe-benches first",
        path.display()
    );
    Ok(path)
}
