//! Events sent with a public key do not change what a server reported.

use etappe_core::event::{EventKind, KeyScope};
use etappe_core::kpi::{ActorPageQuery, KpiFigures, KpiScope};
use etappe_core::milestone::Milestone;
use etappe_core::ports::JourneyStore;

use crate::both_ways::{kpi_figures, referral_figures};
use crate::engine::TestWarehouse;
use crate::fixture::{DAY, TestEvent, all_time, range, scope, store};
use crate::random::START;

/// One unit of money.
const UNIT: i128 = 10_000;

/// Makes a user's event about an order, with an amount in units.
fn about(milestone: Milestone, order: &str, at: i64, amount: Option<i128>) -> TestEvent {
    TestEvent {
        order_id: order.to_owned(),
        revenue: amount.map(|amount| amount * UNIT),
        currency: if amount.is_some() { "EUR" } else { "" }.to_owned(),
        ..TestEvent::of("u1", at, Some(milestone))
    }
}

fn by(scope: KeyScope, event: TestEvent) -> TestEvent {
    TestEvent { scope, ..event }
}

fn browser(event: TestEvent) -> TestEvent {
    by(KeyScope::Browser, event)
}

async fn figures_of(events: Vec<TestEvent>, scope: &KpiScope) -> KpiFigures {
    let test = TestWarehouse::new().await;
    store(&test.warehouse, events).await;
    kpi_figures(&test.warehouse, scope).await
}

/// Returns revenue, refunds that count and refunds that do not.
async fn outcome(events: Vec<TestEvent>) -> (i128, u64, u64) {
    let figures = figures_of(events, &scope(all_time())).await;
    let revenue: i128 = figures
        .money
        .iter()
        .map(|money| money.revenue.as_scaled())
        .sum();
    (revenue / UNIT, figures.refunds, figures.refunds_left_out)
}

#[tokio::test]
async fn no_browser_replaces_an_order_that_a_server_reported() {
    let mut events = Vec::new();
    for number in 0..10_i64 {
        let order = format!("o{number}");
        let at = START + number * DAY;
        for scope in [KeyScope::Browser, KeyScope::Pixel] {
            let mut forged = by(scope, about(Milestone::Purchase, &order, at - DAY, Some(0)));
            forged.user = "mallory".to_owned();
            events.push(forged);
        }
        events.push(about(Milestone::Purchase, &order, at, Some(100)));
        events.push(browser(about(
            Milestone::Purchase,
            &order,
            at,
            Some(100_000),
        )));
    }
    let figures = figures_of(events.clone(), &scope(all_time())).await;
    assert_eq!((figures.orders, figures.customers), (10, 1));
    assert_eq!(figures.money[0].revenue.as_scaled(), 1_000 * UNIT);
    // Nor does its time change.
    let early = figures_of(events, &scope(range(START - DAY, START))).await;
    assert_eq!((early.orders, early.money.len()), (0, 0));
}

#[tokio::test]
async fn a_negative_purchase_from_a_browser_returns_no_money() {
    for order in ["", "o2"] {
        for public in [KeyScope::Browser, KeyScope::Pixel] {
            let owed = about(Milestone::Purchase, order, START + DAY, Some(-99_999));
            let events = vec![
                about(Milestone::Purchase, "o1", START, Some(100)),
                by(public, owed.clone()),
            ];
            assert_eq!(
                outcome(events.clone()).await,
                (100, 0, 0),
                "{order} {public:?}"
            );
            let trusting = KpiScope {
                browser_refunds: true,
                ..scope(all_time())
            };
            let figures = figures_of(events, &trusting).await;
            assert_eq!(figures.money[0].revenue.as_scaled(), -99_899 * UNIT);
            let by_server = vec![about(Milestone::Purchase, "o1", START, Some(100)), owed];
            assert_eq!(outcome(by_server).await.0, -99_899);
        }
    }
}

#[tokio::test]
async fn an_order_that_a_browser_and_a_server_report_counts_once() {
    let mut copy = browser(about(Milestone::Purchase, "o1", START, Some(99)));
    copy.user = String::new();
    copy.anonymous = "a1".to_owned();
    let mut pixel = by(KeyScope::Pixel, copy.clone());
    pixel.at -= DAY;
    let figures = figures_of(vec![pixel.clone(), copy.clone()], &scope(all_time())).await;
    assert_eq!((figures.orders, figures.customers), (1, 1));
    let lower_range = range(START, START + DAY);
    let figures = figures_of(vec![pixel.clone(), copy.clone()], &scope(lower_range)).await;
    assert_eq!(figures.orders, 1, "a browser is believed more than a pixel");
    let real = about(Milestone::Purchase, "o1", START + 5, Some(100));
    let figures = figures_of(vec![pixel, copy, real], &scope(all_time())).await;
    assert_eq!((figures.orders, figures.customers), (1, 1));
    assert_eq!(figures.money[0].revenue.as_scaled(), 100 * UNIT);
}

