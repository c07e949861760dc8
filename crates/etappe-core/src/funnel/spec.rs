//! The definition of a funnel: its steps, its window and the rules for judging attempts.

use std::time::Duration;

/// The most steps that a funnel may have.
pub const MAX_STEPS: usize = 32;
/// The most conditions that the hits of one query can carry.
const MAX_CONDITIONS: u8 = 64;

/// One step of a funnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The bit of [`Hit::conditions`](crate::query::Hit::conditions) that is set for events of this
    /// step.
    pub condition: u8,
    /// Whether everyone passes this step; steps that are not gates only show their own reach.
    pub gate: bool,
    /// Whether this gate needs a hit of its own in a funnel whose gates later hits may pass
    /// ([`Passing::LaterHit`]).
    pub own_hit: bool,
    /// The least time since the gate before, inclusive.
    pub min_gap: Option<Duration>,
    /// The most time since the gate before, inclusive.
    pub max_gap: Option<Duration>,
}

impl Step {
    /// Creates a step that everyone passes, for events with condition number `condition`.
    #[must_use]
    pub const fn gate(condition: u8) -> Self {
        Self {
            condition,
            gate: true,
            own_hit: false,
            min_gap: None,
            max_gap: None,
        }
    }

    /// Creates a step that only shows its own reach.
    #[must_use]
    pub const fn side(condition: u8) -> Self {
        Self {
            gate: false,
            ..Self::gate(condition)
        }
    }
}

/// How the events of an attempt must follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// In the order of the steps; other events in between are ignored.
    #[default]
    Ordered,
    /// In the order of the steps, with no other event of the unit in between.
    Strict,
    /// In any order; step k is reached at the k-th distinct step.
    Unordered,
}

/// The events that let an attempt pass a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Passing {
    /// An event of the step itself, one event per step.
    #[default]
    OwnHit,
    /// The first event of this or any later step; an attempt starts at any step.
    LaterHit,
}

/// Which of a unit's attempts counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AttemptChoice {
    /// The deepest attempt, then the earliest completion, then the latest entry.
    #[default]
    Best,
    /// The attempt that was entered first.
    FirstEntry,
}

/// How steps relate to events of equal time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ties {
    /// Events of equal time count in whichever order gets deepest.
    #[default]
    StepOrder,
    /// Each step must be later than the one before.
    StrictlyLater,
}

/// An event that voids an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// The bit of [`Hit::conditions`](crate::query::Hit::conditions) that is set for such events.
    pub condition: u8,
    /// The step, counted from 0, after which the event voids an attempt.
    pub after_step: usize,
    /// The step, counted from 0, before which the event voids an attempt.
    pub before_step: usize,
    /// Whether a unit that has only void attempts still counts at the first gate.
    pub keep_entrant: bool,
}

/// A funnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelSpec {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The most time from entry to completion, inclusive; `None` is unlimited.
    pub window: Option<Duration>,
    /// How events must follow each other.
    pub order: Order,
    /// The events that let an attempt pass a gate.
    pub passing: Passing,
    /// Which attempt counts.
    pub attempt: AttemptChoice,
    /// How events of equal time are treated.
    pub ties: Ties,
    /// What voids an attempt.
    pub exclusions: Vec<Exclusion>,
}

impl FunnelSpec {
    /// Creates a plain ordered funnel of `steps` without a window.
    #[must_use]
    pub const fn ordered(steps: Vec<Step>) -> Self {
        Self {
            steps,
            window: None,
            order: Order::Ordered,
            passing: Passing::OwnHit,
            attempt: AttemptChoice::Best,
            ties: Ties::StepOrder,
            exclusions: Vec::new(),
        }
    }

