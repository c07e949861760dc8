//! Referral figures, compared with a brute force over random journeys.

use etappe_core::kpi::KpiScope;
use etappe_core::milestone::Milestone;

use crate::both_ways::referral_figures;
use crate::brute;
use crate::engine::TestWarehouse;
use crate::fixture::{DAY, TestEvent, all_time, bots_word, instant, scope, store};
use crate::kpis::scopes;
use crate::random::{START, journeys, seed};

#[tokio::test]
async fn referrals_equal_a_count_by_hand() {
    let test = TestWarehouse::new().await;
    let events = store(&test.warehouse, journeys(seed(), 3_000)).await;
    for scope in scopes() {
        let mut figures = referral_figures(&test, &scope).await;
        let mut expected = brute::referrals(&events, &scope);
        for median in [&mut figures, &mut expected] {
            median.viral_cycle_p50_s = median.viral_cycle_p50_s.map(|s| (s * 10_000.0).round());
        }
        assert_eq!(figures, expected, "{scope:?}");
        let found = by_sql(&test, &scope).await;
        let advocates = to_count(figures.advocates.len());
        assert!(figures.advocates.len() < 100, "none are left out");
        let per_customer = (figures.customers > 0)
            .then(|| to_number(figures.referred) / to_number(figures.customers));
        let expected = (figures.referred, advocates, figures.customers, per_customer);
        assert_eq!(found, expected, "{scope:?}");
    }
}

/// Returns referred people, advocates, customers and referred people per customer, as a SQL client
/// reads them.
async fn by_sql(test: &TestWarehouse, scope: &KpiScope) -> (u64, u64, u64, Option<f64>) {
    let sql = "SELECT referred, advocates, customers, referrals_per_customer \
        FROM kpi_referrals(site = 'demo', bots = {bots:String}, \
            from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})";
    test.client
        .query_raw(sql)
        .param("bots", bots_word(scope.bots))
        .param("from", instant(scope.range.from))
        .param("to", instant(scope.range.to))
        .fetch_one()
        .await
        .unwrap()
}

fn to_count(number: usize) -> u64 {
    u64::try_from(number).expect("a small number")
}

fn to_number(count: u64) -> f64 {
    f64::from(u32::try_from(count).expect("a small count"))
}

#[tokio::test]
async fn loops_and_self_referrals_do_not_count() {
    let test = TestWarehouse::new().await;
    let signup = |day: i64, user: &str, inviter: &str| TestEvent {
        inviter: inviter.to_owned(),
        ..TestEvent::of(user, START + day * DAY, Some(Milestone::Signup))
    };
    let invitation = |user: &str, code: &str| TestEvent {
        code: code.to_owned(),
        ..TestEvent::of(user, START, Some(Milestone::InviteSent))
    };
    let by_code = TestEvent {
        code: "anna".to_owned(),
        ..TestEvent::of("ben", START + DAY, Some(Milestone::Signup))
    };
    let events = vec![
        invitation("anna", "anna"),
        by_code,
        signup(2, "cleo", "ben"),
        signup(3, "self", "self"),
        signup(4, "loop1", "loop2"),
        signup(5, "loop2", "loop1"),
        signup(6, "below", "loop1"),
    ];
    store(&test.warehouse, events).await;
    let figures = referral_figures(&test, &scope(all_time())).await;
    assert_eq!(figures.referred, 3);
    assert_eq!(figures.generations, [(1, 2), (2, 1)]);
    assert_eq!(
        (figures.invitations, figures.inviters, figures.converted),
        (1, 1, 1)
    );
    let advocates: Vec<&str> = figures
        .advocates
        .iter()
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(advocates, ["anna", "ben", "loop1"]);
}
