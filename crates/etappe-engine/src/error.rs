//! Errors of the engine as a whole. A single query's failure is an exception and goes to the client
//! that sent the query.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use etappe_core::ports::{RetryClass, Retryable};

/// Why the engine could not be found, opened, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The library named by the operator does not exist.
    #[error(
        "no engine library at `{path}`: check `--engine-library`, or leave it out to have it fetched"
    )]
    LibraryMissing {
        /// The path that was checked.
        path: PathBuf,
    },
    /// No library is published for this platform.
    #[error(
        "no engine library is published for {platform}: build or obtain libchdb {version} and name it with `--engine-library`"
    )]
    PlatformUnsupported {
        /// Operating system and processor.
        platform: String,
        /// The wanted version.
        version: &'static str,
    },
    /// The download of the library failed.
    #[error("could not fetch the engine library `{package}`: {reason}")]
    FetchFailed {
        /// The package and its version.
        package: String,
        /// What happened, and how to fix it.
        reason: String,
    },
    /// The downloaded package differs from the published one.
    #[error(
        "the fetched engine library is not the published one: its SHA-512 is {actual}, expected {expected}; nothing was installed"
    )]
    HashMismatch {
        /// The pinned hash.
        expected: String,
        /// The hash of the downloaded package.
        actual: String,
    },
    /// The cached file is damaged.
    #[error(
        "the engine library `{path}` has {actual} bytes, expected {expected}: delete it to have it fetched again"
    )]
    LibraryTruncated {
        /// The file.
        path: PathBuf,
        /// Its size when it was installed.
        expected: u64,
        /// Its size now.
        actual: u64,
    },
    /// The cached file differs from the published one.
    #[error(
        "the engine library `{path}` is not the published one: its BLAKE3 hash is {actual}, expected {expected}; delete it to have it fetched again"
    )]
    LibraryDamaged {
        /// The file.
        path: PathBuf,
        /// The pinned hash.
        expected: &'static str,
        /// Its actual hash.
        actual: String,
    },
    /// The library could not be loaded.
    #[error("the engine library `{path}` cannot be used: {reason}")]
    LibraryUnusable {
        /// The file.
        path: PathBuf,
        /// The loader's message.
        reason: String,
    },
    /// The configuration is invalid.
    #[error("invalid engine configuration: {0}")]
    BadConfiguration(String),
    /// The fence is required but cannot be raised.
    #[error(
        "the engine cannot be fenced in ({reason}): this needs Linux 6.7 with Landlock; \
         `engine.fence = \"preferred\"` starts it with whatever fence is available"
    )]
    FenceMissing {
        /// Why it cannot be fenced in.
        reason: String,
    },
    /// Another process has the data folder open.
    #[error(
        "the engine's data folder `{path}` is in use by another process ({holder}); one data folder serves one engine"
    )]
    DataInUse {
        /// The data folder.
        path: PathBuf,
        /// The process that holds the lock, as far as known.
        holder: String,
    },
    /// The engine failed to open its data folder.
    #[error(
        "the engine could not open its data folder `{path}`: {reason}; its own message is on stderr"
    )]
    OpenFailed {
        /// The data folder.
        path: PathBuf,
        /// The reason, as far as known.
        reason: String,
    },
    /// The address is not a loopback address.
    #[error("the engine listens on loopback only, not on {address}")]
    NotLoopback {
        /// The refused address.
        address: SocketAddr,
    },
    /// A file or socket operation failed.
    #[error("could not {action}")]
    Io {
        /// The operation that failed, with the file or address.
        action: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The engine's process did not become ready.
    #[error("the engine did not start: {reason}{}", last_words(stderr))]
    StartFailed {
        /// Why it did not.
        reason: String,
        /// The last lines it wrote to stderr.
        stderr: Vec<String>,
    },
    /// The engine's process did not stop in time and was killed.
    #[error("the engine did not stop within {waited:?} and was killed")]
    StopTimedOut {
        /// How long the parent waited.
        waited: Duration,
    },
    /// The engine's process stopped with an error.
    #[error("the engine stopped with {status}{}", last_words(stderr))]
    Stopped {
        /// Its exit status.
        status: ExitStatus,
        /// The last lines it wrote to stderr.
        stderr: Vec<String>,
    },
}

impl EngineError {
    pub(crate) fn io(action: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            action: action.into(),
            source,
        }
    }
}

impl Retryable for EngineError {
    fn retry_class(&self) -> RetryClass {
        match self {
            Self::FetchFailed { .. }
            | Self::DataInUse { .. }
            | Self::Io { .. }
            | Self::StartFailed { .. }
            | Self::StopTimedOut { .. }
            | Self::Stopped { .. } => RetryClass::Transient,
            Self::LibraryMissing { .. }
            | Self::PlatformUnsupported { .. }
            | Self::HashMismatch { .. }
            | Self::LibraryTruncated { .. }
            | Self::LibraryDamaged { .. }
            | Self::FenceMissing { .. }
            | Self::LibraryUnusable { .. }
            | Self::BadConfiguration(_)
            | Self::OpenFailed { .. }
            | Self::NotLoopback { .. } => RetryClass::Fatal,
        }
    }
}

fn last_words(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("; its last output:\n  {}", lines.join("\n  "))
}
