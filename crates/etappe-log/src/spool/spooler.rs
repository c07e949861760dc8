//! The publishing side of the spool, and the state it shares with the task.
//!
//! Invariant: nothing goes to Kafka directly while a record is in the spool or on its way there. A
//! lock, the *gate*, holds the mode that says where records go. A publisher takes it for reading:
//! for a Kafka send until the records are handed to the client, for a spool append until they are
//! on disk. Only the task takes it for writing, so the mode changes only while no hand-over and no
//! append is running.
//!
//! Trap: the append runs in a task of its own. A caller that drops its future must not release the
//! gate before the append has finished.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use etappe_core::id::Offset;
use etappe_core::ports::{Clock, EventPublisher as _, OutgoingRecord, PublishError};
use etappe_core::time::Timestamp;
use etappe_core::watermark::CollectorMark;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, OwnedRwLockReadGuard, RwLock, SetOnce};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::calls::{CallKey, Calls, Survey};
use super::entry;
use crate::interleaving;
use crate::kafka::delivery::{Delivery, DeliveryStatus, Outcome};
use crate::kafka::relay::Relay;
use crate::local::{LocalPublisher, LocalReader};
use crate::metrics::spool::SpoolMetrics;

/// The retry delay sent with a refusal.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Returns the receive time of the oldest request that has not published yet.
pub(super) type OldestRequest = Box<dyn Fn() -> Option<Timestamp> + Send + Sync>;

/// Where records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// To Kafka. The spool is empty.
    Direct,
    /// To the spool.
    Spooling,
    /// Nowhere.
    Closed,
}

/// The records of a call that were handed to Kafka.
#[derive(Debug)]
pub(super) struct PendingSend {
    /// The records, in order.
    pub(super) records: Vec<OutgoingRecord>,
    /// The outcomes of the records.
    pub(super) delivery: Arc<Delivery>,
    /// Set once the records that were given up are in the spool, or the spool refused them.
    pub(super) spooled: SetOnce<Result<(), PublishError>>,
    /// When they were handed over.
    pub(super) since: Instant,
}

impl Calls<Arc<PendingSend>> {
    /// Ends the calls that are settled, and summarizes the others.
    pub(super) fn look(&mut self) -> Survey {
        self.survey(|pending| (pending.delivery.status(), pending.since.elapsed()))
    }
}

/// The state shared by the publishing side and the task.
pub(super) struct Shared<R> {
    /// Kafka.
    pub(super) relay: R,
    /// Appends to the spool.
    pub(super) spool: LocalPublisher,
    /// Reads the spool.
    pub(super) reader: LocalReader,
    /// The clock.
    pub(super) clock: Arc<dyn Clock>,
    /// The collector's id.
    pub(super) collector: String,
    /// Encodes a mark as a record.
    pub(super) encode_mark: fn(&CollectorMark) -> Bytes,
    /// The gate: where records go.
    pub(super) gate: Arc<RwLock<Mode>>,
    /// Whether the mode is [`Mode::Spooling`]. Readable without waiting for the gate.
    pub(super) is_spooling: AtomicBool,
    /// The calls in flight.
    pub(super) calls: Mutex<Calls<Arc<PendingSend>>>,
    /// Wakes the task.
    pub(super) wake: Notify,
    /// Whether the client's queue was full since the task last looked.
    pub(super) queue_was_full: AtomicBool,
    /// Why the spool is not draining, if the reason is other than Kafka.
    pub(super) stuck: Mutex<Option<String>>,
    /// Whether the task has ended.
    pub(super) has_ended: AtomicBool,
    /// Returns the receive time of the oldest request.
    pub(super) requests: OnceLock<OldestRequest>,
    /// The metrics.
    pub(super) metrics: SpoolMetrics,
    /// Asks the task to end.
    pub(super) closing: CancellationToken,
    /// The task, and the appends to the spool.
    pub(super) tasks: TaskTracker,
}

