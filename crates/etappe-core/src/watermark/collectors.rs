//! The collectors of one partition, as seen in their marks: how far they let the figures reach.
//!
//! A collector is silent when the log advanced for a while without a mark of it. The log advances
//! when marks of others arrive or when the end of the log is read, repeatedly. While Kafka is down
//! no collector counts as silent. Time is measured by the log, so clocks that differ do no harm.
//!
//! A silent collector that had records in its spool still has them and holds the watermark back. A
//! silent collector without spooled records is dropped: any later records were never acknowledged,
//! unless it died while Kafka was down and no mark could tell of its spool (ADR 0013). Pure: no
//! clock.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{CollectorMark, CollectorState};
use crate::time::Timestamp;

/// How long a collector may write no mark while the log advances.
pub const SILENCE: Duration = Duration::from_secs(60);
/// A longer pause between two signs of the log's progress means that the log was unavailable.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a dropped collector is still reported.
const MEMORY: Duration = Duration::from_secs(600);
/// The maximum number of collectors that are remembered.
const MAX_COLLECTORS: usize = 4_096;

/// The known state of the collectors that write into a partition.
#[derive(Debug, Clone, Default)]
pub struct Collectors {
    heard: BTreeMap<String, Heard>,
    life: Option<Life>,
}

#[derive(Debug, Clone)]
struct Heard {
    mark: CollectorMark,
    /// The log's time when the mark was read.
    at: Timestamp,
}

/// The current period in which the log has advanced without a pause.
#[derive(Debug, Clone, Copy)]
struct Life {
    since: Timestamp,
    until: Timestamp,
}

/// A collector that has written no mark for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilentCollector {
    /// The collector.
    pub collector: String,
    /// When it wrote its last mark.
    pub last_heard: Timestamp,
    /// Whether it has records in its spool and so holds the watermark back.
    pub holds: bool,
}

impl Collectors {
    /// Restores the state from when the partition was last read: the last mark of each collector.
    #[must_use]
    pub fn restore(marks: Vec<CollectorMark>) -> Self {
        let newest = marks.iter().map(|mark| mark.written_at).max();
        let mut collectors = Self::default();
        for mark in marks {
            // Another collector wrote a mark long after this one, which had therefore been dropped.
            let is_past =
                newest.is_some_and(|newest| newest > mark.written_at.saturating_add(MEMORY));
            if mark.state == CollectorState::Spooling || !is_past {
                let at = mark.written_at;
                collectors.take(mark, at);
            }
        }
        collectors
    }

    /// Takes a mark that comes after all previous ones in the log.
    pub fn heard(&mut self, mark: CollectorMark) {
        let at = self.advance(mark.written_at);
        self.take(mark, at);
    }

    /// Records that the end of the log was reached at `at`, so that all marks so far have been
    /// read.
    pub fn looked(&mut self, at: Timestamp) {
        self.advance(at);
        if let Some(life) = self.life {
            self.heard.retain(|_, heard| {
                heard.mark.state == CollectorState::Spooling || heard.silence(life) <= MEMORY
            });
        }
    }

    /// Returns the instant before which every record of every collector is in the log before the
    /// marks taken, or `None` when no collector limits it.
    #[must_use]
    pub fn reached(&self) -> Option<Timestamp> {
        self.heard
            .values()
            .filter(|heard| heard.holds() || !self.is_silent(heard))
            .map(|heard| heard.mark.reached)
            .min()
    }

    /// Returns the silent collectors, by name.
    #[must_use]
    pub fn silent(&self) -> Vec<SilentCollector> {
        self.heard
            .values()
            .filter(|heard| self.is_silent(heard))
            .map(|heard| SilentCollector {
                collector: heard.mark.collector.clone(),
                last_heard: heard.mark.written_at,
                holds: heard.holds(),
            })
            .collect()
    }

    fn is_silent(&self, heard: &Heard) -> bool {
        self.life.is_some_and(|life| heard.silence(life) > SILENCE)
    }

    /// Advances the log's time and returns it.
    fn advance(&mut self, at: Timestamp) -> Timestamp {
        let life = self.life.get_or_insert(Life {
            since: at,
            until: at,
        });
        if at > life.until.saturating_add(PAUSE) {
            life.since = at;
        }
        life.until = life.until.max(at);
        life.until
    }

    fn take(&mut self, mark: CollectorMark, at: Timestamp) {
        if mark.state == CollectorState::Retired {
            self.heard.remove(&mark.collector);
            return;
        }
        if self.heard.len() >= MAX_COLLECTORS && !self.heard.contains_key(&mark.collector) {
            self.forget_one();
        }
        self.heard
            .insert(mark.collector.clone(), Heard { mark, at });
    }

    /// Removes the collector with the oldest mark among those that hold nothing back.
    fn forget_one(&mut self) {
        let oldest = self.heard.values().filter(|heard| !heard.holds());
        let oldest = oldest.min_by_key(|heard| heard.at);
        if let Some(name) = oldest.map(|heard| heard.mark.collector.clone()) {
            self.heard.remove(&name);
        }
    }
}

impl Heard {
    fn holds(&self) -> bool {
        self.mark.state == CollectorState::Spooling
    }

    /// Returns for how long the log has advanced without a mark of this collector.
    fn silence(&self, life: Life) -> Duration {
        let millis = life.until.millis_since(self.at.max(life.since));
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests;
