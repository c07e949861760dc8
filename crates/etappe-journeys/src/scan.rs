//! Finds the events that a funnel asks for, person by person.

use std::ops::ControlFlow;

use etappe_core::query::{Bots, CandidateQuery, Hit, HitGroups, Selector, Stopped, Unit};
use etappe_core::time::Timestamp;

use crate::error::IndexError;
use crate::kind::EventKind;
use crate::outcomes::Outcomes;
use crate::people::{NOBODY, People};
use crate::site::SiteState;

/// Why a scan ended before its end.
#[derive(Debug)]
pub(crate) enum ScanEnd<B> {
    ByVisitor(B),
    UnitTooLarge { unit: u64, limit: usize },
    ByError(IndexError),
}

impl<B> From<IndexError> for ScanEnd<B> {
    fn from(error: IndexError) -> Self {
        Self::ByError(error)
    }
}

impl<B> From<Stopped<B>> for ScanEnd<B> {
    fn from(stopped: Stopped<B>) -> Self {
        match stopped {
            Stopped::ByVisitor(value) => Self::ByVisitor(value),
            Stopped::UnitTooLarge { unit, limit } => Self::UnitTooLarge { unit, limit },
        }
    }
}

/// Returns whether the index holds all that the query asks for.
pub(crate) fn can_answer(query: &CandidateQuery) -> bool {
    let mut conditions = query.conditions.iter();
    query.unit != Unit::Account
        && query.dimensions.is_empty()
        && query.conditions.len() <= 64
        && conditions.all(|condition| condition.properties.is_empty())
}

/// Returns whether the choice of bots includes an event.
pub(crate) const fn counts(bots: Bots, is_bot: bool) -> bool {
    match bots {
        Bots::Exclude => !is_bot,
        Bots::Include => true,
        Bots::Only => is_bot,
    }
}

fn bits(query: &CandidateQuery, kind: &EventKind, outcomes: &Outcomes) -> u64 {
    let meets = |selector: &Selector| match selector {
        Selector::Any => true,
        Selector::Event(name) => kind.event == *name,
        Selector::Milestone(milestone) => kind.milestone == milestone.as_str(),
        Selector::Stage { model, stage } => {
            outcomes.stage(kind.outcome, model) == Some(stage.as_str())
        }
    };
    let conditions = query.conditions.iter().enumerate();
    let met = conditions.filter(|(_, condition)| meets(&condition.selector));
    met.fold(0, |bits, (number, _)| bits | 1 << number)
}

/// Calls `visit` with the hits of every unit, as the port of stores demands.
pub(crate) async fn scan<B: Send>(
    site: &SiteState,
    outcomes: &Outcomes,
    query: &CandidateQuery,
    limit: usize,
    mut visit: impl FnMut(u64, &[Hit]) -> ControlFlow<B> + Send,
) -> Result<(), ScanEnd<B>> {
    // Visits and strictly adjacent steps depend on the events in between.
    let keeps_others =
        query.unit == Unit::Session || query.include_others || query.conditions.is_empty();
    let wanted = |kind: &EventKind| {
        let bits = bits(query, kind, outcomes);
        let is_wanted = counts(query.bots, kind.is_bot) && (keeps_others || bits != 0);
        is_wanted.then_some(bits)
    };
    let until = query.until.map_or(i64::MAX, Timestamp::as_millis);
    let mut people = People::open(site, (query.from.as_millis(), until), wanted)?;
    let mut groups = HitGroups::new(query, limit);
    while let Some(person) = people.next()? {
        if person == NOBODY {
            continue;
        }
        for (at, conditions) in people.events() {
            let hit = Hit {
                at: Timestamp::from_millis(*at),
                conditions: *conditions,
                dimensions: Vec::new(),
            };
            groups.push(person, hit, &mut visit)?;
        }
        people.pause().await;
    }
    Ok(groups.finish(&mut visit)?)
}
