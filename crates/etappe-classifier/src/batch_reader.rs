//! Prepares a partition's batches: reads records, runs the pipeline, looks up suspected duplicates.
//!
//! [`BatchReader::prepare`] collects the next batch, usually while the previous one is being
//! stored. [`BatchReader::prepare_again`] reads a recorded range with exactly its boundaries,
//! because the deduplication token is made of them. Records are added in offset order; each offset
//! of a range is a row, a dead letter or a gap. The pipeline runs on a blocking thread, one read at
//! a time, so that it never delays tasks that wait for sockets and timers.
//!
//! Traps:
//! - In a repeated range an empty read means that the rest is a gap, since the range was durable
//!   before it was recorded. So a source must never answer an outage with an empty read.
//! - The messages of the batch that is being stored are neither in the filter nor surely in the
//!   database, so the pipeline gets them separately.

use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::{
    Clock, LogRecord, MessageHash, MessageIndex, ReadRequest, RecordSource, Retryable,
};
use etappe_core::time::Timestamp;
use etappe_runtime::backoff::Backoff;
use etappe_runtime::blocking::run_blocking;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::batch::{Batch, BatchLimits, Messages, SealedBatch};
use crate::budget::BatchBudget;
use crate::config::ClassifierConfig;
use crate::duplicate_filter::DuplicateFilter;
use crate::error::{ClassifierError, PortError};
use crate::in_flight::InFlight;
use crate::metrics::ClassifierMetrics;
use crate::pipeline::{KnownMessages, Pipeline};
use crate::reach::{ReachOutlets, ReachTracker};

mod opening;
mod room;

use room::{Room, make_room};

/// A read smaller than this reached the end of the log. The next read may wait a little for more
/// records, since handing each record to another thread would cost more than processing it.
const SMALL_READ_BYTES: usize = 64 << 10;
/// How long that wait is.
const GATHER: Duration = Duration::from_millis(20);
/// The minimum initial size of a batch's buffer; otherwise it starts at the size that the last
/// batch needed.
const SMALLEST_BUFFER: usize = 64 << 10;
/// After a batch of this size the next buffer starts slightly above the largest possible size.
/// Memory of this size is a mapping of its own: untouched pages cost nothing, and all of it is
/// returned to the system when the batch is done. Smaller pieces would stay with the allocator.
const LARGE_BATCH: usize = 1 << 20;

/// The state that a partition's pipeline works with.
#[derive(Debug)]
struct PipelineState {
    pipeline: Pipeline,
    filter: DuplicateFilter,
}

/// Prepares the batches of one partition.
#[derive(Debug)]
pub(crate) struct BatchReader<S, M, C> {
    pub(crate) partition: PartitionId,
    pub(crate) source: Arc<S>,
    pub(crate) index: Arc<M>,
    pub(crate) clock: Arc<C>,
    pub(crate) config: ClassifierConfig,
    pub(crate) metrics: ClassifierMetrics,
    pub(crate) reach: ReachTracker,
    pub(crate) backoff: Backoff,
    pub(crate) filter_share: FilterShare,
    budget: BatchBudget,
    /// When the partition was assigned to this process.
    assigned: Instant,
    leftover: Leftover,
    pipeline_state: Arc<Mutex<PipelineState>>,
    topic: Arc<str>,
    expected_bytes: usize,
}

/// A partition's share of the duplicate filters' limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FilterShare {
    pub(crate) bytes: usize,
    pub(crate) messages: u64,
}

/// The result of preparing a batch.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// A batch.
    Batch(Box<SealedBatch>),
    /// Nothing to do: every record received before this instant has been read.
    CaughtUp(Timestamp),
}

/// The components of a [`BatchReader`].
pub(crate) struct BatchReaderParts<S, M, C> {
    pub(crate) partition: PartitionId,
    pub(crate) source: Arc<S>,
    pub(crate) index: Arc<M>,
    pub(crate) clock: Arc<C>,
    pub(crate) config: ClassifierConfig,
    pub(crate) metrics: ClassifierMetrics,
    pub(crate) outlets: ReachOutlets,
    pub(crate) backoff: Backoff,
    pub(crate) budget: BatchBudget,
    pub(crate) filter_share: FilterShare,
    pub(crate) pipeline: Pipeline,
}

/// Records that were read but did not fit into the batch. Seeking back to them would make the
/// client fetch everything behind them again.
#[derive(Debug)]
struct Leftover {
    /// The end of the batch that they did not fit into.
    from: Offset,
    records: Vec<LogRecord>,
}

