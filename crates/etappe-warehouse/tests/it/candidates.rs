//! The matchers' input, compared with the events themselves.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use etappe_core::id::ActorHash;
use etappe_core::json::{JsonObject, JsonValue};
use etappe_core::kpi::KpiScope;
use etappe_core::milestone::Milestone;
use etappe_core::ports::{JourneyStore, RetryClass, Retryable};
use etappe_core::query::{
    Bots, CandidateQuery, Condition, Dimension, Hit, NameKind, PropertyCondition, PropertyTest,
    Selector, Unit, UnitQuery,
};
use etappe_core::time::Timestamp;
use etappe_warehouse::{Warehouse, WarehouseError};
use prometheus::Registry;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::brute::counted;
use crate::engine::TestWarehouse;
use crate::fixture::{DAY, MODEL, STAGES, TestEvent, all_time, scope, stage_of, store};
use crate::random::{START, journeys, seed};

fn any() -> Condition {
    Condition {
        selector: Selector::Any,
        properties: Vec::new(),
    }
}

fn condition(selector: Selector, properties: &[(&str, Value)]) -> Condition {
    Condition {
        selector,
        properties: properties
            .iter()
            .map(|(path, value)| PropertyCondition {
                path: (*path).to_owned(),
                test: PropertyTest::of(value).expect("a value that can be equal"),
            })
            .collect(),
    }
}

fn query(conditions: Vec<Condition>) -> CandidateQuery {
    CandidateQuery {
        site: scope(all_time()).site,
        unit: Unit::Actor,
        bots: Bots::Exclude,
        from: Timestamp::EPOCH,
        until: None,
        conditions,
        include_others: false,
        dimensions: Vec::new(),
    }
}

/// Returns what is visited, in order.
async fn visits(warehouse: &Warehouse, query: &CandidateQuery) -> Vec<(u64, Vec<Hit>)> {
    let mut visits = Vec::new();
    warehouse
        .candidates(query, |unit, hits| {
            visits.push((unit, hits.to_vec()));
            ControlFlow::<()>::Continue(())
        })
        .await
        .unwrap()
        .continue_value()
        .expect("no visit breaks");
    visits
}

/// Counts units by walking through all their events.
pub(crate) async fn units(test: &TestWarehouse, counted: &UnitQuery) -> u64 {
    let mut query = query(vec![any()]);
    query.unit = counted.unit;
    query.bots = counted.bots;
    query.from = counted.range.from;
    query.until = Some(counted.range.to);
    visits(&test.warehouse, &query).await.len() as u64
}

/// Conditions of every kind.
fn conditions() -> Vec<Condition> {
    let stage = |stage: &str| Selector::Stage {
        model: MODEL.to_owned(),
        stage: stage.to_owned(),
    };
    vec![
        condition(Selector::Event("visit".to_owned()), &[]),
        condition(Selector::Milestone(Milestone::Purchase), &[]),
        condition(stage("acquisition"), &[]),
        condition(Selector::Any, &[("plan", json!("free"))]),
        condition(Selector::Any, &[("properties.plan", json!(1))]),
        condition(
            stage("activation"),
            &[("deep.er", json!("x/1")), ("plan", json!(true))],
        ),
        condition(Selector::Any, &[("plan", json!(null))]),
        condition(Selector::Any, &[("plan", json!("true"))]),
        Condition {
            selector: Selector::Milestone(Milestone::Purchase),
            properties: vec![PropertyCondition {
                path: "deep".to_owned(),
                test: PropertyTest::Absent,
            }],
        },
        condition(
            Selector::Event("no such'; DROP TABLE events; --".to_owned()),
            &[],
        ),
        condition(Selector::Any, &[("context.page", json!("x"))]),
    ]
}

fn matches(event: &TestEvent, condition: &Condition) -> bool {
    let selected = match &condition.selector {
        Selector::Any => true,
        Selector::Event(name) => event.name == *name,
        Selector::Milestone(milestone) => event.milestone == Some(*milestone),
        Selector::Stage { stage, .. } => stage_of(event.milestone)
            .checked_sub(1)
            .is_some_and(|at| STAGES[at] == stage),
    };
    let properties: Value = serde_json::from_str(&event.properties).unwrap();
    selected
        && condition.properties.iter().all(|wanted| {
            let path = wanted
                .path
                .strip_prefix("properties.")
                .unwrap_or(&wanted.path);
            let mut found = Some(&properties);
            for name in path.split('.') {
                found = found.and_then(|value| value.get(name));
            }
            match (found, &wanted.test) {
                (Some(Value::Null), PropertyTest::Null) | (None, PropertyTest::Absent) => true,
                (Some(_), PropertyTest::Present) => true,
                (Some(Value::String(found)), PropertyTest::Is(wanted)) => found == wanted,
                (Some(Value::Number(found)), PropertyTest::Is(wanted)) => {
                    found.as_f64().map(|found| found.to_string()).as_ref() == Some(wanted)
                }
                (Some(Value::Bool(found)), PropertyTest::Is(wanted)) => {
                    found.to_string() == *wanted
                }
                _ => false,
            }
        })
}

