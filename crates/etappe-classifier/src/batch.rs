//! A batch: the encoded rows of one offset range, and what is known about them.
//!
//! A [`Batch`] is being filled; a [`SealedBatch`] is not changed any more. Rows stand in the order of their offsets, so the rows of a part
//! of the range are one slice of the bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::{DeadLetter, MessageHash};
use etappe_core::rules::{Outcome, OutcomeId};
use etappe_core::time::Timestamp;
use etappe_core::warning::WarningReason;
use etappe_core::watermark::CollectorMark;
use etappe_wire::row;
use hashbrown::{HashMap, HashSet};

use crate::budget::BatchShare;
use crate::identity_hasher::BuildIdentityHasher;

mod sealed;

pub use sealed::SealedBatch;

/// What is kept for each row beside its bytes: its place, and its message in a set; both grow by
/// doubling.
const BESIDE_ROW: usize = 96;

/// The messages of a batch.
pub(crate) type Messages = HashSet<MessageHash, BuildIdentityHasher>;

/// How much a batch may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// The most rows.
    pub rows: usize,
    /// The size in bytes, of encoded rows and what is kept beside them, at which no record is taken
    /// any more.
    pub bytes: usize,
}

impl BatchLimits {
    /// No limits: the batch repeats a range whose bounds are given.
    pub const NONE: Self = Self {
        rows: usize::MAX,
        bytes: usize::MAX,
    };
}

/// A row of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) offset: Offset,
    /// The message's identity; a collector's mark has none.
    pub(crate) message: Option<MessageHash>,
    /// Where the row ends in the batch's bytes.
    pub(crate) end: usize,
}

/// A row whose message the filter has seen: only the database knows whether it is a duplicate.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    row: usize,
    outcome: Option<OutcomeId>,
}

/// An outcome that rows of the batch refer to.
#[derive(Debug, Clone)]
pub(crate) struct UsedOutcome {
    pub(crate) outcome: Arc<Outcome>,
    /// How many events have it, duplicates left out.
    pub(crate) events: u64,
}

pub(crate) type UsedOutcomes = HashMap<u64, UsedOutcome, BuildIdentityHasher>;

/// A batch that is being filled, record by record, in the order of their offsets.
#[derive(Debug)]
pub struct Batch {
    topic: Arc<str>,
    partition: PartitionId,
    first: Offset,
    next: Offset,
    limits: BatchLimits,
    bytes: Vec<u8>,
    rows: Vec<Row>,
    messages: Messages,
    suspects: Vec<Suspect>,
    duplicates: u64,
    uncounted: Uncounted,
    letters: Vec<DeadLetter>,
    letter_bytes: usize,
    marks: Vec<PlacedMark>,
    outcomes: UsedOutcomes,
    oldest: Option<Timestamp>,
    share: Option<BatchShare>,
}

/// A collector's mark and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct PlacedMark {
    pub(crate) offset: Offset,
    pub(crate) mark: CollectorMark,
}

/// What is known about a row when it is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DuplicateStatus {
    /// No earlier message has its id.
    New,
    /// An earlier message has its id.
    Duplicate,
    /// The filter says that an earlier message may have its id.
    Suspect,
}

/// A row about to be added.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) offset: Offset,
    pub(crate) message: MessageHash,
    pub(crate) status: DuplicateStatus,
    pub(crate) received_at: Timestamp,
    pub(crate) outcome: &'a Arc<Outcome>,
    /// Whether the message is an event; others only say who someone is.
    pub(crate) is_event: bool,
    /// Why money that it should bring does not count.
    pub(crate) uncounted: Option<WarningReason>,
}

/// Amounts of a batch that do not count, by reason; duplicates left out.
pub(crate) type Uncounted = BTreeMap<WarningReason, u64>;

