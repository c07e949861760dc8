//! The engine for tests: the real one, in its own process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use etappe_warehouse::{Warehouse, WarehouseConfig};
use prometheus::Registry;
use serde_json::Value;
use tempfile::TempDir;

/// A running engine; it stops when this is dropped or the test process ends.
#[derive(Debug)]
pub(crate) struct TestEngine {
    child: Child,
    url: String,
    user: String,
    password: String,
    reader: (String, String),
}

impl TestEngine {
    /// Starts an engine on a data folder.
    pub(crate) fn start(data: &Path) -> Self {
        let mut child = Command::new(binary())
            .arg("--data")
            .arg(data)
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the engine was built");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("stdout is piped"))
            .read_line(&mut line)
            .expect("the engine says where it listens");
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("the engine did not start, it said `{line}`"));
        let secrets = std::fs::read(data.join("engine-secret.json")).expect("secrets are made");
        let secrets: Value = serde_json::from_slice(&secrets).expect("secrets are JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self {
            url: format!("http://{}", text(&ready["listen"])),
            user: text(&secrets["writer"]["user"]),
            password: text(&secrets["writer"]["password"]),
            reader: (
                text(&secrets["reader"]["user"]),
                text(&secrets["reader"]["password"]),
            ),
            child,
        }
    }

    /// Kills the engine.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the engine runs");
        self.child.wait().expect("the engine can be waited for");
    }

    /// Returns the configuration for a database of this engine.
    pub(crate) fn config(&self, database: &str) -> WarehouseConfig {
        WarehouseConfig::new(&self.url, database, &self.user, &self.password)
    }

    /// Returns a warehouse in a database of this engine, not migrated.
    pub(crate) fn warehouse(&self, database: &str) -> Warehouse {
        Warehouse::connect(self.config(database), &Registry::new()).expect("a good configuration")
    }

    /// Returns a plain client, to inspect what the warehouse did.
    pub(crate) fn client(&self, database: &str) -> clickhouse::Client {
        clickhouse::Client::default()
            .with_url(&self.url)
            .with_database(database)
            .with_user(&self.user)
            .with_password(&self.password)
    }

    /// Returns a read-only client, like Grafana's.
    pub(crate) fn reader(&self, database: &str) -> clickhouse::Client {
        self.client(database)
            .with_user(&self.reader.0)
            .with_password(&self.reader.1)
    }
}

impl Drop for TestEngine {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("the engine can be waited for");
    }
}

/// A migrated warehouse with its own database on the shared engine.
#[derive(Debug)]
pub(crate) struct TestWarehouse {
    pub(crate) warehouse: Warehouse,
    pub(crate) client: clickhouse::Client,
    pub(crate) config: WarehouseConfig,
}

impl TestWarehouse {
    /// Creates the database and its tables.
    pub(crate) async fn new() -> Self {
        let (engine, database) = (shared_engine(), database_name());
        let warehouse = engine.warehouse(&database);
        warehouse
            .migrate()
            .await
            .expect("an empty database can be migrated");
        Self {
            warehouse,
            client: engine.client(&database),
            config: engine.config(&database),
        }
    }

    /// Returns the single number in a statement's result.
    pub(crate) async fn number(&self, sql: &str) -> u64 {
        number(&self.client, sql).await
    }
}

/// Returns the single number in a statement's result.
pub(crate) async fn number(client: &clickhouse::Client, sql: &str) -> u64 {
    client
        .query_raw(&format!("SELECT toUInt64(assumeNotNull(({sql})))"))
        .fetch_one::<u64>()
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Returns a name that is unique in this process.
pub(crate) fn database_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns the engine that tests share.
pub(crate) fn shared_engine() -> &'static TestEngine {
    static SHARED: OnceLock<(TestEngine, TempDir)> = OnceLock::new();
    let (engine, _) = SHARED.get_or_init(|| {
        let data = data_folder();
        (TestEngine::start(data.path()), data)
    });
    engine
}

/// Returns an empty folder in the build folder. If the test process keeps a folder until it ends,
/// nothing removes it then; the next run removes the folders of processes that are gone.
pub(crate) fn data_folder() -> TempDir {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(parent).expect("the build's folder can be written");
    for entry in std::fs::read_dir(parent)
        .expect("the folder can be read")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix("engine-")
            .and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another test process may remove it at the same time.
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
    tempfile::Builder::new()
        .prefix(&format!("engine-{}-", std::process::id()))
        .tempdir_in(parent)
        .expect("a folder can be made")
}

/// Returns the path of the engine's program, building it if necessary.
fn binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let status = Command::new(env!("CARGO"))
                .args([
                    "build",
                    "--quiet",
                    "-p",
                    "etappe-engine",
                    "--bin",
                    "etappe-engine-dev",
                ])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status()
                .expect("cargo runs");
            assert!(status.success(), "the engine cannot be built");
            let tests = std::env::current_exe().expect("a program knows where it is");
            let folder = tests.ancestors().nth(2).expect("tests are in `deps`");
            folder.join("etappe-engine-dev")
        })
        .clone()
}
