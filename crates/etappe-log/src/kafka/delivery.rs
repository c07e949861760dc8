//! The outcomes of the records of one call: the link between a waiting call and the client's
//! reports, which arrive one by one.
//!
//! A report carries one number, the record's ticket: the call's slot in a table and the record's
//! place in the call. Publishing therefore costs nothing per record beyond the client's own work,
//! and the reports of a call are processed to the end even when nobody waits for it any more.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::interleaving;

/// The number of ticket bits for the place in the call.
const PLACE_BITS: u32 = 32;
const _: () = assert!(
    usize::BITS == 64,
    "a ticket has room for both of its numbers"
);

/// The outcome of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    /// Nothing is known yet.
    Waiting = 0,
    /// All in-sync replicas have it.
    Delivered = 1,
    /// It was given up. The brokers may have it or not.
    Undelivered = 2,
    /// It is larger than the log accepts.
    TooLarge = 3,
    /// It was never handed to the client, because too many records are waiting.
    QueueFull = 4,
}

impl Outcome {
    const fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Delivered,
            2 => Self::Undelivered,
            3 => Self::TooLarge,
            4 => Self::QueueFull,
            _ => Self::Waiting,
        }
    }
}

/// The status of a call at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryStatus {
    /// A record has no outcome yet.
    Waiting,
    /// Every record has an outcome, and nothing more needs to be done.
    Settled,
    /// Every record has an outcome, and some were given up.
    Failed,
}

/// The records of one call.
#[derive(Debug)]
pub(crate) struct Delivery {
    outcomes: Box<[AtomicU8]>,
    /// The number of records without an outcome, plus one while the call is still being handed
    /// over.
    remaining: AtomicUsize,
    done: Notify,
}

impl Delivery {
    fn new(records: usize) -> Self {
        Self {
            outcomes: (0..records).map(|_| AtomicU8::new(0)).collect(),
            remaining: AtomicUsize::new(records + 1),
            done: Notify::new(),
        }
    }

    /// Returns the outcome of the record at `place`.
    pub(crate) fn outcome(&self, place: usize) -> Outcome {
        interleaving::point();
        Outcome::from_byte(self.outcomes[place].load(Ordering::Acquire))
    }

    /// Returns the outcomes of the records, in order.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        (0..self.outcomes.len()).map(|place| self.outcome(place))
    }

    /// Returns whether every record has an outcome.
    pub(crate) fn is_complete(&self) -> bool {
        interleaving::point();
        self.remaining.load(Ordering::Acquire) == 0
    }

    /// Returns the status of the call. Reports keep arriving, so two looks may differ. Base each
    /// decision on one look.
    pub(crate) fn status(&self) -> DeliveryStatus {
        // Check completeness first: once all outcomes are there, they no longer change.
        if !self.is_complete() {
            DeliveryStatus::Waiting
        } else if self.outcomes().any(|it| it == Outcome::Undelivered) {
            DeliveryStatus::Failed
        } else {
            DeliveryStatus::Settled
        }
    }

    /// Waits until every record has an outcome. Cancellation-safe.
    pub(crate) async fn completed(&self) {
        let mut done = pin!(self.done.notified());
        // Register before the last check, or the notification could be missed.
        done.as_mut().enable();
        if !self.is_complete() {
            done.await;
        }
    }

    /// Stores a record's outcome and returns whether it was the last one.
    fn note(&self, place: usize, outcome: Outcome) -> bool {
        self.outcomes[place].store(outcome as u8, Ordering::Release);
        self.count_down()
    }

    fn count_down(&self) -> bool {
        let was_last = self.remaining.fetch_sub(1, Ordering::AcqRel) == 1;
        if was_last {
            self.done.notify_waiters();
        }
        was_last
    }
}

/// The calls that wait for reports.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    calls: Vec<Option<Arc<Delivery>>>,
    free: Vec<usize>,
}

