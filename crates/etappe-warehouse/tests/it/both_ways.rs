//! The figures of the cards: by the views, and sales also from the rows of money. Both must agree.

use etappe_core::journey::{KnownFigures, Sales, SalesFigures, SalesTerms};
use etappe_core::kpi::{KpiFigures, KpiScope};
use etappe_core::ports::JourneyStore;
use etappe_warehouse::Warehouse;

/// Returns the figures by the views, after those of sales were compared with the rows'.
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
    figures
}
