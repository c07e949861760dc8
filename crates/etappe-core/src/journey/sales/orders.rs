//! Which purchases are which orders.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Order, SaleKind, SaleRow};
use crate::event::KeyScope;

/// A page seen again within so many milliseconds tells of the same order.
const PAGE_AGAIN: i64 = 24 * 60 * 60 * 1_000;
/// Pages do not count if an order event came so many days before or after.
const DAYS_AROUND: i64 = 30;
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// Returns every order: the most trusted purchase of its id, the earliest of several, then the first
/// to arrive.
pub(super) fn orders(rows: &[SaleRow]) -> Vec<Order> {
    let events = event_days(rows);
    let again = pages_seen_again(rows);
    let mut best: HashMap<(u64, bool), &SaleRow> = HashMap::new();
    for (place, row) in rows.iter().enumerate() {
        if is_purchase(row) && !again.contains(&place) {
            let known = best.entry((row.order_key, row.has_id)).or_insert(row);
            if rank(row) < rank(known) {
                *known = row;
            }
        }
    }
    let order = |row: &&SaleRow| Order {
        order_key: row.order_key,
        has_id: row.has_id,
        scope: row.scope,
        at: row.at,
        actor: row.actor,
        amount: row.amount,
        currency: row.currency.clone(),
        is_left_out: is_page(row) && events.contains_near(row),
    };
    best.values().map(order).collect()
}

const fn is_page(row: &SaleRow) -> bool {
    matches!(row.kind, SaleKind::PurchasePage)
}

const fn is_purchase(row: &SaleRow) -> bool {
    matches!(row.kind, SaleKind::Purchase | SaleKind::PurchasePage)
}

/// The order of purchases of one order: by trust, any event before any page, then by time and arrival.
fn rank(row: &SaleRow) -> impl Ord + use<> {
    (is_page(row), row.trust(), row.at, row.place)
}

/// Returns the places of pages without an order that a person had seen within a day before.
fn pages_seen_again(rows: &[SaleRow]) -> BTreeSet<usize> {
    let mut pages: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        if is_page(row) && !row.has_id && row.actor != 0 {
            pages.entry(row.actor).or_default().push(place);
        }
    }
    let mut again = BTreeSet::new();
    for mut places in pages.into_values() {
        let order = |place: &usize| rows.get(*place).map(|row| (row.at, row.place));
        places.sort_by_key(order);
        for pair in places.windows(2) {
            if let [before, after] = pair
                && let (Some(before), Some(row)) = (rows.get(*before), rows.get(*after))
                && row.at.millis_since(before.at) <= PAGE_AGAIN
            {
                again.insert(*after);
            }
        }
    }
    again
}

/// The days with order events, of anybody and of servers.
struct EventDays {
    all: BTreeSet<i64>,
    by_server: BTreeSet<i64>,
}

fn event_days(rows: &[SaleRow]) -> EventDays {
    let events = || rows.iter().filter(|row| row.kind == SaleKind::Purchase);
    let by_server = events().filter(|row| row.scope == KeyScope::Server);
    EventDays {
        all: events().map(day).collect(),
        by_server: by_server.map(day).collect(),
    }
}

fn day(row: &SaleRow) -> i64 {
    row.at.as_millis().div_euclid(DAY)
}

impl EventDays {
    /// Returns whether order events came in around a page: a server's, if a server tells of it.
    fn contains_near(&self, page: &SaleRow) -> bool {
        let days = match page.scope {
            KeyScope::Server => &self.by_server,
            KeyScope::Browser | KeyScope::Pixel => &self.all,
        };
        let day = day(page);
        days.range(day - DAYS_AROUND..=day + DAYS_AROUND)
            .next()
            .is_some()
    }
}
