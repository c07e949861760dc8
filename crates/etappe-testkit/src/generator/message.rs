//! One message: its native body, and its log record.

use std::borrow::Cow;

use etappe_core::event::{Event, EventKind, KeyScope};
use etappe_core::id::SiteId;
use etappe_core::json::JsonObject;
use etappe_core::time::Timestamp;
use serde_json::{Value, json};

/// One event as a tracker sends it.
#[derive(Debug, Clone)]
pub struct Message {
    pub(super) name: &'static str,
    pub(super) message_id: String,
    pub(super) anonymous_id: String,
    pub(super) user_id: Option<String>,
    pub(super) at: Timestamp,
    pub(super) properties: Value,
    pub(super) campaign: Option<&'static str>,
    pub(super) user_agent: &'static str,
    pub(super) page: u32,
}

impl Message {
    /// Returns the sort key of messages.
    pub(super) fn order(&self) -> (Timestamp, &str) {
        (self.at, &self.message_id)
    }

    /// Returns the body for the request.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let is_page = self.name == "page";
        let path = format!("/products/{}", self.page);
        let page = json!({
            "path": path,
            "referrer": "https://www.example.org/search?q=shoes",
            "search": "",
            "title": format!("Product {} - The Example Shop", self.page),
            "url": format!("https://shop.example{path}"),
        });
        let mut body = json!({
            "type": if is_page { "page" } else { "track" },
            "messageId": self.message_id,
            "anonymousId": self.anonymous_id,
            "timestamp": self.at.to_string(),
            "properties": if is_page { page.clone() } else { self.properties.clone() },
            "context": {
                "library": {"name": "analytics.js", "version": "next-1.70.0"},
                "page": page,
                "userAgent": self.user_agent,
                "locale": "nl-NL",
                "timezone": "Europe/Amsterdam",
                "screen": {"width": 1_920, "height": 1_080, "density": 2},
            },
        });
        if !is_page {
            body["event"] = self.name.into();
        }
        if let Some(user_id) = &self.user_id {
            body["userId"] = user_id.as_str().into();
        }
        if let Some(medium) = self.campaign {
            body["context"]["campaign"] =
                json!({"name": "spring", "source": "partner", "medium": medium});
        }
        body
    }
}

/// Returns the log record of a native message, received at its own time and sent with a server key.
///
/// # Panics
/// When the message lacks an id, a type or a time; generated messages have all of them.
#[must_use]
pub fn encode_record(site: &SiteId, message: &Value) -> Vec<u8> {
    encode_record_as(KeyScope::Server, site, message)
}

/// Returns the same record, sent with a key of another scope.
///
/// # Panics
/// When the message lacks an id, a type or a time.
#[must_use]
pub fn encode_record_as(scope: KeyScope, site: &SiteId, message: &Value) -> Vec<u8> {
    let text = |name: &str| message[name].as_str();
    let kind: EventKind =
        serde_json::from_value(message["type"].clone()).expect("a message has a type");
    let at = Timestamp::parse(text("timestamp").expect("a message has a time"))
        .expect("a message's time is RFC 3339");
    let object = |name: &str| match &message[name] {
        Value::Object(object) => serde_json::to_string(object).expect("a map of values"),
        _ => "{}".to_owned(),
    };
    let (properties, traits, context) = (object("properties"), object("traits"), object("context"));
    let parse = |text| JsonObject::parse(text).expect("written by serde_json");
    let event = Event {
        scope,
        anonymous_id: text("anonymousId").map(Into::into),
        user_id: text("userId").map(Into::into),
        previous_id: text("previousId").map(Into::into),
        group_id: text("groupId").map(Into::into),
        properties: parse(&properties),
        traits: parse(&traits),
        context: parse(&context),
        ..Event::empty(
            Cow::Borrowed(site),
            kind,
            text("event").unwrap_or(kind.as_str()).into(),
            text("messageId").expect("a message has an id").into(),
            at,
        )
    };
    let mut record = Vec::new();
    etappe_wire::record::encode(&event, &mut record);
    record
}
