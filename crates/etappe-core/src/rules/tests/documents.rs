//! The examples in the user documentation work.

use super::{meaning, only_model, only_vocabulary, track};
use crate::milestone::Milestone;
use crate::rules::StageInfo;

const VOCABULARIES: &str = include_str!("../../../../../docs/vocabularies.md");
const MODELS: &str = include_str!("../../../../../docs/models.md");

/// Returns the TOML blocks of a document.
fn blocks(document: &str) -> Vec<&str> {
    let blocks = document.split("```toml\n").skip(1);
    blocks
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect()
}

#[test]
fn the_shortest_vocabulary_and_its_conditions_compile() {
    let blocks = blocks(VOCABULARIES);
    let rules = only_vocabulary(blocks[0]);
    assert_eq!(
        meaning(&rules, &track("Newsletter-joined", "{}")),
        "subscribe"
    );
    for line in blocks[1].lines() {
        let text = format!("id = \"own\"\n[[rule]]\nevent = \"x\"\nmilestone = \"lead\"\n{line}\n");
        let found = meaning(&only_vocabulary(&text), &track("x", "{}"));
        // Only the last condition holds for an event without properties.
        let expected = if line.contains("not = ") {
            "lead"
        } else {
            "unknown"
        };
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn the_documented_words_mean_the_same_in_every_spelling() {
    let rules = only_vocabulary(&format!("id = \"own\"\n{}", blocks(VOCABULARIES)[2]));
    for name in [
        "Order placed",
        "order_placed",
        "orderPlaced",
        "ORDER-PLACED",
        "order:placed",
        "web/order.placed",
        "Placed the order",
        "Acme: express gift card completed",
    ] {
        assert_eq!(meaning(&rules, &track(name, "{}")), "purchase", "{name}");
    }
    for name in ["order", "order not placed", "gift order card placed"] {
        assert_eq!(meaning(&rules, &track(name, "{}")), "unknown", "{name}");
    }
}

#[test]
fn the_shortest_model_and_its_conditions_compile() {
    let blocks = blocks(MODELS);
    assert_eq!(only_model(blocks[0]).models()[0].stages.len(), 2);
    let rule = "[[rule]]\nstage = \"subscribed\"\nmilestones = [\"subscribe\"]";
    let rules = only_model(&format!("id = \"own\"\n{}\n{rule}\n", blocks[1]));
    let phrases = &rules.models()[0].stages[0].phrases;
    assert!(phrases.en.is_some() && phrases.nl.is_some());
    for line in blocks[2].lines() {
        let rule = "[[rule]]\nstage = \"a\"\nmilestones = [\"visit\"]";
        let rules = only_model(&format!(
            "id = \"own\"\n[[stage]]\nid = \"a\"\n{rule}\n{line}\n"
        ));
        assert_eq!(rules.models()[0].rules, 1, "{line}");
    }
}

#[test]
fn every_milestone_is_listed() {
    for milestone in Milestone::ALL {
        assert!(
            VOCABULARIES.contains(&format!("`{milestone}`")),
            "{milestone}"
        );
    }
}

#[test]
fn every_shipped_model_is_listed_with_its_stages() {
    for model in super::SHIPPED.models() {
        let mark = |stage: &StageInfo| match (stage.gate, stage.own_hit) {
            (false, _) => "*",
            (true, false) => "",
            (true, true) => "!",
        };
        let stages: Vec<String> = model
            .stages
            .iter()
            .map(|stage| format!("{}{}", stage.id, mark(stage)))
            .collect();
        let row = format!("| `{}` | {} |", model.id, stages.join(", "));
        assert!(MODELS.contains(&row), "{row}");
    }
}

#[test]
fn every_shipped_vocabulary_is_listed() {
    for vocabulary in super::SHIPPED.vocabularies() {
        assert!(
            VOCABULARIES.contains(&format!("`{}`", vocabulary.id)),
            "{}",
            vocabulary.id
        );
    }
}
