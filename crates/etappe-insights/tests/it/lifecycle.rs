//! People who are new, come back and stay away.

use std::collections::{BTreeMap, BTreeSet};

use etappe_core::query::{ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde_json::{Value, json};

use crate::api::Api;
use crate::garden::{at, event};
use crate::memory_store::{MemoryStore, StoredEvent};

/// Returns the rows of the view, from the definitions of the four words.
pub(crate) fn rows(store: &MemoryStore, query: &ViewQuery) -> Vec<Value> {
    let (mut bots, mut starts) = (None, None);
    for (name, value) in &query.parameters {
        match (*name, value) {
            ("bots", ViewParameter::Bots(value)) => bots = Some(*value),
            ("starts", ViewParameter::Instants(value)) => starts = Some(value),
            other => panic!("an unexpected parameter: {other:?}"),
        }
    }
    let starts: &[Timestamp] = starts.unwrap();
    let mut seen: BTreeMap<&str, BTreeSet<Timestamp>> = BTreeMap::new();
    for (_, event) in store.matching(&query.site, bots.unwrap()) {
        seen.entry(&event.actor).or_default().insert(event.at);
    }
    let mut rows = Vec::new();
    for (period, bounds) in starts.windows(3).enumerate() {
        let mut counts = [0; 4];
        for times in seen.values() {
            let is_active = times.range(bounds[1]..bounds[2]).next().is_some();
            let was_active = times.range(bounds[0]..bounds[1]).next().is_some();
            let was_seen = times.first().is_some_and(|first| *first < bounds[1]);
            let place = match (is_active, was_active, was_seen) {
                (true, _, false) => 0,
                (true, true, true) => 1,
                (true, false, true) => 2,
                (false, true, _) => 3,
                (false, false, _) => continue,
            };
            counts[place] += 1;
        }
        let [new, returning, resurrecting, dormant] = counts;
        rows.push(json!({
            "period": period, "new_actors": new, "returning": returning,
            "resurrecting": resurrecting, "dormant": dormant,
        }));
    }
    // The store promises no order.
    rows.reverse();
    rows
}

async fn ask(api: &Api, question: Value) -> Value {
    let path = "/v1/sites/demo/lifecycle";
    let method = axum::http::Method::POST;
    api.send(method, path, question.to_string(), "*/*")
        .await
        .ok()
}

async fn problem(api: &Api, question: Value) -> String {
    let path = "/v1/sites/demo/lifecycle";
    let method = axum::http::Method::POST;
    let answer = api.send(method, path, question.to_string(), "*/*").await;
    answer.problem(422)["errors"].to_string()
}

#[tokio::test]
async fn each_person_is_new_once_and_then_returning_resurrecting_or_dormant() {
    let visits = ["04", "05", "07", "08"];
    let visits = visits.map(|day| event("ann", &format!("{day}T10:00:00"), "Home Viewed"));
    let api = Api::new(MemoryStore {
        events: visits.to_vec(),
        ..MemoryStore::default()
    });
    let answer = ask(&api, json!({"from": "2024-03-04", "to": "2024-03-10"})).await;
    let periods = answer["periods"].as_array().unwrap();
    let counts: Vec<_> = periods
        .iter()
        .map(|period| {
            let count = |name: &str| period[name].as_i64().unwrap();
            [
                count("new"),
                count("returning"),
                count("resurrecting"),
                count("dormant"),
            ]
        })
        .collect();
    let expected = [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 0, -1],
        [0, 0, 1, 0],
        [0, 1, 0, 0],
        [0, 0, 0, -1],
    ];
    assert_eq!(counts, expected);
    assert_eq!(periods[0]["start"], "2024-03-04");
}

