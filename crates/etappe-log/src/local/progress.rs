//! The state of a partition's consumer: its progress, and where it was in each minute.
//!
//! Invariants:
//!
//! - Progress never goes back.
//! - Nothing is forgotten while a replay is due.
//! - The same steps in the same order always give the same state.
//!
//! The last one is what the journal relies on: it stores the steps and applies them again on
//! opening. One offset a minute is remembered because a crash of the machine may undo recent
//! inserts; everything from the offset of the right minute on is then replayed. It is compared with
//! the tables row by row, so its ranges need not be the ranges that were inserted.
//!
//! Pure bookkeeping: no file, no clock.

use std::collections::VecDeque;
use std::time::Duration;

use etappe_core::id::{Offset, OffsetRange};
use etappe_core::ports::Progress;
use etappe_core::time::Timestamp;

use crate::replay::replayed_ranges;

/// The length of a minute in milliseconds.
const MINUTE: i64 = 60_000;

/// A stretch of offsets that the consumer passed, up to where the next stretch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    /// The first of the offsets.
    pub(crate) from: Offset,
    /// Whether they, or the first of them, were announced as pending before, and so may have been
    /// inserted. What was not announced went elsewhere, such as to Kafka, and is never replayed.
    pub(crate) was_pending: bool,
}

/// One change of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// When the step was taken.
    pub(crate) at: Timestamp,
    /// The progress after it.
    pub(crate) progress: Progress,
    /// What this step passed, if anything: the offsets from there to the progress.
    pub(crate) passed: Option<Passed>,
    /// Whether a replay is due after it.
    pub(crate) replay_due: bool,
}

/// The state of a partition's consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsumerState {
    progress: Progress,
    /// What was passed in each minute, and when the last of it was. Each stretch ends where the
    /// next begins, the last one at the progress.
    passed: VecDeque<(Timestamp, Passed)>,
    replay_due: bool,
}

impl Default for ConsumerState {
    /// Returns the state of a consumer that has not started.
    fn default() -> Self {
        Self {
            progress: Progress {
                next: Offset(0),
                pending: None,
            },
            passed: VecDeque::new(),
            replay_due: false,
        }
    }
}

impl ConsumerState {
    /// Returns the progress.
    pub(crate) const fn progress(&self) -> Progress {
        self.progress
    }

    /// Returns whether ranges must be replayed before anything else.
    pub(crate) const fn is_replay_due(&self) -> bool {
        self.replay_due
    }

