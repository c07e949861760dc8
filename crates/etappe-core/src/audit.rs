//! The audit checks that every consumed offset is exactly one row, mark or dead letter.
//!
//! It uses durable facts only: the tables, the stored dead letters, and the committed progress.
//! Process counters play no part.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::dead_letter::StoredDeadLetter;
use crate::id::{Offset, OffsetRange, PartitionId};

/// The maximum number of holes listed per partition.
const NAMED_HOLES: usize = 20;

/// The start, the end and the committed offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionPositions {
    /// The partition.
    pub partition: PartitionId,
    /// The first offset that is kept.
    pub start: Offset,
    /// The first offset that the consumer has not passed.
    pub committed: Offset,
    /// The offset after the last durable record.
    pub end: Offset,
}

/// The rows stored of one partition of a log, including duplicates and marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOffsets {
    /// The partition.
    pub partition: PartitionId,
    /// The offsets that have a row, as ranges without holes, in ascending order.
    pub ranges: Vec<OffsetRange>,
    /// The number of rows beyond one per offset; any surplus is an error.
    pub surplus: u64,
}

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// The log.
    pub topic: String,
    /// The result for each partition.
    pub partitions: Vec<PartitionAudit>,
    /// Whether nothing is missing and nothing is stored twice.
    pub is_clean: bool,
}

/// The result for one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionAudit {
    /// The partition.
    pub partition: u32,
    /// The first audited offset.
    pub from: u64,
    /// The one after the last audited offset.
    pub until: u64,
    /// The committed offset: the first one not consumed yet.
    pub committed: u64,
    /// The offset after the last record.
    pub end: u64,
    /// Offsets with a row: events, duplicates, marks.
    pub stored: u64,
    /// Offsets with a dead letter.
    pub dead_letters: u64,
    /// Offsets before `committed` that have neither a row nor a dead letter.
    pub missing: u64,
    /// The first and last offset of each hole; only the first few holes.
    pub holes: Vec<(u64, u64)>,
    /// Rows beyond one per offset.
    pub surplus: u64,
}

/// Compares the consumed offsets with the stored ones. Letters of other topics are ignored.
///
/// The positions must have been read before the rows and the letters: whatever is stored meanwhile
/// then has later offsets.
#[must_use]
pub fn audit(
    topic: &str,
    positions: &[PartitionPositions],
    stored: &[StoredOffsets],
    letters: &[StoredDeadLetter],
) -> AuditReport {
    let mut dead: BTreeMap<PartitionId, BTreeSet<Offset>> = BTreeMap::new();
    for buried in letters.iter().filter(|letter| letter.topic == topic) {
        let offsets = dead.entry(buried.letter.partition).or_default();
        offsets.insert(buried.letter.offset);
    }
    let none = StoredOffsets {
        partition: PartitionId(0),
        ranges: Vec::new(),
        surplus: 0,
    };
    let of_partition = |position: &PartitionPositions| {
        let found = stored.iter().find(|it| it.partition == position.partition);
        let letters = dead.get(&position.partition);
        audit_partition(position, found.unwrap_or(&none), letters)
    };
    let partitions: Vec<_> = positions.iter().map(of_partition).collect();
    let is_clean = partitions
        .iter()
        .all(|partition| partition.missing == 0 && partition.surplus == 0);
    AuditReport {
        topic: topic.to_owned(),
        partitions,
        is_clean,
    }
}

fn audit_partition(
    position: &PartitionPositions,
    stored: &StoredOffsets,
    letters: Option<&BTreeSet<Offset>>,
) -> PartitionAudit {
    let single = |offset: &Offset| OffsetRange {
        first: *offset,
        last: *offset,
    };
    let mut covered: Vec<OffsetRange> = stored.ranges.clone();
    covered.extend(letters.into_iter().flatten().map(single));
    covered.sort_by_key(|range| range.first);
    let (mut next, mut missing, mut holes) = (0, 0, Vec::new());
    let mut miss = |first: u64, end: u64| {
        missing += end - first;
        if holes.len() < NAMED_HOLES {
            holes.push((first, end - 1));
        }
    };
    for range in &covered {
        let first = range.first.0.min(position.committed.0);
        if first > next {
            miss(next, first);
        }
        next = next.max(range.last.0 + 1);
    }
    if position.committed.0 > next {
        miss(next, position.committed.0);
    }
    let count = |range: &OffsetRange| range.last.0 + 1 - range.first.0;
    PartitionAudit {
        partition: position.partition.0,
        from: covered.first().map_or(0, |range| range.first.0),
        until: next,
        committed: position.committed.0,
        end: position.end.0,
        stored: stored.ranges.iter().map(count).sum(),
        dead_letters: letters.map_or(0, |letters| letters.len() as u64),
        missing,
        holes,
        surplus: stored.surplus,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::dead_letter::DeadLetter;
    use crate::time::Timestamp;

    fn positions(committed: u64, end: u64) -> Vec<PartitionPositions> {
        vec![PartitionPositions {
            partition: PartitionId(0),
            start: Offset(0),
            committed: Offset(committed),
            end: Offset(end),
        }]
    }

    fn stored(ranges: &[(u64, u64)], surplus: u64) -> Vec<StoredOffsets> {
        let range = |(first, last): &(u64, u64)| OffsetRange {
            first: Offset(*first),
            last: Offset(*last),
        };
        vec![StoredOffsets {
            partition: PartitionId(0),
            ranges: ranges.iter().map(range).collect(),
            surplus,
        }]
    }

    fn letter(topic: &str, offset: u64) -> StoredDeadLetter {
        StoredDeadLetter {
            topic: topic.to_owned(),
            letter: DeadLetter {
                partition: PartitionId(0),
                offset: Offset(offset),
                payload: Bytes::new(),
                reason: String::new(),
            },
            buried_at: Timestamp::EPOCH,
            replayed_at: None,
        }
    }

    fn found(
        ranges: &[(u64, u64)],
        letters: &[StoredDeadLetter],
        committed: u64,
    ) -> PartitionAudit {
        let report = audit("t", &positions(committed, 20), &stored(ranges, 0), letters);
        report.partitions[0].clone()
    }

    #[test]
    fn rows_and_letters_together_leave_no_hole() {
        let audited = found(&[(0, 4), (6, 9)], &[letter("t", 5)], 10);
        assert_eq!((audited.missing, audited.until), (0, 10));
        assert_eq!((audited.stored, audited.dead_letters), (9, 1));
        assert_eq!(
            found(&[(0, 9)], &[], 7).missing,
            0,
            "stored ahead of the commit"
        );
    }

    #[test]
    fn holes_are_found_at_the_start_in_between_and_at_the_end() {
        let audited = found(&[(2, 4), (7, 8)], &[letter("other", 5)], 12);
        assert_eq!(audited.holes, [(0, 1), (5, 6), (9, 11)]);
        assert_eq!(audited.missing, 7);
        assert_eq!(found(&[], &[], 3).holes, [(0, 2)]);
        assert_eq!(found(&[], &[], 0).missing, 0, "nothing was consumed");
        let ahead = found(&[(0, 4), (8, 9)], &[], 5);
        assert_eq!(ahead.missing, 0, "what was not passed yet may have holes");
    }

    #[test]
    fn a_surplus_row_makes_the_audit_fail() {
        let report = audit("t", &positions(3, 3), &stored(&[(0, 2)], 1), &[]);
        assert!(!report.is_clean);
        assert!(audit("t", &positions(3, 3), &stored(&[(0, 2)], 0), &[]).is_clean);
    }
}
