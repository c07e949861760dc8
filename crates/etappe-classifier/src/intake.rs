//! From the log to a sealed batch: reads, has the pipeline work on it, asks about suspects.
//!
//! The work itself runs on a blocking thread, a slice of records at a time, so that it never holds
//! up the tasks that wait for sockets and timers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::{
    Classified, Clock, LogRecord, MessageHash, MessageIndex, Progress, ReadRequest, RecordSource,
};
use etappe_core::time::Timestamp;
use tokio::time::Instant;

use crate::batch::{Batch, BatchLimits, Messages, SealedBatch};
use crate::config::ClassifierConfig;
use crate::duplicate_filter::{DuplicateFilter, FilterRebuild};
use crate::error::ClassifierError;
use crate::in_flight::InFlight;
use crate::metrics::ClassifierMetrics;
use crate::pipeline::{Earlier, Pipeline};
use crate::reach::{Reach, ReachOutlets};
use crate::retry::Backoff;

/// A read that brought less than this had the log's end before it; the next one may wait a little
/// for more, since a hand-over to another thread for each record would cost more than the work.
const SMALL_READ_BYTES: usize = 64 << 10;
/// How long that is.
const GATHER: Duration = Duration::from_millis(20);
/// A batch's buffer starts with what the last one needed, and at least with this.
const SMALLEST_BUFFER: usize = 64 << 10;

/// What the pipeline of a partition works with.
#[derive(Debug)]
struct Workshop {
    pipeline: Pipeline,
    filter: DuplicateFilter,
}

/// Prepares the batches of one partition.
#[derive(Debug)]
pub(crate) struct Intake<S, M, C> {
    pub(crate) partition: PartitionId,
    pub(crate) source: Arc<S>,
    pub(crate) index: Arc<M>,
    pub(crate) clock: Arc<C>,
    pub(crate) config: ClassifierConfig,
    pub(crate) metrics: ClassifierMetrics,
    pub(crate) reach: Reach,
    pub(crate) backoff: Backoff,
    pub(crate) filter_share: FilterShare,
    workshop: Arc<Mutex<Workshop>>,
    topic: Arc<str>,
    expected_bytes: usize,
}

/// A partition's share of the duplicate filters' bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FilterShare {
    pub(crate) bytes: usize,
    pub(crate) messages: u64,
}

/// What there was to prepare.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// A batch.
    Batch(SealedBatch),
    /// Nothing: everything received before this instant was read before.
    CaughtUp(Timestamp),
}

/// What an [`Intake`] is made of.
pub(crate) struct IntakeParts<S, M, C> {
    pub(crate) partition: PartitionId,
    pub(crate) source: Arc<S>,
    pub(crate) index: Arc<M>,
    pub(crate) clock: Arc<C>,
    pub(crate) config: ClassifierConfig,
    pub(crate) metrics: ClassifierMetrics,
    pub(crate) outlets: ReachOutlets,
    pub(crate) backoff: Backoff,
    pub(crate) filter_share: FilterShare,
    pub(crate) pipeline: Pipeline,
}

impl<S: RecordSource, M: MessageIndex, C: Clock> Intake<S, M, C> {
    /// Makes an intake whose filter knows nothing yet.
    pub(crate) fn new(parts: IntakeParts<S, M, C>) -> Self {
        // Until the filter is rebuilt, a small one stands in for it.
        let filter = DuplicateFilter::new(0, 1);
        Self {
            topic: parts.source.topic().into(),
            partition: parts.partition,
            source: parts.source,
            index: parts.index,
            clock: parts.clock,
            config: parts.config,
            metrics: parts.metrics,
            reach: Reach::new(parts.partition, parts.outlets),
            backoff: parts.backoff,
            filter_share: parts.filter_share,
            workshop: Arc::new(Mutex::new(Workshop {
                pipeline: parts.pipeline,
                filter,
            })),
            expected_bytes: SMALLEST_BUFFER,
        }
    }

    fn topic(&self) -> Arc<str> {
        Arc::clone(&self.topic)
    }

    /// Returns where to begin when no progress is remembered: after what is stored.
    pub(crate) async fn find_progress(&self) -> Result<Progress, ClassifierError> {
        let stored = self
            .backoff
            .until_done(
                || self.index.stored_until(self.source.topic(), self.partition),
                |error, delay| self.note("stored_until", error, delay),
            )
            .await
            .map_err(|source| ClassifierError::LookUp {
                partition: self.partition,
                source,
            })?;
        Ok(Progress {
            next: stored.unwrap_or(Offset(0)),
            pending: None,
        })
    }

    /// Finds out how far the collectors had come before `next`.
    pub(crate) async fn restore_marks(&mut self, next: Offset) -> Result<(), ClassifierError> {
        let marks = self
            .backoff
            .until_done(
                || self.index.marks(self.source.topic(), self.partition, next),
                |error, delay| self.note("marks", error, delay),
            )
            .await
            .map_err(|source| ClassifierError::LookUp {
                partition: self.partition,
                source,
            })?;
        self.reach.restore(marks, next);
        Ok(())
    }

