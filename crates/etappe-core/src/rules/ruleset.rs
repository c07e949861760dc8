//! Vocabularies and models, compiled once and immutable afterwards.

use std::sync::Arc;

use hashbrown::HashSet;

use crate::event::Event;
use crate::milestone::Milestone;

use super::diagnostic::Diagnostic;
use super::evaluation::Evaluation;
use super::history::ActorHistory;
use super::info::{ModelInfo, VocabularyInfo};
use super::names::{Candidate, NameIndex};
use super::outcome::{Outcome, StageDecision, StageHit, VocabularyDecision};
use super::predicate::Predicate;
use super::rule::{Rule, StageRule};

/// All vocabularies and models in use.
#[derive(Debug)]
pub struct RuleSet {
    pub(super) vocabularies: Box<[VocabularyInfo]>,
    pub(super) rules: Box<[Rule]>,
    pub(super) predicates: Box<[Predicate]>,
    pub(super) names: NameIndex,
    /// Undoing words of all vocabularies: they reverse the meaning of a name.
    pub(super) undoing: HashSet<Box<str>>,
    pub(super) models: Box<[ModelInfo]>,
    /// The rules of each model, in the order of `models`.
    pub(super) model_rules: Box<[Box<[StageRule]>]>,
    /// The rules of the models that can apply, by milestone.
    pub(super) plans: Box<[MilestonePlan]>,
    pub(super) warnings: Vec<Diagnostic>,
    pub(super) version: Arc<str>,
}

/// The rules of the models that can apply to one milestone.
#[derive(Debug, Default)]
pub(super) struct MilestonePlan {
    /// The candidate rules: by model, then highest stage first, then in the file's order.
    pub(super) entries: Box<[PlanEntry]>,
    /// The candidate rules that require more than the milestone; their index is their bit.
    pub(super) conditional: Box<[PlanCondition]>,
    /// Whether none of the conditional rules can hold without a history.
    pub(super) wants_history: bool,
}

#[derive(Debug)]
pub(super) struct PlanEntry {
    pub(super) model: usize,
    pub(super) rule: usize,
    /// The bit that says whether the rule holds; without a bit it always holds.
    pub(super) bit: Option<usize>,
}

#[derive(Debug)]
pub(super) struct PlanCondition {
    pub(super) model: usize,
    pub(super) rule: usize,
    /// Whether the event's own milestone is one of the rule's.
    pub(super) direct: bool,
    /// The rule's milestones that a history may derive from the event's milestone.
    pub(super) derived: Box<[Milestone]>,
}

/// The conditional rules of a plan that hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct PlanBits([u64; 4]);

/// The most conditional rules that one milestone can have, over all models.
pub(super) const MAX_CONDITIONAL: usize = 256;

