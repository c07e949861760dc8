//! The one task that changes the index: it builds it, follows the database and keeps its files.
//!
//! A question that wants the index asks for a refresh and waits for the first one that began after
//! it. So the index never answers from less than the database would. Refreshes are shared by all
//! questions that wait, and without questions there are few.
//!
//! Rows before the settled offset of their partition are final: they are read once. Those after it
//! are read again with every refresh, for a batch reaches several tables, not all at one moment.

mod build;
mod link;
mod refresh;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::ports::{JourneyLedger, RetryClass, Retryable as _};
use etappe_core::watermark::Watermark;
use etappe_runtime::backoff::Backoff;
use etappe_runtime::health::Reporter;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::config::JourneysConfig;
use crate::error::IndexError;
use crate::index::{Index, MergedSegment};
use crate::metrics::JourneysMetrics;
pub(crate) use link::Link;

/// How often it looks whether the log's positions are known, at the start.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often the database is followed without a question, if there is something new.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);
/// How long settled events may be in no file: so much is read again after a crash.
const CHECKPOINT_EVERY: Duration = Duration::from_mins(5);
/// How often the number of events is compared with the database's.
const COMPARE_EVERY: Duration = Duration::from_mins(5);
/// The pauses after failures.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));

/// What the follower works with.
#[derive(Debug)]
pub struct FollowerParts<L> {
    /// The stored events.
    pub ledger: L,
    /// How far the log is settled.
    pub watermark: Watermark,
    /// The log's name.
    pub topic: String,
    /// The folder of the index.
    pub folder: PathBuf,
    /// The settings.
    pub config: JourneysConfig,
    /// The metrics.
    pub metrics: JourneysMetrics,
    /// Where a build reports its progress.
    pub report: Reporter,
}

/// Builds and follows. It blocks while it writes files, so it wants a thread that may be blocked.
#[derive(Debug)]
pub struct Follower<L> {
    parts: FollowerParts<L>,
    link: Arc<Link>,
}

/// The index is of no use: it must be built again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rebuild {
    /// There is none.
    Missing,
    /// A file is damaged.
    Damaged,
    /// It is of another log.
    OtherLog,
    /// The database has more events before its positions.
    Behind,
    /// The database has fewer, for a while now.
    Ahead,
}

impl Rebuild {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "none",
            Self::Damaged => "damaged",
            Self::OtherLog => "other_log",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
        }
    }
}

/// Why following ended.
#[derive(Debug)]
pub(crate) enum Ended {
    ByRebuild(Rebuild),
    ByError(IndexError),
}

impl From<IndexError> for Ended {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Damaged { .. } => {
                tracing::warn!(%error, "the journey index is damaged");
                Self::ByRebuild(Rebuild::Damaged)
            }
            error @ IndexError::File { .. } => Self::ByError(error),
        }
    }
}

impl<L: JourneyLedger> Follower<L> {
    /// Makes a follower; [`IndexedStore::new`](crate::IndexedStore::new) takes a reference to it.
    #[must_use]
    pub fn new(parts: FollowerParts<L>) -> Self {
        Self {
            parts,
            link: Arc::default(),
        }
    }

    pub(crate) fn link(&self) -> Arc<Link> {
        Arc::clone(&self.link)
    }

    pub(crate) const fn config(&self) -> &JourneysConfig {
        &self.parts.config
    }

    pub(crate) const fn metrics(&self) -> &JourneysMetrics {
        &self.parts.metrics
    }

