//! A real Apache Kafka for tests: separate nodes on loopback that can be killed, paused and
//! started.
//!
//! `deploy/dev/kafka.sh` fetches Kafka, writes the settings and runs a node; a test without Kafka
//! fails. Most tests share one node per test program, [`KafkaNode::shared`], and create their own
//! topics on it. Tests that disturb a node start their own. A small shell script watches each node,
//! and kills it and removes its data if the test program dies.

mod client;
mod running;

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rand::RngExt;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::Instant;

pub use client::PlainRecord;
use running::Running;

use crate::wait::PATIENCE;

/// The timeout for a node to become ready.
const READY_WITHIN: Duration = PATIENCE;
/// The timeout for a node to stop.
const STOPPED_WITHIN: Duration = Duration::from_secs(90);
/// Ports below the operating system's ephemeral range: a client that tries to reach a stopped node
/// must not be given the node's own port.
const PORTS: std::ops::Range<u16> = 10_240..32_000;

/// The user of the SASL listener, mechanism PLAIN.
pub const SASL_USER: &str = "etappe";
/// Its password.
pub const SASL_PASSWORD: &str = "etappe-secret";

/// Why Kafka is not available to a test.
#[derive(Debug, thiserror::Error)]
pub enum KafkaNodeError {
    /// A process or a file could not be created.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The script failed.
    #[error("`deploy/dev/kafka.sh {command}` failed: {output}")]
    Script {
        /// The script's command.
        command: &'static str,
        /// The script's output.
        output: String,
    },
    /// The node did not do what was asked.
    #[error("Kafka node {node} {what}; its log ends with:\n{log}")]
    Broken {
        /// The node's number.
        node: usize,
        /// The operation that failed.
        what: &'static str,
        /// The last lines of its log.
        log: String,
    },
    /// The node's answer to a client.
    #[error(transparent)]
    Client(#[from] rdkafka::error::KafkaError),
}

/// A node. Dropping it kills it; its data is removed with the last node of its cluster.
#[derive(Debug)]
pub struct KafkaNode {
    // Fields are dropped in this order: a node that still writes would keep its folder from going.
    running: Mutex<Option<Running>>,
    cluster: Arc<TempDir>,
    number: usize,
    port: u16,
    sasl_port: u16,
    names: AtomicU64,
}

/// A cluster of nodes, each both broker and controller.
#[derive(Debug)]
pub struct KafkaNodes {
    nodes: Vec<KafkaNode>,
}

static SHARED: OnceCell<KafkaNode> = OnceCell::const_new();

impl KafkaNodes {
    /// Starts `count` nodes on an empty folder and waits until all of them answer.
    ///
    /// # Errors
    /// [`KafkaNodeError`] when Kafka is missing, cannot be fetched, or does not start.
    pub async fn start(count: usize) -> Result<Self, KafkaNodeError> {
        let folder = tempfile::Builder::new().prefix("etappe-kafka-").tempdir()?;
        let ports = free_ports(3 * count)?;
        let (listen, rest) = ports.split_at(count);
        let (controllers, sasl) = rest.split_at(count);
        prepare(folder.path(), [listen, controllers, sasl]).await?;
        let cluster = Arc::new(folder);
        let node = |(index, (port, sasl_port)): (usize, (&u16, &u16))| KafkaNode {
            cluster: Arc::clone(&cluster),
            number: index + 1,
            port: *port,
            sasl_port: *sasl_port,
            running: Mutex::new(None),
            names: AtomicU64::new(0),
        };
        let nodes: Vec<KafkaNode> = listen.iter().zip(sasl).enumerate().map(node).collect();
        for node in &nodes {
            node.launch()?;
        }
        for node in &nodes {
            node.wait_until_ready(count).await?;
        }
        Ok(Self { nodes })
    }

    /// Returns the nodes.
    #[must_use]
    pub fn nodes(&self) -> &[KafkaNode] {
        &self.nodes
    }

    /// Returns the addresses of all nodes in the form that clients use.
    #[must_use]
    pub fn brokers(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(KafkaNode::brokers).collect();
        addresses.join(",")
    }
}

impl KafkaNode {
    /// Starts a node on an empty folder and waits until it answers.
    ///
    /// # Errors
    /// [`KafkaNodeError`] when Kafka is missing, cannot be fetched, or does not start.
    ///
    /// # Panics
    /// Never: a cluster of one node has one.
    pub async fn start() -> Result<Self, KafkaNodeError> {
        let mut nodes = KafkaNodes::start(1).await?.nodes;
        Ok(nodes.pop().expect("one node was started"))
    }

