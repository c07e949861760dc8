//! Invariants for every event and every set of rules.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::{ActorHistory, EventKind, Milestone, SHIPPED, Timestamp, event};
use crate::rules::{RuleClassifier, RuleSet, RuleSource};

static SHARED: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(RuleSet::shipped()));

fn known_names() -> Vec<String> {
    let mut names: Vec<String> = SHIPPED.names.known_names().map(str::to_owned).collect();
    names.sort();
    names
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(known_names()),
        prop::sample::select(known_names()).prop_map(|name| name.to_uppercase()),
        "[a-zA-Z_ $*.\\-é]{0,16}",
        any::<String>(),
    ]
}

fn kind() -> impl Strategy<Value = EventKind> {
    prop::sample::select(vec![
        EventKind::Track,
        EventKind::Page,
        EventKind::Screen,
        EventKind::Identify,
    ])
}

/// Properties under names that rules use, with values of every type.
fn properties() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "url",
        "path",
        "search",
        "$current_url",
        "name",
        "category",
        "idgoal",
        "ec_id",
        "revenue",
        "$revenue",
        "e_a",
        "e_c",
        "type",
        "step",
        "free_trial",
        "checkout",
        "form_name",
        "se_ac",
    ]);
    let value = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        (-3_i32..4).prop_map(serde_json::Value::from),
        "[a-z/?=&#*.:é \"\\\\]{0,12}".prop_map(serde_json::Value::from),
        Just(serde_json::json!({"step": 1, "amount": -2})),
        Just(serde_json::json!("https://x.example/product/1?q=a")),
        Just(serde_json::json!("nieuwsbrief")),
    ];
    prop::collection::vec((key, value), 0..6).prop_map(|members| {
        let members: serde_json::Map<String, serde_json::Value> = members
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        serde_json::Value::Object(members).to_string()
    })
}

fn context() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{}",
        r#"{"library":{"name":"matomo"}}"#,
        r#"{"library":{"name":"Plausible-tracker"}}"#,
        r#"{"page":{"url":"https://x.example/blog/a","search":"?s=1"}}"#,
        r#"{"library":"matomo","page":7}"#,
    ])
}

fn history() -> impl Strategy<Value = ActorHistory> {
    let time = || prop::option::of((0_i64..1_800_000_000_000).prop_map(Timestamp::from_millis));
    let milestone = prop::sample::select(Milestone::ALL.to_vec());
    let at = Timestamp::from_millis(1_600_000_000_000);
    let counted =
        (milestone, 0_u32..3).prop_map(move |(milestone, count)| (milestone, count, at, at));
    (
        time(),
        time(),
        0_u32..3,
        prop::collection::vec(counted, 0..3),
    )
        .prop_map(|(first_seen, last_seen, orders, milestones)| ActorHistory {
            first_seen,
            last_seen,
            orders,
            milestones,
        })
}

// Compiling all shipped files hundreds of times would take long and add little.
const FEW: u32 = 24;

