//! The KPIs of each period.

use etappe_core::kpi::KpiFigures;
use etappe_core::query::{ViewParameter, ViewQuery};
use serde_json::{Value, json};

use crate::api::Api;
use crate::kpis::march;
use crate::memory_store::MemoryStore;

/// Returns the rows of a view of trends: the figures that the store has for a range that begins
/// with the period.
pub(crate) fn rows(store: &MemoryStore, query: &ViewQuery) -> Vec<Value> {
    let starts = query
        .parameters
        .iter()
        .find_map(|(name, value)| match value {
            ViewParameter::Instants(starts) if *name == "starts" => Some(starts),
            _ => None,
        });
    let starts = starts.unwrap();
    let periods = starts[..starts.len() - 1].iter().enumerate();
    let known = periods.filter_map(|(index, start)| {
        let figures = store.kpis.get(&start.as_millis())?;
        Some((index, figures))
    });
    known
        .flat_map(|(index, figures)| rows_of(query.view, index, figures))
        .collect()
}

fn rows_of(view: &str, period: usize, figures: &KpiFigures) -> Vec<Value> {
    match view {
        "trend_activity" => vec![json!({
            "period": period, "visitors": figures.visitors, "events": figures.events,
            "unmapped_events": figures.unmapped_events,
        })],
        "trend_signups" => vec![json!({
            "period": period, "signups": figures.signups, "activated": figures.activated,
            "activation_eligible": figures.activation_eligible,
        })],
        "trend_orders" => vec![json!({
            "period": period, "orders": figures.orders, "customers": figures.customers,
            "customer_orders": figures.customer_orders,
            "repeat_customers": figures.repeat_customers,
        })],
        "trend_money" => {
            let money = figures.money.iter();
            money
                .map(|money| {
                    json!({
                        "period": period, "currency": money.currency, "orders": money.orders,
                        "customers": money.customers, "revenue": money.revenue.to_string(),
                        "gross": money.gross.to_string(),
                    })
                })
                .collect()
        }
        "trend_nps" => {
            let scores = figures.nps_scores.iter().enumerate();
            scores
                .map(|(score, answers)| json!({"period": period, "score": score, "answers": answers}))
                .collect()
        }
        other => panic!("no view is called {other}"),
    }
}

/// The API over a store that has these figures for ranges that begin at these instants.
fn api(figures: [(&str, KpiFigures); 2]) -> Api {
    let kpis = figures.map(|(start, figures)| (crate::garden::at(start).as_millis(), figures));
    Api::new(MemoryStore {
        kpis: kpis.into_iter().collect(),
        ..MemoryStore::default()
    })
}

fn trend<'a>(answer: &'a Value, id: &str) -> &'a Value {
    let kpis = answer["kpis"].as_array().unwrap();
    &kpis.iter().find(|kpi| kpi["id"] == id).unwrap()["trend"]
}

#[tokio::test]
async fn each_period_has_the_value_that_the_kpi_has_there() {
    let api = api([("2024-02-29T23:00", march()), ("2024-03-31T22:00", march())]);
    let path = "kpis?from=2024-02-10&to=2024-04-05&trend=month";
    let answer = api.get(path).await.ok();
    let point = |period: &str, value: Value, complete: bool| json!({"period": period, "value": value, "complete": complete});
    // February begins before the range, and April has not ended.
    assert_eq!(
        trend(&answer, "visitors"),
        &json!([
            point("2024-02-01", json!(0), false),
            point("2024-03-01", json!(100), true),
            point("2024-04-01", json!(100), false),
        ])
    );
    let march = |id: &str| trend(&answer, id)[1]["value"].clone();
    assert_eq!(march("activation_rate"), 0.4);
    assert_eq!(march("repeat_rate"), 0.25);
    assert_eq!(march("purchases_per_customer"), 1.3);
    assert_eq!(march("orders"), 27);
    assert_eq!(march("nps"), 30.0);
    assert_eq!(march("unmapped_share"), 0.025);
    assert_eq!(trend(&answer, "repeat_rate")[0]["value"], Value::Null);
    for id in [
        "lifetime_value",
        "retention_rate",
        "k_factor",
        "referrals_per_customer",
    ] {
        assert!(trend(&answer, id).is_null(), "{id}");
    }
}

#[tokio::test]
async fn days_and_weeks_are_those_of_the_time_zone() {
    let api = Api::of_garden();
    let days = |answer: &Value| -> Vec<String> {
        let points = trend(answer, "visitors").as_array().unwrap().iter();
        points
            .map(|point| point["period"].as_str().unwrap().to_owned())
            .collect()
    };
    let path = "kpis?from=2024-03-29&to=2024-04-02&trend=day";
    let answer = api.get(path).await.ok();
    assert_eq!(
        days(&answer),
        ["2024-03-29", "2024-03-30", "2024-03-31", "2024-04-01"]
    );
    let path = "kpis?from=2024-03-06&to=2024-03-20&trend=week";
    let answer = api.get(path).await.ok();
    assert_eq!(days(&answer), ["2024-03-04", "2024-03-11", "2024-03-18"]);
    let answer = api
        .get("kpis?from=2024-03-06&to=2024-03-06&trend=day")
        .await;
    assert_eq!(days(&answer.ok()), [""; 0]);
    let plain = api.get("kpis").await.ok();
    assert!(trend(&plain, "visitors").is_null());
}

#[tokio::test]
async fn a_trend_of_too_many_periods_is_refused() {
    let api = Api::of_garden();
    let path = "kpis?from=2020-01-01&to=2024-01-01&trend=day";
    let problem = api.get(path).await.problem(422);
    assert_eq!(
        problem["errors"],
        json!([{
            "field": "trend",
            "detail": "the range has more than 400 periods: ask for longer periods or a shorter range",
        }])
    );
    api.get("kpis?from=2020-01-01&to=2024-01-01&trend=week")
        .await
        .ok();
    api.get("kpis?trend=hour").await.problem(422);
}
