//! Lines of other programs' exports, made into `track` messages.
//!
//! | export | told by | person | time | properties |
//! |---|---|---|---|---|
//! | PostHog, and anything plain | `event` | `distinct_id` | `timestamp` and other names | `properties` |
//! | Mixpanel's raw export | `event`, `properties.time` | `properties.$user_id`, else `distinct_id`; `$device:…` and `$device_id` are visitors | `properties.time` | `properties` |
//! | Amplitude's export | `event_type` | `user_id`, `device_id` | `event_time` | `event_properties` |
//! | Google Analytics 4 in BigQuery | `event_name` | `user_id`, `user_pseudo_id` | `event_timestamp` | `event_params` |
//!
//! Sources of the shapes: the export documentation of each, "Export API" (Mixpanel, Amplitude) and
//! "BigQuery Export schema" (Google).

use std::borrow::Cow;

use etappe_core::json::{JsonObject, JsonValue};
use serde_json::json;
use serde_json::value::RawValue;

use super::time::{is_sent, read, time_of};
use super::{LineError, Place, append_id};

/// The prefix of a visitor in Mixpanel's `distinct_id`.
const DEVICE: &str = "$device:";

/// A line's fields, as JSON texts.
#[derive(Default)]
struct Message<'a> {
    event: Cow<'a, str>,
    message_id: Option<Cow<'a, str>>,
    user_id: Option<Cow<'a, str>>,
    anonymous_id: Option<Cow<'a, str>>,
    timestamp: Cow<'a, str>,
    properties: Option<Cow<'a, str>>,
    context: Option<Cow<'a, str>>,
}

/// Appends the message of an exported line; on an error `out` is unchanged.
pub(super) fn append(
    object: &JsonObject<'_>,
    place: Place<'_>,
    out: &mut Vec<u8>,
) -> Result<(), LineError> {
    let message = if let Some(event) = sent(object, "event") {
        let properties = object.get_raw("properties");
        let inner = properties.and_then(|raw| JsonObject::parse(raw.get()).ok());
        match inner {
            Some(inner) if is_mixpanel(object, &inner) => mixpanel(event, properties, &inner)?,
            _ => plain(object, event)?,
        }
    } else if let Some(event) = sent(object, "event_type") {
        amplitude(object, event)?
    } else if let Some(event) = sent(object, "event_name") {
        google_analytics(object, event)?
    } else {
        return Err(LineError::NoEvent);
    };
    message.write(place, out);
    Ok(())
}

impl Message<'_> {
    fn write(&self, place: Place<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"type":"track","messageId":"#);
        match &self.message_id {
            Some(id) => out.extend_from_slice(id.as_bytes()),
            None => append_id(place, out),
        }
        let members = [
            ("event", Some(&self.event)),
            ("userId", self.user_id.as_ref()),
            ("anonymousId", self.anonymous_id.as_ref()),
            ("timestamp", Some(&self.timestamp)),
            ("properties", self.properties.as_ref()),
            ("context", self.context.as_ref()),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                out.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
            }
        }
        out.push(b'}');
    }
}

/// Returns the JSON text of a member unless it is null or blank.
fn sent<'a>(object: &JsonObject<'a>, name: &str) -> Option<Cow<'a, str>> {
    let raw: &'a RawValue = object.get_raw(name)?;
    is_sent(&JsonValue::of(raw)).then(|| Cow::Borrowed(raw.get()))
}

/// Returns the first of these members that holds something.
fn first<'a>(object: &JsonObject<'a>, names: &[&str]) -> Option<Cow<'a, str>> {
    names.iter().find_map(|name| sent(object, name))
}

fn is_mixpanel(object: &JsonObject<'_>, properties: &JsonObject<'_>) -> bool {
    sent(object, "distinct_id").is_none() && sent(properties, "time").is_some()
}

fn plain<'a>(object: &JsonObject<'a>, event: Cow<'a, str>) -> Result<Message<'a>, LineError> {
    Ok(Message {
        event,
        message_id: first(object, &["messageId", "message_id", "uuid"]),
        user_id: sent(object, "distinct_id"),
        timestamp: time_of(object)?.json.into(),
        properties: sent(object, "properties"),
        ..Message::default()
    })
}

