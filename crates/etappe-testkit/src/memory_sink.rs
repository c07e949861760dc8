//! An in-memory row sink that knows tokens, refuses poison and checks the rules of a batch.
//!
//! Given the log, it checks that a range was recorded there before its rows arrive, and that no
//! offset is ever stored under two tokens. A violation of either would count an event twice after a
//! crash. It can hold back inserts, as a network does: they arrive when the test says so, even if
//! their sender is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::{RetryClass, RowBatch, RowSink};
use etappe_core::rules::OutcomeId;
use etappe_wire::row::Table;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::faults::{Faults, Operation, PlannedError};
use crate::memory_log::MemoryLog;
use crate::rows::{StoredRow, read_rows};

#[derive(Debug, Default)]
struct State {
    batches: BTreeMap<String, RowBatch>,
    ranges: BTreeMap<(PartitionId, Offset), OffsetRange>,
    outcomes: BTreeSet<OutcomeId>,
    poison: BTreeSet<(PartitionId, Offset)>,
    away: BTreeSet<PartitionId>,
    attempts: Vec<(PartitionId, OffsetRange)>,
    repeats: usize,
    changes: usize,
    holds_back: bool,
    held: Vec<Held>,
}

/// An insert in flight.
#[derive(Debug)]
struct Held {
    batch: RowBatch,
    answer: oneshot::Sender<Result<(), PlannedError>>,
}

/// An in-memory sink; clones share its content.
#[derive(Debug, Clone, Default)]
pub struct MemorySink {
    state: Arc<Mutex<State>>,
    log: Option<MemoryLog>,
    faults: Faults,
}

impl MemorySink {
    /// Makes an empty sink that fails as planned and checks every batch against `log`.
    #[must_use]
    pub fn checking(log: &MemoryLog, faults: Faults) -> Self {
        Self {
            state: Arc::default(),
            log: Some(log.clone()),
            faults,
        }
    }

    /// Returns the same sink with its own failure plan.
    #[must_use]
    pub fn failing(&self, faults: Faults) -> Self {
        Self {
            faults,
            ..self.clone()
        }
    }

    /// Holds back all inserts from now on, until the test lands or loses them.
    pub fn hold_back(&self) {
        self.state.lock().holds_back = true;
    }

    /// Returns the number of held inserts.
    #[must_use]
    pub fn held(&self) -> usize {
        self.state.lock().held.len()
    }

    /// Lets a held insert arrive, 0 being the oldest. Its sender may be gone.
    pub fn land(&self, place: usize) {
        let mut state = self.state.lock();
        let Held { batch, answer } = state.held.remove(place);
        let outcome = state.take_in(&batch);
        // The sender may no longer be waiting.
        answer.send(outcome).ok();
    }

    /// Loses a held insert; its sender gets a connection error.
    pub fn lose(&self, place: usize) {
        drop(self.state.lock().held.remove(place));
    }

    /// Refuses every batch with this offset for its content.
    pub fn refuse(&self, partition: PartitionId, offset: Offset) {
        self.state.lock().poison.insert((partition, offset));
    }

    /// Makes this partition's batches fail with a transient error, until [`Self::let_in`].
    pub fn keep_out(&self, partition: PartitionId) {
        self.state.lock().away.insert(partition);
    }

    /// Accepts this partition's batches again.
    pub fn let_in(&self, partition: PartitionId) {
        self.state.lock().away.remove(&partition);
    }

    /// Drops the stored batches from the one with `offset` on, as an unclean shutdown of an engine
    /// without fsync may.
    pub fn lose_from(&self, partition: PartitionId, offset: Offset) {
        let mut state = self.state.lock();
        let lost: Vec<OffsetRange> = state
            .ranges
            .iter()
            .filter(|((owner, _), range)| *owner == partition && range.last >= offset)
            .map(|(_, range)| *range)
            .collect();
        for range in lost {
            state.ranges.remove(&(partition, range.first));
            state
                .batches
                .retain(|_, batch| batch.partition != partition || batch.range != range);
        }
    }

    /// Returns the stored batches by token.
    #[must_use]
    pub fn batches(&self) -> Vec<RowBatch> {
        self.state.lock().batches.values().cloned().collect()
    }

