//! Starts the built program and uses it as an operator and a tracker would.
//!
//! Everything here relies on the public contract only: the command line, the line on stdout, the
//! HTTP interface. The program runs in its own process group, which is signalled as a whole, as a
//! terminal or a kernel would.

mod client;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::wait::PATIENCE;

pub use client::Answer;

/// The timeout for `up` to report that it is ready.
const READY_WITHIN: Duration = PATIENCE;
/// The timeout for a clean stop: the contract's 30 seconds, and a busy machine's delay.
const STOPPED_WITHIN: Duration = Duration::from_secs(90);

/// Why the program did not do what a test expected.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program is not built.
    #[error("{0} not found: build it with `cargo build --release --bin etappe`")]
    NotBuilt(PathBuf),
    /// A file or a process could not be created.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A request failed.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// The program broke its contract.
    #[error("{what}; its log ends with:\n{log}")]
    Broken {
        /// How it broke its contract.
        what: String,
        /// The last lines of its stderr.
        log: String,
    },
}

/// A running `etappe up`. Dropping it kills its process group.
#[derive(Debug)]
pub struct EtappeProcess {
    binary: PathBuf,
    folder: Folder,
    options: Vec<OsString>,
    child: Option<Child>,
    http: reqwest::Client,
    /// The address for events and queries.
    pub listen: String,
    /// The admin address.
    pub admin: String,
    /// The site created at its first start.
    pub site: String,
    /// The key for sending events to that site.
    pub write_key: String,
    /// The token for reading that site's figures.
    pub read_token: String,
    /// The line printed at its latest start.
    pub greeting: Value,
}

/// The folder with the data and the log file.
#[derive(Debug)]
enum Folder {
    Temporary(TempDir),
    Given(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Given(folder) => folder,
        }
    }
}

/// Returns the program under test: `ETAPPE_BIN`, or the workspace's release build.
#[must_use]
pub fn binary_path() -> PathBuf {
    std::env::var_os("ETAPPE_BIN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/etappe"),
        PathBuf::from,
    )
}

/// Prints the end of a process's log if the test is failing: the reason may be only there, and the
/// folder is removed with the test.
#[expect(clippy::print_stderr, reason = "a failing test shows what it printed")]
pub fn show_if_failing(process: &str, last_lines: impl Fn() -> String) {
    if std::thread::panicking() {
        eprintln!("the log of `{process}` ends with:\n{}", last_lines());
    }
}

/// Returns a loopback address that was free a moment ago.
///
/// # Errors
/// When there is none.
pub fn free_address() -> io::Result<String> {
    TcpListener::bind("127.0.0.1:0")?
        .local_addr()
        .map(|address| address.to_string())
}

impl EtappeProcess {
    /// Starts the program on an empty folder and waits until it is ready.
    ///
    /// # Errors
    /// [`ProcessError`] when it is not built or does not become ready.
    pub async fn start() -> Result<Self, ProcessError> {
        let folder = tempfile::Builder::new().prefix("etappe-").tempdir()?;
        Self::start_in(Folder::Temporary(folder), Vec::new()).await
    }

    /// Starts the program on an existing folder, with further options for `up`.
    ///
    /// # Errors
    /// [`ProcessError`] when it is not built or does not become ready.
    pub async fn start_with(folder: &Path, options: Vec<OsString>) -> Result<Self, ProcessError> {
        Self::start_in(Folder::Given(folder.to_owned()), options).await
    }

