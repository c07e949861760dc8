//! The log record: the format of the event log. The collector writes it, every consumer reads it.
//!
//! A record is one JSON object in UTF-8. Its first member is always `"v":1`, the version. Times are
//! RFC 3339 in UTC with milliseconds. A member without a value is left out. `docs/log-record.md`
//! documents the members for other consumers. Between the events collectors write marks of their
//! own; [`read`] reads both.
//!
//! Invariants: the texts of objects, and so of numbers, are copied unchanged. A record that is
//! decoded and encoded again has the same bytes.
//!
//! Reasons: the format is JSON because programs of others read the log too. It is written by hand,
//! straight into the buffer of many records, because that happens for every event on the way in.
//!
//! Traps: readers ignore members that they do not know, so a new optional member needs no new
//! version, but a new meaning of an old one does. A new field of [`Event`] has to be added both to
//! [`encode`] and to [`decode`]. The address in `context.ip` is truncated and write keys are masked
//! by [`crate::native`] and [`crate::pixel`]; nothing here does it.

use std::borrow::Cow;

use etappe_core::currency::Currency;
use etappe_core::event::{Event, EventKind, KeyScope};
use etappe_core::id::{InvalidSiteId, SiteId};
use etappe_core::json::JsonObject;
use etappe_core::money_terms::{LargestAmounts, MoneyTerms};
use etappe_core::time::Timestamp;
use serde::Deserialize;

pub(crate) mod json_text;
mod mark;

pub use mark::{MAX_COLLECTOR_BYTES, Record, decode_mark, encode_mark, read};

use json_text::{push_string, push_time};

/// The version of the format that is written.
pub const VERSION: u32 = 1;

/// The version stated in a record.
#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

/// A record as in the log; borrows from its bytes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordV1<'a> {
    v: u32,
    #[serde(borrow)]
    site: Cow<'a, str>,
    scope: KeyScope,
    #[serde(default = "yes")]
    money: bool,
    #[serde(default)]
    currency: Currency,
    #[serde(default)]
    largest_amount: LargestAmounts,
    #[serde(rename = "type")]
    kind: EventKind,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(borrow, default)]
    anonymous_id: Option<Id<'a>>,
    #[serde(borrow, default)]
    user_id: Option<Id<'a>>,
    #[serde(borrow, default)]
    previous_id: Option<Id<'a>>,
    #[serde(borrow, default)]
    group_id: Option<Id<'a>>,
    timestamp: Timestamp,
    received_at: Timestamp,
    #[serde(borrow, default)]
    properties: JsonObject<'a>,
    #[serde(borrow, default)]
    traits: JsonObject<'a>,
    #[serde(borrow, default)]
    context: JsonObject<'a>,
}

/// An id, which serde would copy as a bare `Cow` in an `Option`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Id<'a>(#[serde(borrow)] Cow<'a, str>);

const fn yes() -> bool {
    true
}

