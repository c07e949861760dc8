//! Tracks a partition's watermark and its silent collectors.
//!
//! The posted watermark is the earlier of two instants: the receipt time of the first record that
//! is not visible yet, and the minimum of the collectors' marks. A mark counts once it is stored,
//! because everything before it is visible then.

use std::collections::BTreeMap;
use std::sync::Arc;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorMark, Collectors, SilentCollector, Watermark};
use parking_lot::Mutex;

use crate::batch::PlacedMark;
use crate::metrics::ClassifierMetrics;

/// The silent collectors of all partitions of this process; clones share them.
#[derive(Debug, Clone, Default)]
pub struct CollectorWatch(Arc<Mutex<BTreeMap<PartitionId, Vec<SilentCollector>>>>);

impl CollectorWatch {
    /// Returns the collectors that have been silent for a while, each once, ordered by name. Those
    /// that hold the figures back do so until they return or are retired.
    #[must_use]
    pub fn silent(&self) -> Vec<SilentCollector> {
        let mut all: BTreeMap<String, SilentCollector> = BTreeMap::new();
        for silent in self.0.lock().values().flatten() {
            let entry = all
                .entry(silent.collector.clone())
                .or_insert_with(|| silent.clone());
            entry.holds |= silent.holds;
            entry.last_heard = entry.last_heard.max(silent.last_heard);
        }
        all.into_values().collect()
    }
}

/// Where a partition's watermark and silent collectors are published.
#[derive(Debug, Clone)]
pub(crate) struct ReachOutlets {
    pub(crate) watermark: Watermark,
    pub(crate) watch: CollectorWatch,
    pub(crate) metrics: ClassifierMetrics,
}

impl ReachOutlets {
    /// Withdraws what was published for a partition that another process now works on.
    pub(crate) fn withdraw(&self, partition: PartitionId) {
        self.watermark.withdraw(partition);
        self.watch.0.lock().remove(&partition);
        self.metrics.forget(partition);
    }
}

/// The watermark of one partition.
#[derive(Debug)]
pub(crate) struct ReachTracker {
    partition: PartitionId,
    outlets: ReachOutlets,
    collectors: Collectors,
    /// Marks below this offset have been applied.
    next: Offset,
    /// The first offset of what is being stored again, while that lasts.
    again_from: Option<Offset>,
}

impl ReachTracker {
    pub(crate) fn new(partition: PartitionId, outlets: ReachOutlets) -> Self {
        Self {
            partition,
            outlets,
            collectors: Collectors::default(),
            next: Offset(0),
            again_from: None,
        }
    }

    /// Notes from where on rows are stored again; `None` once that is done. Until then nothing from
    /// there on counts as settled.
    pub(crate) fn stores_again(&mut self, from: Option<Offset>) {
        self.again_from = from;
    }

    /// Restores the marks that are stored before `next`.
    pub(crate) fn restore(&mut self, marks: Vec<CollectorMark>, next: Offset) {
        self.collectors = Collectors::restore(marks);
        self.next = next;
    }

    /// Applies the marks before `next`, which are stored now.
    pub(crate) fn stored(&mut self, marks: &[PlacedMark], next: Offset) {
        let stored = |placed: &&PlacedMark| (self.next..next).contains(&placed.offset);
        let stored: Vec<&PlacedMark> = marks.iter().filter(stored).collect();
        for placed in stored {
            self.collectors.heard(placed.mark.clone());
        }
        self.next = self.next.max(next);
        self.show_silent();
    }

    /// Reports that everything is visible up to a message received at `oldest`, if there is one.
    pub(crate) fn waiting(&self, oldest: Option<Timestamp>) {
        let reached = [oldest, self.collectors.reached()].into_iter().flatten();
        if let Some(reached) = reached.min() {
            self.post(reached);
        }
    }

    /// Reports that everything in the log at `looked_at` is visible.
    pub(crate) fn caught_up(&mut self, looked_at: Timestamp) {
        self.collectors.looked(looked_at);
        self.show_silent();
        // Without collectors that write marks, no events exist outside the log.
        self.post(self.collectors.reached().unwrap_or(looked_at));
    }

    fn post(&self, reached: Timestamp) {
        let index = usize::try_from(self.partition.0).unwrap_or(usize::MAX);
        let settled = self
            .again_from
            .map_or(self.next, |from| from.min(self.next));
        self.outlets.watermark.post(index, reached, settled);
    }

    fn show_silent(&self) {
        let silent = self.collectors.silent();
        let mut all = self.outlets.watch.0.lock();
        let before = all.get(&self.partition).map_or(&[][..], Vec::as_slice);
        if before == silent {
            return;
        }
        for new in &silent {
            if before.iter().any(|old| old.collector == new.collector) {
                continue;
            }
            tracing::warn!(
                partition = self.partition.0,
                collector = new.collector,
                last_heard = %new.last_heard,
                holds = new.holds,
                "collector is silent: if it holds, the watermark waits for it"
            );
        }
        let holding = silent.iter().filter(|silent| silent.holds).count();
        self.outlets
            .metrics
            .set_silent_collectors(self.partition, silent.len(), holding);
        all.insert(self.partition, silent);
    }
}
