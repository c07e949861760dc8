//! Follows partition assignments: one worker per partition, stopped before the partition is
//! released.

use std::collections::HashMap;
use std::sync::Arc;

use etappe_core::id::{OffsetRange, PartitionId};
use etappe_core::ports::{
    Clock, DeadLetters, MessageIndex, Progress, RecordSource, Retryable, RowSink, SourceEvent,
};
use etappe_core::rules::{RuleClassifier, RuleSet};
use etappe_core::site::SiteDirectory;
use etappe_core::watermark::Watermark;
use etappe_runtime::backoff::Backoff;
use prometheus::Registry;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::batch_reader::{BatchReader, BatchReaderParts, FilterShare};
use crate::budget::BatchBudget;
use crate::config::ClassifierConfig;
use crate::delivery::{Delivery, KnownOutcomes};
use crate::error::{ClassifierError, PortError};
use crate::metrics::ClassifierMetrics;
use crate::pipeline::Pipeline;
use crate::reach::{CollectorWatch, ReachOutlets};
use crate::worker::{Start, Worker};

/// The components of a [`Classifier`].
#[derive(Debug)]
pub struct ClassifierParts<S, K, D, M, C> {
    /// The log that records are read from.
    pub source: S,
    /// The database that rows are inserted into.
    pub sink: K,
    /// The store for records that cannot be inserted.
    pub letters: D,
    /// The index of stored messages.
    pub index: M,
    /// The clock.
    pub clock: C,
    /// The classification rules.
    pub rules: Arc<RuleSet>,
    /// The sites, for what they say their events mean; updated while running.
    pub sites: watch::Receiver<Arc<SiteDirectory>>,
    /// The validated configuration.
    pub config: ClassifierConfig,
    /// The log's number of partitions; they divide the memory limits among them.
    pub partitions: u32,
    /// Where watermarks are published.
    pub watermark: Watermark,
}

/// Consumes the event log, classifies every event, writes batches.
#[derive(Debug)]
pub struct Classifier<S, K, D, M, C> {
    source: Arc<S>,
    sink: Arc<K>,
    letters: Arc<D>,
    index: Arc<M>,
    clock: Arc<C>,
    rules: Arc<RuleSet>,
    sites: watch::Receiver<Arc<SiteDirectory>>,
    config: ClassifierConfig,
    partitions: u32,
    metrics: ClassifierMetrics,
    known: Arc<KnownOutcomes>,
    outlets: ReachOutlets,
    budget: BatchBudget,
}

/// A worker's partition and result.
type Ended = (PartitionId, Result<(), ClassifierError>);

/// The running workers.
#[derive(Default)]
struct Workers {
    tasks: JoinSet<Ended>,
    stops: HashMap<PartitionId, CancellationToken>,
}

