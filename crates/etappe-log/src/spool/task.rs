//! The task that decides where records go: it watches Kafka, switches to the spool, drains it, and
//! writes the collector's marks.
//!
//! To the spool: the gate is closed, everything that waits is given up, what was not delivered is
//! appended in order of receipt, the gate opens onto the spool. Back: what is left of the spool is
//! small, the gate is closed, the rest is delivered, the gate opens onto Kafka. A record that was
//! given up may be in Kafka all the same; the copy from the spool then comes later, in the same
//! order.

mod drain;
mod marks;
mod watch;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etappe_core::ports::{EventPublisher as _, OutgoingRecord, PublishError};
use etappe_core::time::Timestamp;
use etappe_core::watermark::CollectorState;
use tokio::sync::OwnedRwLockWriteGuard;
use tokio::time::Instant;

use self::drain::Step;
use self::marks::Marks;
use super::calls::CallKey;
use super::decision::Attention;
use super::relay::Relay;
use super::spooler::{Mode, PendingSend, Shared, entries};
use crate::kafka::delivery::{DeliveryStatus, Outcome};
use crate::local::{LocalLog, LocalSource};

/// How long the reports of what was given up may take.
const PURGE_PATIENCE: Duration = Duration::from_secs(2);
/// How long the last of the spool may hold the gate.
const FINISH_PATIENCE: Duration = Duration::from_secs(1);
/// The gate is closed for the last of the spool when so many records are left.
const FINISH_RECORDS: u64 = 5_000;
/// How long what is under way may take at the end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// How many bytes are appended to the spool at once when switching.
const APPEND_BYTES: usize = 4 << 20;
/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// The task's state.
pub(super) struct SpoolTask<R: Relay> {
    shared: Arc<Shared<R>>,
    log: Option<LocalLog>,
    source: LocalSource,
    marks: Marks,
    /// The floor of a record at or before the first one in the spool, if one was read.
    floor: Option<Timestamp>,
    pause: Duration,
    /// When Kafka was looked at.
    attention: Attention,
}

impl<R: Relay> Drop for SpoolTask<R> {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Release);
    }
}

impl<R: Relay> SpoolTask<R> {
    /// Makes the task of a spool.
    pub(super) fn new(shared: Arc<Shared<R>>, log: LocalLog, mark_interval: Duration) -> Self {
        Self {
            source: log.source(),
            log: Some(log),
            marks: Marks::every(mark_interval),
            floor: None,
            pause: PAUSES.0,
            attention: Attention::new(Instant::now().into_std()),
            shared,
        }
    }

    /// Works until it is asked to end.
    pub(super) async fn run(mut self) {
        let (next, end) = self.shared.positions();
        if next < end {
            tracing::info!(
                records = end.0 - next.0,
                "the spool is not empty and is drained first"
            );
        }
        while !self.shared.closing.is_cancelled() {
            self.record_figures();
            if self.shared.is_spooling.load(Ordering::Acquire) {
                self.drain().await;
            } else {
                self.watch().await;
            }
        }
        self.finish().await;
    }

    fn open(&self, gate: &mut OwnedRwLockWriteGuard<Mode>, mode: Mode) {
        **gate = mode;
        // What was noted before this says nothing of what comes.
        self.shared.queue_was_full.store(false, Ordering::Release);
        let is_spooling = mode == Mode::Spooling;
        self.shared
            .is_spooling
            .store(is_spooling, Ordering::Release);
        self.shared.metrics.spooling.set(i64::from(is_spooling));
    }

    /// Gives up everything that waits for Kafka, appends it to the spool, and tells its senders.
    /// Returns how many records went to the spool. The gate must be closed.
    async fn spool_pending_sends(&mut self) -> usize {
        self.shared.relay.purge();
        let pending_sends = self.shared.lock_calls().pending_sends();
        let deadline = Instant::now() + PURGE_PATIENCE;
        for (_, pending) in &pending_sends {
            // What is still not known then counts as given up; being delivered later is no harm.
            tokio::time::timeout_at(deadline, pending.delivery.completed())
                .await
                .ok();
        }
        let floor = self.shared.low();
        let mut refusal = None;
        let mut spooled = 0;
        for group in groups(&pending_sends) {
            let outcome = match &refusal {
                Some(refusal) => Err(PublishError::clone(refusal)),
                None => self.append(&group, floor).await,
            };
            match &outcome {
                Ok(records) => spooled += records,
                // What comes after must not overtake what was refused.
                Err(error) => refusal = Some(error.clone()),
            }
            let outcome = outcome.map(|_| ());
            let mut calls = self.shared.lock_calls();
            for (key, pending) in group {
                pending.spooled.set(outcome.clone()).ok();
                calls.end(*key);
            }
        }
        spooled
    }

