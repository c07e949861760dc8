//! A row sink in memory that knows tokens, refuses poison and checks the rules of a batch.
//!
//! Given the log, it insists that a range was remembered there before its rows arrive, and that no
//! offset is ever stored under two tokens; either would count an event twice after a crash. It can
//! hold inserts back, as a network does: they land when the test says so, whoever sent them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::{RetryClass, RowBatch, RowSink};
use etappe_core::rules::OutcomeId;
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

/// An insert on its way.
#[derive(Debug)]
struct Held {
    batch: RowBatch,
    answer: oneshot::Sender<Result<(), PlannedError>>,
}

/// A sink in memory; copies share its content.
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

    /// Returns the same sink, as somebody sees it who fails by a plan of their own.
    #[must_use]
    pub fn failing(&self, faults: Faults) -> Self {
        Self {
            faults,
            ..self.clone()
        }
    }

    /// Holds all inserts back from now on, until they are made to land or get lost.
    pub fn hold_back(&self) {
        self.lock().holds_back = true;
    }

    /// Returns how many inserts are held back.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lock().held.len()
    }

    /// Makes an insert land that is held back, the oldest being 0. Whoever sent it may be gone.
    pub fn land(&self, place: usize) {
        let mut state = self.lock();
        let Held { batch, answer } = state.held.remove(place);
        let outcome = state.take_in(&batch);
        // Nobody may wait for the answer any more.
        answer.send(outcome).ok();
    }

    /// Loses an insert that is held back; its sender is told that the connection broke.
    pub fn lose(&self, place: usize) {
        drop(self.lock().held.remove(place));
    }

    /// Makes every batch that holds this offset be refused for its content.
    pub fn refuse(&self, partition: PartitionId, offset: Offset) {
        self.lock().poison.insert((partition, offset));
    }

    /// Makes batches of this partition fail for a reason that passes, until [`Self::let_in`].
    pub fn keep_out(&self, partition: PartitionId) {
        self.lock().away.insert(partition);
    }

    /// Takes batches of this partition again.
    pub fn let_in(&self, partition: PartitionId) {
        self.lock().away.remove(&partition);
    }

    /// Takes all offsets out of the ones that are refused.
    pub fn refuse_nothing(&self) {
        self.lock().poison.clear();
    }

    /// Forgets the stored batches from the one that holds `offset` on, as an unclean boot of an
    /// engine without fsync may.
    pub fn lose_from(&self, partition: PartitionId, offset: Offset) {
        let mut state = self.lock();
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
        self.lock().batches.values().cloned().collect()
    }

    /// Returns the number of stored rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.lock().batches.values().map(|batch| batch.rows).sum()
    }

    /// Returns every insert that arrived, refused and repeated ones too.
    #[must_use]
    pub fn attempts(&self) -> Vec<(PartitionId, OffsetRange)> {
        self.lock().attempts.clone()
    }

    /// Returns how many inserts repeated a token that was stored already.
    #[must_use]
    pub fn repeats(&self) -> usize {
        self.lock().repeats
    }

    /// Returns how many of these had other bytes than the first insert under their token.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.lock().changes
    }

    /// Returns the stored rows.
    #[must_use]
    pub fn stored_rows(&self) -> Vec<StoredRow> {
        let batches = self.batches();
        batches
            .iter()
            .flat_map(|batch| {
                let rows = read_rows(&batch.bytes);
                assert_eq!(rows.len(), batch.rows, "{} holds other rows", batch.token);
                rows
            })
            .collect()
    }

    /// Returns the ids of the outcomes that were stored.
    #[must_use]
    pub fn outcomes(&self) -> BTreeSet<OutcomeId> {
        self.lock().outcomes.clone()
    }

    /// Returns whether a stored batch covers this offset.
    #[must_use]
    pub fn is_stored(&self, partition: PartitionId, offset: Offset) -> bool {
        let range = OffsetRange {
            first: offset,
            last: offset,
        };
        self.lock().overlapping(partition, range).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that expects a panic must still be able to look at what was left behind.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn check(&self, batch: &RowBatch) {
        let range = batch.range;
        assert!(batch.rows > 0, "an empty batch is never sent");
        assert!(u64::try_from(batch.rows).expect("a small number") <= range.count());
        let Some(log) = &self.log else {
            return;
        };
        if self.lock().holds_back {
            // Its sender may have been replaced since it remembered the range.
            let announced = log.ranges(batch.partition);
            assert!(
                announced.contains(&range),
                "{range:?} is inserted, but not remembered"
            );
            return;
        }
        let progress = log.progress(batch.partition);
        assert!(
            progress.pending == Some(range) || range.last < progress.next,
            "{range:?} is inserted, but {progress:?} is remembered"
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
        assert_eq!(overlapped, None, "{} stores an offset again", batch.token);
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
            let mut state = self.lock();
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