impl<R> Shared<R> {
    /// Locks the calls in flight.
    pub(super) fn lock_calls(&self) -> MutexGuard<'_, Calls<Arc<PendingSend>>> {
        interleaving::point();
        self.calls.lock()
    }

    /// Returns the instant before which every record received is durable or refused.
    pub(super) fn low(&self) -> Timestamp {
        // Read the clock first: a request or call that begins afterwards was received later than
        // `now`.
        let now = self.clock.now();
        let reading = self.requests.get().and_then(|oldest| oldest());
        let calls = self.lock_calls().low();
        [reading, calls].into_iter().flatten().fold(now, Ord::min)
    }

    /// Returns the first offset that was not drained, and the end of the spool.
    pub(super) fn positions(&self) -> (Offset, Offset) {
        let positions = self.reader.positions();
        positions
            .first()
            .map_or((Offset(0), Offset(0)), |it| (it.committed, it.end))
    }
}

/// A call in flight. Dropping this ends the call, unless its records were handed to Kafka.
struct Call<R: Relay> {
    shared: Arc<Shared<R>>,
    key: CallKey,
    has_departed: bool,
}

impl<R: Relay> Call<R> {
    fn begin(shared: &Arc<Shared<R>>, received_at: Timestamp) -> Self {
        Self {
            shared: Arc::clone(shared),
            key: shared.lock_calls().begin(received_at),
            has_departed: false,
        }
    }

    /// Hands the records to Kafka. From here on the call ends when every record has an outcome,
    /// whether or not the caller still waits.
    fn send(mut self, records: Vec<OutgoingRecord>) -> Arc<PendingSend> {
        let delivery = self.shared.relay.hand_over(&records);
        let pending = Arc::new(PendingSend {
            records,
            delivery,
            spooled: SetOnce::new(),
            since: Instant::now(),
        });
        self.has_departed = true;
        let mut calls = self.shared.lock_calls();
        calls.hand_over(self.key, Arc::clone(&pending));
        drop(calls);
        pending
    }
}

impl<R: Relay> Drop for Call<R> {
    fn drop(&mut self) {
        if !self.has_departed {
            self.shared.lock_calls().end(self.key);
        }
    }
}

/// The publishing side.
pub(super) struct Spooler<R> {
    pub(super) shared: Arc<Shared<R>>,
}

impl<R> Clone for Spooler<R> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<R: Relay> Spooler<R> {
    pub(super) fn watch_requests(&self, oldest: OldestRequest) {
        if self.shared.requests.set(oldest).is_err() {
            tracing::warn!("a function for the oldest request is already set");
        }
    }

    pub(super) fn collector(&self) -> &str {
        &self.shared.collector
    }

    pub(super) fn is_spooling(&self) -> bool {
        self.shared.is_spooling.load(Ordering::Acquire)
    }

    /// Returns the used share of the spool's capacity. It is close to 0 while the spool is empty.
    pub(super) fn fullness(&self) -> f64 {
        self.shared.spool.fullness()
    }

    pub(super) fn problem(&self) -> Option<String> {
        if self.shared.has_ended.load(Ordering::Acquire) {
            return Some("the collector's publisher is closed".to_owned());
        }
        self.is_spooling()
            .then(|| self.shared.spool.problem())
            .flatten()
    }

    pub(super) fn outage(&self) -> Option<String> {
        if !self.is_spooling() {
            return None;
        }
        let stuck = self.shared.stuck.lock().clone();
        let reason = stuck
            .or_else(|| self.shared.relay.problem())
            .unwrap_or_else(|| "the spool is being drained".to_owned());
        Some(format!("events go to the spool: {reason}"))
    }

