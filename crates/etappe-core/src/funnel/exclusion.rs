//! Exclusions: which attempts are void, and how attempts are ranked.

use std::cmp::{Ordering, Reverse};

use super::group::Journey;
use super::plan::Plan;

/// Whether an attempt counts; a lesser validity counts more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Validity {
    /// The attempt counts.
    Clear,
    /// The attempt is void, but the unit still entered.
    VoidKept,
    /// The attempt is void, and so is the entry.
    VoidDropped,
}

impl Validity {
    pub(super) const fn void(keep_entrant: bool) -> Self {
        if keep_entrant {
            Self::VoidKept
        } else {
            Self::VoidDropped
        }
    }
}

/// What attempts are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rank {
    pub(super) validity: Validity,
    /// How many gates were reached.
    pub(super) depth: usize,
    /// How many gates were passed without an event of their own.
    pub(super) skipped: usize,
    /// When the deepest gate was reached.
    pub(super) completion: i64,
    /// When the attempt began.
    pub(super) entry: i64,
}

impl Rank {
    /// Returns the rank that counts: a void attempt keeps only its entry.
    #[inline]
    pub(super) fn judged(self) -> Self {
        match self.validity {
            Validity::Clear => self,
            Validity::VoidKept | Validity::VoidDropped => Self {
                depth: self.depth.min(1),
                skipped: 0,
                completion: self.entry,
                ..self
            },
        }
    }

    /// Returns whether this attempt ranks above `other`: deepest first, then fewest skipped gates,
    /// then earliest completion, then latest entry.
    #[inline]
    pub(super) fn is_better_than(&self, other: &Self) -> bool {
        self.key().cmp(&other.key()) == Ordering::Less
    }

    const fn key(&self) -> (Validity, Reverse<usize>, usize, i64, Reverse<i64>) {
        (
            self.validity,
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

    /// Returns the validity of an attempt that began at `entry` and reached its gates at `times`.
    pub(super) fn validity(&self, plan: &Plan, entry: i64, times: &[i64]) -> Validity {
        let mut validity = Validity::Clear;
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
                validity = validity.max(Validity::void(exclusion.keep_entrant));
            }
        }
        validity
    }
}
