//! Where vocabularies say that money and order ids are.

use std::sync::Arc;

use super::{ActorHistory, EventKind, event, only_vocabulary, track, with_vocabulary};
use crate::rules::{Classifier, FactMapping, RuleSet};

const EXAMPLE: &str = include_str!("../../../../../config/examples/invoices.toml");

fn mapping(rules: RuleSet, name: &str, properties: &str) -> Option<FactMapping> {
    let mut classifier = Classifier::new(Arc::new(rules));
    let classified = classifier.classify(&track(name, properties), &ActorHistory::default());
    classified.mapping.map(|mapping| (**mapping).clone())
}

#[test]
fn the_example_maps_invoices() {
    let expected = FactMapping {
        revenue: Some("Amount".into()),
        currency: None,
        currency_constant: Some("GBP".into()),
        order_id: Some("InvoiceNo".into()),
        order_id_absent: false,
    };
    let invoice = mapping(with_vocabulary(EXAMPLE), "invoice", "{}");
    assert_eq!(invoice.as_ref(), Some(&expected));
    let rules = with_vocabulary(EXAMPLE);
    assert_eq!(super::meaning(&rules, &track("invoice", "{}")), "purchase");
    assert_eq!(
        super::meaning(&rules, &track("cancellation", "{}")),
        "refund"
    );
    // A credit note has a number of its own, which is no order's.
    let of_cancellation = FactMapping {
        order_id: None,
        order_id_absent: true,
        ..expected
    };
    assert_eq!(mapping(rules, "cancellation", "{}"), Some(of_cancellation));
}

#[test]
fn a_rules_facts_go_before_the_files() {
    let rules = only_vocabulary(
        r#"
id = "own"
facts = { revenue = "total", currency = "EUR", order_id = "number" }
[[rule]]
event = "a"
milestone = "purchase"
facts = { currency_from = "valuta", order_id = false }
"#,
    );
    let expected = FactMapping {
        revenue: Some("total".into()),
        currency: Some("valuta".into()),
        currency_constant: None,
        order_id: None,
        order_id_absent: true,
    };
    assert_eq!(mapping(rules, "a", "{}"), Some(expected));
}

#[test]
fn shipped_rules_know_where_their_trackers_keep_order_ids() {
    let order_id = |name: &str, properties: &str| {
        mapping(RuleSet::shipped(), name, properties)
            .and_then(|mapping| mapping.order_id)
            .map(|order_id| order_id.to_string())
    };
    let ga4 = order_id("purchase", r#"{"transaction_id":"T1","value":5}"#);
    assert_eq!(ga4.as_deref(), Some("transaction_id"));
    assert_eq!(order_id("purchase", r#"{"order_id":"T1"}"#), None);
    let first_version = order_id("Order Completed", r#"{"orderId":"T1"}"#);
    assert_eq!(first_version.as_deref(), Some("orderId"));
    let shopify = order_id(
        "checkout_completed",
        r#"{"checkout":{"totalPrice":{"amount":5}}}"#,
    );
    assert_eq!(shopify.as_deref(), Some("checkout.order.id"));
}

#[test]
fn a_name_found_inside_an_event_keeps_the_outer_rules_facts() {
    let rules = with_vocabulary(
        r#"
id = "own"
[[rule]]
event = "custom"
event_from = "label"
milestone = "engage"
facts = { revenue = "amount" }
"#,
    );
    let revenue = mapping(rules, "custom", r#"{"label":"bestelling"}"#).and_then(|m| m.revenue);
    assert_eq!(revenue.as_deref(), Some("amount"));
}

#[test]
fn an_event_without_a_mapping_has_none() {
    assert_eq!(mapping(RuleSet::shipped(), "Product Viewed", "{}"), None);
    let mut classifier = Classifier::new(Arc::new(RuleSet::shipped()));
    let identify = event(EventKind::Identify, "identify", "{}", "{}");
    assert!(
        classifier
            .classify(&identify, &ActorHistory::default())
            .mapping
            .is_none()
    );
}
