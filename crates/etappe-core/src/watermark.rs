//! The watermark: everything received before `as_of` is visible in the figures.
//!
//! Each partition has one instant, posted by the process that reads it: the receive time of the
//! first record that is not visible yet, or the instant up to which the collectors' marks guarantee
//! that all records have arrived, whichever is earlier. If everything is read and no collector
//! writes marks, it is the time just before the reader looked and found nothing more. The watermark
//! is the earliest instant of all partitions.
//!
//! Invariant: while the instant of a partition is unknown, the watermark is the epoch. A partition
//! without an instant may hold anything.
//!
//! Trap: the watermark can move back. A collector that was dropped as silent may return with
//! records in its spool, and then its marks count again.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::id::{Offset, PartitionId};
use crate::time::Timestamp;

mod collectors;

pub use collectors::{Collectors, SILENCE, SilentCollector};

/// How far the figures reach in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionReach {
    /// The partition.
    pub partition: PartitionId,
    /// How many partitions the log has.
    pub partitions: u32,
    /// Everything in the partition received before this instant is visible.
    pub reached: Timestamp,
    /// Every row of the partition at an offset before this one is stored in every table.
    pub settled: Offset,
}

/// A collector's mark, written into every partition each second: how far its own records are
/// complete.
///
/// Collectors spool while Kafka is down and later write records that they received long before. So
/// the end of a partition alone does not tell up to when its records are complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorMark {
    /// The collector's name; it stays the same as long as the spool does.
    pub collector: String,
    /// Every record that the collector received before this instant is in the log before the mark.
    pub reached: Timestamp,
    /// When the mark was written, by the collector's clock.
    pub written_at: Timestamp,
    /// The collector's state.
    pub state: CollectorState,
}

/// The state of a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CollectorState {
    /// Its records go to the log as they arrive.
    Direct,
    /// Records are waiting in its spool.
    Spooling,
    /// It has shut down with an empty spool; this is its last mark.
    Retired,
}

impl CollectorState {
    /// Returns the state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Spooling => "spooling",
            Self::Retired => "retired",
        }
    }

    /// Returns the state with that name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Direct, Self::Spooling, Self::Retired]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// The watermark of a process, shared by the tasks that advance it and the API that shows it.
#[derive(Debug, Clone)]
pub struct Watermark {
    board: Arc<Mutex<Board>>,
}

#[derive(Debug, Default)]
struct Board {
    /// How many partitions the log has; `None` until that is known.
    partitions: Option<u32>,
    reached: BTreeMap<PartitionId, Reach>,
}

/// The latest post for a partition.
#[derive(Debug, Clone, Copy)]
struct Reach {
    reached: Timestamp,
    settled: Offset,
}

impl Watermark {
    /// Creates a watermark over `partitions` partitions, all at the epoch until they are posted.
    #[must_use]
    pub fn new(partitions: usize) -> Self {
        let watermark = Self::unknown();
        watermark.board.lock().partitions = Some(u32::try_from(partitions).unwrap_or(u32::MAX));
        watermark
    }

