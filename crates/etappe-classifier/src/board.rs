//! Shares watermarks between processes through a common board.
//!
//! Processes that write rows post their watermarks to the board every second; read-only processes
//! poll it. A posted watermark stays true, so an unreachable board only makes figures look older.

use std::collections::BTreeMap;
use std::time::Duration;

use etappe_core::id::PartitionId;
use etappe_core::ports::WatermarkBoard;
use etappe_core::watermark::{PartitionReach, Watermark};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::metrics::ClassifierMetrics;

/// How often the board is written and read.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often unchanged watermarks are posted too: another process may have overwritten the entry
/// after it lost the partition.
const FULL_REPORT_EVERY: Duration = Duration::from_secs(30);

/// Posts a process's watermarks to the board.
#[derive(Debug)]
pub struct BoardPoster<B> {
    board: B,
    topic: String,
    watermark: Watermark,
    metrics: ClassifierMetrics,
}

impl<B: WatermarkBoard> BoardPoster<B> {
    /// Makes a poster for what `watermark` knows of the log `topic`.
    #[must_use]
    pub fn new(board: B, topic: &str, watermark: Watermark, metrics: ClassifierMetrics) -> Self {
        Self {
            board,
            topic: topic.to_owned(),
            watermark,
            metrics,
        }
    }

    /// Posts changes every second until `shutdown`; a failed post is retried a second later.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut posted: BTreeMap<PartitionId, PartitionReach> = BTreeMap::new();
        let mut last_of_all = Instant::now();
        let mut warnings = WarnOnce::default();
        let mut ticks = ticks();
        while tick(&mut ticks, &shutdown).await {
            let known = self.watermark.reaches();
            if last_of_all.elapsed() >= FULL_REPORT_EVERY {
                last_of_all = Instant::now();
                posted.clear();
            }
            posted.retain(|partition, _| known.iter().any(|it| it.partition == *partition));
            let is_new = |reach: &&PartitionReach| posted.get(&reach.partition) != Some(*reach);
            let new: Vec<PartitionReach> = known.iter().filter(is_new).copied().collect();
            if new.is_empty() {
                continue;
            }
            let result = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                result = self.board.post(&self.topic, &new) => result,
            };
            self.metrics.record_post(result.is_ok());
            if warnings.over(result, "posted").is_some() {
                posted.extend(new.iter().map(|reach| (reach.partition, *reach)));
            }
        }
    }
}

/// Keeps the watermark of a read-only process up to date.
#[derive(Debug)]
pub struct BoardFollower<B> {
    board: B,
    watermark: Watermark,
}

impl<B: WatermarkBoard> BoardFollower<B> {
    /// Makes a follower that moves `watermark`, which should start as [`Watermark::unknown`].
    #[must_use]
    pub const fn new(board: B, watermark: Watermark) -> Self {
        Self { board, watermark }
    }

    /// Reads the board every second until `shutdown`; while it cannot be read, the last values stay
    /// valid.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut warnings = WarnOnce::default();
        let mut ticks = ticks();
        while tick(&mut ticks, &shutdown).await {
            let loaded = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                loaded = self.board.load() => loaded,
            };
            if let Some(reaches) = warnings.over(loaded, "read") {
                self.watermark.replace(&reaches);
            }
        }
    }
}

/// Whether the last attempt failed; only the first failure in a row logs a warning.
#[derive(Debug, Default)]
struct WarnOnce(bool);

impl WarnOnce {
    fn over<T, E: std::error::Error>(
        &mut self,
        result: Result<T, E>,
        action: &'static str,
    ) -> Option<T> {
        match result {
            Ok(value) => {
                self.0 = false;
                Some(value)
            }
            Err(error) => {
                if self.0 {
                    tracing::debug!(%error, action, "watermark access still fails");
                } else {
                    tracing::warn!(%error, action, "watermark access failed, trying again");
                }
                self.0 = true;
                None
            }
        }
    }
}

fn ticks() -> Interval {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits for the next tick; returns false on shutdown.
async fn tick(ticks: &mut Interval, shutdown: &CancellationToken) -> bool {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => false,
        _ = ticks.tick() => true,
    }
}
