//! The collector's marks. Once a second, one is written to every partition. It states up to which
//! time the collector's records are complete.
//!
//! Invariant: in every partition, a mark follows all records received before its `reached`. Such a
//! record was either delivered before the mark was handed over, or it waits in the spool and holds
//! `reached` back.

use std::sync::Arc;
use std::time::Duration;

use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorMark, CollectorState};
use tokio::time::Instant;

use super::SpoolTask;
use crate::kafka::delivery::Delivery;
use crate::kafka::relay::Relay;
use crate::metrics::as_gauge;

/// The shortest wait. A mark can be due while the previous one is still in flight, and a wait of
/// zero would then spin.
const LEAST_WAIT: Duration = Duration::from_millis(10);

/// The marks written so far.
#[derive(Debug)]
pub(super) struct Marks {
    interval: Duration,
    due: Instant,
    last: Option<(Arc<Delivery>, Instant)>,
    /// The `reached` of the last mark. It is repeated while the spool has not been read.
    reached: Timestamp,
}

impl Marks {
    /// Makes the first mark due now, and each further one an `interval` after the last.
    pub(super) fn every(interval: Duration) -> Self {
        Self {
            interval,
            due: Instant::now(),
            last: None,
            reached: Timestamp::EPOCH,
        }
    }

    /// Returns the time until the next mark is due, at least [`LEAST_WAIT`].
    pub(super) fn due_in(&self) -> Duration {
        self.due
            .saturating_duration_since(Instant::now())
            .max(LEAST_WAIT)
    }

    /// Returns how long the last mark has been in flight; zero if it has an outcome.
    pub(super) fn waiting_for(&self) -> Duration {
        match &self.last {
            Some((delivery, since)) if !delivery.is_complete() => since.elapsed(),
            Some(_) | None => Duration::ZERO,
        }
    }
}

impl<R: Relay> SpoolTask<R> {
    /// Writes a mark if one is due, unless the last one is still in flight.
    pub(super) fn write_mark_if_due(&mut self) {
        let is_waiting = self.marks.waiting_for() > Duration::ZERO;
        if is_waiting || Instant::now() < self.marks.due {
            return;
        }
        let (next, end) = self.shared.positions();
        let is_unread = next < end && self.floor.is_none() && self.marks.last.is_none();
        if is_unread && self.shared.stuck.lock().is_none() {
            // The age of the spool's first record is not known before it is read, in a moment. A
            // mark without it would take the watermark back to 1970; until then the last mark of
            // the previous run holds it. A spool that cannot be read does hold it from 1970 on.
            return;
        }
        let state = if next < end {
            CollectorState::Spooling
        } else {
            CollectorState::Direct
        };
        // Its outcome is checked before the next mark.
        drop(self.write_mark(state));
    }

    /// Writes a mark and returns its delivery.
    pub(super) fn write_mark(&mut self, state: CollectorState) -> Arc<Delivery> {
        let written_at = self.shared.clock.now();
        let mark = CollectorMark {
            collector: self.shared.collector.clone(),
            reached: self.reached(),
            written_at,
            state,
        };
        self.marks.reached = mark.reached;
        let payload = (self.shared.encode_mark)(&mark);
        let delivery = self.shared.relay.hand_over_everywhere(&payload);
        let now = Instant::now();
        self.marks.due = now + self.marks.interval;
        self.marks.last = Some((Arc::clone(&delivery), now));
        self.shared.metrics.marks.inc();
        delivery
    }

    /// Returns the instant before which every received record is in Kafka or refused.
    fn reached(&self) -> Timestamp {
        // Read the calls first: a call that ends between the two reads has left its records in the
        // spool.
        let low = self.shared.low();
        let (next, end) = self.shared.positions();
        if next >= end {
            low
        } else {
            low.min(self.floor.unwrap_or(self.marks.reached))
        }
    }

    /// Updates the spool's gauges.
    pub(super) fn record_figures(&self) {
        let (next, end) = self.shared.positions();
        let records = end.0.saturating_sub(next.0);
        let metrics = &self.shared.metrics;
        metrics.records.set(as_gauge(records));
        let age = match self.floor {
            Some(floor) if records > 0 => self.shared.clock.now().millis_since(floor).max(0),
            Some(_) | None => 0,
        };
        metrics.oldest_seconds.set(age / 1000);
    }
}
