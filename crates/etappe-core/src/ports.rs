//! Ports: the interfaces to the outside world, in the terms of the domain.
//!
//! They are declared here because an adapter can only implement a trait it can name, and adapters
//! must not know the applications. They contain no type of a runtime, a broker or a database. There
//! are twelve: clock, event publisher, record source, row sink, dead letters, message index, watermark
//! board, journey store, journey ledger, account store, meaning store, key store. The actor's history
//! is a plain value ([`crate::rules::ActorHistory`]); how it is loaded is not decided here. A new port
//! needs an ADR.

mod directory;
mod failure;
mod ledger;

use std::future::Future;
use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::id::{Offset, OffsetRange, PartitionId, SiteId};
use crate::journey::{KnownFigures, ReferralRow, SaleRow, ScoreRow};
use crate::kpi::{ActorPage, ActorPageQuery, KpiFigures, KpiScope, ReferralFigures, StageFigures};
use crate::query::{Bots, CandidateQuery, Hit, NameKind, UnitQuery, ViewQuery};
use crate::time::Timestamp;
use crate::unmapped::{UnmappedNames, UnmappedQuery};
use crate::watermark::{CollectorMark, PartitionReach};

pub use crate::dead_letter::{DeadLetter, StoredDeadLetter};
pub use crate::event::MessageHash;
pub use crate::row_batch::{RowBatch, RowSummaries, RowSummary};
pub use directory::{AccountStore, KeyStore, MeaningStore};
pub use failure::{Cost, RetryClass, Retryable};
pub use ledger::JourneyLedger;

/// Provides the current time.
pub trait Clock: Send + Sync + 'static {
    /// Returns the current instant.
    fn now(&self) -> Timestamp;
}

/// A record to be written to the log.
#[derive(Debug, Clone)]
pub struct OutgoingRecord {
    /// Records with equal keys keep their order.
    pub key: u64,
    /// When the record was received. A collector's marks state from when on its records may be
    /// missing.
    pub received_at: Timestamp,
    /// The record's bytes.
    pub payload: Bytes,
}

/// Why records could not be made durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No durable storage can take the record now: the disk is full, the log is at its limit, or
    /// the write failed. The sender should retry after `retry_after`.
    #[error("the event log cannot accept events now: {reason}")]
    Unavailable {
        /// The reason, for the operator.
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The record is larger than the log accepts.
    #[error("a record of {size} bytes exceeds the log's limit of {limit} bytes")]
    TooLarge {
        /// The record's size in bytes.
        size: usize,
        /// The largest size that the log accepts.
        limit: usize,
    },
}

/// Makes records durable.
pub trait EventPublisher: Send + Sync + 'static {
    /// Publishes `records` and returns one outcome per record, in their order, once each is durable
    /// or refused.
    ///
    /// If the returned future is dropped, records may or may not have been written.
    fn publish(
        &self,
        records: Vec<OutgoingRecord>,
    ) -> impl Future<Output = Vec<Result<(), PublishError>>> + Send;

    /// Returns the share of its space that is used, from 0 to 1, where at 1 it accepts nothing
    /// more; 0 if space is unlimited. Called several times a second; it may look at the disk but
    /// must not wait.
    fn fullness(&self) -> f64 {
        0.0
    }
}

/// A record read from the log.
#[derive(Debug, Clone)]
pub struct LogRecord {
    /// The record's offset.
    pub offset: Offset,
    /// The record's bytes.
    pub payload: Bytes,
}

/// A consumer's durable progress in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The first offset that is not known to be processed.
    pub next: Offset,
    /// The range that was about to be inserted; after a crash exactly this range is processed
    /// again. Its first offset is `next`.
    pub pending: Option<OffsetRange>,
}

/// An event of a record source.
#[derive(Debug)]
pub enum SourceEvent {
    /// A partition is assigned to this consumer from now on. `replay` lists ranges that an unclean
    /// boot may have lost; they are processed again exactly as listed, in order, before `progress`.
    /// Their rows may be stored already, as parts of other ranges.
    Assigned {
        /// The partition.
        partition: PartitionId,
        /// The last consumer's progress; `None` if it is not known or no longer known. Reading then
        /// starts after the stored rows, see [`MessageIndex::stored_until`].
        progress: Option<Progress>,
        /// Ranges before `progress.next` to process again.
        replay: Vec<OffsetRange>,
    },
    /// A partition is revoked: finish or abandon its work, then call [`RecordSource::release`].
    /// Nothing of it may be committed afterwards.
    Revoked {
        /// The partition.
        partition: PartitionId,
    },
}

