//! The people behind a funnel's figures.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use etappe_core::id::ActorHash;
use etappe_core::milestone::Milestone;
use etappe_core::query::{ViewParameter, ViewQuery};
use serde_json::{Value, json};

use crate::api::Api;
use crate::garden::{at, event};
use crate::memory_store::{MemoryStore, StoredEvent};

const PATH: &str = "/v1/sites/demo/actors";

/// Returns the rows of the views `people`, `people_names` and `last_events`.
pub(crate) fn rows(store: &MemoryStore, query: &ViewQuery) -> Vec<Value> {
    if query.view == "people_names" {
        return vec![json!({
            "actor_hash": ActorHash::of("bob").0, "last_name": "Bob Boom",
            "last_email": "bob@example.com",
        })];
    }
    let (mut bots, mut people) = (None, None);
    for (name, value) in &query.parameters {
        match (*name, value) {
            ("bots", ViewParameter::Bots(value)) => bots = Some(*value),
            ("people", ViewParameter::Actors(value)) => people = Some(value),
            other => panic!("an unexpected parameter: {other:?}"),
        }
    }
    let people: BTreeSet<u64> = people.unwrap().iter().copied().collect();
    let mut lives: BTreeMap<u64, Vec<&StoredEvent>> = BTreeMap::new();
    for (_, event) in store.matching(&query.site, bots.unwrap()) {
        let actor = ActorHash::of(&event.actor).0;
        if people.contains(&actor) {
            lives.entry(actor).or_default().push(event);
        }
    }
    for life in lives.values_mut() {
        life.sort_by_key(|event| event.at);
    }
    if query.view == "people" {
        let person = |life: &Vec<&StoredEvent>| {
            let (first, last) = (life[0], life[life.len() - 1]);
            json!({
                "actor_hash": ActorHash::of(&first.actor).0, "last_actor": first.actor, "first_seen": first.at.as_millis(),
                "last_seen": last.at.as_millis(), "first_channel": first.channel,
                "last_device": "", "last_country": "",
            })
        };
        return lives.values().map(person).collect();
    }
    let mut last_events: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for life in lives.values() {
        let last = life[life.len() - 1];
        let milestone = last.milestone.map_or("", Milestone::as_str);
        *last_events.entry((last.name, milestone)).or_default() += 1;
    }
    let all: u64 = last_events.values().sum();
    let mut last_events: Vec<_> = last_events.into_iter().collect();
    last_events.sort_by_key(|(name, actors)| (std::cmp::Reverse(*actors), *name));
    let rows = last_events.into_iter().take(5);
    rows.map(|((name, milestone), actors)| {
        json!({
            "last_event": name, "last_milestone": milestone, "actors": actors, "all_actors": all,
        })
    })
    .collect()
}

async fn ask(api: &Api, path: &str, question: &Value) -> Value {
    api.send(Method::POST, path, question.to_string(), "*/*")
        .await
        .ok()
}

fn names(answer: &Value) -> BTreeSet<String> {
    let people = answer["people"].as_array().unwrap().iter();
    people
        .map(|person| person["actor"].as_str().unwrap().to_owned())
        .collect()
}

fn bought() -> Value {
    json!({
        "steps": [{"event": "Product Viewed"}, {"milestone": "purchase"}],
        "from": "2024-03-01", "to": "2024-04-01", "window": "7d",
    })
}

fn with(question: &Value, more: Value) -> Value {
    let mut question = question.clone();
    let members = question.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    question
}

#[tokio::test]
async fn the_list_of_every_figure_is_as_long_as_the_figure_says() {
    let api = Api::of_garden();
    let model = json!({
        "model": "aaarrr", "from": "2024-03-01", "to": "2024-04-01", "window": "30d",
    });
    for question in [bought(), model] {
        let funnel = ask(&api, "/v1/sites/demo/funnel", &question).await;
        for (index, step) in funnel["steps"].as_array().unwrap().iter().enumerate() {
            for (state, figure) in [
                ("reached", "count"),
                ("dropped", "drop_off"),
                ("open", "open"),
            ] {
                if step[figure].is_null() {
                    continue;
                }
                let more = json!({ "step": index + 1, "state": state });
                let list = ask(&api, PATH, &with(&question, more)).await;
                assert_eq!(list["total"], step[figure], "step {index}: {state}");
                let people = list["people"].as_array().unwrap().len();
                assert_eq!(Some(people as u64), step[figure].as_u64());
                assert_eq!(list["sample"], step[figure]);
            }
            let Some(dropped) = step["drop_off"].as_u64() else {
                continue;
            };
            let more = json!({ "step": index + 1, "state": "stopped" });
            let list = ask(&api, PATH, &with(&question, more)).await;
            let stopped = dropped - step["open"].as_u64().unwrap();
            assert_eq!(list["total"], stopped, "step {index}: stopped");
        }
    }
}

