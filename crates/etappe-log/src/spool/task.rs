//! The task that decides where records go. It watches Kafka, switches to the spool, drains it, and
//! writes the collector's marks.
//!
//! Invariant: the mode changes only while the gate is closed, so no record can overtake another.
//! Senders wait at a closed gate.
//!
//! - Switching to the spool: close the gate; purge the client's queue; append the undelivered
//!   records to the spool in order of receipt; open the gate in spooling mode.
//! - Switching back: drain until the rest is small, and prove with a mark that Kafka works if
//!   nothing is left; close the gate; deliver the rest; open the gate in direct mode. If the rest
//!   takes too long, the gate opens in spooling mode again.
//!
//! Traps:
//!
//! - A record that was given up may reach Kafka all the same. Its copy from the spool then arrives
//!   later, in the same order.
//! - If the spool refuses a record while switching, all later records of the switch are refused
//!   too. Otherwise they would overtake it when its sender tries again.

mod drain;
mod marks;
mod watch;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etappe_core::ports::{EventPublisher as _, OutgoingRecord, PublishError};
use etappe_core::time::Timestamp;
use etappe_core::watermark::CollectorState;
use etappe_runtime::backoff::Backoff;
use tokio::sync::OwnedRwLockWriteGuard;
use tokio::time::Instant;

use self::drain::Step;
use self::marks::Marks;
use super::calls::CallKey;
use super::decision::Attention;
use super::spooler::{Mode, PendingSend, Shared, entries};
use crate::kafka::delivery::{DeliveryStatus, Outcome};
use crate::kafka::relay::Relay;
use crate::local::{LocalLog, LocalSource};

/// How long to wait for the delivery reports of purged records.
const PURGE_PATIENCE: Duration = Duration::from_secs(2);
/// How long draining the rest of the spool may keep the gate closed.
const FINISH_PATIENCE: Duration = Duration::from_secs(1);
/// The gate is closed for the rest of the spool once no more records than this are left.
const FINISH_RECORDS: u64 = 5_000;
/// How long records in flight may take on shutdown.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// How many bytes are appended to the spool at a time when switching.
const APPEND_BYTES: usize = 4 << 20;
/// The pauses after failures.
const BACKOFF: Backoff =
    Backoff::new(Duration::from_millis(100), Duration::from_secs(1)).without_jitter();

/// The task's state.
pub(super) struct SpoolTask<R: Relay> {
    shared: Arc<Shared<R>>,
    log: Option<LocalLog>,
    source: LocalSource,
    marks: Marks,
    /// A lower bound on the receive times in the spool, taken from a record at or before its first
    /// one. `None` until one was read.
    floor: Option<Timestamp>,
    backoff: Backoff,
    /// Detects freezes of this process.
    attention: Attention,
}

impl<R: Relay> Drop for SpoolTask<R> {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Release);
    }
}

impl<R: Relay> SpoolTask<R> {
    /// Creates the task of a spool.
    pub(super) fn new(shared: Arc<Shared<R>>, log: LocalLog, mark_interval: Duration) -> Self {
        Self {
            source: log.source(),
            log: Some(log),
            marks: Marks::every(mark_interval),
            floor: None,
            backoff: BACKOFF,
            attention: Attention::new(Instant::now().into_std()),
            shared,
        }
    }

    /// Runs until it is asked to end.
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
        // A full queue seen before the switch says nothing about the time after it.
        self.shared.queue_was_full.store(false, Ordering::Release);
        let is_spooling = mode == Mode::Spooling;
        self.shared
            .is_spooling
            .store(is_spooling, Ordering::Release);
        self.shared.metrics.spooling.set(i64::from(is_spooling));
    }

    /// Purges the Kafka client, appends the undelivered records to the spool, and reports the
    /// result to their senders. Returns how many records went to the spool. The gate must be
    /// closed.
    async fn spool_pending_sends(&mut self) -> usize {
        self.shared.relay.purge();
        let pending_sends = self.shared.lock_calls().pending_sends();
        let deadline = Instant::now() + PURGE_PATIENCE;
        for (_, pending) in &pending_sends {
            // A record without an outcome by then counts as given up. If it is delivered later,
            // that only makes a duplicate.
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
                // Later records must not overtake the refused ones.
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

    /// Appends the undelivered records of `pending_sends` and returns their number.
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

    /// Delivers a part of the spool to Kafka, and returns to direct mode when nothing is left.
    async fn drain(&mut self) {
        self.write_mark_if_due();
        let patience = self.shared.relay.delivery_timeout();
        let is_near_end = match self.drain_step(patience, None).await {
            Step::Empty => self.probe(patience).await,
            Step::Moved { left } => {
                self.backoff.reset();
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

    /// Sends a mark while the spool is empty, and returns whether Kafka accepted it.
    async fn probe(&mut self, patience: Duration) -> bool {
        let state = CollectorState::Direct;
        let probe = self.write_mark(state);
        let has_passed = self.completed(&probe, patience, None).await;
        if !has_passed {
            self.rest().await;
        }
        has_passed
    }

    /// Waits after a failure, longer each time.
    async fn rest(&mut self) {
        tokio::select! {
            () = self.backoff.pause() => {}
            () = self.shared.closing.cancelled() => {}
        }
    }

    /// Waits until `deadline` for the pending sends. The undelivered rest then goes to the spool.
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

    /// Brings the records in flight to Kafka or to the spool, writes the last mark and closes both.
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
