//! Finding people.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Method;
use etappe_core::id::ActorHash;
use etappe_core::query::{ViewParameter, ViewQuery};
use serde_json::{Value, json};

use crate::api::Api;
use crate::memory_store::MemoryStore;

/// Returns the rows of the view `found_people`, as far as ids go.
pub(crate) fn rows(store: &MemoryStore, query: &ViewQuery) -> Vec<Value> {
    let (mut bots, mut text) = (None, None);
    for (name, value) in &query.parameters {
        match (*name, value) {
            ("bots", ViewParameter::Bots(value)) => bots = Some(*value),
            ("text", ViewParameter::Text(value)) => text = Some(value),
            other => panic!("an unexpected parameter: {other:?}"),
        }
    }
    let text = text.unwrap();
    let mut found = BTreeMap::new();
    for (_, event) in store.matching(&query.site, bots.unwrap()) {
        if event.actor.starts_with(text) {
            let closeness = if event.actor == *text { 0 } else { 2 };
            found.insert(ActorHash::of(&event.actor).0, closeness);
        }
    }
    let rows = found.into_iter();
    rows.map(|(hash, closeness)| json!({ "actor_hash": hash, "closeness": closeness }))
        .collect()
}

fn actors(answer: &Value) -> Vec<&str> {
    let people = answer["people"].as_array().unwrap().iter();
    people
        .map(|person| person["actor"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn people_are_found_with_what_a_list_shows() {
    let api = Api::of_garden();
    let answer = api.get("actors?q=bob").await.ok();
    assert_eq!(answer["more"], false);
    assert_eq!(
        answer["people"],
        json!([{
            "actor": "bob", "name": "Bob Boom", "email_hint": "b…@example.com",
            "channel": "Email", "device": null, "country": null,
            "first_seen": "2024-03-05T09:00:00.000Z", "last_seen": "2024-03-05T09:30:00.000Z",
        }])
    );
    assert_eq!(actors(&api.get("actors?q=%20anna%20").await.ok()), ["anna"]);
    let nobody = api.get("actors?q=nobody").await.ok();
    assert_eq!(nobody["people"], json!([]));
}

#[tokio::test]
async fn a_list_that_is_cut_says_so() {
    let mut store = MemoryStore::default();
    for number in 0..30 {
        let actor = format!("visitor-{number}");
        let event = crate::garden::event(&actor, "05T10:00", "Page Viewed");
        store.events.push(event);
    }
    let api = Api::new(store);
    let answer = api.get("actors?q=visitor").await.ok();
    assert_eq!(actors(&answer).len(), 20);
    assert_eq!(answer["more"], true);
    let answer = api.get("actors?q=visitor&limit=30").await.ok();
    assert_eq!(actors(&answer).len(), 30);
    assert_eq!(answer["more"], false);
    // Whoever has exactly this id comes first.
    let answer = api.get("actors?q=visitor-2&limit=1").await.ok();
    assert_eq!(actors(&answer), ["visitor-2"]);
}

#[tokio::test]
async fn a_search_without_a_text_is_refused() {
    let api = Api::of_garden();
    for path in ["actors", "actors?q=", "actors?q=%20"] {
        let problem = api.get(path).await.problem(422);
        assert_eq!(problem["errors"][0]["field"], "q", "{path}");
    }
    let long = format!("actors?q={}", "x".repeat(257));
    let problem = api.get(&long).await.problem(422);
    assert_eq!(
        problem["errors"][0]["detail"],
        "must have at most 256 characters"
    );
    let problem = api.get("actors?q=a&limit=101").await.problem(422);
    assert_eq!(problem["errors"][0]["field"], "limit");
}

#[tokio::test]
async fn other_methods_of_the_path_are_named() {
    let api = Api::of_garden();
    let path = "/v1/sites/demo/actors";
    let answer = api.send(Method::DELETE, path, Body::empty(), "*/*").await;
    answer.problem(405);
    assert_eq!(answer.header("allow"), "GET,HEAD,POST");
}
