//! The state of a partition's consumer: its progress, and the ranges it passed recently.
//!
//! Invariants:
//!
//! - Progress never goes back.
//! - Passed ranges are in order, do not overlap, and lie before `progress.next`.
//! - Nothing is forgotten while a replay is due.
//! - The same steps in the same order always give the same state.
//!
//! The last one is what the journal relies on: it stores the steps and applies them again on
//! opening. Passed ranges are remembered because a crash of the machine may undo recent inserts;
//! those ranges are then replayed.
//!
//! Pure bookkeeping: no file, no clock.

use std::collections::VecDeque;
use std::time::Duration;

use etappe_core::id::{Offset, OffsetRange};
use etappe_core::ports::Progress;
use etappe_core::time::Timestamp;

/// The most passed ranges to remember: 5 a second for an hour.
pub(crate) const MAX_PASSED: usize = 18_000;
/// The most offsets in one replayed range, because a range is held in memory as a whole.
const REPLAYED_AT_ONCE: u64 = 10_000;

/// A range that the consumer has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    /// The range.
    pub(crate) range: OffsetRange,
    /// Whether it was announced as pending before, and so may have been inserted with its token.
    pub(crate) was_pending: bool,
}

/// One change of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// When the step was taken. For a passed range: when it was passed.
    pub(crate) at: Timestamp,
    /// The progress after it.
    pub(crate) progress: Progress,
    /// The range that this step passed, if any.
    pub(crate) passed: Option<Passed>,
    /// Whether a replay is due after it.
    pub(crate) replay_due: bool,
}

/// The state of a partition's consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsumerState {
    progress: Progress,
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

    /// Returns the steps that lead to `target`, or why it cannot be reached in a log that ends at
    /// `end`.
    pub(crate) fn steps_to(
        &self,
        target: Progress,
        end: Offset,
        at: Timestamp,
    ) -> Result<Vec<Step>, &'static str> {
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
        let mut steps = Vec::new();
        let mut step = |progress, passed| {
            steps.push(Step {
                at,
                progress,
                passed,
                replay_due: false,
            });
        };
        let mut passed_to = from;
        if let Some(pending) = self.progress.pending
            && pending.last < target.next
        {
            let passed = Passed {
                range: pending,
                was_pending: true,
            };
            passed_to = pending.last.next();
            if passed_to == target.next {
                step(target, Some(passed));
                return Ok(steps);
            }
            let between = Progress {
                next: passed_to,
                pending: None,
            };
            step(between, Some(passed));
        }
        let skipped = (passed_to < target.next).then(|| Passed {
            range: OffsetRange {
                first: passed_to,
                last: Offset(target.next.0 - 1),
            },
            was_pending: false,
        });
        step(target, skipped);
        Ok(steps)
    }

    /// Applies a step.
    pub(crate) fn apply(&mut self, step: &Step) {
        self.progress = step.progress;
        self.replay_due = step.replay_due;
        if let Some(passed) = step.passed {
            if self.passed.len() == MAX_PASSED {
                self.passed.pop_front();
            }
            self.passed.push_back((step.at, passed));
        }
    }

    /// Returns the step that makes a replay due.
    pub(crate) fn replay_due_step(&self) -> Step {
        Step {
            at: self.last_passed_at(),
            progress: self.progress,
            passed: None,
            replay_due: true,
        }
    }

    /// Returns the ranges passed at most `retention` before the last one, as far as the log, which
    /// begins at `start`, still has them. Adjacent ranges are joined, because storing each range
    /// again costs one comparison with the tables.
    pub(crate) fn replay(&self, retention: Duration, start: Offset) -> Vec<OffsetRange> {
        if !self.replay_due {
            return Vec::new();
        }
        let late = self.passed.iter().filter(|(at, passed)| {
            passed.was_pending && passed.range.first >= start && self.is_late(*at, retention)
        });
        let mut joined: Vec<OffsetRange> = Vec::new();
        for (_, Passed { range, .. }) in late {
            match joined.last_mut() {
                Some(last) if last.last.next() == range.first && fits(*last, *range) => {
                    last.last = range.last
                }
                _ => joined.push(*range),
            }
        }
        joined
    }

    /// Ends a replay. The replayed ranges now count as passed at `now`.
    pub(crate) fn finish_replay(&mut self, retention: Duration, now: Timestamp) {
        let last = self.last_passed_at();
        for (at, _) in &mut self.passed {
            if last.millis_since(*at) <= as_millis(retention) {
                *at = now;
            }
        }
        self.replay_due = false;
    }

    /// Forgets ranges passed more than `retention` before `now`, unless a replay is due.
    pub(crate) fn forget(&mut self, retention: Duration, now: Timestamp) {
        while let Some((at, _)) = self.passed.front()
            && !self.replay_due
            && now.millis_since(*at) > as_millis(retention)
        {
            self.passed.pop_front();
        }
    }

    /// Returns the lowest offset that the log must keep.
    pub(crate) fn needed_from(&self) -> Offset {
        self.passed
            .front()
            .map_or(self.progress.next, |(_, passed)| passed.range.first)
    }

    /// Returns steps that rebuild this state from the initial one.
    pub(crate) fn snapshot(&self) -> impl Iterator<Item = Step> {
        let passed = self.passed.iter().map(|&(at, passed)| Step {
            at,
            progress: Progress {
                next: passed.range.last.next(),
                pending: None,
            },
            passed: Some(passed),
            replay_due: false,
        });
        let last = Step {
            at: self.last_passed_at(),
            progress: self.progress,
            passed: None,
            replay_due: self.replay_due,
        };
        passed.chain(std::iter::once(last))
    }

    fn last_passed_at(&self) -> Timestamp {
        self.passed.back().map_or(Timestamp::EPOCH, |&(at, _)| at)
    }

    fn is_late(&self, at: Timestamp, retention: Duration) -> bool {
        self.last_passed_at().millis_since(at) <= as_millis(retention)
    }
}

/// Returns whether two adjacent ranges may be replayed as one.
const fn fits(before: OffsetRange, after: OffsetRange) -> bool {
    after.last.0 - before.first.0 < REPLAYED_AT_ONCE
}

fn as_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
