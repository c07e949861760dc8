//! Drains the spool to Kafka one part at a time: read, hand over, wait, commit.
//!
//! Invariant: progress never passes an undelivered record. It is committed after delivery, up to
//! the first record that was not delivered.
//!
//! Trap: records after that one may already be in Kafka. They are handed over again, in the same
//! order.

use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{LogRecord, OutgoingRecord, Progress, ReadRequest, RecordSource as _};
use tokio::sync::OwnedRwLockWriteGuard;
use tokio::time::{Instant, timeout, timeout_at};

use super::{FINISH_PATIENCE, PURGE_PATIENCE, SpoolTask};
use crate::kafka::delivery::{Delivery, DeliveryStatus, Outcome};
use crate::kafka::relay::Relay;
use crate::spool::entry;
use crate::spool::spooler::Mode;

/// The size of a part in bytes: large enough to keep the brokers busy, small enough to bound
/// memory.
const PART_BYTES: usize = 2 << 20;
/// The spool's only partition.
const PARTITION: PartitionId = PartitionId(0);

/// The result of one draining step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The spool was empty.
    Empty,
    /// A part was delivered.
    Moved {
        /// How many records are left.
        left: u64,
    },
    /// Some of a part could not be delivered.
    Stuck,
}

/// The closed gate, while the rest of the spool is drained.
#[derive(Debug)]
pub(super) struct Hold {
    /// The gate, until it is released.
    gate: Option<OwnedRwLockWriteGuard<Mode>>,
    /// When the senders have waited long enough.
    until: Instant,
}

impl<R: Relay> SpoolTask<R> {
    /// Drains the rest of the spool with the gate closed, and returns to direct mode.
    pub(super) async fn finish_draining(&mut self) {
        let mut hold = Hold {
            gate: Some(Arc::clone(&self.shared.gate).write_owned().await),
            until: Instant::now() + FINISH_PATIENCE,
        };
        let patience = self.shared.relay.delivery_timeout();
        loop {
            let step = self.drain_step(patience, Some(&mut hold)).await;
            match (step, &mut hold.gate) {
                (Step::Empty, Some(gate)) => {
                    self.open(gate, Mode::Direct);
                    tracing::info!("the spool is empty, events go to Kafka again");
                    return;
                }
                (Step::Moved { .. }, Some(_)) if Instant::now() < hold.until => {}
                _ => return,
            }
        }
    }

    /// Waits until `delivery` is complete, and returns whether all of it was delivered. If a record
    /// still waits after `patience` or was given up, everything in the client is purged.
    pub(super) async fn completed(
        &self,
        delivery: &Delivery,
        patience: Duration,
        hold: Option<&mut Hold>,
    ) -> bool {
        let completed = async {
            if let Some(hold) = hold
                && timeout_at(hold.until, delivery.completed()).await.is_err()
            {
                // Senders have waited long enough. The records in flight are not purged for that,
                // because they would be sent twice.
                hold.gate = None;
            }
            tokio::select! {
                () = delivery.completed() => {}
                // On shutdown, wait only a short while.
                () = async {
                    self.shared.closing.cancelled().await;
                    tokio::time::sleep(FINISH_PATIENCE).await;
                } => {}
            }
        };
        timeout(patience, completed).await.ok();
        // Records refused before they were sent are no reason to purge the others.
        if delivery.status() != DeliveryStatus::Settled {
            self.shared.relay.purge();
            timeout(PURGE_PATIENCE, delivery.completed()).await.ok();
        }
        let mut outcomes = delivery.outcomes();
        outcomes.all(|outcome| outcome == Outcome::Delivered)
    }

    /// Delivers the next part of the spool within `patience`. Releases a held gate if the delivery
    /// takes longer than the gate may be held.
    pub(super) async fn drain_step(&mut self, patience: Duration, hold: Option<&mut Hold>) -> Step {
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
        // Send nothing behind a record that Kafka never accepts: it would be sent again on every
        // attempt.
        let limit = self.shared.relay.max_record_bytes();
        let is_taken = |record: &&OutgoingRecord| record.payload.len() <= limit;
        let taken = records.iter().take_while(is_taken).count();
        if let Some(first) = records.first().filter(|_| taken == 0) {
            return self.stuck(too_large(first));
        }
        let delivery = self.shared.relay.hand_over(&records[..taken]);
        let is_delivered = self.completed(&delivery, patience, hold).await;
        let delivered = delivery
            .outcomes()
            .take_while(|outcome| *outcome == Outcome::Delivered)
            .count();
        // If the read returned nothing, there was only a gap up to the end.
        let reached = match read.get(delivered) {
            Some(first) => first.offset,
            None => read.last().map_or(end, |last| last.offset.next()),
        };
        if reached > next && !self.commit(reached).await {
            return Step::Stuck;
        }
        self.shared.metrics.drained.inc_by(delivered as u64);
        if is_delivered {
            self.shared.stuck.lock().take();
            let (next, end) = self.shared.positions();
            return Step::Moved {
                left: end.0 - next.0,
            };
        }
        match delivery.outcomes().nth(delivered) {
            Some(Outcome::TooLarge) => self.stuck(too_large(&records[delivered])),
            // The client's queue is smaller than a part. The rest goes with the next part.
            Some(Outcome::QueueFull) if delivered > 0 => Step::Moved {
                left: end.0 - reached.0,
            },
            Some(_) | None => {
                self.shared.stuck.lock().take();
                Step::Stuck
            }
        }
    }

    fn stuck(&self, reason: String) -> Step {
        let mut stuck = self.shared.stuck.lock();
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

fn too_large(record: &OutgoingRecord) -> String {
    let size = record.payload.len();
    format!("a record of {size} bytes is larger than `kafka.max_record_bytes`: raise it")
}

/// Decodes the entries.
fn decode(entries: &[LogRecord]) -> Vec<OutgoingRecord> {
    entries
        .iter()
        .map(|record| entry::decode(&record.payload).expect("the spool holds what was put into it"))
        .collect()
}
