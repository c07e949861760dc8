//! The pixel: an event in the URL of an image, for mail and for pages without scripts.
//!
//! `writeKey`, `event`, `anonymousId`, `userId`, `messageId` and `timestamp` mean the same as in a
//! message. `context.…` goes into the context, by its dots; everything else is a property. Values
//! are always strings. A pixel may have no id: it then counts only in totals.

use std::borrow::Cow;
use std::collections::BTreeMap;

use etappe_core::event::{Event, EventKind, tidy_name};
use etappe_core::time::Timestamp;
use percent_encoding::percent_decode;

use crate::native::notice::{SentId, judge_message_id, warn_of_properties};
use crate::native::{
    Limits, Message, Reason, Reception, Rejection, check_range, truncate_address, with_country,
    without_addresses,
};
use crate::record::json_text::push_string;

/// A transparent image of one pixel, 43 bytes long.
pub const GIF: &[u8; 43] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\
    \x21\xf9\x04\x01\0\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b";

/// The most levels that a name such as `context.page.url` may open; further dots stay in the name.
const MAX_LEVELS: usize = 4;

/// The parsed query of a pixel's URL. Of equal names the last one counts.
#[derive(Debug, Default)]
pub struct PixelQuery {
    write_key: Option<String>,
    event: Option<String>,
    anonymous_id: Option<String>,
    user_id: Option<String>,
    message_id: Option<String>,
    timestamp: Option<String>,
    properties: BTreeMap<String, Node>,
    context: BTreeMap<String, Node>,
    bytes: usize,
}

/// A value, or an object opened by a dot in a name.
#[derive(Debug)]
enum Node {
    Text(String),
    Object(BTreeMap<String, Self>),
}

impl PixelQuery {
    /// Parses a query. Never fails: invalid UTF-8 after decoding is replaced.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let mut parsed = Self {
            bytes: query.len(),
            ..Self::default()
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parsed.note(decode(name), decode(value));
        }
        parsed
    }

    fn note(&mut self, name: String, value: String) {
        let slot = match name.as_str() {
            "writeKey" => &mut self.write_key,
            "event" => &mut self.event,
            "anonymousId" => &mut self.anonymous_id,
            "userId" => &mut self.user_id,
            "messageId" => &mut self.message_id,
            "timestamp" => &mut self.timestamp,
            other => {
                match other.strip_prefix("context.") {
                    Some(path) if !path.is_empty() => {
                        insert(&mut self.context, path, value, MAX_LEVELS);
                    }
                    _ => {
                        self.properties.insert(name, Node::Text(value));
                    }
                }
                return;
            }
        };
        *slot = Some(value).filter(|value| !value.is_empty());
    }

    /// Returns the write key in the URL.
    #[must_use]
    pub fn write_key(&self) -> Option<&str> {
        self.write_key.as_deref()
    }

    /// Builds the message of the query.
    ///
    /// # Errors
    /// [`Rejection`] when the event has no name, its time is invalid, or it is too large.
    pub fn message<'q>(
        &'q self,
        reception: &'q Reception,
        limits: &Limits,
    ) -> Result<Message<'q>, Rejection<'q>> {
        self.build(reception, limits).map_err(|reason| Rejection {
            reason,
            message_id: self.message_id.as_deref().map(Cow::Borrowed),
            kind: Some(EventKind::Track),
            event: self.event.as_deref().map(Cow::Borrowed),
            bytes: self.bytes,
        })
    }

    fn build<'q>(
        &'q self,
        reception: &'q Reception,
        limits: &Limits,
    ) -> Result<Message<'q>, Reason> {
        if self.bytes > limits.event_bytes {
            return Err(Reason::TooLarge);
        }
        let name = self.event.as_deref().map(Cow::Borrowed).map(tidy_name);
        let name = name
            .filter(|name| !name.is_empty())
            .ok_or(Reason::MissingEvent)?;
        let occurred_at = match self.timestamp.as_deref() {
            Some(text) => {
                let at = Timestamp::parse(text).map_err(|_| Reason::InvalidTimestamp)?;
                check_range(at, reception.received_at)?
            }
            None => reception.received_at,
        };
        let mut warnings = Vec::new();
        let message_id = self.message_id.as_deref().map(Cow::Borrowed);
        let message_id =
            message_id.and_then(|text| judge_message_id(text, &mut warnings).into_id());
        let mut sent_id = |field, text: &'q Option<String>| {
            let text = text.as_deref().map(Cow::Borrowed)?;
            SentId::judge(field, text, &mut warnings).into_id()
        };
        let anonymous_id = sent_id("anonymousId", &self.anonymous_id);
        let user_id = sent_id("userId", &self.user_id);
        let properties = object_text(&self.properties, &[]);
        let mut noticed = Vec::new();
        warn_of_properties(&name, &properties, reception, &mut noticed);
        for warning in noticed {
            warnings.push(warning.into_owned());
        }
        let event = Event {
            anonymous_id,
            user_id,
            properties: without_addresses(Cow::Owned(properties)),
            context: with_country(
                without_addresses(Cow::Owned(self.context_text(reception))),
                reception.proxys_country(),
            ),
            ..reception.event(0, EventKind::Track, name, message_id, occurred_at)
        };
        Ok(Message { event, warnings })
    }

    fn context_text(&self, reception: &Reception) -> String {
        let stated = match self.context.get("ip") {
            Some(Node::Text(text)) => text.trim().parse().ok(),
            Some(Node::Object(_)) | None => None,
        };
        let address = stated.or(reception.address).map(truncate_address);
        let address = address.map(|address| address.to_string());
        let stated = match self.context.get("userAgent") {
            Some(Node::Text(text)) if !text.is_empty() => Some(text.as_str()),
            Some(_) | None => None,
        };
        let filled = [
            ("ip", address.as_deref()),
            ("userAgent", stated.or(reception.user_agent.as_deref())),
        ];
        object_text(&self.context, &filled)
    }
}

