//! How far the figures reach: everything received before `as_of` is visible in them.
//!
//! Each partition's reader posts the receive time of its first record that is not visible yet, or,
//! when it had read everything, the moment at which it looked. The least of these is the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::id::PartitionId;
use crate::time::Timestamp;

/// How far the figures reach in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionReach {
    /// The partition.
    pub partition: PartitionId,
    /// How many partitions the log has.
    pub partitions: u32,
    /// Everything in the partition received before this instant is visible.
    pub reached: Timestamp,
}

/// What a collector writes into every partition each second: how far its own records are complete.
///
/// Collectors spool while the log is away, and then write records that they received long before;
/// so the end of a partition alone does not say up to when its records are all there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorMark {
    /// The collector: the same as long as it has the same spool.
    pub collector: String,
    /// Every record that it received before this instant stands before the mark.
    pub reached: Timestamp,
    /// When the mark was written, by the collector's clock.
    pub written_at: Timestamp,
    /// What the collector is at.
    pub state: CollectorState,
}

/// What a collector is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CollectorState {
    /// Its records go into the log as they come.
    Direct,
    /// Records wait in its spool.
    Spooling,
    /// It has ended and left nothing behind: its last mark.
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

    /// Returns the state of that name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Direct, Self::Spooling, Self::Retired]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// The watermark of a process, shared by the readers that move it and the API that shows it.
#[derive(Debug, Clone)]
pub struct Watermark {
    partitions: Arc<[AtomicI64]>,
}

impl Watermark {
    /// Makes a watermark over `partitions` partitions, all at the epoch until they are posted.
    #[must_use]
    pub fn new(partitions: usize) -> Self {
        Self {
            partitions: (0..partitions).map(|_| AtomicI64::new(0)).collect(),
        }
    }

    /// Records that everything in partition number `index` received before `reached` is visible.
    ///
    /// An index past the last partition is ignored.
    pub fn post(&self, index: usize, reached: Timestamp) {
        if let Some(cell) = self.partitions.get(index) {
            cell.store(reached.as_millis(), Ordering::Release);
        }
    }

    /// Returns the instant before which every received event is visible, at most `now`.
    #[must_use]
    pub fn as_of(&self, now: Timestamp) -> Timestamp {
        self.partitions
            .iter()
            .map(|cell| Timestamp::from_millis(cell.load(Ordering::Acquire)))
            .fold(now, Timestamp::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_partition_holds_the_watermark_back() {
        let at = Timestamp::from_millis;
        let watermark = Watermark::new(2);
        assert_eq!(watermark.as_of(at(100)), at(0));
        watermark.post(0, at(90));
        watermark.post(1, at(70));
        watermark.post(9, at(1));
        assert_eq!(watermark.as_of(at(100)), at(70));
        watermark.post(1, at(200));
        assert_eq!(watermark.as_of(at(100)), at(90));
    }
}
