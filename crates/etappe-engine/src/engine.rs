//! The opened engine: one data folder, locked for as long as this process serves it.
//!
//! Each request gets its own session, so that no setting, database or temporary table of one
//! request reaches another; opening a session takes a tenth of a millisecond. One extra session
//! stays open all the time, because the engine shuts down when the last one closes.

use std::collections::HashSet;
use std::ffi::CString;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::config::EngineConfig;
use crate::error::EngineError;
use crate::exception::Exception;
use crate::ffi::{Connection, Library};
use crate::incomplete_part::IncompleteParts;
use crate::zones::ReaderZones;

/// The release of chdb this crate is written for and tested with.
pub const CHDB_VERSION: &str = "26.7.3";

/// Returns the folder of ClickHouse's own files in a data folder.
pub(crate) fn clickhouse_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("clickhouse")
}

/// Returns the folder in which `BACKUP … TO File('name')` writes a backup and `RESTORE` looks for
/// it; `name` is a folder in this one.
#[must_use]
pub fn backups_dir(data_dir: &Path) -> PathBuf {
    clickhouse_dir(data_dir).join("backups")
}

const LOCK_FILE: &str = "engine.lock";
const LOCK_POLL: Duration = Duration::from_millis(50);

/// The opened engine.
pub(crate) struct Engine {
    library: Arc<Library>,
    arguments: Vec<CString>,
    version: String,
    timezone: String,
    /// Keeps the engine open; never used otherwise.
    keeper: Mutex<Connection>,
    /// Names known to be parameterized views and nothing else. Bounded, because only existing views
    /// are added.
    views: Mutex<HashSet<String>>,
    /// Time zones used by readers.
    pub(crate) zones: ReaderZones,
    /// Parts that the engine holds although their files are incomplete.
    pub(crate) incomplete: IncompleteParts,
    lock: DataLock,
}

impl Engine {
    /// Loads the library and opens the data folder. Blocks; reads the metadata of every table.
    pub(crate) fn open(
        config: &EngineConfig,
        server_config: &Path,
        lock: DataLock,
    ) -> Result<Self, EngineError> {
        let library = Arc::new(Library::load(&config.library)?);
        let chdb = library.version();
        if chdb != CHDB_VERSION {
            tracing::warn!(
                library = %library.path().display(),
                version = %chdb,
                expected = CHDB_VERSION,
                "this version of the engine library has not been tested"
            );
        }
        let open_failed = |reason: String| EngineError::OpenFailed {
            path: config.data_dir.clone(),
            reason,
        };
        let arguments = [
            "etappe-engine".to_owned(),
            format!("--path={}", clickhouse_dir(&config.data_dir).display()),
            format!("--config-file={}", server_config.display()),
        ];
        let arguments: Vec<CString> = arguments
            .into_iter()
            .map(CString::new)
            .collect::<Result<_, _>>()
            .map_err(|error| open_failed(error.to_string()))?;
        let mut keeper = Connection::open(&library, &arguments)
            .ok_or_else(|| open_failed("it refused the folder".to_owned()))?;
        let mut ask = |statement: &str| {
            let answer = keeper.run(statement.as_bytes(), "TSVRaw", &[]);
            let answer = answer
                .map_err(|report| open_failed(Exception::from_engine(&report).to_string()))?;
            Ok(String::from_utf8_lossy(answer.as_ref()).trim().to_owned())
        };
        let version = ask("SELECT version()")?;
        let timezone = ask("SELECT timezone()")?;
        Ok(Self {
            library,
            arguments,
            version,
            timezone,
            keeper: Mutex::new(keeper),
            views: Mutex::default(),
            zones: ReaderZones::default(),
            incomplete: IncompleteParts::new(clickhouse_dir(&config.data_dir)),
            lock,
        })
    }

    /// Returns the version of the embedded ClickHouse, such as `26.7.2.1`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Returns the time zone of times without an explicit one.
    pub(crate) fn timezone(&self) -> &str {
        &self.timezone
    }

    /// Opens a session with the profile's settings.
    pub(crate) fn session(&self) -> Result<Connection, Exception> {
        Connection::open(&self.library, &self.arguments).ok_or_else(|| {
            Exception::new(
                crate::exception::code::CANNOT_SCHEDULE_TASK,
                "the engine could not open a session",
            )
        })
    }

    /// Returns the first of these names that does not belong to a view alone: either no such view
    /// exists, or a function has the same name. Names consist of letters, digits and underscores.
    pub(crate) fn first_that_is_no_view(
        &self,
        names: &[String],
    ) -> Result<Option<String>, Exception> {
        let known = || self.views.lock();
        let unknown: Vec<&String> = {
            let known = known();
            names.iter().filter(|name| !known.contains(*name)).collect()
        };
        if unknown.is_empty() {
            return Ok(None);
        }
        let list: Vec<String> = unknown.iter().map(|name| format!("'{name}'")).collect();
        let list = list.join(", ");
        let statement = format!(
            "SELECT DISTINCT name FROM system.tables WHERE engine = 'View' AND name IN ({list}) \
             AND lower(name) NOT IN (SELECT lower(name) FROM system.functions \
             UNION ALL SELECT lower(name) FROM system.table_functions)"
        );
        let answer = self
            .session()?
            .run(statement.as_bytes(), "TSVRaw", &[])
            .map_err(|report| Exception::from_engine(&report))?;
        let found = String::from_utf8_lossy(answer.as_ref());
        let mut known = known();
        known.extend(found.lines().map(str::to_owned));
        Ok(unknown
            .into_iter()
            .find(|name| !known.contains(*name))
            .cloned())
    }

    /// Closes the data folder and stops the engine's threads. Every session must be closed before.
    /// Blocks.
    pub(crate) fn close(self) {
        let Self {
            library,
            keeper,
            lock,
            ..
        } = self;
        drop(keeper);
        // The folder closes with the last session. After failed queries some threads cannot be
        // stopped here; they end with the process.
        if !library.shut_down() {
            tracing::debug!("the engine left threads running");
        }
        drop(lock);
    }
}

/// The lock on a data folder: a file lock, so that the system releases it however the process ends.
pub(crate) struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock; waits up to `timeout` for a previous process to end.
    #[expect(
        clippy::disallowed_methods,
        reason = "there is no runtime yet: the process has one thread until its fence stands"
    )]
    pub(crate) fn acquire(data_dir: &Path, timeout: Duration) -> Result<Self, EngineError> {
        let path = data_dir.join(LOCK_FILE);
        let failed = |source| EngineError::io(format!("lock `{}`", path.display()), source);
        fs::create_dir_all(data_dir).map_err(failed)?;
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let deadline = Instant::now() + timeout;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(LOCK_POLL);
                }
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    file.read_to_string(&mut holder).map_err(failed)?;
                    return Err(EngineError::DataInUse {
                        path: data_dir.to_owned(),
                        holder: holder.trim().to_owned(),
                    });
                }
            }
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "process {}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_can_be_locked_only_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataLock::acquire(dir.path(), Duration::ZERO).unwrap();
        let second = DataLock::acquire(dir.path(), Duration::ZERO);
        let Err(error) = second else {
            panic!("two locks on one folder")
        };
        assert!(
            error
                .to_string()
                .contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        drop(first);
        assert!(DataLock::acquire(dir.path(), Duration::ZERO).is_ok());
    }
}
