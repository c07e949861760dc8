//! Generic names and their milestones; most of the names only look like a milestone.

use super::{SHIPPED, meaning, track, with_vocabulary};
use crate::rules::Doubt;

/// Lines of a milestone or `-`, a tab, and a name.
const NAMES: &str = include_str!("generic_names.tsv");

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    NAMES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            line.split_once('\t')
                .unwrap_or_else(|| panic!("no tab in {line:?}"))
        })
}

fn found(name: &str) -> &'static str {
    match meaning(&SHIPPED, &track(name, "{}")) {
        "none" | "unknown" => "-",
        milestone => milestone,
    }
}

#[test]
fn names_get_the_meaning_they_state_and_none_they_negate() {
    let wrong: Vec<String> = rows()
        .filter(|(expected, name)| found(name) != *expected)
        .map(|(expected, name)| format!("{name}: {}, expected {expected}", found(name)))
        .collect();
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
    assert!(rows().count() >= 300);
}

#[test]
fn white_space_around_a_name_and_within_it_changes_nothing() {
    // Also for names of which only one spelling matches.
    let exact = [
        ("purchase", "Subscribe"),
        ("feedback", "survey sent"),
        ("lead", "Lead"),
    ];
    for (expected, name) in rows().chain(exact) {
        for spaced in [
            format!(" {name}\t"),
            format!("\u{a0}{}\u{2003}\n", name.replace(' ', " \u{3000} ")),
        ] {
            assert_eq!(found(&spaced), expected, "{spaced:?}");
        }
    }
}

#[test]
fn every_spelling_of_a_name_means_the_same() {
    let wrong: Vec<String> = rows()
        .filter(|(_, name)| name.is_ascii() && !name.contains(char::is_uppercase))
        .filter(|(_, name)| name.contains('_'))
        .flat_map(|(expected, name)| {
            let title = |name: &str| {
                let words = name.split('_').map(|word| {
                    let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
                    first.to_uppercase() + rest
                });
                words.collect::<Vec<_>>().join("")
            };
            let spellings = [
                name.replace('_', " "),
                name.replace('_', "-"),
                name.replace('_', "."),
                name.replace('_', ":"),
                name.replace('_', "/"),
                name.to_uppercase(),
                title(name),
            ];
            spellings
                .into_iter()
                .filter(move |spelling| found(spelling) != expected)
                .map(move |spelling| {
                    format!("{spelling}: {}, expected {expected}", found(&spelling))
                })
        })
        .collect();
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
}

#[test]
fn a_negating_word_removes_the_meaning_in_any_position() {
    let english = [
        "failed", "started", "begin", "error", "clicked", "button", "page", "viewed", "not",
        "method", "step", "pending", "attempt", "modal", "list", "open", "will", "email",
    ];
    let dutch = [
        "mislukt", "gestart", "geklikt", "knop", "pagina", "bekeken", "niet", "methode", "stap",
        "geen", "scherm", "lijst", "geopend", "poging",
    ];
    let whole = [
        ("purchase_completed", &english[..]),
        ("order_placed", &english),
        ("refund_issued", &english),
        ("user_signed_up", &english),
        ("newsletter_signup", &english),
        ("plan_upgraded", &english),
        ("bestelling_geplaatst", &dutch),
        ("account_aangemaakt", &dutch),
        ("bedrag_terugbetaald", &dutch),
        ("abonnement_verlengd", &dutch),
    ];
    for (name, undoing) in whole {
        assert_ne!(found(name), "-", "{name}");
        for word in undoing {
            for undone in [format!("{name}_{word}"), format!("{word}_{name}")] {
                assert_eq!(found(&undone), "-", "{undone}");
            }
        }
    }
}

#[test]
fn a_cancelled_order_is_recognised_in_every_trackers_spelling() {
    for name in [
        "Order Cancelled",
        "Order Canceled",
        "order_canceled",
        "orders/cancelled",
        "OrderCanceled",
        "Canceled Order",
    ] {
        assert_eq!(found(name), "order_cancel", "{name}");
    }
}

fn suggested(name: &str) -> Option<(&'static str, String)> {
    let suggestion = SHIPPED.suggest(name)?;
    Some((suggestion.milestone.as_str(), suggestion.doubt.to_string()))
}

#[test]
fn a_name_that_does_not_match_comes_with_its_likely_meaning_and_the_obstacle() {
    let cases = [
        (
            "purchase_started",
            "purchase",
            "`started` may say otherwise",
        ),
        (
            "Purchase Button Clicked",
            "purchase",
            "`button`, `clicked` may say otherwise",
        ),
        (
            "refund_create_failed",
            "refund",
            "`failed` may say otherwise",
        ),
        (
            "Bestelling bekeken",
            "purchase",
            "`bekeken` may say otherwise",
        ),
        (
            "bestelling",
            "purchase",
            "the name does not say that it was completed",
        ),
        (
            "acme_order_placed",
            "purchase",
            "the vocabulary does not know `acme`",
        ),
        ("niet betaald", "", ""),
        ("weather_changed", "", ""),
        ("order_placed", "", ""),
    ];
    for (name, milestone, why) in cases {
        let expected = (!milestone.is_empty()).then(|| (milestone, why.to_owned()));
        assert_eq!(suggested(name), expected, "{name}");
    }
}

#[test]
fn only_explanations_of_unknown_names_contain_a_suggestion() {
    let explain = |name: &str| {
        let event = track(name, "{}");
        SHIPPED.explain(&event, &super::ActorHistory::default())
    };
    let suggestion = explain("purchase_started").suggestion.unwrap();
    assert_eq!(&*suggestion.vocabulary, "generic-en");
    assert_eq!(
        suggestion.doubt,
        Doubt::UndoingWords {
            words: vec!["started".to_owned()]
        }
    );
    assert!(explain("purchase").suggestion.is_none());
    assert!(explain("ad_click").suggestion.is_none());
    let json = serde_json::to_value(explain("purchase_started")).unwrap();
    assert_eq!(json["suggestion"]["milestone"], "purchase");
    assert_eq!(json["suggestion"]["doubt"]["reason"], "undoing_words");
    assert_eq!(json["suggestion"]["doubt"]["words"][0], "started");
}

#[test]
fn a_users_own_words_work_like_the_shipped_ones() {
    let rules = with_vocabulary(
        r#"
id = "own"
[words]
beside = ["acme"]
undo = ["almost"]
[words.group]
done = ["booked", "all set"]
[[rule]]
words = { object = ["yoga class"], action = ["@done"], about = ["evening"] }
milestone = "purchase"
"#,
    );
    let check = |name: &str| meaning(&rules, &track(name, "{}"));
    assert_eq!(check("Acme: evening yoga class booked"), "purchase");
    assert_eq!(check("yogaClassAllSet"), "purchase");
    assert_eq!(check("yoga class almost booked"), "unknown");
    assert_eq!(check("class yoga booked"), "unknown");
    let decided = rules.explain(
        &track("yoga_class_booked", "{}"),
        &super::ActorHistory::default(),
    );
    let decided = decided.decided_by.unwrap();
    assert_eq!(&*decided.rule, "purchase");
    assert_eq!(decided.how, crate::rules::NameMatch::Words);
    assert_eq!(&*decided.pattern, "object yoga class, action @done");
}
