//! The stage of every milestone in every shipped model.

use super::{ActorHistory, Milestone, SHIPPED, identity_vocabulary, track};
use crate::rules::{RuleSet, RuleSource};

const MODELS: [&str; 7] = [
    "aaarrr",
    "aarrr",
    "awareness-advocacy",
    "klantreis",
    "b2b",
    "advocacy-loop",
    "store",
];

/// A milestone and its stage in the seven models, in the order of [`MODELS`]; `-` is none.
#[rustfmt::skip]
const EXPECTED: &[(&str, [&str; 7])] = &[
    ("impression",          ["awareness", "-", "awareness", "bewustwording", "orientatie", "bewustwording", "instroom"]),
    ("visit",               ["acquisition", "acquisition", "awareness", "bewustwording", "orientatie", "bewustwording", "instroom"]),
    ("content_view",        ["acquisition", "acquisition", "consideration", "overweging", "orientatie", "overweging", "levering"]),
    ("search",              ["acquisition", "acquisition", "consideration", "overweging", "orientatie", "bewustwording", "levering"]),
    ("compare",             ["acquisition", "acquisition", "consideration", "overweging", "afweging", "overweging", "levering"]),
    ("engage",              ["acquisition", "acquisition", "consideration", "overweging", "orientatie", "overweging", "levering"]),
    ("subscribe",           ["acquisition", "acquisition", "consideration", "overweging", "orientatie", "overweging", "instroom"]),
    ("unsubscribe",         ["-", "-", "-", "-", "-", "-", "-"]),
    ("lead",                ["acquisition", "acquisition", "consideration", "overweging", "orientatie", "overweging", "levering"]),
    ("lead_qualified",      ["acquisition", "acquisition", "consideration", "overweging", "afweging", "overweging", "-"]),
    ("lead_lost",           ["-", "-", "-", "-", "-", "-", "-"]),
    ("quote",               ["acquisition", "acquisition", "consideration", "overweging", "orientatie", "overweging", "levering"]),
    ("demo",                ["acquisition", "acquisition", "consideration", "overweging", "orientatie", "overweging", "levering"]),
    ("signup",              ["activation", "activation", "consideration", "overweging", "afweging", "overweging", "instroom"]),
    ("trial_start",         ["activation", "activation", "consideration", "overweging", "afweging", "overweging", "levering"]),
    ("trial_end",           ["-", "-", "-", "-", "-", "-", "-"]),
    ("app_install",         ["acquisition", "acquisition", "consideration", "overweging", "afweging", "overweging", "instroom"]),
    ("uninstall",           ["-", "-", "-", "-", "-", "-", "-"]),
    ("activation",          ["activation", "activation", "initiate", "service", "gebruik", "behoud", "-"]),
    ("onboarding_start",    ["activation", "activation", "initiate", "service", "aankoop", "behoud", "-"]),
    ("onboarding_complete", ["activation", "activation", "initiate", "service", "aankoop", "behoud", "-"]),
    ("implementation",      ["activation", "activation", "initiate", "service", "aankoop", "behoud", "-"]),
    ("training",            ["activation", "activation", "enablement", "service", "aankoop", "behoud", "-"]),
    ("add_to_cart",         ["activation", "activation", "purchase", "aankoop", "aankoop", "beslissing", "levering"]),
    ("cart_view",           ["activation", "activation", "purchase", "aankoop", "aankoop", "beslissing", "levering"]),
    ("cart_remove",         ["activation", "activation", "purchase", "aankoop", "aankoop", "beslissing", "levering"]),
    ("save_for_later",      ["activation", "activation", "consideration", "overweging", "afweging", "overweging", "levering"]),
    ("checkout_start",      ["activation", "activation", "purchase", "aankoop", "aankoop", "beslissing", "verkoop"]),
    ("checkout_progress",   ["activation", "activation", "purchase", "aankoop", "aankoop", "beslissing", "verkoop"]),
    ("payment_failed",      ["activation", "activation", "purchase", "aankoop", "aankoop", "beslissing", "verkoop"]),
    ("contract",            ["revenue", "revenue", "purchase", "aankoop", "aankoop", "beslissing", "verkoop"]),
    ("purchase",            ["revenue", "revenue", "purchase", "aankoop", "aankoop", "beslissing", "verkoop"]),
    ("renewal",             ["retention", "retention", "enablement", "loyaliteit", "loyaliteit", "behoud", "verkoop"]),
    ("upgrade",             ["revenue", "revenue", "enablement", "loyaliteit", "loyaliteit", "behoud", "verkoop"]),
    ("downgrade",           ["revenue", "revenue", "enablement", "service", "gebruik", "behoud", "-"]),
    ("order_cancel",        ["revenue", "revenue", "purchase", "aankoop", "aankoop", "beslissing", "verkoop"]),
    ("refund",              ["revenue", "revenue", "purchase", "aankoop", "aankoop", "beslissing", "verkoop"]),
    ("cancel",              ["-", "-", "-", "-", "-", "-", "-"]),
    ("feature_use",         ["retention", "retention", "enablement", "service", "gebruik", "behoud", "-"]),
    ("login",               ["retention", "retention", "initiate", "service", "gebruik", "behoud", "instroom"]),
    ("support_request",     ["retention", "retention", "enablement", "service", "gebruik", "behoud", "levering"]),
    ("support_resolved",    ["retention", "retention", "enablement", "service", "gebruik", "behoud", "levering"]),
    ("friction",            ["-", "-", "-", "-", "-", "-", "-"]),
    ("delivery",            ["retention", "retention", "initiate", "service", "aankoop", "behoud", "uitstroom"]),
    ("feedback",            ["retention", "retention", "enablement", "service", "gebruik", "behoud", "uitstroom"]),
    ("review",              ["referral", "referral", "advocacy", "loyaliteit", "loyaliteit", "advocatie", "uitstroom"]),
    ("testimonial",         ["referral", "referral", "advocacy", "loyaliteit", "loyaliteit", "advocatie", "uitstroom"]),
    ("loyalty_join",        ["retention", "retention", "enablement", "loyaliteit", "loyaliteit", "behoud", "verkoop"]),
    ("share",               ["referral", "referral", "advocacy", "loyaliteit", "loyaliteit", "advocatie", "uitstroom"]),
    ("invite_sent",         ["referral", "referral", "advocacy", "loyaliteit", "loyaliteit", "advocatie", "uitstroom"]),
    ("invite_accepted",     ["activation", "activation", "consideration", "overweging", "afweging", "overweging", "instroom"]),
    ("exit",                ["-", "-", "-", "-", "-", "-", "uitstroom"]),
];

