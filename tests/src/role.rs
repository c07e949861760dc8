//! One role of Etappe as a separate process: started, killed, frozen, restarted.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use etappe_testkit::process::{binary_path, show_if_failing};
use etappe_testkit::wait::PATIENCE;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::rig::shim::Shim;
use crate::small_disk::SmallDisk;

/// The timeout for a role to become ready.
const READY_WITHIN: Duration = PATIENCE;
/// The timeout for a clean stop: the contract's 30 seconds, and a busy machine's delay.
const STOPPED_WITHIN: Duration = Duration::from_secs(90);

/// The environment of a process; a plain one by default.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// The shim in front of its C library.
    pub shim: Option<Shim>,
    /// The disk with its files.
    pub disk: Option<Arc<SmallDisk>>,
    /// Whether signals go to its whole process group.
    pub is_group: bool,
}

/// A running role. Dropping it kills it.
#[derive(Debug)]
pub struct RoleProcess {
    name: String,
    arguments: Vec<OsString>,
    log: PathBuf,
    surroundings: Surroundings,
    child: Option<Child>,
    /// The line printed at its latest start.
    pub greeting: Value,
}

impl RoleProcess {
    /// Starts `etappe ROLE ARGUMENTS…` and waits until it reports that it is ready; its stderr goes
    /// to `NAME.log` in `folder`.
    ///
    /// # Errors
    /// When the program is not built or does not become ready.
    pub async fn start(
        folder: &Path,
        name: &str,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> anyhow::Result<Self> {
        let mut role = Self::unready(folder, name, arguments)?;
        role.restart().await?;
        Ok(role)
    }

    /// Starts it without waiting, for roles that themselves wait for something.
    ///
    /// # Errors
    /// When the program is not built or cannot be started.
    pub fn start_unready(
        folder: &Path,
        name: &str,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> anyhow::Result<Self> {
        let mut role = Self::unready(folder, name, arguments)?;
        role.spawn()?;
        Ok(role)
    }

    /// Starts it in a given environment.
    ///
    /// # Errors
    /// When the program is not built or does not become ready.
    pub async fn start_in(
        surroundings: Surroundings,
        folder: &Path,
        name: &str,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> anyhow::Result<Self> {
        let mut role = Self::unready(folder, name, arguments)?;
        role.surroundings = surroundings;
        role.restart().await?;
        Ok(role)
    }

    /// Returns its shim, if it has one.
    #[must_use]
    pub fn shim(&self) -> Option<&Shim> {
        self.surroundings.shim.as_ref()
    }

    fn unready(
        folder: &Path,
        name: &str,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> anyhow::Result<Self> {
        let binary = binary_path();
        ensure!(
            binary.exists(),
            "{} not found: build it with `cargo build --release --bin etappe`",
            binary.display()
        );
        Ok(Self {
            name: name.to_owned(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            log: folder.join(format!("{name}.log")),
            surroundings: Surroundings::default(),
            child: None,
            greeting: Value::Null,
        })
    }

    /// Starts it again with the same arguments; it must have ended before.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        let stdout = self.spawn()?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(READY_WITHIN, lines.next_line()).await;
        let Ok(Ok(Some(line))) = line else {
            bail!(
                "{} printed no ready line; its log ends with:\n{}",
                self.name,
                self.log_tail()
            );
        };
        self.greeting = serde_json::from_str(&line)
            .with_context(|| format!("{} printed `{line}`", self.name))?;
        Ok(())
    }

    fn spawn(&mut self) -> anyhow::Result<ChildStdout> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let mut command = match &self.surroundings.disk {
            Some(disk) => disk.command(binary_path()),
            None => Command::new(binary_path()),
        };
        if let Some(shim) = &self.surroundings.shim {
            shim.load_into(&mut command);
        }
        if self.surroundings.is_group {
            command.process_group(0);
        }
        let mut child = command
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("stdout is a pipe")?;
        self.child = Some(child);
        Ok(stdout)
    }

    /// Returns a text field of its greeting, such as `listen` or `admin`.
    #[must_use]
    pub fn said(&self, name: &str) -> String {
        self.greeting[name].as_str().unwrap_or_default().to_owned()
    }

    /// Returns the id of its process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Kills it at once and waits until it is gone.
    ///
    /// # Errors
    /// When waiting for it fails.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::KILL);
        if let Some(mut child) = self.child.take() {
            child.wait().await?;
        }
        Ok(())
    }

    /// Asks it to stop and waits for its end.
    ///
    /// # Errors
    /// When it takes too long or fails.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM);
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        match tokio::time::timeout(STOPPED_WITHIN, child.wait()).await {
            Ok(status) => {
                let status = status?;
                ensure!(
                    status.success(),
                    "{} stopped with {status}; its log ends with:\n{}",
                    self.name,
                    self.log_tail()
                );
                Ok(())
            }
            Err(_) => {
                child.kill().await?;
                bail!(
                    "{} did not stop in time; its log ends with:\n{}",
                    self.name,
                    self.log_tail()
                )
            }
        }
    }

    /// Waits until it ends by itself and returns its exit code.
    ///
    /// # Errors
    /// When it does not end within `patience`.
    pub async fn ended(&mut self, patience: Duration) -> anyhow::Result<Option<i32>> {
        let child = self.child.as_mut().context("it runs")?;
        let status = tokio::time::timeout(patience, child.wait()).await;
        let status = status.with_context(|| format!("{} did not end", self.name))??;
        self.child = None;
        Ok(status.code())
    }

    /// Freezes it.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Resumes it.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().and_then(Child::id);
        let id = id.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(id) = id {
            let send = if self.surroundings.is_group {
                kill_process_group
            } else {
                kill_process
            };
            // A process that has already ended needs no signal.
            send(id, signal).unwrap_or_default();
        }
    }

    /// Returns the sum of all series of a metric; 0 while there is none.
    ///
    /// # Errors
    /// When its admin address does not answer.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let url = format!("http://{}/metrics", self.said("admin"));
        let answer = reqwest::get(&url).await?.error_for_status()?;
        let value = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            let (of, _) = series.split_once('{').unwrap_or((series, ""));
            (of == name).then(|| value.parse::<f64>().ok()).flatten()
        };
        Ok(answer.text().await?.lines().filter_map(value).sum())
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its whole stderr.
    #[must_use]
    pub fn log(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Returns the last lines of its stderr.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.last_lines(20)
    }

    fn last_lines(&self, count: usize) -> String {
        let text = self.log();
        let lines: Vec<&str> = text.lines().collect();
        let start = lines.len().saturating_sub(count);
        lines.get(start..).unwrap_or_default().join("\n")
    }
}

impl Drop for RoleProcess {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        show_if_failing(&self.name, || self.last_lines(40));
    }
}
