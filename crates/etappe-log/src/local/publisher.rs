//! The publishing side of the local log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::{EventPublisher, OutgoingRecord, PublishError};
use tokio::sync::oneshot;

use super::Inner;
use super::queue::{Refusal, Submission};
use crate::metrics::{RefusalReason, as_gauge};

/// The retry delay sent while more is published than the disk can write.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(1);

/// Publishes records to the local log. Clones publish to the same log.
#[derive(Debug, Clone)]
pub struct LocalPublisher {
    inner: Arc<Inner>,
}

/// The records of a call for one partition, and their positions in the call.
#[derive(Debug, Default)]
struct Share {
    payloads: Vec<Bytes>,
    indexes: Vec<usize>,
}

impl LocalPublisher {
    pub(crate) const fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Returns why events are refused, if they are. Used by the readiness report.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let mut partitions = self.inner.partitions.iter();
        partitions.find_map(|shared| shared.problem())
    }

    /// Splits `records` by partition. A record that is too large gets its outcome at once.
    fn split(
        &self,
        records: Vec<OutgoingRecord>,
        outcomes: &mut Vec<Result<(), PublishError>>,
    ) -> Vec<Share> {
        let limit = self.inner.config.max_record_bytes;
        let count = self.inner.partitions.len() as u64;
        let mut shares: Vec<Share> = (0..count).map(|_| Share::default()).collect();
        for (index, record) in records.into_iter().enumerate() {
            let size = record.payload.len();
            let partition =
                usize::try_from(record.key % count).expect("there are at most 64 partitions");
            if size > limit {
                let metrics = &self.inner.partitions[partition].metrics;
                metrics.record_refused(RefusalReason::TooLarge, 1);
                outcomes.push(Err(PublishError::TooLarge { size, limit }));
                continue;
            }
            outcomes.push(Ok(()));
            shares[partition].payloads.push(record.payload);
            shares[partition].indexes.push(index);
        }
        shares
    }

    /// Queues the records for a partition and returns the receiver of their outcome.
    fn submit(
        &self,
        partition: usize,
        payloads: Vec<Bytes>,
    ) -> Result<oneshot::Receiver<Result<(), PublishError>>, PublishError> {
        let shared = &self.inner.partitions[partition];
        let count = payloads.len();
        let (done, outcome) = oneshot::channel();
        match shared.queue.push(Submission { payloads, done }) {
            Ok(cost) => {
                let gauge = &shared.metrics.queue_bytes;
                gauge.add(as_gauge(cost as u64));
                Ok(outcome)
            }
            Err(refusal) => {
                let (reason, text) = match refusal {
                    Refusal::Full => (
                        RefusalReason::QueueFull,
                        "more is coming in than the disk takes",
                    ),
                    Refusal::Closed => (RefusalReason::Closed, "the log is closed"),
                };
                shared.metrics.record_refused(reason, count);
                Err(unavailable(text))
            }
        }
    }
}

impl EventPublisher for LocalPublisher {
    async fn publish(&self, records: Vec<OutgoingRecord>) -> Vec<Result<(), PublishError>> {
        let mut outcomes = Vec::with_capacity(records.len());
        let shares = self.split(records, &mut outcomes);
        let mut waiting = Vec::with_capacity(shares.len());
        for (partition, share) in shares.into_iter().enumerate() {
            if !share.payloads.is_empty() {
                waiting.push((share.indexes, self.submit(partition, share.payloads)));
            }
        }
        for (indexes, submitted) in waiting {
            let outcome = match submitted {
                Ok(outcome) => outcome
                    .await
                    .unwrap_or_else(|_| Err(unavailable("the writer of the log has stopped"))),
                Err(refused) => Err(refused),
            };
            if outcome.is_err() {
                for index in indexes {
                    outcomes[index].clone_from(&outcome);
                }
            }
        }
        outcomes
    }

    fn fullness(&self) -> f64 {
        let (config, disk) = (&self.inner.config, &self.inner.disk);
        let partitions = self.inner.partitions.iter();
        let used = partitions.map(|shared| shared.log.size().1).sum();
        // If the file system does not report its free space, the write will show.
        let free = disk.free_bytes(&config.directory).unwrap_or(u64::MAX);
        let room = free.saturating_sub(config.min_free_bytes);
        let bound = config.max_bytes.unwrap_or(u64::MAX);
        fullness(used, bound.min(room.saturating_add(used)))
    }
}

/// Returns the used share of `bound`.
#[expect(
    clippy::cast_precision_loss,
    reason = "a share need not be exact to the byte"
)]
fn fullness(used: u64, bound: u64) -> f64 {
    if used >= bound {
        1.0
    } else {
        used as f64 / bound as f64
    }
}

fn unavailable(reason: &str) -> PublishError {
    PublishError::Unavailable {
        reason: reason.to_owned(),
        retry_after: RETRY_AFTER_FULL,
    }
}

#[cfg(test)]
mod tests {
    use super::fullness;

    #[test]
    fn a_log_without_room_is_full_and_one_without_a_bound_is_empty() {
        for (used, bound, expected) in [
            (9, 10, 0.9),
            (10, 10, 1.0),
            // The disk is full before anything is in the log.
            (0, 0, 1.0),
            (1 << 30, u64::MAX, 0.0),
        ] {
            let is = fullness(used, bound);
            assert!((is - expected).abs() < 1e-9, "{used} of {bound}: {is}");
        }
    }
}
