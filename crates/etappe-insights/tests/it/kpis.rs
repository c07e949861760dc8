//! The figures on the KPI cards, compared with figures computed by hand.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Method;
use etappe_core::id::Offset;
use etappe_core::kpi::{KpiFigures, MoneyFigures, ReferralFigures, RetentionWeeks};
use etappe_core::money::Amount;
use etappe_core::query::Bots;
use serde_json::{Value, json};

use crate::api::Api;
use crate::garden::{at, event};
use crate::memory_store::{MemoryStore, StoredEvent};

const IDS: [&str; 18] = [
    "visitors",
    "signups",
    "activation_rate",
    "customers",
    "orders",
    "revenue",
    "purchases_per_customer",
    "repeat_rate",
    "average_order_value",
    "revenue_per_customer",
    "lifetime_value",
    "referrals_per_customer",
    "k_factor",
    "k_observed",
    "viral_cycle_time_s",
    "retention_rate",
    "nps",
    "unmapped_share",
];

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

pub(crate) fn march() -> KpiFigures {
    let mut nps_scores = [0; 11];
    nps_scores[10] = 5;
    nps_scores[8] = 3;
    nps_scores[2] = 2;
    KpiFigures {
        visitors: 100,
        signups: 40,
        activation_eligible: 30,
        activated: 12,
        customers: 20,
        repeat_customers: 5,
        customer_orders: 26,
        orders: 27,
        refunds: 2,
        refunds_left_out: 1,
        order_pages_left_out: 3,
        money: vec![
            MoneyFigures {
                currency: "EUR".to_owned(),
                orders: 24,
                customers: 18,
                revenue: amount("500.10"),
                gross: amount("520.10"),
                lifetime_revenue: amount("700"),
            },
            MoneyFigures {
                currency: "USD".to_owned(),
                orders: 3,
                customers: 3,
                revenue: amount("90.3333"),
                gross: amount("90.3333"),
                lifetime_revenue: amount("90.3333"),
            },
        ],
        new_customers: 14,
        referrals: ReferralFigures::default(),
        retention_cohort: 50,
        retention_returned: 10,
        nps_scores,
        events: 1_000,
        unmapped_events: 25,
    }
}

fn referrals() -> ReferralFigures {
    ReferralFigures {
        invitations: 50,
        inviters: 20,
        converted: 10,
        active_actors: 100,
        customers: 20,
        referred: 6,
        referred_activated: 4,
        viral_cycle_p50_s: Some(86_400.0),
        ..ReferralFigures::default()
    }
}

pub(crate) fn api() -> Api {
    Api::new(store())
}

/// March 2024 in Amsterdam, and the previous 31 days.
pub(crate) fn store() -> MemoryStore {
    let march_start = at("2024-02-29T23:00:00Z").as_millis();
    let before = at("2024-01-29T23:00:00Z").as_millis();
    let previous = KpiFigures {
        visitors: 80,
        ..KpiFigures::default()
    };
    MemoryStore {
        kpis: BTreeMap::from([(march_start, march()), (before, previous)]),
        referrals: BTreeMap::from([(march_start, referrals())]),
        ..MemoryStore::default()
    }
}

async fn kpis(api: &Api) -> Vec<Value> {
    let answer = api.get("kpis?from=2024-03-01&to=2024-04-01").await.ok();
    answer["kpis"].as_array().unwrap().clone()
}

fn find<'a>(kpis: &'a [Value], id: &str) -> &'a Value {
    kpis.iter().find(|kpi| kpi["id"] == id).unwrap()
}

#[tokio::test]
async fn every_kpi_is_listed_with_its_figure() {
    let kpis = kpis(&api()).await;
    let mut ids: Vec<&str> = kpis.iter().map(|kpi| kpi["id"].as_str().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids, IDS);
    let expected = [
        ("visitors", 100.0),
        ("signups", 40.0),
        ("activation_rate", 0.4),
        ("customers", 20.0),
        ("orders", 27.0),
        ("revenue", 500.1),
        ("purchases_per_customer", 1.3),
        ("repeat_rate", 0.25),
        ("average_order_value", 21.6708),
        ("revenue_per_customer", 27.7833),
        ("lifetime_value", 50.0),
        ("referrals_per_customer", 0.3),
        ("k_factor", 0.1),
        ("k_observed", 0.04),
        ("viral_cycle_time_s", 86_400.0),
        ("retention_rate", 0.2),
        ("nps", 30.0),
        ("unmapped_share", 0.025),
    ];
    for (id, value) in expected {
        let found = find(&kpis, id)["value"].as_f64().unwrap();
        assert!((found - value).abs() < 1e-12, "{id}: {found}");
    }
}