proptest! {
    #[test]
    fn a_classifier_answers_as_if_every_event_were_its_first(
        events in prop::collection::vec((kind(), name(), properties(), context(), history()), 1..8),
    ) {
        let mut classifier = RuleClassifier::new(Arc::clone(&SHARED));
        for (kind, name, properties, context, history) in &events {
            let event = event(*kind, name, properties, context);
            let fresh = SHIPPED.classify(&event, history);
            for _ in 0..2 {
                let remembered = classifier.outcome(&event, history);
                prop_assert_eq!(&*remembered, &*fresh);
            }
            let explained = SHIPPED.explain(&event, history);
            prop_assert_eq!(explained.milestone, fresh.milestone);
            let rule = explained.decided_by.as_ref().map(|decided| Arc::clone(&decided.rule));
            prop_assert_eq!(rule, fresh.vocabulary.as_ref().map(|v| Arc::clone(&v.rule)));
            for (told, stage) in explained.stages.iter().zip(&fresh.stages) {
                let main = stage.main.as_ref().map(|hit| (&hit.stage, &hit.rule));
                prop_assert_eq!(told.main.as_ref().map(|hit| (&hit.stage, &hit.rule)), main);
                prop_assert_eq!(told.secondary.len(), stage.secondary.len());
            }
        }
    }

    #[test]
    fn stages_are_listed_highest_first_and_once(
        kind in kind(), name in name(), properties in properties(), history in history(),
    ) {
        let outcome = SHIPPED.classify(&event(kind, &name, &properties, "{}"), &history);
        for decision in &outcome.stages {
            let hits = decision.main.iter().chain(&decision.secondary);
            let ordinals: Vec<u8> = hits.map(|hit| hit.ordinal).collect();
            prop_assert!(ordinals.windows(2).all(|pair| pair[0] > pair[1]), "{:?}", ordinals);
        }
    }

    #[test]
    fn any_text_compiles_or_is_reported(text in any::<String>()) {
        let sources = [RuleSource::vocabulary("v.toml", &*text), RuleSource::model("m.toml", text)];
        if let Err(diagnostics) = RuleSet::compile(sources) {
            prop_assert!(!diagnostics.is_empty());
        }
    }

    #[test]
    fn damaged_files_compile_or_are_reported(
        file in prop::sample::select(RuleSource::shipped()),
        at in any::<prop::sample::Index>(),
        replacement in prop::sample::select(vec!["", "\"", "[", "]", "=", "{", "\n", "x", "1", "*"]),
    ) {
        let mut text = file.text.to_string();
        let start = text.floor_char_boundary(at.index(text.len()));
        let end = text.ceil_char_boundary(start + 1);
        text.replace_range(start..end, replacement);
        let lines = text.lines().count();
        let damaged = RuleSource { text: text.into(), ..file };
        if let Err(diagnostics) = RuleSet::compile([damaged]) {
            for diagnostic in &diagnostics {
                prop_assert!(diagnostic.line >= 1 && diagnostic.line as usize <= lines + 1);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(FEW))]

    #[test]
    fn the_order_of_files_does_not_matter(
        order in Just(RuleSource::shipped()).prop_shuffle(),
        name in name(),
    ) {
        let rules = RuleSet::compile(order).unwrap();
        prop_assert_eq!(rules.version(), SHIPPED.version());
        let event = event(EventKind::Track, &name, "{}", "{}");
        let history = ActorHistory::default();
        prop_assert_eq!(rules.classify(&event, &history), SHIPPED.classify(&event, &history));
    }
}

#[test]
fn a_flood_of_names_changes_no_answer() {
    let mut classifier = RuleClassifier::new(Arc::clone(&SHARED));
    let history = ActorHistory::default();
    for number in 0..60_000 {
        let name = format!("made_up_{number}_{}", "x".repeat(number % 300));
        let outcome = classifier.outcome(&event(EventKind::Track, &name, "{}", "{}"), &history);
        assert_eq!(outcome.milestone, None);
    }
    let known = event(EventKind::Track, "Order Completed", "{}", "{}");
    let outcome = classifier.outcome(&known, &history);
    assert_eq!(outcome.milestone, Some(Milestone::Purchase));
}

#[test]
fn oversized_names_and_texts_match_no_pattern() {
    let rules = super::only_vocabulary(
        r#"
id = "own"
[[rule]]
event = "*long*"
milestone = "visit"
[[rule]]
id = "text"
event = "*"
where = { text = { glob = "*long*" } }
milestone = "lead"
[[rule]]
id = "any"
event = "*"
milestone = "engage"
"#,
    );
    let check = |name: &str, properties: &str| {
        super::meaning(&rules, &event(EventKind::Track, name, properties, "{}"))
    };
    let name = |length: usize| format!("long{}", "x".repeat(length - 4));
    let text = |length: usize| format!(r#"{{"text":"long{}"}}"#, "x".repeat(length - 4));
    assert_eq!(check(&name(256), "{}"), "visit");
    assert_eq!(check(&name(257), "{}"), "engage");
    assert_eq!(check("", "{}"), "engage");
    assert_eq!(check("x", &text(4096)), "lead");
    assert_eq!(check("x", &text(4097)), "engage");
}

#[test]
fn every_shipped_rule_has_an_effect() {
    assert_eq!(SHIPPED.warnings(), []);
}

#[test]
fn a_version_changes_with_the_content_only() {
    let plain = "id = \"x\"\n[[rule]]\nevent = \"a\"\nmilestone = \"visit\"\n";
    let version = |text: &str| {
        let rules = RuleSet::compile([RuleSource::vocabulary("x.toml", text)]).unwrap();
        rules.vocabularies()[0].version.to_string()
    };
    assert_eq!(version(&format!("# a comment\n{plain}")), version(plain));
    assert_ne!(version(&plain.replace("visit", "lead")), version(plain));
}
