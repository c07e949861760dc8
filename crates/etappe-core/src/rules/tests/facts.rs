//! Where vocabularies say that events keep their money and order ids.

use std::sync::Arc;

use super::{ActorHistory, EventKind, event, only_vocabulary, track, with_vocabulary};
use crate::facts::{EventFacts, FactNames};
use crate::rules::{FactMapping, RuleClassifier, RuleSet, RuleSource};

const EXAMPLE: &str = include_str!("../../../../../config/examples/invoices.toml");

fn mapping(rules: RuleSet, name: &str, properties: &str) -> Option<FactMapping> {
    let mut classifier = RuleClassifier::new(Arc::new(rules));
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
        order_id_from_url: Box::default(),
    };
    let invoice = mapping(with_vocabulary(EXAMPLE), "invoice", "{}");
    assert_eq!(invoice.as_ref(), Some(&expected));
    let rules = with_vocabulary(EXAMPLE);
    assert_eq!(super::meaning(&rules, &track("invoice", "{}")), "purchase");
    assert_eq!(
        super::meaning(&rules, &track("cancellation", "{}")),
        "refund"
    );
    // A credit note has a number of its own, which is not an order's.
    let of_cancellation = FactMapping {
        order_id: None,
        order_id_absent: true,
        ..expected
    };
    assert_eq!(mapping(rules, "cancellation", "{}"), Some(of_cancellation));
}

#[test]
fn a_rules_facts_take_precedence_over_those_of_its_file() {
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
        order_id_from_url: Box::default(),
    };
    assert_eq!(mapping(rules, "a", "{}"), Some(expected));
}

/// Addresses of order confirmation pages of shops, and the order's id in them.
const ORDER_PAGES: &[(&str, &str)] = &[
    (
        "https://winkel.nl/checkout/order-received/W-1042/?key=wc_order_x",
        "W-1042",
    ),
    ("https://winkel.nl/afrekenen/order-received/1042/", "1042"),
    (
        "https://winkel.nl/checkouts/cn/Z2NwLWV1cm9wZS/thank-you",
        "",
    ),
    ("https://winkel.nl/54/checkouts/6a1f/thank_you", ""),
    ("https://winkel.nl/checkout/onepage/success/", ""),
    (
        "https://winkel.nl/nl/order-confirmation?id_cart=8&id_module=3&id_order=77&key=q",
        "77",
    ),
    ("https://winkel.nl/checkout/order-confirmation/311", "311"),
    (
        "https://winkel.nl/checkout/finish?orderId=0190aBcD",
        "0190aBcD",
    ),
    ("https://winkel.nl/checkout/order-confirmed?oid=5", ""),
    ("https://winkel.nl/nl/checkout/thankyou/", ""),
    ("https://winkel.nl/bestelling/bedankt?order_id=A7", "A7"),
];

#[test]
fn an_order_confirmation_page_is_a_view_and_may_name_the_order() {
    let mut classifier = RuleClassifier::new(Arc::new(RuleSet::shipped()));
    let history = ActorHistory::default();
    let mut read = |kind, name: &str, properties: &str, context: &str| {
        let event = event(kind, name, properties, context);
        let classified = classifier.classify(&event, &history);
        let meaning = classified
            .outcome
            .milestone
            .map(crate::milestone::Milestone::as_str);
        let names = classified
            .mapping
            .map_or_else(FactNames::default, |m| FactNames::of(m));
        let facts = EventFacts::extract(&event, names);
        (meaning, facts.is_view, facts.order_id.to_string())
    };
    for (url, id) in ORDER_PAGES {
        let expected = (Some("purchase"), true, (*id).to_owned());
        let context = format!(r#"{{"page":{{"url":"{url}"}}}}"#);
        let properties = format!(r#"{{"page_location":"{url}"}}"#);
        assert_eq!(
            read(EventKind::Page, "page", "{}", &context),
            expected,
            "{url}"
        );
        let as_event = read(EventKind::Track, "page_view", &properties, "{}");
        assert_eq!(as_event, expected, "{url}");
    }
    // A property takes precedence over the address; an order event is not a view.
    let context = r#"{"page":{"url":"https://winkel.nl/order-received/5"}}"#;
    let named = read(EventKind::Page, "page", r#"{"order_id":"6"}"#, context);
    assert_eq!(named.2, "6");
    let sent = read(
        EventKind::Track,
        "Order Completed",
        r#"{"order_id":"6"}"#,
        context,
    );
    assert_eq!(sent, (Some("purchase"), false, "6".to_owned()));
    // Pages that may be opened again later, or before anything was ordered.
    for path in [
        "/account/orders/12",
        "/orders/6a1f",
        "/checkout",
        "/order",
        "/thank-you",
        "/order-status/4",
    ] {
        let context = format!(r#"{{"page":{{"url":"https://winkel.nl{path}"}}}}"#);
        let (meaning, _, id) = read(EventKind::Page, "page", "{}", &context);
        assert_ne!(meaning, Some("purchase"), "{path}");
        assert_eq!(id, "", "{path}");
    }
}

#[test]
fn an_invalid_place_in_the_address_is_a_mistake() {
    let text = r#"
id = "own"
[[rule]]
event = "a"
milestone = "purchase"
facts = { order_id_from_url = ["/order", "?number"] }
"#;
    let mistakes = RuleSet::compile([RuleSource::vocabulary("own.toml", text)]).unwrap_err();
    let [mistake] = &mistakes[..] else {
        panic!("{mistakes:#?}");
    };
    assert_eq!(
        mistake.message,
        "`order_id_from_url` cannot be read from `/order`"
    );
    assert!(
        mistake
            .help
            .as_ref()
            .is_some_and(|help| help.starts_with("write `/order/*`"))
    );
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
    let mut classifier = RuleClassifier::new(Arc::new(RuleSet::shipped()));
    let identify = event(EventKind::Identify, "identify", "{}", "{}");
    assert!(
        classifier
            .classify(&identify, &ActorHistory::default())
            .mapping
            .is_none()
    );
}
