//! The neighbours of an event, and the changes that a meaning would make.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::Request;
use etappe_core::milestone::Milestone;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde_json::{Value, json};

use crate::api::{Api, TOKEN};
use crate::garden::event;
use crate::memory_store::{MemoryStore, StoredEvent};

const DAY: i64 = 86_400_000;

/// Returns the rows of the view `name_neighbours`.
pub(crate) fn rows(store: &MemoryStore, query: &ViewQuery) -> Vec<Value> {
    let (mut bots, mut name, mut from, mut to) = (Bots::Exclude, "", None, None);
    for parameter in &query.parameters {
        match parameter {
            ("bots", ViewParameter::Bots(value)) => bots = *value,
            ("name", ViewParameter::Text(value)) => name = value,
            ("from", ViewParameter::Instant(value)) => from = Some(*value),
            ("to", ViewParameter::Instant(value)) => to = Some(*value),
            other => panic!("an unexpected parameter: {other:?}"),
        }
    }
    let (from, to): (Timestamp, Timestamp) = (from.unwrap(), to.unwrap());
    let mut lives: BTreeMap<&str, Vec<&StoredEvent>> = BTreeMap::new();
    for (_, event) in store.matching(&query.site, bots) {
        lives.entry(&event.actor).or_default().push(event);
    }
    let (mut times, mut people) = (0, BTreeSet::new());
    let mut found: BTreeMap<(&str, &str, &str), (u64, BTreeSet<&str>)> = BTreeMap::new();
    for (actor, life) in &mut lives {
        life.sort_by_key(|event| event.at);
        for (index, event) in life.iter().enumerate() {
            if event.name != name || event.at < from || event.at >= to {
                continue;
            }
            times += 1;
            people.insert(*actor);
            let before = index.checked_sub(1).map(|before| life[before]);
            for (side, neighbour) in [("before", before), ("after", life.get(index + 1).copied())] {
                let near = neighbour.filter(|other| {
                    other.name != name && other.at.millis_since(event.at).abs() <= DAY
                });
                if let Some(near) = near {
                    let means = near.milestone.map_or("", Milestone::as_str);
                    let entry = found.entry((side, near.name, means)).or_default();
                    entry.0 += 1;
                    entry.1.insert(actor);
                }
            }
        }
    }
    let all =
        json!({ "side": "", "neighbour": "", "means": "", "times": times, "people": people.len() });
    let found = found
        .into_iter()
        .map(|((side, neighbour, means), (times, people))| {
            json!({
                "side": side, "neighbour": neighbour, "means": means, "times": times,
                "people": people.len(),
            })
        });
    std::iter::once(all).chain(found).collect()
}

fn store() -> MemoryStore {
    MemoryStore {
        events: vec![
            event("anna", "20T10:00:00", "Product Viewed"),
            event("anna", "20T10:01:00", "Seeds swapped"),
            event("anna", "20T10:02:00", "Seeds swapped"),
            event("anna", "20T10:03:00", "Order Completed"),
            event("bob", "20T10:00:00", "Product Viewed"),
            event("bob", "20T10:01:00", "Seeds swapped"),
            // More than a day later.
            event("bob", "22T10:00:00", "Signed Up"),
            event("carla", "21T10:00:00", "Seeds swapped"),
            event("carla", "21T11:00:00", "Pots painted"),
        ],
        ..MemoryStore::default()
    }
}

#[tokio::test]
async fn neighbours_are_what_the_same_people_did_right_before_and_after() {
    let answer = Api::new(store())
        .get("meaning?event=Seeds%20%20swapped")
        .await
        .ok();
    assert_eq!(
        (&answer["event"], &answer["events"], &answer["people"]),
        (&json!("Seeds swapped"), &json!(4), &json!(3))
    );
    assert_eq!(
        answer["before"],
        json!([{ "event": "Product Viewed", "milestone": "content_view", "count": 2, "people": 2 }])
    );
    assert_eq!(
        answer["after"],
        json!([
            { "event": "Order Completed", "milestone": "purchase", "count": 1, "people": 1 },
            { "event": "Pots painted", "milestone": null, "count": 1, "people": 1 },
        ])
    );
}

