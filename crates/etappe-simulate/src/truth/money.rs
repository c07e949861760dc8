//! Orders and what they brought.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Span, Truth};
use crate::act::Act;

/// Orders, customers and sums of a range; money is in cents.
#[derive(Debug, Default)]
pub(super) struct Money {
    pub(super) orders: u64,
    pub(super) customers: u64,
    pub(super) repeat_customers: u64,
    pub(super) new_customers: u64,
    pub(super) refunds: u64,
    pub(super) refunds_left_out: u64,
    pub(super) gross: i64,
    pub(super) revenue: i64,
    pub(super) lifetime_revenue: i64,
}

/// Money that came in, or went back.
struct Payment {
    at: i64,
    person: usize,
    cents: i64,
}

impl Truth {
    /// Counts the orders of a range, and what they and all refunds brought.
    pub(super) fn money(&self, span: Span) -> Money {
        let mut money = Money::default();
        let mut newly = BTreeSet::new();
        for (person, journey) in self.journeys.iter().enumerate() {
            let orders = journey
                .iter()
                .filter(|it| matches!(it.act, Act::Ordered { .. }));
            let times: Vec<i64> = orders.map(|it| it.at).collect();
            let within = times.iter().filter(|at| span.contains(**at)).count();
            money.orders += within as u64;
            money.customers += u64::from(within >= 1);
            money.repeat_customers += u64::from(within >= 2);
            if times.first().is_some_and(|first| span.contains(*first)) {
                newly.insert(person);
            }
        }
        money.new_customers = newly.len() as u64;
        for payment in self.payments() {
            let is_within = span.contains(payment.at);
            if is_within {
                money.revenue += payment.cents;
                money.gross += payment.cents.max(0);
                money.refunds += u64::from(payment.cents < 0);
                money.refunds_left_out += u64::from(payment.cents == 0);
            }
            if newly.contains(&payment.person) {
                money.lifetime_revenue += payment.cents;
            }
        }
        money
    }

    /// Returns every order and everything paid back; what brings nothing back has no amount.
    fn payments(&self) -> Vec<Payment> {
        let mut payments = Vec::new();
        // What is left of each order.
        let mut left: BTreeMap<u32, i64> = BTreeMap::new();
        for happening in self.all() {
            let cents = match happening.act {
                Act::Ordered { order, cents, .. } => {
                    left.insert(order, cents);
                    cents
                }
                Act::Refunded { order, cents } => -take(&mut left, order, cents),
                Act::Cancelled { order } => -take(&mut left, order, i64::MAX),
                _ => continue,
            };
            payments.push(Payment {
                at: happening.at,
                person: happening.person,
                cents,
            });
        }
        payments
    }
}

/// Takes an amount of what is left of an order, or all of it if that is less.
fn take(left: &mut BTreeMap<u32, i64>, order: u32, cents: i64) -> i64 {
    let left = left.entry(order).or_default();
    let taken = cents.min(*left);
    *left -= taken;
    taken
}

/// Writes an amount of cents.
#[expect(clippy::cast_precision_loss, reason = "a shop's turnover")]
pub(super) fn amount(cents: i64) -> Value {
    json!(cents as f64 / 100.0)
}

/// Divides an amount of cents, rounded half away from zero to a ten-thousandth; null if there is
/// nothing to divide by.
pub(super) fn amount_per(cents: i64, count: u64) -> Value {
    let count = i64::try_from(count).unwrap_or_default();
    if count == 0 {
        return Value::Null;
    }
    let small = cents * 100;
    let twice = 2 * small.abs() + count;
    let rounded = small.signum() * (twice / (2 * count));
    #[expect(clippy::cast_precision_loss, reason = "less than a shop's turnover")]
    let value = rounded as f64 / 10_000.0;
    json!(value)
}
