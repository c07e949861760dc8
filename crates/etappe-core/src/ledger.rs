//! The stored events in log order, in the few columns that journeys are folded from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{Offset, PartitionId};
use crate::query::Dimension;
use crate::time::Timestamp;

/// The dimensions that a ledger's row has a value of: all but properties.
pub const LEDGER_DIMENSIONS: [Dimension; 6] = [
    Dimension::Channel,
    Dimension::Campaign,
    Dimension::Persona,
    Dimension::Touchpoint,
    Dimension::Device,
    Dimension::Country,
];

/// A position in every partition of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LedgerPositions {
    /// The log's name.
    pub topic: String,
    /// The first offset of each partition that is not included. A partition that is not listed is
    /// not included at all.
    pub next: BTreeMap<PartitionId, Offset>,
}

impl LedgerPositions {
    /// Returns the first offset of a partition that is not included.
    #[must_use]
    pub fn next_of(&self, partition: PartitionId) -> Offset {
        self.next.get(&partition).copied().unwrap_or(Offset(0))
    }
}

/// A part of a log: of every partition the offsets from `from` up to, without, `until`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerTail {
    /// The log's name.
    pub topic: String,
    /// The partition, the first offset, and the first one that no longer belongs to the part.
    pub ranges: Vec<(PartitionId, Offset, Offset)>,
    /// At most so many events are passed.
    pub limit: usize,
}

/// An event in the columns that journeys are folded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerRow<'a> {
    /// The site's name.
    pub site: &'a str,
    /// The hash of the actor's id; 0 if the event names nobody.
    pub actor: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The event's name.
    pub event: &'a str,
    /// The milestone that it means; empty if it means none.
    pub milestone: &'a str,
    /// The outcome of its classification, by which its stages are found.
    pub outcome: u64,
    /// Whether a bot sent it.
    pub is_bot: bool,
    /// Its values in [`LEDGER_DIMENSIONS`], as stored; empty where it has none.
    pub values: [&'a str; LEDGER_DIMENSIONS.len()],
    /// The partition of the log that it came by.
    pub partition: PartitionId,
    /// Its place in the partition.
    pub offset: Offset,
}

/// The main stage of an outcome in a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeStage {
    /// The outcome.
    pub outcome: u64,
    /// The model's id.
    pub model: String,
    /// The stage's id.
    pub stage: String,
    /// Its place in the model, from 1.
    pub ordinal: u8,
}