    /// Fills the filter with what the database holds.
    pub(crate) async fn rebuild_filter(&self) -> Result<(), ClassifierError> {
        let window = i64::try_from(self.config.filter_window.as_millis()).unwrap_or(i64::MAX);
        let since = self.clock.now().as_millis().saturating_sub(window);
        let since = Timestamp::from_millis(since);
        let FilterShare { bytes, messages } = self.filter_share;
        let rebuild = Mutex::new(FilterRebuild::new(bytes, messages));
        let lock = || rebuild.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let list = lock().next_list();
            let Some(limit) = list else {
                break;
            };
            let visit_list = || {
                lock().begin_again();
                let visit = |hash| lock().visit(hash);
                self.index
                    .recent(self.source.topic(), self.partition, since, limit, visit)
            };
            self.backoff
                .until_done(visit_list, |error, delay| self.note("recent", error, delay))
                .await
                .map_err(|source| ClassifierError::LookUp {
                    partition: self.partition,
                    source,
                })?;
        }
        let rebuilt = rebuild
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .finish();
        self.metrics
            .set_filter_bytes(self.partition, rebuilt.bytes());
        self.lock_workshop().filter = rebuilt;
        Ok(())
    }

    /// Remembers the messages of rows that are stored.
    pub(crate) async fn remember(&self, messages: Vec<MessageHash>) {
        let workshop = Arc::clone(&self.workshop);
        let insert = move || {
            let mut workshop = workshop.lock().unwrap_or_else(PoisonError::into_inner);
            for message in messages {
                workshop.filter.insert(message);
            }
            workshop.filter.bytes()
        };
        let bytes = run_blocking(insert).await;
        self.metrics.set_filter_bytes(self.partition, bytes);
    }

    /// Gathers the next batch from `next` on: until it is full, or the flush interval is over and
    /// the batch before it is done. While that one takes its time, this one might as well grow:
    /// fewer and larger inserts are what a busy database needs.
    pub(crate) async fn prepare(
        &mut self,
        next: Offset,
        limits: BatchLimits,
        before: Option<&InFlight>,
    ) -> Result<Prepared, ClassifierError> {
        let mut batch = Batch::new(
            self.topic(),
            self.partition,
            next,
            limits,
            self.expected_bytes,
        );
        let mut deadline: Option<Instant> = None;
        while !batch.is_full() {
            let looked_at = self.clock.now();
            let wait = deadline.map_or(self.config.flush_interval, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            let records = self.read(batch.next(), None, wait).await?;
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
            batch = self.work(batch, records, messages).await;
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
        self.settle(&mut batch).await?;
        self.expected_bytes = batch.encoded_bytes().max(SMALLEST_BUFFER);
        let sealed = batch.seal().expect("the loop ends early on an empty one");
        Ok(Prepared::Batch(sealed))
    }

    /// Reads a range again that was read before, whatever its size.
    pub(crate) async fn prepare_again(
        &mut self,
        range: OffsetRange,
    ) -> Result<SealedBatch, ClassifierError> {
        let limits = BatchLimits::NONE;
        let mut batch = Batch::new(
            self.topic(),
            self.partition,
            range.first,
            limits,
            self.expected_bytes,
        );
        while batch.next() <= range.last {
            let wait = self.config.flush_interval;
            let records = self.read(batch.next(), Some(range.last), wait).await?;
            if records.is_empty() {
                // The rest of the range is a gap: it was durable before it became a range.
                batch.extend_to(range.last);
                break;
            }
            batch = self.work(batch, records, None).await;
            self.reach.waiting(batch.oldest());
        }
        self.settle(&mut batch).await?;
        Ok(batch.seal().expect("a range is never empty"))
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
                source,
            })
    }

    /// Has the pipeline add `records` to the batch, as many as fit.
    async fn work(
        &self,
        mut batch: Batch,
        records: Vec<LogRecord>,
        in_flight: Option<Arc<Messages>>,
    ) -> Batch {
        let workshop = Arc::clone(&self.workshop);
        let add = move || {
            let mut workshop = workshop.lock().unwrap_or_else(PoisonError::into_inner);
            let Workshop { pipeline, filter } = &mut *workshop;
            let earlier = Earlier::new(filter).with_in_flight(in_flight.as_deref());
            pipeline.add(&records, earlier, &mut batch);
            batch
        };
        run_blocking(add).await
    }

    /// Finds out which suspects are duplicates: those stored before the batch's range.
    async fn settle(&self, batch: &mut Batch) -> Result<(), ClassifierError> {
        let suspects = batch.suspects();
        if suspects.is_empty() {
            return Ok(());
        }
        self.metrics.record_suspects(suspects.len());
        let first = batch.first();
        let seen = self
            .backoff
            .until_done(
                || {
                    self.index
                        .seen_before(self.source.topic(), self.partition, first, &suspects)
                },
                |error, delay| self.note("seen_before", error, delay),
            )
            .await
            .map_err(|source| ClassifierError::LookUp {
                partition: self.partition,
                source,
            })?;
        batch.resolve(&seen);
        Ok(())
    }

    fn note<E: Classified>(&self, operation: &'static str, error: &E, delay: Duration) {
        self.metrics.record_failure(operation, error.retry_class());
        tracing::warn!(
            partition = self.partition.0,
            operation,
            %error,
            ?delay,
            "failed, trying again"
        );
    }

    fn lock_workshop(&self) -> std::sync::MutexGuard<'_, Workshop> {
        self.workshop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `work` on a blocking thread; a panic there goes on here.
async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down: whoever waits here is dropped with it.
            Err(_) => std::future::pending().await,
        },
    }
}
