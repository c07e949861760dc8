//! Orders, sums of money and scores in periods, as the rows of views.

use std::sync::Arc;

use etappe_core::id::SiteId;
use etappe_core::journey::{SalesFigures, SalesTerms};
use etappe_core::kpi::MoneyFigures;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde_json::{Value, json};

use crate::facts::{Facts, FactsKey};

/// A view of a site's facts in periods.
pub(crate) struct FactsView {
    rows: fn(&Facts, &[Timestamp]) -> Option<Vec<Value>>,
    site: SiteId,
    bots: Bots,
    starts: Vec<Timestamp>,
    currency: Option<Arc<str>>,
    browser_refunds: bool,
}

impl FactsView {
    /// Returns the view that a query asks for, if it is one of these.
    pub(crate) fn of(query: &ViewQuery) -> Option<Self> {
        let mut view = Self {
            rows: match query.view {
                "trend_orders" => order_rows,
                "trend_money" => money_rows,
                "trend_nps" => score_rows,
                _ => return None,
            },
            site: query.site.clone(),
            bots: Bots::Exclude,
            starts: Vec::new(),
            currency: None,
            browser_refunds: false,
        };
        for (name, parameter) in &query.parameters {
            match (*name, parameter) {
                ("bots", ViewParameter::Bots(bots)) => view.bots = *bots,
                ("starts", ViewParameter::Instants(starts)) => view.starts.clone_from(starts),
                ("currency", ViewParameter::Text(code)) => {
                    view.currency = Some(code.as_str().into());
                }
                ("browser_refunds", ViewParameter::Text(flag)) => {
                    view.browser_refunds = flag == "true";
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
            terms: self.currency.clone().map(|currency| SalesTerms {
                currency,
                browser_refunds: self.browser_refunds,
            }),
        }
    }

    /// Returns the view's rows; `None` if the database has to count them.
    pub(crate) fn rows(&self, facts: &Facts) -> Option<Vec<Value>> {
        (self.rows)(facts, &self.starts)
    }
}

/// The rows of `trend_orders`. Periods without orders have none.
fn order_rows(facts: &Facts, starts: &[Timestamp]) -> Option<Vec<Value>> {
    let periods = facts.sales.as_ref()?.periods(starts)?.into_iter();
    let with_orders = periods
        .enumerate()
        .filter(|(_, figures)| figures.orders > 0);
    let row = |(period, figures): (usize, SalesFigures)| {
        json!({
            "period": period, "orders": figures.orders, "customer_orders": figures.customer_orders,
            "customers": figures.customers, "repeat_customers": figures.repeat_customers,
        })
    };
    Some(with_orders.map(row).collect())
}

/// The rows of `trend_nps`, one per score that was given.
fn score_rows(facts: &Facts, starts: &[Timestamp]) -> Option<Vec<Value>> {
    let periods = facts.scores.as_ref()?.periods(starts);
    let rows = periods.enumerate().flat_map(|(period, counts)| {
        let given = counts.into_iter().enumerate();
        let given = given.filter(|(_, answers)| *answers > 0);
        given.map(
            move |(score, answers)| json!({"period": period, "score": score, "answers": answers}),
        )
    });
    Some(rows.collect())
}

/// The rows of `trend_money`, one per period and currency.
fn money_rows(facts: &Facts, starts: &[Timestamp]) -> Option<Vec<Value>> {
    let periods = facts.sales.as_ref()?.periods(starts)?.into_iter();
    let of_period = |(period, figures): (usize, SalesFigures)| {
        let row = move |money: MoneyFigures| money_row(period, money);
        figures.money.into_iter().map(row)
    };
    Some(periods.enumerate().flat_map(of_period).collect())
}

fn money_row(period: usize, money: MoneyFigures) -> Value {
    json!({
        "period": period, "currency": money.currency, "orders": money.orders,
        "customers": money.customers, "revenue": money.revenue.to_string(),
        "gross": money.gross.to_string(),
    })
}
