//! An actor's history, and conditions on it.
//!
//! An empty history belongs to an actor never seen before. Nothing here is looked up: the history
//! is an argument, and the same history and event give the same answer.

use std::fmt;

use crate::milestone::Milestone;
use crate::time::Timestamp;

use super::condition::read_range;
use super::diagnostic::{Report, did_you_mean};
use super::predicate::NumberRange;
use super::reader::Table;

/// The actor's earlier events, as known when an event is classified.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActorHistory {
    /// When the actor's first event happened.
    pub first_seen: Option<Timestamp>,
    /// When the actor's latest event happened.
    pub last_seen: Option<Timestamp>,
    /// Orders so far.
    pub orders: u32,
    /// Count, first and last time of each milestone so far.
    pub milestones: Vec<(Milestone, u32, Timestamp, Timestamp)>,
}

/// A visit this long after the last event is a new one; sessions use the same gap.
const VISIT_GAP_MILLIS: i64 = 30 * 60 * 1000;
const MILLIS_PER_DAY: f64 = 86_400_000.0;

impl ActorHistory {
    /// Returns whether the history is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.first_seen.is_none()
            && self.last_seen.is_none()
            && self.orders == 0
            && self.milestones.is_empty()
    }

    /// Returns how often the actor has reached a milestone.
    #[must_use]
    pub fn count(&self, milestone: Milestone) -> u32 {
        self.of(milestone).map_or(0, |(_, count, _, _)| *count)
    }

    fn of(&self, milestone: Milestone) -> Option<&(Milestone, u32, Timestamp, Timestamp)> {
        self.milestones
            .iter()
            .find(|(known, _, _, _)| *known == milestone)
    }

    /// Returns whether an event with the milestone `event` also has the milestone `derived`, given
    /// the history: a purchase is a `repeat_purchase` after an earlier order.
    pub(super) fn derives(&self, event: Milestone, derived: Milestone, now: Timestamp) -> bool {
        if self.is_empty() || !can_derive(event, derived) {
            return false;
        }
        let was_referred = || self.count(Milestone::InviteAccepted) > 0;
        match derived {
            Milestone::ReturnVisit => self
                .last_seen
                .is_some_and(|seen| now.as_millis() - seen.as_millis() > VISIT_GAP_MILLIS),
            Milestone::RepeatPurchase => self.orders > 0 || self.count(Milestone::Purchase) > 0,
            Milestone::ReferredSignup => was_referred(),
            Milestone::ReferredPurchase => {
                was_referred() || self.count(Milestone::ReferredSignup) > 0
            }
            _ => false,
        }
    }
}

/// Returns whether a history can derive `derived` from `event`.
pub(super) const fn can_derive(event: Milestone, derived: Milestone) -> bool {
    match derived {
        // A visit may start on a product page.
        Milestone::ReturnVisit => matches!(event, Milestone::Visit | Milestone::ContentView),
        Milestone::RepeatPurchase | Milestone::ReferredPurchase => {
            matches!(event, Milestone::Purchase)
        }
        Milestone::ReferredSignup => matches!(event, Milestone::Signup),
        _ => false,
    }
}

/// A condition on an actor's history.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HistoryCondition {
    quantity: Quantity,
    range: NumberRange,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Quantity {
    Orders,
    DaysSinceFirstSeen,
    DaysSinceLastSeen,
    Count(Milestone),
    DaysSinceFirst(Milestone),
    DaysSinceLast(Milestone),
}

impl HistoryCondition {
    /// Returns whether the history meets the condition at the time of the event. A condition on the
    /// days since something is not met if it never happened.
    pub(super) fn holds(&self, history: &ActorHistory, now: Timestamp) -> bool {
        let since = |then: Timestamp| days_between(then, now);
        let value = match self.quantity {
            Quantity::Orders => Some(f64::from(history.orders)),
            Quantity::Count(milestone) => Some(f64::from(history.count(milestone))),
            Quantity::DaysSinceFirstSeen => history.first_seen.map(since),
            Quantity::DaysSinceLastSeen => history.last_seen.map(since),
            Quantity::DaysSinceFirst(milestone) => {
                history.of(milestone).map(|(_, _, first, _)| since(*first))
            }
            Quantity::DaysSinceLast(milestone) => {
                history.of(milestone).map(|(_, _, _, last)| since(*last))
            }
        };
        value.is_some_and(|value| self.range.contains(value))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of millennia fit the 53 bits of a float"
)]
fn days_between(then: Timestamp, now: Timestamp) -> f64 {
    now.as_millis().saturating_sub(then.as_millis()) as f64 / MILLIS_PER_DAY
}

impl fmt::Display for HistoryCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quantity {
            Quantity::Orders => write!(f, "orders so far: {}", self.range),
            Quantity::DaysSinceFirstSeen => write!(f, "days since first seen: {}", self.range),
            Quantity::DaysSinceLastSeen => write!(f, "days since last seen: {}", self.range),
            Quantity::Count(milestone) => write!(f, "`{milestone}` so far: {}", self.range),
            Quantity::DaysSinceFirst(milestone) => {
                write!(f, "days since the first `{milestone}`: {}", self.range)
            }
            Quantity::DaysSinceLast(milestone) => {
                write!(f, "days since the last `{milestone}`: {}", self.range)
            }
        }
    }
}

/// The keys of a `history` table.
const KEYS: [&str; 6] = [
    "orders",
    "days_since_first_seen",
    "days_since_last_seen",
    "count",
    "days_since_first",
    "days_since_last",
];

/// Reads the `history` table of a model's rule.
pub(super) fn read_history(
    table: &Table<'_, '_>,
    report: &mut Report<'_>,
) -> Vec<HistoryCondition> {
    table.allow_only(&KEYS, "`history`", report);
    let mut conditions = Vec::new();
    for (key, _, value) in table.members() {
        let quantity: fn(Milestone) -> Quantity = match key {
            "orders" | "days_since_first_seen" | "days_since_last_seen" => {
                let quantity = match key {
                    "orders" => Quantity::Orders,
                    "days_since_first_seen" => Quantity::DaysSinceFirstSeen,
                    _ => Quantity::DaysSinceLastSeen,
                };
                let range = read_range(key, value, report);
                conditions.extend(range.map(|range| HistoryCondition { quantity, range }));
                continue;
            }
            "count" => Quantity::Count,
            "days_since_first" => Quantity::DaysSinceFirst,
            "days_since_last" => Quantity::DaysSinceLast,
            _ => continue,
        };
        let Some(by_milestone) = table.table(key, report) else {
            continue;
        };
        for (name, span, value) in by_milestone.members() {
            let Some(milestone) = read_milestone(name, &span, report) else {
                continue;
            };
            let range = read_range(name, value, report);
            conditions.extend(range.map(|range| HistoryCondition {
                quantity: quantity(milestone),
                range,
            }));
        }
    }
    conditions
}

/// Reads a milestone's name.
pub(super) fn read_milestone(
    name: &str,
    span: &std::ops::Range<usize>,
    report: &mut Report<'_>,
) -> Option<Milestone> {
    let milestone = name.parse().ok();
    if milestone.is_none() {
        let known = Milestone::ALL.iter().map(|known| known.as_str());
        let help = did_you_mean(name, known)
            .unwrap_or_else(|| "the list is in docs/vocabularies.md".to_owned());
        report.error_with(span, format!("`{name}` is not a milestone"), help);
    }
    milestone
}
