//! Exclusions: which attempts are void, and how attempts compare.

use std::cmp::{Ordering, Reverse};

use super::group::Journey;
use super::plan::Plan;

/// Whether an attempt counts; a lesser one counts more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Standing {
    /// It counts.
    Clear,
    /// It is void, but the unit still entered.
    VoidKept,
    /// It is void, and so is the entry.
    VoidDropped,
}

impl Standing {
    pub(super) const fn void(keep_entrant: bool) -> Self {
        if keep_entrant {
            Self::VoidKept
        } else {
            Self::VoidDropped
        }
    }
}

/// What attempts are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rank {
    pub(super) standing: Standing,
    /// The gates reached.
    pub(super) depth: usize,
    /// The gates passed without an event of their own.
    pub(super) skipped: usize,
    /// When the deepest gate was reached.
    pub(super) completion: i64,
    /// When the attempt began.
    pub(super) entry: i64,
}

impl Rank {
    /// Returns the rank as it counts: of a void attempt only the entry is left.
    pub(super) fn judged(self) -> Self {
        match self.standing {
            Standing::Clear => self,
            Standing::VoidKept | Standing::VoidDropped => Self {
                depth: self.depth.min(1),
                skipped: 0,
                completion: self.entry,
                ..self
            },
        }
    }

    /// Returns whether this attempt counts rather than `other`: the deepest, then the fewest
    /// skipped, then the earliest completion, then the latest entry.
    pub(super) fn is_better_than(&self, other: &Self) -> bool {
        self.key().cmp(&other.key()) == Ordering::Less
    }

    const fn key(&self) -> (Standing, Reverse<usize>, usize, i64, Reverse<i64>) {
        (
            self.standing,
            Reverse(self.depth),
            self.skipped,
            self.completion,
            Reverse(self.entry),
        )
    }
}

impl Journey {
    /// Returns the time of the first event of exclusion number `index` after `at`.
    pub(super) fn next_excluded(&self, index: usize, at: i64) -> Option<i64> {
        let times = self.excluded.get(index)?;
        times
            .get(times.partition_point(|time| *time <= at))
            .copied()
    }

    /// Returns the standing of an attempt that began at `entry` and reached its gates at `times`.
    pub(super) fn standing(&self, plan: &Plan, entry: i64, times: &[i64]) -> Standing {
        let mut standing = Standing::Clear;
        for (index, exclusion) in plan.exclusions.iter().enumerate() {
            let Some(after) = times.get(exclusion.after) else {
                continue;
            };
            let Some(excluded) = self.next_excluded(index, *after) else {
                continue;
            };
            let voids = match times.get(exclusion.before) {
                Some(before) => excluded < *before,
                None => excluded <= plan.window_end(entry),
            };
            if voids {
                standing = standing.max(Standing::void(exclusion.keep_entrant));
            }
        }
        standing
    }
}
