//! The unusual figures of a day.

use std::collections::BTreeSet;

use etappe_core::kpi::{KpiFigures, MoneyFigures};
use etappe_core::money::Amount;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use serde_json::{Value, json};

use crate::api::Api;
use crate::garden::{at, event};
use crate::memory_store::{MemoryStore, StoredEvent};

/// The Mondays before 25 March 2024; clocks in Amsterdam changed on the 31st.
const MONDAYS: [&str; 8] = [
    "2024-01-29",
    "2024-02-05",
    "2024-02-12",
    "2024-02-19",
    "2024-02-26",
    "2024-03-04",
    "2024-03-11",
    "2024-03-18",
];

fn figures(orders: u64, cents: i64) -> KpiFigures {
    let revenue = format!("{}.{:02}", cents / 100, cents % 100);
    let revenue = Amount::parse_sum(&revenue).unwrap();
    KpiFigures {
        visitors: 200,
        signups: 20,
        orders,
        customers: 15,
        events: 1_000,
        money: vec![MoneyFigures {
            currency: "EUR".to_owned(),
            orders,
            customers: 15,
            revenue,
            gross: revenue,
            lifetime_revenue: revenue,
        }],
        ..KpiFigures::default()
    }
}

/// The instant in milliseconds at which a day begins in Amsterdam, in winter.
fn start(day: &str) -> i64 {
    at(&format!("{day}T00:00:00Z")).as_millis() - 3_600_000
}

/// The API over these Mondays with usual figures, and a Monday with these.
fn api(mondays: &[&str], present: KpiFigures) -> Api {
    let mut store = MemoryStore::default();
    // The site began on the day before the first of them.
    let first = start(mondays[0]) - 86_400_000;
    store.kpis.insert(first, figures(0, 0));
    for (index, monday) in mondays.iter().enumerate() {
        let orders = if index % 2 == 0 { 28 } else { 32 };
        let usual = figures(orders, i64::try_from(orders).unwrap() * 5_000);
        store.kpis.insert(start(monday), usual);
    }
    store.kpis.insert(start("2024-03-25"), present);
    Api::new(store)
}

async fn ask(api: &Api) -> Value {
    api.get("changes?day=2024-03-25").await.ok()
}

fn ids(answer: &Value) -> Vec<&Value> {
    let changes = answer["changes"].as_array().unwrap().iter();
    changes.map(|change| &change["id"]).collect()
}

#[tokio::test]
async fn an_ordinary_day_has_no_changes() {
    let answer = ask(&api(&MONDAYS, figures(25, 130_000))).await;
    assert_eq!(answer["day"], "2024-03-25");
    assert_eq!(answer["complete"], true);
    assert_eq!(answer["compared_days"], 8);
    assert_eq!(answer["changes"], json!([]));
    assert_eq!(answer["from"], "2024-03-24T23:00:00.000Z");
    assert_eq!(answer["to"], "2024-03-25T23:00:00.000Z");
}

#[tokio::test]
async fn figures_that_leave_their_band_are_told_with_it() {
    let answer = ask(&api(&MONDAYS, figures(5, 25_000))).await;
    // Mean 30, as variance that of a Poisson count: 30 ± 3.499 · √(30 · 9/8).
    // Revenue: mean 1,500, an order brings 50: 1,500 ± 3.499 · √(1,500 · 50 · 9/8).
    assert_eq!(
        answer["changes"],
        json!([
            { "id": "orders", "value": 5, "low": 9.0, "high": 51.0, "currency": null },
            { "id": "revenue", "value": 250, "low": 483.0, "high": 2517.0, "currency": "EUR" },
        ])
    );
    let more = ask(&api(&MONDAYS, figures(52, 252_000))).await;
    assert_eq!(ids(&more), ["orders", "revenue"]);
}

#[tokio::test]
async fn a_day_without_any_event_is_unusual_in_every_figure() {
    let answer = ask(&api(&MONDAYS, KpiFigures::default())).await;
    assert_eq!(ids(&answer), ["visitors", "signups", "orders", "revenue"]);
    // Fifteen customers a day are too few to say that none is unusual.
}

#[tokio::test]
async fn days_before_the_site_began_are_no_history() {
    let four = ask(&api(&MONDAYS[4..], figures(0, 0))).await;
    assert_eq!(four["compared_days"], 4);
    let three = ask(&api(&MONDAYS[5..], figures(0, 0))).await;
    assert_eq!(three["compared_days"], 3);
    assert_eq!(three["changes"], json!([]));
    // It began within the first Monday.
    let mut store = MemoryStore::default();
    store.kpis.insert(start(MONDAYS[0]), figures(3, 100));
    let began = ask(&Api::new(store)).await;
    assert_eq!(began["compared_days"], 7);
}

