//! How the actor's history changes stages.

use super::{ActorHistory, Event, Milestone, RuleSet, SHIPPED, Timestamp, only_model, track};
use crate::rules::StageHit;

const DAY: i64 = 86_400_000;

/// Returns the time `days` days before the events of these tests.
fn days_ago(days: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 - days * DAY)
}

fn stages(rules: &RuleSet, model: &str, event: &Event<'_>, history: &ActorHistory) -> Vec<String> {
    let outcome = rules.classify(event, history);
    let decision = outcome
        .stages
        .iter()
        .find(|stage| *stage.model == *model)
        .unwrap();
    let hits = decision.main.iter().chain(&decision.secondary);
    hits.map(|hit: &StageHit| hit.stage.to_string()).collect()
}

fn seen_before() -> ActorHistory {
    ActorHistory {
        first_seen: Some(days_ago(20)),
        last_seen: Some(days_ago(2)),
        ..ActorHistory::default()
    }
}

#[test]
fn a_visit_after_an_earlier_one_is_retention() {
    let visit = track("session_start", "{}");
    let check = |history: &ActorHistory| stages(&SHIPPED, "aaarrr", &visit, history);
    assert_eq!(check(&ActorHistory::default()), ["acquisition"]);
    assert_eq!(check(&seen_before()), ["retention", "acquisition"]);
    let same_visit = ActorHistory {
        last_seen: Some(Timestamp::from_millis(1_700_000_000_000 - 60_000)),
        ..seen_before()
    };
    assert_eq!(check(&same_visit), ["acquisition"]);
}

#[test]
fn a_second_purchase_is_loyalty_as_well_as_a_purchase() {
    let purchase = track("Order Completed", "{}");
    let customer = ActorHistory {
        orders: 1,
        ..seen_before()
    };
    let check = |model: &str, history: &ActorHistory| stages(&SHIPPED, model, &purchase, history);
    assert_eq!(check("klantreis", &seen_before()), ["aankoop"]);
    assert_eq!(check("klantreis", &customer), ["loyaliteit", "aankoop"]);
    assert_eq!(check("aaarrr", &customer), ["revenue", "retention"]);
    let milestone = SHIPPED.classify(&purchase, &customer).milestone;
    assert_eq!(milestone, Some(Milestone::Purchase));
}

#[test]
fn signup_and_purchase_of_an_invited_person_are_referral() {
    let invited = ActorHistory {
        milestones: vec![(Milestone::InviteAccepted, 1, days_ago(3), days_ago(3))],
        ..seen_before()
    };
    let check = |name: &str, history: &ActorHistory| {
        stages(&SHIPPED, "aaarrr", &track(name, "{}"), history)
    };
    assert_eq!(check("Signed Up", &invited), ["referral", "activation"]);
    assert_eq!(check("Signed Up", &seen_before()), ["activation"]);
    assert_eq!(check("Order Completed", &invited), ["referral", "revenue"]);
}

#[test]
fn the_first_login_is_initiate_and_later_ones_are_enablement() {
    let login = track("login", "{}");
    let later = ActorHistory {
        milestones: vec![(Milestone::Login, 1, days_ago(3), days_ago(3))],
        ..seen_before()
    };
    let check = |history: &ActorHistory| stages(&SHIPPED, "awareness-advocacy", &login, history);
    assert_eq!(check(&seen_before()), ["initiate"]);
    assert_eq!(check(&later), ["enablement", "initiate"]);
}

const CONDITIONS: &str = r#"
id = "loyalty"
[[stage]]
id = "new"
[[stage]]
id = "regular"
[[stage]]
id = "won-back"
[[rule]]
stage = "new"
milestones = ["purchase"]
history = { orders = 0 }
[[rule]]
stage = "regular"
milestones = ["purchase"]
history = { orders = { at_least = 2, below = 100 }, days_since_last.purchase = { at_most = 30 } }
[[rule]]
stage = "won-back"
milestones = ["purchase"]
history = { days_since_last_seen = { above = 90 }, days_since_first_seen = { above = 365 }, count = { purchase = 1 }, days_since_first = { purchase = { at_least = 100 } } }
"#;

#[test]
fn conditions_can_test_counts_and_days() {
    let rules = only_model(CONDITIONS);
    let purchase = track("purchase", "{}");
    let check = |history: &ActorHistory| stages(&rules, "loyalty", &purchase, history);
    let bought = |orders: u32, days: i64| ActorHistory {
        orders,
        first_seen: Some(days_ago(days + 300)),
        last_seen: Some(days_ago(days)),
        milestones: vec![(Milestone::Purchase, orders, days_ago(days), days_ago(days))],
    };
    assert_eq!(check(&ActorHistory::default()), ["new"]);
    assert_eq!(check(&bought(1, 5)), [""; 0]);
    assert_eq!(check(&bought(2, 5)), ["regular"]);
    assert_eq!(check(&bought(2, 31)), [""; 0]);
    assert_eq!(check(&bought(100, 5)), [""; 0]);
    assert_eq!(check(&bought(1, 100)), ["won-back"]);
    assert_eq!(check(&bought(1, 99)), [""; 0]);
}

#[test]
fn conditions_on_the_event_choose_between_stages() {
    let rules = only_model(
        r#"
id = "amounts"
[[stage]]
id = "small"
[[stage]]
id = "large"
[[rule]]
stage = "small"
milestones = ["purchase"]
[[rule]]
stage = "large"
milestones = ["purchase"]
when = { revenue = { at_least = 1000 }, context.library.name = { not = "test" } }
"#,
    );
    let check = |properties: &str| {
        let purchase = track("purchase", properties);
        stages(&rules, "amounts", &purchase, &ActorHistory::default())
    };
    assert_eq!(check(r#"{"revenue":999.99}"#), ["small"]);
    assert_eq!(check(r#"{"revenue":"1000"}"#), ["large", "small"]);
    assert_eq!(check("{}"), ["small"]);
}
