//! Orders reported by page views: of a thank-you page viewed once, again, or in addition to order
//! events.

use etappe_core::event::{EventKind, KeyScope};
use etappe_core::kpi::{KpiFigures, KpiScope};
use etappe_core::milestone::Milestone;
use etappe_core::query::Bots;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::both_ways::kpi_figures;
use crate::brute;
use crate::engine::TestWarehouse;
use crate::fixture::{DAY, TestEvent, all_time, range, scope, store};
use crate::random::{START, seed};

const MINUTE: i64 = 60_000;

/// Makes a browser's view of a thank-you page.
fn seen(who: &str, order: &str, at: i64) -> TestEvent {
    TestEvent {
        kind: EventKind::Page,
        ..sent(KeyScope::Browser, who, order, at, None)
    }
}

/// Makes an order event.
fn sent(scope: KeyScope, who: &str, order: &str, at: i64, revenue: Option<i128>) -> TestEvent {
    TestEvent {
        scope,
        order_id: order.to_owned(),
        revenue,
        ..TestEvent::of(who, at, Some(Milestone::Purchase))
    }
}

async fn figures_of(events: Vec<TestEvent>) -> KpiFigures {
    let test = TestWarehouse::new().await;
    store(&test.warehouse, events).await;
    kpi_figures(&test.warehouse, &scope(all_time())).await
}

/// Returns the number of orders, customers and omitted pages, and the revenue.
async fn outcome(events: Vec<TestEvent>) -> (u64, u64, u64, i128) {
    let figures = figures_of(events).await;
    let revenue = figures.money.iter().map(|money| money.revenue.as_scaled());
    (
        figures.orders,
        figures.customers,
        figures.order_pages_left_out,
        revenue.sum(),
    )
}

#[tokio::test]
async fn order_events_and_page_views_of_one_order_are_one_order_with_its_amount() {
    let event = |at| sent(KeyScope::Browser, "u1", "W-1", at, Some(249_500));
    // The page is seen a moment before the event, and again a day later.
    let with_id = vec![
        seen("u1", "W-1", START),
        event(START + 400),
        seen("u1", "W-1", START + DAY),
    ];
    assert_eq!(outcome(with_id).await, (1, 1, 0, 249_500));
    // The page's address has no order id, or a different one; the server's event names the customer
    // differently.
    let by_server = sent(
        KeyScope::Server,
        "u1",
        "W-1",
        START + 5 * MINUTE,
        Some(249_500),
    );
    let without_id = vec![
        seen("device", "", START),
        by_server,
        seen("device", "", START + MINUTE),
        seen("other device", "77", START + DAY),
    ];
    assert_eq!(outcome(without_id).await, (1, 1, 2, 249_500));
}

#[tokio::test]
async fn without_order_events_page_views_are_the_orders() {
    let events = vec![
        seen("a", "1", START),
        seen("a", "1", START + 9 * DAY),
        seen("b", "2", START),
        // The page has no order id, so a second view within a day is the same order.
        seen("c", "", START),
        seen("c", "", START + DAY),
        seen("c", "", START + 2 * DAY),
        seen("c", "", START + 3 * DAY + 1),
        // The viewers of these pages are unknown.
        seen("", "", START),
        seen("", "", START),
    ];
    assert_eq!(outcome(events).await, (6, 3, 0, 0));
}

#[tokio::test]
async fn page_views_from_before_the_first_order_events_stay_orders() {
    let day = START - START % DAY;
    let events = |gap: i64| {
        vec![
            seen("a", "", day),
            sent(KeyScope::Browser, "b", "9", day + gap, Some(10_000)),
            seen("c", "", day + 2 * gap + DAY - 1),
        ]
    };
    assert_eq!(outcome(events(30 * DAY)).await, (1, 1, 2, 10_000));
    assert_eq!(outcome(events(31 * DAY)).await, (3, 3, 0, 10_000));
}

#[tokio::test]
async fn order_events_of_a_browser_do_not_replace_page_views_of_a_server() {
    let by_server = |event| TestEvent {
        scope: KeyScope::Server,
        ..event
    };
    let forged = || sent(KeyScope::Browser, "mallory", "f", START, Some(0));
    let pages = || {
        vec![
            by_server(seen("a", "1", START)),
            by_server(seen("b", "", START)),
            // Mallory's browser saw it before the server did.
            seen("mallory", "1", START - DAY),
        ]
    };
    let with = |more: Vec<TestEvent>| [pages(), more].concat();
    let figures = figures_of(with(vec![forged()])).await;
    assert_eq!((figures.orders, figures.order_pages_left_out), (3, 0));
    let real = sent(KeyScope::Server, "a", "7", START, Some(10_000));
    let figures = figures_of(with(vec![real])).await;
    assert_eq!((figures.orders, figures.order_pages_left_out), (1, 2));
}

/// Makes sparse orders of a few people over two years, as order events and page views.
fn sparse(random: &mut StdRng) -> Vec<TestEvent> {
    let mut events = Vec::new();
    for _ in 0..random.random_range(4..60) {
        let at = START + random.random_range(0..500) * DAY + random.random_range(0..4) * (DAY / 2);
        let who = ["", "a", "b", "c"][random.random_range(0..4)];
        let order = ["", "", "1", "2", "3", "4"][random.random_range(0..6)];
        let mut event = if random.random_range(0..5) == 0 {
            sent(KeyScope::Browser, who, order, at, Some(50_000))
        } else {
            seen(who, order, at)
        };
        event.scope = match random.random_range(0..4) {
            0 => KeyScope::Server,
            1 => KeyScope::Pixel,
            _ => KeyScope::Browser,
        };
        if random.random_range(0..9) == 0 {
            event.bot = "crawler".to_owned();
        }
        let again = (random.random_range(0..3) == 0).then(|| TestEvent {
            at: at + [MINUTE, DAY - 1, DAY, DAY + 1][random.random_range(0..4)],
            ..event.clone()
        });
        events.push(event);
        events.extend(again);
    }
    events
}

#[tokio::test]
async fn orders_equal_those_of_the_brute_force() {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);
    let mut left_out = 0;
    for round in 0..12 {
        let test = TestWarehouse::new().await;
        let events = store(&test.warehouse, sparse(&mut random)).await;
        for bots in [Bots::Exclude, Bots::Include] {
            for range in [all_time(), range(START + 100 * DAY, START + 300 * DAY)] {
                let scope = KpiScope {
                    bots,
                    ..scope(range)
                };
                let figures = kpi_figures(&test.warehouse, &scope).await;
                let expected = brute::kpis(&events, &scope);
                assert_eq!(figures, expected, "seed {seed}, round {round}");
                left_out += figures.order_pages_left_out;
            }
        }
    }
    assert!(left_out > 0, "no page was left out");
}