#[tokio::test]
async fn whoever_got_as_far_as_they_did_last_comes_first() {
    let journey = |actor: &str, day: u32, names: &[&'static str]| {
        let start = at(&format!("2024-03-{day:02}T08:00:00Z"));
        let events = names.iter().zip(0..).map(|(name, hour)| StoredEvent {
            at: start.saturating_add(std::time::Duration::from_hours(hour)),
            ..event(actor, "01T00:00:00", name)
        });
        events.collect::<Vec<_>>()
    };
    let (viewed, bought_it) = ("Product Viewed", "Order Completed");
    let journeys = [
        journey("early", 2, &[viewed, "Home Viewed"]),
        journey("buyer", 4, &[viewed, bought_it]),
        journey("late", 9, &[viewed, "Home Viewed", "Home Viewed"]),
        journey("middle", 5, &[viewed]),
    ];
    let api = Api::new(MemoryStore {
        events: journeys.concat(),
        ..MemoryStore::default()
    });
    let stopped = with(&bought(), json!({ "step": 2, "state": "dropped" }));
    let list = ask(&api, PATH, &stopped).await;
    let shown = list["people"].as_array().unwrap().iter();
    let shown: Vec<_> = shown.map(|it| (&it["actor"], &it["at"])).collect();
    let expected = [
        (json!("late"), json!("2024-03-09T08:00:00.000Z")),
        (json!("middle"), json!("2024-03-05T08:00:00.000Z")),
        (json!("early"), json!("2024-03-02T08:00:00.000Z")),
    ];
    let expected: Vec<_> = expected.iter().map(|(actor, at)| (actor, at)).collect();
    assert_eq!(shown, expected, "they looked at a product then");
    let reached = with(&bought(), json!({ "step": 2, "state": "reached" }));
    let list = ask(&api, PATH, &reached).await;
    assert_eq!(list["people"][0]["at"], "2024-03-04T09:00:00.000Z");
}

#[tokio::test]
async fn those_who_looked_and_did_not_buy_are_listed_with_what_they_did_last() {
    let api = Api::of_garden();
    let stopped = with(&bought(), json!({ "step": 2, "state": "dropped" }));
    let list = ask(&api, PATH, &stopped).await;
    assert_eq!(
        names(&list),
        BTreeSet::from(["bob".to_owned(), "dave".to_owned()])
    );
    assert_eq!(
        list["last_events"],
        json!([{ "event": "Product Viewed", "milestone": "content_view", "count": 2 }])
    );
    assert_eq!(list["other_last_events"], 0);
    assert!(list["next"].is_null());
}

#[tokio::test]
async fn last_events_beyond_the_five_most_frequent_are_counted_together() {
    let names = ["A", "A", "B", "C", "D", "E", "F", "G"];
    let people = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let events = people.iter().zip(names);
    let events = events.map(|(person, name)| event(person, "05T10:00:00", name));
    let api = Api::new(MemoryStore {
        events: events.collect(),
        ..MemoryStore::default()
    });
    let everyone = json!({ "steps": [{"any": true}], "from": "2024-03-01", "to": "2024-04-01", "step": 1, "state": "reached" });
    let list = ask(&api, PATH, &everyone).await;
    let last = list["last_events"].as_array().unwrap();
    assert_eq!(
        last[0],
        json!({ "event": "A", "milestone": null, "count": 2 })
    );
    assert_eq!((last.len(), &list["other_last_events"]), (5, &json!(2)));
}

