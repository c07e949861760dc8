//! What a site says that its own names of events mean.
//!
//! Vocabularies know the names that many trackers send; a site's own names are said by its people,
//! one by one. A meaning comes before every vocabulary. Whoever saved it, and when, is kept with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::id::SiteId;
use crate::milestone::Milestone;
use crate::rules::VocabularyDecision;
use crate::time::Timestamp;

/// The most meanings of a site.
pub const MOST_MEANINGS: usize = 1_000;
/// The most bytes of a name that can have a meaning.
pub const LONGEST_NAME: usize = 512;
/// The vocabulary that a site's own meanings are, in outcomes.
pub const OWN_VOCABULARY: &str = "site";

/// What a site says that an event of this name means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meaning {
    /// The milestone; none means that the event is not a step of any journey.
    pub milestone: Option<Milestone>,
    /// The e-mail address of whoever said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A site's meanings by the name of the event, as it is listed among the names not understood.
pub type Meanings = BTreeMap<String, Meaning>;

/// A change of a site's meanings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeaningChange {
    /// The site.
    pub site: SiteId,
    /// The event's name.
    pub event: String,
    /// What it means from now on; none takes the meaning back.
    pub meaning: Option<Meaning>,
}

/// Why a meaning cannot be saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableMeaning {
    /// The name is empty or too long.
    #[error("a name of an event has 1 to {LONGEST_NAME} bytes")]
    Name,
    /// The site has too many.
    #[error(
        "this site has {MOST_MEANINGS} meanings, which is the most: put the others into a vocabulary, or take some back"
    )]
    TooMany,
    /// There is no such site.
    #[error("there is no such site")]
    UnknownSite,
}

impl MeaningChange {
    /// Checks that the change can be applied to the meanings of its site.
    ///
    /// # Errors
    /// [`UnusableMeaning`] if the name is unusable, or the site has the most meanings already.
    pub fn check(&self, known: &Meanings) -> Result<(), UnusableMeaning> {
        if self.event.is_empty() || self.event.len() > LONGEST_NAME {
            return Err(UnusableMeaning::Name);
        }
        let is_new = self.meaning.is_some() && !known.contains_key(&self.event);
        if is_new && known.len() >= MOST_MEANINGS {
            return Err(UnusableMeaning::TooMany);
        }
        Ok(())
    }

    /// Applies the change.
    pub fn apply(self, meanings: &mut Meanings) {
        match self.meaning {
            Some(meaning) => meanings.insert(self.event, meaning),
            None => meanings.remove(&self.event),
        };
    }
}

/// A meaning in the form that events are classified by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRule {
    /// The milestone, if the event is a step.
    pub milestone: Option<Milestone>,
    /// What outcomes say about it: the name is the rule, and the version follows from what it says.
    pub decision: VocabularyDecision,
    /// A hash of all of it.
    pub hash: u64,
}

impl OwnRule {
    /// Makes the rule for an event of this name.
    #[must_use]
    pub fn new(event: &str, meaning: &Meaning) -> Self {
        let milestone = meaning.milestone.map_or("", Milestone::as_str);
        let hash = xxh3_64(format!("{milestone}\0{event}").as_bytes());
        Self {
            milestone: meaning.milestone,
            decision: VocabularyDecision {
                vocabulary: OWN_VOCABULARY.into(),
                version: format!("{:08x}", hash >> 32).into(),
                rule: event.into(),
            },
            hash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(milestone: Option<Milestone>) -> Meaning {
        Meaning {
            milestone,
            by: "anna@example.com".to_owned(),
            at: Timestamp::EPOCH,
        }
    }

    fn change(event: &str, meaning: Option<Meaning>) -> MeaningChange {
        MeaningChange {
            site: SiteId::try_new("shop").unwrap(),
            event: event.to_owned(),
            meaning,
        }
    }

    #[test]
    fn names_and_numbers_of_meanings_are_limited() {
        let signup = || Some(meaning(Some(Milestone::Signup)));
        let mut known = Meanings::new();
        assert_eq!(
            change("", signup()).check(&known),
            Err(UnusableMeaning::Name)
        );
        let long = "x".repeat(LONGEST_NAME + 1);
        assert_eq!(
            change(&long, signup()).check(&known),
            Err(UnusableMeaning::Name)
        );
        for number in 0..MOST_MEANINGS {
            let change = change(&format!("event {number}"), signup());
            assert_eq!(change.check(&known), Ok(()));
            change.apply(&mut known);
        }
        assert_eq!(
            change("another", signup()).check(&known),
            Err(UnusableMeaning::TooMany)
        );
        // What is there can be changed and taken back.
        assert_eq!(change("event 1", Some(meaning(None))).check(&known), Ok(()));
        assert_eq!(change("event 1", None).check(&known), Ok(()));
        change("event 1", None).apply(&mut known);
        assert_eq!(change("another", signup()).check(&known), Ok(()));
    }

    #[test]
    fn the_version_follows_from_what_is_said_and_not_from_who_said_it() {
        let signup = OwnRule::new("Joined", &meaning(Some(Milestone::Signup)));
        let other = Meaning {
            by: "bob@example.com".to_owned(),
            ..meaning(Some(Milestone::Signup))
        };
        assert_eq!(signup, OwnRule::new("Joined", &other));
        let none = OwnRule::new("Joined", &meaning(None));
        assert_ne!(signup.decision.version, none.decision.version);
        assert_eq!(&*signup.decision.rule, "Joined");
    }
}