fn mixpanel<'a>(
    event: Cow<'a, str>,
    raw: Option<&'a RawValue>,
    properties: &JsonObject<'a>,
) -> Result<Message<'a>, LineError> {
    let time = properties.get("time").unwrap_or(JsonValue::Null);
    let distinct = sent(properties, "distinct_id");
    let device = distinct.as_deref().and_then(|id| {
        let id: String = serde_json::from_str(id).ok()?;
        let id = id.strip_prefix(DEVICE)?;
        Some(json!(id).to_string())
    });
    // Before a login both are the same.
    let device_id = sent(properties, "$device_id");
    let person = distinct.filter(|id| device.is_none() && Some(id) != device_id.as_ref());
    Ok(Message {
        event,
        message_id: sent(properties, "$insert_id"),
        user_id: sent(properties, "$user_id").or(person),
        anonymous_id: device.map(Cow::Owned).or(device_id),
        timestamp: read("properties.time", time)?.json.into(),
        properties: raw.map(|raw| Cow::Borrowed(raw.get())),
        ..Message::default()
    })
}

fn amplitude<'a>(object: &JsonObject<'a>, event: Cow<'a, str>) -> Result<Message<'a>, LineError> {
    let traits = sent(object, "user_properties");
    Ok(Message {
        event,
        message_id: first(object, &["$insert_id", "insert_id", "uuid"]),
        user_id: sent(object, "user_id"),
        anonymous_id: sent(object, "device_id"),
        timestamp: time_of(object)?.json.into(),
        properties: sent(object, "event_properties"),
        context: traits.map(|traits| Cow::Owned(format!("{{\"traits\":{traits}}}"))),
    })
}

fn google_analytics<'a>(
    object: &JsonObject<'a>,
    event: Cow<'a, str>,
) -> Result<Message<'a>, LineError> {
    let time = object.get("event_timestamp").filter(is_sent);
    let time = read("event_timestamp", time.ok_or(LineError::NoTime)?)?;
    let mut properties = parameters(object);
    // The fields of a purchase that are stored outside its parameters.
    let ecommerce = object.get_raw("ecommerce");
    let ecommerce = ecommerce.and_then(|raw| JsonObject::parse(raw.get()).ok());
    if let Some(id) = ecommerce
        .as_ref()
        .and_then(|it| sent(it, "transaction_id"))
        .filter(|id| id != "\"(not set)\"")
    {
        add_missing(&mut properties, "transaction_id", id);
    }
    if let Some(items) = sent(object, "items").filter(|items| items != "[]") {
        add_missing(&mut properties, "items", items);
    }
    let page = [
        ("url", "page_location"),
        ("referrer", "page_referrer"),
        ("title", "page_title"),
    ];
    let page: Vec<String> = page
        .iter()
        .filter_map(|(name, key)| {
            let (_, value) = properties.iter().find(|(other, _)| other == key)?;
            Some(format!("\"{name}\":{value}"))
        })
        .collect();
    let members: Vec<String> = properties
        .iter()
        .map(|(name, value)| format!("{}:{value}", json!(name)))
        .collect();
    Ok(Message {
        event,
        user_id: sent(object, "user_id"),
        anonymous_id: sent(object, "user_pseudo_id"),
        timestamp: time.json.into(),
        properties: Some(Cow::Owned(format!("{{{}}}", members.join(",")))),
        context: (!page.is_empty())
            .then(|| Cow::Owned(format!("{{\"page\":{{{}}}}}", page.join(",")))),
        ..Message::default()
    })
}

/// Returns the parameters of an event in BigQuery tables: a list of keys, each with a value of one
/// of four types.
fn parameters<'a>(object: &JsonObject<'a>) -> Vec<(String, Cow<'a, str>)> {
    let list = object.get_raw("event_params").map(RawValue::get);
    let list: Vec<&'a RawValue> = list
        .and_then(|list| serde_json::from_str(list).ok())
        .unwrap_or_default();
    let typed = ["string_value", "int_value", "double_value", "float_value"];
    list.into_iter()
        .filter_map(|entry| {
            let entry = JsonObject::parse(entry.get()).ok()?;
            let key = entry.get("key")?.into_text()?.into_owned();
            let value = JsonObject::parse(entry.get_raw("value")?.get()).ok()?;
            Some((key, first(&value, &typed)?))
        })
        .collect()
}

