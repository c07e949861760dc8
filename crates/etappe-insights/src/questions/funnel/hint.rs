//! Hints about names in a question that no event has, which may be misspelt.
//!
//! Such a question is valid and its answer is zero, because an event may be planned before it first
//! occurs. The store is only asked for names if a condition was never met or no unit had a value of
//! a dimension.

use etappe_core::ports::JourneyStore;
use etappe_core::query::{Condition, Dimension, NameKind, PropertyTest, Selector};
use etappe_core::suggestion::nearest;
use serde::Serialize;
use utoipa::ToSchema;

use crate::questions::funnel::question::{DIMENSIONS, Funnel};
use crate::questions::funnel::tally::Tally;

/// The most names that a hint lists.
const MOST_NEAREST: usize = 3;

/// A name in the question that no event has.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hint {
    /// The field, as a path.
    #[schema(example = "steps[0].event")]
    field: String,
    /// The remark, in words.
    #[schema(
        example = "no event called `Order Complete` was found: did you mean `Order Completed`?"
    )]
    detail: String,
    /// The closest known names, closest first; empty if none is close.
    #[schema(example = json!(["Order Completed"]))]
    nearest: Vec<String>,
}

/// A name that was not found, and the kind of names to search for it.
struct Missing {
    field: String,
    name: String,
    kind: NameKind,
}

/// Returns a hint for each name that no event has; none if the store cannot list names.
pub(super) async fn find_hints<S: JourneyStore>(
    store: &S,
    question: &Funnel,
    tally: &Tally<'_>,
) -> Vec<Hint> {
    let missing = missing_names(question, tally);
    let mut hints = Vec::new();
    let mut absent_selectors: Vec<String> = Vec::new();
    for kind in [NameKind::Event, NameKind::Property] {
        if missing.iter().all(|missing| missing.kind != kind) {
            continue;
        }
        let known = match store.known_names(&question.site, kind).await {
            Ok(known) => known,
            Err(error) => {
                tracing::debug!(%error, "no names could be had to suggest");
                continue;
            }
        };
        for missing in missing.iter().filter(|missing| missing.kind == kind) {
            let (condition, _) = missing.field.split_once('.').unwrap_or_default();
            if let Some(hint) = hint(missing, &known)
                && !absent_selectors.iter().any(|absent| absent == condition)
            {
                // An event that does not exist has no properties either.
                if kind == NameKind::Event {
                    absent_selectors.push(condition.to_owned());
                }
                hints.push(hint);
            }
        }
    }
    hints
}

fn missing_names(question: &Funnel, tally: &Tally<'_>) -> Vec<Missing> {
    let mut missing = Vec::new();
    let step_count = question.steps.len();
    for (number, condition) in question.conditions.iter().enumerate() {
        if tally.met() >> number & 1 == 1 {
            continue;
        }
        let path = match number.checked_sub(step_count) {
            None => format!("steps[{number}]"),
            Some(index) => format!("exclude[{index}]"),
        };
        missing.extend(names_of(condition, &path));
    }
    let breakdown = question.breakdown.iter();
    let dimensions =
        breakdown.flat_map(|breakdown| breakdown.dimensions.iter().zip(&breakdown.names));
    for (index, (dimension, name)) in dimensions.enumerate() {
        if let Dimension::Property(_) = dimension
            && !tally.has_value(index)
        {
            missing.push(Missing {
                field: format!("breakdown.by[{index}]"),
                name: name.clone(),
                kind: NameKind::Property,
            });
        }
    }
    missing
}

fn names_of(condition: &Condition, path: &str) -> Vec<Missing> {
    let mut names = Vec::new();
    if let Selector::Event(name) = &condition.selector {
        names.push(Missing {
            field: format!("{path}.event"),
            name: name.clone(),
            kind: NameKind::Event,
        });
    }
    let wanted = condition.properties.iter();
    for property in wanted.filter(|property| property.test != PropertyTest::Absent) {
        names.push(Missing {
            field: format!("{path}.where.{}", property.path),
            name: property.path.clone(),
            kind: NameKind::Property,
        });
    }
    names
}

/// Returns the hint about a name, unless the name is known.
fn hint(missing: &Missing, known: &[String]) -> Option<Hint> {
    let known = known.iter().map(String::as_str);
    // Known property names lack the `properties.` prefix that a question may use.
    let (prefix, name) = match missing.name.strip_prefix("properties.") {
        Some(rest) if missing.kind == NameKind::Property => ("properties.", rest),
        _ => ("", missing.name.as_str()),
    };
    if known.clone().any(|known| is_at(known, name, missing.kind)) {
        return None;
    }
    let is_dimension = missing.field.starts_with("breakdown") && prefix.is_empty();
    let dimensions = DIMENSIONS.iter().map(|(name, _)| *name);
    let dimensions = dimensions.filter(|_| is_dimension);
    let near = nearest(name, dimensions.chain(known), MOST_NEAREST);
    let nearest: Vec<String> = near.iter().map(|near| format!("{prefix}{near}")).collect();
    let what = match missing.kind {
        NameKind::Event => "event",
        NameKind::Property => "property",
    };
    let mut detail = format!("no {what} called `{}` was found", missing.name);
    if let Some(first) = nearest.first() {
        detail += &format!(": did you mean `{first}`?");
    }
    Some(Hint {
        field: missing.field.clone(),
        detail,
        nearest,
    })
}

/// Returns whether a known name is the one looked for, or a member of the object it names.
fn is_at(known: &str, name: &str, kind: NameKind) -> bool {
    let rest = known.strip_prefix(name);
    rest.is_some_and(|rest| {
        rest.is_empty() || (kind == NameKind::Property && rest.starts_with('.'))
    })
}
