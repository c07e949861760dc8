//! The engine's configuration.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::error::EngineError;
use crate::fence::FenceMode;

const MIB: u64 = 1024 * 1024;

/// The configuration of [`run_engine`](crate::process::run_engine).
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The folder that holds the engine's data in a subfolder. Its lock, secrets and configuration
    /// are next to that subfolder, out of the engine's reach. Created if missing.
    pub data_dir: PathBuf,
    /// The libchdb to load, see [`library`](crate::library).
    pub library: PathBuf,
    /// The address to listen on; must be a loopback address. Port 0 picks a free port. Default
    /// `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// The bytes the engine may allocate; default 3 GiB. Above that, queries fail with code 241.
    /// The process itself uses some hundred MiB more.
    pub server_memory_bytes: u64,
    /// The bytes one query may allocate; default 2 GiB.
    pub query_memory_bytes: u64,
    /// Threads per query, and half the number of concurrent merges; default 2.
    pub query_threads: u16,
    /// Concurrent queries; default 16. Any more wait. A quarter is reserved for changes, which
    /// neither questions nor readers can take; readers get a third of the rest.
    pub concurrent_queries: usize,
    /// Queries of each kind that may wait for their turn; default 64. Any more are refused with
    /// code 202.
    pub queued_queries: usize,
    /// How long a query may wait for its turn; default 10 s. After that it is refused with code
    /// 202.
    pub queue_timeout: Duration,
    /// The largest decompressed request body; default 512 MiB.
    pub body_limit_bytes: u64,
    /// How long a client may neither send nor receive anything while its query runs; default 60 s.
    pub idle_timeout: Duration,
    /// How long a reader's query may run unless it asks for less; default 60 s.
    pub reader_query_timeout: Duration,
    /// The bytes one reader's query may allocate; default 384 MiB.
    pub reader_memory_bytes: u64,
    /// Whether the process may run without its fence; see [`fence`](crate::fence).
    pub fence: FenceMode,
    /// Whether the engine may connect to other servers, such as ZooKeeper; default false.
    pub network: bool,
    /// How long running queries may continue after the stop request; default 15 s.
    pub drain_timeout: Duration,
    /// How long to wait for a previous process to release the data folder; default 15 s.
    pub lock_timeout: Duration,
}

impl EngineConfig {
    /// Returns the defaults for the given data folder and library.
    pub fn new(data_dir: impl Into<PathBuf>, library: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            library: library.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            server_memory_bytes: 3 * 1024 * MIB,
            query_memory_bytes: 2 * 1024 * MIB,
            query_threads: 2,
            concurrent_queries: 16,
            queued_queries: 64,
            queue_timeout: Duration::from_secs(10),
            body_limit_bytes: 512 * MIB,
            idle_timeout: Duration::from_secs(60),
            reader_query_timeout: Duration::from_secs(60),
            reader_memory_bytes: 384 * MIB,
            fence: FenceMode::default(),
            network: false,
            drain_timeout: Duration::from_secs(15),
            lock_timeout: Duration::from_secs(15),
        }
    }

    /// Checks that the configuration is usable.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotLoopback`], or [`EngineError::BadConfiguration`] with every problem.
    pub fn validate(&self) -> Result<(), EngineError> {
        if !self.listen.ip().is_loopback() {
            return Err(EngineError::NotLoopback {
                address: self.listen,
            });
        }
        let mut problems = Vec::new();
        if self.server_memory_bytes < 512 * MIB {
            problems.push("the engine needs at least 512 MiB of memory".to_owned());
        }
        if self.query_memory_bytes == 0 || self.query_memory_bytes > self.server_memory_bytes {
            problems.push("a query's memory must lie between 1 byte and the engine's".to_owned());
        }
        if self.reader_memory_bytes == 0 || self.reader_memory_bytes > self.server_memory_bytes {
            problems.push(
                "the memory of a reader's query must lie between 1 byte and the engine's"
                    .to_owned(),
            );
        }
        if self.query_threads == 0 {
            problems.push("a query needs at least one thread".to_owned());
        }
        if self.concurrent_queries == 0 {
            problems.push("at least one query must be allowed to run".to_owned());
        }
        if self.body_limit_bytes < MIB {
            problems.push("the limit on a body must be at least 1 MiB".to_owned());
        }
        if self.data_dir.to_str().is_none() {
            problems.push(format!(
                "the data folder's name `{}` is not UTF-8",
                self.data_dir.display()
            ));
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(EngineError::BadConfiguration(problems.join("; ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_stay_below_four_gibibytes() {
        let config = EngineConfig::new("/tmp/data", "/tmp/libchdb.so");
        assert!(config.validate().is_ok());
        assert!(config.server_memory_bytes < 4 * 1024 * MIB);
    }

    #[test]
    fn only_loopback_addresses_are_listened_on() {
        let mut config = EngineConfig::new("/tmp/data", "/tmp/libchdb.so");
        config.listen = "0.0.0.0:8123".parse().unwrap();
        assert!(matches!(
            config.validate(),
            Err(EngineError::NotLoopback { .. })
        ));
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let mut config = EngineConfig::new("/tmp/data", "/tmp/libchdb.so");
        config.concurrent_queries = 0;
        config.query_threads = 0;
        let text = config.validate().unwrap_err().to_string();
        assert!(text.contains("at least one query") && text.contains("at least one thread"));
    }
}