    async fn start_in(folder: Folder, options: Vec<OsString>) -> Result<Self, ProcessError> {
        let binary = binary_path();
        if !binary.exists() {
            return Err(ProcessError::NotBuilt(binary));
        }
        let mut process = Self {
            binary,
            folder,
            options,
            child: None,
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(120))
                .build()?,
            listen: free_address()?,
            admin: free_address()?,
            site: String::new(),
            write_key: String::new(),
            read_token: String::new(),
            greeting: Value::Null,
        };
        process.restart().await?;
        Ok(process)
    }

    /// Starts the program again on the same folder and addresses; it must have ended before.
    ///
    /// # Errors
    /// [`ProcessError`] when it does not become ready.
    pub async fn restart(&mut self) -> Result<(), ProcessError> {
        std::fs::create_dir_all(self.data())?;
        let mut child = self
            .command("up")
            .arg("--data")
            .arg(self.data())
            .arg("--listen")
            .arg(&self.listen)
            .arg("--admin")
            .arg(&self.admin)
            .arg("--json")
            .args(&self.options)
            .stderr(self.log_file()?)
            .process_group(0)
            .spawn()?;
        let stdout = child.stdout.take().expect("stdout is a pipe");
        self.child = Some(child);
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(READY_WITHIN, lines.next_line()).await;
        let Ok(Ok(Some(line))) = line else {
            return Err(self.broken(format!("it printed {line:?} instead of a ready line")));
        };
        self.greeting = serde_json::from_str(&line)
            .map_err(|error| self.broken(format!("it printed `{line}`: {error}")))?;
        self.take_keys();
        Ok(())
    }

    fn take_keys(&mut self) {
        for (name, field) in [
            ("site", &mut self.site),
            ("write_key", &mut self.write_key),
            ("read_token", &mut self.read_token),
        ] {
            if let Some(text) = self.greeting[name].as_str() {
                text.clone_into(field);
            }
        }
    }

    /// Runs another command on the same folder and returns the last line it printed, as JSON.
    ///
    /// # Errors
    /// [`ProcessError::Broken`] when it fails or prints no JSON.
    pub async fn run(&self, command: &str, arguments: &[&str]) -> Result<Value, ProcessError> {
        let output = self
            .command(command)
            .args(arguments)
            .arg("--data")
            .arg(self.data())
            .arg("--json")
            .stderr(Stdio::piped())
            .output()
            .await?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let last = printed.lines().last().unwrap_or_default();
        match serde_json::from_str(last) {
            Ok(value) if output.status.success() => Ok(value),
            _ => Err(ProcessError::Broken {
                what: format!("`etappe {command}` ended with {}", output.status),
                log: String::from_utf8_lossy(&output.stderr).into_owned(),
            }),
        }
    }

    /// Creates a site, or another pair of keys for it; returns its write key and read token.
    ///
    /// # Errors
    /// [`ProcessError::Broken`] when the command fails.
    pub async fn create_keys(&self, site: &str) -> Result<(String, String), ProcessError> {
        let made = self.run("keys", &["create", "--site", site]).await?;
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        Ok((text("write_key"), text("read_token")))
    }

    /// Returns its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Returns the id of the started process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Kills the whole process group at once, as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// When waiting for it fails.
    pub async fn kill(&mut self) -> Result<(), ProcessError> {
        self.signal(Signal::KILL);
        if let Some(mut child) = self.child.take() {
            child.wait().await?;
        }
        Ok(())
    }

    /// Asks the whole process group to stop and waits for its end.
    ///
    /// # Errors
    /// [`ProcessError::Broken`] when it takes too long or fails.
    pub async fn stop(&mut self) -> Result<(), ProcessError> {
        self.signal(Signal::TERM);
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        match tokio::time::timeout(STOPPED_WITHIN, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(status) => Err(self.broken(format!("it stopped with {status:?}"))),
            Err(_) => {
                self.child = Some(child);
                self.kill().await?;
                Err(self.broken("it did not stop in time".to_owned()))
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let id = self.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            // A group that has already ended needs no signal.
            kill_process_group(group, signal).unwrap_or_default();
        }
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg(name)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("etappe.log")
    }

    fn log_file(&self) -> io::Result<File> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
    }

    /// Returns the last lines of its stderr.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.last_lines(20)
    }

    fn last_lines(&self, count: usize) -> String {
        let log = std::fs::read(self.log_path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        let start = lines.len().saturating_sub(count);
        lines.get(start..).unwrap_or_default().join("\n")
    }

    fn broken(&self, what: String) -> ProcessError {
        ProcessError::Broken {
            what,
            log: self.log_tail(),
        }
    }
}

impl Drop for EtappeProcess {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        show_if_failing("etappe up", || self.last_lines(60));
    }
}
