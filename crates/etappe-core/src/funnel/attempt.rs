//! A unit's attempt at a funnel.

use crate::time::Timestamp;

use super::spec::FunnelSpec;

use super::exclusion::Rank;
use super::group::Run;

/// How and when a step was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// When it was reached.
    pub at: Timestamp,
    /// The index, among the unit's hits, of the event that reached it.
    pub hit: usize,
    /// Whether it was passed without an event of its own.
    pub skipped: bool,
}

/// The attempt that counts for a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When the attempt began.
    pub entry: Timestamp,
    /// The last instant at which a step could be reached; `None` without a window.
    pub window_end: Option<Timestamp>,
    /// How many gates were reached; gates are reached in order.
    pub depth: usize,
    /// One entry per step of the funnel, gate or not.
    pub steps: Vec<Option<Reach>>,
    /// Whether the attempt was void, and counts only as an entrant.
    pub void: bool,
}

/// How a unit stands at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It reached the step.
    Reached,
    /// It reached the gate before, but not this step.
    Stopped {
        /// Whether it may still reach it.
        is_open: bool,
    },
    /// It did not get as far as the gate before.
    Before,
}

impl Attempt {
    /// Returns how the unit stands at the step with this index, given the watermark `as_of`.
    ///
    /// Over all units, `Reached` adds up to the step's count, `Stopped` to its drop-off if it is a
    /// gate, and the open ones to `open`; see [`FunnelCounts`](super::FunnelCounts).
    #[must_use]
    pub fn standing(&self, spec: &FunnelSpec, step: usize, as_of: Timestamp) -> Standing {
        if self.steps.get(step).is_some_and(Option::is_some) {
            return Standing::Reached;
        }
        let before = spec.steps.iter().zip(&self.steps).take(step);
        let mut gates = before.filter(|(step, _)| step.gate).peekable();
        if gates.peek().is_some() && gates.all(|(_, reach)| reach.is_some()) {
            Standing::Stopped {
                is_open: self.is_open(as_of),
            }
        } else {
            Standing::Before
        }
    }

    /// Returns whether the attempt may still get deeper, because its window has not ended at
    /// `as_of`.
    ///
    /// Everything received before `as_of` has been seen, so a window that ends at `as_of` itself is
    /// still open. An attempt that is void or has no window is not open.
    #[must_use]
    pub fn is_open(&self, as_of: Timestamp) -> bool {
        !self.void && self.window_end.is_some_and(|end| end >= as_of)
    }
}

/// An attempt's rank, and the runs of events that fill its gates.
#[derive(Debug, Clone)]
pub(super) struct RankedAttempt {
    pub(super) rank: Rank,
    pub(super) runs: Vec<Run>,
}

impl RankedAttempt {
    /// Takes the place of `best` if there is none or it ranks lower.
    pub(super) fn replace_worse(self, best: &mut Option<Self>) {
        if best
            .as_ref()
            .is_none_or(|best| self.rank.is_better_than(&best.rank))
        {
            *best = Some(self);
        }
    }
}
