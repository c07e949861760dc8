//! Names without a meaning or a stage, compared with a brute force over random journeys.

use std::collections::{BTreeMap, BTreeSet};

use etappe_core::event::EventKind;
use etappe_core::journey::KnownFigures;
use etappe_core::milestone::Milestone;
use etappe_core::ports::JourneyStore;
use etappe_core::query::{Bots, TimeRange};
use etappe_core::time::Timestamp;
use etappe_core::unmapped::{UnmappedName, UnmappedNames, UnmappedQuery, WhyUnmapped};

use crate::brute;
use crate::engine::TestWarehouse;
use crate::fixture::{DAY, MODEL, TestEvent, all_time, range, scope, stage_of, store};
use crate::random::{START, journeys, seed};

fn query(range: TimeRange) -> UnmappedQuery {
    UnmappedQuery {
        site: scope(all_time()).site,
        range,
        bots: Bots::Exclude,
        kind: None,
        model: None,
        limit: 100,
    }
}

/// Random journeys with unknown names, some of which a rule marks as not a step.
fn events(seed: u64) -> Vec<TestEvent> {
    let mut events = journeys(seed, 3_000);
    let unknown = events.iter_mut().filter(|event| event.milestone.is_none());
    for (number, event) in unknown.enumerate() {
        event.name = format!("Thing {}", number % 13);
        event.is_no_step = number % 13 < 3;
    }
    events
}

/// Why an event is unmapped, if it is.
fn why(event: &TestEvent, model: Option<&str>) -> Option<WhyUnmapped> {
    if event.milestone.is_none() {
        return (!event.is_no_step).then_some(WhyUnmapped::NotUnderstood);
    }
    // The other model has no stage for any event.
    let has_stage = model? == MODEL && stage_of(event.milestone) > 0;
    (!has_stage).then_some(WhyUnmapped::NoStage)
}

/// The slow and obvious way.
fn expected(all: &[TestEvent], query: &UnmappedQuery) -> UnmappedNames {
    let mut scope = scope(query.range);
    scope.bots = query.bots;
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&TestEvent>> = BTreeMap::new();
    for event in brute::counted(all, &scope) {
        let at = Timestamp::from_millis(event.at);
        let is_asked_for = query.kind.is_none_or(|kind| kind == event.kind)
            && query.range.from <= at
            && at < query.range.to
            && why(event, query.model.as_deref()).is_some();
        if is_asked_for {
            let milestone = event.milestone.map_or("", Milestone::as_str);
            let key = (event.name.as_str(), event.kind.as_str(), milestone);
            groups.entry(key).or_default().push(event);
        }
    }
    let mut names: Vec<UnmappedName> = groups
        .into_values()
        .map(|events| name_of(&events, query))
        .collect();
    // A stable sort: equally frequent names stay in key order.
    names.sort_by_key(|name| std::cmp::Reverse(name.events));
    let all_names = names.len() as u64;
    let all_events = names.iter().map(|name| name.events).sum();
    names.truncate(query.limit);
    UnmappedNames {
        names,
        all_names,
        all_events,
    }
}

/// Describes events of one name, kind and milestone, which are in order of time.
fn name_of(events: &[&TestEvent], query: &UnmappedQuery) -> UnmappedName {
    let people: BTreeSet<&str> = events
        .iter()
        .map(|event| event.actor())
        .filter(|actor| !actor.is_empty())
        .collect();
    let (first, last) = (events[0], events[events.len() - 1]);
    UnmappedName {
        name: first.name.clone(),
        kind: first.kind,
        why: why(first, query.model.as_deref()).unwrap(),
        milestone: first.milestone,
        events: events.len() as u64,
        people: people.len() as u64,
        first_seen: Timestamp::from_millis(first.at),
        last_seen: Timestamp::from_millis(last.at),
    }
}

#[tokio::test]
async fn unmapped_names_equal_a_count_by_hand() {
    let test = TestWarehouse::new().await;
    let events = store(&test.warehouse, events(seed())).await;
    let some_weeks = range(START + 20 * DAY, START + 50 * DAY + 1234);
    for range in [all_time(), some_weeks, range(START, START)] {
        for model in [None, Some(MODEL), Some("other"), Some("of nobody")] {
            for (bots, kind, limit) in [
                (Bots::Exclude, None, 100),
                (Bots::Exclude, None, 4),
                (Bots::Include, Some(EventKind::Track), 1),
                (Bots::Only, Some(EventKind::Page), 100),
            ] {
                let query = UnmappedQuery {
                    bots,
                    kind,
                    model: model.map(str::to_owned),
                    limit,
                    ..query(range)
                };
                let found = test.warehouse.unmapped_names(&query).await.unwrap();
                assert_eq!(found, expected(&events, &query), "{query:?}");
            }
        }
    }
    let found = test.warehouse.unmapped_names(&query(all_time())).await;
    assert!(found.unwrap().all_names > 5);
}

#[tokio::test]
async fn unmapped_names_and_events_ruled_no_step_add_up_to_the_unmapped_share() {
    let test = TestWarehouse::new().await;
    let events = store(&test.warehouse, events(seed())).await;
    let scope = scope(all_time());
    let query = UnmappedQuery {
        model: Some(MODEL.to_owned()),
        ..query(all_time())
    };
    let found = test.warehouse.unmapped_names(&query).await.unwrap();
    let counted = brute::counted(&events, &scope);
    let no_step = counted.iter().filter(|event| event.is_no_step).count() as u64;
    let figures = test
        .warehouse
        .kpi_figures(&scope, KnownFigures::default())
        .await
        .unwrap();
    assert_eq!(found.all_events + no_step, figures.unmapped_events);
    assert!(no_step > 0);
}

#[tokio::test]
async fn a_name_with_and_without_a_meaning_is_listed_for_both() {
    let test = TestWarehouse::new().await;
    let of = |milestone, is_no_step| TestEvent {
        name: "Form Sent".to_owned(),
        is_no_step,
        ..TestEvent::of("u1", START, milestone)
    };
    let sent = vec![
        of(None, false),
        of(None, false),
        of(None, true),
        of(Some(Milestone::Lead), false),
        of(Some(Milestone::Visit), false),
    ];
    store(&test.warehouse, sent).await;
    let query = UnmappedQuery {
        model: Some(MODEL.to_owned()),
        ..query(all_time())
    };
    let found = test.warehouse.unmapped_names(&query).await.unwrap();
    let listed: Vec<_> = found
        .names
        .iter()
        .map(|name| (name.name.as_str(), name.why, name.milestone, name.events))
        .collect();
    assert_eq!(
        listed,
        [
            ("Form Sent", WhyUnmapped::NotUnderstood, None, 2),
            ("Form Sent", WhyUnmapped::NoStage, Some(Milestone::Lead), 1),
        ]
    );
}