/// Why bytes cannot be read as a record of this version.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The bytes are not a record at all.
    #[error("not a log record: {0}")]
    Malformed(#[source] serde_json::Error),
    /// The record was written by a newer version.
    #[error("log record of version {0}, this program reads up to {VERSION}")]
    UnknownVersion(u32),
    /// The record names a site that cannot exist.
    #[error("log record has an invalid site: {0}")]
    Site(#[source] InvalidSiteId),
}

/// Appends the record of `event` to `out`. The texts of its objects are copied unchanged.
pub fn encode<Object: AsRef<str>>(event: &Event<'_, Object>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"v":1,"site":"#);
    push_string(out, event.site.as_str());
    out.extend_from_slice(br#","scope":""#);
    out.extend_from_slice(event.scope.as_str().as_bytes());
    out.push(b'"');
    if !event.counts_money {
        out.extend_from_slice(br#","money":false"#);
    }
    push_terms(out, &event.money_terms);
    out.extend_from_slice(br#","type":""#);
    out.extend_from_slice(event.kind.as_str().as_bytes());
    out.extend_from_slice(br#"","event":"#);
    push_string(out, &event.name);
    out.extend_from_slice(br#","messageId":"#);
    push_string(out, &event.message_id);
    let ids = [
        (r#","anonymousId":"#, &event.anonymous_id),
        (r#","userId":"#, &event.user_id),
        (r#","previousId":"#, &event.previous_id),
        (r#","groupId":"#, &event.group_id),
    ];
    for (name, id) in ids {
        if let Some(id) = id {
            out.extend_from_slice(name.as_bytes());
            push_string(out, id);
        }
    }
    out.extend_from_slice(br#","timestamp":"#);
    push_time(out, event.occurred_at);
    out.extend_from_slice(br#","receivedAt":"#);
    push_time(out, event.received_at);
    let objects = [
        (r#","properties":"#, &event.properties),
        (r#","traits":"#, &event.traits),
        (r#","context":"#, &event.context),
    ];
    for (name, object) in objects {
        let object = object.as_ref();
        if has_members(object) {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(object.as_bytes());
        }
    }
    out.push(b'}');
}

/// Appends the site's money terms, if they differ from the defaults.
fn push_terms(out: &mut Vec<u8>, terms: &MoneyTerms) {
    let MoneyTerms { currency, largest } = terms;
    if *currency != Currency::default() {
        out.extend_from_slice(br#","currency":"#);
        push_string(out, currency.as_str());
    }
    if !largest.is_default() {
        out.extend_from_slice(br#","largestAmount":"#);
        let text = serde_json::to_vec(largest).expect("a map of texts and numbers");
        out.extend_from_slice(&text);
    }
}

/// Returns whether the text of an object, which may be empty, has members.
fn has_members(object: &str) -> bool {
    let inner = object.trim_start().strip_prefix('{');
    inner.is_some_and(|inner| !inner.trim_start().starts_with('}'))
}

/// Decodes a record; the event borrows from `bytes`.
///
/// # Errors
/// [`RecordError`] when the bytes are not a record, or are one of a newer version.
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
        site: Cow::Owned(SiteId::try_new(&record.site).map_err(RecordError::Site)?),
        scope: record.scope,
        counts_money: record.money,
        money_terms: Cow::Owned(MoneyTerms {
            currency: record.currency,
            largest: record.largest_amount,
        }),
        kind: record.kind,
        name: record.event,
        message_id: record.message_id,
        anonymous_id: record.anonymous_id.map(|id| id.0),
        user_id: record.user_id.map(|id| id.0),
        previous_id: record.previous_id.map(|id| id.0),
        group_id: record.group_id.map(|id| id.0),
        occurred_at: record.timestamp,
        received_at: record.received_at,
        properties: record.properties,
        traits: record.traits,
        context: record.context,
    })
}

/// Returns the partition key of a record of `event`: its site with its anonymous id, else its user
/// id, else its message id, so that one actor's events keep their order.
#[must_use]
pub fn partition_key<Object>(event: &Event<'_, Object>) -> u64 {
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
            user_id: Some("u1".into()),
            received_at: Timestamp::from_millis(1_709_294_400_999),
            properties: JsonObject::parse(r#"{"revenue":0.10,"a":{"b":[1]}}"#).unwrap(),
            ..Event::empty(
                Cow::Owned(SiteId::try_new("demo").unwrap()),
                EventKind::Track,
                "Order \"Completed\"\n".into(),
                "m\u{0}1".into(),
                Timestamp::from_millis(1_709_294_400_123),
            )
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
        assert_eq!(*decoded.money_terms, MoneyTerms::default());
        assert!(matches!(decoded.user_id, Some(Cow::Borrowed("u1"))));
        let mut again = Vec::new();
        encode(&decoded, &mut again);
        assert_eq!(bytes, again);
    }

    #[test]
    fn the_money_terms_of_a_site_are_part_of_the_record() {
        let mut event = sample();
        *event.money_terms.to_mut() = MoneyTerms {
            currency: Currency::of_code("AUD").unwrap(),
            largest: serde_json::from_str(r#"{"AUD":5000,"*":"0.5"}"#).unwrap(),
        };
        let mut bytes = Vec::new();
        encode(&event, &mut bytes);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let terms = r#""currency":"AUD","largestAmount":{"AUD":5000,"*":"0.5"},"type""#;
        assert!(text.contains(terms), "{text}");
        assert_eq!(decode(&bytes).unwrap().money_terms, event.money_terms);
    }

    #[test]
    fn a_newer_version_is_distinguished_from_garbage() {
        assert!(matches!(
            decode(br#"{"v":2,"x":1}"#),
            Err(RecordError::UnknownVersion(2))
        ));
        assert!(matches!(decode(b"{"), Err(RecordError::Malformed(_))));
    }

    #[test]
    fn parts_without_a_value_are_left_out_and_the_members_keep_their_order() {
        let mut event = sample();
        event.counts_money = false;
        event.anonymous_id = Some("a1".into());
        event.context = JsonObject::parse(r#"{ "ip": "192.0.2.0" }"#).unwrap();
        event.traits = JsonObject::parse("{ }").unwrap();
        let mut bytes = Vec::new();
        encode(&event, &mut bytes);
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            r#"{"v":1,"site":"demo","scope":"server","money":false,"type":"track","event":"Order \"Completed\"\n","messageId":"m\u00001","anonymousId":"a1","userId":"u1","timestamp":"2024-03-01T12:00:00.123Z","receivedAt":"2024-03-01T12:00:00.999Z","properties":{"revenue":0.10,"a":{"b":[1]}},"context":{ "ip": "192.0.2.0" }}"#
        );
        assert!(!decode(&bytes).unwrap().counts_money);
    }
}