#[tokio::test]
async fn what_mostly_follows_a_step_is_suggested_to_be_the_next() {
    let journeys = (0..12).flat_map(|person| {
        let person = format!("p{person}");
        let milestone = match person.as_str() {
            "p7" => Milestone::Visit,
            _ => Milestone::CheckoutStart,
        };
        let before = StoredEvent {
            milestone: Some(milestone),
            ..event(&person, "20T10:00:00", "Afrekenen")
        };
        [
            before,
            event(&person, "20T10:01:00", "Lint gekozen"),
            event(&person, "20T10:02:00", "Order Completed"),
        ]
    });
    let api = Api::new(MemoryStore {
        events: journeys.collect(),
        ..MemoryStore::default()
    });
    let answer = api.get("meaning?event=Lint%20gekozen").await.ok();
    let expected = json!({
        "milestone": "checkout_progress", "follows": "checkout_start", "share": 11.0 / 12.0,
    });
    assert_eq!(answer["suggestion"], expected);
    let few = Api::new(store()).get("meaning?event=Seeds%20swapped").await;
    assert_eq!(few.ok()["suggestion"], Value::Null);
}

#[tokio::test]
async fn every_milestone_that_can_be_said_is_listed_with_its_stages() {
    let answer = Api::new(store())
        .get("meaning?event=Seeds%20swapped")
        .await
        .ok();
    let meanings = answer["meanings"].as_array().unwrap();
    let sayable = Milestone::ALL.iter().filter(|it| !it.needs_history());
    assert_eq!(meanings.len(), sayable.count());
    let one = Api::new(store())
        .get("meaning?event=Seeds%20swapped&milestone=purchase")
        .await
        .ok();
    assert_eq!(one["meanings"].as_array().unwrap().len(), 1);
    let meaning = &one["meanings"][0];
    assert_eq!(meaning["milestone"], "purchase");
    assert_eq!(
        (&meaning["stages"]["aaarrr"], &meaning["stages"]["store"]),
        (&json!("revenue"), &json!("verkoop"))
    );
    let exit = meanings
        .iter()
        .find(|it| it["milestone"] == "exit")
        .unwrap();
    assert_eq!(
        (&exit["stages"]["aaarrr"], &exit["stages"]["store"]),
        (&json!(null), &json!("uitstroom"))
    );
}

#[tokio::test]
async fn a_name_that_nobody_sent_has_no_neighbours() {
    let answer = Api::new(store()).get("meaning?event=Nothing").await.ok();
    assert_eq!(
        (
            &answer["events"],
            &answer["people"],
            &answer["before"],
            &answer["after"]
        ),
        (&json!(0), &json!(0), &json!([]), &json!([]))
    );
}

#[tokio::test]
async fn a_question_without_a_name_says_what_to_change() {
    let api = Api::new(store());
    for (query, field) in [
        ("", "event"),
        ("event=%20", "event"),
        ("event=x&milestone=purchse", "milestone"),
        ("event=x&milestone=repeat_purchase", "milestone"),
        ("event=x&model=aaarrr", "model"),
        ("event=x&bots=some", "bots"),
    ] {
        let problem = api.get(&format!("meaning?{query}")).await.problem(422);
        assert_eq!(problem["errors"][0]["field"], field, "{query}: {problem}");
    }
}

#[tokio::test]
async fn suggestions_are_told_in_the_language_of_the_caller() {
    let api = Api::of_garden();
    for (language, expected) in [
        (
            "nl-NL,nl;q=0.9,en;q=0.8",
            "de woordenlijst kent `garden` niet",
        ),
        ("en-GB", "the vocabulary does not know `garden`"),
        ("fr", "the vocabulary does not know `garden`"),
    ] {
        let request = Request::builder()
            .uri("/v1/sites/demo/unmapped?from=2024-02-01&to=2024-03-01")
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("accept-language", language)
            .body(Body::empty())
            .unwrap();
        let answer = api.request(request).await.ok();
        assert_eq!(
            answer["names"][0]["suggestion"]["why"], expected,
            "{language}"
        );
    }
}