impl<S: RecordSource, K: RowSink, D: DeadLetters, M: MessageIndex, C: Clock>
    Classifier<S, K, D, M, C>
{
    /// Makes a classifier; its metrics are registered in `registry`.
    ///
    /// # Errors
    /// The registry's error when the metrics are there already.
    pub fn new(
        parts: ClassifierParts<S, K, D, M, C>,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let metrics = ClassifierMetrics::register(registry)?;
        let outlets = ReachOutlets {
            watermark: parts.watermark,
            watch: CollectorWatch::default(),
            metrics: metrics.clone(),
        };
        let partitions = usize::try_from(parts.partitions).unwrap_or(usize::MAX);
        let budget = BatchBudget::new(parts.config.batch_bytes, partitions, metrics.clone());
        Ok(Self {
            budget,
            source: Arc::new(parts.source),
            sink: Arc::new(parts.sink),
            letters: Arc::new(parts.letters),
            index: Arc::new(parts.index),
            clock: Arc::new(parts.clock),
            rules: parts.rules,
            sites: parts.sites,
            config: parts.config,
            partitions: parts.partitions,
            metrics,
            known: Arc::default(),
            outlets,
        })
    }

    /// Returns the list of silent collectors; it stays up to date.
    #[must_use]
    pub fn collectors(&self) -> CollectorWatch {
        self.outlets.watch.clone()
    }

    /// Returns the metrics, for related components.
    #[must_use]
    pub fn metrics(&self) -> ClassifierMetrics {
        self.metrics.clone()
    }

    /// Works on every assigned partition until `shutdown`.
    ///
    /// On shutdown reading stops. A running insert has the configured time to finish and is
    /// abandoned after that; it is repeated at the next start and still counts once.
    ///
    /// # Errors
    /// [`ClassifierError`] when retrying cannot help. All other failures are retried without limit.
    pub async fn run(&self, shutdown: CancellationToken) -> Result<(), ClassifierError> {
        let mut workers = Workers::default();
        let outcome = self.follow(&mut workers, &shutdown).await;
        for stop in workers.stops.values() {
            stop.cancel();
        }
        let mut result = outcome;
        while let Some(ended) = workers.tasks.join_next().await {
            let (_, ended) = unwrap_task(ended);
            result = result.and(ended);
        }
        result
    }

    async fn follow(
        &self,
        workers: &mut Workers,
        shutdown: &CancellationToken,
    ) -> Result<(), ClassifierError> {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                Some(ended) = workers.tasks.join_next() => {
                    let (partition, ended) = unwrap_task(ended);
                    ended?;
                    self.give_up(workers, partition).await;
                }
                change = self.next_change() => self.take(workers, change?).await?,
            }
        }
    }

    async fn take(
        &self,
        workers: &mut Workers,
        change: SourceEvent,
    ) -> Result<(), ClassifierError> {
        match change {
            SourceEvent::Assigned {
                partition,
                progress,
                replay,
            } => self.begin(workers, partition, progress, replay),
            SourceEvent::Revoked { partition } => {
                match workers.stops.get(&partition) {
                    // The partition is released only when the worker has ended.
                    Some(stop) => stop.cancel(),
                    None => self.source.release(partition).await,
                }
                Ok(())
            }
        }
    }

    fn begin(
        &self,
        workers: &mut Workers,
        partition: PartitionId,
        progress: Option<Progress>,
        replay: Vec<OffsetRange>,
    ) -> Result<(), ClassifierError> {
        let stop = CancellationToken::new();
        if workers.stops.insert(partition, stop.clone()).is_some() {
            return Err(ClassifierError::AssignedTwice {
                topic: self.source.topic().to_owned(),
                partition,
            });
        }
        tracing::info!(partition = partition.0, ?progress, "partition assigned");
        let worker = self.worker(partition, stop);
        let start = Start { progress, replay };
        workers
            .tasks
            .spawn(async move { (partition, worker.run(start).await) });
        Ok(())
    }

    async fn give_up(&self, workers: &mut Workers, partition: PartitionId) {
        workers.stops.remove(&partition);
        self.outlets.withdraw(partition);
        tracing::info!(partition = partition.0, "partition released");
        self.source.release(partition).await;
    }

    fn worker(&self, partition: PartitionId, stop: CancellationToken) -> Worker<S, K, D, M, C> {
        let seed = u64::from(partition.0);
        let backoff = self.backoff(seed);
        let partitions = self.partitions.max(1);
        let share = usize::try_from(partitions).unwrap_or(usize::MAX);
        let reader = BatchReader::new(BatchReaderParts {
            partition,
            source: Arc::clone(&self.source),
            index: Arc::clone(&self.index),
            clock: Arc::clone(&self.clock),
            config: self.config.clone(),
            metrics: self.metrics.clone(),
            outlets: self.outlets.clone(),
            backoff: backoff.clone(),
            budget: self.budget.clone(),
            filter_share: FilterShare {
                bytes: self.config.filter_bytes / share,
                messages: self.config.filter_messages.div_ceil(u64::from(partitions)),
            },
            pipeline: Pipeline::new(
                RuleClassifier::new(Arc::clone(&self.rules)),
                self.sites.clone(),
            ),
        });
        let delivery = Delivery {
            partition,
            source: Arc::clone(&self.source),
            sink: Arc::clone(&self.sink),
            letters: Arc::clone(&self.letters),
            clock: Arc::clone(&self.clock),
            metrics: self.metrics.clone(),
            backoff,
            known: Arc::clone(&self.known),
        };
        Worker::new(reader, delivery, stop)
    }

    /// Returns the delays between attempts; `seed` makes those of different workers differ.
    fn backoff(&self, seed: u64) -> Backoff {
        Backoff::new(self.config.retry_first, self.config.retry_longest).with_seed(seed)
    }

    /// Waits for the next assignment change; cancellation-safe, as the source's wait is.
    async fn next_change(&self) -> Result<SourceEvent, ClassifierError> {
        self.backoff(u64::MAX)
            .until_done(
                || self.source.changed(),
                |error: &S::Error, delay| {
                    self.metrics.record_failure("changed", error.retry_class());
                    tracing::warn!(%error, ?delay, "assignments cannot be read, trying again");
                },
            )
            .await
            .map_err(|source| ClassifierError::Assignment {
                topic: self.source.topic().to_owned(),
                source: PortError::new(source),
            })
    }
}

/// Returns a worker's result; resumes its panic.
fn unwrap_task(ended: Result<Ended, tokio::task::JoinError>) -> Ended {
    match ended {
        Ok(ended) => ended,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
