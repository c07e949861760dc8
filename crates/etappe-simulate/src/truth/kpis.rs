//! The cards.

use serde_json::{Value, json};

use super::money::{amount, amount_per};
use super::{Range, Span, Truth, as_f64, share};

/// The normal quantile that leaves 2.5 % on each side.
const Z: f64 = 1.959_963_984_540_054;

/// A card in one range.
struct Card {
    id: &'static str,
    unit: &'static str,
    is_money: bool,
    value: Value,
    counts: Value,
    /// The part and the whole, if it is a share.
    share: Option<(u64, u64)>,
}

impl Truth {
    /// Returns the answer to `GET …/kpis` for the model `aaarrr`.
    #[must_use]
    pub fn kpis(&self, range: Range) -> Value {
        let as_of = range.as_of_millis();
        let cards = self.cards(range.span(), as_of);
        let before = self.before(range.span());
        let before = before.map(|span| self.cards(span, as_of));
        let kpis = cards.into_iter().enumerate().map(|(place, card)| {
            let previous = before.as_ref().map(|cards| cards[place].value.clone());
            json!({
                "id": card.id, "value": card.value, "previous": previous, "unit": card.unit,
                "interval": card.share.and_then(|(part, whole)| interval(part, whole)),
                "currency": card.is_money.then_some(&self.currency),
                "counts": card.counts,
            })
        });
        json!({
            "model": "aaarrr", "kpis": kpis.collect::<Vec<_>>(),
            "biggest_leak": self.leak(range),
        })
    }

    fn cards(&self, span: Span, as_of: i64) -> Vec<Card> {
        let mut cards = self.people_cards(span, as_of);
        cards.extend(self.money_cards(span));
        cards.extend(self.referral_cards(span));
        let (cohort, returned) = self.retention(span, as_of);
        cards.push(share_card(
            "retention_rate",
            (returned, cohort),
            json!({ "returned": returned, "cohort": cohort }),
        ));
        let scores = self.scores(span);
        cards.push(card(
            "nps",
            "score",
            scores.value(),
            json!({
                "promoters": scores.promoters, "passives": scores.passives,
                "detractors": scores.detractors, "answers": scores.answers(),
            }),
        ));
        let (events, unmapped) = self.events_in(span);
        cards.push(share_card(
            "unmapped_share",
            (unmapped, events),
            json!({ "unmapped_events": unmapped, "events": events }),
        ));
        cards
    }

    fn people_cards(&self, span: Span, as_of: i64) -> Vec<Card> {
        let visitors = self.active(span).len();
        let signups = self.signups(span, as_of);
        let money = self.money(span);
        vec![
            card(
                "visitors",
                "actors",
                json!(visitors),
                json!({ "visitors": visitors }),
            ),
            card(
                "signups",
                "actors",
                json!(signups.signups),
                json!({ "signups": signups.signups }),
            ),
            share_card(
                "activation_rate",
                (signups.activated, signups.eligible),
                json!({
                    "activated": signups.activated, "eligible_signups": signups.eligible,
                    "signups": signups.signups,
                }),
            ),
            card(
                "customers",
                "actors",
                json!(money.customers),
                json!({ "customers": money.customers }),
            ),
            card(
                "orders",
                "orders",
                json!(money.orders),
                json!({
                    "orders": money.orders, "refunds": money.refunds,
                    "refunds_left_out": money.refunds_left_out, "order_pages_left_out": 0,
                }),
            ),
        ]
    }

    fn money_cards(&self, span: Span) -> Vec<Card> {
        let money = self.money(span);
        let (orders, customers) = (money.orders, money.customers);
        let ratio = share(orders, customers);
        vec![
            money_card(
                "revenue",
                amount(money.revenue),
                json!({ "orders": orders, "customers": customers }),
            ),
            card(
                "purchases_per_customer",
                "orders_per_customer",
                ratio,
                json!({ "orders": orders, "customers": customers }),
            ),
            share_card(
                "repeat_rate",
                (money.repeat_customers, customers),
                json!({ "repeat_customers": money.repeat_customers, "customers": customers }),
            ),
            money_card(
                "average_order_value",
                amount_per(money.gross, orders),
                json!({ "order_amounts": amount(money.gross), "orders": orders }),
            ),
            money_card(
                "revenue_per_customer",
                amount_per(money.revenue, customers),
                json!({ "revenue": amount(money.revenue), "customers": customers }),
            ),
            money_card(
                "lifetime_value",
                amount_per(money.lifetime_revenue, money.new_customers),
                json!({
                    "revenue_to_date": amount(money.lifetime_revenue),
                    "new_customers": money.new_customers,
                }),
            ),
        ]
    }

    fn referral_cards(&self, span: Span) -> Vec<Card> {
        let counts = self.referral_counts(span);
        vec![
            card(
                "referrals_per_customer",
                "actors_per_customer",
                counts.per_customer(),
                json!({ "referred": counts.referred, "customers": counts.customers }),
            ),
            card(
                "k_factor",
                "actors_per_actor",
                counts.k_factor(),
                json!({
                    "invitations": counts.invitations, "active_actors": counts.active,
                    "converted": counts.converted,
                }),
            ),
            card(
                "k_observed",
                "actors_per_actor",
                counts.k_observed(),
                json!({ "referred_activated": counts.activated, "active_actors": counts.active }),
            ),
            card(
                "viral_cycle_time_s",
                "seconds",
                counts.cycle(),
                json!({ "referred_activated": counts.activated }),
            ),
        ]
    }
}

const fn card(id: &'static str, unit: &'static str, value: Value, counts: Value) -> Card {
    Card {
        id,
        unit,
        is_money: false,
        value,
        counts,
        share: None,
    }
}

fn money_card(id: &'static str, value: Value, counts: Value) -> Card {
    Card {
        is_money: true,
        ..card(id, "money", value, counts)
    }
}

fn share_card(id: &'static str, (part, whole): (u64, u64), counts: Value) -> Card {
    Card {
        share: Some((part, whole)),
        ..card(id, "share", share(part, whole), counts)
    }
}

/// Returns where the true share lies with 95 % confidence (Wilson); `None` without a whole.
fn interval(part: u64, whole: u64) -> Option<[f64; 2]> {
    if whole == 0 {
        return None;
    }
    let (n, p) = (as_f64(whole), as_f64(part) / as_f64(whole));
    let middle = p + Z * Z / 2.0 / n;
    let reach = Z * (p * (1.0 - p) / n + Z * Z / 4.0 / n / n).sqrt();
    let scale = 1.0 + Z * Z / n;
    Some([
        ((middle - reach) / scale).max(0.0),
        ((middle + reach) / scale).min(1.0),
    ])
}
