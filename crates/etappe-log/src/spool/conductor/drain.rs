//! Bringing the spool to Kafka, a part at a time: read, hand over, wait, commit.
//!
//! Progress is committed after delivery, up to the first record that was not delivered. What comes
//! after that one may be in Kafka already and is handed over again, in the same order.

use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{LogRecord, OutgoingRecord, Progress, ReadRequest, RecordSource as _};

use super::Conductor;
use crate::kafka::delivery::Outcome;
use crate::spool::entry;
use crate::spool::relay::Relay;

/// How many bytes are brought at once: enough to keep the brokers busy, and a bound on memory.
const PART_BYTES: usize = 2 << 20;
/// The spool's only partition.
const PARTITION: PartitionId = PartitionId(0);

/// What a step of draining came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There was nothing in the spool.
    Empty,
    /// A part was delivered.
    Moved {
        /// How many records are left.
        left: u64,
    },
    /// Not all of a part could be delivered.
    Stuck,
}

impl<R: Relay> Conductor<R> {
    /// Delivers the next part of the spool within `patience`.
    pub(super) async fn drain_step(&mut self, patience: Duration) -> Step {
        let (next, end) = self.shared.positions();
        if next >= end {
            return Step::Empty;
        }
        let request = ReadRequest {
            from: next,
            until: None,
            max_bytes: PART_BYTES,
            wait: Duration::ZERO,
        };
        let read = match self.shared.reader.read(PARTITION, request).await {
            Ok(read) => read,
            Err(error) => return self.stuck(format!("the spool cannot be read: {error}")),
        };
        let records = decode(&read);
        self.floor = records.first().map(|record| record.received_at);
        let delivery = self.shared.relay.hand_over(&records);
        let is_delivered = self.completed(&delivery, patience).await;
        let delivered = delivery
            .outcomes()
            .take_while(|outcome| *outcome == Outcome::Delivered)
            .count();
        // Where nothing is left to read there was only a gap.
        let reached = match read.get(delivered) {
            Some(first) => first.offset,
            None => read.last().map_or(end, |last| last.offset.next()),
        };
        if reached > next && !self.commit(reached).await {
            return Step::Stuck;
        }
        self.shared.metrics.drained.inc_by(delivered as u64);
        if is_delivered {
            self.shared.lock_stuck().take();
            let (next, end) = self.shared.positions();
            return Step::Moved {
                left: end.0 - next.0,
            };
        }
        match delivery.outcomes().nth(delivered) {
            Some(Outcome::TooLarge) => {
                let size = records[delivered].payload.len();
                self.stuck(format!(
                    "a record of {size} bytes is larger than `kafka.max_record_bytes`: raise it"
                ))
            }
            // The queue is smaller than a part: the rest goes with the next one.
            Some(Outcome::QueueFull) if delivered > 0 => Step::Moved {
                left: end.0 - reached.0,
            },
            Some(_) | None => {
                self.shared.lock_stuck().take();
                Step::Stuck
            }
        }
    }

    fn stuck(&self, reason: String) -> Step {
        let mut stuck = self.shared.lock_stuck();
        if stuck.as_ref() != Some(&reason) {
            tracing::error!(reason, "the spool is not drained");
        }
        *stuck = Some(reason);
        Step::Stuck
    }

    async fn commit(&self, next: Offset) -> bool {
        let progress = Progress {
            next,
            pending: None,
        };
        match self.source.commit(PARTITION, progress).await {
            Ok(()) => true,
            Err(error) => {
                self.stuck(format!("the spool's progress cannot be stored: {error}"));
                false
            }
        }
    }
}

/// Returns the records of the entries.
fn decode(entries: &[LogRecord]) -> Vec<OutgoingRecord> {
    entries
        .iter()
        .map(|record| entry::decode(&record.payload).expect("the spool holds what was put into it"))
        .collect()
}
