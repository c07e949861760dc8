//! The worker of one partition: prepares one batch while the previous one is inserted.
//!
//! Everything else is strictly in order: a batch is inserted only after the previous one is done.
//! So progress is always one contiguous prefix, and recovery after a crash repeats one range.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use etappe_core::id::{Offset, OffsetRange};
use etappe_core::ports::{Clock, DeadLetters, MessageIndex, Progress, RecordSource, RowSink};
use etappe_runtime::backoff::Backoff;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::batch::{BatchLimits, SealedBatch};
use crate::batch_reader::{BatchReader, Prepared};
use crate::delivery::{Delivered, Delivery, Mode};
use crate::error::ClassifierError;
use crate::in_flight::InFlight;

/// Batches are limited to this many rows after a refused batch, so that reading the rest again
/// stays cheap if more is refused.
const ROWS_AFTER_REFUSAL: usize = 1_024;
/// The factor by which that limit grows with each stored batch.
const ROWS_GROWTH: usize = 4;

/// Works on one partition until it is stopped.
#[derive(Debug)]
pub(crate) struct Worker<S, K, D, M, C> {
    reader: BatchReader<S, M, C>,
    delivery: Delivery<S, K, D, C>,
    stop: CancellationToken,
    row_limit: usize,
    /// The pauses before a batch is read again.
    backoff: Backoff,
}

/// Where a partition's work begins.
#[derive(Debug)]
pub(crate) struct Start {
    /// Where the last worker stopped, if it committed progress.
    pub(crate) progress: Option<Progress>,
    /// Ranges before the progress that must be repeated.
    pub(crate) replay: Vec<OffsetRange>,
}

/// Why a worker ends.
enum WorkerExit {
    Stopped,
    Failed(ClassifierError),
}

impl From<ClassifierError> for WorkerExit {
    fn from(error: ClassifierError) -> Self {
        Self::Failed(error)
    }
}

