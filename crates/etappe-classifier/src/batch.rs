//! A batch: the encoded rows of one offset range and their metadata.
//!
//! A [`Batch`] is being filled; a [`SealedBatch`] is immutable. Rows are in offset order, so the
//! rows of any part of the range are one slice of the bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::{DeadLetter, MessageHash, RowSummaries, RowSummary};
use etappe_core::rules::{Outcome, OutcomeId};
use etappe_core::time::Timestamp;
use etappe_core::warning::WarningReason;
use etappe_core::watermark::CollectorMark;
use etappe_wire::row::{self, RowInput};
use hashbrown::{HashMap, HashSet};

use crate::budget::BatchShare;
use crate::identity_hasher::BuildIdentityHasher;

mod sealed;

pub use sealed::SealedBatch;

/// Memory per row beside its encoded bytes: its summary and an entry in the message set. Both
/// collections grow by doubling.
const BESIDE_ROW: usize = RowSummary::BYTES + 32;

/// The set of a batch's messages.
pub(crate) type Messages = HashSet<MessageHash, BuildIdentityHasher>;

/// The limits of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// The maximum number of rows.
    pub rows: usize,
    /// The batch takes no more records at this size in bytes, counting encoded rows and their
    /// metadata.
    pub bytes: usize,
}

impl BatchLimits {
    /// No limits, for a batch that repeats a range with given bounds.
    pub const NONE: Self = Self {
        rows: usize::MAX,
        bytes: usize::MAX,
    };
}

/// A row that the duplicate filter matched: only the database knows whether it is a duplicate.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    row: usize,
    /// Where the row starts in the batch's bytes.
    start: usize,
    outcome: Option<OutcomeId>,
}

/// An outcome that rows of the batch refer to.
#[derive(Debug, Clone)]
pub(crate) struct UsedOutcome {
    pub(crate) outcome: Arc<Outcome>,
    /// The number of events with this outcome, without duplicates.
    pub(crate) events: u64,
}

pub(crate) type UsedOutcomes = HashMap<u64, UsedOutcome, BuildIdentityHasher>;

/// A batch that is being filled, record by record, in offset order.
#[derive(Debug)]
pub struct Batch {
    topic: Arc<str>,
    partition: PartitionId,
    first: Offset,
    next: Offset,
    limits: BatchLimits,
    bytes: Vec<u8>,
    rows: Vec<RowSummary>,
    messages: Messages,
    suspects: Vec<Suspect>,
    duplicates: u64,
    uncounted: UncountedAmounts,
    letters: Vec<DeadLetter>,
    letter_bytes: usize,
    marks: Vec<PlacedMark>,
    outcomes: UsedOutcomes,
    oldest: Option<Timestamp>,
    share: Option<BatchShare>,
}

/// A collector's mark and its offset.
#[derive(Debug, Clone)]
pub(crate) struct PlacedMark {
    pub(crate) offset: Offset,
    pub(crate) mark: CollectorMark,
}

/// The status of a row's message when the row is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DuplicateStatus {
    /// No earlier message has its id.
    New,
    /// An earlier message has its id.
    Duplicate,
    /// The filter reports that an earlier message may have its id.
    Suspect,
}

/// The number of amounts in a batch that do not count, by reason, without duplicates.
pub(crate) type UncountedAmounts = BTreeMap<WarningReason, u64>;

impl Batch {
    /// Begins a batch of `topic` whose range starts at `first`, with a buffer of `expected` bytes.
    #[must_use]
    pub fn new(
        topic: Arc<str>,
        partition: PartitionId,
        first: Offset,
        limits: BatchLimits,
        expected: usize,
    ) -> Self {
        Self {
            topic,
            partition,
            first,
            next: first,
            limits,
            bytes: Vec::with_capacity(expected),
            rows: Vec::new(),
            messages: Messages::default(),
            suspects: Vec::new(),
            duplicates: 0,
            uncounted: UncountedAmounts::new(),
            letters: Vec::new(),
            letter_bytes: 0,
            marks: Vec::new(),
            outcomes: UsedOutcomes::default(),
            oldest: None,
            share: None,
        }
    }

    /// Bounds the batch by a share of the budget of all batches.
    pub(crate) fn with_share(self, share: BatchShare) -> Self {
        let share = Some(share);
        Self { share, ..self }
    }

    /// Returns the log that the range belongs to.
    pub(crate) const fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Returns the partition.
    #[must_use]
    pub const fn partition(&self) -> PartitionId {
        self.partition
    }

    /// Returns the first offset of the range.
    #[must_use]
    pub const fn first(&self) -> Offset {
        self.first
    }

    /// Returns the offset after the last record taken.
    #[must_use]
    pub const fn next(&self) -> Offset {
        self.next
    }

