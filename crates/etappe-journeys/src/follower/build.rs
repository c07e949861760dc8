//! Builds the index from the database.

use std::ops::ControlFlow;
use std::time::Duration;

use etappe_core::ledger::{LedgerPositions, LedgerRow};
use etappe_core::ports::JourneyLedger;
use tokio::time::{Instant, sleep};

use super::{BACKOFF, Follower, Rebuild};
use crate::error::IndexError;
use crate::index::Index;
use crate::run::RunRows;

/// So many rows become a run.
const ROWS_OF_A_RUN: usize = 1_000_000;
/// A build that takes longer reports its progress, and so often.
const REPORT_EVERY: Duration = Duration::from_secs(5);

impl<L: JourneyLedger> Follower<L> {
    /// Builds the index anew, however often reading fails.
    pub(super) async fn build(&self, index: &mut Index, reason: Rebuild) -> Result<(), IndexError> {
        let reason = reason.as_str();
        self.parts.metrics.builds.with_label_values(&[reason]).inc();
        let mut backoff = BACKOFF;
        loop {
            index.discard()?;
            let started = Instant::now();
            match self.read_history(index).await? {
                Ok(()) => {
                    let seconds = started.elapsed().as_secs_f64();
                    let events = index.events();
                    tracing::info!(reason, events, seconds, "the journey index is built");
                    return Ok(());
                }
                Err(error) => self.cannot_read(&error),
            }
            sleep(backoff.next_delay()).await;
        }
    }

    /// The inner result is the database's.
    async fn read_history(&self, index: &mut Index) -> Result<Result<(), L::Error>, IndexError> {
        let next = self.parts.watermark.settled().unwrap_or_default();
        let topic = self.parts.topic.clone();
        let positions = LedgerPositions { topic, next };
        let mut build = Build {
            index,
            site: String::new(),
            rows: RunRows::default(),
            memory_bytes: self.parts.config.memory_bytes,
            failed: None,
            told_at: Instant::now(),
            tell: |events| {
                let told = format!(
                    "the journey index is being built, {events} events so far; the database answers meanwhile"
                );
                self.parts.report.degraded(told);
            },
        };
        let read = self
            .parts
            .ledger
            .history(&positions, |row| build.push(&row));
        if let Err(error) = read.await {
            return Ok(Err(error));
        }
        build.finish()?;
        if let Err(error) = self.look_up_all_outcomes().await {
            return Ok(Err(error));
        }
        index.built(positions)?;
        Ok(Ok(()))
    }
}

/// A build in progress.
struct Build<'i, T> {
    index: &'i mut Index,
    site: String,
    rows: RunRows,
    memory_bytes: usize,
    failed: Option<IndexError>,
    told_at: Instant,
    tell: T,
}

impl<T: Fn(u64)> Build<'_, T> {
    fn push(&mut self, row: &LedgerRow<'_>) -> ControlFlow<()> {
        if (self.site != row.site || self.rows.len() >= ROWS_OF_A_RUN)
            && let Err(error) = self.end_run()
        {
            self.failed = Some(error);
            return ControlFlow::Break(());
        }
        if self.site != row.site {
            row.site.clone_into(&mut self.site);
        }
        self.rows.push(row);
        ControlFlow::Continue(())
    }

    fn end_run(&mut self) -> Result<(), IndexError> {
        let Some(run) = self.rows.take_run() else {
            return Ok(());
        };
        self.index.add_history(&self.site, run)?;
        if self.index.memory() > self.memory_bytes {
            self.index.flush()?;
        }
        if self.told_at.elapsed() > REPORT_EVERY {
            self.told_at = Instant::now();
            (self.tell)(self.index.events());
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), IndexError> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.end_run(),
        }
    }
}
