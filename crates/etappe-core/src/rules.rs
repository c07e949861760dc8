//! Vocabularies, journey models, and how they classify an event.
//!
//! Rule files are texts ([`RuleSource`]) that are compiled once into a [`RuleSet`]; mistakes in
//! them come back as [`Diagnostic`]s, all at once. A [`RuleClassifier`] then classifies each event:
//! its vocabularies give it a milestone, its models a stage. [`RuleSet::explain`] gives the reasons,
//! [`RuleSet::suggest`] the likely meaning of an unknown name.
//!
//! Invariants: the answer depends only on the content of the rules, the event and the actor's
//! history, never on the order of files or of earlier events. A main stage is above its secondary
//! stages.

mod address;
mod by_place;
mod classifier;
mod compile;
mod condition;
mod contradiction;
mod diagnostic;
mod evaluation;
mod exception;
mod explanation;
mod history;
mod info;
mod inner_name;
mod lookup;
mod mapping;
mod model;
mod names;
mod outcome;
mod pattern;
mod phrase;
mod predicate;
mod reader;
mod rule;
mod ruleset;
mod shipped;
mod source;
mod suggestion;
#[cfg(test)]
mod tests;
mod vocabulary;
mod word_reader;
mod words;

pub use address::AddressPart;
pub use by_place::{PlaceSuggestion, suggest_by_place};
pub use classifier::{Classified, RuleClassifier};
pub use diagnostic::{Diagnostic, Severity};
pub use explanation::{
    Explanation, MilestoneExplanation, StageExplanation, StageReason, TriedRule,
};
pub use history::ActorHistory;
pub use info::{Labels, ModelInfo, Phrase, Phrases, StageInfo, Tone, VocabularyInfo};
pub use mapping::FactMapping;
pub use outcome::{Outcome, OutcomeId, StageDecision, StageHit, VocabularyDecision};
pub use pattern::NameMatch;
pub use ruleset::RuleSet;
pub use source::{RuleFileKind, RuleOrigin, RuleSource};
pub use suggestion::{Doubt, Suggestion};
