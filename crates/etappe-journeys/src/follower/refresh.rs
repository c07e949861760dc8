//! Reads what arrived since the last time.

use std::collections::BTreeMap;
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ledger::{LedgerPositions, LedgerTail};
use etappe_core::ports::JourneyLedger;
use tokio::time::Instant;

use super::{Ended, Follower};
use crate::batch::{Batch, new_outcomes};
use crate::index::{Index, NewRuns};
use crate::outcomes::Outcomes;

/// So many offsets of a partition are read at a time.
const OFFSETS_AT_A_TIME: u64 = 100_000;
/// For so long the last refresh counts for further questions, unless more is settled since: `as_of`
/// promises what is settled, and no more.
const FRESH_FOR: Duration = Duration::from_millis(250);
/// With more unsettled rows the index cannot answer: they are read with every refresh.
const MAX_UNSETTLED: usize = 500_000;

impl<L: JourneyLedger> Follower<L> {
    /// Reads everything that the database has beyond the index's positions. Returns false if that
    /// failed or the index cannot be used now; an error says that the index itself failed.
    pub(crate) async fn refresh(&self, index: &mut Index) -> Result<bool, Ended> {
        let number = self.link.last_number();
        let Some(settled) = self.settled(index) else {
            return Ok(false);
        };
        let has_news = index.positions() != Some(&settled);
        let started = Instant::now();
        let is_fresh = index
            .refreshed_at
            .is_some_and(|at| started < at + FRESH_FOR);
        if !has_news && self.link.is_usable() && (is_fresh || !self.link.is_waited_for()) {
            self.link.refreshed(number, true);
            return Ok(true);
        }
        let is_usable = match self.read_all(index, &settled).await? {
            Ok(is_usable) => is_usable,
            Err(error) => {
                self.cannot_read(&error);
                self.link.failed(number);
                return Ok(false);
            }
        };
        index.refreshed_at = Some(started);
        let metrics = &self.parts.metrics;
        metrics.refresh.observe(started.elapsed().as_secs_f64());
        metrics.usable.set(i64::from(is_usable));
        self.link.refreshed(number, is_usable);
        Ok(is_usable)
    }

    /// Returns the settled positions, never before those of the index.
    fn settled(&self, index: &Index) -> Option<LedgerPositions> {
        let positions = index.positions()?;
        let mut next = positions.next.clone();
        for (partition, settled) in self.parts.watermark.settled().unwrap_or_default() {
            let known = next.entry(partition).or_insert(settled);
            *known = (*known).max(settled);
        }
        let topic = positions.topic.clone();
        Some(LedgerPositions { topic, next })
    }

    /// The inner result is that of the database; it says whether the index can be used.
    async fn read_all(
        &self,
        index: &mut Index,
        settled: &LedgerPositions,
    ) -> Result<Result<bool, L::Error>, Ended> {
        loop {
            let Some(positions) = index.positions() else {
                return Ok(Ok(false));
            };
            let (tail, next) = next_tail(positions, settled);
            let mut batch = Batch::new(settled);
            let read = self.parts.ledger.tail(&tail, |row| batch.push(&row)).await;
            if let Err(error) = read {
                return Ok(Err(error));
            }
            let is_last = next == *settled;
            let is_usable = batch.unsettled() < MAX_UNSETTLED;
            let mut runs = batch.finish();
            if !is_last || !is_usable {
                runs.iter_mut().for_each(|new| new.unsettled = None);
            }
            if let Err(error) = self.look_up_outcomes(&runs).await {
                return Ok(Err(error));
            }
            index.add(runs, next)?;
            if is_last {
                return Ok(Ok(is_usable));
            }
            if index.memory() > self.parts.config.memory_bytes {
                index.checkpoint()?;
            }
        }
    }

    async fn look_up_outcomes(&self, runs: &[NewRuns]) -> Result<(), L::Error> {
        let known = self.link.shared().outcomes();
        let runs = runs.iter().flat_map(|new| [&new.settled, &new.unsettled]);
        let new = new_outcomes(runs.flatten(), &known);
        if new.is_empty() {
            return Ok(());
        }
        let new: Vec<u64> = new.into_iter().collect();
        let stages = self.parts.ledger.outcome_stages(&new).await?;
        let mut outcomes = Outcomes::clone(&known);
        outcomes.add(&new, stages);
        self.link.shared().set_outcomes(outcomes);
        Ok(())
    }

    /// Looks up the outcomes of all runs, after they were opened or built.
    pub(super) async fn look_up_all_outcomes(&self) -> Result<(), L::Error> {
        let known = self.link.shared().outcomes();
        let new: Vec<u64> = self.link.shared().outcomes_in_runs(&known);
        for some in new.chunks(1_000) {
            let stages = self.parts.ledger.outcome_stages(some).await?;
            let mut outcomes = Outcomes::clone(&self.link.shared().outcomes());
            outcomes.add(some, stages);
            self.link.shared().set_outcomes(outcomes);
        }
        Ok(())
    }
}

/// Returns the next part to read and the positions after it. Far from the settled positions it is a
/// part of what is settled; the last one has no end.
fn next_tail(
    positions: &LedgerPositions,
    settled: &LedgerPositions,
) -> (LedgerTail, LedgerPositions) {
    let mut ranges = Vec::new();
    let mut next: BTreeMap<PartitionId, Offset> = BTreeMap::new();
    let is_far = |partition: &PartitionId, settled: &Offset| {
        settled.0 - positions.next_of(*partition).0.min(settled.0) > OFFSETS_AT_A_TIME
    };
    let any_far = settled
        .next
        .iter()
        .any(|(partition, next)| is_far(partition, next));
    for (partition, settled) in &settled.next {
        let from = positions.next_of(*partition);
        let until = match (any_far, is_far(partition, settled)) {
            (_, true) => Offset(from.0 + OFFSETS_AT_A_TIME),
            (true, false) => *settled,
            (false, false) => Offset(u64::MAX),
        };
        if from < until {
            ranges.push((*partition, from, until));
        }
        next.insert(*partition, until.min(*settled));
    }
    let topic = settled.topic.clone();
    let tail = LedgerTail {
        topic: topic.clone(),
        ranges,
        limit: MAX_UNSETTLED + usize::try_from(OFFSETS_AT_A_TIME).unwrap_or(0) * settled.next.len(),
    };
    (tail, LedgerPositions { topic, next })
}
