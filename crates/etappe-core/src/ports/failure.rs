//! What the errors of adapters say about what to do.

use std::error::Error;

use crate::id::Offset;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryClass {
    /// Back off and try the same again, as long as it takes.
    Transient,
    /// The content was refused: trying the same again cannot help.
    Permanent,
    /// The process cannot go on and must stop.
    Fatal,
}

/// An error that says what to do about it.
pub trait Classified: Error + Send + Sync + 'static {
    /// Returns what to do.
    fn retry_class(&self) -> RetryClass;

    /// Returns the record that is to blame, if the error names one. A hint: whether it is so shows
    /// when it is tried alone.
    fn record_to_blame(&self) -> Option<Offset> {
        None
    }

    /// Returns what a question used up, if it was given up for what it costs: only a narrower one
    /// can be answered.
    fn exhausted(&self) -> Option<Cost> {
        None
    }
}

/// What one question may use so much of.
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