    /// Creates a watermark over a log whose number of partitions is not known yet; it stays at the
    /// epoch until [`Self::replace`] is called.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            board: Arc::default(),
        }
    }

    /// Records that everything in partition number `index` received before `reached` is visible, and
    /// that every row at an offset before `settled` is stored in every table.
    ///
    /// An index past the last partition is ignored.
    pub fn post(&self, index: usize, reached: Timestamp, settled: Offset) {
        let mut board = self.board.lock();
        let partition = u32::try_from(index).ok();
        let partition = partition.filter(|index| board.partitions.is_some_and(|all| *index < all));
        if let Some(index) = partition {
            board
                .reached
                .insert(PartitionId(index), Reach { reached, settled });
        }
    }

    /// Withdraws what was posted for a partition, because another process reads it now.
    pub fn withdraw(&self, partition: PartitionId) {
        self.board.lock().reached.remove(&partition);
    }

    /// Replaces everything with what other processes posted, including the number of partitions.
    pub fn replace(&self, reaches: &[PartitionReach]) {
        let Some(partitions) = reaches.iter().map(|reach| reach.partitions).max() else {
            return;
        };
        let mut board = self.board.lock();
        board.partitions = Some(partitions);
        board.reached = reaches
            .iter()
            .filter(|reach| reach.partition.0 < partitions)
            .map(|posted| {
                let PartitionReach {
                    reached, settled, ..
                } = *posted;
                (posted.partition, Reach { reached, settled })
            })
            .collect();
    }

    /// Returns what was posted and not withdrawn, by partition.
    #[must_use]
    pub fn reaches(&self) -> Vec<PartitionReach> {
        let board = self.board.lock();
        let reach = |(partition, reach): (&PartitionId, &Reach)| {
            Some(PartitionReach {
                partition: *partition,
                partitions: board.partitions?,
                reached: reach.reached,
                settled: reach.settled,
            })
        };
        board.reached.iter().filter_map(reach).collect()
    }

    /// Returns the instant before which every received event is visible, at most `now`.
    #[must_use]
    pub fn as_of(&self, now: Timestamp) -> Timestamp {
        let board = self.board.lock();
        if board.is_whole() {
            let reached = board.reached.values().map(|reach| reach.reached);
            reached.fold(now, Timestamp::min)
        } else {
            Timestamp::EPOCH.min(now)
        }
    }

    /// Returns the settled offset of every partition; `None` while one is unknown.
    #[must_use]
    pub fn settled(&self) -> Option<BTreeMap<PartitionId, Offset>> {
        let board = self.board.lock();
        let settled = |(partition, reach): (&PartitionId, &Reach)| (*partition, reach.settled);
        board
            .is_whole()
            .then(|| board.reached.iter().map(settled).collect())
    }
}

impl Board {
    /// Whether every partition was posted.
    fn is_whole(&self) -> bool {
        self.partitions
            .is_some_and(|all| usize::try_from(all).is_ok_and(|all| all == self.reached.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_slowest_partition_holds_the_watermark_back() {
        let watermark = Watermark::new(2);
        assert_eq!(watermark.as_of(at(100)), at(0));
        assert_eq!(watermark.settled(), None);
        watermark.post(0, at(90), Offset(90));
        watermark.post(1, at(70), Offset(70));
        watermark.post(9, at(1), Offset(1));
        assert_eq!(watermark.as_of(at(100)), at(70));
        watermark.post(1, at(200), Offset(200));
        assert_eq!(watermark.as_of(at(100)), at(90));
        let settled = [(0, 90), (1, 200)];
        let settled = settled.map(|(partition, next)| (PartitionId(partition), Offset(next)));
        assert_eq!(watermark.settled(), Some(BTreeMap::from(settled)));
    }

    #[test]
    fn a_released_partition_is_no_longer_reported() {
        let watermark = Watermark::new(2);
        watermark.post(0, at(90), Offset(90));
        watermark.post(1, at(70), Offset(70));
        watermark.withdraw(PartitionId(1));
        let left = PartitionReach {
            partition: PartitionId(0),
            partitions: 2,
            reached: at(90),
            settled: Offset(90),
        };
        assert_eq!(watermark.reaches(), [left]);
        assert_eq!(watermark.as_of(at(100)), at(0));
    }

    #[test]
    fn posted_reaches_state_the_number_of_partitions() {
        let watermark = Watermark::unknown();
        let reach = |partition, reached| PartitionReach {
            partition: PartitionId(partition),
            partitions: 2,
            reached: at(reached),
            settled: Offset(0),
        };
        watermark.post(0, at(50), Offset(50));
        assert_eq!(watermark.as_of(at(100)), at(0));
        watermark.replace(&[reach(1, 80)]);
        assert_eq!(watermark.as_of(at(100)), at(0), "one is missing");
        watermark.replace(&[reach(0, 60), reach(1, 80), reach(7, 1)]);
        assert_eq!(watermark.as_of(at(100)), at(60));
        watermark.replace(&[]);
        assert_eq!(
            watermark.as_of(at(100)),
            at(60),
            "an empty post changes nothing"
        );
    }
}
