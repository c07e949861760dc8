//! What arrived lately, compared with a brute force over random journeys.

use std::collections::BTreeSet;

use etappe_core::event::EventKind;
use etappe_core::ports::JourneyStore;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde_json::Value;

use crate::engine::TestWarehouse;
use crate::fixture::{STAGES, TestEvent, all_time, scope, stage_of, store};
use crate::random::{journeys, seed};

/// When the first of the events arrived; one a second follows.
const ARRIVED: i64 = 1_730_000_000_000;

async fn rows(test: &TestWarehouse, view: &'static str, bots: Bots, since: i64) -> Vec<Value> {
    let query = ViewQuery {
        view,
        site: scope(all_time()).site,
        parameters: vec![
            ("bots", ViewParameter::Bots(bots)),
            (
                "since",
                ViewParameter::Instant(Timestamp::from_millis(since)),
            ),
        ],
    };
    test.warehouse.view_rows(&query).await.unwrap()
}

/// Returns the events that arrived since an instant, newest first.
fn arrived(events: &[TestEvent], bots: Bots, since: i64) -> Vec<&TestEvent> {
    let arrived = events.iter().rev().filter(|event| {
        let is_event = matches!(
            event.kind,
            EventKind::Track | EventKind::Page | EventKind::Screen
        );
        let is_wanted = match bots {
            Bots::Exclude => event.bot.is_empty(),
            Bots::Include => true,
            Bots::Only => !event.bot.is_empty(),
        };
        event.site == "demo" && !event.duplicate && event.received >= since && is_event && is_wanted
    });
    arrived.collect()
}

fn stage_in<'a>(row: &'a Value, model: &str) -> &'a str {
    let stages = row["stages"].as_array().unwrap();
    let stage = stages.iter().find(|stage| stage["model"] == model);
    stage.unwrap()["stage"].as_str().unwrap()
}

#[tokio::test]
async fn what_arrived_lately_equals_a_list_by_hand() {
    let test = TestWarehouse::new().await;
    let mut events = journeys(seed(), 600);
    for (second, event) in (0..).zip(&mut events) {
        event.received = ARRIVED + second * 1_000;
        if second % 3 == 0 {
            event.at = event.received - 500;
        }
    }
    events[590].properties = format!(r#"{{"long":"{}"}}"#, "x".repeat(9_000));
    events[590].duplicate = false;
    let events = store(&test.warehouse, events).await;
    for since in [
        ARRIVED,
        ARRIVED + 300_500,
        ARRIVED + 580_000,
        ARRIVED + 600_000,
    ] {
        for bots in [Bots::Exclude, Bots::Include, Bots::Only] {
            let expected = arrived(&events, bots, since);
            let recent = expected.iter().filter(|event| event.at >= since);
            let people: BTreeSet<&str> = recent.map(|event| event.actor()).collect();
            let people = people.into_iter().filter(|actor| !actor.is_empty()).count();
            let found = rows(&test, "live_people", bots, since).await;
            assert_eq!(found[0]["people"], people, "{bots:?} {since}");
            let found = rows(&test, "live_events", bots, since).await;
            assert_eq!(found.len(), expected.len().min(50), "{bots:?} {since}");
            for (row, event) in found.iter().zip(expected) {
                assert_eq!(row["message_id"], event.message_id.as_str());
                assert_eq!(row["actor"], event.actor());
                assert_eq!(row["event_name"], event.name.as_str());
                assert_eq!(row["event_kind"], event.kind.as_str());
                assert_eq!(row["happened_at"], event.at);
                assert_eq!(row["arrived_at"], event.received);
                assert_eq!(row["sent_by"], event.bot.as_str());
                let milestone = event.milestone.map_or("", |milestone| milestone.as_str());
                assert_eq!(row["reached_milestone"], milestone);
                let stage = stage_of(event.milestone);
                let stage = stage.checked_sub(1).map_or("", |place| STAGES[place]);
                assert_eq!(stage_in(row, "aaarrr"), stage);
                assert_eq!(stage_in(row, "other"), "");
                let is_long = event.properties.len() > 8_192;
                let shown = if is_long { "" } else { &event.properties };
                assert_eq!(row["short_properties"], shown);
            }
        }
    }
}
