//! Questions about journeys, as values: ranges, selectors and the input that funnels need.

mod hit_groups;
mod hit_values;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::SiteId;
use crate::json::JsonValue;
use crate::time::Timestamp;
use crate::value::{number_spelling, spelling, text_spelling};

pub use hit_groups::{HitGroups, Stopped};
pub use hit_values::HitValues;

/// A half-open range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The first instant in the range.
    pub from: Timestamp,
    /// The first instant after the range; never before `from`.
    pub to: Timestamp,
}

/// How events of bots are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bots {
    /// Events of bots are left out.
    #[default]
    Exclude,
    /// Events of bots count like all others.
    Include,
    /// Only events of bots count.
    Only,
}

/// The unit that is counted.
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

/// Which events match.
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

/// A condition on a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyCondition {
    /// The property's name, or a path starting with `properties.`, `context.` or `traits.`.
    pub path: String,
    /// The test of its value.
    pub test: PropertyTest,
}

/// A test of a property's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyTest {
    /// A value with this [spelling](crate::value).
    Is(String),
    /// Null.
    Null,
    /// The property is missing.
    Absent,
    /// The property is present, even if it is null.
    Present,
}

impl PropertyTest {
    /// Returns the test for one value: a text, a number, a boolean or null. `None` for objects and
    /// arrays, which equal nothing.
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

    /// Returns whether the given value passes the test.
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
    /// Which events match.
    pub selector: Selector,
    /// The conditions on the event's properties.
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

/// The query for a matcher's input: for every unit, its events that match one of the conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateQuery {
    /// The site.
    pub site: SiteId,
    /// The unit that is counted.
    pub unit: Unit,
    /// How events of bots are treated.
    pub bots: Bots,
    /// Events before this instant are not needed.
    pub from: Timestamp,
    /// Events at or after this instant are not needed; `None` is unlimited.
    pub until: Option<Timestamp>,
    /// At most 64 conditions; bit k of [`Hit::conditions`] stands for condition k.
    pub conditions: Vec<Condition>,
    /// Whether events that match no condition are needed too (strict order depends on neighbours).
    pub include_others: bool,
    /// The values requested in [`Hit::dimensions`], in their order.
    pub dimensions: Vec<Dimension>,
}

/// The query for the number of units that could enter a funnel.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitQuery {
    /// The site.
    pub site: SiteId,
    /// The unit that is counted.
    pub unit: Unit,
    /// How events of bots are treated.
    pub bots: Bots,
    /// The range of time in which a unit must have an event.
    pub range: TimeRange,
}

impl UnitQuery {
    /// Returns the query for the events of these units: any that is in the range.
    #[must_use]
    pub fn any_event(&self) -> CandidateQuery {
        CandidateQuery {
            site: self.site.clone(),
            unit: self.unit,
            bots: self.bots,
            from: self.range.from,
            until: Some(self.range.to),
            conditions: vec![Condition {
                selector: Selector::Any,
                properties: Vec::new(),
            }],
            include_others: false,
            dimensions: Vec::new(),
        }
    }
}

/// A query for the rows of one of the store's views.
///
/// A question whose figures are the rows of a view needs no method of the store of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewQuery {
    /// The view's name.
    pub view: &'static str,
    /// The site, which every view has as its parameter `site`.
    pub site: SiteId,
    /// The names and values of the view's other parameters.
    pub parameters: Vec<(&'static str, ViewParameter)>,
}

/// The value of a view's parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewParameter {
    /// Which events count: `exclude`, `include` or `only` those of bots.
    Bots(Bots),
    /// A text.
    Text(String),
    /// An instant.
    Instant(Timestamp),
    /// Instants, as milliseconds since 1970.
    Instants(Vec<Timestamp>),
    /// Hashes of actors.
    Actors(Vec<u64>),
}

/// The kind of a name that a query may have mistyped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// Names of events.
    Event,
    /// Paths of properties; those in the context and the traits begin with `context.` and
    /// `traits.`.
    Property,
}

/// One event of a unit, reduced to what a matcher needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// When it happened.
    pub at: Timestamp,
    /// Bit k is set when the event matches condition k.
    pub conditions: u64,
    /// Its values in the requested dimensions.
    pub dimensions: HitValues,
}

/// Returns the end of the time range in which entries in `range` may be completed.
#[must_use]
pub fn completion_end(range: TimeRange, window: Option<Duration>) -> Option<Timestamp> {
    // The window is inclusive, so one millisecond is added.
    window.map(|window| {
        range
            .to
            .saturating_add(window)
            .saturating_add(Duration::from_millis(1))
    })
}