impl Leftover {
    const NONE: Self = Self {
        from: Offset(0),
        records: Vec::new(),
    };
}

impl<S: RecordSource, M: MessageIndex, C: Clock> BatchReader<S, M, C> {
    /// Makes a reader with an empty filter.
    pub(crate) fn new(parts: BatchReaderParts<S, M, C>) -> Self {
        // A small filter stands in until the real one is rebuilt.
        let filter = DuplicateFilter::new(0, 1);
        Self {
            topic: parts.source.topic().into(),
            partition: parts.partition,
            source: parts.source,
            index: parts.index,
            clock: parts.clock,
            config: parts.config,
            metrics: parts.metrics,
            reach: ReachTracker::new(parts.partition, parts.outlets),
            backoff: parts.backoff,
            filter_share: parts.filter_share,
            budget: parts.budget,
            assigned: Instant::now(),
            leftover: Leftover::NONE,
            pipeline_state: Arc::new(Mutex::new(PipelineState {
                pipeline: parts.pipeline,
                filter,
            })),
            expected_bytes: SMALLEST_BUFFER,
        }
    }

    fn topic(&self) -> Arc<str> {
        Arc::clone(&self.topic)
    }

    /// Adds the messages of stored rows to the filter.
    pub(crate) async fn remember(&self, messages: Vec<MessageHash>) {
        let pipeline_state = Arc::clone(&self.pipeline_state);
        let insert = move || {
            let mut pipeline_state = pipeline_state.lock();
            for message in messages {
                pipeline_state.filter.insert(message);
            }
            pipeline_state.filter.bytes()
        };
        let bytes = run_blocking(insert).await;
        self.metrics.set_filter_bytes(self.partition, bytes);
    }

