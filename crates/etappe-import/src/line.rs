//! Converts a line of an import file into a message of the native protocol.
//!
//! Native messages (anything with `type`, `userId` or `anonymousId`) are passed on unchanged. Lines
//! of other programs' exports become `track` messages (see [`export`]). A line without an id gets
//! one from the file's content and the line's number: the same line of the same file is always the
//! same message, and two equal lines stay two messages. A line must state its time, because
//! imported events did not happen now.

mod export;
mod time;

use etappe_core::json::JsonObject;
use serde::Deserialize;
use serde_json::value::RawValue;

use time::time_of;

/// Why a line cannot be sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    /// The line is not a JSON object.
    #[error("not a JSON object: {0}")]
    Malformed(String),
    /// The line names no event.
    #[error("neither `event` nor `type` is given")]
    NoEvent,
    /// The line does not say when it happened.
    #[error(
        "no time is given: write it as `timestamp` (also read: time, ts, event_time, occurred_at, created_at)"
    )]
    NoTime,
    /// Its time is not a time.
    #[error("`{name}` is not a time: {value}")]
    BadTime {
        /// The member's name.
        name: &'static str,
        /// The member's value.
        value: String,
    },
}

#[derive(Deserialize)]
struct NativeFields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, rename = "messageId", alias = "message_id", alias = "uuid")]
    message_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "userId")]
    user_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "anonymousId")]
    anonymous_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "sentAt")]
    sent_at: Option<&'a RawValue>,
}

/// A line's position: the file with this content, and the line number, counted from 1.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    file: &'a str,
    number: u64,
}

/// Appends the message of `line` to `out`; on an error `out` is as before.
///
/// `file` identifies the file's content, `number` the line, counted from 1.
pub(crate) fn append_message(
    line: &str,
    file: &str,
    number: u64,
    out: &mut Vec<u8>,
) -> Result<(), LineError> {
    let malformed = |error: serde_json::Error| LineError::Malformed(error.to_string());
    let fields: NativeFields<'_> = serde_json::from_str(line).map_err(malformed)?;
    let object = JsonObject::parse(line.trim()).map_err(malformed)?;
    let place = Place { file, number };
    let is_native =
        fields.kind.is_some() || fields.user_id.is_some() || fields.anonymous_id.is_some();
    if is_native {
        append_native(line, (&fields, &object), place, out)
    } else {
        export::append(&object, place, out)
    }
}

/// Appends a native message: its text, plus what is missing.
fn append_native(
    line: &str,
    (fields, object): (&NativeFields<'_>, &JsonObject<'_>),
    place: Place<'_>,
    out: &mut Vec<u8>,
) -> Result<(), LineError> {
    let time = time_of(object)?;
    out.push(b'{');
    if fields.message_id.is_none() {
        out.extend_from_slice(br#""messageId":"#);
        append_id(place, out);
        out.push(b',');
    }
    if fields.kind.is_none() {
        out.extend_from_slice(br#""type":"track","#);
    }
    // Valid JSON, and an object: the text starts with a brace.
    let members = line
        .trim()
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    out.extend_from_slice(members.unwrap_or_default().as_bytes());
    // If a member's name is repeated, the last one counts.
    if time.is_changed {
        out.extend_from_slice(format!(",\"timestamp\":{}", time.json).as_bytes());
    }
    if fields.sent_at.is_some() {
        // It was sent long ago; the collector would shift the event's time by that much.
        out.extend_from_slice(br#","sentAt":null"#);
    }
    out.push(b'}');
    Ok(())
}

fn append_id(place: Place<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\"import-{}-{}\"", place.file, place.number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &str) -> Result<String, LineError> {
        let mut out = Vec::new();
        append_message(line, "f00d", 7, &mut out)?;
        let text = String::from_utf8(out).expect("text");
        serde_json::from_str::<serde_json::Value>(&text).expect("valid JSON");
        Ok(text)
    }

    #[test]
    fn a_simple_line_becomes_a_track_message() {
        let line = r#"{"event":"purchase","distinct_id":"00001","timestamp":"1997-01-01T00:00:00Z","properties":{"dollar_value":11.770}}"#;
        let expected = r#"{"type":"track","messageId":"import-f00d-7","event":"purchase","userId":"00001","timestamp":"1997-01-01T00:00:00Z","properties":{"dollar_value":11.770}}"#;
        assert_eq!(message(line).as_deref(), Ok(expected));
    }

    #[test]
    fn a_native_message_keeps_its_text_and_its_id() {
        let line =
            r#"{"type":"page","messageId":"m1","anonymousId":"a1","timestamp":"2024-03-01"}"#;
        assert_eq!(message(line).as_deref(), Ok(line));
        assert_eq!(
            message(" {\"event\":\"Signed Up\",\"userId\":5,\"timestamp\":\"2024-03-01\"}\r\n")
                .as_deref(),
            Ok(
                r#"{"messageId":"import-f00d-7","type":"track","event":"Signed Up","userId":5,"timestamp":"2024-03-01"}"#
            )
        );
    }

    #[test]
    fn an_old_event_keeps_its_time_although_it_states_when_it_was_sent() {
        let line = r#"{"type":"page","messageId":"m1","userId":"u","timestamp":"2020-01-01T00:00:00Z","sentAt":"2020-01-01T00:00:00Z"}"#;
        let expected = r#"{"type":"page","messageId":"m1","userId":"u","timestamp":"2020-01-01T00:00:00Z","sentAt":"2020-01-01T00:00:00Z","sentAt":null}"#;
        assert_eq!(message(line).as_deref(), Ok(expected));
    }

    #[test]
    fn an_invalid_line_is_an_error_and_appends_nothing() {
        let mut out = b"[".to_vec();
        for line in ["{}", "[1]", "{\"event\":", "nonsense"] {
            assert!(append_message(line, "f", 1, &mut out).is_err(), "{line}");
        }
        assert_eq!(out, b"[");
    }

    #[test]
    fn the_time_of_a_native_message_is_read_under_other_names_too() {
        for (time, expected) in [
            (r#""time":1709294400"#, "2024-03-01T12:00:00.000Z"),
            (r#""ts":"1709294400000""#, "2024-03-01T12:00:00.000Z"),
            (
                r#""event_time":"2024-03-01 12:00:00""#,
                "2024-03-01 12:00:00",
            ),
            (r#""timestamp":1709294400.5"#, "2024-03-01T12:00:00.500Z"),
            (
                r#""timestamp":null,"created_at":"2024-03-01""#,
                "2024-03-01",
            ),
        ] {
            let line = format!(r#"{{"type":"track","event":"x","userId":"u",{time}}}"#);
            let message: serde_json::Value =
                serde_json::from_str(&message(&line).expect("a message")).expect("JSON");
            assert_eq!(message["timestamp"], expected, "{line}");
        }
        for line in [
            r#"{"type":"track","event":"x","userId":"u"}"#,
            r#"{"type":"track","event":"x","userId":"u","timestamp":"","properties":{"time":1}}"#,
        ] {
            assert_eq!(message(line), Err(LineError::NoTime), "{line}");
        }
    }
}