/// Decodes one name or value of a query; a plus sign becomes a space.
fn decode(text: &str) -> String {
    let spaced: Cow<'_, [u8]> = if text.contains('+') {
        Cow::Owned(text.replace('+', " ").into_bytes())
    } else {
        Cow::Borrowed(text.as_bytes())
    };
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

fn insert(object: &mut BTreeMap<String, Node>, path: &str, value: String, levels: usize) {
    let Some((head, rest)) = path.split_once('.').filter(|_| levels > 1) else {
        object.insert(path.to_owned(), Node::Text(value));
        return;
    };
    let inner = object
        .entry(head.to_owned())
        .or_insert_with(|| Node::Object(BTreeMap::new()));
    if let Node::Text(_) = inner {
        *inner = Node::Object(BTreeMap::new());
    }
    if let Node::Object(members) = inner {
        insert(members, rest, value, levels - 1);
    }
}

/// Returns the JSON text of `members`, with those in `set` replacing members of the same name, or
/// an empty text if there are none.
fn object_text(members: &BTreeMap<String, Node>, set: &[(&str, Option<&str>)]) -> String {
    let mut out = Vec::new();
    for (name, node) in members {
        if set.iter().all(|(other, _)| other != name) {
            push_member(&mut out, name, node);
        }
    }
    for (name, value) in set {
        if let Some(value) = value {
            push_name(&mut out, name);
            push_string(&mut out, value);
        }
    }
    if !out.is_empty() {
        out.push(b'}');
    }
    String::from_utf8(out).expect("made of strings only")
}

fn push_name(out: &mut Vec<u8>, name: &str) {
    out.push(if matches!(out.last(), None | Some(b':')) {
        b'{'
    } else {
        b','
    });
    push_string(out, name);
    out.push(b':');
}

fn push_member(out: &mut Vec<u8>, name: &str, node: &Node) {
    push_name(out, name);
    match node {
        Node::Text(text) => push_string(out, text),
        Node::Object(members) => {
            for (name, node) in members {
                push_member(out, name, node);
            }
            out.push(b'}');
        }
    }
}

#[cfg(test)]
mod tests {
    use etappe_core::event::KeyScope;
    use etappe_core::id::SiteId;
    use etappe_core::money_terms::MoneyTerms;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::record::decode;