impl Batch {
    /// Begins a batch of `topic` whose range starts at `first`; `expected` bytes are reserved.
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
            uncounted: Uncounted::new(),
            letters: Vec::new(),
            letter_bytes: 0,
            marks: Vec::new(),
            outcomes: UsedOutcomes::default(),
            oldest: None,
            share: None,
        }
    }

    /// Bounds the batch by a share of what all batches may take.
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

    /// Returns whether the batch has reached its own limits, whatever its share is.
    pub(crate) fn is_at_limit(&self) -> bool {
        self.rows.len() >= self.limits.rows || self.held_bytes() >= self.limits.bytes
    }

    /// Enlarges the batch's share, if it can be, and returns whether a record fits.
    pub(crate) fn grow(&mut self) -> bool {
        self.share.as_mut().is_some_and(BatchShare::grow) && !self.is_full()
    }

    /// Gives back what the batch does not need of its share.
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

    /// Returns when the first of its messages was received.
    pub(crate) const fn oldest(&self) -> Option<Timestamp> {
        self.oldest
    }

    /// Returns whether a record of this batch has this message's id.
    pub(crate) fn holds(&self, message: MessageHash) -> bool {
        self.messages.contains(&message)
    }

    /// Adds the row that `encode` appends.
    pub(crate) fn push(&mut self, entry: &Entry<'_>, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.bytes);
        let outcome = entry.is_event.then_some(entry.outcome.id);
        match entry.status {
            DuplicateStatus::New => {}
            DuplicateStatus::Duplicate => self.duplicates += 1,
            DuplicateStatus::Suspect => self.suspects.push(Suspect {
                row: self.rows.len(),
                outcome,
            }),
        }
        let counts = outcome.is_some() && entry.status != DuplicateStatus::Duplicate;
        if let Some(reason) = entry.uncounted.filter(|_| counts) {
            *self.uncounted.entry(reason).or_default() += 1;
        }
        self.outcomes
            .entry(entry.outcome.id.0)
            .or_insert_with(|| UsedOutcome {
                outcome: Arc::clone(entry.outcome),
                events: 0,
            })
            .events += u64::from(counts);
        self.rows.push(Row {
            offset: entry.offset,
            message: Some(entry.message),
            end: self.bytes.len(),
        });
        self.messages.insert(entry.message);
        let oldest = self.oldest.get_or_insert(entry.received_at);
        *oldest = entry.received_at.min(*oldest);
        self.next = entry.offset.next();
    }

    /// Adds the row of a collector's mark.
    pub(crate) fn push_mark(&mut self, offset: Offset, mark: CollectorMark) {
        row::encode_mark(&mark, &self.topic, self.partition, offset, &mut self.bytes);
        self.rows.push(Row {
            offset,
            message: None,
            end: self.bytes.len(),
        });
        self.marks.push(PlacedMark { offset, mark });
        self.next = offset.next();
    }

    /// Takes a record that has no row: nobody can read it.
    pub(crate) fn push_letter(&mut self, letter: DeadLetter) {
        self.next = letter.offset.next();
        self.letter_bytes += letter.payload.len() + letter.reason.len() + size_of::<DeadLetter>();
        self.letters.push(letter);
    }

    /// Takes the offsets up to and including `last`, although no record is left there.
    pub(crate) fn extend_to(&mut self, last: Offset) {
        self.next = self.next.max(last.next());
    }

    /// Returns the messages that the filter has seen; empty when nothing needs to be looked up.
    #[must_use]
    pub fn suspects(&self) -> Vec<MessageHash> {
        let rows = self.suspects.iter().filter_map(|it| self.rows.get(it.row));
        rows.filter_map(|row| row.message).collect()
    }

    /// Marks those suspects as duplicates whose messages are in `seen`.
    pub fn resolve(&mut self, seen: &[MessageHash]) {
        let seen: HashSet<MessageHash, BuildIdentityHasher> = seen.iter().copied().collect();
        for suspect in std::mem::take(&mut self.suspects) {
            let Some(found) = self.rows.get(suspect.row) else {
                continue;
            };
            if found.message.is_none_or(|message| !seen.contains(&message)) {
                continue;
            }
            let start = previous_end(&self.rows, suspect.row);
            if let Some(bytes) = self.bytes.get_mut(start..found.end) {
                row::mark_duplicate(bytes);
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
            rows: self.rows,
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

fn previous_end(rows: &[Row], row: usize) -> usize {
    row.checked_sub(1)
        .and_then(|previous| rows.get(previous))
        .map_or(0, |previous| previous.end)
}