fn bits(event: &TestEvent, conditions: &[Condition]) -> u64 {
    conditions
        .iter()
        .enumerate()
        .filter(|(_, condition)| matches(event, condition))
        .map(|(index, _)| 1 << index)
        .sum()
}

/// Returns what must be visited, by unit.
fn expected(events: &[TestEvent], query: &CandidateQuery) -> BTreeMap<u64, Vec<(i64, u64)>> {
    let scope = KpiScope {
        bots: query.bots,
        ..scope(all_time())
    };
    let mut units: BTreeMap<u64, Vec<(i64, u64)>> = BTreeMap::new();
    for event in counted(events, &scope) {
        let unit = if query.unit == Unit::Account {
            &event.account
        } else {
            event.actor()
        };
        let late = query
            .until
            .is_some_and(|until| event.at >= until.as_millis());
        if unit.is_empty() || event.at < query.from.as_millis() || late {
            continue;
        }
        let bits = bits(event, &query.conditions);
        if bits != 0 || query.include_others {
            units
                .entry(ActorHash::of(unit).0)
                .or_default()
                .push((event.at, bits));
        }
    }
    units.retain(|_, hits| hits.iter().any(|(_, bits)| *bits != 0));
    units
}

#[tokio::test]
async fn hits_are_the_matching_events_in_order() {
    let test = TestWarehouse::new().await;
    let events = store(&test.warehouse, journeys(seed(), 3_000)).await;
    for (unit, include_others, bots) in [
        (Unit::Actor, false, Bots::Exclude),
        (Unit::Actor, true, Bots::Include),
        (Unit::Account, false, Bots::Include),
        (Unit::Account, true, Bots::Only),
    ] {
        let mut query = query(conditions());
        query.unit = unit;
        query.include_others = include_others;
        query.bots = bots;
        query.from = Timestamp::from_millis(START + 5 * DAY);
        query.until = Some(Timestamp::from_millis(START + 80 * DAY));
        let mut found = BTreeMap::new();
        for (unit, hits) in visits(&test.warehouse, &query).await {
            let hits: Vec<_> = hits
                .iter()
                .map(|hit| (hit.at.as_millis(), hit.conditions))
                .collect();
            assert!(found.insert(unit, hits).is_none(), "a unit is visited once");
        }
        let expected = expected(&events, &query);
        assert!(!expected.is_empty());
        assert_eq!(found, expected, "{unit:?} {include_others} {bots:?}");
    }
}