#[tokio::test]
async fn a_forged_refund_does_not_reduce_an_order_that_a_server_reported() {
    let order = || about(Milestone::Purchase, "o1", START, Some(100));
    let refund = |order: &str, amount| about(Milestone::Refund, order, START + DAY, amount);
    let forged = || {
        vec![
            browser(refund("o1", Some(99_999))),
            browser(refund("o1", None)),
            browser(refund("", Some(99_999))),
            browser(about(Milestone::OrderCancel, "o1", START, None)),
            by(KeyScope::Pixel, refund("o1", Some(5))),
        ]
    };
    let mut events = vec![order()];
    events.extend(forged());
    assert_eq!(outcome(events.clone()).await, (100, 0, 5));
    // If a site trusts its browsers, forged refunds can cost it the whole order, but no more than
    // that, and any amount in refunds that name no order.
    let mut trusting = scope(all_time());
    trusting.browser_refunds = true;
    let figures = figures_of(events, &trusting).await;
    assert_eq!((figures.refunds, figures.refunds_left_out), (2, 3));
    assert_eq!(figures.money[0].revenue.as_scaled(), -99_999 * UNIT);
    // A browser can take back an order that only browsers reported, and nothing more.
    let mut events = vec![browser(order())];
    events.extend(forged());
    assert_eq!(outcome(events).await, (0, 1, 4));
    // A server's own refund takes precedence, whenever it arrives.
    let mut events = vec![browser(order()), refund("o1", Some(30))];
    events[1].at = START + 9 * DAY;
    events.push(browser(refund("o1", Some(99_999))));
    let figures = figures_of(events, &scope(range(START + 9 * DAY, START + 10 * DAY))).await;
    assert_eq!(figures.money[0].revenue.as_scaled(), -30 * UNIT);
}

#[tokio::test]
async fn a_pixel_whose_amounts_do_not_count_refunds_nothing() {
    let mut cancel = by(
        KeyScope::Pixel,
        about(Milestone::OrderCancel, "o1", START, None),
    );
    let order = browser(about(Milestone::Purchase, "o1", START, Some(100)));
    assert_eq!(
        outcome(vec![order.clone(), cancel.clone()]).await,
        (0, 1, 0)
    );
    cancel.counts_money = false;
    assert_eq!(outcome(vec![order, cancel]).await, (100, 0, 1));
}

