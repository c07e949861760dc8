//! Errors of the index.

use std::io;
use std::path::PathBuf;

use etappe_core::ports::{Cost, RetryClass, Retryable};

/// Why the index cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The operation that failed.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The content of a file is not what was written there.
    #[error("{} is damaged: {problem}; the index is built again from the database", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
}

impl IndexError {
    /// Returns a function that adds what was tried on which path.
    pub(crate) fn while_trying(
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

/// Why a question was not answered: by the index or by the store behind it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError<E> {
    /// The store behind the index failed.
    #[error(transparent)]
    Store(E),
    /// The index could not be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A row of a view that the index counted is not one that the question reads.
    #[error("the rows of `{0}` from the index are not what was asked for")]
    Row(&'static str),
    /// The events of a unit take more memory than they may.
    #[error(
        "the events of unit {unit} that match take more than {limit} bytes: ask for fewer of them"
    )]
    UnitTooLarge {
        /// The hash of the unit's id.
        unit: u64,
        /// The limit in bytes.
        limit: usize,
    },
}

impl<E: Retryable> Retryable for StoreError<E> {
    fn retry_class(&self) -> RetryClass {
        match self {
            Self::Store(error) => error.retry_class(),
            Self::Index(_) => RetryClass::Transient,
            Self::Row(_) | Self::UnitTooLarge { .. } => RetryClass::Permanent,
        }
    }

    fn exhausted(&self) -> Option<Cost> {
        match self {
            Self::Store(error) => error.exhausted(),
            Self::Index(_) | Self::Row(_) => None,
            Self::UnitTooLarge { .. } => Some(Cost::Memory),
        }
    }
}