fn rules() -> RuleSet {
    RuleSet::compile(
        RuleSource::shipped()
            .into_iter()
            .chain([identity_vocabulary()]),
    )
    .unwrap()
}

#[test]
fn every_milestone_is_in_the_expected_stage_of_each_model() {
    let rules = rules();
    let mut wrong = Vec::new();
    for (milestone, stages) in EXPECTED {
        let outcome = rules.classify(&track(milestone, "{}"), &ActorHistory::default());
        assert_eq!(outcome.milestone.map(Milestone::as_str), Some(*milestone));
        for (model, expected) in MODELS.iter().zip(stages) {
            let decision = outcome
                .stages
                .iter()
                .find(|stage| *stage.model == **model)
                .unwrap();
            let found = decision.main.as_ref().map_or("-", |hit| &hit.stage);
            if found != *expected {
                wrong.push(format!(
                    "{milestone} in {model}: {found}, expected {expected}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_expectations_cover_every_milestone_that_a_vocabulary_can_set() {
    let expected: Vec<_> = EXPECTED.iter().map(|(milestone, _)| *milestone).collect();
    let settable = Milestone::ALL
        .iter()
        .filter(|milestone| !milestone.needs_history());
    for milestone in settable {
        assert!(expected.contains(&milestone.as_str()), "{milestone}");
    }
}

/// A model's stages in order; a star marks those that are not gates.
#[rustfmt::skip]
const STAGES: [(&str, &str); 7] = [
    ("aaarrr", "awareness acquisition activation retention* revenue! referral*"),
    ("aarrr", "acquisition activation retention* referral* revenue!"),
    ("advocacy-loop", "bewustwording overweging beslissing! behoud advocatie"),
    ("awareness-advocacy", "awareness consideration purchase! initiate enablement advocacy"),
    ("b2b", "orientatie afweging aankoop! gebruik loyaliteit"),
    ("klantreis", "bewustwording overweging aankoop! service loyaliteit"),
    ("store", "instroom levering verkoop! uitstroom"),
];

#[test]
fn seven_models_are_shipped_in_the_order_of_their_ids() {
    let found: Vec<(String, String)> = SHIPPED
        .models()
        .iter()
        .map(|model| {
            let stages: Vec<String> = model
                .stages
                .iter()
                .map(|stage| {
                    let mark = match (stage.gate, stage.own_hit) {
                        (false, _) => "*",
                        (true, false) => "",
                        (true, true) => "!",
                    };
                    format!("{}{mark}", stage.id)
                })
                .collect();
            (model.id.to_string(), stages.join(" "))
        })
        .collect();
    let expected: Vec<_> = STAGES
        .iter()
        .map(|(model, stages)| ((*model).to_owned(), (*stages).to_owned()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn models_and_stages_have_labels_in_both_languages() {
    for model in SHIPPED.models() {
        assert_eq!(model.version.len(), 12);
        for (ordinal, stage) in (1_u8..).zip(&model.stages) {
            assert_eq!(stage.ordinal, ordinal);
            assert!(!stage.labels.en.is_empty() && !stage.labels.nl.is_empty());
            assert!(!stage.description.is_empty(), "{} {}", model.id, stage.id);
        }
    }
    let revenue = SHIPPED.model("aaarrr").unwrap().stage("revenue").unwrap();
    assert_eq!(
        (&*revenue.labels.en, &*revenue.labels.nl),
        ("Revenue", "Omzet")
    );
}

#[test]
fn an_event_without_a_milestone_is_unmapped_in_every_model() {
    for name in ["never heard of", "Email Delivered"] {
        let outcome = SHIPPED.classify(&track(name, "{}"), &ActorHistory::default());
        assert_eq!(outcome.stages.len(), 7);
        assert!(outcome.stages.iter().all(|stage| stage.main.is_none()));
    }
}