    /// Returns the step that leads to `target`, or why it cannot be reached in a log that ends at
    /// `end`.
    pub(crate) fn step_to(
        &self,
        target: Progress,
        end: Offset,
        at: Timestamp,
    ) -> Result<Step, &'static str> {
        let from = self.progress.next;
        if target.next < from {
            return Err("it is before the committed progress");
        }
        if target.next > end {
            return Err("it lies after the end of the log");
        }
        if let Some(pending) = target.pending {
            if pending.first != target.next || pending.last < pending.first {
                return Err("the pending range does not begin at the committed offset");
            }
            if pending.last >= end {
                return Err("the pending range ends after the end of the log");
            }
        }
        let was_pending = self.progress.pending.is_some();
        Ok(Step {
            at,
            progress: target,
            passed: (from < target.next).then_some(Passed { from, was_pending }),
            replay_due: false,
        })
    }

    /// Applies a step.
    pub(crate) fn apply(&mut self, step: &Step) {
        if let Some(mut passed) = step.passed {
            if !self.passed.is_empty() {
                // If the step before this one was damaged, this one stands for both.
                passed.from = passed.from.min(self.progress.next);
            }
            self.remember(step.at, passed);
        }
        self.progress = step.progress;
        self.replay_due = step.replay_due;
    }

    /// Remembers what was passed: within a minute only where that began.
    fn remember(&mut self, at: Timestamp, passed: Passed) {
        match self.passed.back_mut() {
            Some((last, before))
                if minute(*last) == minute(at) && before.was_pending == passed.was_pending =>
            {
                *last = at;
            }
            Some(_) | None => self.passed.push_back((at, passed)),
        }
    }

    /// Returns the step that makes a replay due.
    pub(crate) fn replay_due_step(&self) -> Step {
        Step {
            replay_due: true,
            ..self.last_step()
        }
    }

    /// Returns the ranges to replay: what was passed at most `retention` before the last of it, and
    /// in the same minutes, as far as the log, which begins at `start`, still has it.
    pub(crate) fn replay(&self, retention: Duration, start: Offset) -> Vec<OffsetRange> {
        if !self.replay_due {
            return Vec::new();
        }
        let mut stretches: Vec<(Offset, Offset)> = Vec::new();
        for (at, passed, until) in self.stretches() {
            if !passed.was_pending || !self.is_late(at, retention) {
                continue;
            }
            match stretches.last_mut() {
                Some((_, end)) if *end == passed.from => *end = until,
                Some(_) | None => stretches.push((passed.from, until)),
            }
        }
        let ranges = |(from, until): (Offset, Offset)| replayed_ranges(from.max(start), until);
        stretches.into_iter().flat_map(ranges).collect()
    }

    /// Ends a replay. What was replayed now counts as passed at `now`.
    pub(crate) fn finish_replay(&mut self, retention: Duration, now: Timestamp) {
        let last = self.last_passed_at();
        for (at, passed) in std::mem::take(&mut self.passed) {
            let was_replayed = is_within(at, last, retention);
            self.remember(if was_replayed { now } else { at }, passed);
        }
        self.replay_due = false;
    }

    /// Forgets what was passed more than `retention` before `now`, unless a replay is due.
    pub(crate) fn forget(&mut self, retention: Duration, now: Timestamp) {
        while let Some((at, _)) = self.passed.front()
            && !self.replay_due
            && !is_within(*at, now, retention)
        {
            self.passed.pop_front();
        }
    }

    /// Returns the lowest offset that the log must keep.
    pub(crate) fn needed_from(&self) -> Offset {
        let first = self.passed.front();
        first.map_or(self.progress.next, |(_, passed)| passed.from)
    }

    /// Returns steps that rebuild this state from the initial one.
    pub(crate) fn snapshot(&self) -> impl Iterator<Item = Step> {
        let passed = self.stretches().map(|(at, passed, next)| Step {
            at,
            progress: Progress {
                next,
                pending: None,
            },
            passed: Some(passed),
            replay_due: false,
        });
        passed.chain(std::iter::once(self.last_step()))
    }

    /// Returns the step that passes nothing and leads to this state.
    fn last_step(&self) -> Step {
        Step {
            at: self.last_passed_at(),
            progress: self.progress,
            passed: None,
            replay_due: self.replay_due,
        }
    }

    /// Iterates over what was passed, with its time and the offset after it.
    fn stretches(&self) -> impl Iterator<Item = (Timestamp, Passed, Offset)> {
        let ends = self.passed.iter().skip(1).map(|(_, after)| after.from);
        let ends = ends.chain(std::iter::once(self.progress.next));
        let with_end = |(&(at, passed), end)| (at, passed, end);
        self.passed.iter().zip(ends).map(with_end)
    }

    fn last_passed_at(&self) -> Timestamp {
        self.passed.back().map_or(Timestamp::EPOCH, |&(at, _)| at)
    }

    fn is_late(&self, at: Timestamp, retention: Duration) -> bool {
        is_within(at, self.last_passed_at(), retention)
    }
}

/// Returns whether `at` is at most `duration` before `now`.
fn is_within(at: Timestamp, now: Timestamp, duration: Duration) -> bool {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    now.millis_since(at) <= millis
}

const fn minute(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(MINUTE)
}

#[cfg(test)]
mod tests;
