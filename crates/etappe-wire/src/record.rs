//! The log record: what the collector writes and every consumer of the event log reads.
//!
//! A record is one JSON object in UTF-8. Its first member is always `"v":1`, the version of this
//! format. Times are RFC 3339 in UTC with milliseconds; `timestamp` is corrected for the client's
//! clock and `context.ip` is truncated. Members that have no value are left out. The format is
//! documented for other consumers in `docs/log-record.md`.

use std::borrow::Cow;

use etappe_core::event::{Event, EventKind, KeyScope};
use etappe_core::id::{InvalidSiteId, SiteId};
use etappe_core::json::JsonObject;
use etappe_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the format that is written.
pub const VERSION: u32 = 1;

/// The version that a record says it has.
#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

/// A record as it stands in the log; borrows from its bytes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordV1<'a> {
    v: u32,
    #[serde(borrow)]
    site: Cow<'a, str>,
    scope: KeyScope,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    money: bool,
    #[serde(rename = "type")]
    kind: EventKind,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    anonymous_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    previous_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    group_id: Option<Cow<'a, str>>,
    timestamp: Timestamp,
    received_at: Timestamp,
    #[serde(borrow, default, skip_serializing_if = "JsonObject::is_empty")]
    properties: JsonObject<'a>,
    #[serde(borrow, default, skip_serializing_if = "JsonObject::is_empty")]
    traits: JsonObject<'a>,
    #[serde(borrow, default, skip_serializing_if = "JsonObject::is_empty")]
    context: JsonObject<'a>,
}

const fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_true(value: &bool) -> bool {
    *value
}

/// Why bytes are no record that this version can read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The bytes are no record at all.
    #[error("not a log record: {0}")]
    Malformed(#[source] serde_json::Error),
    /// The record was written by a newer version.
    #[error("log record of version {0}, this program reads up to {VERSION}")]
    UnknownVersion(u32),
    /// The record names a site that cannot exist.
    #[error("log record of an impossible site: {0}")]
    Site(#[source] InvalidSiteId),
}

/// Appends the record of `event` to `out`.
pub fn encode(event: &Event<'_>, out: &mut Vec<u8>) {
    let record = RecordV1 {
        v: VERSION,
        site: Cow::Borrowed(event.site.as_str()),
        scope: event.scope,
        money: event.counts_money,
        kind: event.kind,
        event: Cow::Borrowed(&event.name),
        message_id: Cow::Borrowed(&event.message_id),
        anonymous_id: event.anonymous_id.as_deref().map(Cow::Borrowed),
        user_id: event.user_id.as_deref().map(Cow::Borrowed),
        previous_id: event.previous_id.as_deref().map(Cow::Borrowed),
        group_id: event.group_id.as_deref().map(Cow::Borrowed),
        timestamp: event.occurred_at,
        received_at: event.received_at,
        properties: event.properties.clone(),
        traits: event.traits.clone(),
        context: event.context.clone(),
    };
    serde_json::to_writer(out, &record).expect("a vector takes all bytes and all names are text");
}

/// Decodes a record; the event borrows from `bytes`.
///
/// # Errors
/// [`RecordError`] when the bytes are no record or one of a newer version.
pub fn decode(bytes: &[u8]) -> Result<Event<'_>, RecordError> {
    let record: RecordV1<'_> = serde_json::from_slice(bytes).map_err(|error| {
        match serde_json::from_slice::<VersionOnly>(bytes) {
            Ok(VersionOnly { v }) if v > VERSION => RecordError::UnknownVersion(v),
            _ => RecordError::Malformed(error),
        }
    })?;
    if record.v != VERSION {
        return Err(RecordError::UnknownVersion(record.v));
    }
    Ok(Event {
        site: SiteId::try_new(&record.site).map_err(RecordError::Site)?,
        scope: record.scope,
        counts_money: record.money,
        kind: record.kind,
        name: record.event,
        message_id: record.message_id,
        anonymous_id: record.anonymous_id,
        user_id: record.user_id,
        previous_id: record.previous_id,
        group_id: record.group_id,
        occurred_at: record.timestamp,
        received_at: record.received_at,
        properties: record.properties,
        traits: record.traits,
        context: record.context,
    })
}

/// Returns the key that a record of `event` is partitioned by: its site with its anonymous id,
/// else its user id, else its message id, so that one actor's events keep their order.
#[must_use]
pub fn partition_key(event: &Event<'_>) -> u64 {
    let actor = event.anonymous_id.as_deref().or(event.user_id.as_deref());
    let mut hasher = xxhash_rust::xxh3::Xxh3Default::new();
    hasher.update(event.site.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(actor.unwrap_or(&event.message_id).as_bytes());
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Event<'static> {
        Event {
            site: SiteId::try_new("demo").unwrap(),
            scope: KeyScope::Server,
            counts_money: true,
            kind: EventKind::Track,
            name: "Order \"Completed\"\n".into(),
            message_id: "m\u{0}1".into(),
            anonymous_id: None,
            user_id: Some("u1".into()),
            previous_id: None,
            group_id: None,
            occurred_at: Timestamp::from_millis(1_709_294_400_123),
            received_at: Timestamp::from_millis(1_709_294_400_999),
            properties: JsonObject::parse(r#"{"revenue":0.10,"a":{"b":[1]}}"#).unwrap(),
            traits: JsonObject::default(),
            context: JsonObject::default(),
        }
    }

    #[test]
    fn a_record_round_trips_and_keeps_the_text_of_numbers() {
        let event = sample();
        let mut bytes = Vec::new();
        encode(&event, &mut bytes);
        assert!(bytes.starts_with(br#"{"v":1,"site":"demo","scope":"server","type":"track""#));
        let decoded = decode(&bytes).unwrap();
        assert_eq!(decoded.name, event.name);
        assert_eq!(decoded.message_id, event.message_id);
        assert_eq!(decoded.occurred_at, event.occurred_at);
        assert_eq!(
            decoded.properties.as_text(),
            r#"{"revenue":0.10,"a":{"b":[1]}}"#
        );
        assert!(decoded.counts_money);
        let mut again = Vec::new();
        encode(&decoded, &mut again);
        assert_eq!(bytes, again);
    }

    #[test]
    fn a_newer_version_and_garbage_are_told_apart() {
        assert!(matches!(
            decode(br#"{"v":2,"x":1}"#),
            Err(RecordError::UnknownVersion(2))
        ));
        assert!(matches!(decode(b"{"), Err(RecordError::Malformed(_))));
    }
}