    /// Collects the next batch, starting at `next`, until it is full, or until the flush interval
    /// is over and the previous batch is done. A batch may keep growing while the previous one is
    /// being stored: a busy database needs fewer and larger inserts.
    pub(crate) async fn prepare(
        &mut self,
        next: Offset,
        limits: BatchLimits,
        before: Option<&InFlight>,
    ) -> Result<Prepared, ClassifierError> {
        let mut batch = self.begin(next, limits).with_share(self.budget.share());
        let mut deadline: Option<Instant> = None;
        loop {
            if batch.is_full() {
                match make_room(&mut batch, before).await {
                    Room::Made => {}
                    Room::MadeAfterWaiting => deadline = None,
                    Room::None => break,
                }
            }
            let looked_at = self.clock.now();
            let wait = deadline.map_or(self.config.flush_interval, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            let records = self.read_on(batch.next(), wait).await?;
            if records.is_empty() {
                if batch.is_empty() {
                    return Ok(Prepared::CaughtUp(looked_at));
                }
                break;
            }
            let read_bytes: usize = records.iter().map(|record| record.payload.len()).sum();
            let flush_at =
                *deadline.get_or_insert_with(|| Instant::now() + self.config.flush_interval);
            let messages = before.map(|before| before.messages());
            (batch, self.leftover) = self.work(batch, records, messages).await;
            if before.is_none() {
                self.reach.waiting(batch.oldest());
            }
            let is_due = Instant::now() >= flush_at;
            if is_due && before.is_none_or(InFlight::is_done) {
                break;
            }
            if read_bytes < SMALL_READ_BYTES && !is_due {
                tokio::time::sleep_until(flush_at.min(Instant::now() + GATHER)).await;
            }
        }
        batch.settle_share();
        self.settle(&mut batch).await?;
        self.expected_bytes = if batch.encoded_bytes() >= LARGE_BATCH {
            self.config.max_batch_bytes + LARGE_BATCH
        } else {
            batch.encoded_bytes().max(SMALLEST_BUFFER)
        };
        let sealed = batch.seal().expect("the loop ends early on an empty one");
        Ok(Prepared::Batch(Box::new(sealed)))
    }

    /// Reads a range again, whatever its size.
    pub(crate) async fn prepare_again(
        &mut self,
        range: OffsetRange,
    ) -> Result<SealedBatch, ClassifierError> {
        let share = self.budget.whole_share(self.config.max_batch_bytes).await;
        let mut batch = self.begin(range.first, BatchLimits::NONE);
        while batch.next() <= range.last {
            let wait = self.config.flush_interval;
            let records = self.read(batch.next(), Some(range.last), wait).await?;
            if records.is_empty() {
                // The rest of the range is a gap: the range was durable before it was recorded.
                batch.extend_to(range.last);
                break;
            }
            (batch, _) = self.work(batch, records, None).await;
            self.reach.waiting(batch.oldest());
        }
        self.settle(&mut batch).await?;
        // Applied only now: the range's size is fixed, so the share must not end the batch early.
        let mut batch = batch.with_share(share);
        batch.settle_share();
        let mut sealed = batch.seal().expect("a range is never empty");
        sealed.may_be_stored = true;
        Ok(sealed)
    }

    fn begin(&self, first: Offset, limits: BatchLimits) -> Batch {
        let expected = self.expected_bytes;
        Batch::new(self.topic(), self.partition, first, limits, expected)
    }

    /// Continues reading after the previous batch, or where this batch stopped.
    async fn read_on(
        &mut self,
        from: Offset,
        wait: Duration,
    ) -> Result<Vec<LogRecord>, ClassifierError> {
        let leftover = std::mem::replace(&mut self.leftover, Leftover::NONE);
        if leftover.from == from && !leftover.records.is_empty() {
            return Ok(leftover.records);
        }
        self.read(from, None, wait).await
    }

    async fn read(
        &self,
        from: Offset,
        until: Option<Offset>,
        wait: Duration,
    ) -> Result<Vec<LogRecord>, ClassifierError> {
        let request = ReadRequest {
            from,
            until,
            max_bytes: self.config.read_bytes,
            wait,
        };
        self.backoff
            .until_done(
                || self.source.read(self.partition, request),
                |error, delay| self.note("read", error, delay),
            )
            .await
            .map_err(|source| ClassifierError::Read {
                partition: self.partition,
                offset: from,
                source: PortError::new(source),
            })
    }

    /// Lets the pipeline add as many of `records` as fit and returns the rest.
    async fn work(
        &self,
        mut batch: Batch,
        mut records: Vec<LogRecord>,
        in_flight: Option<Arc<Messages>>,
    ) -> (Batch, Leftover) {
        let pipeline_state = Arc::clone(&self.pipeline_state);
        let add = move || {
            let mut pipeline_state = pipeline_state.lock();
            let PipelineState { pipeline, filter } = &mut *pipeline_state;
            let earlier = KnownMessages::new(filter).with_in_flight(in_flight.as_deref());
            let taken = pipeline.add(&records, earlier, &mut batch);
            records.drain(..taken);
            let from = batch.next();
            (batch, Leftover { from, records })
        };
        run_blocking(add).await
    }

    /// Looks up which suspects are duplicates, that is, were stored before the batch's range.
    async fn settle(&self, batch: &mut Batch) -> Result<(), ClassifierError> {
        let suspects = batch.suspects();
        if suspects.is_empty() {
            return Ok(());
        }
        self.metrics.record_suspects(suspects.len());
        let (first, oldest) = (batch.first(), batch.oldest());
        let seen = self
            .backoff
            .until_done(
                || {
                    self.index
                        .seen_before(self.source.topic(), self.partition, first, &suspects)
                },
                |error, delay| {
                    self.note("seen_before", error, delay);
                    self.show_lag(oldest);
                },
            )
            .await
            .map_err(|source| ClassifierError::LookUp {
                partition: self.partition,
                source: PortError::new(source),
            })?;
        batch.resolve(&seen);
        Ok(())
    }

    fn note<E: Retryable>(&self, operation: &'static str, error: &E, delay: Duration) {
        self.metrics.record_failure(operation, error.retry_class());
        tracing::warn!(
            partition = self.partition.0,
            operation,
            %error,
            ?delay,
            "failed, trying again"
        );
    }

    /// Records a failure that happened before anything was read. Nothing in the partition has
    /// become visible since its assignment, so its records have waited at least that long.
    fn note_opening<E: Retryable>(&self, operation: &'static str, error: &E, delay: Duration) {
        self.note(operation, error, delay);
        self.metrics
            .set_lag(self.partition, self.assigned.elapsed());
    }

    /// Shows how long a record received at `oldest` has been waiting.
    fn show_lag(&self, oldest: Option<Timestamp>) {
        if let Some(oldest) = oldest {
            let millis = self.clock.now().millis_since(oldest);
            let lag = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
            self.metrics.set_lag(self.partition, lag);
        }
    }
}
