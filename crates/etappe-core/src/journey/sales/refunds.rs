//! What refunds and cancellations bring back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{AmountState, Order, Refund, SaleKind, SaleRow, SalesTerms, or_default};
use crate::event::KeyScope;

/// What a refund must know of its order.
struct Known<'o> {
    order: &'o Order,
    /// What the order brought; never below zero.
    brought: i128,
    currency: Arc<str>,
}

/// Returns every refund. An order brings back at most what it brought; a server's refunds come first,
/// then they go by time and arrival.
pub(super) fn refunds(rows: &[SaleRow], orders: &[Order], terms: &SalesTerms) -> Vec<Refund> {
    let known = known_orders(orders, terms);
    let is_claim = |row: &&SaleRow| matches!(row.kind, SaleKind::Refund | SaleKind::Cancellation);
    let mut claims: BTreeMap<(bool, u64), Vec<&SaleRow>> = BTreeMap::new();
    for row in rows.iter().filter(is_claim) {
        claims
            .entry((row.has_id, row.order_key))
            .or_default()
            .push(row);
    }
    let mut refunds = Vec::new();
    for ((has_id, order_key), mut claims) in claims {
        claims.sort_by_key(|row| (row.trust(), row.at, row.place));
        let order = known.get(&order_key).filter(|_| has_id);
        let mut asked_before: i128 = 0;
        for claim in claims {
            let claimed = claim.amount.unwrap_or_default().saturating_abs();
            let brought = match (has_id, order) {
                (true, order) => order.map_or(0, |order| order.brought),
                (false, _) => claimed,
            };
            let is_valid = is_valid(claim, order, terms);
            let asked = match is_valid {
                false => 0,
                true if brings_all(claim) => brought,
                true => claimed.min(brought),
            };
            let asked_so_far = asked_before.saturating_add(asked);
            let amount = brought.min(asked_so_far) - brought.min(asked_before);
            asked_before = asked_so_far;
            refunds.push(Refund {
                at: claim.at,
                actor: order.map_or(claim.actor, |order| order.order.actor),
                currency: order.map_or_else(
                    || or_default(&claim.currency, terms),
                    |order| Arc::clone(&order.currency),
                ),
                amount: Some(amount).filter(|amount| is_valid && *amount != 0),
            });
        }
    }
    refunds
}

fn known_orders<'o>(orders: &'o [Order], terms: &SalesTerms) -> HashMap<u64, Known<'o>> {
    let counted = orders
        .iter()
        .filter(|order| order.has_id && !order.is_left_out);
    let known = counted.map(|order| {
        let known = Known {
            order,
            brought: order.amount.unwrap_or_default().max(0),
            currency: or_default(&order.currency, terms),
        };
        (order.order_key, known)
    });
    known.collect()
}

/// Returns whether a claim asks for all that is left.
const fn brings_all(claim: &SaleRow) -> bool {
    let cancels = matches!(claim.kind, SaleKind::Cancellation) && claim.has_id;
    claim.amount.is_none() || cancels
}

/// Returns whether a claim may bring something back, see `left_out` of the view `refunds`.
fn is_valid(claim: &SaleRow, order: Option<&Known<'_>>, terms: &SalesTerms) -> bool {
    if claim.amount_state == AmountState::Withheld || (claim.has_id && order.is_none()) {
        return false;
    }
    let of_server = order.is_some_and(|order| order.order.scope == KeyScope::Server);
    let is_trusted = claim.scope == KeyScope::Server || terms.browser_refunds;
    if !is_trusted && (!claim.has_id || of_server) {
        return false;
    }
    if claim.kind == SaleKind::Cancellation && claim.has_id {
        return true;
    }
    if claim.amount_state == AmountState::Unread || (!claim.has_id && claim.amount.is_none()) {
        return false;
    }
    let names_currency = claim.has_id && claim.amount.is_some() && !claim.currency.is_empty();
    !names_currency || order.is_none_or(|order| order.currency == claim.currency)
}
