//! The outcome of all rules for an event, and its id.

use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::milestone::Milestone;

/// Identifies an [`Outcome`] by its content: equal outcomes have equal ids, in every process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutcomeId(pub u64);

/// The outcome of all rules for an event. There are few distinct outcomes, so an event stores only
/// the id of its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The hash of everything below.
    pub id: OutcomeId,
    /// The event's milestone, if a vocabulary has a rule for it.
    pub milestone: Option<Milestone>,
    /// The vocabulary's rule that decided.
    ///
    /// Present without a milestone when the rule says that the event is not a step of any journey.
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

/// A model's decision about an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StageDecision {
    /// The model's id, such as `aaarrr`.
    pub model: Arc<str>,
    /// The model's version: a hash of its content.
    pub version: Arc<str>,
    /// The main stage; `None` means unmapped.
    pub main: Option<StageHit>,
    /// Further stages whose rules match, highest first.
    pub secondary: Box<[StageHit]>,
}

/// A stage and the rule that chose it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StageHit {
    /// The stage's id, such as `revenue`.
    pub stage: Arc<str>,
    /// The stage's position in its model, counted from 1.
    pub ordinal: u8,
    /// The rule's id.
    pub rule: Arc<str>,
}

impl Outcome {
    /// Creates an outcome and computes its id.
    #[must_use]
    pub fn new(
        milestone: Option<Milestone>,
        vocabulary: Option<VocabularyDecision>,
        stages: Box<[StageDecision]>,
    ) -> Self {
        let mut content = Content(Xxh3::new());
        content.text(milestone.map_or("", Milestone::as_str));
        content.count(usize::from(vocabulary.is_some()));
        if let Some(decision) = &vocabulary {
            content.text(&decision.vocabulary);
            content.text(&decision.version);
            content.text(&decision.rule);
        }
        content.count(stages.len());
        for decision in &stages {
            content.text(&decision.model);
            content.text(&decision.version);
            let hits = decision.main.iter().chain(&decision.secondary);
            content.count(usize::from(decision.main.is_some()) + decision.secondary.len());
            for hit in hits {
                content.text(&hit.stage);
                content.count(usize::from(hit.ordinal));
                content.text(&hit.rule);
            }
        }
        Self {
            id: OutcomeId(content.0.digest()),
            milestone,
            vocabulary,
            stages,
        }
    }
}

/// Hashes the canonical bytes of an outcome: every text and list is preceded by its length, so that
/// different outcomes have different bytes.
struct Content(Xxh3);

impl Content {
    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text.as_bytes());
    }

    fn count(&mut self, count: usize) {
        self.0.update(&(count as u64).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(vocabulary: &str, rule: &str) -> Outcome {
        let decision = VocabularyDecision {
            vocabulary: vocabulary.into(),
            version: "1".into(),
            rule: rule.into(),
        };
        Outcome::new(None, Some(decision), Box::new([]))
    }

    #[test]
    fn equal_content_has_equal_ids_and_shifted_content_does_not() {
        assert_eq!(decided("shop", "a").id, decided("shop", "a").id);
        assert_ne!(decided("shop", "ab").id, decided("shopa", "b").id);
        assert_ne!(
            Outcome::new(None, None, Box::new([])).id,
            decided("", "").id
        );
    }

    #[test]
    fn ids_are_the_same_in_every_process_and_release() {
        assert_eq!(
            Outcome::new(Some(Milestone::Visit), None, Box::new([])).id,
            OutcomeId(7_702_046_297_976_458_679)
        );
    }
}
