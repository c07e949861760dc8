//! Explains why an event got its milestone and stages, or which rules were tried without success.

use std::sync::Arc;

use serde::Serialize;

use crate::event::{Event, EventKind, tidy_name};
use crate::milestone::Milestone;

use super::classifier::{Wanted, find_candidates};
use super::diagnostic::nearest;
use super::evaluation::Evaluation;
use super::history::ActorHistory;
use super::info::{Labels, as_text};
use super::inner_name::{InnerRoom, find_inner, name_at};
use super::lookup::ValuePath;
use super::mapping::FactMapping;
use super::names::Candidate;
use super::pattern::{Name, NameMatch, folded};
use super::predicate::Scratch;
use super::rule::StageRule;
use super::ruleset::{PlanBits, RuleSet};
use super::source::RuleOrigin;
use super::suggestion::Suggestion;
use super::words::Words;

/// The reasons for an event's classification.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The event's name.
    pub event: String,
    /// The kind of message.
    pub kind: EventKind,
    /// The event's milestone; `None` when no rule matches, or when a rule says that the event is
    /// not a step of any journey.
    pub milestone: Option<Milestone>,
    /// The vocabulary's rule that decided, also if it decided for "no step".
    pub decided_by: Option<MilestoneExplanation>,
    /// How each model classifies the event, in the order of the models' ids.
    pub stages: Vec<StageExplanation>,
    /// Rules whose name pattern matches but whose condition does not, in the order tried.
    pub tried: Vec<TriedRule>,
    /// The vocabularies that were tried, in order.
    pub vocabularies: Vec<String>,
    /// A known name similar to this one, when no rule matches.
    pub did_you_mean: Option<String>,
    /// The likely meaning of the name by its words, when no rule matches.
    pub suggestion: Option<Suggestion>,
}

/// The rule that gave an event its milestone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MilestoneExplanation {
    /// The vocabulary's id.
    #[serde(serialize_with = "as_text")]
    pub vocabulary: Arc<str>,
    /// The vocabulary's title.
    #[serde(serialize_with = "as_text")]
    pub title: Arc<str>,
    /// The vocabulary's version.
    #[serde(serialize_with = "as_text")]
    pub version: Arc<str>,
    /// The rule's id.
    #[serde(serialize_with = "as_text")]
    pub rule: Arc<str>,
    /// The file that the rule is in.
    #[serde(serialize_with = "as_text")]
    pub file: Arc<str>,
    /// The line that the rule starts on.
    pub line: u32,
    /// The name that was compared.
    pub name: String,
    /// The values in the event that make up `name`, if it is not the event's own name.
    pub name_from: Option<String>,
    /// How the name matches.
    pub how: NameMatch,
    /// The pattern that matches, as written.
    #[serde(serialize_with = "as_text")]
    pub pattern: Arc<str>,
    /// The conditions that the event meets.
    pub conditions: Vec<String>,
    /// Where the event keeps its facts, if the rule states it.
    pub mapping: Option<FactMapping>,
}

/// A rule whose name pattern matched but whose condition did not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriedRule {
    /// The vocabulary's id.
    #[serde(serialize_with = "as_text")]
    pub vocabulary: Arc<str>,
    /// The rule's id.
    #[serde(serialize_with = "as_text")]
    pub rule: Arc<str>,
    /// The file that the rule is in.
    #[serde(serialize_with = "as_text")]
    pub file: Arc<str>,
    /// The line that the rule starts on.
    pub line: u32,
    /// How its pattern matches the name.
    pub how: NameMatch,
    /// The first condition that the event does not meet.
    pub failed: String,
}

/// How a model classifies an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageExplanation {
    /// The model's id.
    #[serde(serialize_with = "as_text")]
    pub model: Arc<str>,
    /// The model's version.
    #[serde(serialize_with = "as_text")]
    pub version: Arc<str>,
    /// The main stage and the reason; `None` means unmapped.
    pub main: Option<StageReason>,
    /// Further stages, highest first.
    pub secondary: Vec<StageReason>,
}

