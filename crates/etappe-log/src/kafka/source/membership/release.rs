//! Takes partitions from the application before they go back to the group.

use std::sync::Arc;

use etappe_core::id::PartitionId;
use tokio::time::Instant;

use super::{Member, POLL, RELEASED_WITHIN};
use crate::kafka::source::assignment::Assignment;

impl Member {
    /// Has the application release partitions, and ends their assignments. For lost ones nothing is
    /// committed from the start.
    pub(super) fn take_back(
        &self,
        partitions: &[PartitionId],
        are_lost: bool,
    ) -> Vec<Arc<Assignment>> {
        self.inner
            .metrics
            .record_revoked(partitions.len(), are_lost);
        let assignments = self.revoke(partitions);
        if are_lost {
            for assignment in &assignments {
                assignment.committer.close();
            }
        }
        self.wait_until_released(partitions);
        for assignment in &assignments {
            assignment.end();
        }
        assignments
    }

    fn revoke(&self, partitions: &[PartitionId]) -> Vec<Arc<Assignment>> {
        let mut holdings = self.inner.holdings.lock();
        let mut assignments = Vec::new();
        for partition in partitions {
            assignments.extend(holdings.find(*partition).map(Arc::clone));
            holdings.revoke(*partition);
        }
        drop(holdings);
        self.inner.told.notify_one();
        assignments
    }

    fn wait_until_released(&self, partitions: &[PartitionId]) {
        let deadline = Instant::now() + RELEASED_WITHIN;
        let mut holdings = self.inner.holdings.lock();
        loop {
            self.inner.freeze_detector.beat();
            let is_leaving = partitions.iter().any(|it| holdings.is_leaving(*it));
            if !is_leaving || self.is_closing() || Instant::now() > deadline {
                break;
            }
            self.inner.released.wait_for(&mut holdings, POLL);
        }
        for partition in partitions {
            if holdings.is_leaving(*partition) {
                tracing::warn!(
                    partition = partition.0,
                    "the partition was not released in time and goes back to the group anyway"
                );
            }
            holdings.give_up_waiting(*partition);
        }
        self.inner.metrics.set_held(holdings.assigned());
    }
}
