//! What people do around events of a name, and events that came late, compared with a brute force over random journeys.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use etappe_core::kpi::KpiScope;
use etappe_core::milestone::Milestone;
use etappe_core::ports::JourneyStore;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde::Deserialize;

use crate::brute::counted;
use crate::engine::TestWarehouse;
use crate::fixture::{DAY, TestEvent, all_time, scope, store};
use crate::random::{START, journeys, seed};

const HOUR: i64 = DAY / 24;

/// A row of the view `name_neighbours`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Row {
    side: String,
    neighbour: String,
    means: String,
    times: u64,
    people: u64,
}

fn scope_of(bots: Bots) -> KpiScope {
    KpiScope {
        bots,
        ..scope(all_time())
    }
}

fn instant(name: &'static str, at: i64) -> (&'static str, ViewParameter) {
    (name, ViewParameter::Instant(Timestamp::from_millis(at)))
}

/// The slow and obvious way.
fn expected(events: &[TestEvent], name: &str, bots: Bots, range: (i64, i64)) -> Vec<Row> {
    let scope = scope_of(bots);
    let mut lives: BTreeMap<&str, Vec<&TestEvent>> = BTreeMap::new();
    for event in counted(events, &scope) {
        lives.entry(event.actor()).or_default().push(event);
    }
    let (mut times, mut people) = (0, 0);
    let mut found: BTreeMap<(&str, &str, &str), (u64, BTreeSet<&str>)> = BTreeMap::new();
    for (actor, life) in &mut lives {
        life.sort_by_key(|event| (event.at, event.partition, event.offset));
        let own = life
            .iter()
            .enumerate()
            .filter(|(_, event)| event.name == name && (range.0..range.1).contains(&event.at));
        let own: Vec<_> = own.collect();
        times += own.len() as u64;
        if actor.is_empty() {
            continue;
        }
        people += u64::from(!own.is_empty());
        for (index, event) in own {
            let before = index.checked_sub(1).map(|before| life[before]);
            for (side, other) in [("before", before), ("after", life.get(index + 1).copied())] {
                let Some(other) = other.filter(|other| other.name != name) else {
                    continue;
                };
                if (other.at - event.at).abs() <= DAY {
                    let means = other.milestone.map_or("", Milestone::as_str);
                    let entry = found.entry((side, &other.name, means)).or_default();
                    entry.0 += 1;
                    entry.1.insert(actor);
                }
            }
        }
    }
    let mut rows = vec![Row {
        side: String::new(),
        neighbour: String::new(),
        means: String::new(),
        times,
        people,
    }];
    for wanted in ["after", "before"] {
        let side = found.iter().filter(|((side, ..), _)| *side == wanted);
        let mut side: Vec<Row> = side
            .map(|((side, neighbour, means), (times, people))| Row {
                side: (*side).to_owned(),
                neighbour: (*neighbour).to_owned(),
                means: (*means).to_owned(),
                times: *times,
                people: people.len() as u64,
            })
            .collect();
        side.sort_by_key(|row| Reverse(row.times));
        side.truncate(5);
        rows.extend(side);
    }
    rows.sort();
    rows
}

#[tokio::test]
async fn neighbours_equal_those_found_by_hand() {
    let test = TestWarehouse::new().await;
    let mut events = journeys(seed(), 2_000);
    let unknown = events.iter_mut().filter(|event| event.milestone.is_none());
    for (number, event) in unknown.enumerate() {
        event.name = format!("Thing {}", number % 3);
    }
    let events = store(&test.warehouse, events).await;
    let ranges = [
        (START, START + 400 * DAY),
        (START + 5 * DAY, START + 20 * DAY),
    ];
    let mut neighbours = 0;
    for (range, bots) in ranges
        .into_iter()
        .flat_map(|range| [Bots::Exclude, Bots::Include, Bots::Only].map(|bots| (range, bots)))
    {
        for name in ["Thing 0", "Thing 1", "purchase", "nothing"] {
            let query = ViewQuery {
                view: "name_neighbours",
                site: scope_of(bots).site,
                parameters: vec![
                    ("bots", ViewParameter::Bots(bots)),
                    ("name", ViewParameter::Text(name.to_owned())),
                    instant("from", range.0),
                    instant("to", range.1),
                ],
            };
            let mut found: Vec<Row> = test.warehouse.view_rows(&query).await.unwrap();
            found.sort();
            neighbours += found.len() - 1;
            assert_eq!(
                found,
                expected(&events, name, bots, range),
                "{name} {bots:?}"
            );
        }
    }
    assert!(neighbours > 20, "the journeys have hardly any neighbours");
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Late {
    events: u64,
    people: u64,
}

#[tokio::test]
async fn events_that_came_late_are_those_found_by_hand() {
    let test = TestWarehouse::new().await;
    let mut events = journeys(seed(), 900);
    for (number, event) in (0..).zip(&mut events) {
        event.received = event.at + [0, HOUR, HOUR + 1, 3 * DAY][number % 4];
        // A fifth are history that was brought along when the site began.
        if number % 5 == 0 {
            event.received = event.received.max(START + 4 * DAY);
        }
        event.received = event.received.max(START + 3 * DAY);
    }
    let events = store(&test.warehouse, events).await;
    let begun = events.iter().map(|event| event.received).min().unwrap();
    let mut all = 0;
    for since in [
        START + 3 * DAY,
        START + 5 * DAY,
        START + 15 * DAY,
        START + 30 * DAY,
    ] {
        for bots in [Bots::Exclude, Bots::Include] {
            let query = ViewQuery {
                view: "late_events",
                site: scope_of(bots).site,
                parameters: vec![("bots", ViewParameter::Bots(bots)), instant("since", since)],
            };
            let found: Vec<Late> = test.warehouse.view_rows(&query).await.unwrap();
            let scope = scope_of(bots);
            let late = counted(&events, &scope).into_iter().filter(|event| {
                let is_history = event.at < begun;
                event.received >= since
                    && event.at < since
                    && event.received > event.at + HOUR
                    && !is_history
            });
            let late: Vec<&TestEvent> = late.collect();
            let people: BTreeSet<&str> = late.iter().map(|event| event.actor()).collect();
            let expected = Late {
                events: late.len() as u64,
                people: people.into_iter().filter(|actor| !actor.is_empty()).count() as u64,
            };
            all += expected.events;
            assert_eq!(found, [expected], "{since} {bots:?}");
        }
    }
    assert!(all > 0, "nothing came late");
}
