//! Matchers that find the best attempt of every actor at a funnel.
//!
//! A [`FunnelSpec`] defines a funnel. A [`FunnelMatcher`] takes the hits of one unit at a time and
//! returns the unit's best [`Attempt`]. [`FunnelCounts`] adds attempts up. Everything is pure: the
//! same hits in the same order give the same attempt.
//!
//! Terms: a *gate* is a step that everyone passes in order. All steps of a plain funnel are gates;
//! a model's stages need not be. Hits of equal time form a *group*. Within a group the order is
//! free, so the searches move from group to group, and bipartite matching gives distinct events of
//! a group to consecutive steps (`group`).
//!
//! The searches: `ordered` (linear), `gap_search` and `assignment_search` when gaps between steps
//! are limited, `strict`, `unordered`, and `stages` for models. `exclusion` voids attempts.

mod assignment_search;
mod attempt;
mod counts;
mod exclusion;
mod gap_search;
mod group;
mod matcher;
mod ordered;
mod plan;
mod samples;
mod spec;
mod stages;
mod strict;
mod unordered;

#[cfg(test)]
mod tests;

pub use assignment_search::SearchTooLarge;
pub use attempt::{Attempt, Reach, Standing};
pub use counts::{FunnelCounts, StepCounts};
pub use matcher::FunnelMatcher;
pub use samples::{DurationSamples, DurationSummary};
pub use spec::{
    AttemptChoice, Exclusion, FunnelSpec, MAX_STEPS, Order, Passing, SpecProblem, Step, Ties,
};
