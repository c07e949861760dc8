//! Names of events to which no rule assigns a milestone or a stage, as a store returns them.

use crate::event::EventKind;
use crate::id::SiteId;
use crate::milestone::Milestone;
use crate::query::{Bots, TimeRange};
use crate::time::Timestamp;

/// A query for unmapped names.
#[derive(Debug, Clone, PartialEq)]
pub struct UnmappedQuery {
    /// The site.
    pub site: SiteId,
    /// The time range of the events.
    pub range: TimeRange,
    /// How events of bots are treated.
    pub bots: Bots,
    /// The kind of event; `None` means all kinds.
    pub kind: Option<EventKind>,
    /// The model whose stages are checked. Without it, only names without a milestone are returned.
    pub model: Option<String>,
    /// The most names to return.
    pub limit: usize,
}

/// The reason why events of a name are unmapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhyUnmapped {
    /// No vocabulary had a rule for them. A rule that says "no step" counts as a rule.
    NotUnderstood,
    /// They have a milestone, but the model has no stage for it.
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
    /// The reason why they are unmapped.
    pub why: WhyUnmapped,
    /// Their milestone, if they have one.
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
    /// The most frequent names, in descending order of the number of events, then by name, kind and
    /// milestone.
    pub names: Vec<UnmappedName>,
    /// The number of names, including those beyond the limit.
    pub all_names: u64,
    /// The number of events of all these names.
    pub all_events: u64,
}