#[tokio::test]
async fn a_day_that_is_not_over_has_no_changes_and_yesterday_is_the_default() {
    let api = api(&MONDAYS, figures(0, 0));
    // It is 1 April.
    let today = api.get("changes?day=2024-04-01").await.ok();
    assert_eq!(today["complete"], false);
    assert_eq!(today["changes"], json!([]));
    let yesterday = api.get("changes").await.ok();
    assert_eq!(yesterday["day"], "2024-03-31");
    // By clocks on Samoa it is still the day before.
    let there = api.get("changes?timezone=Pacific/Pago_Pago").await.ok();
    assert_eq!(there["day"], "2024-03-30");
}

#[tokio::test]
async fn a_day_that_is_none_is_refused() {
    let api = api(&MONDAYS, figures(0, 0));
    for (query, field) in [
        ("day=monday", "day"),
        ("day=2024-02-30", "day"),
        ("day=1970-02-26", "day"),
        ("day=2100-01-01", "day"),
        ("timezone=Mars", "timezone"),
        ("from=2024-03-01", "from"),
        ("model=aaarrr", "model"),
    ] {
        let problem = api.get(&format!("changes?{query}")).await.problem(422);
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
}

#[tokio::test]
async fn names_that_were_never_seen_before_are_told() {
    let events = vec![
        event("anna", "20T10:00:00", "Greenhouse measured"),
        event("anna", "25T10:00:00", "Greenhouse measured"),
        event("bob", "25T11:00:00", "Seeds swapped"),
        event("carla", "25T12:00:00", "Seeds swapped"),
        event("carla", "25T12:00:00", "Signed Up"),
        event("bob", "26T11:00:00", "Pots painted"),
    ];
    let store = MemoryStore {
        events,
        ..MemoryStore::default()
    };
    let answer = ask(&Api::new(store)).await;
    assert_eq!(
        answer["new_names"],
        json!([{ "name": "Seeds swapped", "kind": "track", "events": 2, "people": 2 }])
    );
}

/// Returns the rows of the view `late_events`. An event that was received later than it happened says
/// when in its property `received`.
pub(crate) fn late_rows(store: &MemoryStore, query: &ViewQuery) -> Vec<Value> {
    let since = query
        .parameters
        .iter()
        .find_map(|parameter| match parameter {
            ("since", ViewParameter::Instant(since)) => Some(*since),
            _ => None,
        });
    let since = since.unwrap();
    let late = store
        .matching(&query.site, Bots::Exclude)
        .filter(|(_, event)| {
            let received = event.properties["received"].as_str().map(at);
            let received = received.unwrap_or(event.at);
            received >= since && event.at < since && received.millis_since(event.at) > 3_600_000
        });
    let late: Vec<&str> = late.map(|(_, event)| event.actor.as_str()).collect();
    let people: BTreeSet<&str> = late.iter().copied().collect();
    vec![json!({ "events": late.len(), "people": people.len() })]
}

#[tokio::test]
async fn events_that_came_late_are_counted() {
    let received = |actor, time, received: &str| StoredEvent {
        properties: json!({ "received": received }),
        ..event(actor, time, "Signed Up")
    };
    let store = MemoryStore {
        events: vec![
            received("anna", "20T10:00:00", "2024-03-25T09:00:00Z"),
            received("anna", "20T11:00:00", "2024-03-26T09:00:00Z"),
            received("bob", "24T22:59:59", "2024-03-25T00:00:00Z"),
            // On time, in time, and before the day.
            event("carla", "24T22:59:59", "Signed Up"),
            received("carla", "24T22:30:00", "2024-03-24T23:00:00Z"),
            received("dave", "20T10:00:00", "2024-03-24T22:00:00Z"),
        ],
        ..MemoryStore::default()
    };
    let answer = ask(&Api::new(store)).await;
    assert_eq!(answer["late"], json!({ "events": 3, "people": 2 }));
}

#[tokio::test]
async fn the_changes_come_as_a_table() {
    let api = api(&MONDAYS, figures(5, 25_000));
    let table = api
        .send(
            axum::http::Method::GET,
            "/v1/sites/demo/changes?day=2024-03-25",
            axum::body::Body::empty(),
            "text/csv",
        )
        .await;
    assert_eq!(
        table.text,
        "day,kpi,currency,value,low,high\r\n2024-03-25,orders,,5,9,51\r\n2024-03-25,revenue,EUR,250,483,2517\r\n"
    );
}