    /// Returns whether no record was taken yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.next == self.first
    }

    /// Returns whether no further record fits.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.is_at_limit()
            || self
                .share
                .as_ref()
                .is_some_and(|it| self.held_bytes() >= it.granted())
    }

    /// Returns whether the batch has reached its own limits, regardless of its share.
    pub(crate) fn is_at_limit(&self) -> bool {
        self.rows.len() >= self.limits.rows || self.held_bytes() >= self.limits.bytes
    }

    /// Tries to enlarge the batch's share and returns whether another record fits.
    pub(crate) fn grow(&mut self) -> bool {
        self.share.as_mut().is_some_and(BatchShare::grow) && !self.is_full()
    }

    /// Gives back the unused part of the batch's share.
    pub(crate) fn settle_share(&mut self) {
        let held = self.held_bytes();
        if let Some(share) = &mut self.share {
            share.shrink_to(held);
        }
    }

    /// Returns how many bytes the batch keeps in memory.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.bytes.len() + self.rows.len() * BESIDE_ROW + self.letter_bytes
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Returns the size of the encoded rows in bytes.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Returns when the batch's oldest message was received.
    pub(crate) const fn oldest(&self) -> Option<Timestamp> {
        self.oldest
    }

    /// Returns whether a record of this batch has this message's id.
    pub(crate) fn holds(&self, message: MessageHash) -> bool {
        self.messages.contains(&message)
    }

    /// Adds the row of a message. `uncounted` is why the event's money does not count.
    pub(crate) fn push(
        &mut self,
        row: &RowInput<'_>,
        outcome: &Arc<Outcome>,
        status: DuplicateStatus,
        uncounted: Option<WarningReason>,
    ) {
        let start = self.bytes.len();
        let summary = row::encode(row, &mut self.bytes);
        let is_event = row.event.kind.is_event();
        let event_outcome = is_event.then_some(outcome.id);
        match status {
            DuplicateStatus::New => {}
            DuplicateStatus::Duplicate => self.duplicates += 1,
            DuplicateStatus::Suspect => self.suspects.push(Suspect {
                row: self.rows.len(),
                start,
                outcome: event_outcome,
            }),
        }
        let counts = is_event && status != DuplicateStatus::Duplicate;
        if let Some(reason) = uncounted.filter(|_| counts) {
            *self.uncounted.entry(reason).or_default() += 1;
        }
        self.outcomes
            .entry(outcome.id.0)
            .or_insert_with(|| UsedOutcome {
                outcome: Arc::clone(outcome),
                events: 0,
            })
            .events += u64::from(counts);
        self.messages.insert(row.message_hash);
        let oldest = self.oldest.get_or_insert(summary.received_at);
        *oldest = summary.received_at.min(*oldest);
        self.rows.push(summary);
        self.next = summary.offset.next();
    }

    /// Adds the row of a collector's mark.
    pub(crate) fn push_mark(&mut self, offset: Offset, mark: CollectorMark) {
        let summary = row::encode_mark(&mark, &self.topic, self.partition, offset, &mut self.bytes);
        self.rows.push(summary);
        self.marks.push(PlacedMark { offset, mark });
        self.next = offset.next();
    }

    /// Takes an unreadable record, which becomes a dead letter instead of a row.
    pub(crate) fn push_letter(&mut self, letter: DeadLetter) {
        self.next = letter.offset.next();
        self.letter_bytes += letter.payload.len() + letter.reason.len() + size_of::<DeadLetter>();
        self.letters.push(letter);
    }

    /// Extends the range up to and including `last`, although the log holds no more records there.
    pub(crate) fn extend_to(&mut self, last: Offset) {
        self.next = self.next.max(last.next());
    }

    /// Returns the messages that the filter matched; empty when no look-up is needed.
    #[must_use]
    pub fn suspects(&self) -> Vec<MessageHash> {
        let rows = self.suspects.iter().filter_map(|it| self.rows.get(it.row));
        rows.filter_map(|row| row.message).collect()
    }

    /// Marks the suspects whose messages are in `seen` as duplicates.
    pub fn resolve(&mut self, seen: &[MessageHash]) {
        let seen: HashSet<MessageHash, BuildIdentityHasher> = seen.iter().copied().collect();
        for suspect in std::mem::take(&mut self.suspects) {
            let Some(found) = self.rows.get_mut(suspect.row) else {
                continue;
            };
            if found.message.is_none_or(|message| !seen.contains(&message)) {
                continue;
            }
            let place = suspect.start..suspect.start + found.size;
            if let Some(bytes) = self.bytes.get_mut(place) {
                row::mark_duplicate(bytes, found);
            }
            self.duplicates += 1;
            let used = suspect.outcome.and_then(|id| self.outcomes.get_mut(&id.0));
            if let Some(used) = used {
                used.events -= 1;
            }
        }
    }

    /// Ends the batch; `None` if no record was taken.
    #[must_use]
    pub fn seal(self) -> Option<SealedBatch> {
        let last = Offset(
            self.next
                .0
                .checked_sub(1)
                .filter(|last| *last >= self.first.0)?,
        );
        Some(SealedBatch {
            topic: self.topic,
            partition: self.partition,
            range: OffsetRange {
                first: self.first,
                last,
            },
            may_be_stored: false,
            bytes: Bytes::from(self.bytes),
            share: self.share,
            rows: RowSummaries::from(self.rows),
            messages: Arc::new(self.messages),
            duplicates: self.duplicates,
            uncounted: self.uncounted,
            letters: self.letters,
            marks: self.marks,
            outcomes: self.outcomes,
            oldest: self.oldest,
        })
    }
}
