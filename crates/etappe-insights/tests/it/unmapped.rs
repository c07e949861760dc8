//! Names without a meaning or a stage.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::api::Api;
use crate::garden::event;
use crate::memory_store::{MemoryStore, StoredEvent};

#[tokio::test]
async fn an_unmapped_name_comes_with_its_likely_meaning() {
    let answer = Api::of_garden()
        .get("unmapped?from=2024-02-01&to=2024-03-01")
        .await
        .ok();
    assert_eq!(
        answer,
        json!({
            "unit": "actor",
            "timezone": "Europe/Amsterdam",
            "as_of": "2024-04-01T10:00:00.000Z",
            "from": "2024-01-31T23:00:00.000Z",
            "to": "2024-02-29T23:00:00.000Z",
            "model": null,
            "events": 3,
            "names": [{
                "name": "Garden newsletter joined",
                "kind": "track",
                "why": "not_understood",
                "milestone": null,
                "events": 3,
                "people": 2,
                "first_seen": "2024-02-11T18:30:00.000Z",
                "last_seen": "2024-02-21T18:30:00.000Z",
                "understood_now": false,
                "suggestion": {
                    "milestone": "subscribe",
                    "why": "the vocabulary does not know `garden`",
                    "vocabulary": "generic-en",
                    "rule": "subscribe",
                },
            }],
            "names_more": 0,
            "events_more": 0,
        })
    );
}

#[tokio::test]
async fn the_default_range_of_unmapped_names_is_the_last_thirty_days() {
    let answer = Api::of_garden().get("unmapped").await.ok();
    assert_eq!(answer["from"], "2024-03-02T23:00:00.000Z");
    assert_eq!(
        (&answer["names"], &answer["events"]),
        (&json!([]), &json!(0))
    );
}

#[tokio::test]
async fn names_beyond_the_limit_are_counted() {
    let names = ["One thing", "Another thing", "Another thing", "Third thing"];
    let events = names.map(|name| event("ida", "20T10:00:00", name));
    let api = Api::new(MemoryStore {
        events: events.into(),
        ..MemoryStore::default()
    });
    let answer = api.get("unmapped?limit=1").await.ok();
    assert_eq!(answer["names"].as_array().unwrap().len(), 1);
    assert_eq!(answer["names"][0]["name"], "Another thing");
    assert_eq!(answer["names"][0]["suggestion"], Value::Null);
    assert_eq!(
        (
            &answer["events"],
            &answer["names_more"],
            &answer["events_more"]
        ),
        (&json!(4), &json!(2), &json!(2))
    );
}

#[tokio::test]
async fn a_model_adds_the_names_without_a_stage() {
    let api = Api::of_garden();
    let march = "from=2024-03-01&to=2024-04-01";
    let answer = api
        .get(&format!("unmapped?{march}&model=aaarrr"))
        .await
        .ok();
    assert_eq!(answer["names"], json!([]));
    let answer = api.get(&format!("unmapped?{march}&model=store")).await.ok();
    assert_eq!(answer["model"], "store");
    let first = &answer["names"][0];
    assert_eq!(
        (&first["name"], &first["why"], &first["milestone"]),
        (
            &json!("Product Viewed"),
            &json!("no_stage"),
            &json!("content_view")
        )
    );
    assert_eq!(
        (&first["understood_now"], &first["suggestion"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(answer["names"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_name_that_has_gained_a_rule_says_so_without_a_suggestion() {
    let before_its_rule = StoredEvent {
        milestone: None,
        stages: Vec::new(),
        ..event("ida", "20T10:00:00", "Order Completed")
    };
    let api = Api::new(MemoryStore {
        events: vec![before_its_rule],
        ..MemoryStore::default()
    });
    let answer = api.get("unmapped").await.ok();
    let name = &answer["names"][0];
    assert_eq!(
        (&name["why"], &name["understood_now"], &name["suggestion"]),
        (&json!("not_understood"), &json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn names_are_available_as_csv_without_formulas() {
    let mut events = vec![event("ida", "20T10:00:00", "=evil()")];
    events.extend((0..2).map(|_| event("ida", "21T10:00:00", "purchase_failed")));
    let api = Api::new(MemoryStore {
        events,
        ..MemoryStore::default()
    });
    let path = "/v1/sites/demo/unmapped";
    let answer = api.send(Method::GET, path, Body::empty(), "text/csv").await;
    let lines: Vec<&str> = answer.text.split_terminator("\r\n").collect();
    assert_eq!(
        lines,
        [
            "name,kind,why,milestone,events,people,first_seen,last_seen,understood_now,suggestion,suggestion_why",
            "purchase_failed,track,not_understood,,2,1,2024-03-21T10:00:00.000Z,2024-03-21T10:00:00.000Z,false,purchase,`failed` may say otherwise",
            "'=evil(),track,not_understood,,1,1,2024-03-20T10:00:00.000Z,2024-03-20T10:00:00.000Z,false,,",
        ]
    );
}

#[tokio::test]
async fn invalid_parameters_are_named() {
    let api = Api::of_garden();
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("model=aarr", "model"),
        ("kind=identify", "kind"),
        ("bots=maybe", "bots"),
        ("unit=session", "unit"),
        ("from=soon", "from"),
        ("since=2024-01-01", "since"),
    ] {
        let problem = api.get(&format!("unmapped?{query}")).await.problem(422);
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{query}");
    }
    let problem = api.get("unmapped?kind=pages").await.problem(422);
    assert_eq!(
        problem["errors"][0]["detail"],
        "expected one of track, page, screen (did you mean `page`?)"
    );
}
