//! The ranges to store again before anything new, because the database may have lost it.

use std::collections::BTreeMap;
use std::sync::Arc;

use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::Progress;
use parking_lot::Mutex;

use crate::replay::replayed_ranges;

/// The ranges still to be stored again in each partition. Clones share the state.
#[derive(Debug, Clone, Default)]
pub struct KafkaRewind {
    from: Arc<Mutex<BTreeMap<PartitionId, Offset>>>,
}

impl KafkaRewind {
    /// Replays each partition from the given offset on.
    pub(super) fn new(from: BTreeMap<PartitionId, Offset>) -> Self {
        Self {
            from: Arc::new(Mutex::new(from)),
        }
    }

    /// Returns the ranges of a partition to store again. Everything from `progress` on is stored
    /// anyway.
    pub(super) fn ranges(
        &self,
        partition: PartitionId,
        progress: Option<Progress>,
    ) -> Vec<OffsetRange> {
        let from = self.from.lock().get(&partition).copied();
        let bounds = from.zip(progress);
        let ranges = bounds.map(|(from, progress)| replayed_ranges(from, progress.next));
        ranges.into_iter().flatten().collect()
    }

    /// Records that a partition was stored again, as the first commit after its assignment states.
    pub(super) fn done(&self, partition: PartitionId) {
        self.from.lock().remove(&partition);
    }

    /// Returns whether nothing is left to store again.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.from.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use etappe_testkit::offsets::progress;

    use super::*;

    const PARTITION: PartitionId = PartitionId(1);

    #[test]
    fn ranges_follow_each_other_up_to_the_progress() {
        let rewind = KafkaRewind::new(BTreeMap::from([(PARTITION, Offset(5))]));
        let ranges = rewind.ranges(PARTITION, Some(progress(20_005, None)));
        let bounds: Vec<_> = ranges.iter().map(|it| (it.first.0, it.last.0)).collect();
        assert_eq!(bounds, [(5, 10_004), (10_005, 20_004)]);
        assert_eq!(rewind.ranges(PARTITION, Some(progress(6, None))).len(), 1);
        assert!(rewind.ranges(PARTITION, Some(progress(5, None))).is_empty());
        assert!(rewind.ranges(PARTITION, Some(progress(3, None))).is_empty());
        assert!(rewind.ranges(PARTITION, None).is_empty());
        assert!(
            rewind
                .ranges(PartitionId(0), Some(progress(9, None)))
                .is_empty()
        );
    }

    #[test]
    fn the_rewind_ends_once_every_partition_is_done() {
        let rewind = KafkaRewind::new(BTreeMap::from([(PARTITION, Offset(5))]));
        assert!(!rewind.is_over());
        rewind.done(PartitionId(0));
        assert!(!rewind.is_over());
        rewind.done(PARTITION);
        assert!(rewind.is_over());
        assert!(
            rewind
                .ranges(PARTITION, Some(progress(20, None)))
                .is_empty()
        );
    }
}
