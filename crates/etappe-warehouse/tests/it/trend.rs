//! The KPIs of each period, compared with those of a range that is the period.

use etappe_core::kpi::{KpiFigures, KpiScope, MoneyFigures};
use etappe_core::money::Amount;
use etappe_core::ports::JourneyStore;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde_json::Value;

use crate::both_ways::kpi_figures;
use crate::engine::TestWarehouse;
use crate::fixture::{DAY, all_time, range, scope, store};
use crate::random::{DAYS, START, journeys, seed};

async fn rows(
    test: &TestWarehouse,
    view: &'static str,
    scope: &KpiScope,
    starts: &[i64],
    more: &[(&'static str, ViewParameter)],
) -> Vec<Value> {
    let starts = starts.iter().copied().map(Timestamp::from_millis);
    let mut parameters = vec![
        ("bots", ViewParameter::Bots(scope.bots)),
        ("starts", ViewParameter::Instants(starts.collect())),
    ];
    parameters.extend_from_slice(more);
    let query = ViewQuery {
        view,
        site: scope.site.clone(),
        parameters,
    };
    test.warehouse.view_rows(&query).await.unwrap()
}

/// Returns the figures of every period, as far as the views have them.
async fn by_views(test: &TestWarehouse, scope: &KpiScope, starts: &[i64]) -> Vec<KpiFigures> {
    let text = |text: &str| ViewParameter::Text(text.to_owned());
    let refunds = if scope.browser_refunds {
        "true"
    } else {
        "false"
    };
    let money = [
        ("currency", text(&scope.currency)),
        ("browser_refunds", text(refunds)),
    ];
    let cases: [(&'static str, &[(&'static str, ViewParameter)]); 5] = [
        ("trend_activity", &[("model", text(&scope.model))]),
        (
            "trend_signups",
            &[("as_of", ViewParameter::Instant(scope.as_of))],
        ),
        ("trend_orders", &[]),
        ("trend_money", &money),
        ("trend_nps", &[]),
    ];
    let mut figures = vec![KpiFigures::default(); starts.len() - 1];
    for (view, more) in cases {
        for row in rows(test, view, scope, starts, more).await {
            let period = usize::try_from(row["period"].as_u64().unwrap()).unwrap();
            add(view, &row, &mut figures[period]);
        }
    }
    for figures in &mut figures {
        figures.money.sort_by(|a, b| a.currency.cmp(&b.currency));
    }
    figures
}

fn add(view: &str, row: &Value, figures: &mut KpiFigures) {
    let number = |name: &str| row[name].as_u64().unwrap();
    let amount = |name: &str| Amount::parse_sum(row[name].as_str().unwrap()).unwrap();
    match view {
        "trend_activity" => {
            figures.visitors = number("visitors");
            figures.events = number("events");
            figures.unmapped_events = number("unmapped_events");
        }
        "trend_signups" => {
            figures.signups = number("signups");
            figures.activation_eligible = number("activation_eligible");
            figures.activated = number("activated");
        }
        "trend_orders" => {
            figures.orders = number("orders");
            figures.customer_orders = number("customer_orders");
            figures.customers = number("customers");
            figures.repeat_customers = number("repeat_customers");
        }
        "trend_money" => figures.money.push(MoneyFigures {
            currency: row["currency"].as_str().unwrap().to_owned(),
            orders: number("orders"),
            customers: number("customers"),
            revenue: amount("revenue"),
            gross: amount("gross"),
            lifetime_revenue: Amount::default(),
        }),
        _ => {
            let score = usize::try_from(number("score")).unwrap();
            figures.nps_scores[score] = number("answers");
        }
    }
}

/// Returns those of a range's figures that a trend has.
fn trended(figures: KpiFigures) -> KpiFigures {
    let money = figures.money.into_iter().map(|money| MoneyFigures {
        lifetime_revenue: Amount::default(),
        ..money
    });
    // Money of customers who were new but bought nothing in this currency in the period.
    let money = money.filter(|money| money.orders > 0 || money.revenue != Amount::default());
    KpiFigures {
        visitors: figures.visitors,
        events: figures.events,
        unmapped_events: figures.unmapped_events,
        signups: figures.signups,
        activation_eligible: figures.activation_eligible,
        activated: figures.activated,
        orders: figures.orders,
        customer_orders: figures.customer_orders,
        customers: figures.customers,
        repeat_customers: figures.repeat_customers,
        money: money.collect(),
        nps_scores: figures.nps_scores,
        ..KpiFigures::default()
    }
}

#[tokio::test]
async fn the_figures_of_a_period_are_those_of_a_range_that_is_the_period() {
    let test = TestWarehouse::new().await;
    store(&test.warehouse, journeys(seed(), 1_200)).await;
    let days = |days: &[i64]| -> Vec<i64> { days.iter().map(|day| START + day * DAY).collect() };
    let as_of = Timestamp::from_millis(START + 60 * DAY);
    for (bots, browser_refunds, starts) in [
        (Bots::Exclude, false, days(&[3, 10, 11, 40, 41])),
        (Bots::Include, true, days(&[-2, 0, 30, DAYS + 1])),
        (Bots::Only, false, days(&[20, 50])),
    ] {
        let scope = KpiScope {
            bots,
            browser_refunds,
            as_of,
            ..scope(all_time())
        };
        let found = by_views(&test, &scope, &starts).await;
        for (bounds, found) in starts.windows(2).zip(found) {
            let period = KpiScope {
                range: range(bounds[0], bounds[1]),
                ..scope.clone()
            };
            let expected = kpi_figures(&test.warehouse, &period).await;
            let mut found = found;
            found
                .money
                .retain(|money| money.orders > 0 || money.revenue != Amount::default());
            assert_eq!(found, trended(expected), "{bots:?} {bounds:?}");
        }
    }
}
