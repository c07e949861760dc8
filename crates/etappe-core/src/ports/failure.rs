//! How to react to the errors of adapters.

use std::error::Error;

use crate::id::Offset;

/// How to react to an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryClass {
    /// Back off and retry the same operation, for as long as it takes.
    Transient,
    /// The content was refused: a retry of the same operation cannot help.
    Permanent,
    /// The process cannot continue and must stop.
    Fatal,
}

/// An error that states how to react to it.
pub trait Retryable: Error + Send + Sync + 'static {
    /// Returns how to react.
    fn retry_class(&self) -> RetryClass;

    /// Returns the record at fault, if the error names one. This is a hint: only trying the record
    /// alone can confirm it.
    fn record_to_blame(&self) -> Option<Offset> {
        None
    }

    /// Returns the resource that a query exhausted, if it was cancelled for its cost. Only a
    /// narrower query can succeed.
    fn exhausted(&self) -> Option<Cost> {
        None
    }
}

/// A resource that a query can exhaust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cost {
    /// Rows read.
    Rows,
    /// Bytes read.
    Bytes,
    /// Memory.
    Memory,
    /// Time.
    Time,
}
