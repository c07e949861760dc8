//! Decode, classify, encode: what is done with every record, without waiting for anything.
//!
//! Synchronous and without I/O, so that it can run on a thread of its own and be measured alone.

use std::sync::Arc;

use bytes::Bytes;
use etappe_core::event::Event;
use etappe_core::facts::{EventFacts, FactNames};
use etappe_core::id::PartitionId;
use etappe_core::milestone::Milestone;
use etappe_core::ports::{DeadLetter, LogRecord, MessageHash};
use etappe_core::rules::{ActorHistory, Classifier as RuleClassifier};
use etappe_wire::record::{self, Record};
use etappe_wire::row::RowInput;

use crate::batch::{Batch, DuplicateStatus, Entry, Messages};
use crate::duplicate_filter::DuplicateFilter;

/// What is known of the messages before a batch.
#[derive(Debug, Clone, Copy)]
pub struct KnownMessages<'a> {
    filter: &'a DuplicateFilter,
    in_flight: Option<&'a Messages>,
}

impl<'a> KnownMessages<'a> {
    /// Knows what the filter knows.
    #[must_use]
    pub const fn new(filter: &'a DuplicateFilter) -> Self {
        Self {
            filter,
            in_flight: None,
        }
    }

    /// Knows also the messages of the batch that is being inserted. They are neither in the filter
    /// nor, for certain, in the database.
    pub(crate) const fn with_in_flight(self, in_flight: Option<&'a Messages>) -> Self {
        Self { in_flight, ..self }
    }

    fn status(&self, batch: &Batch, message: MessageHash) -> DuplicateStatus {
        let is_in_flight = self.in_flight.is_some_and(|it| it.contains(&message));
        if is_in_flight || batch.holds(message) {
            DuplicateStatus::Duplicate
        } else if self.filter.contains(message) {
            DuplicateStatus::Suspect
        } else {
            DuplicateStatus::New
        }
    }
}

/// Turns records into rows. Not shared: each partition has its own.
#[derive(Debug)]
pub struct Pipeline {
    rules: RuleClassifier,
    /// Histories are not kept yet: every actor is somebody never seen before.
    history: ActorHistory,
}

impl Pipeline {
    /// Makes a pipeline that classifies by `rules`.
    #[must_use]
    pub fn new(rules: RuleClassifier) -> Self {
        Self {
            rules,
            history: ActorHistory::default(),
        }
    }

    /// Adds records to `batch` until it is full and returns how many were taken: messages, and marks
    /// of collectors.
    ///
    /// Records must be in the order of their offsets and follow what the batch has taken already. A
    /// record that cannot be read is taken as a dead letter.
    pub fn add(
        &mut self,
        records: &[LogRecord],
        earlier: KnownMessages<'_>,
        batch: &mut Batch,
    ) -> usize {
        for (taken, logged) in records.iter().enumerate() {
            if batch.is_full() {
                return taken;
            }
            match record::read(&logged.payload) {
                Ok(Record::Event(event)) => self.add_event(&event, logged, earlier, batch),
                Ok(Record::Mark(mark)) => batch.push_mark(logged.offset, mark),
                Err(error) => batch.push_letter(DeadLetter {
                    partition: batch.partition(),
                    offset: logged.offset,
                    // A copy: the record is a part of everything that was read with it.
                    payload: Bytes::copy_from_slice(&logged.payload),
                    reason: error.to_string(),
                }),
            }
        }
        records.len()
    }

    fn add_event(
        &mut self,
        event: &Event<'_>,
        logged: &LogRecord,
        earlier: KnownMessages<'_>,
        batch: &mut Batch,
    ) {
        let message = MessageHash::of(&event.site, event.scope, &event.message_id);
        let status = earlier.status(batch, message);
        let topic = Arc::clone(batch.topic());
        let partition: PartitionId = batch.partition();
        let decided = self.rules.classify(event, &self.history);
        let names = decided
            .mapping
            .map_or_else(FactNames::default, |mapping| FactNames::of(mapping));
        let facts = EventFacts::extract(event, names);
        let entry = Entry {
            offset: logged.offset,
            message,
            status,
            received_at: event.received_at,
            outcome: decided.outcome,
            is_event: event.kind.is_event(),
            uncounted: facts
                .uncounted
                .filter(|_| brings_money(decided.outcome.milestone)),
        };
        let row = RowInput {
            event,
            facts: &facts,
            outcome: decided.outcome,
            actor: resolve_actor(event),
            message_hash: message,
            topic: &topic,
            partition,
            offset: logged.offset,
            duplicate: status == DuplicateStatus::Duplicate,
        };
        batch.push(&entry, |bytes| etappe_wire::row::encode(&row, bytes));
    }
}

/// Returns whether an event of this meaning is about money: elsewhere a `value` is a score.
const fn brings_money(milestone: Option<Milestone>) -> bool {
    matches!(
        milestone,
        Some(Milestone::Purchase | Milestone::Renewal | Milestone::Refund)
    )
}

/// Returns the id that an event's actor goes by, empty for nobody.
///
/// This is where known links between ids will be followed.
fn resolve_actor<'a>(event: &'a Event<'_>) -> &'a str {
    event.actor_id().unwrap_or_default()
}