/// A stage and the rule that chose it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageReason {
    /// The stage's id.
    #[serde(serialize_with = "as_text")]
    pub stage: Arc<str>,
    /// The stage's labels.
    pub labels: Labels,
    /// The stage's position in the model, counted from 1.
    pub ordinal: u8,
    /// The rule's id.
    #[serde(serialize_with = "as_text")]
    pub rule: Arc<str>,
    /// The file that the rule is in.
    #[serde(serialize_with = "as_text")]
    pub file: Arc<str>,
    /// The line that the rule starts on.
    pub line: u32,
    /// The conditions that hold, on the event and on the actor's history.
    pub conditions: Vec<String>,
}

/// The rule that decided, and the name that matched it.
struct Decided {
    candidate: Candidate,
    name: String,
    name_from: Option<String>,
}

impl RuleSet {
    /// Explains why an event is classified as it is; slow, meant for people.
    #[must_use]
    pub fn explain(&self, event: &Event<'_>, history: &ActorHistory) -> Explanation {
        let mut scratch = Scratch::default();
        let mut evaluation = Evaluation::new(event, &self.predicates, &mut scratch);
        let mut tried = Vec::new();
        let decided = self.decide(event, &mut evaluation, &mut tried);
        let milestone = decided
            .as_ref()
            .and_then(|decided| self.rule(decided.candidate).milestone);
        let bits = milestone.map_or_else(PlanBits::default, |milestone| {
            self.plan_bits(milestone, history, &mut evaluation)
        });
        let unknown = match decided {
            None if event.kind == EventKind::Track => Some(&*event.name),
            _ => None,
        };
        let did_you_mean = unknown.and_then(|name| nearest(name, self.names.known_names()));
        Explanation {
            event: event.name.clone().into_owned(),
            kind: event.kind,
            milestone,
            decided_by: decided
                .as_ref()
                .map(|decided| self.explain_decision(decided)),
            stages: self.explain_stages(milestone, bits),
            tried,
            vocabularies: self.vocabularies.iter().map(|v| v.id.to_string()).collect(),
            did_you_mean: did_you_mean.map(str::to_owned),
            suggestion: unknown.and_then(|name| self.suggest(name)),
        }
    }

    fn decide(
        &self,
        event: &Event<'_>,
        evaluation: &mut Evaluation<'_, '_>,
        tried: &mut Vec<TriedRule>,
    ) -> Option<Decided> {
        let name = match event.kind {
            EventKind::Track => &*event.name,
            EventKind::Page | EventKind::Screen => event.kind.as_str(),
            EventKind::Identify | EventKind::Group | EventKind::Alias => return None,
        };
        let candidates = find_candidates(self, name, event.kind, Wanted::Deciding);
        let candidate = self.first_explained(&candidates, evaluation, tried)?;
        let paths = &self.rule(candidate).event_from;
        if let Some(inner) = self.decide_inner(paths, evaluation, tried) {
            return Some(inner);
        }
        Some(Decided {
            candidate,
            name: name.to_owned(),
            name_from: None,
        })
    }

    fn decide_inner(
        &self,
        paths: &[ValuePath],
        evaluation: &mut Evaluation<'_, '_>,
        tried: &mut Vec<TriedRule>,
    ) -> Option<Decided> {
        let event = evaluation.event();
        let mut room = InnerRoom::default();
        let inner = find_inner(self, event, paths, &mut room, |name| {
            let candidates = find_candidates(self, name, EventKind::Track, Wanted::ForAnyone);
            self.first_explained(&candidates, evaluation, tried)
        })?;
        let from: Vec<_> = inner.paths.iter().map(ToString::to_string).collect();
        let mut joined = String::new();
        Some(Decided {
            candidate: inner.candidate,
            name: name_at(event, inner.paths, &mut joined)?.into_owned(),
            name_from: Some(from.join(", ")),
        })
    }

