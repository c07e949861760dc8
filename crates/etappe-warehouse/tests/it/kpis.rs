//! The figures on the KPI cards, compared with a brute force over random journeys.

use etappe_core::kpi::KpiFigures;
use etappe_core::milestone::Milestone;
use etappe_core::ports::JourneyStore;
use etappe_core::query::{Bots, Unit, UnitQuery};
use etappe_core::time::Timestamp;

use crate::both_ways::kpi_figures;
use crate::brute;
use crate::engine::TestWarehouse;
use crate::fixture::{DAY, TestEvent, all_time, range, scope, store, weeks_before};
use crate::random::{DAYS, START, journeys, seed};

#[tokio::test]
async fn cards_equal_a_count_by_hand() {
    let test = TestWarehouse::new().await;
    let events = store(&test.warehouse, journeys(seed(), 3_000)).await;
    for scope in scopes() {
        let mut figures = kpi_figures(&test.warehouse, &scope).await;
        let mut expected = brute::kpis(&events, &scope);
        for median in [&mut figures.referrals, &mut expected.referrals] {
            median.viral_cycle_p50_s = median.viral_cycle_p50_s.map(|s| (s * 10_000.0).round());
        }
        assert_eq!(figures, expected, "{scope:?}");
        let referrals = test.warehouse.referral_figures(&scope).await.unwrap();
        assert_eq!(referrals.referred, expected.referrals.referred, "{scope:?}");
    }
}

/// Returns scopes that cover everything, parts, and nothing.
pub(crate) fn scopes() -> Vec<etappe_core::kpi::KpiScope> {
    let mut scopes = vec![
        scope(all_time()),
        scope(range(START + 20 * DAY, START + 50 * DAY)),
        scope(range(START + 30 * DAY + 1234, START + 31 * DAY)),
        scope(range(START, START)),
        scope(range(0, DAY)),
    ];
    let watermark = Timestamp::from_millis(START + 40 * DAY + 1);
    for bots in [Bots::Include, Bots::Only] {
        let mut other = scope(range(START + 10 * DAY, START + DAYS * DAY));
        other.bots = bots;
        other.as_of = watermark;
        other.weeks = weeks_before(Timestamp::from_millis(START + 38 * DAY + 5));
        other.currency = "USD".to_owned();
        scopes.push(other);
    }
    let mut trusting = scope(all_time());
    trusting.browser_refunds = true;
    scopes.push(trusting);
    scopes
}

#[tokio::test]
async fn a_site_without_events_has_figures_of_zero() {
    let test = TestWarehouse::new().await;
    let scope = scope(all_time());
    assert_eq!(
        kpi_figures(&test.warehouse, &scope).await,
        KpiFigures::default()
    );
    let stages = test.warehouse.stage_figures(&scope).await.unwrap();
    assert_eq!(
        (stages.stages.len(), stages.transitions.len(), stages.events),
        (6, 0, 0)
    );
    let referrals = test.warehouse.referral_figures(&scope).await.unwrap();
    assert_eq!(referrals, etappe_core::kpi::ReferralFigures::default());
}

#[tokio::test]
async fn an_order_counts_once_with_its_first_purchase() {
    let test = TestWarehouse::new().await;
    let purchase = |at, order: &str, revenue| TestEvent {
        order_id: order.to_owned(),
        revenue,
        ..TestEvent::of("u1", at, Some(Milestone::Purchase))
    };
    let events = vec![
        purchase(START + 5, "o1", Some(90_000)),
        purchase(START + 3, "o1", Some(100_000)),
        purchase(START + 3, "o1", Some(70_000)),
        purchase(START, "", Some(10_i128.pow(28) - 1)),
        purchase(START, "", None),
    ];
    store(&test.warehouse, events).await;
    let figures = kpi_figures(&test.warehouse, &scope(all_time())).await;
    assert_eq!((figures.orders, figures.customers), (3, 1));
    // The sum is larger than any single amount may be, and still exact.
    assert_eq!(
        figures.money[0].revenue.as_scaled(),
        10_i128.pow(28) - 1 + 100_000
    );
    assert_eq!(figures.money[0].orders, 2);
    let later = kpi_figures(&test.warehouse, &scope(range(START + 1, START + 10))).await;
    assert_eq!(later.money[0].revenue.as_scaled(), 100_000);
    let latest = kpi_figures(&test.warehouse, &scope(range(START + 4, START + 10))).await;
    assert_eq!(
        (latest.orders, latest.money.len(), latest.visitors),
        (0, 0, 1)
    );
}

#[tokio::test]
async fn units_are_counted_as_the_matchers_see_them() {
    let test = TestWarehouse::new().await;
    store(&test.warehouse, journeys(seed(), 2_000)).await;
    for unit in [Unit::Actor, Unit::Account, Unit::Session] {
        for bots in [Bots::Exclude, Bots::Include, Bots::Only] {
            let query = UnitQuery {
                site: scope(all_time()).site,
                unit,
                bots,
                range: range(START + 10 * DAY, START + 60 * DAY),
            };
            let counted = test.warehouse.count_units(&query).await.unwrap();
            assert_eq!(
                counted,
                crate::candidates::units(&test, &query).await,
                "{query:?}"
            );
            assert!(counted > 0, "{query:?}");
        }
    }
}
