//! Questions about journeys, as values: ranges, selectors and what a funnel needs to be fed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::SiteId;
use crate::json::JsonValue;
use crate::time::Timestamp;
use crate::value::{number_spelling, spelling, text_spelling};

/// A half-open range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The first instant in the range.
    pub from: Timestamp,
    /// The first instant after the range; never before `from`.
    pub to: Timestamp,
}

/// Whether events of bots are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bots {
    /// Leave them out.
    #[default]
    Exclude,
    /// Take them like all others.
    Include,
    /// Look at nothing else.
    Only,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// People.
    #[default]
    Actor,
    /// Visits of people, ended by 30 minutes without an event.
    Session,
    /// Companies.
    Account,
}

/// What an event must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Selector {
    /// Any event.
    Any,
    /// An event of this name.
    Event(String),
    /// An event that means this milestone.
    Milestone(crate::milestone::Milestone),
    /// An event in this stage of this model.
    Stage {
        /// The model's id.
        model: String,
        /// The stage's id.
        stage: String,
    },
}

/// What a property must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyCondition {
    /// The property's name, or a path starting with `properties.`, `context.` or `traits.`.
    pub path: String,
    /// What its value must be.
    pub test: PropertyTest,
}

/// What the value of a property must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyTest {
    /// A value with this [spelling](crate::value).
    Is(String),
    /// Null.
    Null,
    /// Not there at all.
    Absent,
    /// There, be it null.
    Present,
}

impl PropertyTest {
    /// Returns the test for one value: a text, a number, a truth value or null. `None` for objects
    /// and arrays, which equal nothing.
    #[must_use]
    pub fn of(value: &serde_json::Value) -> Option<Self> {
        use serde_json::Value;
        let spelling = match value {
            Value::Null => return Some(Self::Null),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number_spelling(&number.to_string()).into_owned(),
            Value::String(text) => text_spelling(text).into_owned(),
            Value::Array(_) | Value::Object(_) => return None,
        };
        Some(Self::Is(spelling))
    }

    /// Returns whether the value that was found passes.
    #[must_use]
    pub fn passes(&self, found: Option<&JsonValue<'_>>) -> bool {
        match self {
            Self::Is(wanted) => found
                .and_then(spelling)
                .is_some_and(|found| found == *wanted),
            Self::Null => matches!(found, Some(JsonValue::Null)),
            Self::Absent => found.is_none(),
            Self::Present => found.is_some(),
        }
    }
}

/// A selector with conditions on properties, all of which must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What the event must be.
    pub selector: Selector,
    /// What its properties must be.
    pub properties: Vec<PropertyCondition>,
}

/// A value that a breakdown groups by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// A property, or a path starting with `properties.`, `context.` or `traits.`.
    Property(String),
    /// How the actor came.
    Channel,
    /// The campaign's name.
    Campaign,
    /// The named segment.
    Persona,
    /// Where contact happened.
    Touchpoint,
    /// The kind of device.
    Device,
    /// The country.
    Country,
}

/// What the matchers need: for every unit its events that match one of the conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateQuery {
    /// The site.
    pub site: SiteId,
    /// What a unit is.
    pub unit: Unit,
    /// Whether bots are looked at.
    pub bots: Bots,
    /// Events before this instant are of no use.
    pub from: Timestamp,
    /// Events at or after this instant are of no use, if there is such an instant.
    pub until: Option<Timestamp>,
    /// At most 64 conditions; bit k of [`Hit::conditions`] stands for condition k.
    pub conditions: Vec<Condition>,
    /// Whether events that match no condition are wanted too (strict order needs neighbours).
    pub include_others: bool,
    /// The values wanted in [`Hit::dimensions`], in their order.
    pub dimensions: Vec<Dimension>,
}

/// How many units there are to enter a funnel at all.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitQuery {
    /// The site.
    pub site: SiteId,
    /// What a unit is.
    pub unit: Unit,
    /// Whether bots are looked at.
    pub bots: Bots,
    /// The range of time in which a unit must have an event.
    pub range: TimeRange,
}

/// Names that a question may have mistyped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// Names of events.
    Event,
    /// Paths of properties; those in the context and the traits begin with `context.` and `traits.`.
    Property,
}

/// One event of a unit, as far as a matcher is concerned.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// When it happened.
    pub at: Timestamp,
    /// Bit k is set when the event matches condition k.
    pub conditions: u64,
    /// The [spellings](crate::value) of the dimensions asked for; `None` where the event has no value.
    pub dimensions: Vec<Option<String>>,
}

/// The end of the time in which completions of entries in `range` may lie.
#[must_use]
pub fn completion_end(range: TimeRange, window: Option<Duration>) -> Option<Timestamp> {
    // The window is inclusive, hence the millisecond.
    window.map(|window| {
        range
            .to
            .saturating_add(window)
            .saturating_add(Duration::from_millis(1))
    })
}
