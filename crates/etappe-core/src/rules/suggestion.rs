//! Suggests the meaning of a name that no rule matches, and names the obstacle.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::event::EventKind;
use crate::milestone::Milestone;

use super::classifier::{Wanted, find_candidates};
use super::info::as_text;
use super::names::LONGEST_NAME;
use super::pattern::NameForm;
use super::rule::Rule;
use super::ruleset::RuleSet;
use super::words::{Meaning, Nearness, Words};

/// A possible milestone of a name. It is only a hint for people: the event has no milestone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// The likely milestone.
    pub milestone: Milestone,
    /// The vocabulary of the nearest rule.
    #[serde(serialize_with = "as_text")]
    pub vocabulary: Arc<str>,
    /// That rule's id.
    #[serde(serialize_with = "as_text")]
    pub rule: Arc<str>,
    /// Why the rule did not apply.
    pub doubt: Doubt,
    /// The doubt in words.
    pub why: String,
}

/// Why a near rule did not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Doubt {
    /// The name also has words that are unknown to the vocabulary.
    UnknownWords {
        /// The words, in lower case.
        words: Vec<String>,
    },
    /// The name has words that reverse the meaning of the others, such as `failed`.
    UndoingWords {
        /// The words, in lower case.
        words: Vec<String>,
    },
    /// The name states an object but no action.
    NoAction,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownWords { words } => {
                write!(f, "the vocabulary does not know {}", Quoted(words))
            }
            Self::UndoingWords { words } => write!(f, "{} may say otherwise", Quoted(words)),
            Self::NoAction => f.write_str("the name does not say that it was completed"),
        }
    }
}

struct Quoted<'a>(&'a [String]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, word) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}`{word}`")?;
        }
        Ok(())
    }
}

impl RuleSet {
    /// Returns whether a vocabulary decides about every `kind` of event called `name`, whatever its
    /// properties; also if it decides that they are not a step. The name of a page or a screen
    /// makes no difference.
    #[must_use]
    pub fn understands(&self, name: &str, kind: EventKind) -> bool {
        let name = match kind {
            EventKind::Track => name,
            EventKind::Page | EventKind::Screen => kind.as_str(),
            EventKind::Identify | EventKind::Group | EventKind::Alias => return false,
        };
        let candidates = find_candidates(self, name, kind, Wanted::Deciding);
        candidates
            .iter()
            .any(|candidate| self.rule(*candidate).predicates.is_empty())
    }

    /// Returns the likely meaning of a name that no rule matches: the milestone of the nearest rule
    /// by words.
    ///
    /// Pure, and slow compared with classification: it is for people who review unmapped names.
    /// `None` for a name that is near no rule, or that a words pattern matches.
    #[must_use]
    pub fn suggest(&self, name: &str) -> Option<Suggestion> {
        if name.len() > LONGEST_NAME {
            return None;
        }
        let words = Words::of(name);
        if meanings(&self.rules).any(|(_, meaning)| meaning.fits(&words)) {
            return None;
        }
        let near = meanings(&self.rules).filter_map(|(rule, meaning)| {
            let milestone = rule.milestone?;
            let nearness = meaning.nearness(&words)?;
            Some((rank(&nearness, meaning), nearness, rule, milestone))
        });
        let (_, nearest, rule, milestone) = near.min_by_key(|(rank, ..)| *rank)?;
        let vocabulary = &self.vocabularies[rule.vocabulary as usize];
        let doubt = match nearest {
            Nearness::WithUnknown(words) => Doubt::UnknownWords { words },
            Nearness::WithoutAction(words) if words.is_empty() => Doubt::NoAction,
            Nearness::Undone(words) | Nearness::WithoutAction(words) => {
                Doubt::UndoingWords { words }
            }
        };
        Some(Suggestion {
            milestone,
            vocabulary: Arc::clone(&vocabulary.id),
            rule: Arc::clone(&rule.id),
            why: doubt.to_string(),
            doubt,
        })
    }
}

/// Iterates over the meanings of all rules, in order.
fn meanings(rules: &[Rule]) -> impl Iterator<Item = (&Rule, &Meaning)> {
    rules.iter().flat_map(|rule| {
        rule.names.iter().filter_map(move |name| match &name.form {
            NameForm::Words(meaning) => Some((rule, &**meaning)),
            NameForm::Name { .. } | NameForm::Glob { .. } | NameForm::Any => None,
        })
    })
}

/// Ranks near meanings: whole meanings first, then by the number of obstructing words. If only the
/// object is present, the meaning with the most phrases for its action is the likeliest.
fn rank(nearness: &Nearness, meaning: &Meaning) -> (u8, usize, Reverse<usize>) {
    let (kind, words) = match nearness {
        Nearness::WithUnknown(words) => (0, words),
        Nearness::Undone(words) => (1, words),
        Nearness::WithoutAction(words) => (2, words),
    };
    (kind, words.len(), Reverse(meaning.ways()))
}
