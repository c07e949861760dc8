//! Why an event is classified as it is.

use super::{ActorHistory, SHIPPED, page, track, with_vocabulary};
use crate::event::EventKind;
use crate::rules::NameMatch;

#[test]
fn the_deciding_rule_is_named_with_its_position() {
    let rules = with_vocabulary(
        "id = \"own\"\n\n[[rule]]\nevent = \"Order *\"\nwhere = { test = true }\nmilestone = \"none\"\n",
    );
    let explanation = rules.explain(&track("order-completed", "{}"), &ActorHistory::default());
    let decided = explanation.decided_by.unwrap();
    assert_eq!(
        (&*decided.vocabulary, &*decided.rule),
        ("segment", "order-completed")
    );
    assert_eq!(decided.how, NameMatch::Normalised);
    assert_eq!(&*decided.pattern, "Order Completed");
    assert_eq!(&*decided.file, "config/vocabularies/segment.toml");
    let text = include_str!("../../../../../config/vocabularies/segment.toml");
    let line = text
        .lines()
        .position(|line| line == "id = \"order-completed\"")
        .unwrap();
    assert_eq!(
        decided.line as usize, line,
        "the line before the id is [[rule]]"
    );
    let first = &explanation.tried[0];
    assert_eq!(
        (&*first.vocabulary, &*first.rule, first.line),
        ("own", "order", 3)
    );
    assert_eq!(first.failed, "`test` is true");
    assert_eq!(explanation.tried[1].rule.as_ref(), "order-completed-v1");
    let revenue = &explanation.stages[0];
    assert_eq!(&*revenue.model, "aaarrr");
    let main = revenue.main.as_ref().unwrap();
    assert_eq!(
        (&*main.stage, &*main.rule, main.ordinal),
        ("revenue", "pays", 5)
    );
    assert_eq!(&*main.file, "config/models/aaarrr.toml");
}

#[test]
fn an_explanation_names_the_condition_that_held() {
    let view = page(r#"{"url":"https://x.example/pricing"}"#, "{}");
    let explanation = SHIPPED.explain(&view, &ActorHistory::default());
    let decided = explanation.decided_by.unwrap();
    assert_eq!((&*decided.vocabulary, &*decided.rule), ("pages", "content"));
    assert!(
        decided.conditions[0].contains("/pricing"),
        "{:?}",
        decided.conditions
    );
    let other_trackers = explanation
        .tried
        .iter()
        .any(|tried| *tried.vocabulary == *"matomo");
    assert!(!other_trackers);
}

#[test]
fn an_unknown_name_comes_with_a_suggestion() {
    let explanation = SHIPPED.explain(&track("Oder Completed", "{}"), &ActorHistory::default());
    assert_eq!(explanation.milestone, None);
    assert!(explanation.decided_by.is_none());
    assert_eq!(explanation.did_you_mean.as_deref(), Some("Order Completed"));
    assert_eq!(explanation.vocabularies.len(), SHIPPED.vocabularies().len());
    assert!(explanation.stages.iter().all(|stage| stage.main.is_none()));
}

#[test]
fn a_name_counts_as_understood_if_no_property_can_change_its_meaning() {
    let rules = with_vocabulary(
        "id = \"own\"\n\n[[rule]]\nevent = \"Tip Read\"\nmilestone = \"none\"\n\n\
         [[rule]]\nevent = \"Tip Sent\"\nwhere = { paid = true }\nmilestone = \"purchase\"\n",
    );
    let cases = [
        ("Order Completed", EventKind::Track, true),
        ("tip_read", EventKind::Track, true),
        ("Tip Sent", EventKind::Track, false),
        ("Garden newsletter joined", EventKind::Track, false),
        ("Home", EventKind::Page, true),
        ("Home", EventKind::Identify, false),
    ];
    for (name, kind, expected) in cases {
        assert_eq!(rules.understands(name, kind), expected, "{name}");
    }
}

#[test]
fn an_explanation_names_the_property_that_held_the_name() {
    let explain = |properties: &str| {
        let explanation = SHIPPED.explain(&track("se", properties), &ActorHistory::default());
        explanation.decided_by.unwrap()
    };
    let alone = explain(r#"{"se_ac":"Account aangemaakt","se_ca":"Kop"}"#);
    assert_eq!(&*alone.vocabulary, "generic-nl");
    assert_eq!(alone.name, "Account aangemaakt");
    assert_eq!(alone.name_from.as_deref(), Some("se_ac"));
    let together = explain(r#"{"se_ac":"aangemeld","se_ca":"Nieuwsbrief"}"#);
    assert_eq!(&*together.rule, "nieuwsbrief");
    assert_eq!(together.name, "aangemeld Nieuwsbrief");
    assert_eq!(together.name_from.as_deref(), Some("se_ac, se_ca"));
}

#[test]
fn an_explanation_is_json() {
    let explanation = SHIPPED.explain(&track("purchase", "{}"), &ActorHistory::default());
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["milestone"], "purchase");
    assert_eq!(json["decided_by"]["how"], "exact");
    assert_eq!(json["decided_by"]["vocabulary"], "ga4");
    assert_eq!(json["stages"][0]["main"]["labels"]["nl"], "Omzet");
    let models = serde_json::to_value(SHIPPED.models()).unwrap();
    assert_eq!(models[0]["stages"][3]["gate"], false);
}
