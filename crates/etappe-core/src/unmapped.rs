//! Names of events that no rule gives a meaning or a stage, as a store finds them.

use crate::event::EventKind;
use crate::id::SiteId;
use crate::milestone::Milestone;
use crate::query::{Bots, TimeRange};
use crate::time::Timestamp;

/// Which unmapped names are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct UnmappedQuery {
    /// The site.
    pub site: SiteId,
    /// The range of time that the events lie in.
    pub range: TimeRange,
    /// Whether bots are looked at.
    pub bots: Bots,
    /// The kind of event; all of them without it.
    pub kind: Option<EventKind>,
    /// The model whose stages are looked at. Without it only names that were not understood are
    /// returned.
    pub model: Option<String>,
    /// How many names at most.
    pub limit: usize,
}

/// Why events of a name are unmapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhyUnmapped {
    /// No vocabulary had a rule for them. A rule that says "no step" is a rule.
    NotUnderstood,
    /// They have a milestone, and the model had no stage for it.
    NoStage,
}

impl WhyUnmapped {
    /// Every reason.
    pub const ALL: [Self; 2] = [Self::NotUnderstood, Self::NoStage];

    /// Returns the name used in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotUnderstood => "not_understood",
            Self::NoStage => "no_stage",
        }
    }
}

/// Events of one name, kind and milestone that are unmapped for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmappedName {
    /// The events' name.
    pub name: String,
    /// Their kind.
    pub kind: EventKind,
    /// Why they are unmapped.
    pub why: WhyUnmapped,
    /// What they mean, if they are understood.
    pub milestone: Option<Milestone>,
    /// How many there are.
    pub events: u64,
    /// How many people sent them.
    pub people: u64,
    /// When the first of them happened.
    pub first_seen: Timestamp,
    /// When the last of them happened.
    pub last_seen: Timestamp,
}

/// The unmapped names of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnmappedNames {
    /// The most frequent ones, in descending order of their events, then by name, kind and
    /// milestone.
    pub names: Vec<UnmappedName>,
    /// How many there are, also those beyond the limit.
    pub all_names: u64,
    /// How many events all of them have.
    pub all_events: u64,
}
