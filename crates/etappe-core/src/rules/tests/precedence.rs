//! Which rule wins when several match.

use super::{
    ActorHistory, EventKind, SHIPPED, event, meaning, only_vocabulary, page, track, with_vocabulary,
};
use crate::rules::{RuleFileKind, RuleSet, RuleSource};

#[test]
fn rules_with_conditions_precede_exact_then_normalised_then_glob_names() {
    let rules = only_vocabulary(
        r#"
id = "own"
[[rule]]
id = "glob"
event = "order*"
milestone = "visit"
[[rule]]
id = "normalised"
event = "ORDER DONE"
milestone = "engage"
[[rule]]
id = "exact"
event = "order.done"
milestone = "purchase"
[[rule]]
id = "condition"
event = "order*"
where = { test = true }
milestone = "none"
"#,
    );
    let check = |name: &str, properties: &str| meaning(&rules, &track(name, properties));
    assert_eq!(check("order.done", "{}"), "purchase");
    assert_eq!(check("ORDER DONE", "{}"), "engage");
    // Both other rules match this spelling normalised: the earlier one wins.
    assert_eq!(check("order-done", "{}"), "engage");
    assert_eq!(check("order_made", "{}"), "visit");
    assert_eq!(check("order.done", r#"{"test":true}"#), "none");
    assert_eq!(check("reorder", "{}"), "unknown");
}

#[test]
fn a_users_vocabulary_takes_precedence_over_the_shipped_ones() {
    let rules = with_vocabulary(
        r#"
id = "own"
[[rule]]
event = "Subscribe"
milestone = "subscribe"
[[rule]]
id = "no-tests"
event = "*"
where = { test = true }
milestone = "none"
[[rule]]
event = ["purchase", "Product *"]
milestone = "none"
"#,
    );
    assert_eq!(meaning(&SHIPPED, &track("Subscribe", "{}")), "purchase");
    assert_eq!(meaning(&rules, &track("Subscribe", "{}")), "subscribe");
    assert_eq!(
        meaning(&rules, &track("Order Completed", r#"{"test":true}"#)),
        "none"
    );
    assert_eq!(meaning(&rules, &track("Order Completed", "{}")), "purchase");
    // `none` is a decision: no later vocabulary is tried.
    assert_eq!(meaning(&rules, &track("purchase", "{}")), "none");
    assert_eq!(meaning(&rules, &track("product viewed", "{}")), "none");
    assert_eq!(meaning(&rules, &page(r#"{"test":true}"#, "{}")), "none");
}

#[test]
fn a_users_file_replaces_the_shipped_one_with_its_id() {
    let rules = with_vocabulary(
        "id = \"generic-nl\"\npriority = 910\n[[rule]]\nevent = \"gekocht\"\nmilestone = \"purchase\"\n",
    );
    assert_eq!(meaning(&SHIPPED, &track("inloggen", "{}")), "login");
    assert_eq!(meaning(&rules, &track("inloggen", "{}")), "unknown");
    assert_eq!(meaning(&rules, &track("gekocht", "{}")), "purchase");
    assert_eq!(rules.vocabularies().len(), SHIPPED.vocabularies().len());
}

#[test]
fn priority_orders_vocabularies_and_ids_break_ties() {
    let order: Vec<_> = SHIPPED.vocabularies().iter().map(|v| &*v.id).collect();
    assert_eq!(
        order,
        [
            "matomo",
            "plausible",
            "segment",
            "snowplow",
            "ga4",
            "shopify",
            "posthog",
            "mixpanel",
            "amplitude",
            "meta",
            "forms",
            "pages",
            "generic-en",
            "generic-nl",
        ]
    );
}

#[test]
fn a_rule_applies_only_to_its_kinds() {
    let rules = only_vocabulary(
        r#"
id = "own"
[[rule]]
id = "tracked"
event = "*"
kind = "track"
milestone = "feature_use"
[[rule]]
id = "shown"
event = "*"
kind = ["page", "screen"]
milestone = "visit"
"#,
    );
    let of = |kind, name| meaning(&rules, &event(kind, name, "{}", "{}"));
    assert_eq!(of(EventKind::Track, "page"), "feature_use");
    assert_eq!(of(EventKind::Page, "page"), "visit");
    assert_eq!(of(EventKind::Screen, "screen"), "visit");
    assert_eq!(of(EventKind::Identify, "identify"), "unknown");
}

/// A condition, properties that meet it, and properties that do not.
#[rustfmt::skip]
const CONDITIONS: &[(&str, &str, &str)] = &[
    (r#"{ a = "x" }"#, r#"{"a":"x"}"#, r#"{"a":"X"}"#),
    (r#"{ a = 1 }"#, r#"{"a":1.0}"#, r#"{"a":"one"}"#),
    (r#"{ a = "1" }"#, r#"{"a":1}"#, r#"{"a":"01"}"#),
    (r#"{ a = "1" }"#, r#"{"a":1.0}"#, r#"{"a":"1e0"}"#),
    (r#"{ a = 200 }"#, r#"{"a":2e2}"#, r#"{"a":"0200"}"#),
    (r#"{ a = 2e2 }"#, r#"{"a":"200.00"}"#, r#"{"a":200.5}"#),
    (r#"{ a = 9007199254740993 }"#, r#"{"a":9007199254740993}"#, r#"{"a":9007199254740992}"#),
    (r#"{ a = +0.12345678901234567891 }"#, r#"{"a":0.123456789012345678910}"#, r#"{"a":0.12345678901234567892}"#),
    (r#"{ a = "true" }"#, r#"{"a":true}"#, r#"{"a":"True"}"#),
    (r#"{ a = "null" }"#, r#"{"a":"null"}"#, r#"{"a":null}"#),
    (r#"{ a = true }"#, r#"{"a":"true"}"#, r#"{"a":1}"#),
    (r#"{ a = ["x", 2] }"#, r#"{"a":"2"}"#, r#"{"a":3}"#),
    (r#"{ a = { is = "x" } }"#, r#"{"a":"x"}"#, "{}"),
    (r#"{ a = { one_of = ["x", "y"] } }"#, r#"{"a":"y"}"#, r#"{"a":"z"}"#),
    (r#"{ a = { not = "x" } }"#, "{}", r#"{"a":"x"}"#),
    (r#"{ a = { none_of = ["x", "y"] } }"#, r#"{"a":"z"}"#, r#"{"a":"y"}"#),
    (r#"{ a = { exists = true } }"#, r#"{"a":0}"#, r#"{"a":null}"#),
    (r#"{ a = { exists = true } }"#, r#"{"a":[]}"#, r#"{"a":""}"#),
    (r#"{ a = { exists = false } }"#, r#"{"a":null}"#, r#"{"a":false}"#),
    (r#"{ a = { absent = true } }"#, "{}", r#"{"a":"x"}"#),
    (r#"{ a = { glob = "*big shoe*" } }"#, r#"{"a":"A BIG-shoe!"}"#, r#"{"a":"bigshoe"}"#),
    (r#"{ a = { glob = ["1*", "x"] } }"#, r#"{"a":12}"#, r#"{"a":21}"#),
    (r#"{ a = { glob = ["20*"] } }"#, r#"{"a":2.00e2}"#, r#"{"a":2}"#),
    (r#"{ a = { not_glob = "x*" } }"#, r#"{"a":true}"#, r#"{"a":"xy"}"#),
    (r#"{ a = { words = ["demo", "sign up"] } }"#, r#"{"a":"bookDemo"}"#, r#"{"a":"Demographics"}"#),
    (r#"{ a = { words = ["demo", "sign up"] } }"#, r#"{"a":"Sign-up!"}"#, r#"{"a":"sign it up"}"#),
    (r#"{ a = { words = "x", not_words = ["no", "y"] } }"#, r#"{"a":"x z"}"#, r#"{"a":"No X"}"#),
    (r#"{ a = { not_words = "x" } }"#, r#"{"b":"x"}"#, r#"{"a":"x"}"#),
    (r#"{ a = { above = 1, at_most = 2.5 } }"#, r#"{"a":"2.5"}"#, r#"{"a":1}"#),
    (r#"{ a = { at_least = 1, below = 2 } }"#, r#"{"a":1}"#, r#"{"a":2}"#),
    (r#"{ a.b = 1 }"#, r#"{"a":{"b":1}}"#, r#"{"a":{"c":1}}"#),
    (r#"{ "a.b" = 1 }"#, r#"{"a.b":1}"#, r#"{"a":1}"#),
    (r#"{ properties.a = 1 }"#, r#"{"a":1}"#, r#"{"properties":{"a":2}}"#),
    (r#"{ a = 1, b = { exists = true } }"#, r#"{"a":1,"b":1}"#, r#"{"a":1}"#),
];

#[test]
fn operators_compare_as_documented() {
    for (condition, matching, other) in CONDITIONS {
        let text = format!(
            "id = \"own\"\n[[rule]]\nevent = \"x\"\nwhere = {condition}\nmilestone = \"visit\"\n"
        );
        let rules = only_vocabulary(&text);
        assert_eq!(
            meaning(&rules, &track("x", matching)),
            "visit",
            "{condition} {matching}"
        );
        assert_eq!(
            meaning(&rules, &track("x", other)),
            "unknown",
            "{condition} {other}"
        );
    }
}

#[test]
fn traits_and_context_are_addressed_by_their_prefix() {
    let rules = only_vocabulary(
        r#"
id = "own"
where = { context.app.name = "shop", traits.plan = "pro" }
[[rule]]
event = "*"
milestone = "feature_use"
"#,
    );
    let mut known = event(EventKind::Track, "x", "{}", r#"{"app":{"name":"shop"}}"#);
    assert_eq!(meaning(&rules, &known), "unknown");
    known.traits = crate::json::JsonObject::parse(r#"{"plan":"pro"}"#).unwrap();
    assert_eq!(meaning(&rules, &known), "feature_use");
}

#[test]
fn event_from_matches_names_of_generic_and_own_vocabularies() {
    let rules = with_vocabulary(
        r#"
id = "own"
[[rule]]
event = "custom"
event_from = ["label", "action.name"]
milestone = "engage"
[[rule]]
event = "Gold card"
milestone = "loyalty_join"
[[rule]]
event = "again"
event_from = "label"
milestone = "visit"
"#,
    );
    let check = |properties: &str| meaning(&rules, &track("custom", properties));
    assert_eq!(check(r#"{"label":"Nieuwsbrief aanmelding"}"#), "subscribe");
    assert_eq!(check(r#"{"label":"Nieuwsbrief"}"#), "engage");
    // Both values together form the name, and an undoing word in one of them cancels the other.
    let together = r#"{"label":"Placed","action":{"name":"order"}}"#;
    assert_eq!(check(together), "purchase");
    let undone = r#"{"label":"Order placed","action":{"name":"click"}}"#;
    assert_eq!(check(undone), "engage");
    // A name from a user's vocabulary is not affected by undoing words.
    let own = r#"{"label":"Gold card","action":{"name":"click"}}"#;
    assert_eq!(check(own), "loyalty_join");
    assert_eq!(
        check(r#"{"label":"?","action":{"name":"gold-card"}}"#),
        "loyalty_join"
    );
    // Names from a single tracker's vocabulary are not tried, nor are rules with `event_from`.
    assert_eq!(check(r#"{"label":"Subscribe"}"#), "engage");
    assert_eq!(check(r#"{"label":"again"}"#), "engage");
    assert_eq!(check(r#"{"label":7}"#), "engage");
    assert_eq!(check("{}"), "engage");
}

#[test]
fn a_rule_can_require_exact_spelling() {
    let rules = only_vocabulary(
        r#"
id = "own"
match = "exact"
[[rule]]
event = ["Done", "A*"]
milestone = "purchase"
[[rule]]
event = "Started"
match = "any"
milestone = "visit"
"#,
    );
    let check = |name: &str| meaning(&rules, &track(name, "{}"));
    assert_eq!(check("Done"), "purchase");
    assert_eq!(check("done"), "unknown");
    assert_eq!(check("Abc"), "purchase");
    assert_eq!(check("abc"), "unknown");
    assert_eq!(check("started"), "visit");
}

#[test]
fn the_first_vocabulary_that_knows_a_name_decides() {
    for (name, expected, vocabulary) in [
        ("session_start", "visit", "ga4"),
        ("ad_impression", "none", "ga4"),
        ("ad_click", "none", "ga4"),
        ("Search", "search", "ga4"),
        ("Purchase", "purchase", "ga4"),
        ("product_viewed", "content_view", "segment"),
        ("signed_up", "signup", "segment"),
        ("Page viewed", "visit", "pages"),
        ("$identify", "none", "posthog"),
        ("order_cancelled", "order_cancel", "segment"),
        ("file_download", "engage", "plausible"),
    ] {
        let outcome = SHIPPED.classify(&track(name, "{}"), &ActorHistory::default());
        let decision = outcome.vocabulary.as_ref().unwrap();
        assert_eq!(&*decision.vocabulary, vocabulary, "{name}");
        assert_eq!(meaning(&SHIPPED, &track(name, "{}")), expected, "{name}");
    }
}

/// Names that two vocabularies understand differently, with the meaning that wins. A new one must
/// be a deliberate decision.
#[rustfmt::skip]
const DISPUTED: &[(&str, &str, &str)] = &[];

#[test]
fn every_disputed_name_is_known() {
    let mut found = Vec::new();
    let alone: Vec<RuleSet> = RuleSource::shipped()
        .into_iter()
        .filter(|source| source.kind == RuleFileKind::Vocabulary)
        .map(|source| RuleSet::compile([source]).unwrap())
        .collect();
    let mut names: Vec<&str> = SHIPPED.names.known_names().collect();
    names.sort_unstable();
    for name in names {
        let event = track(name, "{}");
        let winning = meaning(&SHIPPED, &event);
        for rules in &alone {
            let other = meaning(rules, &event);
            if other != "unknown" && other != winning {
                found.push((name, winning, other));
            }
        }
    }
    assert_eq!(found, DISPUTED);
}
