//! The log's folder: its lock, its description, and the mark of how it was left.
//!
//! Files here are replaced atomically: written beside the old one, synced, renamed. After every
//! change of its entries the folder is synced too, because a new file whose entry is not on disk
//! does not survive a crash.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etappe_core::time::Timestamp;
use etappe_runtime::durable_file::{self, sync_parent};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use crate::error::LogError;

/// How often the lock is tried, and the pause between attempts, before the log counts as in use.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// The version of the folder's layout.
const FORMAT: u32 = 1;
/// The file that describes the log.
pub(crate) const DESCRIPTION: &str = "log.json";
const MARK: &str = "boot.json";

/// The log's fixed properties, written when it is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    format: u32,
    /// The number of partitions.
    pub(crate) partitions: u32,
    /// When the log was created. It distinguishes this log from an earlier one in the same folder,
    /// so that their offsets cannot be confused.
    pub(crate) created_at: Timestamp,
}

impl Description {
    /// Returns the log's name, which no other log has had.
    pub(crate) fn topic(&self) -> String {
        format!("local-{:x}", self.created_at.as_millis())
    }
}

/// How the log was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    boot_id: String,
    clean: bool,
}

/// The folder of an open log. It stays locked while this exists.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    boot_id: String,
    _lock: File,
}

impl Folder {
    /// Opens the folder at `path`, creating it if missing, and locks it.
    pub(crate) fn open(path: &Path, boot_id: &str) -> Result<Self, LogError> {
        ensure_writable(path)?;
        let lock_path = path.join("lock");
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(LogError::unusable("open", &lock_path))?;
        for _ in 0..LOCK_ATTEMPTS {
            match lock.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        path: path.to_owned(),
                        boot_id: boot_id.to_owned(),
                        _lock: lock,
                    });
                }
                // The locks of a process that was just killed are released one after another.
                Err(TryLockError::WouldBlock) => std::thread::park_timeout(LOCK_PAUSE),
                Err(TryLockError::Error(source)) => {
                    return Err(LogError::unusable("lock", lock_path)(source));
                }
            }
        }
        Err(LogError::InUse {
            directory: path.to_owned(),
        })
    }

    /// Returns the description of the log, or `None` if the folder holds none yet.
    pub(crate) fn description(&self) -> Result<Option<Description>, LogError> {
        let path = self.path.join(DESCRIPTION);
        let found: Option<Description> = read_json(&path)?;
        match found {
            Some(description) if description.format != FORMAT => Err(LogError::NewerFormat {
                path,
                version: description.format,
                supported: FORMAT,
            }),
            other => Ok(other),
        }
    }

    /// Writes the description of a new log.
    pub(crate) fn describe(
        &self,
        partitions: u32,
        created_at: Timestamp,
    ) -> Result<Description, LogError> {
        let description = Description {
            format: FORMAT,
            partitions,
            created_at,
        };
        self.write_json(DESCRIPTION, &description)?;
        Ok(description)
    }

    /// Returns whether the machine went down since the log was last in use, without the log having
    /// been closed before.
    pub(crate) fn had_unclean_boot(&self) -> Result<bool, LogError> {
        let mark = self.read_mark()?;
        Ok(mark.is_none_or(|mark| !mark.clean && mark.boot_id != self.boot_id))
    }

    /// Marks the log as in use.
    pub(crate) fn mark_in_use(&self) -> Result<(), LogError> {
        self.write_mark(false)
    }

    /// Syncs the log's file system, then marks the log as cleanly closed.
    pub(crate) fn mark_closed(&self, disk: &dyn Disk) -> Result<(), LogError> {
        disk.sync_file_system(&self.path)
            .map_err(LogError::unusable("sync", &self.path))?;
        self.write_mark(true)
    }

    /// Reads the mark of how the log was left. An unreadable mark counts as none: the log counts as
    /// left unclean, and what may be lost is stored again.
    fn read_mark(&self) -> Result<Option<Mark>, LogError> {
        let path = self.path.join(MARK);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::unusable("read", path)(error)),
        };
        let mark = serde_json::from_slice(&text);
        Ok(mark
            .inspect_err(|error| {
                tracing::warn!(file = %path.display(), %error, "the file is damaged and made anew");
            })
            .ok())
    }

    fn write_mark(&self, clean: bool) -> Result<(), LogError> {
        let mark = Mark {
            boot_id: self.boot_id.clone(),
            clean,
        };
        // Skip the write if nothing changes: a log must open on a full disk after its process was
        // killed.
        if self.read_mark()?.as_ref() == Some(&mark) {
            return Ok(());
        }
        self.write_json(MARK, &mark)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), LogError> {
        let path = self.path.join(name);
        let write = || {
            let mut text = serde_json::to_vec(value)?;
            text.push(b'\n');
            durable_file::replace(&path, &text)
        };
        write().map_err(LogError::unusable("write", &path))
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LogError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogError::unusable("read", path)(error)),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| LogError::unusable("understand", path)(error.into()))
}

/// Creates the folder `path` if missing, and tests whether files can be created in it.
pub(crate) fn ensure_writable(path: &Path) -> Result<(), LogError> {
    let missing: Vec<_> = path
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
        .collect();
    std::fs::create_dir_all(path).map_err(LogError::unusable("make", path))?;
    for folder in missing {
        sync_parent(folder).map_err(LogError::unusable("sync the parent of", folder))?;
    }
    let probe = path.join("probe.new");
    File::create(&probe)
        .and_then(|_| std::fs::remove_file(&probe))
        .map_err(LogError::unusable("write in", path))
}
