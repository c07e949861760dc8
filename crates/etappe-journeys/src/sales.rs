//! Orders, refunds and sums of money, worked out from a site's rows of money.
//!
//! These rows are few, so they are read from the database with every question and not kept.

use etappe_core::id::SiteId;
use etappe_core::journey::{Sales, SalesFigures, SalesTerms};
use etappe_core::kpi::{KpiScope, MoneyFigures};
use etappe_core::ports::JourneyStore;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde_json::{Value, json};

/// A site with more rows is asked about by the database's views: about 20 MB are read for these.
const MOST_ROWS: usize = 250_000;

/// Returns the figures of a range; `None` if the database has to count them.
pub(crate) async fn sales_figures<S: JourneyStore>(
    store: &S,
    scope: &KpiScope,
) -> Result<Option<SalesFigures>, S::Error> {
    let terms = SalesTerms {
        currency: scope.currency.as_str().into(),
        browser_refunds: scope.browser_refunds,
    };
    let sales = read(store, &scope.site, scope.bots, &terms).await?;
    Ok(sales.and_then(|sales| sales.figures(scope.range)))
}

async fn read<S: JourneyStore>(
    store: &S,
    site: &SiteId,
    bots: Bots,
    terms: &SalesTerms,
) -> Result<Option<Sales>, S::Error> {
    let rows = store.sales(site, bots, MOST_ROWS).await?;
    Ok(rows.map(|rows| Sales::of(&rows, terms)))
}

/// A view of sales in periods.
pub(crate) struct SalesView {
    rows: fn(usize, SalesFigures) -> Vec<Value>,
    bots: Bots,
    starts: Vec<Timestamp>,
    terms: SalesTerms,
}

impl SalesView {
    /// Returns the view that a query asks for, if it is one of these.
    pub(crate) fn of(query: &ViewQuery) -> Option<Self> {
        let mut view = Self {
            rows: match query.view {
                "trend_orders" => order_rows,
                "trend_money" => money_rows,
                _ => return None,
            },
            bots: Bots::Exclude,
            starts: Vec::new(),
            terms: SalesTerms {
                currency: "".into(),
                browser_refunds: false,
            },
        };
        for (name, parameter) in &query.parameters {
            match (*name, parameter) {
                ("bots", ViewParameter::Bots(bots)) => view.bots = *bots,
                ("starts", ViewParameter::Instants(starts)) => view.starts.clone_from(starts),
                ("currency", ViewParameter::Text(code)) => {
                    view.terms.currency = code.as_str().into()
                }
                ("browser_refunds", ViewParameter::Text(flag)) => {
                    view.terms.browser_refunds = flag == "true";
                }
                _ => return None,
            }
        }
        Some(view)
    }

    /// Returns the view's rows; `None` if the database has to count them.
    pub(crate) async fn rows<S: JourneyStore>(
        self,
        store: &S,
        site: &SiteId,
    ) -> Result<Option<Vec<Value>>, S::Error> {
        let sales = read(store, site, self.bots, &self.terms).await?;
        let periods = sales.and_then(|sales| sales.periods(&self.starts));
        Ok(periods.map(|periods| {
            let periods = periods.into_iter().enumerate();
            let rows = periods.flat_map(|(period, figures)| (self.rows)(period, figures));
            rows.collect()
        }))
    }
}

/// The row of `trend_orders`. Periods without orders have none.
fn order_rows(period: usize, figures: SalesFigures) -> Vec<Value> {
    if figures.orders == 0 {
        return Vec::new();
    }
    vec![json!({
        "period": period, "orders": figures.orders, "customer_orders": figures.customer_orders,
        "customers": figures.customers, "repeat_customers": figures.repeat_customers,
    })]
}

/// The rows of `trend_money`, one per currency.
fn money_rows(period: usize, figures: SalesFigures) -> Vec<Value> {
    let row = |money: MoneyFigures| {
        json!({
            "period": period, "currency": money.currency, "orders": money.orders,
            "customers": money.customers, "revenue": money.revenue.to_string(),
            "gross": money.gross.to_string(),
        })
    };
    figures.money.into_iter().map(row).collect()
}
