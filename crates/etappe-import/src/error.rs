//! Why an import cannot continue.

use std::io;
use std::path::PathBuf;

use etappe_core::id::SiteId;
use reqwest::StatusCode;

/// An error that ends an import. Progress so far is stored; running the import again resumes it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file or folder cannot be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// The attempted action.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The compressed content of an import file is damaged.
    #[error("{} is damaged", path.display())]
    DamagedFile {
        /// The file.
        path: PathBuf,
        /// The decoder's error.
        #[source]
        source: io::Error,
    },
    /// A file in which an import stored its progress is damaged.
    #[error(
        "{} is damaged: put it back from a backup, or remove it to import the file from its \
         beginning (its events count again unless they were stored within the last day)",
        path.display()
    )]
    DamagedRecord {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        source: serde_json::Error,
    },
    /// No request can be made, for example because the address is invalid.
    #[error("cannot send")]
    Request(#[source] reqwest::Error),
    /// The answer to a request ended early.
    #[error("the answer ended early")]
    Answer(#[source] reqwest::Error),
    /// The address never answered.
    #[error(
        "{url} cannot be reached: {reason}. Is the address right, and is Etappe running there?"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// The collector does not know the write key.
    #[error("the collector there does not know the write key")]
    UnknownKey,
    /// The write key belongs to another site.
    #[error("the write key belongs to another site than `{site}`; nothing was sent")]
    OtherSite {
        /// The site of the import.
        site: SiteId,
    },
    /// The collector refused a batch as a whole.
    #[error("the batch was refused: {status} {beginning}")]
    Refused {
        /// The status of the answer.
        status: StatusCode,
        /// The beginning of the answer.
        beginning: String,
    },
    /// The thread that reads the file panicked.
    #[error("the thread that reads the file failed")]
    Reader(#[source] tokio::task::JoinError),
}

impl ImportError {
    /// Wraps an operating system's error about a file or folder.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
