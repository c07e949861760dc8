//! The data folder of one installation: its layout, its lock and its access rights.
//!
//! ```text
//! DIR/lock        held by the running `etappe up`
//! DIR/run.json    how to reach it; readable by its owner only; gone after a clean stop
//! DIR/sites.json  sites, settings, hashes of keys
//! DIR/log/        the event log        DIR/engine/        ClickHouse's files
//! DIR/imports/    how far imports came DIR/dead-letters/  records that could not be stored
//! DIR/engine-synced.json  with Kafka: how much of the topic the engine holds for certain
//! ```
//!
//! Only the owner may read anything in it.

pub(crate) mod parts;
pub(crate) mod rights;

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use etappe_runtime::durable_file;
use serde::{Deserialize, Serialize};

/// How long a start waits for the lock of a process that is shutting down.
const LOCK_PATIENCE: Duration = Duration::from_secs(20);

/// The paths inside a data folder.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    root: PathBuf,
}

/// Exclusive use of a data folder, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct DataLock {
    _file: File,
}

/// How to reach the running `etappe up`; written once it is ready.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RunInfo {
    /// Its process id.
    pub(crate) pid: u32,
    /// The public address.
    pub(crate) listen: String,
    /// The admin address.
    pub(crate) admin: String,
    /// Gives access to the control endpoints on the admin address; new at each start.
    pub(crate) control_token: String,
}

impl fmt::Debug for RunInfo {
    /// Hides the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunInfo")
            .field("pid", &self.pid)
            .field("listen", &self.listen)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

impl DataDir {
    /// Opens the folder, creating it if it is missing, and checks that it is writable.
    pub(crate) fn open(root: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(root)
            .with_context(|| format!("cannot create the data folder {}", root.display()))?;
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot enter the data folder {}", root.display()))?;
        rights::close_to_others(&root);
        tempfile::tempfile_in(&root).with_context(|| {
            format!(
                "the data folder {} cannot be written to: is it read-only or full?",
                root.display()
            )
        })?;
        Ok(Self { root })
    }

    /// Opens an existing folder; creates nothing.
    pub(crate) fn existing(root: &Path) -> anyhow::Result<Self> {
        if !root.is_dir() {
            bail!(
                "data folder {} not found; `etappe up --data` creates one",
                root.display()
            );
        }
        Ok(Self {
            root: root.canonicalize()?,
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Takes the lock, waiting a while for a process that is shutting down.
    ///
    /// # Errors
    /// Names the lock's holder if it is still held after that.
    pub(crate) async fn lock(&self) -> anyhow::Result<DataLock> {
        let path = self.path("lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let deadline = tokio::time::Instant::now() + LOCK_PATIENCE;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tokio::time::Instant::now() < deadline => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(
                            data = %self.root.display(),
                            "another process uses the data folder; waiting for it to end"
                        );
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    file.read_to_string(&mut holder).unwrap_or_default();
                    bail!(
                        "the data folder {} is in use by process {}: stop that one first, or choose \
                         another folder with --data",
                        self.root.display(),
                        holder.trim()
                    );
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(DataLock { _file: file })
    }

    /// Writes how other commands can reach this process.
    pub(crate) fn write_run_info(&self, info: &RunInfo) -> anyhow::Result<()> {
        write_private(&self.path("run.json"), &serde_json::to_vec(info)?)
    }

    /// Removes that file.
    pub(crate) fn remove_run_info(&self) {
        if let Err(error) = std::fs::remove_file(self.path("run.json")) {
            tracing::debug!(%error, "run.json cannot be removed");
        }
    }

    /// Returns how to reach the running `etappe up`; `None` after a clean stop.
    pub(crate) fn read_run_info(&self) -> anyhow::Result<Option<RunInfo>> {
        match std::fs::read(self.path("run.json")) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).context(
                "run.json is damaged: restart `etappe up`, which replaces it",
            )?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("cannot read run.json"),
        }
    }
}

/// Replaces a file's content atomically and durably; only the owner may read it.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    durable_file::replace_private(path, content)
        .with_context(|| format!("cannot write {}", path.display()))
}