#[tokio::test]
async fn the_range_is_widened_to_whole_periods() {
    let api = Api::of_garden();
    let cases = [
        (
            json!({"period": "week"}),
            "2024-03-03T23:00:00.000Z",
            "2024-03-17T23:00:00.000Z",
        ),
        (
            json!({"period": "week", "week_start": "sunday"}),
            "2024-03-02T23:00:00.000Z",
            "2024-03-16T23:00:00.000Z",
        ),
        (
            json!({"period": "month"}),
            "2024-02-29T23:00:00.000Z",
            "2024-03-31T22:00:00.000Z",
        ),
        (
            json!({"period": "day"}),
            "2024-03-05T23:00:00.000Z",
            "2024-03-13T23:00:00.000Z",
        ),
        (
            json!({}),
            "2024-03-05T23:00:00.000Z",
            "2024-03-13T23:00:00.000Z",
        ),
    ];
    for (mut question, from, to) in cases {
        question["from"] = json!("2024-03-06");
        question["to"] = json!("2024-03-13T08:00");
        let answer = ask(&api, question.clone()).await;
        assert_eq!(
            (&answer["from"], &answer["to"]),
            (&json!(from), &json!(to)),
            "{question}"
        );
    }
}

#[tokio::test]
async fn nobody_is_dormant_before_the_period_has_ended() {
    let api = Api::of_garden();
    let question = json!({"from": "2024-03-01", "to": "2024-05-01", "period": "month"});
    // The watermark is at noon of 1 April.
    let answer = ask(&api, question).await;
    let periods = &answer["periods"];
    assert_eq!(
        periods[0],
        json!({"start": "2024-03-01", "new": 5, "returning": 1, "resurrecting": 0, "dormant": -1})
    );
    assert_eq!(
        periods[1],
        json!({"start": "2024-04-01", "new": 0, "returning": 0, "resurrecting": 0, "dormant": null})
    );
}

#[tokio::test]
async fn a_site_without_events_has_periods_of_zero() {
    let api = Api::new(MemoryStore::default());
    let answer = ask(&api, json!({"from": "2024-03-01", "to": "2024-03-03"})).await;
    let zero = |day: &str| json!({"start": day, "new": 0, "returning": 0, "resurrecting": 0, "dormant": 0});
    assert_eq!(
        answer["periods"],
        json!([zero("2024-03-01"), zero("2024-03-02")])
    );
    let empty = ask(&api, json!({"from": "2024-03-01", "to": "2024-03-01"})).await;
    assert_eq!(empty["periods"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_lifecycle_question_that_makes_no_sense_is_refused() {
    let api = Api::of_garden();
    let cases = [
        (json!({"period": "weekly"}), "did you mean `week`?"),
        (
            json!({"week_start": "friday"}),
            "expected one of monday, sunday",
        ),
        (json!({"unit": "session"}), "only `actor` is supported"),
        (
            json!({"from": "1970-01-01", "to": "2100-01-01"}),
            "more than 1000 periods",
        ),
        (json!({"model": "aaarrr"}), "is not a known field"),
    ];
    for (question, expected) in cases {
        let problem = problem(&api, question).await;
        assert!(problem.contains(expected), "{problem}");
    }
    let wide = json!({"from": "1970-01-01", "to": "2053-01-01", "period": "month"});
    assert_eq!(
        ask(&api, wide).await["periods"].as_array().unwrap().len(),
        996
    );
}

#[tokio::test]
async fn events_before_the_range_make_people_known() {
    let early = StoredEvent {
        at: at("2023-01-01T00:00:00Z"),
        ..event("ann", "01T00:00:00", "Home Viewed")
    };
    let store = MemoryStore {
        events: vec![early, event("ann", "04T10:00:00", "Home Viewed")],
        ..MemoryStore::default()
    };
    let answer = ask(
        &Api::new(store),
        json!({"from": "2024-03-04", "to": "2024-03-05"}),
    )
    .await;
    let period = &answer["periods"][0];
    assert_eq!(
        (&period["new"], &period["resurrecting"]),
        (&json!(0), &json!(1))
    );
}
