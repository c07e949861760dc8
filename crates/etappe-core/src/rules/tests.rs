//! Tests of the rules as a whole: the shipped files, precedence, diagnostics.
//!
//! The expectations are written by hand from the trackers' documentation and the meaning of the
//! models; they are never derived from the rule files that they check.

mod diagnostics;
mod documents;
mod explaining;
mod facts;
mod generic_names;
mod history;
mod invariants;
mod models;
mod precedence;
mod trackers;

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::event::{Event, EventKind};
use crate::id::SiteId;
use crate::json::JsonObject;
use crate::milestone::Milestone;
use crate::time::Timestamp;

use super::{ActorHistory, RuleSet, RuleSource};

static SHIPPED: LazyLock<RuleSet> = LazyLock::new(RuleSet::shipped);

/// Creates an event; `json` holds `properties` and `context`.
fn event<'a>(kind: EventKind, name: &'a str, properties: &'a str, context: &'a str) -> Event<'a> {
    Event {
        anonymous_id: Some("a".into()),
        properties: JsonObject::parse(properties).unwrap(),
        context: JsonObject::parse(context).unwrap(),
        ..Event::empty(
            Cow::Owned(SiteId::try_new("demo").unwrap()),
            kind,
            name.into(),
            "m".into(),
            Timestamp::from_millis(1_700_000_000_000),
        )
    }
}

fn track<'a>(name: &'a str, properties: &'a str) -> Event<'a> {
    event(EventKind::Track, name, properties, "{}")
}

fn page<'a>(properties: &'a str, context: &'a str) -> Event<'a> {
    event(EventKind::Page, "page", properties, context)
}

/// Returns the milestone's name; `none` when a rule says that the event is not a step, `unknown`
/// when no rule matches.
fn meaning(rules: &RuleSet, event: &Event<'_>) -> &'static str {
    let outcome = rules.classify(event, &ActorHistory::default());
    match (outcome.milestone, &outcome.vocabulary) {
        (Some(milestone), _) => milestone.as_str(),
        (None, Some(_)) => "none",
        (None, None) => "unknown",
    }
}

/// Compiles the shipped rules with one user vocabulary.
fn with_vocabulary(text: &str) -> RuleSet {
    RuleSet::with_user_files([RuleSource::vocabulary("own.toml", text)])
        .unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

/// Compiles a vocabulary alone.
fn only_vocabulary(text: &str) -> RuleSet {
    RuleSet::compile([RuleSource::vocabulary("own.toml", text)])
        .unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

/// Compiles a model alone, with a vocabulary in which every milestone is an event of that name.
fn only_model(text: &str) -> RuleSet {
    RuleSet::compile([identity_vocabulary(), RuleSource::model("own.toml", text)])
        .unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn identity_vocabulary() -> RuleSource {
    let rules: String = Milestone::ALL
        .iter()
        .filter(|milestone| !milestone.needs_history())
        .map(|name| format!("[[rule]]\nevent = \"{name}\"\nmilestone = \"{name}\"\n"))
        .collect();
    RuleSource::vocabulary("identity.toml", format!("id = \"identity\"\n{rules}"))
}
