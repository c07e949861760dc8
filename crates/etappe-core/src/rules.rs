//! Vocabularies, journey models, and what they say about an event.

use std::sync::Arc;

use crate::milestone::Milestone;

/// Identifies an [`Outcome`] by its content: equal outcomes have equal ids, in every process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutcomeId(pub u64);

/// What all rules together say about an event. There are few different ones, so that an event
/// stores its outcome's id only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The hash of everything below.
    pub id: OutcomeId,
    /// What the event means, if a vocabulary knows it.
    pub milestone: Option<Milestone>,
    /// The vocabulary's rule that said so.
    pub vocabulary: Option<VocabularyDecision>,
    /// One decision per journey model, in the order of the models' ids.
    pub stages: Box<[StageDecision]>,
}

/// The rule of a vocabulary that gave an event its milestone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VocabularyDecision {
    /// The vocabulary's id, such as `segment`.
    pub vocabulary: Arc<str>,
    /// The vocabulary's version: a hash of its content.
    pub version: Arc<str>,
    /// The rule's id.
    pub rule: Arc<str>,
}

/// What a model says about an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StageDecision {
    /// The model's id, such as `aaarrr`.
    pub model: Arc<str>,
    /// The model's version: a hash of its content.
    pub version: Arc<str>,
    /// The main stage; `None` is unmapped.
    pub main: Option<StageHit>,
    /// Further stages whose rules match, highest first.
    pub secondary: Box<[StageHit]>,
}

/// A stage and the rule that chose it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StageHit {
    /// The stage's id, such as `revenue`.
    pub stage: Arc<str>,
    /// The stage's place in its model, counted from 1.
    pub ordinal: u8,
    /// The rule's id.
    pub rule: Arc<str>,
}

/// What is known of an actor's earlier events when an event is classified.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActorHistory {
    /// When the actor's first event happened.
    pub first_seen: Option<crate::time::Timestamp>,
    /// When the actor's latest event happened.
    pub last_seen: Option<crate::time::Timestamp>,
    /// Orders so far.
    pub orders: u32,
    /// Count, first and last time of each milestone so far.
    pub milestones: Vec<(
        Milestone,
        u32,
        crate::time::Timestamp,
        crate::time::Timestamp,
    )>,
}