    /// Returns every problem of the funnel; empty when it can be matched.
    #[must_use]
    pub fn problems(&self) -> Vec<SpecProblem> {
        let mut problems = Vec::new();
        if self.steps.len() > MAX_STEPS {
            problems.push(SpecProblem::TooManySteps(self.steps.len()));
        }
        if !self.steps.iter().any(|step| step.gate) {
            problems.push(SpecProblem::NoGate);
        }
        if self.passing == Passing::LaterHit && self.order != Order::Ordered {
            problems.push(SpecProblem::OrderWithLaterHit);
        }
        if self.passing == Passing::LaterHit && self.ties != Ties::StepOrder {
            problems.push(SpecProblem::TiesWithLaterHit);
        }
        let first_gate = self.steps.iter().position(|step| step.gate);
        for (index, step) in self.steps.iter().enumerate() {
            self.push_step_problems(index, step, first_gate, &mut problems);
        }
        for (index, exclusion) in self.exclusions.iter().enumerate() {
            self.push_exclusion_problems(index, exclusion, &mut problems);
        }
        problems
    }

    fn push_step_problems(
        &self,
        index: usize,
        step: &Step,
        first_gate: Option<usize>,
        problems: &mut Vec<SpecProblem>,
    ) {
        if step.condition >= MAX_CONDITIONS {
            problems.push(SpecProblem::TooManyConditions);
        }
        if step.min_gap.is_none() && step.max_gap.is_none() {
            return;
        }
        if self.order == Order::Unordered || self.passing == Passing::LaterHit {
            problems.push(SpecProblem::GapWithoutOrder(index));
        } else if !step.gate || Some(index) == first_gate {
            problems.push(SpecProblem::GapWithoutStepBefore(index));
        }
        if let (Some(min), Some(max)) = (step.min_gap, step.max_gap)
            && min > max
        {
            problems.push(SpecProblem::EmptyGap(index));
        }
    }

    fn push_exclusion_problems(
        &self,
        index: usize,
        exclusion: &Exclusion,
        problems: &mut Vec<SpecProblem>,
    ) {
        if exclusion.condition >= MAX_CONDITIONS {
            problems.push(SpecProblem::TooManyConditions);
        }
        if exclusion.after_step >= exclusion.before_step {
            problems.push(SpecProblem::ExclusionBackwards(index));
        }
        let is_gate = |step: usize| self.steps.get(step).is_some_and(|step| step.gate);
        if !is_gate(exclusion.after_step) || !is_gate(exclusion.before_step) {
            problems.push(SpecProblem::ExclusionOutside(index));
        }
    }
}

/// Why a funnel cannot be matched; steps and exclusions are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpecProblem {
    /// The funnel has too many steps.
    #[error("a funnel may have at most {MAX_STEPS} steps; this one has {0}")]
    TooManySteps(usize),
    /// Steps and exclusions together need too many conditions.
    #[error("a funnel may have at most {MAX_CONDITIONS} steps and exclusions in total")]
    TooManyConditions,
    /// No step is a gate.
    #[error("a funnel needs at least one step")]
    NoGate,
    /// A model's funnel that allows skips is always ordered.
    #[error("skipping stages is supported only with order `ordered`")]
    OrderWithLaterHit,
    /// One event may pass several gates of a model, so ties have no meaning there.
    #[error("skipping stages cannot be combined with `ties`")]
    TiesWithLaterHit,
    /// A gap is limited in a funnel whose steps have no order.
    #[error("`min_gap` and `max_gap` need ordered steps")]
    GapWithoutOrder(usize),
    /// A gap is limited on a step that has no gate before it.
    #[error("`min_gap` and `max_gap` need a preceding step")]
    GapWithoutStepBefore(usize),
    /// The minimum gap exceeds the maximum gap.
    #[error("`min_gap` is longer than `max_gap`")]
    EmptyGap(usize),
    /// An exclusion ends before it begins.
    #[error("`after_step` must come before `before_step`")]
    ExclusionBackwards(usize),
    /// An exclusion names a step that does not exist or is not a gate.
    #[error("`after_step` and `before_step` must be numbers of steps, in a model those of gates")]
    ExclusionOutside(usize),
}
