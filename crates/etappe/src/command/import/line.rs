//! One line of an import file, made into a message of the native protocol.
//!
//! Two shapes are understood: native messages (anything with `type`, `userId` or `anonymousId`),
//! passed on as they are, and `{"event","distinct_id","timestamp","properties"}`, whose
//! `distinct_id` becomes the `userId`. A line without an id gets one from the file's content and
//! the line's number: the same line of the same file is always the same message, and two equal
//! lines stay two.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Why a line cannot be sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    /// The line is no JSON object.
    #[error("not a JSON object: {0}")]
    Malformed(String),
    /// The line names no event.
    #[error("neither `event` nor `type` is given")]
    NoEvent,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    distinct_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "messageId", alias = "message_id", alias = "uuid")]
    message_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "userId")]
    user_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "anonymousId")]
    anonymous_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "sentAt")]
    sent_at: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
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
    let fields: Fields<'_> =
        serde_json::from_str(line).map_err(|error| LineError::Malformed(error.to_string()))?;
    let is_native =
        fields.kind.is_some() || fields.user_id.is_some() || fields.anonymous_id.is_some();
    if !is_native && fields.event.is_none() {
        return Err(LineError::NoEvent);
    }
    out.push(b'{');
    if is_native {
        append_missing(&fields, file, number, out);
        // Valid JSON, and an object: the text starts with a brace.
        let members = line
            .trim()
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        out.extend_from_slice(members.unwrap_or_default().as_bytes());
        if fields.sent_at.is_some() {
            // It was sent long ago; the collector would move the event's time by as much. Of
            // members with one name the last counts.
            out.extend_from_slice(br#","sentAt":null"#);
        }
        out.push(b'}');
    } else {
        append_simple(&fields, file, number, out);
    }
    Ok(())
}

/// Appends what a native message lacks, each member followed by a comma.
fn append_missing(fields: &Fields<'_>, file: &str, number: u64, out: &mut Vec<u8>) {
    if fields.message_id.is_none() {
        out.extend_from_slice(br#""messageId":"#);
        append_id(file, number, out);
        out.push(b',');
    }
    if fields.kind.is_none() {
        out.extend_from_slice(br#""type":"track","#);
    }
}

fn append_simple(fields: &Fields<'_>, file: &str, number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(br#""type":"track","messageId":"#);
    match fields.message_id {
        Some(id) => out.extend_from_slice(id.get().as_bytes()),
        None => append_id(file, number, out),
    }
    let members = [
        ("event", fields.event),
        ("userId", fields.distinct_id),
        ("timestamp", fields.timestamp),
        ("properties", fields.properties),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            out.extend_from_slice(value.get().as_bytes());
        }
    }
    out.push(b'}');
}

fn append_id(file: &str, number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\"import-{file}-{number}\"").as_bytes());
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
        let line = r#"{"type":"page","messageId":"m1","anonymousId":"a1"}"#;
        assert_eq!(message(line).as_deref(), Ok(line));
        assert_eq!(
            message(" {\"event\":\"Signed Up\",\"userId\":5}\r\n").as_deref(),
            Ok(r#"{"messageId":"import-f00d-7","type":"track","event":"Signed Up","userId":5}"#)
        );
    }

    #[test]
    fn history_keeps_its_time_though_it_was_sent_long_ago() {
        let line =
            r#"{"type":"page","messageId":"m1","userId":"u","sentAt":"2020-01-01T00:00:00Z"}"#;
        let expected = r#"{"type":"page","messageId":"m1","userId":"u","sentAt":"2020-01-01T00:00:00Z","sentAt":null}"#;
        assert_eq!(message(line).as_deref(), Ok(expected));
    }

    #[test]
    fn a_line_that_is_no_message_says_why_and_adds_nothing() {
        let mut out = b"[".to_vec();
        for line in ["{}", "[1]", "{\"event\":", "nonsense"] {
            assert!(append_message(line, "f", 1, &mut out).is_err(), "{line}");
        }
        assert_eq!(out, b"[");
    }
}
