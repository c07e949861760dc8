//! Orders, and what refunds and cancellations bring back of them.
//!
//! These are the definitions of the views `all_orders`, `refunds` and `payments`.

mod figures;
mod orders;
mod refunds;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::event::KeyScope;
use crate::query::TimeRange;
use crate::time::Timestamp;

pub use figures::SalesFigures;

/// What a row of money tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaleKind {
    /// An order, as an event that says what was ordered.
    Purchase,
    /// An order, as a page that somebody saw.
    PurchasePage,
    /// Money that goes back.
    Refund,
    /// An order that is cancelled.
    Cancellation,
}

/// What became of the amount that an event named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountState {
    /// It named none.
    Absent,
    /// It was read.
    Read,
    /// It cannot be read for certain.
    Unread,
    /// It is from a pixel whose amounts do not count.
    Withheld,
}

/// An event about money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleRow {
    /// What it tells of.
    pub kind: SaleKind,
    /// The hash of the order's id; that of the message if there is none.
    pub order_key: u64,
    /// Whether it names an order.
    pub has_id: bool,
    /// The scope of the key that it came by.
    pub scope: KeyScope,
    /// What became of its amount.
    pub amount_state: AmountState,
    /// The amount in ten-thousandths; none if it has none.
    pub amount: Option<i128>,
    /// The currency's code; empty if it names none.
    pub currency: Arc<str>,
    /// The hash of the actor's id; 0 if it names nobody.
    pub actor: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Its place in the log: the partition, then the offset.
    pub place: (u32, u64),
}

impl SaleRow {
    /// The place of its scope among all: the most trusted one is first.
    fn trust(&self) -> usize {
        let scopes = KeyScope::ALL.iter();
        scopes.take_while(|scope| **scope != self.scope).count()
    }
}

/// An order, ever.
#[derive(Debug, Clone)]
struct Order {
    order_key: u64,
    has_id: bool,
    scope: KeyScope,
    at: Timestamp,
    actor: u64,
    amount: Option<i128>,
    currency: Arc<str>,
    /// Only pages tell of it, although order events come in: it does not count.
    is_left_out: bool,
}

/// A refund or a cancellation, ever.
#[derive(Debug, Clone)]
struct Refund {
    at: Timestamp,
    actor: u64,
    currency: Arc<str>,
    /// What it brings back; none if it counts for nothing.
    amount: Option<i128>,
}

/// Money that came in or went back.
#[derive(Debug, Clone)]
struct Payment {
    at: Timestamp,
    actor: u64,
    currency: Arc<str>,
    amount: i128,
    is_refund: bool,
}

/// What a site says about its money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesTerms {
    /// The currency of amounts without one.
    pub currency: Arc<str>,
    /// Whether refunds of a browser or a pixel count like a server's.
    pub browser_refunds: bool,
}

/// All orders, refunds and payments of a site.
#[derive(Debug, Clone)]
pub struct Sales {
    orders: Vec<Order>,
    refunds: Vec<Refund>,
    payments: Vec<Payment>,
    /// When each customer first ordered.
    customers: HashMap<u64, Timestamp>,
}

impl Sales {
    /// Returns the memory that it takes, roughly.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.orders.len() * size_of::<Order>()
            + self.refunds.len() * size_of::<Refund>()
            + self.payments.len() * size_of::<Payment>()
            + self.customers.len() * 2 * size_of::<(u64, Timestamp)>()
    }

    /// Returns who ordered in a range.
    #[must_use]
    pub fn who_ordered(&self, range: TimeRange) -> HashSet<u64> {
        let counts =
            |order: &&Order| !order.is_left_out && range.from <= order.at && order.at < range.to;
        let orders = self.orders.iter().filter(counts);
        orders.map(|order| order.actor).collect()
    }

    /// Works out everything from all rows of a site, in any order.
    #[must_use]
    pub fn of(rows: &[SaleRow], terms: &SalesTerms) -> Self {
        let orders = orders::orders(rows);
        let refunds = refunds::refunds(rows, &orders, terms);
        let mut customers: HashMap<u64, Timestamp> = HashMap::new();
        for order in orders
            .iter()
            .filter(|order| !order.is_left_out && order.actor != 0)
        {
            let first = customers.entry(order.actor).or_insert(order.at);
            *first = order.at.min(*first);
        }
        Self {
            payments: payments(&orders, &refunds, terms),
            orders,
            refunds,
            customers,
        }
    }
}

/// Returns the currency, or the site's if there is none.
fn or_default(currency: &Arc<str>, terms: &SalesTerms) -> Arc<str> {
    let named = if currency.is_empty() {
        &terms.currency
    } else {
        currency
    };
    Arc::clone(named)
}

fn payments(orders: &[Order], refunds: &[Refund], terms: &SalesTerms) -> Vec<Payment> {
    let of_order = |order: &Order| {
        let amount = order.amount?;
        let may_be_negative = order.scope == KeyScope::Server || terms.browser_refunds;
        Some(Payment {
            at: order.at,
            actor: order.actor,
            currency: or_default(&order.currency, terms),
            amount: if may_be_negative {
                amount
            } else {
                amount.max(0)
            },
            is_refund: false,
        })
    };
    let of_refund = |refund: &Refund| {
        Some(Payment {
            at: refund.at,
            actor: refund.actor,
            currency: Arc::clone(&refund.currency),
            amount: -refund.amount?,
            is_refund: true,
        })
    };
    let orders = orders.iter().filter(|order| !order.is_left_out);
    let orders = orders.filter_map(of_order);
    orders.chain(refunds.iter().filter_map(of_refund)).collect()
}