fn add_missing<'a>(properties: &mut Vec<(String, Cow<'a, str>)>, name: &str, value: Cow<'a, str>) {
    if !properties.iter().any(|(other, _)| other == name) {
        properties.push((name.to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn message(line: &str) -> Value {
        let mut out = Vec::new();
        let place = Place {
            file: "f00d",
            number: 7,
        };
        append(
            &JsonObject::parse(line).expect("an object"),
            place,
            &mut out,
        )
        .expect("a message");
        serde_json::from_slice(&out).expect("JSON")
    }

    #[test]
    fn a_line_of_posthog_is_read() {
        let line = r#"{"uuid":"u-1","event":"$pageview","distinct_id":"anna","timestamp":"2024-03-01T12:00:00Z","properties":{"$current_url":"https://a.example/"}}"#;
        let expected = json!({
            "type": "track", "messageId": "u-1", "event": "$pageview", "userId": "anna",
            "timestamp": "2024-03-01T12:00:00Z", "properties": {"$current_url": "https://a.example/"},
        });
        assert_eq!(message(line), expected);
    }

    #[test]
    fn a_line_of_mixpanel_is_read() {
        let line = r#"{"event":"Order Completed","properties":{"time":1709294400,"distinct_id":"anna","$insert_id":"i1","$device_id":"d1","revenue":12.5}}"#;
        let found = message(line);
        assert_eq!(found["userId"], "anna");
        assert_eq!(
            (&found["anonymousId"], &found["messageId"]),
            (&json!("d1"), &json!("i1"))
        );
        assert_eq!(found["timestamp"], "2024-03-01T12:00:00.000Z");
        assert_eq!(found["properties"]["revenue"], 12.5);
        let visitor =
            r#"{"event":"x","properties":{"time":1709294400000,"distinct_id":"$device:d2"}}"#;
        let found = message(visitor);
        assert_eq!(
            (&found["userId"], &found["anonymousId"]),
            (&Value::Null, &json!("d2"))
        );
        assert_eq!(found["messageId"], "import-f00d-7");
        let before_login = r#"{"event":"x","properties":{"time":1709294400,"distinct_id":"d3","$device_id":"d3"}}"#;
        let found = message(before_login);
        assert_eq!(
            (&found["userId"], &found["anonymousId"]),
            (&Value::Null, &json!("d3"))
        );
    }

    #[test]
    fn a_line_of_amplitude_is_read() {
        let line = r#"{"$insert_id":"i1","event_type":"Signed Up","user_id":null,"device_id":"d1","event_time":"2024-03-01 12:00:00.123456","event_properties":{"plan":"pro"},"user_properties":{"city":"Utrecht"}}"#;
        let expected = json!({
            "type": "track", "messageId": "i1", "event": "Signed Up", "anonymousId": "d1",
            "timestamp": "2024-03-01 12:00:00.123456", "properties": {"plan": "pro"},
            "context": {"traits": {"city": "Utrecht"}},
        });
        assert_eq!(message(line), expected);
    }

    #[test]
    fn a_row_of_google_analytics_is_read() {
        let line = r#"{"event_name":"purchase","event_timestamp":"1709294400250000","user_pseudo_id":"1.2","user_id":null,"event_params":[{"key":"value","value":{"string_value":null,"double_value":24.95}},{"key":"currency","value":{"string_value":"EUR"}},{"key":"page_location","value":{"string_value":"https://a.example/thanks"}},{"key":"empty","value":{}}],"ecommerce":{"transaction_id":"T1"},"items":[]}"#;
        let expected = json!({
            "type": "track", "messageId": "import-f00d-7", "event": "purchase", "anonymousId": "1.2",
            "timestamp": "2024-03-01T12:00:00.250Z",
            "properties": {
                "value": 24.95, "currency": "EUR", "page_location": "https://a.example/thanks", "transaction_id": "T1",
            },
            "context": {"page": {"url": "https://a.example/thanks"}},
        });
        assert_eq!(message(line), expected);
    }

    #[test]
    fn a_line_without_event_or_time_is_an_error() {
        let place = Place {
            file: "f",
            number: 1,
        };
        for (line, expected) in [
            ("{}", LineError::NoEvent),
            (r#"{"event":""}"#, LineError::NoEvent),
            (r#"{"event":"x","distinct_id":"a"}"#, LineError::NoTime),
            (r#"{"event_type":"x","user_id":"a"}"#, LineError::NoTime),
            (r#"{"event_name":"x"}"#, LineError::NoTime),
        ] {
            let mut out = Vec::new();
            assert_eq!(
                append(
                    &JsonObject::parse(line).expect("an object"),
                    place,
                    &mut out
                ),
                Err(expected),
                "{line}"
            );
            assert!(out.is_empty());
        }
    }
}
