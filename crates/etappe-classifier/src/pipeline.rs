//! Turns log records into a batch's rows: decodes, classifies and encodes each one.
//!
//! An event and a collector's mark become rows, an unreadable record becomes a dead letter. No
//! record is dropped, and none affects its neighbours.
//!
//! A message that is in the batch or in the batch being stored is marked as a duplicate at once. A
//! message that is only in the filter is a suspect, because the filter has false positives. Its row
//! is encoded as an original, and [`Batch::resolve`] marks it later if the database has the
//! message.
//!
//! Synchronous and without I/O, so that it can run on a blocking thread and be measured alone.

use std::sync::Arc;

use bytes::Bytes;
use etappe_core::event::{Event, EventKind};
use etappe_core::facts::{EventFacts, FactNames};
use etappe_core::id::PartitionId;
use etappe_core::meaning::OwnRule;
use etappe_core::milestone::Milestone;
use etappe_core::ports::{DeadLetter, LogRecord, MessageHash};
use etappe_core::rules::{ActorHistory, Classified, RuleClassifier};
use etappe_core::site::SiteDirectory;
use etappe_wire::record::{self, Record};
use etappe_wire::row::RowInput;
use tokio::sync::watch;

use crate::batch::{Batch, DuplicateStatus, Messages};
use crate::duplicate_filter::DuplicateFilter;

/// The known messages before a batch.
#[derive(Debug, Clone, Copy)]
pub struct KnownMessages<'a> {
    filter: &'a DuplicateFilter,
    in_flight: Option<&'a Messages>,
}

impl<'a> KnownMessages<'a> {
    /// Uses the messages in the filter.
    #[must_use]
    pub const fn new(filter: &'a DuplicateFilter) -> Self {
        Self {
            filter,
            in_flight: None,
        }
    }

    /// Adds the messages of the batch that is being inserted. They are not in the filter yet, and
    /// possibly not in the database.
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

/// Turns records into rows. Each partition has its own.
#[derive(Debug)]
pub struct Pipeline {
    rules: RuleClassifier,
    /// What sites say that their events mean.
    sites: watch::Receiver<Arc<SiteDirectory>>,
    /// Histories are not kept yet: every actor counts as new.
    history: ActorHistory,
}

impl Pipeline {
    /// Makes a pipeline that classifies by what `sites` say, then by `rules`.
    #[must_use]
    pub fn new(rules: RuleClassifier, sites: watch::Receiver<Arc<SiteDirectory>>) -> Self {
        Self {
            rules,
            sites,
            history: ActorHistory::default(),
        }
    }

    /// Adds records to `batch` until it is full and returns how many of them were taken, unreadable
    /// ones included.
    ///
    /// Records must be in offset order and follow the records already in the batch.
    pub fn add(
        &mut self,
        records: &[LogRecord],
        earlier: KnownMessages<'_>,
        batch: &mut Batch,
    ) -> usize {
        let sites = Arc::clone(&self.sites.borrow());
        for (taken, logged) in records.iter().enumerate() {
            if batch.is_full() {
                return taken;
            }
            match record::read(&logged.payload) {
                Ok(Record::Event(event)) => {
                    let own = own_rule(&sites, &event);
                    self.add_event((&event, own), logged, earlier, batch);
                }
                Ok(Record::Mark(mark)) => batch.push_mark(logged.offset, mark),
                Err(error) => batch.push_letter(DeadLetter {
                    partition: batch.partition(),
                    offset: logged.offset,
                    // A copy, because the record shares its buffer with everything read at once.
                    payload: Bytes::copy_from_slice(&logged.payload),
                    reason: error.to_string(),
                }),
            }
        }
        records.len()
    }

    fn add_event(
        &mut self,
        (event, own): (&Event<'_>, Option<&OwnRule>),
        logged: &LogRecord,
        earlier: KnownMessages<'_>,
        batch: &mut Batch,
    ) {
        let message = MessageHash::of(&event.site, event.scope, &event.message_id);
        let status = earlier.status(batch, message);
        let topic = Arc::clone(batch.topic());
        let partition: PartitionId = batch.partition();
        let decided = match own {
            Some(own) => Classified {
                outcome: self.rules.classify_by(own, event, &self.history),
                mapping: None,
            },
            None => self.rules.classify(event, &self.history),
        };
        let names = decided
            .mapping
            .map_or_else(FactNames::default, |mapping| FactNames::of(mapping));
        let facts = EventFacts::extract(event, names);
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
        let uncounted = facts
            .uncounted
            .filter(|_| brings_money(decided.outcome.milestone));
        batch.push(&row, decided.outcome, status, uncounted);
    }
}

/// Returns the rule that the event's site has for its name. Pages and screens have none, as their
/// names are of no tracker's choosing.
fn own_rule<'a>(sites: &'a SiteDirectory, event: &Event<'_>) -> Option<&'a OwnRule> {
    match event.kind {
        EventKind::Track => sites.own_rule(&event.site, &event.name),
        _ => None,
    }
}

/// Returns whether the value of an event with this milestone is an amount of money; with other
/// milestones it is a score.
const fn brings_money(milestone: Option<Milestone>) -> bool {
    matches!(
        milestone,
        Some(Milestone::Purchase | Milestone::Renewal | Milestone::Refund)
    )
}

/// Returns the id of the event's actor, empty if there is none.
///
/// This is where known links between ids will be followed.
fn resolve_actor<'a>(event: &'a Event<'_>) -> &'a str {
    event.actor_id().unwrap_or_default()
}
