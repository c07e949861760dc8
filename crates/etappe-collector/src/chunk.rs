//! Records of some of a body's messages, with the rejections and warnings among them.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use etappe_core::event::EventKind;
use etappe_core::ports::OutgoingRecord;
use etappe_core::time::Timestamp;
use etappe_core::warning::WarningReason;
use etappe_wire::native::{Body, Limits, Message, Reason, Reception, Rejection};
use etappe_wire::record::partition_key;

use crate::client_report::{ClientReport, RejectedMessage, WarnedMessage, redacted};
use crate::owner_entries::{KEPT_PER_SITE, RejectedEvent, WarnedEvent};

/// The approximate size of a chunk of records, give or take one record.
pub(crate) const CHUNK_BYTES: usize = 1024 * 1024;

/// Rejections or warnings, counted by reason, with examples for the site's owner.
#[derive(Debug)]
pub(crate) struct Notes<R, E> {
    pub(crate) counts: BTreeMap<R, u64>,
    /// The latest examples.
    pub(crate) noted: VecDeque<E>,
}

impl<R: Ord, E> Notes<R, E> {
    fn note(&mut self, reason: R, entry: E) {
        *self.counts.entry(reason).or_default() += 1;
        if self.noted.len() == KEPT_PER_SITE {
            self.noted.pop_front();
        }
        self.noted.push_back(entry);
    }
}

impl<R, E> Default for Notes<R, E> {
    fn default() -> Self {
        Self {
            counts: BTreeMap::new(),
            noted: VecDeque::new(),
        }
    }
}

/// What to report and to store for a chunk once its records are durable.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) report: ClientReport,
    pub(crate) rejections: Notes<Reason, RejectedEvent>,
    pub(crate) warnings: Notes<WarningReason, WarnedEvent>,
}

/// Records of some of a body's messages.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    buffer: Vec<u8>,
    /// For each record: its end, its key, and the index of its message.
    records: Vec<(usize, u64, usize)>,
    received_at: Option<Timestamp>,
    report: ClientReport,
    rejections: Notes<Reason, RejectedEvent>,
    warnings: Notes<WarningReason, WarnedEvent>,
}

impl Chunk {
    /// Turns messages from `next` on into records until the chunk is full, and advances `next`.
    pub(crate) fn of(
        body: &Body,
        next: &mut usize,
        reception: &Reception,
        limits: &Limits,
    ) -> Self {
        let mut chunk = Self::default();
        chunk
            .buffer
            .reserve(body.text_bytes().min(CHUNK_BYTES) * 9 / 8 + 512);
        while *next < body.len() && chunk.buffer.len() < CHUNK_BYTES {
            match body.message(*next, reception, limits) {
                Ok(message) => chunk.add(*next, &message, reception),
                Err(rejection) => chunk.reject(*next, &rejection, reception),
            }
            *next += 1;
        }
        chunk
    }

    pub(crate) fn add(&mut self, index: usize, message: &Message<'_>, reception: &Reception) {
        let Message { event, warnings } = message;
        message.encode(reception.redactor.as_ref(), &mut self.buffer);
        self.received_at = Some(event.received_at);
        self.records
            .push((self.buffer.len(), partition_key(event), index));
        for warning in warnings {
            self.report
                .warnings
                .push_last(|| WarnedMessage::new(index, &event.message_id, warning, reception));
            self.warnings.note(
                warning.reason,
                WarnedEvent {
                    received_at: event.received_at,
                    reason: warning.reason.as_str(),
                    kind: event.kind.as_str(),
                    event: redacted(&event.name, reception),
                    message_id: redacted(&event.message_id, reception),
                    field: redacted(&warning.field, reception),
                    value: redacted(&warning.value, reception),
                },
            );
        }
    }

    pub(crate) fn reject(
        &mut self,
        index: usize,
        rejection: &Rejection<'_>,
        reception: &Reception,
    ) {
        self.report.warnings.forget(index);
        self.report
            .rejected
            .push(RejectedMessage::new(index, rejection));
        let kept = |text: &str| redacted(text, reception);
        self.rejections.note(
            rejection.reason,
            RejectedEvent {
                received_at: reception.received_at,
                reason: rejection.reason.as_str(),
                kind: rejection.kind.map(EventKind::as_str),
                event: rejection.event.as_deref().map(kept),
                message_id: rejection.message_id.as_deref().map(kept),
                bytes: rejection.bytes,
                origin: None,
            },
        );
    }

    /// Returns the records; they share one allocation.
    pub(crate) fn take_records(&mut self) -> Vec<OutgoingRecord> {
        let buffer = Bytes::from(std::mem::take(&mut self.buffer));
        let received_at = self.received_at.unwrap_or(Timestamp::EPOCH);
        let mut start = 0;
        let record = |(end, key, _): &(usize, u64, usize)| {
            let payload = buffer.slice(start..*end);
            start = *end;
            OutgoingRecord {
                key: *key,
                received_at,
                payload,
            }
        };
        self.records.iter().map(record).collect()
    }

    /// Returns the indexes of the records' messages, in the order of the records.
    pub(crate) fn take_indexes(&mut self) -> impl Iterator<Item = usize> + use<> {
        let records = std::mem::take(&mut self.records);
        records.into_iter().map(|(_, _, index)| index)
    }

    /// Returns what to report and to store.
    pub(crate) fn settle(self) -> Settled {
        Settled {
            report: self.report,
            rejections: self.rejections,
            warnings: self.warnings,
        }
    }
}