#[tokio::test]
async fn refunds_return_at_most_the_amount_of_their_order() {
    let order = || about(Milestone::Purchase, "o1", START, Some(100));
    let refund = |amount| about(Milestone::Refund, "o1", START + DAY, amount);
    let cancel = || about(Milestone::OrderCancel, "o1", START + 2 * DAY, Some(100));
    let unread = || TestEvent {
        unread: true,
        ..refund(None)
    };
    let dollars = TestEvent {
        currency: "USD".to_owned(),
        ..refund(Some(30))
    };
    let all_in_dollars = TestEvent {
        revenue: None,
        ..dollars.clone()
    };
    let without_currency = TestEvent {
        currency: String::new(),
        ..refund(Some(30))
    };
    let unknown = about(Milestone::Refund, "o2", START, Some(30));
    let nameless = about(Milestone::Refund, "", START, Some(30));
    let silent = about(Milestone::Refund, "", START, None);
    let cases = [
        ("in full", vec![refund(None)], (0, 1, 0)),
        (
            "in part",
            vec![refund(Some(30)), refund(Some(-20))],
            (50, 2, 0),
        ),
        ("the rest", vec![refund(Some(30)), refund(None)], (0, 2, 0)),
        (
            "too much",
            vec![refund(Some(70)), refund(Some(70))],
            (0, 2, 0),
        ),
        ("twice", vec![refund(None), refund(None)], (0, 1, 1)),
        ("cancelled", vec![cancel()], (0, 1, 0)),
        ("cancelled too", vec![refund(Some(60)), cancel()], (0, 2, 0)),
        ("refunded too", vec![cancel(), refund(Some(60))], (0, 2, 0)),
        ("unread", vec![unread()], (100, 0, 1)),
        ("in dollars", vec![dollars], (100, 0, 1)),
        ("in its currency", vec![without_currency], (70, 1, 0)),
        ("all of it, in dollars", vec![all_in_dollars], (0, 1, 0)),
        ("of an unknown order", vec![unknown], (100, 0, 1)),
        ("of no order", vec![nameless], (70, 1, 0)),
        ("of nothing", vec![silent], (100, 0, 1)),
    ];
    for (name, events, expected) in cases {
        let events = [vec![order()], events].concat();
        assert_eq!(outcome(events).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_cancelled_order_stays_an_order_and_returns_its_revenue_when_it_is_cancelled() {
    let order = about(Milestone::Purchase, "o1", START, Some(100));
    let cancel = about(Milestone::OrderCancel, "o1", START + 2 * DAY, Some(100));
    let events = vec![order, cancel];
    let figures = figures_of(events.clone(), &scope(all_time())).await;
    assert_eq!(
        (figures.orders, figures.customers),
        (1, 1),
        "it stays an order"
    );
    let first_day = figures_of(events, &scope(range(START, START + DAY))).await;
    assert_eq!(first_day.money[0].revenue.as_scaled(), 100 * UNIT);
    assert_eq!(first_day.money[0].lifetime_revenue.as_scaled(), 0);
}

#[tokio::test]
async fn a_refund_belongs_to_the_customer_of_its_order() {
    let mut refund = about(Milestone::Refund, "o1", START + 2 * DAY, Some(40));
    refund.user = "the shop's clerk".to_owned();
    let order = about(Milestone::Purchase, "o1", START, Some(100));
    let figures = figures_of(vec![order, refund], &scope(range(START, START + DAY))).await;
    assert_eq!(figures.money[0].lifetime_revenue.as_scaled(), 60 * UNIT);
}

#[tokio::test]
async fn a_server_decides_who_referred_a_person() {
    let test = TestWarehouse::new().await;
    let shared = |user: &str, at| TestEvent {
        code: "spring".to_owned(),
        ..TestEvent::of(user, at, Some(Milestone::Share))
    };
    let signup = |user: &str, inviter: &str, code: &str| TestEvent {
        inviter: inviter.to_owned(),
        code: code.to_owned(),
        ..TestEvent::of(user, START + DAY, Some(Milestone::Signup))
    };
    let mut forged = browser(signup("invited", "mallory", ""));
    forged.at = START;
    let events = vec![
        browser(shared("mallory", START)),
        shared("owner", START + 5),
        forged,
        signup("invited", "friend", ""),
        signup("coded", "", "spring"),
    ];
    store(&test.warehouse, events).await;
    let figures = referral_figures(&test, &scope(all_time())).await;
    let advocates: Vec<&str> = figures
        .advocates
        .iter()
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(advocates, ["friend", "owner"]);
}

#[tokio::test]
async fn no_browser_can_claim_an_id_that_a_server_assigned() {
    let test = TestWarehouse::new().await;
    let linked = |user: &str, anonymous: &str, received| TestEvent {
        kind: EventKind::Identify,
        anonymous: anonymous.to_owned(),
        received,
        ..TestEvent::of(user, START, None)
    };
    let alias = |previous: &str| TestEvent {
        kind: EventKind::Alias,
        previous: previous.to_owned(),
        ..TestEvent::of("mallory", START, None)
    };
    let later = 1_730_000_000_000 + DAY;
    let events = vec![
        linked("u1", "device", 1_730_000_000_000),
        browser(linked("mallory", "device", later)),
        browser(linked("u2", "phone", 1_730_000_000_000)),
        browser(linked("u3", "phone", later)),
        browser(alias("u1")),
        browser(alias("a device of mine")),
    ];
    store(&test.warehouse, events).await;
    let page = |id: &str| {
        let query = ActorPageQuery {
            site: scope(all_time()).site,
            id: id.to_owned(),
            after: None,
            limit: 10,
            bytes: 1 << 20,
        };
        let warehouse = test.warehouse.clone();
        async move { warehouse.actor_page(&query).await.unwrap().unwrap() }
    };
    assert_eq!(page("device").await.actor, "u1");
    assert_eq!(page("phone").await.actor, "u3", "the last of equals");
    assert_eq!(page("u1").await.actor, "u1");
    let mallory = page("mallory").await;
    assert_eq!(mallory.ids, ["mallory", "a device of mine", "device"]);
}

#[tokio::test]
async fn a_message_is_explained_as_the_server_sent_it() {
    let test = TestWarehouse::new().await;
    let message = |scope, name: &str| TestEvent {
        message_id: "m1".to_owned(),
        name: name.to_owned(),
        ..by(scope, TestEvent::of("u1", START, None))
    };
    let events = vec![
        message(KeyScope::Browser, "forged"),
        message(KeyScope::Server, "real"),
    ];
    store(&test.warehouse, events).await;
    let site = scope(all_time()).site;
    let found = test.warehouse.find_message(&site, "m1").await.unwrap();
    let found = found.expect("it is stored");
    assert_eq!(
        (found.decided.event.as_str(), found.scope.as_str()),
        ("real", "server")
    );
}