impl<S: RecordSource, K: RowSink, D: DeadLetters, M: MessageIndex, C: Clock> Worker<S, K, D, M, C> {
    pub(crate) fn new(
        reader: BatchReader<S, M, C>,
        delivery: Delivery<S, K, D, C>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            row_limit: reader.config.max_batch_rows,
            backoff: delivery.backoff.clone(),
            reader,
            delivery,
            stop,
        }
    }

    /// Works until stopped. An unfinished range stays recorded as pending.
    pub(crate) async fn run(mut self, start: Start) -> Result<(), ClassifierError> {
        let Err(halt) = self.work(start).await;
        match halt {
            WorkerExit::Stopped => Ok(()),
            WorkerExit::Failed(error) => Err(error),
        }
    }

    async fn work(&mut self, start: Start) -> Result<Infallible, WorkerExit> {
        let progress = match start.progress {
            Some(progress) => progress,
            None => self.until_stopped(self.reader.find_progress()).await?,
        };
        let stop = self.stop.clone();
        until_stopped(&stop, self.reader.restore_marks(progress.next)).await?;
        let again = start.replay.iter().chain(&progress.pending);
        let again = again.map(|range| range.count()).sum();
        self.until_stopped(self.reader.rebuild_filter(again))
            .await?;
        let again_from = start.replay.iter().map(|range| range.first).min();
        self.reader.reach.stores_again(again_from);
        self.replay(&start.replay, progress).await?;
        self.reader.reach.stores_again(None);
        let mut next = progress.next;
        if let Some(pending) = progress.pending {
            next = self.redo(pending, Mode::Live).await?;
        }
        let mut in_flight: Option<Box<SealedBatch>> = None;
        loop {
            let prepared = match in_flight.take() {
                None => {
                    let stop = self.stop.clone();
                    let limits = self.limits();
                    until_stopped(&stop, self.reader.prepare(next, limits, None)).await?
                }
                Some(batch) => match self.deliver_and_prepare(batch).await? {
                    Ok(prepared) => prepared,
                    Err(read_from) => {
                        next = read_from;
                        continue;
                    }
                },
            };
            match prepared {
                Prepared::Batch(batch) => {
                    self.show_position(&batch);
                    next = batch.range.last.next();
                    in_flight = Some(batch);
                }
                Prepared::CaughtUp(looked_at) => {
                    self.reader.reach.caught_up(looked_at);
                    self.reader
                        .metrics
                        .set_lag(self.reader.partition, Duration::ZERO);
                    self.reader.metrics.set_in_flight(self.reader.partition, 0);
                }
            }
        }
    }

    /// Repeats the ranges that an unclean shutdown may have lost and records that they are done.
    async fn replay(
        &mut self,
        ranges: &[OffsetRange],
        progress: Progress,
    ) -> Result<(), WorkerExit> {
        if ranges.is_empty() {
            return Ok(());
        }
        tracing::info!(
            partition = self.reader.partition.0,
            ranges = ranges.len(),
            "storing ranges again after an unclean boot"
        );
        for range in ranges {
            self.redo(*range, Mode::Replay).await?;
        }
        self.until_stopped(self.delivery.commit(progress)).await
    }

    /// Repeats a range with the same boundaries, and therefore the same token.
    async fn redo(&mut self, range: OffsetRange, mode: Mode) -> Result<Offset, WorkerExit> {
        loop {
            let stop = self.stop.clone();
            let batch = until_stopped(&stop, self.reader.prepare_again(range)).await?;
            let span = self.batch_span(&batch);
            let delivered = self
                .drain(self.delivery.deliver(&batch, mode))
                .instrument(span)
                .await?
                .ok_or(WorkerExit::Stopped)?;
            if let Some(next) = self.settle(&batch, delivered).await? {
                return Ok(next);
            }
        }
    }

    /// Stores `batch` while preparing the next one. Returns the offset to read from again if the
    /// prepared batch cannot be used.
    async fn deliver_and_prepare(
        &mut self,
        batch: Box<SealedBatch>,
    ) -> Result<Result<Prepared, Offset>, WorkerExit> {
        let limits = self.limits();
        let stop = self.stop.clone();
        let span = self.batch_span(&batch);
        let after = batch.range.last.next();
        let in_flight = InFlight::new(&batch);
        let ((delivered, batch), prepared) = {
            let Self {
                reader, delivery, ..
            } = &mut *self;
            let drain = reader.config.drain;
            let deliver = async {
                let mut batch = batch;
                let deliver = delivery.deliver(&batch, Mode::Live);
                let delivered = drain_after(&stop, drain, deliver).await;
                batch.free();
                in_flight.finish();
                delivered.map(|delivered| (delivered, batch))
            };
            let prepare = async {
                // A stop ends only the preparation; the insert gets its time to finish.
                let prepare = reader.prepare(after, limits, Some(&in_flight));
                match until_stopped(&stop, prepare).await {
                    Err(WorkerExit::Stopped) => Ok(None),
                    Ok(prepared) => Ok(Some(prepared)),
                    Err(failed) => Err(failed),
                }
            };
            tokio::try_join!(deliver.instrument(span), prepare)?
        };
        let delivered = delivered.ok_or(WorkerExit::Stopped)?;
        let next = self.settle(&batch, delivered).await?;
        let prepared = prepared.ok_or(WorkerExit::Stopped)?;
        Ok(match (delivered, next) {
            (Delivered::Complete, _) => Ok(prepared),
            (Delivered::NotAnnounced | Delivered::Partial { .. }, next) => {
                Err(next.unwrap_or(batch.range.first))
            }
        })
    }

    /// Handles the result of a batch. Returns the next offset to read, or `None` if the same batch
    /// must be read again.
    async fn settle(
        &mut self,
        batch: &SealedBatch,
        delivered: Delivered,
    ) -> Result<Option<Offset>, WorkerExit> {
        let next = match delivered {
            Delivered::Complete => {
                self.backoff.reset();
                let most = self.reader.config.max_batch_rows;
                self.row_limit = self.row_limit.saturating_mul(ROWS_GROWTH).min(most);
                batch.range.last.next()
            }
            Delivered::Partial { next } => {
                self.row_limit = ROWS_AFTER_REFUSAL.min(self.reader.config.max_batch_rows);
                next
            }
            Delivered::NotAnnounced => {
                let delay = self.backoff.next_delay();
                let wait = async {
                    tokio::time::sleep(delay).await;
                    Ok(())
                };
                self.until_stopped(wait).await?;
                return Ok(None);
            }
        };
        let stored = batch.rows.iter().filter(|row| row.offset < next);
        let messages = stored.filter_map(|row| row.message).collect();
        self.reader.remember(messages).await;
        self.reader.reach.stored(&batch.marks, next);
        Ok(Some(next))
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits {
            rows: self.row_limit,
            bytes: self.reader.config.max_batch_bytes,
        }
    }

    fn show_position(&self, batch: &SealedBatch) {
        self.reader.reach.waiting(batch.oldest);
        self.delivery.show_lag(batch);
        self.reader
            .metrics
            .set_in_flight(self.reader.partition, batch.bytes().len());
    }

    fn batch_span(&self, batch: &SealedBatch) -> tracing::Span {
        tracing::debug_span!(
            "batch",
            partition = self.reader.partition.0,
            first = batch.range.first.0,
            last = batch.range.last.0,
            rows = batch.rows.len(),
            bytes = batch.bytes().len(),
        )
    }

    async fn until_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, ClassifierError>>,
    ) -> Result<T, WorkerExit> {
        until_stopped(&self.stop, work).await
    }

    async fn drain<T>(
        &self,
        work: impl Future<Output = Result<T, ClassifierError>>,
    ) -> Result<Option<T>, WorkerExit> {
        drain_after(&self.stop, self.reader.config.drain, work).await
    }
}

/// Runs `work` until it is done or the worker is stopped, which drops it at once.
async fn until_stopped<T>(
    stop: &CancellationToken,
    work: impl Future<Output = Result<T, ClassifierError>>,
) -> Result<T, WorkerExit> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(WorkerExit::Stopped),
        done = work => done.map_err(WorkerExit::Failed),
    }
}

/// Runs `work`; after a stop it has `deadline` to finish, and `None` is returned when it is
/// dropped.
async fn drain_after<T>(
    stop: &CancellationToken,
    deadline: Duration,
    work: impl Future<Output = Result<T, ClassifierError>>,
) -> Result<Option<T>, WorkerExit> {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return done.map(Some).map_err(WorkerExit::Failed),
        () = stop.cancelled() => {}
    }
    match tokio::time::timeout(deadline, work).await {
        Ok(done) => done.map(Some).map_err(WorkerExit::Failed),
        Err(_) => Ok(None),
    }
}
