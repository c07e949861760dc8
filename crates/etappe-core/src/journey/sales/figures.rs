//! Counts and sums of sales in a range or in periods.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{Order, Payment, Refund, Sales};
use crate::kpi::MoneyFigures;
use crate::money::Amount;
use crate::query::TimeRange;
use crate::time::Timestamp;

/// The figures of a range. The sums of a period have no lifetime revenue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SalesFigures {
    /// Orders.
    pub orders: u64,
    /// Orders whose customer is known.
    pub customer_orders: u64,
    /// People with an order.
    pub customers: u64,
    /// People with two orders or more.
    pub repeat_customers: u64,
    /// People whose first order, ever, is in the range.
    pub new_customers: u64,
    /// Orders that only pages tell of, and that do not count.
    pub pages_left_out: u64,
    /// Refunds and cancellations that bring something back.
    pub refunds: u64,
    /// Those that bring back nothing.
    pub refunds_left_out: u64,
    /// Sums per currency, by its code.
    pub money: Vec<MoneyFigures>,
}

/// Sums in one currency.
#[derive(Debug, Default)]
struct Sums {
    orders: u64,
    customers: HashSet<u64>,
    revenue: i128,
    gross: i128,
    lifetime: i128,
}

impl Sums {
    fn add(&mut self, payment: &Payment, in_range: bool, is_new: bool) -> Option<()> {
        let add = |sum: &mut i128| {
            *sum = sum.checked_add(payment.amount)?;
            Some(())
        };
        if is_new {
            add(&mut self.lifetime)?;
        }
        if in_range {
            add(&mut self.revenue)?;
        }
        if in_range && !payment.is_refund {
            add(&mut self.gross)?;
            self.orders += 1;
            if payment.actor != 0 {
                self.customers.insert(payment.actor);
            }
        }
        Some(())
    }

    fn figures(&self, currency: &Arc<str>) -> Option<MoneyFigures> {
        // A sum that the product cannot show is an error, which the database words.
        let amount = |scaled: i128| Amount::parse_sum(&Amount::from_scaled(scaled).to_string());
        Some(MoneyFigures {
            currency: currency.to_string(),
            orders: self.orders,
            customers: u64::try_from(self.customers.len()).ok()?,
            revenue: amount(self.revenue)?,
            gross: amount(self.gross)?,
            lifetime_revenue: amount(self.lifetime)?,
        })
    }
}

impl Sales {
    /// Returns the figures of a range; `None` if a sum is out of range.
    #[must_use]
    pub fn figures(&self, range: TimeRange) -> Option<SalesFigures> {
        let within = |at: Timestamp| range.from <= at && at < range.to;
        let orders = self.orders.iter().filter(|order| within(order.at));
        let refunds = self.refunds.iter().filter(|refund| within(refund.at));
        let mut figures = counts(orders, refunds);
        let first_orders = self.customers.values().filter(|at| within(**at));
        figures.new_customers = u64::try_from(first_orders.count()).ok()?;
        let payments = self.payments.iter().filter_map(|payment| {
            let first = self.customers.get(&payment.actor);
            let is_new = first.is_some_and(|first| within(*first));
            let in_range = within(payment.at);
            (in_range || is_new).then_some((payment, in_range, is_new))
        });
        figures.money = sums(payments)?;
        Some(figures)
    }

    /// Returns the figures of the periods that begin at `starts`, the last of which is where the last
    /// period ends; `None` if a sum is out of range. They have no new customers and no lifetime
    /// revenue.
    #[must_use]
    pub fn periods(&self, starts: &[Timestamp]) -> Option<Vec<SalesFigures>> {
        let orders = by_period(starts, &self.orders, |order| order.at);
        let refunds = by_period(starts, &self.refunds, |refund| refund.at);
        let payments = by_period(starts, &self.payments, |payment| payment.at);
        let lists = orders.into_iter().zip(refunds).zip(payments);
        let figures = lists.map(|((orders, refunds), payments)| {
            let mut figures = counts(orders.into_iter(), refunds.into_iter());
            let payments = payments.into_iter().map(|payment| (payment, true, false));
            figures.money = sums(payments)?;
            Some(figures)
        });
        figures.collect()
    }
}

/// Returns what is in each period.
fn by_period<'s, T>(
    starts: &[Timestamp],
    all: &'s [T],
    at: impl Fn(&T) -> Timestamp,
) -> Vec<Vec<&'s T>> {
    let mut periods: Vec<Vec<&T>> = Vec::new();
    periods.resize_with(starts.len().saturating_sub(1), Vec::new);
    for one in all {
        let begun = starts.partition_point(|start| *start <= at(one));
        let period = begun
            .checked_sub(1)
            .and_then(|place| periods.get_mut(place));
        if let Some(period) = period {
            period.push(one);
        }
    }
    periods
}

fn counts<'s>(
    orders: impl Iterator<Item = &'s Order>,
    refunds: impl Iterator<Item = &'s Refund>,
) -> SalesFigures {
    let mut figures = SalesFigures::default();
    let mut of_customers: HashMap<u64, u64> = HashMap::new();
    for order in orders {
        if order.is_left_out {
            figures.pages_left_out += 1;
            continue;
        }
        figures.orders += 1;
        if order.actor != 0 {
            *of_customers.entry(order.actor).or_default() += 1;
        }
    }
    for orders in of_customers.values() {
        figures.customers += 1;
        figures.repeat_customers += u64::from(*orders >= 2);
        figures.customer_orders += orders;
    }
    for refund in refunds {
        match refund.amount {
            Some(_) => figures.refunds += 1,
            None => figures.refunds_left_out += 1,
        }
    }
    figures
}

/// Sums up payments, with whether each is in the range and of a new customer.
fn sums<'s>(
    payments: impl Iterator<Item = (&'s Payment, bool, bool)>,
) -> Option<Vec<MoneyFigures>> {
    let mut sums: BTreeMap<&Arc<str>, Sums> = BTreeMap::new();
    for (payment, in_range, is_new) in payments {
        let sums = sums.entry(&payment.currency).or_default();
        sums.add(payment, in_range, is_new)?;
    }
    let figures = sums.iter().map(|(currency, sums)| sums.figures(currency));
    figures.collect()
}