#[tokio::test]
async fn each_kind_of_condition_works_alone() {
    let test = TestWarehouse::new().await;
    let events = store(&test.warehouse, journeys(seed(), 1_000)).await;
    for condition in conditions() {
        let query = query(vec![condition]);
        let found: BTreeMap<u64, usize> = visits(&test.warehouse, &query)
            .await
            .into_iter()
            .map(|(unit, hits)| (unit, hits.len()))
            .collect();
        let expected: BTreeMap<u64, usize> = expected(&events, &query)
            .into_iter()
            .map(|(unit, hits)| (unit, hits.len()))
            .collect();
        assert_eq!(found, expected, "{query:?}");
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of it is a table of cases")]
async fn dimensions_come_with_their_hits() {
    let test = TestWarehouse::new().await;
    let event = |offset: i64, properties: &str| TestEvent {
        properties: properties.to_owned(),
        context: r#"{"os":{"name":"Linux"}}"#.to_owned(),
        ..TestEvent::of("u1", START + offset, Some(Milestone::Visit))
    };
    let events = vec![
        event(0, r#"{"browser":"Fire\"fox","n":1.50}"#),
        event(1, r#"{"browser":null}"#),
        event(2, r#"{"browser":["x"],"big":1e999}"#),
    ];
    store(&test.warehouse, events).await;
    let mut query = query(vec![any()]);
    query.dimensions = vec![
        Dimension::Property("browser".to_owned()),
        Dimension::Campaign,
        Dimension::Property("context.os.name".to_owned()),
        Dimension::Property("n".to_owned()),
        Dimension::Channel,
        Dimension::Touchpoint,
        Dimension::Country,
        Dimension::Device,
    ];
    let visits = visits(&test.warehouse, &query).await;
    let values: Vec<Vec<Option<&str>>> = visits[0]
        .1
        .iter()
        .map(|hit| hit.dimensions.iter().map(Option::as_deref).collect())
        .collect();
    assert_eq!(
        values,
        [
            [
                Some("Fire\"fox"),
                Some("spring"),
                Some("Linux"),
                Some("1.5"),
                Some("Email"),
                Some("web"),
                Some("NL"),
                None,
            ],
            [
                None,
                Some("spring"),
                Some("Linux"),
                None,
                Some("Email"),
                Some("web"),
                Some("NL"),
                None
            ],
            [
                None,
                Some("spring"),
                Some("Linux"),
                None,
                Some("Email"),
                Some("web"),
                Some("NL"),
                None
            ],
        ]
    );
}

#[tokio::test]
async fn conditions_match_values_that_the_server_s_json_parser_rejects() {
    let test = TestWarehouse::new().await;
    let odd = r#"{"huge":1e999,"lone":"\ud800","plan":"pro","plan":"max"}"#;
    let events = vec![TestEvent {
        properties: odd.to_owned(),
        ..TestEvent::of("u1", START, None)
    }];
    store(&test.warehouse, events).await;
    for (value, expected) in [("max", 1), ("pro", 0)] {
        let query = query(vec![condition(Selector::Any, &[("plan", json!(value))])]);
        assert_eq!(
            visits(&test.warehouse, &query).await.len(),
            expected,
            "{value}"
        );
    }
    let object = JsonObject::parse(odd).unwrap();
    assert_eq!(object.get("plan"), Some(JsonValue::String("max".into())));
}

#[tokio::test]
async fn visits_are_split_after_half_an_hour_without_events() {
    let test = TestWarehouse::new().await;
    let minute = 60_000;
    let at = |minutes: i64, milestone| TestEvent::of("u1", START + minutes * minute, milestone);
    let events = vec![
        at(0, Some(Milestone::Visit)),
        at(30, None),
        at(60, Some(Milestone::Purchase)),
        at(91, Some(Milestone::Visit)),
        at(200, None),
    ];
    store(&test.warehouse, events).await;
    let mut query = query(vec![
        condition(Selector::Milestone(Milestone::Visit), &[]),
        condition(Selector::Milestone(Milestone::Purchase), &[]),
    ]);
    query.unit = Unit::Session;
    let found: Vec<Vec<u64>> = visits(&test.warehouse, &query)
        .await
        .iter()
        .map(|(_, hits)| hits.iter().map(|hit| hit.conditions).collect())
        .collect();
    assert_eq!(found, [vec![1, 2], vec![1]]);
}

#[tokio::test]
async fn a_unit_too_large_and_too_many_conditions_are_refused() {
    let test = TestWarehouse::new().await;
    let events = (0..100)
        .map(|n| TestEvent::of("u1", START + n, None))
        .collect();
    store(&test.warehouse, events).await;
    let mut config = test.config.clone();
    config.max_unit_bytes = 1_000;
    let small = Warehouse::connect(config, &Registry::new()).unwrap();
    let error = small
        .candidates(&query(vec![any()]), |_, _| ControlFlow::<()>::Continue(()))
        .await
        .unwrap_err();
    assert!(
        matches!(error, WarehouseError::UnitTooLarge { .. }),
        "{error}"
    );
    assert_eq!(error.retry_class(), RetryClass::Permanent);
    let many = query(vec![any(); 65]);
    let error = test
        .warehouse
        .candidates(&many, |_, _| ControlFlow::<()>::Continue(()))
        .await
        .unwrap_err();
    assert!(
        matches!(error, WarehouseError::TooManyConditions(65)),
        "{error}"
    );
    let most = query(vec![any(); 64]);
    assert_eq!(
        visits(&test.warehouse, &most).await[0].1[0].conditions,
        u64::MAX
    );
}

/// A random JSON value, often equal to others in a different spelling.
fn value(random: &mut StdRng) -> String {
    let digits = [
        "0",
        "1",
        "7",
        "200",
        "12345678901234567890",
        "12345678901234567891",
        "9007199254740993",
    ];
    let digits = digits[random.random_range(0..digits.len())];
    let sign = if random.random_bool(0.2) { "-" } else { "" };
    let number = match random.random_range(0..7) {
        0 => format!("{sign}{digits}.0"),
        1 => format!("{sign}{digits}.50"),
        2 => format!("{sign}{digits}e2"),
        3 if digits != "0" => format!("{sign}{digits}00E-2"),
        4 => format!("{sign}{digits}.5"),
        _ => format!("{sign}{digits}"),
    };
    match random.random_range(0..12) {
        0 => "null".to_owned(),
        1 => {
            ["true", "false", "\"true\"", "\"null\"", "\"\""][random.random_range(0..5)].to_owned()
        }
        2 => format!("\"00{digits}\""),
        3 => [
            "\"é\"",
            "\"\\u00e9\"",
            "\"e\u{301}\"",
            "\"x\\\"y\"",
            "\"200 \"",
            "\"pl\\u0061n\"",
        ][random.random_range(0..6)]
        .to_owned(),
        4 => ["[200]", "{\"p\":200}", "\"1e2\"", "1e999", "1e-999"][random.random_range(0..5)]
            .to_owned(),
        5..8 => format!("\"{number}\""),
        _ => number,
    }
}

/// Returns a test for every stored value, as a question would contain it.
fn tests_for(properties: &[String]) -> Vec<PropertyTest> {
    let mut tests = vec![
        PropertyTest::Null,
        PropertyTest::Absent,
        PropertyTest::Present,
    ];
    for text in properties {
        let object = JsonObject::parse(text).unwrap();
        let value = object.get("p");
        if let Some(spelled) = value.as_ref().and_then(etappe_core::value::spelling) {
            let test = PropertyTest::Is(spelled.into_owned());
            if !tests.contains(&test) {
                tests.push(test);
            }
        }
    }
    assert!(tests.len() > 40, "{}", tests.len());
    tests
}

#[tokio::test]
async fn the_server_leaves_out_no_event_that_meets_a_condition() {
    let mut random = StdRng::seed_from_u64(seed());
    let properties: Vec<String> = (0..600)
        .map(|number| match number % 20 {
            0 => "{}".to_owned(),
            1 => format!("{{\"q\":{}}}", value(&mut random)),
            2 => format!("{{\"\\u0070\":{}}}", value(&mut random)),
            _ => format!("{{\"p\":{},\"q\":1}}", value(&mut random)),
        })
        .collect();
    let test = TestWarehouse::new().await;
    let events = properties
        .iter()
        .enumerate()
        .map(|(number, text)| TestEvent {
            properties: text.clone(),
            ..TestEvent::of(&format!("u{number}"), START, None)
        });
    store(&test.warehouse, events.collect()).await;
    let tests = tests_for(&properties);
    for tests in tests.chunks(60) {
        let conditions = tests.iter().map(|test| Condition {
            selector: Selector::Any,
            properties: vec![PropertyCondition {
                path: "p".to_owned(),
                test: test.clone(),
            }],
        });
        let found: BTreeMap<u64, u64> = visits(&test.warehouse, &query(conditions.collect()))
            .await
            .into_iter()
            .map(|(unit, hits)| (unit, hits[0].conditions))
            .collect();
        for (number, text) in properties.iter().enumerate() {
            let object = JsonObject::parse(text).unwrap();
            let value = object.get("p");
            let bits = tests.iter().enumerate();
            let expected = bits
                .filter(|(_, test)| test.passes(value.as_ref()))
                .fold(0, |bits, (bit, _)| bits | 1 << bit);
            let unit = ActorHash::of(&format!("u{number}")).0;
            let found = found.get(&unit).copied().unwrap_or_default();
            assert_eq!(found, expected, "{text}: {tests:?}");
        }
    }
}

#[tokio::test]
async fn names_of_events_and_paths_of_properties_are_known() {
    let test = TestWarehouse::new().await;
    let event = |number: i64, name: &str, properties: &str| TestEvent {
        name: name.to_owned(),
        properties: properties.to_owned(),
        context: r#"{"page":{"url":"x"}}"#.to_owned(),
        ..TestEvent::of(&format!("u{number}"), START + number, None)
    };
    let events = vec![
        event(0, "Order Completed", r#"{"seats":1,"a":{"b":2}}"#),
        event(1, "Order Completed", r#"{"seats":"2"}"#),
        event(2, "Viewed", "{}"),
        TestEvent {
            site: "other",
            ..event(3, "Secret", r#"{"hidden":1}"#)
        },
    ];
    store(&test.warehouse, events).await;
    let site = scope(all_time()).site;
    let names = test.warehouse.known_names(&site, NameKind::Event).await;
    assert_eq!(names.unwrap(), ["Order Completed", "Viewed"]);
    let paths = test.warehouse.known_names(&site, NameKind::Property).await;
    assert_eq!(paths.unwrap(), ["context.page.url", "seats", "a.b"]);
}