    fn check(query: &str) -> Result<String, Reason> {
        let reception = reception();
        let query = PixelQuery::parse(query);
        let mut record = Vec::new();
        query
            .message(&reception, &Limits::default())
            .map_err(|rejection| rejection.reason)?
            .encode(None, &mut record);
        decode(&record).expect("a record");
        let record = String::from_utf8(record).unwrap();
        let (_, tail) = record.split_once(r#""event":"#).unwrap();
        Ok(tail.to_owned())
    }

    fn reception() -> Reception {
        Reception {
            site: SiteId::try_new("demo").unwrap(),
            scope: KeyScope::Pixel,
            counts_money: false,
            money_terms: MoneyTerms::default(),
            received_at: Timestamp::from_millis(1_709_294_400_000),
            address: Some("198.51.100.7".parse().unwrap()),
            user_agent: Some("Mail/1".to_owned()),
            country: None,
            first_id: Uuid::from_u128(0x018d_0000_0000_7000_8000_0000_0000_0001),
            redactor: None,
        }
    }

    #[test]
    fn the_image_is_43_bytes_of_gif() {
        assert_eq!(GIF.len(), 43);
        assert!(GIF.starts_with(b"GIF89a") && GIF.ends_with(b"\x3b"));
    }

    #[test]
    fn a_query_becomes_a_record_without_its_key() {
        assert_eq!(
            check("writeKey=secret&event=Email%20Opened&anonymousId=a9&messageId=m1&timestamp=2024-02-29T00:00:00Z&revenue=5.50&campaign+name=Spring+%26%22more%22&context.page.url=https%3A%2F%2Fx.example&context.page.path=%2F&context.locale=nl&a=1&a=2&&x").as_deref(),
            Ok(r#""Email Opened","messageId":"m1","anonymousId":"a9","timestamp":"2024-02-29T00:00:00.000Z","receivedAt":"2024-03-01T12:00:00.000Z","properties":{"a":"2","campaign name":"Spring &\"more\"","revenue":"5.50","x":""},"context":{"locale":"nl","page":{"path":"/","url":"https://x.example"},"ip":"198.51.100.0","userAgent":"Mail/1"}}"#)
        );
    }

    #[test]
    fn white_space_around_a_name_and_repeated_in_it_is_left_out() {
        let record = check("event=+Order++Completed%C2%A0&messageId=m").unwrap();
        assert!(record.starts_with("\"Order Completed\","), "{record}");
    }

    #[test]
    fn a_pixel_needs_an_event_but_no_id() {
        assert_eq!(
            check("event=x&context.ip=2001:db8:1:2::3&context.userAgent=own").as_deref(),
            Ok(
                r#""x","messageId":"018d0000-0000-7000-8000-000000000001","timestamp":"2024-03-01T12:00:00.000Z","receivedAt":"2024-03-01T12:00:00.000Z","context":{"ip":"2001:db8:1::","userAgent":"own"}}"#
            )
        );
        assert_eq!(check("userId=u"), Err(Reason::MissingEvent));
        assert_eq!(check("event="), Err(Reason::MissingEvent));
        assert_eq!(check("event=%20+"), Err(Reason::MissingEvent));
        assert_eq!(
            check("event=x&timestamp=9999-01-01"),
            Err(Reason::InvalidTimestamp)
        );
        assert_eq!(
            check(&format!("event=x&p={}", "y".repeat(40_000))),
            Err(Reason::TooLarge)
        );
    }

    #[test]
    fn a_pixel_accepts_the_notations_of_time_that_all_endpoints_accept() {
        for text in [
            "2024-02-29T09:53Z",
            "2024-02-29T09:53",
            "2024-02-29+09:53",
            "2024-02-29t09:53:00,000z",
            "2024-02-29T10:53+0100",
            "2024-02-29T10:53%2B01",
            "2024-02-29T10:53+01:00",
        ] {
            let record = check(&format!("event=x&timestamp={text}")).unwrap();
            let expected = r#""timestamp":"2024-02-29T09:53:00.000Z""#;
            assert!(record.contains(expected), "{text}: {record}");
        }
    }

    #[test]
    fn placeholders_and_addresses_in_a_pixel_are_treated_as_in_a_message() {
        let record = check("event=x&messageId=m&userId=undefined&anonymousId=+a1&ip=203.0.113.77&context.device.ip=203.0.113.77").unwrap();
        assert!(
            record.contains(r#""anonymousId":"a1","timestamp""#),
            "{record}"
        );
        assert!(
            !record.contains("203.0.113.77") && !record.contains("undefined"),
            "{record}"
        );
        let query = PixelQuery::parse("event=x&userId=null&revenue=1%2C234&order_id=0");
        let mut reception = reception();
        let told = |reception: &Reception| {
            let message = query.message(reception, &Limits::default()).unwrap();
            let reasons = message
                .warnings
                .iter()
                .map(|warning| warning.reason.as_str());
            reasons.collect::<Vec<_>>()
        };
        assert_eq!(told(&reception), ["placeholder_id", "placeholder_id"]);
        reception.counts_money = true;
        let all = ["placeholder_id", "placeholder_id", "ambiguous_amount"];
        assert_eq!(told(&reception), all);
    }

    #[test]
    fn the_later_of_contradicting_names_counts() {
        let record =
            check("event=x&context.page=1&context.page.url=2&context.a.b.c.d.e.f=3").unwrap();
        assert!(record.contains(r#""page":{"url":"2"}"#), "{record}");
        assert!(
            record.contains(r#""a":{"b":{"c":{"d.e.f":"3"}}}"#),
            "{record}"
        );
    }

    proptest! {
        #[test]
        fn any_query_is_a_record_or_a_rejection(query in "(event|context\\.|[a-c.=&%+]|%[0-9a-fA-F]{2}|\\PC){0,40}") {
            let outcome = check(&format!("event=x&{query}"));
            let expected = matches!(&outcome, Ok(_) | Err(Reason::MissingEvent));
            prop_assert!(expected, "{outcome:?}");
        }
    }
}