#[tokio::test]
async fn pages_hold_everyone_once() {
    let api = Api::of_garden();
    let everyone = with(
        &json!({ "steps": [{"any": true}], "from": "2024-02-01", "to": "2024-04-01" }),
        json!({ "step": 1, "state": "reached" }),
    );
    let all = ask(&api, PATH, &everyone).await;
    let order: Vec<Value> = all["people"].as_array().unwrap().clone();
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = with(&everyone, json!({ "limit": 2, "cursor": cursor }));
        let page = ask(&api, PATH, &page).await;
        assert_eq!(page["total"], all["total"], "of all pages");
        seen.extend(page["people"].as_array().unwrap().clone());
        cursor = page["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen.len() as u64, all["total"].as_u64().unwrap());
    assert_eq!(seen, order);
}

#[tokio::test]
async fn a_list_is_a_table_too() {
    let api = Api::of_garden();
    let question = with(&bought(), json!({ "step": 1, "state": "reached" }));
    let answer = api
        .send(Method::POST, PATH, question.to_string(), "text/csv")
        .await;
    let mut lines = answer.text.lines();
    assert_eq!(
        lines.next(),
        Some("actor,name,channel,device,country,first_seen,last_seen,at")
    );
    assert_eq!(lines.count(), 4);
}

#[tokio::test]
async fn a_question_for_nobody_says_what_to_change() {
    let api = Api::of_garden();
    let cases = [
        (json!({}), vec!["step", "state"]),
        (json!({ "step": 3, "state": "reached" }), vec!["step"]),
        (json!({ "step": 0, "state": "reached" }), vec!["step"]),
        (json!({ "step": 1, "state": "lost" }), vec!["state"]),
        (
            json!({ "step": 1, "state": "reached", "unit": "session" }),
            vec!["unit"],
        ),
        (
            json!({ "step": 1, "state": "reached", "limit": 1_001 }),
            vec!["limit"],
        ),
        (
            json!({ "step": 1, "state": "reached", "cursor": "x" }),
            vec!["cursor"],
        ),
        (
            json!({ "step": 1, "state": "reached", "cursor": "5-x" }),
            vec!["cursor"],
        ),
    ];
    for (more, fields) in cases {
        let question = with(&bought(), more).to_string();
        let answer = api.send(Method::POST, PATH, question.clone(), "*/*").await;
        let problem = answer.problem(422);
        let named = problem["errors"].as_array().unwrap().iter();
        let named: Vec<_> = named
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        assert_eq!(named, fields, "{question}");
    }
    let model = json!({ "model": "aaarrr", "step": 4, "state": "dropped", "window": "30d" });
    for state in ["dropped", "stopped"] {
        let model = with(&model, json!({ "state": state }));
        let answer = api.send(Method::POST, PATH, model.to_string(), "*/*").await;
        assert_eq!(answer.problem(422)["errors"][0]["field"], "state");
    }
}

/// Random journeys of a hundred people, who come by few channels and have few plans.
fn random_journeys(seed: u64) -> Vec<StoredEvent> {
    let mut state = seed;
    let mut draw = move |below: usize| {
        // Knuth's constants for a linear congruential generator.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let names = [
        "Home Viewed",
        "Product Viewed",
        "Signed Up",
        "Order Completed",
        "Friend Invited",
    ];
    let channels = ["", "Email", "Email", "Direct", "Organic Search", "Referral"];
    let plans = [json!({}), json!({ "plan": "pro" }), json!({ "plan": 7 })];
    let mut events = Vec::new();
    for _ in 0..600 {
        let person = format!("p{}", draw(100));
        let time = format!("{:02}T{:02}:00:00", 1 + draw(31), draw(24));
        let properties = plans[draw(3)].clone();
        events.push(StoredEvent {
            channel: channels[draw(6)],
            properties,
            ..event(&person, &time, names[draw(5)])
        });
    }
    events
}

/// Asks for the people of each figure of a row, and compares their numbers with it.
async fn check_row(api: &Api, question: &Value, row: &Value, which: &Value) -> u64 {
    let mut people = 0;
    for (index, step) in row["steps"].as_array().unwrap().iter().enumerate() {
        for (state, figure) in [
            ("reached", "count"),
            ("dropped", "drop_off"),
            ("open", "open"),
        ] {
            if step[figure].is_null() {
                continue;
            }
            let more = json!({ "step": index + 1, "state": state, "limit": 1_000 });
            let more = with(which, more);
            let list = ask(api, PATH, &with(question, more)).await;
            assert_eq!(list["total"], step[figure], "{which} {index}: {state}");
            assert_eq!(Some(names(&list).len() as u64), step[figure].as_u64());
            people += step[figure].as_u64().unwrap();
        }
    }
    people
}

#[tokio::test]
async fn the_people_of_a_row_are_as_many_as_the_row_says_on_random_journeys() {
    for seed in 0..6 {
        let api = Api::new(MemoryStore {
            events: random_journeys(seed),
            ..MemoryStore::default()
        });
        let steps = json!({
            "steps": [{"event": "Home Viewed"}, {"event": "Product Viewed"}, {"milestone": "purchase"}],
            "from": "2024-03-01", "to": "2024-04-01", "window": "20d",
        });
        let model = json!({
            "model": "aaarrr", "from": "2024-03-01", "to": "2024-04-01", "window": "30d",
        });
        for (question, breakdown) in [
            (&steps, json!({ "by": ["channel"], "step": 2 })),
            (&steps, json!({ "by": ["channel", "plan"], "limit": 3 })),
            (&steps, json!({ "by": ["properties.plan"], "step": 3 })),
            (&model, json!({ "by": ["channel"], "limit": 2 })),
        ] {
            let question = with(question, json!({ "breakdown": breakdown }));
            let funnel = ask(&api, "/v1/sites/demo/funnel", &question).await;
            let rows = funnel["breakdown"].as_array().unwrap();
            let listed = rows.iter().filter(|row| row["other"] == false);
            let listed: Vec<&Value> = listed.map(|row| &row["value"]).collect();
            let mut people = 0;
            for row in rows {
                let which = if row["other"] == true {
                    json!({ "other_than": listed })
                } else {
                    json!({ "value": row["value"] })
                };
                people += check_row(&api, &question, row, &which).await;
            }
            assert_eq!(
                people,
                check_row(&api, &question, &funnel, &json!({})).await,
                "the rows add up to the whole"
            );
        }
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_meant_says_what_to_change() {
    let api = Api::of_garden();
    let by = json!({ "by": ["channel", "plan"] });
    let cases = [
        (json!({ "value": ["Email"] }), "value"),
        (json!({ "breakdown": by, "value": ["Email"] }), "value"),
        (json!({ "breakdown": by, "value": ["Email", 7] }), "value"),
        (json!({ "breakdown": by, "value": "Email" }), "value"),
        (
            json!({ "breakdown": by, "other_than": ["Email", null] }),
            "other_than[0]",
        ),
        (
            json!({ "breakdown": by, "other_than": [[null, "pro"], [null]] }),
            "other_than[1]",
        ),
        (
            json!({ "breakdown": by, "value": [null, null], "other_than": [] }),
            "other_than",
        ),
        (
            json!({ "breakdown": {"by": []}, "value": [null] }),
            "breakdown.by",
        ),
    ];
    let question = with(&bought(), json!({ "step": 1, "state": "reached" }));
    for (more, field) in cases {
        let question = with(&question, more).to_string();
        let answer = api.send(Method::POST, PATH, question.clone(), "*/*").await;
        let problem = answer.problem(422);
        let first = &problem["errors"].as_array().unwrap()[0]["field"];
        assert_eq!(first, field, "{question}: {problem}");
    }
}

#[tokio::test]
async fn a_number_is_one_row_in_whatever_way_it_is_written() {
    let api = Api::new(MemoryStore {
        events: random_journeys(7),
        ..MemoryStore::default()
    });
    let question = json!({
        "steps": [{"any": true}], "from": "2024-03-01", "to": "2024-04-01",
        "step": 1, "state": "reached", "limit": 1_000, "breakdown": {"by": ["plan"]},
    });
    let of = async |row: Value| ask(&api, PATH, &with(&question, row)).await;
    let seven = of(json!({ "value": ["7"] })).await;
    assert!(seven["total"].as_u64().unwrap() > 0);
    assert_eq!(seven, of(json!({ "value": ["7.0"] })).await);
    let others = of(json!({ "other_than": [["7.0"]] })).await;
    let everybody = of(json!({})).await;
    assert_eq!(everybody, of(json!({ "other_than": [] })).await);
    let both: BTreeSet<_> = names(&seven).union(&names(&others)).cloned().collect();
    assert_eq!(both, names(&everybody));
}