    /// Returns the number of stored rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.state
            .lock()
            .batches
            .values()
            .map(|batch| batch.rows.len())
            .sum()
    }

    /// Returns every insert that arrived, including refused and repeated ones.
    #[must_use]
    pub fn attempts(&self) -> Vec<(PartitionId, OffsetRange)> {
        self.state.lock().attempts.clone()
    }

    /// Returns the number of inserts that repeated an already stored token.
    #[must_use]
    pub fn repeats(&self) -> usize {
        self.state.lock().repeats
    }

    /// Returns how many of these repeats had other bytes than the first insert under their token.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.state.lock().changes
    }

    /// Returns the stored rows.
    #[must_use]
    pub fn stored_rows(&self) -> Vec<StoredRow> {
        let batches = self.batches();
        batches
            .iter()
            .flat_map(|batch| {
                let rows = read_rows(&batch.bytes);
                let summaries = batch.rows.iter();
                let summaries =
                    summaries.map(|row| (row.offset, row.is_mark(), Table::Duplicates.takes(row)));
                let read = rows
                    .iter()
                    .map(|row| (row.offset, row.is_mark, row.is_duplicate));
                assert!(read.eq(summaries), "{} holds other rows", batch.token);
                let size: usize = batch.rows.iter().map(|row| row.size).sum();
                assert_eq!(size, batch.bytes.len(), "{}", batch.token);
                rows
            })
            .collect()
    }

    /// Returns the ids of the stored outcomes.
    #[must_use]
    pub fn outcomes(&self) -> BTreeSet<OutcomeId> {
        self.state.lock().outcomes.clone()
    }

    /// Returns whether a stored batch covers this offset.
    #[must_use]
    pub fn is_stored(&self, partition: PartitionId, offset: Offset) -> bool {
        let range = OffsetRange {
            first: offset,
            last: offset,
        };
        self.state.lock().overlapping(partition, range).is_some()
    }

    fn check(&self, batch: &RowBatch) {
        let range = batch.range;
        assert!(!batch.rows.is_empty(), "an empty batch is never sent");
        assert!(u64::try_from(batch.rows.len()).expect("a small number") <= range.count());
        let Some(log) = &self.log else {
            return;
        };
        if self.state.lock().holds_back {
            // Its sender may have been replaced since it recorded the range.
            let announced = log.ranges(batch.partition);
            assert!(
                announced.contains(&range),
                "{range:?} is inserted, but not saved"
            );
            return;
        }
        let progress = log.progress(batch.partition);
        assert!(
            progress.pending == Some(range) || range.last < progress.next,
            "{range:?} is inserted, but {progress:?} is saved"
        );
    }
}

impl State {
    /// Returns a stored range that shares an offset with `range`.
    fn overlapping(&self, partition: PartitionId, range: OffsetRange) -> Option<OffsetRange> {
        self.ranges
            .range((partition, Offset(0))..=(partition, range.last))
            .next_back()
            .map(|(_, stored)| *stored)
            .filter(|stored| stored.last >= range.first)
    }

    fn take_in(&mut self, batch: &RowBatch) -> Result<(), PlannedError> {
        self.attempts.push((batch.partition, batch.range));
        if self.away.contains(&batch.partition) {
            return Err(failed(RetryClass::Transient));
        }
        if self.is_poisoned(batch) {
            return Err(failed(RetryClass::Permanent));
        }
        self.store(batch);
        Ok(())
    }

    fn is_poisoned(&self, batch: &RowBatch) -> bool {
        let first = (batch.partition, batch.range.first);
        let last = (batch.partition, batch.range.last);
        self.poison.range(first..=last).next().is_some()
    }

    fn store(&mut self, batch: &RowBatch) {
        self.outcomes
            .extend(batch.outcomes.iter().map(|outcome| outcome.id));
        if let Some(first) = self.batches.get(&batch.token) {
            self.repeats += 1;
            self.changes += usize::from(first.bytes != batch.bytes);
            return;
        }
        let overlapped = self.overlapping(batch.partition, batch.range);
        assert_eq!(overlapped, None, "{} stores an offset twice", batch.token);
        self.ranges
            .insert((batch.partition, batch.range.first), batch.range);
        self.batches.insert(batch.token.clone(), batch.clone());
    }
}

const fn failed(class: RetryClass) -> PlannedError {
    PlannedError {
        operation: Operation::Insert,
        class,
    }
}

impl RowSink for MemorySink {
    type Error = PlannedError;

    async fn insert(&self, batch: &RowBatch) -> Result<(), PlannedError> {
        self.faults.before(Operation::Insert).await?;
        self.check(batch);
        let held = {
            let mut state = self.state.lock();
            if state.holds_back {
                let (answer, answered) = oneshot::channel();
                let batch = batch.clone();
                state.held.push(Held { batch, answer });
                Some(answered)
            } else {
                state.take_in(batch)?;
                None
            }
        };
        if let Some(answered) = held {
            let lost = |_| Err(failed(RetryClass::Transient));
            answered.await.unwrap_or_else(lost)?;
        }
        self.faults.after(Operation::Insert).await
    }
}
