//! The compiled rules of vocabularies and models.

use std::sync::Arc;

use crate::milestone::Milestone;

use super::exception::Exceptions;
use super::history::HistoryCondition;
use super::lookup::ValuePath;
use super::mapping::FactMapping;
use super::pattern::NamePattern;
use super::vocabulary::KindSet;

/// A vocabulary's rule.
#[derive(Debug)]
pub(super) struct Rule {
    /// The vocabulary's index in the rule set.
    pub(super) vocabulary: u32,
    pub(super) id: Arc<str>,
    pub(super) line: u32,
    pub(super) names: Box<[NamePattern]>,
    pub(super) except: Exceptions,
    pub(super) kinds: KindSet,
    /// Indices into the rule set's predicates.
    pub(super) predicates: Box<[u32]>,
    pub(super) milestone: Option<Milestone>,
    pub(super) event_from: Box<[ValuePath]>,
    pub(super) mapping: Option<Arc<FactMapping>>,
    /// Whether `event_from` of other rules can find this rule: its vocabulary is generic or a
    /// user's.
    pub(super) is_for_anyone: bool,
    /// Whether undoing words cancel this rule; true if its file lists such words.
    pub(super) heeds_undoing: bool,
}

/// A model's rule.
#[derive(Debug)]
pub(super) struct StageRule {
    pub(super) id: Arc<str>,
    pub(super) line: u32,
    /// The stage's index in its model, from 0.
    pub(super) stage: usize,
    pub(super) milestones: Box<[Milestone]>,
    pub(super) predicates: Box<[u32]>,
    pub(super) history: Box<[HistoryCondition]>,
}
