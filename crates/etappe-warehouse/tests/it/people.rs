//! Lists of people, compared with a brute force over random journeys.

use std::collections::BTreeMap;

use etappe_core::channel::Channel;
use etappe_core::id::ActorHash;
use etappe_core::kpi::KpiScope;
use etappe_core::milestone::Milestone;
use etappe_core::ports::JourneyStore;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::brute::counted;
use crate::engine::TestWarehouse;
use crate::fixture::{TestEvent, all_time, scope, store};
use crate::random::{journeys, seed};

/// A row of the view `people`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Person {
    last_actor: String,
    first_seen: i64,
    last_seen: i64,
    first_channel: String,
}

/// A row of the view `last_events`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct LastEvent {
    last_event: String,
    last_milestone: String,
    actors: u64,
    all_actors: u64,
}

async fn by_view<R: DeserializeOwned + Send>(
    test: &TestWarehouse,
    view: &'static str,
    scope: &KpiScope,
    people: &[&str],
) -> Vec<R> {
    let hashes = people.iter().map(|actor| ActorHash::of(actor).0).collect();
    let query = ViewQuery {
        view,
        site: scope.site.clone(),
        parameters: vec![
            ("bots", ViewParameter::Bots(scope.bots)),
            ("people", ViewParameter::Actors(hashes)),
        ],
    };
    test.warehouse.view_rows(&query).await.unwrap()
}

/// Returns the events of each person that count, in order.
fn lives<'a>(events: &'a [TestEvent], scope: &KpiScope) -> BTreeMap<&'a str, Vec<&'a TestEvent>> {
    let mut lives: BTreeMap<&str, Vec<&TestEvent>> = BTreeMap::new();
    for event in counted(events, scope) {
        if !event.actor().is_empty() {
            lives.entry(event.actor()).or_default().push(event);
        }
    }
    lives
}

#[tokio::test]
async fn lists_of_people_equal_lists_by_hand() {
    let test = TestWarehouse::new().await;
    let events = store(&test.warehouse, journeys(seed(), 1_500)).await;
    for bots in [Bots::Exclude, Bots::Include, Bots::Only] {
        let scope = KpiScope {
            bots,
            ..scope(all_time())
        };
        let lives = lives(&events, &scope);
        let everyone: Vec<&str> = lives.keys().copied().collect();
        let half: Vec<&str> = everyone.iter().copied().step_by(2).collect();
        for people in [everyone, half, vec!["nobody"]] {
            let lives = people
                .iter()
                .filter_map(|actor| Some((*actor, lives.get(actor)?)));
            let mut expected = Vec::new();
            let mut last_events: BTreeMap<(&str, &str), u64> = BTreeMap::new();
            for (actor, life) in lives {
                let (first, last) = (life[0], life[life.len() - 1]);
                expected.push(Person {
                    last_actor: actor.to_owned(),
                    first_seen: first.at,
                    last_seen: last.at,
                    first_channel: Channel::Email.as_str().to_owned(),
                });
                let means = last.milestone.map_or("", Milestone::as_str);
                *last_events.entry((&last.name, means)).or_default() += 1;
            }
            let mut found: Vec<Person> = by_view(&test, "people", &scope, &people).await;
            found.sort();
            assert_eq!(found, expected, "{bots:?}");
            let all_actors = last_events.values().sum();
            let mut expected: Vec<LastEvent> = last_events
                .into_iter()
                .map(|((name, means), actors)| LastEvent {
                    last_event: name.to_owned(),
                    last_milestone: means.to_owned(),
                    actors,
                    all_actors,
                })
                .collect();
            // They came in the order of their names, which stays among equals.
            expected.sort_by_key(|row| std::cmp::Reverse(row.actors));
            expected.truncate(5);
            let found: Vec<LastEvent> = by_view(&test, "last_events", &scope, &people).await;
            assert_eq!(found, expected, "{bots:?}");
        }
    }
}
