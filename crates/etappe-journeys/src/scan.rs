//! Finds the events that a funnel asks for, person by person.

use std::ops::ControlFlow;

use etappe_core::query::{
    Bots, CandidateQuery, Hit, HitGroups, HitValues, Selector, Stopped, Unit,
};
use etappe_core::time::Timestamp;
use hashbrown::HashMap;

use crate::error::IndexError;
use crate::kind::EventKind;
use crate::outcomes::Outcomes;
use crate::people::{NOBODY, People, Split};
use crate::site::SiteState;
use crate::values::{DIMENSIONS, place_of};

/// So many combinations of values are kept to be shared.
const MOST_SHARED: usize = 10_000;

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
        && query.dimensions.len() <= DIMENSIONS
        && query
            .dimensions
            .iter()
            .all(|dimension| place_of(dimension).is_some())
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

/// Returns the places of the dimensions that a query asks for.
pub(crate) fn dimensions_of(query: &CandidateQuery) -> Vec<usize> {
    query.dimensions.iter().filter_map(place_of).collect()
}

/// What a scan wants to know of an event.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    /// The conditions that it meets.
    bits: u64,
    /// The ids of its values in the dimensions that the query asks for.
    values: [u32; DIMENSIONS],
}

impl Wanted {
    const fn of(bits: u64) -> Self {
        Self {
            bits,
            values: [0; DIMENSIONS],
        }
    }

    fn note(&mut self, dimension: usize, id: u32) {
        if let Some(value) = self.values.get_mut(dimension) {
            *value = id;
        }
    }
}

/// The values that were seen together, so that events share them.
struct KnownValues {
    dimensions: usize,
    /// Those of one dimension, by their id.
    single: Vec<Option<HitValues>>,
    by_ids: HashMap<[u32; DIMENSIONS], HitValues>,
}

impl KnownValues {
    fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            single: Vec::new(),
            by_ids: HashMap::new(),
        }
    }

    fn values(&mut self, people: &People<'_, Wanted>, ids: [u32; DIMENSIONS]) -> HitValues {
        match self.dimensions {
            0 => HitValues::default(),
            1 => self.single_value(people, ids),
            _ => self.several_values(people, ids),
        }
    }

    fn single_value(&mut self, people: &People<'_, Wanted>, ids: [u32; DIMENSIONS]) -> HitValues {
        let [id, ..] = ids;
        let place = usize::try_from(id).unwrap_or(usize::MAX);
        if let Some(Some(known)) = self.single.get(place) {
            return known.clone();
        }
        let values = spelled(people, &ids, 1);
        // A walk has not many more ids than a run has values.
        if self.single.len() <= place {
            self.single.resize(place + 1, None);
        }
        if let Some(known) = self.single.get_mut(place) {
            *known = Some(values.clone());
        }
        values
    }

    fn several_values(&mut self, people: &People<'_, Wanted>, ids: [u32; DIMENSIONS]) -> HitValues {
        if let Some(known) = self.by_ids.get(&ids) {
            return known.clone();
        }
        let values = spelled(people, &ids, self.dimensions);
        if self.by_ids.len() == MOST_SHARED {
            self.by_ids.clear();
        }
        self.by_ids.insert(ids, values.clone());
        values
    }
}

fn spelled(people: &People<'_, Wanted>, ids: &[u32], dimensions: usize) -> HitValues {
    let each = ids.iter().enumerate().take(dimensions);
    each.map(|(dimension, id)| people.value(dimension, *id).map(|value| value.to_string()))
        .collect()
}

/// Calls `visit` with the hits of every unit, as the port of stores demands. All runs must hold the
/// dimensions that the query asks for.
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
        is_wanted.then_some(Wanted::of(bits))
    };
    let until = query.until.map_or(i64::MAX, Timestamp::as_millis);
    let split = Split {
        dimensions: &dimensions_of(query),
        note: Wanted::note,
    };
    let times = (query.from.as_millis(), until);
    let mut people = People::open_split(site, times, wanted, &split)?;
    let mut groups = HitGroups::new(query, limit);
    let mut known = KnownValues::new(split.dimensions.len());
    while let Some(person) = people.next()? {
        if person == NOBODY {
            continue;
        }
        for (at, wanted) in people.events() {
            let hit = Hit {
                at: Timestamp::from_millis(*at),
                conditions: wanted.bits,
                dimensions: known.values(&people, wanted.values),
            };
            groups.push(person, hit, &mut visit)?;
        }
        people.pause().await;
    }
    Ok(groups.finish(&mut visit)?)
}