    /// Returns the node that all tests of this program share, and starts it for the first of them.
    ///
    /// # Panics
    /// When Kafka is not available: a test without it fails.
    pub async fn shared() -> &'static Self {
        let shared = SHARED.get_or_try_init(Self::start).await;
        shared.unwrap_or_else(|error| panic!("no Kafka for this test: {error}"))
    }

    /// Returns the address for clients.
    #[must_use]
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the address for clients that authenticate: SASL_PLAINTEXT, mechanism PLAIN, as
    /// [`SASL_USER`] with [`SASL_PASSWORD`].
    #[must_use]
    pub fn sasl_brokers(&self) -> String {
        format!("127.0.0.1:{}", self.sasl_port)
    }

    /// Returns a name that is unique on this node.
    #[must_use]
    pub fn unique_name(&self, what: &str) -> String {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        format!("{what}.{number}")
    }

    /// Kills the node at once, as a power cut would.
    ///
    /// # Errors
    /// When waiting for its end fails.
    pub fn kill(&self) -> Result<(), KafkaNodeError> {
        match self.running.lock().take() {
            Some(mut running) => Ok(running.kill()?),
            None => Ok(()),
        }
    }

    /// Asks the node to stop and waits for its end.
    ///
    /// # Errors
    /// [`KafkaNodeError::Broken`] when it takes too long; the node is killed then.
    pub async fn stop(&self) -> Result<(), KafkaNodeError> {
        let Some(mut running) = self.running.lock().take() else {
            return Ok(());
        };
        running.signal(Signal::TERM);
        let deadline = Instant::now() + STOPPED_WITHIN;
        while running.is_alive()? {
            if Instant::now() > deadline {
                running.kill()?;
                return Err(self.broken("did not stop in time"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(running.kill()?)
    }

    /// Starts the node again, with its data and on its ports, and waits until it answers.
    ///
    /// # Errors
    /// [`KafkaNodeError`] when it does not start.
    pub async fn start_again(&self) -> Result<(), KafkaNodeError> {
        self.launch()?;
        self.wait_until_ready(1).await
    }

    /// Freezes the node: its connections stay open, nothing is answered.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Resumes a frozen node.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Returns the id of the node's process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.running.lock().as_ref().map(Running::id)
    }

    /// Returns the last lines of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = std::fs::read(self.folder().join("node.log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        let start = lines.len().saturating_sub(20);
        lines.get(start..).unwrap_or_default().join("\n")
    }

    fn launch(&self) -> Result<(), KafkaNodeError> {
        let mut running = self.running.lock();
        if running.is_none() {
            *running = Some(Running::start(
                &script(),
                &self.folder(),
                self.cluster.path(),
            )?);
        }
        Ok(())
    }

    async fn wait_until_ready(&self, nodes: usize) -> Result<(), KafkaNodeError> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let alive = match self.running.lock().as_mut() {
                Some(running) => running.is_alive()?,
                None => false,
            };
            if !alive {
                return Err(self.broken("exited during startup"));
            }
            if client::is_serving(&self.brokers(), self.number, nodes).await {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.broken("does not answer"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(running) = self.running.lock().as_ref() {
            running.signal(signal);
        }
    }

    fn folder(&self) -> PathBuf {
        self.cluster.path().join(format!("node-{}", self.number))
    }

    fn broken(&self, what: &'static str) -> KafkaNodeError {
        KafkaNodeError::Broken {
            node: self.number,
            what,
            log: self.log_tail(),
        }
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/dev/kafka.sh")
}

async fn prepare(folder: &Path, ports: [&[u16]; 3]) -> Result<(), KafkaNodeError> {
    let list = |ports: &[u16]| {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        ports.join(",")
    };
    let mut command = Command::new(script());
    command.arg("prepare").arg("--data").arg(folder);
    for (name, ports) in ["--listen", "--controllers", "--sasl"].iter().zip(ports) {
        command.arg(name).arg(list(ports));
    }
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    if output.status.success() {
        return Ok(());
    }
    Err(KafkaNodeError::Script {
        command: "prepare",
        output: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Returns loopback ports that were free a moment ago.
fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    let mut held: Vec<TcpListener> = Vec::new();
    for _ in 0..10_000 {
        if held.len() == count {
            break;
        }
        let port = rand::rng().random_range(PORTS);
        held.extend(TcpListener::bind(("127.0.0.1", port)));
    }
    if held.len() < count {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    held.iter()
        .map(|listener| Ok(listener.local_addr()?.port()))
        .collect()
}

#[cfg(test)]
mod tests;