    /// Appends what was not delivered of `pending_sends` and returns how many records that were.
    async fn append(
        &self,
        pending_sends: &[&(CallKey, Arc<PendingSend>)],
        floor: Timestamp,
    ) -> Result<usize, PublishError> {
        let undelivered = pending_sends
            .iter()
            .flat_map(|(_, pending)| undelivered(pending));
        let entries = entries(undelivered, floor);
        let count = entries.len();
        let outcomes = self.shared.spool.publish(entries).await;
        outcomes.into_iter().collect::<Result<(), _>>()?;
        self.shared.metrics.spooled.inc_by(count as u64);
        Ok(count)
    }

    /// Brings a part of the spool to Kafka, and returns to it when nothing is left.
    async fn drain(&mut self) {
        self.write_mark_if_due();
        let patience = self.shared.relay.delivery_timeout();
        let is_near_end = match self.drain_step(patience, None).await {
            Step::Empty => self.probe(patience).await,
            Step::Moved { left } => {
                self.pause = PAUSES.0;
                left <= FINISH_RECORDS
            }
            Step::Stuck => {
                self.rest().await;
                false
            }
        };
        if is_near_end && !self.shared.closing.is_cancelled() {
            self.finish_draining().await;
        }
    }

    /// Asks Kafka to take something while the spool is empty, and returns whether it did.
    async fn probe(&mut self, patience: Duration) -> bool {
        let state = CollectorState::Direct;
        let probe = self.write_mark(state);
        let has_passed = self.completed(&probe, patience, None).await;
        if !has_passed {
            self.rest().await;
        }
        has_passed
    }

    /// Waits a while after a failure, longer each time.
    async fn rest(&mut self) {
        tokio::select! {
            () = tokio::time::sleep(self.pause) => {}
            () = self.shared.closing.cancelled() => {}
        }
        self.pause = (self.pause * 2).min(PAUSES.1);
    }

    /// Waits until `deadline` for what was handed to Kafka; what is left then goes to the spool.
    async fn settle(&mut self, deadline: Instant) {
        let pending_sends = self.shared.lock_calls().pending_sends();
        for (_, pending) in &pending_sends {
            tokio::time::timeout_at(deadline, pending.delivery.completed())
                .await
                .ok();
        }
        let is_settled =
            |it: &(CallKey, Arc<PendingSend>)| it.1.delivery.status() == DeliveryStatus::Settled;
        if !pending_sends.iter().all(is_settled) {
            self.spool_pending_sends().await;
        }
    }

    /// Brings what is under way to Kafka or to the spool, writes the last mark, closes both.
    async fn finish(&mut self) {
        let mut gate = Arc::clone(&self.shared.gate).write_owned().await;
        let patience = if self.shared.relay.is_away() {
            Duration::ZERO
        } else {
            CLOSE_PATIENCE
        };
        let deadline = Instant::now() + patience;
        match *gate {
            Mode::Direct => self.settle(deadline).await,
            Mode::Spooling => {
                while Instant::now() < deadline
                    && let Step::Moved { .. } = self.drain_step(FINISH_PATIENCE, None).await
                {
                }
            }
            Mode::Closed => {}
        }
        *gate = Mode::Closed;
        drop(gate);
        let (next, end) = self.shared.positions();
        let state = if next < end {
            tracing::warn!(
                records = end.0 - next.0,
                "events stay in the spool for the next start"
            );
            CollectorState::Spooling
        } else {
            CollectorState::Retired
        };
        let last = self.write_mark(state);
        if !self.completed(&last, PURGE_PATIENCE, None).await {
            tracing::warn!("the last mark could not be written");
        }
        self.shared.relay.close().await;
        if let Some(log) = self.log.take()
            && let Err(error) = log.close().await
        {
            tracing::warn!(%error, "the spool was not closed properly");
        }
    }
}

/// Returns the records of a pending send that Kafka may not have.
fn undelivered(pending: &PendingSend) -> impl Iterator<Item = &OutgoingRecord> {
    let outcomes = pending.delivery.outcomes();
    pending
        .records
        .iter()
        .zip(outcomes)
        .filter(|(_, outcome)| matches!(outcome, Outcome::Undelivered | Outcome::Waiting))
        .map(|(record, _)| record)
}

/// Splits pending sends into groups of about [`APPEND_BYTES`].
fn groups(pending_sends: &[(CallKey, Arc<PendingSend>)]) -> Vec<Vec<&(CallKey, Arc<PendingSend>)>> {
    let mut groups = Vec::new();
    let mut group = Vec::new();
    let mut bytes = 0;
    for entry in pending_sends {
        let size: usize = undelivered(&entry.1).map(|it| it.payload.len()).sum();
        if bytes + size > APPEND_BYTES && !group.is_empty() {
            groups.push(std::mem::take(&mut group));
            bytes = 0;
        }
        bytes += size;
        group.push(entry);
    }
    groups.push(group);
    groups
}