/// Reads the log, partition by partition, and stores its consumer's progress.
///
/// Partitions may be read concurrently; the source is shared by reference.
pub trait RecordSource: Send + Sync + 'static {
    /// The source's error.
    type Error: Retryable;

    /// Returns the topic's name: the first part of every deduplication token.
    fn topic(&self) -> &str;

    /// Waits for the next assignment or revocation; pending while there is none. Cancellation-safe.
    fn changed(&self) -> impl Future<Output = Result<SourceEvent, Self::Error>> + Send;

    /// Reads records of an assigned partition from `from` on, at most `max_bytes` of payload (but
    /// at least one record), up to and including `until` if given. Waits up to `wait` for the first
    /// record; an empty answer means that the end was reached. Cancellation-safe.
    ///
    /// Offsets may have gaps (a broker's own records); the order is ascending.
    fn read(
        &self,
        partition: PartitionId,
        request: ReadRequest,
    ) -> impl Future<Output = Result<Vec<LogRecord>, Self::Error>> + Send;

    /// Durably stores `progress`; returns once it would survive the process.
    fn commit(
        &self,
        partition: PartitionId,
        progress: Progress,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Releases a revoked partition.
    fn release(&self, partition: PartitionId) -> impl Future<Output = ()> + Send;
}

/// A request to read records.
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest {
    /// The first offset wanted.
    pub from: Offset,
    /// The last offset wanted; `None` if unlimited.
    pub until: Option<Offset>,
    /// The most bytes of payload to return.
    pub max_bytes: usize,
    /// How long to wait for the first record.
    pub wait: Duration,
}

/// Stores rows.
pub trait RowSink: Send + Sync + 'static {
    /// The sink's error.
    type Error: Retryable;

    /// Stores a batch. Storing the same batch again, with the same token, changes nothing, so it
    /// may be repeated after any error. If [`may_be_stored`](RowBatch::may_be_stored) is set, only
    /// missing rows are inserted. The batch's outcomes are stored before its rows.
    fn insert(&self, batch: &RowBatch) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Stores records that cannot be stored as rows.
pub trait DeadLetters: Send + Sync + 'static {
    /// The error of the dead-letter store.
    type Error: Retryable;

    /// Stores `letters`; returns once they would survive the process. Burying the record of the
    /// same partition and offset again changes nothing.
    fn store(&self, letters: &[DeadLetter])
    -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Knows which messages are already stored.