    /// Follows until `stop`. While files cannot be read or written, it tries again with pauses and
    /// the database answers all questions.
    pub async fn run(self, stop: CancellationToken) {
        self.parts.report.ready();
        let mut backoff = BACKOFF;
        loop {
            let worked = self.work(&stop).await;
            self.link.set_usable(false);
            self.parts.metrics.usable.set(0);
            let Err(error) = worked else { return };
            self.failed("write");
            let reason = format!("the journey index cannot be kept: {error}");
            self.parts.report.degraded(reason);
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(backoff.next_delay()) => {}
            }
        }
    }

    async fn work(&self, stop: &CancellationToken) -> Result<(), IndexError> {
        self.link.shared().clear();
        let mut index = Index::open(&self.parts.folder, Arc::clone(self.link.shared()))?;
        let mut rebuild = self.missing(&index);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                prepared = self.prepare(&mut index, rebuild.take()) => prepared?,
            }
            self.parts.report.ready();
            match self.follow(&mut index, stop).await {
                Ok(()) => return index.checkpoint(),
                Err(Ended::ByRebuild(reason)) => rebuild = Some(reason),
                Err(Ended::ByError(error)) => return Err(error),
            }
            self.link.set_usable(false);
        }
    }

    /// Returns that an index was not built, if that is so.
    pub(crate) fn missing(&self, index: &Index) -> Option<Rebuild> {
        index.positions().is_none().then_some(Rebuild::Missing)
    }

    /// Checks an index that was opened, and builds it if need be.
    pub(crate) async fn prepare(
        &self,
        index: &mut Index,
        rebuild: Option<Rebuild>,
    ) -> Result<(), IndexError> {
        // Until the settled offset of every partition is known.
        while self.parts.watermark.settled().is_none() {
            sleep(LOOK_EVERY).await;
        }
        let reason = match rebuild {
            Some(reason) => Some(reason),
            None => self.check_opened(index).await,
        };
        match reason {
            Some(reason) => self.build(index, reason).await,
            None => Ok(()),
        }
    }

    /// Follows until `stop`, which is a success.
    async fn follow(&self, index: &mut Index, stop: &CancellationToken) -> Result<(), Ended> {
        let mut merging: Option<JoinHandle<Result<MergedSegment, IndexError>>> = None;
        let mut checkpoint_at = Instant::now() + CHECKPOINT_EVERY;
        let mut compare_at = Instant::now() + COMPARE_EVERY;
        let mut ahead = false;
        let mut backoff = BACKOFF;
        // The first refresh makes the index usable.
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                merged = ended(&mut merging) => {
                    merging = None;
                    if let Some(merged) = merged {
                        index.take_merged(merged?)?;
                    }
                    continue;
                }
                () = self.link.asked() => {}
                () = sleep(pause) => {}
            }
            if self.link.take_damaged() {
                return Err(Ended::ByRebuild(Rebuild::Damaged));
            }
            pause = match self.refresh(index).await? {
                true => {
                    backoff.reset();
                    self.parts.report.ready();
                    FOLLOW_EVERY
                }
                false => backoff.next_delay(),
            };
            if index.memory() > self.parts.config.memory_bytes || Instant::now() >= checkpoint_at {
                index.checkpoint()?;
                checkpoint_at = Instant::now() + CHECKPOINT_EVERY;
            }
            if merging.is_none()
                && let Some(merge) = index.next_merge()
            {
                merging = Some(tokio::task::spawn_blocking(move || merge.run()));
            }
            if Instant::now() >= compare_at {
                compare_at = Instant::now() + COMPARE_EVERY;
                match self.compare(index).await {
                    Some(Rebuild::Ahead) if !ahead => ahead = true,
                    Some(reason) => return Err(Ended::ByRebuild(reason)),
                    None => ahead = false,
                }
            }
            self.show(index);
        }
    }

    /// Returns why an index that was just opened is of no use, if it is not.
    async fn check_opened(&self, index: &Index) -> Option<Rebuild> {
        let positions = index.positions()?;
        if positions.topic != self.parts.topic {
            return Some(Rebuild::OtherLog);
        }
        let mut backoff = BACKOFF;
        loop {
            match self.parts.ledger.count(positions).await {
                Ok(events) if events > index.events() => return Some(Rebuild::Behind),
                // What the database lost in a power failure is stored again and was read before.
                Ok(_) => match self.look_up_all_outcomes().await {
                    Ok(()) => return None,
                    Err(error) => self.cannot_read(&error),
                },
                Err(error) => self.cannot_read(&error),
            }
            sleep(backoff.next_delay()).await;
        }
    }

    /// Compares the number of events with the database's.
    pub(crate) async fn compare(&self, index: &Index) -> Option<Rebuild> {
        let positions = index.positions()?;
        match self.parts.ledger.count(positions).await {
            Ok(events) if events > index.events() => Some(Rebuild::Behind),
            Ok(events) if events < index.events() => Some(Rebuild::Ahead),
            Ok(_) => None,
            Err(error) => {
                self.cannot_read(&error);
                None
            }
        }
    }

    fn cannot_read(&self, error: &L::Error) {
        self.failed("read");
        // What recovers by itself is seen elsewhere; everything else needs somebody to look.
        if error.retry_class() != RetryClass::Transient {
            let told = format!(
                "the journey index cannot follow the database, which answers meanwhile: {error}"
            );
            self.parts.report.degraded(told);
        }
        tracing::debug!(%error, "the journey index cannot read the database, trying again");
    }

    fn failed(&self, action: &str) {
        let failures = &self.parts.metrics.failures;
        failures.with_label_values(&[action]).inc();
    }

    fn show(&self, index: &Index) {
        let metrics = &self.parts.metrics;
        let (bytes, segments) = index.on_disk();
        metrics.events.set(gauge(index.events()));
        metrics.disk.set(gauge(bytes));
        metrics
            .segments
            .set(i64::try_from(segments).unwrap_or(i64::MAX));
        metrics
            .memory
            .set(i64::try_from(index.memory()).unwrap_or(i64::MAX));
    }
}

/// Waits for a merge to end; pending without one. A merge that was abandoned gives nothing.
async fn ended(
    merging: &mut Option<JoinHandle<Result<MergedSegment, IndexError>>>,
) -> Option<Result<MergedSegment, IndexError>> {
    match merging {
        Some(merge) => merge.await.ok(),
        None => std::future::pending().await,
    }
}

fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