    /// Returns the first candidate that matches and records those before it.
    fn first_explained(
        &self,
        candidates: &[Candidate],
        evaluation: &mut Evaluation<'_, '_>,
        tried: &mut Vec<TriedRule>,
    ) -> Option<Candidate> {
        for candidate in candidates {
            let rule = self.rule(*candidate);
            let unmet = rule.predicates.iter().position(|p| !evaluation.holds(*p));
            let Some(unmet) = unmet else {
                return Some(*candidate);
            };
            let vocabulary = &self.vocabularies[rule.vocabulary as usize];
            // Shipped vocabularies of other trackers are not worth listing.
            let is_of_another_tracker = vocabulary.origin == RuleOrigin::Shipped
                && candidate.how == NameMatch::AnyName
                && unmet == 0;
            if !is_of_another_tracker {
                tried.push(TriedRule {
                    vocabulary: Arc::clone(&vocabulary.id),
                    rule: Arc::clone(&rule.id),
                    file: Arc::clone(&vocabulary.file),
                    line: rule.line,
                    how: candidate.how,
                    failed: self.condition_text(rule.predicates[unmet]),
                });
            }
        }
        None
    }

    fn explain_decision(&self, decided: &Decided) -> MilestoneExplanation {
        let rule = self.rule(decided.candidate);
        let vocabulary = &self.vocabularies[rule.vocabulary as usize];
        let tidy = tidy_name(decided.name.as_str().into());
        let folded_name = folded(&tidy);
        let words = Words::of(&tidy);
        let name = Name::new(&tidy, &folded_name, &words);
        let how = decided.candidate.how;
        let pattern = rule
            .names
            .iter()
            .find(|pattern| pattern.matches(&name) == Some(how));
        MilestoneExplanation {
            vocabulary: Arc::clone(&vocabulary.id),
            title: Arc::clone(&vocabulary.title),
            version: Arc::clone(&vocabulary.version),
            rule: Arc::clone(&rule.id),
            file: Arc::clone(&vocabulary.file),
            line: rule.line,
            name: decided.name.clone(),
            name_from: decided.name_from.clone(),
            how,
            pattern: pattern.map_or_else(|| "*".into(), |pattern| Arc::clone(&pattern.written)),
            conditions: self.condition_texts(&rule.predicates).collect(),
            mapping: rule.mapping.as_deref().cloned(),
        }
    }

    fn explain_stages(
        &self,
        milestone: Option<Milestone>,
        bits: PlanBits,
    ) -> Vec<StageExplanation> {
        let explain = |(at, model): (usize, &super::ModelInfo)| {
            let mut reasons: Vec<StageReason> = Vec::new();
            for rule in self.holding_rules(at, milestone, bits) {
                let reason = self.explain_stage(at, rule);
                if reasons
                    .last()
                    .is_none_or(|last| last.ordinal != reason.ordinal)
                {
                    reasons.push(reason);
                }
            }
            let mut reasons = reasons.into_iter();
            StageExplanation {
                model: Arc::clone(&model.id),
                version: Arc::clone(&model.version),
                main: reasons.next(),
                secondary: reasons.collect(),
            }
        };
        self.models.iter().enumerate().map(explain).collect()
    }

    fn explain_stage(&self, model: usize, rule: &StageRule) -> StageReason {
        let info = &self.models[model];
        let stage = &info.stages[rule.stage];
        let history = rule.history.iter().map(ToString::to_string);
        StageReason {
            stage: Arc::clone(&stage.id),
            labels: stage.labels.clone(),
            ordinal: stage.ordinal,
            rule: Arc::clone(&rule.id),
            file: Arc::clone(&info.file),
            line: rule.line,
            conditions: self
                .condition_texts(&rule.predicates)
                .chain(history)
                .collect(),
        }
    }

    fn condition_texts<'s>(&'s self, predicates: &'s [u32]) -> impl Iterator<Item = String> + 's {
        predicates.iter().map(|place| self.condition_text(*place))
    }

    fn condition_text(&self, place: u32) -> String {
        self.predicates
            .get(place as usize)
            .map_or_else(String::new, ToString::to_string)
    }
}
