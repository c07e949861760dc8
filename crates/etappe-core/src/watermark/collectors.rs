//! The collectors of one partition, as their marks show them: how far they let the figures reach.
//!
//! A collector is silent when the log went on for a while without a word of it. "Went on" means that
//! marks of others came, or that the end of the log was looked at, time and again: while the log is
//! away nobody can be heard, and that is nobody's silence. So time is that of the log, and clocks
//! that differ do no harm.
//!
//! A silent collector that had records in its spool still has them, and holds the figures back. One
//! that had none is let go: whatever it received last was never acknowledged. Pure: no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{CollectorMark, CollectorState};
use crate::time::Timestamp;

/// How long a collector may say nothing while the log goes on.
pub const SILENCE: Duration = Duration::from_secs(60);
/// A longer pause between two signs of life of the log means that it was away.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a collector that was let go is still named.
const MEMORY: Duration = Duration::from_secs(600);
/// The most collectors that are kept in mind.
const MOST: usize = 4_096;

/// What is known of the collectors that write into a partition.
#[derive(Debug, Clone, Default)]
pub struct Collectors {
    heard: BTreeMap<String, Heard>,
    life: Option<Life>,
}

#[derive(Debug, Clone)]
struct Heard {
    mark: CollectorMark,
    /// How far the log was when the mark came.
    at: Timestamp,
}

/// The present period in which the log goes on without a pause.
#[derive(Debug, Clone, Copy)]
struct Life {
    since: Timestamp,
    until: Timestamp,
}

/// A collector that has not been heard for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilentCollector {
    /// The collector.
    pub collector: String,
    /// When it wrote its last mark.
    pub last_heard: Timestamp,
    /// Whether it has records in its spool, and so holds the figures back.
    pub holds: bool,
}

impl Collectors {
    /// Makes what was known when a partition was last worked on: the last mark of each collector.
    #[must_use]
    pub fn restore(marks: Vec<CollectorMark>) -> Self {
        let newest = marks.iter().map(|mark| mark.written_at).max();
        let mut collectors = Self::default();
        for mark in marks {
            // Somebody was heard long after this one: it had been let go before.
            let is_past =
                newest.is_some_and(|newest| newest > mark.written_at.saturating_add(MEMORY));
            if mark.state == CollectorState::Spooling || !is_past {
                let at = mark.written_at;
                collectors.take(mark, at);
            }
        }
        collectors
    }

    /// Takes a mark that stands in the log behind all taken before.
    pub fn heard(&mut self, mark: CollectorMark) {
        let at = self.advance(mark.written_at);
        self.take(mark, at);
    }

    /// Takes note that the end of the log was reached at `at`: everybody was heard out.
    pub fn looked(&mut self, at: Timestamp) {
        self.advance(at);
        if let Some(life) = self.life {
            self.heard.retain(|_, heard| {
                heard.mark.state == CollectorState::Spooling || heard.silence(life) <= MEMORY
            });
        }
    }

    /// Returns the instant before which every record of every collector stands before the marks
    /// taken, or `None` when no collector has a say.
    #[must_use]
    pub fn reached(&self) -> Option<Timestamp> {
        self.heard
            .values()
            .filter(|heard| heard.holds() || !self.is_silent(heard))
            .map(|heard| heard.mark.reached)
            .min()
    }

    /// Returns the collectors that have not been heard for a while, by name.
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

    /// Moves the log's time on and returns it.
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
        if self.heard.len() >= MOST && !self.heard.contains_key(&mark.collector) {
            self.forget_one();
        }
        self.heard
            .insert(mark.collector.clone(), Heard { mark, at });
    }

    /// Forgets the one that was heard longest ago of those that hold nothing back.
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

    /// Returns for how long the log has gone on without this collector.
    fn silence(&self, life: Life) -> Duration {
        let millis = life.until.millis_since(self.at.max(life.since));
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests;
