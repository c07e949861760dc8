//! The figures of the cards: by the views, and sales, scores and referrals also from their rows. Both must
//! agree.

use std::collections::HashMap;

use etappe_core::journey::{
    FirstMilestones, KnownFigures, Referral, ReferralLink, Referrals, Sales, SalesFigures,
    SalesTerms, Scores, invitations, referral_links,
};
use etappe_core::kpi::{KpiFigures, KpiScope, ReferralFigures};
use etappe_core::ports::JourneyStore;
use etappe_core::time::Timestamp;
use etappe_warehouse::Warehouse;

use crate::engine::TestWarehouse;
use crate::fixture::bots_word;

/// Returns the figures by the views, after those of sales and scores were compared with the rows'.
pub(crate) async fn kpi_figures(warehouse: &Warehouse, scope: &KpiScope) -> KpiFigures {
    let nothing = KnownFigures::default();
    let figures = warehouse.kpi_figures(scope, nothing).await.unwrap();
    let rows = warehouse
        .sales(&scope.site, scope.bots, 1_000_000)
        .await
        .unwrap();
    let terms = SalesTerms {
        currency: scope.currency.as_str().into(),
        browser_refunds: scope.browser_refunds,
    };
    let sales = Sales::of(&rows.expect("few rows"), &terms);
    let by_views = SalesFigures {
        orders: figures.orders,
        customer_orders: figures.customer_orders,
        customers: figures.customers,
        repeat_customers: figures.repeat_customers,
        new_customers: figures.new_customers,
        pages_left_out: figures.order_pages_left_out,
        refunds: figures.refunds,
        refunds_left_out: figures.refunds_left_out,
        money: figures.money.clone(),
    };
    assert_eq!(sales.figures(scope.range), Some(by_views), "{scope:?}");
    let periods = sales.periods(&[scope.range.from, scope.range.to]).unwrap();
    assert_eq!(periods[0].orders, figures.orders);
    assert_eq!(periods[0].refunds_left_out, figures.refunds_left_out);
    let scores = warehouse.scores(&scope.site, scope.bots, 1_000_000).await;
    let scores = Scores::of(scores.unwrap().expect("few answers"));
    assert_eq!(scores.counts(scope.range), figures.nps_scores, "{scope:?}");
    figures
}

/// Returns the referral figures by the views, after they were compared with those that the rows of
/// referral give.
pub(crate) async fn referral_figures(test: &TestWarehouse, scope: &KpiScope) -> ReferralFigures {
    let by_views = test.warehouse.referral_figures(scope).await.unwrap();
    let warehouse = &test.warehouse;
    let rows = warehouse.referral_rows(&scope.site, scope.bots, 1_000_000);
    let rows = rows.await.unwrap().expect("few rows");
    let sales = warehouse.sales(&scope.site, scope.bots, 1_000_000);
    let sales = sales.await.unwrap().expect("few rows");
    let terms = SalesTerms {
        currency: scope.currency.as_str().into(),
        browser_refunds: scope.browser_refunds,
    };
    let ordered = Sales::of(&sales, &terms).who_ordered(scope.range);
    let first = first_milestones(test, scope).await;
    let of = |person: u64| first.get(&person).copied().unwrap_or_default();
    let referral = |link: ReferralLink| Referral {
        first: of(link.actor),
        inviter_activated: of(link.inviter).activated,
        link,
    };
    let referrals = referral_links(&rows).into_iter().map(referral).collect();
    let referrals = Referrals::new(referrals, invitations(&rows));
    let by_rows = ReferralFigures {
        active_actors: by_views.active_actors,
        customers: by_views.customers,
        ..referrals.figures(scope.range, |person| ordered.contains(&person))
    };
    assert_eq!(by_rows, by_views, "{scope:?}");
    by_views
}

/// A person, and when they first signed up, converted and activated, in milliseconds.
type MilestoneRow = (u64, Option<i64>, Option<i64>, Option<i64>);

async fn first_milestones(test: &TestWarehouse, scope: &KpiScope) -> HashMap<u64, FirstMilestones> {
    let sql = "SELECT actor_hash, toUnixTimestamp64Milli(signed_up_at), \
            toUnixTimestamp64Milli(converted_at), toUnixTimestamp64Milli(activated_at) \
        FROM actor_milestones(site = {site:String}, bots = {bots:String})";
    let query = test.client.query_raw(sql);
    let query = query.param("site", scope.site.as_str());
    let rows: Vec<MilestoneRow> = query
        .param("bots", bots_word(scope.bots))
        .fetch_all()
        .await
        .unwrap();
    let at = |millis: Option<i64>| millis.map(Timestamp::from_millis);
    let first = |(person, signed_up, converted, activated): MilestoneRow| {
        let first = FirstMilestones {
            signed_up: at(signed_up),
            converted: at(converted),
            activated: at(activated),
        };
        (person, first)
    };
    rows.into_iter().map(first).collect()
}