    pub(super) async fn close(&self) {
        self.shared.closing.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    pub(super) async fn publish(
        &self,
        records: Vec<OutgoingRecord>,
    ) -> Vec<Result<(), PublishError>> {
        let Some(received_at) = records.iter().map(|record| record.received_at).min() else {
            return Vec::new();
        };
        let call = Call::begin(&self.shared, received_at);
        let gate = Arc::clone(&self.shared.gate).read_owned().await;
        if self.shared.has_ended.load(Ordering::Acquire) {
            return refuse_all(records.len());
        }
        match *gate {
            Mode::Direct => {
                let key = call.key;
                let pending = call.send(records);
                drop(gate);
                arrive(&self.shared, key, &pending).await
            }
            Mode::Spooling => {
                let count = records.len();
                // Spawn a task: a caller that drops its future must not release the gate before the
                // append ends.
                let appending = self.shared.tasks.spawn(append(gate, call, records));
                match appending.await {
                    Ok(outcomes) => outcomes,
                    Err(error) => match error.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        Err(_) => refuse_all(count),
                    },
                }
            }
            Mode::Closed => refuse_all(records.len()),
        }
    }
}

/// Waits until every record of a pending send is durable or refused.
async fn arrive<R: Relay>(
    shared: &Shared<R>,
    key: CallKey,
    pending: &PendingSend,
) -> Vec<Result<(), PublishError>> {
    tokio::select! {
        () = pending.delivery.completed() => {}
        _ = pending.spooled.wait() => {}
    }
    let has_full_queue = |outcome| outcome == Outcome::QueueFull;
    if pending.delivery.outcomes().any(has_full_queue) {
        shared.queue_was_full.store(true, Ordering::Release);
    }
    let spooled = if pending.delivery.status() == DeliveryStatus::Settled {
        &Ok(())
    } else {
        shared.wake.notify_one();
        pending.spooled.wait().await
    };
    shared.lock_calls().end(key);
    pending
        .records
        .iter()
        .zip(pending.delivery.outcomes())
        .map(|(record, outcome)| match outcome {
            Outcome::Undelivered | Outcome::Waiting => spooled.clone(),
            Outcome::Delivered | Outcome::TooLarge | Outcome::QueueFull => {
                shared.relay.result(record, outcome)
            }
        })
        .collect()
}

/// Appends the records of a call to the spool. Holds the gate until they are there.
async fn append<R: Relay>(
    gate: OwnedRwLockReadGuard<Mode>,
    call: Call<R>,
    records: Vec<OutgoingRecord>,
) -> Vec<Result<(), PublishError>> {
    let shared = Arc::clone(&call.shared);
    let limit = shared.relay.max_record_bytes();
    let is_taken = |record: &OutgoingRecord| record.payload.len() <= limit;
    let entries = entries(records.iter().filter(|it| is_taken(it)), shared.low());
    let mut appended = shared.spool.publish(entries).await.into_iter();
    let outcomes: Vec<_> = records
        .iter()
        .map(|record| {
            if is_taken(record) {
                appended
                    .next()
                    .expect("there is an outcome for every entry")
            } else {
                shared.relay.result(record, Outcome::TooLarge)
            }
        })
        .collect();
    let spooled = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    shared.metrics.spooled.inc_by(spooled as u64);
    // The call ends before the gate is released, and both happen after the records are on disk.
    drop(call);
    drop(gate);
    outcomes
}

/// Returns the spool entries of `records`.
pub(super) fn entries<'a>(
    records: impl Iterator<Item = &'a OutgoingRecord>,
    floor: Timestamp,
) -> Vec<OutgoingRecord> {
    records
        .map(|record| OutgoingRecord {
            key: 0,
            received_at: record.received_at,
            payload: entry::encode(record, floor),
        })
        .collect()
}

fn refuse_all(count: usize) -> Vec<Result<(), PublishError>> {
    let refusal = PublishError::Unavailable {
        reason: "the collector is shutting down".to_owned(),
        retry_after: RETRY_AFTER,
    };
    vec![Err(refusal); count]
}