/// A call that is being handed over.
#[derive(Debug)]
pub(crate) struct Handover<'a> {
    deliveries: &'a Deliveries,
    slot: usize,
    delivery: Arc<Delivery>,
}

impl Deliveries {
    /// Begins a call of `records` records.
    pub(crate) fn begin(&self, records: usize) -> Handover<'_> {
        let delivery = Arc::new(Delivery::new(records));
        let mut slots = self.slots.lock();
        let slot = match slots.free.pop() {
            Some(slot) => {
                slots.calls[slot] = Some(Arc::clone(&delivery));
                slot
            }
            None => {
                slots.calls.push(Some(Arc::clone(&delivery)));
                slots.calls.len() - 1
            }
        };
        drop(slots);
        Handover {
            deliveries: self,
            slot,
            delivery,
        }
    }

    /// Stores the outcome of the record with this ticket. A ticket is good for one report.
    pub(crate) fn report(&self, ticket: usize, outcome: Outcome) {
        let slot = ticket >> PLACE_BITS;
        let place = ticket & ((1 << PLACE_BITS) - 1);
        let mut slots = self.slots.lock();
        let Some(Some(delivery)) = slots.calls.get(slot) else {
            debug_assert!(false, "a record is reported once");
            return;
        };
        if delivery.note(place, outcome) {
            slots.calls[slot] = None;
            slots.free.push(slot);
        }
    }
}

impl Handover<'_> {
    /// Returns the ticket of the record at `place`.
    pub(crate) const fn ticket(&self, place: usize) -> usize {
        self.slot << PLACE_BITS | place
    }

    /// Stores the outcome of a record that the client refused.
    pub(crate) fn refuse(&self, place: usize, outcome: Outcome) {
        self.deliveries.report(self.ticket(place), outcome);
    }

    /// Ends the hand-over: the client accepted or refused every record.
    pub(crate) fn finish(self) -> Arc<Delivery> {
        if self.delivery.count_down() {
            let mut slots = self.deliveries.slots.lock();
            slots.calls[self.slot] = None;
            slots.free.push(self.slot);
        }
        self.delivery
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_completes_with_its_last_report_and_frees_its_slot() {
        let deliveries = Deliveries::default();
        let handover = deliveries.begin(3);
        let tickets: Vec<usize> = (0..3).map(|place| handover.ticket(place)).collect();
        handover.refuse(2, Outcome::TooLarge);
        deliveries.report(tickets[0], Outcome::Delivered);
        let delivery = handover.finish();
        assert_eq!(delivery.status(), DeliveryStatus::Waiting);
        let waiting = delivery.completed();
        deliveries.report(tickets[1], Outcome::Undelivered);
        waiting.await;
        assert_eq!(delivery.status(), DeliveryStatus::Failed);
        let outcomes: Vec<Outcome> = delivery.outcomes().collect();
        let expected = [Outcome::Delivered, Outcome::Undelivered, Outcome::TooLarge];
        assert_eq!(outcomes, expected);
        assert_eq!(
            deliveries.begin(1).ticket(0),
            tickets[0],
            "the slot is used again"
        );
    }

    #[tokio::test]
    async fn an_empty_call_is_complete_at_once() {
        let deliveries = Deliveries::default();
        let delivery = deliveries.begin(0).finish();
        delivery.completed().await;
        assert_eq!(delivery.status(), DeliveryStatus::Settled);
        assert_eq!(deliveries.slots.lock().free.len(), 1);
    }

    #[test]
    fn reports_may_all_come_before_the_handover_ends() {
        let deliveries = Deliveries::default();
        let first = deliveries.begin(1);
        let second = deliveries.begin(1);
        deliveries.report(first.ticket(0), Outcome::Delivered);
        assert_ne!(first.ticket(0), second.ticket(0));
        assert_eq!(first.finish().status(), DeliveryStatus::Settled);
        assert!(!second.finish().is_complete());
    }
}
