//! Orders, refunds and sums of money in periods, as the rows of views.

use etappe_core::id::SiteId;
use etappe_core::journey::{Sales, SalesFigures, SalesTerms};
use etappe_core::kpi::MoneyFigures;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde_json::{Value, json};

use crate::facts::FactsKey;

/// A view of sales in periods.
pub(crate) struct SalesView {
    rows: fn(usize, SalesFigures) -> Vec<Value>,
    site: SiteId,
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
            site: query.site.clone(),
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

    /// Returns whose facts the rows follow from.
    pub(crate) fn facts(&self) -> FactsKey {
        FactsKey {
            site: self.site.clone(),
            bots: self.bots,
            terms: self.terms.clone(),
        }
    }

    /// Returns the view's rows; `None` if the database has to count them.
    pub(crate) fn rows(&self, sales: &Sales) -> Option<Vec<Value>> {
        let periods = sales.periods(&self.starts)?.into_iter().enumerate();
        let rows = periods.flat_map(|(period, figures)| (self.rows)(period, figures));
        Some(rows.collect())
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