#[tokio::test]
async fn money_is_exact_and_listed_once_per_currency() {
    let answer = api().get("kpis?from=2024-03-01&to=2024-04-01").await;
    // Compared as text, because a float would hide the digits written.
    assert!(
        answer.text.contains(r#"{"id":"revenue","value":90.3333,"#),
        "{}",
        answer.text
    );
    let kpis = answer.ok()["kpis"].as_array().unwrap().clone();
    let money: Vec<(&Value, &Value)> = kpis
        .iter()
        .filter(|kpi| kpi["unit"] == "money")
        .map(|kpi| (&kpi["id"], &kpi["currency"]))
        .collect();
    assert_eq!(money.len(), 8);
    assert_eq!(
        (money[0], money[1]),
        (
            (&json!("revenue"), &json!("EUR")),
            (&json!("revenue"), &json!("USD"))
        )
    );
    assert_eq!(find(&kpis, "visitors")["currency"], Value::Null);
}

#[tokio::test]
async fn the_largest_currencies_have_cards_and_the_rest_are_counted() {
    // A code, its orders in March and its orders in February.
    let money = |code: &str, orders: u64| MoneyFigures {
        currency: code.to_owned(),
        orders,
        customers: orders,
        revenue: amount("1"),
        gross: amount("1"),
        lifetime_revenue: amount("1"),
    };
    let mut present: Vec<MoneyFigures> =
        (0..1_000).map(|n| money(&format!("X{n:03}"), 1)).collect();
    present.extend([money("EUR", 1), money("USD", 900), money("X500", 2)]);
    present.retain(|money| money.currency != "X500" || money.orders == 2);
    let previous = vec![money("X777", 3), money("ZZZ", 5)];
    let figures = |money| KpiFigures {
        money,
        ..KpiFigures::default()
    };
    let march_start = at("2024-02-29T23:00:00Z").as_millis();
    let before = at("2024-01-29T23:00:00Z").as_millis();
    let api = Api::new(MemoryStore {
        kpis: BTreeMap::from([(march_start, figures(present)), (before, figures(previous))]),
        ..MemoryStore::default()
    });
    let kpis = kpis(&api).await;
    let shown: Vec<&str> = kpis
        .iter()
        .filter(|kpi| kpi["id"] == "revenue")
        .map(|kpi| kpi["currency"].as_str().unwrap())
        .collect();
    assert_eq!(
        shown,
        [
            "EUR", "USD", "X500", "X777", "X000", "X001", "X002", "X003", "X004", "X005"
        ]
    );
    let others = find(&kpis, "other_currencies");
    // Ten of 1,002 codes are shown; ZZZ has no orders in March.
    assert_eq!(
        (&others["value"], &others["previous"]),
        (&json!(992), &json!(1))
    );
    assert_eq!(
        (&others["unit"], &others["counts"]),
        (
            &json!("currencies"),
            &json!({"other_currencies": 992, "orders": 992})
        )
    );
    assert_eq!(others["currency"], Value::Null);
    assert_eq!(kpis.len(), IDS.len() - 4 + 40 + 1);
    let orders = find(&kpis, "orders");
    assert_eq!(
        orders["counts"],
        json!({"orders": 0, "refunds": 0, "refunds_left_out": 0, "order_pages_left_out": 0})
    );
}

#[tokio::test]
async fn rates_have_an_interval_and_their_counts() {
    let kpis = kpis(&api()).await;
    let rate = find(&kpis, "activation_rate");
    assert_eq!(
        rate["counts"],
        json!({"activated": 12, "eligible_signups": 30, "signups": 40})
    );
    let interval: Vec<f64> = rate["interval"]
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect();
    // Wilson intervals, computed with another program.
    assert!(
        (interval[0] - 0.245_906_28).abs() < 1e-6 && (interval[1] - 0.576_796_40).abs() < 1e-6,
        "{interval:?}"
    );
    assert_eq!(find(&kpis, "visitors")["interval"], Value::Null);
    assert_eq!(find(&kpis, "k_factor")["interval"], Value::Null);
    assert_eq!(
        find(&kpis, "nps")["counts"],
        json!({"promoters": 5, "passives": 3, "detractors": 2, "answers": 10})
    );
}

#[tokio::test]
async fn the_previous_range_has_as_many_days() {
    let api = api();
    let kpis = kpis(&api).await;
    assert_eq!(find(&kpis, "visitors")["previous"], 80);
    assert_eq!(find(&kpis, "activation_rate")["previous"], Value::Null);
    let scopes = api.store.scopes.lock();
    assert!(scopes.iter().all(|scope| scope.currency == "EUR"));
    assert!(
        scopes
            .iter()
            .all(|scope| scope.model == "aaarrr" && scope.stages.len() == 6)
    );
}

#[tokio::test]
async fn a_range_from_1970_has_no_previous_range() {
    let api = api();
    let answer = api
        .get("kpis?from=1970-01-01&to=2100-01-01&model=aaarrr")
        .await
        .ok();
    let kpis = answer["kpis"].as_array().unwrap();
    assert!(kpis.iter().all(|kpi| kpi["previous"].is_null()));
    assert_eq!(api.store.scopes.lock().len(), 1);
}

#[tokio::test]
async fn without_events_counts_are_zero_and_rates_null() {
    let kpis = kpis(&Api::new(MemoryStore::default())).await;
    assert_eq!(kpis.len(), IDS.len());
    for kpi in &kpis {
        let id = kpi["id"].as_str().unwrap();
        let is_count = ["visitors", "signups", "customers", "orders", "revenue"].contains(&id);
        assert_eq!(
            kpi["value"],
            if is_count { json!(0) } else { Value::Null },
            "{id}"
        );
        assert_eq!(kpi["advice"], Value::Null);
    }
    assert_eq!(find(&kpis, "revenue")["currency"], "EUR");
}

#[tokio::test]
async fn weak_figures_come_with_advice() {
    let weak = KpiFigures {
        activation_eligible: 200,
        activated: 10,
        ..KpiFigures::default()
    };
    let start = at("2024-02-29T23:00:00Z").as_millis();
    let api = Api::new(MemoryStore {
        kpis: BTreeMap::from([(start, weak)]),
        ..MemoryStore::default()
    });
    let kpis = kpis(&api).await;
    assert!(
        find(&kpis, "activation_rate")["advice"]
            .as_str()
            .unwrap()
            .contains("one in four")
    );
    assert_eq!(find(&kpis, "visitors")["advice"], Value::Null);
}

/// Forty people who come in a month, of whom `activated` activate within the day.
fn month(month: u32, activated: usize) -> impl Iterator<Item = StoredEvent> {
    (0..40).flat_map(move |index| {
        let actor = format!("{month}-{index}");
        let start = at(&format!("2024-{month:02}-05T00:00:00Z"));
        let visit = StoredEvent {
            at: start,
            ..event(&actor, "01T00:00:00", "Home Viewed")
        };
        let signup = StoredEvent {
            at: start.saturating_add(std::time::Duration::from_hours(1)),
            ..event(&actor, "01T00:00:00", "Signed Up")
        };
        std::iter::once(visit).chain((index < activated).then_some(signup))
    })
}

#[tokio::test]
async fn the_biggest_leak_is_compared_with_the_best_month() {
    let events = month(1, 30).chain(month(2, 20)).chain(month(3, 10));
    let api = Api::new(MemoryStore {
        events: events.collect(),
        ..MemoryStore::default()
    });
    // A quarter of March is seven days, so on the tenth the attempts of the fifth may still go on.
    api.watermark.post(0, at("2024-03-10T00:00:00Z"), Offset(0));
    let answer = api.get("kpis?from=2024-03-01&to=2024-04-01").await.ok();
    assert_eq!(answer["biggest_leak"], Value::Null);
    api.watermark.post(0, at("2024-03-31T00:00:00Z"), Offset(0));
    let answer = api.get("kpis?from=2024-02-01&to=2024-03-01").await.ok();
    let leak = &answer["biggest_leak"];
    assert_eq!(leak["stage"], "activation");
    assert_eq!(leak["from_stage"], "acquisition");
    assert_eq!(leak["window_s"], 7.0 * 86_400.0);
    assert_eq!(
        (&leak["actors"], &leak["reached"]),
        (&json!(40), &json!(20))
    );
    assert_eq!(
        (&leak["rate"], &leak["best_rate"]),
        (&json!(0.5), &json!(0.75))
    );
    assert_eq!(
        (&leak["best_month"], &leak["lost"]),
        (&json!("2024-01"), &json!(10.0))
    );
    assert!(
        leak["advice"]
            .as_str()
            .unwrap()
            .contains("Of 40 people in Acquisition, 50 % went on to Activation")
    );
    assert_eq!(leak["worth"]["customers"], 0.0, "nobody buys");
    assert_eq!(leak["where"], Value::Null, "nobody has a channel");
}

/// Those who came too late to have had the whole window are left out, also the quick ones among them:
/// kept alone, they would make a bad month look good.
#[tokio::test]
async fn a_leak_is_not_hidden_by_the_quick_ones_of_the_last_days() {
    let late = (0..40).flat_map(|index| {
        let actor = format!("late {index}");
        let visit = event(&actor, "24T08:00:00", "Home Viewed");
        let signup = event(&actor, "24T09:00:00", "Signed Up");
        std::iter::once(visit).chain((index < 30).then_some(signup))
    });
    let api = Api::new(MemoryStore {
        events: month(2, 30).chain(month(3, 20)).chain(late).collect(),
        ..MemoryStore::default()
    });
    let leak = async |as_of: &str| {
        api.watermark.post(0, at(as_of), Offset(0));
        let answer = api.get("kpis?from=2024-03-01&to=2024-04-01").await.ok();
        answer["biggest_leak"].clone()
    };
    let now = leak("2024-03-30T00:00:00Z").await;
    assert_eq!((&now["actors"], &now["reached"]), (&json!(40), &json!(20)));
    assert_eq!(
        (&now["rate"], &now["best_rate"]),
        (&json!(0.5), &json!(0.75))
    );
    // Their windows are over, but not those of the whole day, and only whole days are counted.
    let then = leak("2024-03-31T20:00:00Z").await;
    assert_eq!(then["actors"], 40);
    assert_eq!(then["to"], "2024-03-23T23:00:00.000Z");
    let later = leak("2024-03-31T23:00:00Z").await;
    assert_eq!(
        (&later["actors"], &later["reached"]),
        (&json!(80), &json!(50))
    );
    let bounds = (&later["from"], &later["to"]);
    let expected = ("2024-02-29T23:00:00.000Z", "2024-03-24T23:00:00.000Z");
    assert_eq!(bounds, (&json!(expected.0), &json!(expected.1)));
}

/// Forty people who come through a channel in a month; some sign up, and the first of these buy.
fn shoppers(
    month: u32,
    channel: &'static str,
    (activated, bought): (usize, usize),
) -> impl Iterator<Item = StoredEvent> {
    (0..40).flat_map(move |index| {
        let actor = format!("{channel} {month}-{index}");
        let done = ["Home Viewed", "Signed Up", "Order Completed"];
        let steps = 1 + usize::from(index < activated) + usize::from(index < bought);
        let start = at(&format!("2024-{month:02}-05T00:00:00Z"));
        (0..3)
            .zip(done)
            .take(steps)
            .map(move |(hour, name)| StoredEvent {
                at: start.saturating_add(std::time::Duration::from_hours(hour)),
                channel,
                ..event(&actor, "01T00:00:00", name)
            })
    })
}

#[tokio::test]
async fn a_leak_says_what_it_is_worth_and_where_it_is() {
    let (mail, social) = ("Email", "Organic Social");
    let events = shoppers(1, mail, (30, 10))
        .chain(shoppers(1, social, (30, 10)))
        .chain(shoppers(2, mail, (30, 10)))
        .chain(shoppers(2, social, (10, 0)));
    let february = KpiFigures {
        events: 1,
        money: vec![MoneyFigures {
            currency: "EUR".to_owned(),
            orders: 10,
            customers: 10,
            revenue: amount("1000"),
            gross: amount("1000"),
            lifetime_revenue: amount("1000"),
        }],
        ..KpiFigures::default()
    };
    let start = at("2024-01-31T23:00:00Z").as_millis();
    let api = Api::new(MemoryStore {
        events: events.collect(),
        kpis: BTreeMap::from([(start, february)]),
        ..MemoryStore::default()
    });
    api.watermark.post(0, at("2024-04-01T00:00:00Z"), Offset(0));
    let answer = api.get("kpis?from=2024-02-01&to=2024-03-01").await.ok();
    let leak = &answer["biggest_leak"];
    assert_eq!(leak["stage"], "activation");
    assert_eq!(leak["lost"], 20.0);
    // A quarter of those who sign up buy, so 20 people are 5 customers in the 29 days of February.
    assert_eq!(
        leak["worth"],
        json!({"customers": 5.2, "buy_rate": 0.25, "days": 29.0, "revenue": 520.0, "currency": "EUR"})
    );
    assert_eq!(
        leak["where"],
        json!({
            "by": "channel", "value": social, "actors": 40, "reached": 10, "rate": 0.25, "best_rate": 0.75,
        })
    );
    // The funnel of the same days, with the same window, has the same people.
    let body = json!({
        "model": "aaarrr", "from": leak["from"], "to": leak["to"], "window": leak["window_s"],
        "breakdown": {"by": ["channel"], "step": 2}, "value": [social], "step": 3, "state": "stopped",
    });
    let path = "/v1/sites/demo/actors";
    let people = api.send(Method::POST, path, body.to_string(), "*/*").await;
    assert_eq!(people.ok()["total"], 30);
}

#[tokio::test]
async fn fewer_than_thirty_people_are_not_a_leak() {
    let few = |month_number: u32, activated| {
        month(month_number, activated).filter(|event| {
            event
                .actor
                .split('-')
                .nth(1)
                .unwrap()
                .parse::<u32>()
                .unwrap()
                < 29
        })
    };
    let api = Api::new(MemoryStore {
        events: few(1, 20).chain(few(2, 5)).collect(),
        ..MemoryStore::default()
    });
    let answer = api.get("kpis?from=2024-02-01&to=2024-03-01").await.ok();
    assert_eq!(answer["biggest_leak"], Value::Null);
}

#[tokio::test]
async fn kpis_are_available_as_csv() {
    let path = "/v1/sites/demo/kpis?from=2024-03-01&to=2024-04-01";
    let answer = api()
        .send(Method::GET, path, Body::empty(), "text/csv")
        .await;
    let lines: Vec<&str> = answer.text.split_terminator("\r\n").collect();
    assert_eq!(lines[0], "id,value,previous,low,high,unit,currency,advice");
    assert_eq!(lines[1], "visitors,100,80,,,actors,,");
    assert_eq!(lines[6], "revenue,500.1,0,,,money,EUR,");
    assert_eq!(lines.len(), 1 + IDS.len() + 4);
}

#[tokio::test]
async fn all_invalid_parameters_are_named_at_once() {
    let api = api();
    for route in ["kpis", "stages", "referrals"] {
        let problem = api
            .get(&format!(
                "{route}?from=x&to=2101-01-01&model=y&bots=z&unit=account&foo=1"
            ))
            .await
            .problem(422);
        let fields: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["field"].as_str().unwrap())
            .collect();
        assert_eq!(
            fields,
            ["from", "to", "model", "bots", "unit", "foo"],
            "{route}"
        );
        let detail = problem["errors"][2]["detail"].as_str().unwrap();
        assert_eq!(detail, "no model is called `y`: there is aaarrr, store");
        let twice = api
            .get(&format!("{route}?from=2024-03-01&from=2024-03-02"))
            .await
            .problem(422);
        assert_eq!(twice["errors"][0]["detail"], "given more than once");
        let after = api
            .get(&format!("{route}?from=2024-03-02&to=2024-03-01"))
            .await
            .problem(422);
        assert_eq!(after["errors"][0]["field"], "from");
        let zone = api
            .get(&format!("{route}?timezone=Mars"))
            .await
            .problem(422);
        assert_eq!(zone["errors"][0]["field"], "timezone");
    }
}

#[tokio::test]
async fn the_store_receives_the_model_and_the_bots_option() {
    let api = api();
    api.get("stages?model=store&bots=only&timezone=UTC&from=2024-03-01T00:00:00%2B01:00")
        .await
        .ok();
    let scopes = api.store.scopes.lock();
    assert_eq!(scopes[0].bots, Bots::Only);
    assert_eq!(scopes[0].model, "store");
    let weeks = RetentionWeeks {
        week: at("2024-03-18T00:00:00Z"),
        next_week: at("2024-03-25T00:00:00Z"),
        end: at("2024-04-01T00:00:00Z"),
    };
    assert_eq!(scopes[0].weeks, weeks);
    assert_eq!(scopes[0].range.from, at("2024-02-29T23:00:00Z"));
    assert_eq!(scopes[0].as_of, at("2024-04-01T10:00:00Z"));
}