///
/// Messages from a log other than `topic` count as stored before everything in `topic`: a log is
/// replaced when an installation moves or its number of partitions changes.
pub trait MessageIndex: Send + Sync + 'static {
    /// The index's error.
    type Error: Retryable;

    /// Returns the offset after the last one of the partition such that all offsets before it are
    /// stored, or `None` if none is stored.
    fn stored_until(
        &self,
        topic: &str,
        partition: PartitionId,
    ) -> impl Future<Output = Result<Option<Offset>, Self::Error>> + Send;

    /// Returns each collector's last mark that is stored for the partition at an offset below
    /// `below`.
    fn marks(
        &self,
        topic: &str,
        partition: PartitionId,
        below: Offset,
    ) -> impl Future<Output = Result<Vec<CollectorMark>, Self::Error>> + Send;

    /// Returns those of `hashes` that are stored for `partition` at an offset below `below`, or
    /// from another log.
    fn seen_before(
        &self,
        topic: &str,
        partition: PartitionId,
        below: Offset,
        hashes: &[MessageHash],
    ) -> impl Future<Output = Result<Vec<MessageHash>, Self::Error>> + Send;

    /// Calls `visit` with the hashes of the latest `limit` messages that are stored for `partition`
    /// or from another log and were received at `since` or later, in no particular order.
    fn recent(
        &self,
        topic: &str,
        partition: PartitionId,
        since: Timestamp,
        limit: u64,
        visit: impl FnMut(MessageHash) + Send,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// The board on which writing processes publish, for reading processes, how far the figures reach.
pub trait WatermarkBoard: Send + Sync + 'static {
    /// The board's error.
    type Error: Retryable;

    /// Replaces the entries of the partitions in `reaches`.
    fn post(
        &self,
        topic: &str,
        reaches: &[PartitionReach],
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Returns the last entry of each partition of the log that was posted to last.
    fn load(&self) -> impl Future<Output = Result<Vec<PartitionReach>, Self::Error>> + Send;
}

/// Answers questions about journeys from the stored events.
pub trait JourneyStore: Send + Sync + 'static {
    /// The store's error.
    type Error: Retryable;

    /// Calls `visit` once per unit (actor or account) with at least one hit, passing the hash of
    /// its id and its hits in order of time, then arrival. Both the counts of a funnel and the
    /// lists of its actors are computed from this.
    ///
    /// When `visit` breaks, nothing more is read, and what it broke with is returned.
    fn candidates<B: Send>(
        &self,
        query: &CandidateQuery,
        visit: impl FnMut(u64, &[Hit]) -> ControlFlow<B> + Send,
    ) -> impl Future<Output = Result<ControlFlow<B>, Self::Error>> + Send;

    /// Returns the number of units that have an event in the range.
    ///
    /// This default implementation walks through all their events; a store that can count should
    /// override it.
    fn count_units(
        &self,
        query: &UnitQuery,
    ) -> impl Future<Output = Result<u64, Self::Error>> + Send {
        let candidates = query.any_event();
        async move {
            let mut units = 0;
            let count = |_: u64, _: &[Hit]| {
                units += 1;
                ControlFlow::<()>::Continue(())
            };
            // It never breaks.
            _ = self.candidates(&candidates, count).await?;
            Ok(units)
        }
    }

    /// Returns names that occur among the site's events, the most frequent first: all of them if
    /// there are few, otherwise as many as can be read quickly. They are used to suggest a
    /// correction for a mistyped name.
    fn known_names(
        &self,
        site: &SiteId,
        kind: NameKind,
    ) -> impl Future<Output = Result<Vec<String>, Self::Error>> + Send;

    /// Returns the rows of a view, in no particular order. A row's members are the view's columns.
    fn view_rows<R: DeserializeOwned + Send>(
        &self,
        query: &ViewQuery,
    ) -> impl Future<Output = Result<Vec<R>, Self::Error>> + Send;

    /// Returns the counts and sums behind the KPI cards, each asked for once. What is `known`
    /// already is not counted again.
    fn kpi_figures(
        &self,
        scope: &KpiScope,
        known: KnownFigures,
    ) -> impl Future<Output = Result<KpiFigures, Self::Error>> + Send;

    /// Returns all rows of money of a site, in any order; `None` if there are more than `limit`.
    fn sales(
        &self,
        site: &SiteId,
        bots: Bots,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Vec<SaleRow>>, Self::Error>> + Send;

    /// Returns all rows of referral of a site, in any order; `None` if there are more than `limit`.
    fn referral_rows(
        &self,
        site: &SiteId,
        bots: Bots,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Vec<ReferralRow>>, Self::Error>> + Send;

    /// Returns all answers of a site's people to "would you recommend us", in any order; `None` if
    /// there are more than `limit`.
    fn scores(
        &self,
        site: &SiteId,
        bots: Bots,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Vec<ScoreRow>>, Self::Error>> + Send;

    /// Returns stock, moves and dwell of every stage of a model.
    fn stage_figures(
        &self,
        scope: &KpiScope,
    ) -> impl Future<Output = Result<StageFigures, Self::Error>> + Send;

    /// Returns the referral figures.
    fn referral_figures(
        &self,
        scope: &KpiScope,
    ) -> impl Future<Output = Result<ReferralFigures, Self::Error>> + Send;

    /// Returns the most frequent names of events to which no rule assigns a milestone or a stage.
    fn unmapped_names(
        &self,
        query: &UnmappedQuery,
    ) -> impl Future<Output = Result<UnmappedNames, Self::Error>> + Send;

    /// Returns one page of an actor's events, or `None` if no actor has that id.
    ///
    /// A page ends before the event that would exceed the query's `limit` or `bytes`, but has at
    /// least one event if any is left.
    fn actor_page(
        &self,
        query: &ActorPageQuery,
    ) -> impl Future<Output = Result<Option<ActorPage>, Self::Error>> + Send;
}
