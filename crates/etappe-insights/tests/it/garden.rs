//! The events of a garden shop in March 2024, few enough to check every figure by hand.
//!
//! | who | what |
//! |---|---|
//! | anna | found the shop by search, looked, signed up, bought after a day, less five minutes |
//! | bob | came by mail and looked twice |
//! | carla | came by search, looked, bought after two days |
//! | dave | came by mail on the last evening and looked |
//! | erik | bought, without looking at anything first |
//! | frits | saw the home page only |
//! | robot | a bot that looked and bought |
//! | frits and gerda | in February they joined the newsletter, by a name that no vocabulary knows |

use etappe_core::time::Timestamp;
use etappe_insights::catalog::{Labels, Model, ModelCatalog, ModelStage};
use serde_json::{Value, json};

use crate::memory_store::StoredEvent;

/// The current time in the tests.
pub(crate) const NOW: &str = "2024-04-01T10:00:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// An event of `actor` at a time in March.
pub(crate) fn event(actor: &str, time: &str, name: &'static str) -> StoredEvent {
    let (milestone, stage) = match name {
        "Home Viewed" => (Some("visit"), Some("acquisition")),
        "Product Viewed" => (Some("content_view"), Some("acquisition")),
        "Signed Up" => (Some("signup"), Some("activation")),
        "Order Completed" => (Some("purchase"), Some("revenue")),
        "Friend Invited" => (Some("invite_sent"), Some("referral")),
        _ => (None, None),
    };
    StoredEvent {
        site: "demo",
        actor: actor.to_owned(),
        account: None,
        name,
        at: at(&format!("2024-03-{time}Z")),
        milestone: milestone.map(|name| name.parse().unwrap()),
        stages: stage.map(|stage| ("aaarrr", stage)).into_iter().collect(),
        properties: json!({}),
        channel: "",
        is_bot: false,
    }
}

fn by(channel: &'static str, browser: &str, event: StoredEvent) -> StoredEvent {
    StoredEvent {
        channel,
        properties: json!({ "browser": browser }),
        ..event
    }
}

fn with(properties: Value, event: StoredEvent) -> StoredEvent {
    StoredEvent {
        properties,
        ..event
    }
}

fn of(account: &'static str, event: StoredEvent) -> StoredEvent {
    StoredEvent {
        account: Some(account),
        ..event
    }
}

pub(crate) fn events() -> Vec<StoredEvent> {
    let looked = "Product Viewed";
    let bought = "Order Completed";
    let mut events = vec![
        by(
            "Organic Search",
            "Chrome",
            event("anna", "01T10:00:00", "Home Viewed"),
        ),
        of(
            "green",
            by(
                "Organic Search",
                "Chrome",
                event("anna", "01T10:05:00", looked),
            ),
        ),
        event("anna", "01T10:20:00", "Signed Up"),
        with(
            json!({"order_id": "o1", "items": 2}),
            event("anna", "02T10:00:00", bought),
        ),
        of(
            "green",
            by("Email", "Firefox", event("bob", "05T09:00:00", looked)),
        ),
        by("Email", "Firefox", event("bob", "05T09:30:00", looked)),
        by(
            "Organic Search",
            "Chrome",
            event("carla", "06T12:00:00", looked),
        ),
        of(
            "green",
            with(
                json!({"order_id": "o2", "items": 1}),
                event("carla", "08T12:00:00", bought),
            ),
        ),
        by("Email", "Chrome", event("dave", "31T20:00:00", looked)),
        with(
            json!({"order_id": "o3", "items": 1}),
            event("erik", "10T12:00:00", bought),
        ),
        event("frits", "12T12:00:00", "Home Viewed"),
    ];
    let bot = [
        event("robot", "03T00:00:00", looked),
        event("robot", "03T00:00:01", bought),
    ];
    events.extend(bot.map(|event| StoredEvent {
        is_bot: true,
        ..event
    }));
    events.extend(newsletters());
    // An event of another site, which must never appear.
    events.push(StoredEvent {
        site: "other",
        ..event("olga", "04T00:00:00", looked)
    });
    events
}

/// Events of February with a name that no vocabulary knows.
fn newsletters() -> impl Iterator<Item = StoredEvent> {
    let joined = [("frits", "11"), ("gerda", "20"), ("gerda", "21")];
    joined.into_iter().map(|(actor, day)| StoredEvent {
        at: at(&format!("2024-02-{day}T18:30:00Z")),
        ..event(actor, "01T00:00:00", "Garden newsletter joined")
    })
}

fn labels(en: &str, nl: &str) -> Labels {
    Labels {
        en: en.to_owned(),
        nl: nl.to_owned(),
    }
}

pub(crate) fn catalog() -> ModelCatalog {
    let stages = [
        ("awareness", "Awareness", "Bekendheid", true, "hear"),
        ("acquisition", "Acquisition", "Kennismaking", true, "look"),
        ("activation", "Activation", "Eerste succes", true, "start"),
        ("retention", "Retention", "Terugkomen", false, "return"),
        ("revenue", "Revenue", "Omzet", true, "buy"),
        ("referral", "Referral", "Doorvertellen", false, "tell"),
    ];
    let stages = stages
        .into_iter()
        .zip(1..)
        .map(|((id, en, nl, gate, tone), ordinal)| ModelStage {
            id: id.to_owned(),
            labels: labels(en, nl),
            tone: Some(tone),
            phrases: None,
            gate,
            own_hit: false,
            ordinal,
        });
    let store = ["instroom", "uitstroom"]
        .into_iter()
        .zip(1..)
        .map(|(id, ordinal)| ModelStage {
            id: id.to_owned(),
            labels: labels(id, id),
            tone: None,
            phrases: None,
            gate: true,
            own_hit: false,
            ordinal,
        });
    ModelCatalog::new(vec![
        Model {
            id: "aaarrr".to_owned(),
            labels: labels("Pirate metrics", "Piratencijfers"),
            version: "3f9c0a61".to_owned(),
            stages: stages.collect(),
        },
        Model {
            id: "store".to_owned(),
            labels: labels("Store", "Winkel"),
            version: "77aa01bc".to_owned(),
            stages: store.collect(),
        },
    ])
}