impl PlanBits {
    fn set(&mut self, bit: usize) {
        if let Some(word) = self.0.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    fn contains(self, bit: usize) -> bool {
        self.0
            .get(bit / 64)
            .is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl RuleSet {
    /// Returns the models in the order of their ids.
    #[must_use]
    pub fn models(&self) -> &[ModelInfo] {
        &self.models
    }

    /// Returns the model with this id.
    #[must_use]
    pub fn model(&self, id: &str) -> Option<&ModelInfo> {
        self.models.iter().find(|model| *model.id == *id)
    }

    /// Returns the vocabularies in the order in which they are tried.
    #[must_use]
    pub fn vocabularies(&self) -> &[VocabularyInfo] {
        &self.vocabularies
    }

    /// Returns the warnings: parts of the rules that have no effect.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Returns a hash over the versions of all vocabularies and models.
    #[must_use]
    pub const fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Classifies an event by all rules.
    ///
    /// Uses no cache: for many events use a [`super::RuleClassifier`], which gives the same answers.
    #[must_use]
    pub fn classify(&self, event: &Event<'_>, history: &ActorHistory) -> Arc<Outcome> {
        super::RuleClassifier::over(self).outcome(event, history)
    }

    /// Returns the first candidate that matches.
    pub(super) fn first_match(
        &self,
        candidates: &[Candidate],
        evaluation: &mut Evaluation<'_, '_>,
    ) -> Option<Candidate> {
        let mut at = 0;
        while let Some(candidate) = candidates.get(at) {
            let predicates = &self.rule(*candidate).predicates;
            match predicates.iter().position(|p| !evaluation.holds(*p)) {
                None => return Some(*candidate),
                Some(0) => at += 1 + candidate.alike as usize,
                Some(_) => at += 1,
            }
        }
        None
    }

    pub(super) fn rule(&self, candidate: Candidate) -> &Rule {
        &self.rules[candidate.rule as usize]
    }

    /// Returns the rules of the models that can apply to a milestone.
    pub(super) fn plan(&self, milestone: Milestone) -> &MilestonePlan {
        &self.plans[milestone as usize]
    }

    /// Returns which conditional rules of the milestone's plan hold.
    pub(super) fn plan_bits(
        &self,
        milestone: Milestone,
        history: &ActorHistory,
        evaluation: &mut Evaluation<'_, '_>,
    ) -> PlanBits {
        let plan = self.plan(milestone);
        let mut bits = PlanBits::default();
        if plan.conditional.is_empty() || (plan.wants_history && history.is_empty()) {
            return bits;
        }
        let now = evaluation.event().occurred_at;
        for (bit, condition) in plan.conditional.iter().enumerate() {
            let rule = &self.model_rules[condition.model][condition.rule];
            let derived = || {
                let mut derived = condition.derived.iter();
                derived.any(|derived| history.derives(milestone, *derived, now))
            };
            if (condition.direct || derived())
                && rule.history.iter().all(|asked| asked.holds(history, now))
                && rule.predicates.iter().all(|p| evaluation.holds(*p))
            {
                bits.set(bit);
            }
        }
        bits
    }

    /// Builds the outcome of an event whose milestone this rule, or no rule, decided.
    pub(super) fn build_outcome(&self, rule: Option<&Rule>, bits: PlanBits) -> Outcome {
        let milestone = rule.and_then(|rule| rule.milestone);
        let decision = rule.map(|rule| {
            let vocabulary = &self.vocabularies[rule.vocabulary as usize];
            VocabularyDecision {
                vocabulary: Arc::clone(&vocabulary.id),
                version: Arc::clone(&vocabulary.version),
                rule: Arc::clone(&rule.id),
            }
        });
        self.outcome_of(milestone, decision, bits)
    }

    /// Builds the outcome of an event with this milestone, whatever decided it.
    pub(super) fn outcome_of(
        &self,
        milestone: Option<Milestone>,
        decision: Option<VocabularyDecision>,
        bits: PlanBits,
    ) -> Outcome {
        let stages = (0..self.models.len())
            .map(|model| self.decide_stages(model, milestone, bits))
            .collect();
        Outcome::new(milestone, decision, stages)
    }

    fn decide_stages(
        &self,
        model: usize,
        milestone: Option<Milestone>,
        bits: PlanBits,
    ) -> StageDecision {
        let info = &self.models[model];
        let mut hits: Vec<StageHit> = Vec::new();
        for rule in self.holding_rules(model, milestone, bits) {
            let stage = &info.stages[rule.stage];
            if hits.last().is_none_or(|hit| hit.ordinal != stage.ordinal) {
                hits.push(StageHit {
                    stage: Arc::clone(&stage.id),
                    ordinal: stage.ordinal,
                    rule: Arc::clone(&rule.id),
                });
            }
        }
        let mut hits = hits.into_iter();
        StageDecision {
            model: Arc::clone(&info.id),
            version: Arc::clone(&info.version),
            main: hits.next(),
            secondary: hits.collect(),
        }
    }

    /// Iterates over the rules of a model that hold, highest stage first.
    pub(super) fn holding_rules(
        &self,
        model: usize,
        milestone: Option<Milestone>,
        bits: PlanBits,
    ) -> impl Iterator<Item = &StageRule> {
        milestone
            .into_iter()
            .flat_map(|milestone| &self.plan(milestone).entries)
            .filter(move |entry| {
                entry.model == model && entry.bit.is_none_or(|bit| bits.contains(bit))
            })
            .map(|entry| &self.model_rules[entry.model][entry.rule])
    }
}
