//! The events of one person, in pages.

use serde_json::{Value, json};

use crate::api::Api;
use crate::garden::event;
use crate::memory_store::{MemoryStore, StoredEvent};

#[tokio::test]
async fn an_actors_page_lists_every_event_and_why_it_has_its_stage() {
    let answer = Api::of_garden().get("actors/anna").await.ok();
    assert_eq!(answer["actor"], "anna");
    assert_eq!(answer["ids"], json!(["anna"]));
    assert_eq!(
        answer["stages"],
        json!({"aaarrr": {"stage": "revenue", "since": "2024-03-02T10:00:00.000Z"}})
    );
    assert_eq!(answer["next"], Value::Null);
    assert_eq!(answer["events"].as_array().unwrap().len(), 4);
    assert_eq!(
        answer["events"][2],
        json!({
            "message_id": "m2",
            "event": "Signed Up",
            "timestamp": "2024-03-01T10:20:00.000Z",
            "milestone": "signup",
            "stages": {"aaarrr": {"stage": "activation", "rule": "activation-1", "version": "v1"}},
            "properties": {},
        })
    );
    assert_eq!(
        answer["events"][3]["properties"],
        json!({"order_id": "o1", "items": 2})
    );
}

#[tokio::test]
async fn pages_show_every_event_once() {
    let events = (0..25).map(|index| {
        event(
            "ida",
            ["02T10:00:00", "02T10:00:01"][index % 2],
            "Home Viewed",
        )
    });
    let api = Api::new(MemoryStore {
        events: events.collect(),
        ..MemoryStore::default()
    });
    let mut seen = Vec::new();
    let mut path = "actors/ida?limit=4".to_owned();
    loop {
        let page = api.get(&path).await.ok();
        let ids = page["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["message_id"].to_string());
        seen.extend(ids);
        let Some(next) = page["next"].as_str() else {
            break;
        };
        assert!(
            next.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'),
            "{next}"
        );
        path = format!("actors/ida?limit=4&cursor={next}");
    }
    assert_eq!(seen.len(), 25);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 25);
}

#[tokio::test]
async fn a_page_is_bounded_in_bytes_and_loses_no_event() {
    let note = "x".repeat(100_000);
    let events = (0..25).map(|number| StoredEvent {
        properties: json!({ "note": note, "number": number }),
        ..event("ida", "02T10:00:00", "Home Viewed")
    });
    let api = Api::new(MemoryStore {
        events: events.collect(),
        ..MemoryStore::default()
    });
    let mut pages = Vec::new();
    let mut path = "actors/ida?limit=1000".to_owned();
    loop {
        let answer = api.get(&path).await;
        assert!(answer.text.len() < 1_100_000, "{}", answer.text.len());
        let page = answer.ok();
        let events = page["events"].as_array().unwrap().clone();
        pages.push(events.len());
        if let Some(next) = page["next"].as_str() {
            path = format!("actors/ida?limit=1000&cursor={next}");
        } else {
            assert_eq!(events[4]["properties"]["number"], 24);
            break;
        }
    }
    assert_eq!(pages, [10, 10, 5]);
}

#[tokio::test]
async fn ids_are_percent_decoded() {
    let id = "a/b c%é+";
    let api = Api::new(MemoryStore {
        events: vec![event(id, "02T10:00:00", "Home Viewed")],
        ..MemoryStore::default()
    });
    let answer = api.get("actors/a%2Fb%20c%25%C3%A9+").await.ok();
    assert_eq!(answer["actor"], id);
}

#[tokio::test]
async fn an_unknown_id_is_404() {
    let problem = Api::of_garden().get("actors/nobody").await.problem(404);
    assert_eq!(problem["detail"], "no actor has the id `nobody`");
    // Not even if an actor of another site has it.
    Api::of_garden().get("actors/olga").await.problem(404);
}

#[tokio::test]
async fn an_id_that_is_not_utf_8_is_refused() {
    Api::of_garden().get("actors/%ff%fe").await.problem(400);
}

#[tokio::test]
async fn invalid_parameters_are_named() {
    let api = Api::of_garden();
    for (query, field) in [
        ("cursor=abc", "cursor"),
        ("cursor=%00", "cursor"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("limit=5&limit=6", "limit"),
        ("page=2", "page"),
    ] {
        let problem = api.get(&format!("actors/anna?{query}")).await.problem(422);
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1);
    }
}
