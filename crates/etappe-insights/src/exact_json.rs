//! Parses a question's JSON and returns an event's JSON without changing any number.
//!
//! A number that neither 64 bits nor floating point can hold, such as an id of 22 digits, is
//! replaced by a string of the same digits before parsing. This is safe because property values are
//! compared by their spelling, so such a string equals the number.

use std::borrow::Cow;

use etappe_core::json::{JsonObject, skip};
use etappe_core::value::number_spelling;
use serde_json::Value;
use serde_json::value::RawValue;

/// Parses JSON; a leading byte order mark is ignored.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return serde_json::from_slice(bytes);
    };
    serde_json::from_str(&quote_large_numbers(text))
}

/// Returns a stored object in a form that every JSON parser reads, or `None` if it is not an
/// object.
///
/// Only numbers that most parsers would refuse or change are rewritten.
pub(crate) fn show_object(text: &str) -> Option<Box<RawValue>> {
    JsonObject::parse(text).ok()?;
    RawValue::from_string(quote_large_numbers(text).into_owned()).ok()
}

/// Quotes numbers that parsing would change.
fn quote_large_numbers(text: &str) -> Cow<'_, str> {
    let mut quoted = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = match rest.as_bytes().first() {
            Some(b'"') => skip::string(rest.as_bytes(), 0).unwrap_or(rest.len()),
            Some(b'-' | b'0'..=b'9') => {
                let length = number_length(rest);
                let number = rest.get(..length).unwrap_or_default();
                if changes(number) {
                    quoted.push_str(text.get(copied..at).unwrap_or_default());
                    quoted.push('"');
                    quoted.push_str(&number_spelling(number));
                    quoted.push('"');
                    copied = at + length;
                }
                length
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        at += length;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    quoted.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(quoted)
}

fn number_length(text: &str) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
    text.bytes().take_while(is_part).count()
}

/// Returns whether parsing would change a number. Invalid numbers are left to the parser.
fn changes(number: &str) -> bool {
    // Numbers of up to 15 digits are always exact.
    if number.len() <= 15 && !number.contains(['e', 'E']) {
        return false;
    }
    let is_number = serde_json::from_str::<&serde_json::value::RawValue>(number).is_ok();
    is_number
        && !serde_json::from_str::<serde_json::Number>(number)
            .is_ok_and(|parsed| number_spelling(&parsed.to_string()) == number_spelling(number))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_number_changes() {
        let cases = [
            (
                "{\"a\":[200.00,2e2,-0.5,18446744073709551615]}",
                json!({"a": [200.0, 200.0, -0.5, u64::MAX]}),
            ),
            ("1234567890123456789012", json!("1234567890123456789012")),
            (
                "[0.12345678901234567890,1e999, -1e-999]",
                json!(["0.1234567890123456789", "1e999", "-1e-999"]),
            ),
            (
                r#"{"a\"12345678901234567890123":"12345678901234567890123","é":12345678901234567890123}"#,
                json!({"a\"12345678901234567890123": "12345678901234567890123", "é": "12345678901234567890123"}),
            ),
            ("\u{feff}{}", json!({})),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn stored_numbers_that_a_double_cannot_hold_are_shown_as_text() {
        let shown = |text: &str| show_object(text).map(|raw| raw.get().to_owned());
        for text in ["{}", r#"{"n": 1.10,"n":-0.0,"x":"\ufffd","y":[{}]}"#] {
            assert_eq!(shown(text).as_deref(), Some(text));
        }
        assert_eq!(
            shown(r#"{"n":1e999,"m":123456789012345678901234567890}"#).as_deref(),
            Some(r#"{"n":"1e999","m":"123456789012345678901234567890"}"#)
        );
        for broken in ["", "[1]", "null", r#"{"a":}"#] {
            assert_eq!(shown(broken), None, "{broken}");
        }
    }

    #[test]
    fn text_that_is_not_json_is_kept_as_text() {
        for text in [
            "",
            "{",
            "12345678901234567890123e",
            "--12345678901234567890123",
            "\"\\\"",
            "[1e",
            "012345678901234567890123",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }
}
