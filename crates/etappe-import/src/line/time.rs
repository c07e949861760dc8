//! Finds the time of an import line: under one of several names, as text or as an epoch.

use etappe_core::json::{JsonObject, JsonValue};
use etappe_core::time::Timestamp;
use serde_json::json;

use super::LineError;

/// The members that may hold a line's time, in order of preference.
const NAMES: [&str; 7] = [
    "timestamp",
    "originalTimestamp",
    "time",
    "ts",
    "event_time",
    "occurred_at",
    "created_at",
];

/// The smallest number accepted as an epoch: 3 March 1973 in seconds. Smaller ones are durations
/// and counts.
const LEAST_EPOCH: f64 = 1e8;

/// An upper bound for the number, and the epoch's units per second below it. Above the bound, a
/// number of seconds would lie beyond the year 5000; the same holds for milliseconds, and so on.
const UNITS: [(f64, f64); 4] = [(1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9)];

/// A line's time, as JSON text that the collector reads.
#[derive(Debug)]
pub(super) struct LineTime {
    pub(super) json: String,
    /// Whether it differs from the member `timestamp` in name or form.
    pub(super) is_changed: bool,
}

/// Finds the time among a line's members.
pub(super) fn time_of(object: &JsonObject<'_>) -> Result<LineTime, LineError> {
    let found = NAMES
        .iter()
        .find_map(|name| Some((*name, object.get(name).filter(is_sent)?)));
    let (name, value) = found.ok_or(LineError::NoTime)?;
    let time = read(name, value)?;
    Ok(LineTime {
        is_changed: time.is_changed || name != "timestamp",
        ..time
    })
}

/// Returns whether a value is neither null nor blank text.
pub(super) fn is_sent(value: &JsonValue<'_>) -> bool {
    match value {
        JsonValue::Null => false,
        JsonValue::String(text) => !text.trim().is_empty(),
        _ => true,
    }
}

/// Reads a time. A text that is not a number is passed to the collector, which reports any problem
/// with it.
pub(super) fn read(name: &'static str, value: JsonValue<'_>) -> Result<LineTime, LineError> {
    let number = match &value {
        JsonValue::Number(text) => Some(text.to_string()),
        JsonValue::String(text) => Some(text.trim().to_owned()).filter(|text| is_digits(text)),
        _ => None,
    };
    match (number, value) {
        (Some(number), _) => {
            let instant = number.parse().ok().and_then(of_epoch);
            let instant = instant.ok_or(LineError::BadTime {
                name,
                value: number,
            })?;
            Ok(LineTime {
                json: json!(instant.to_string()).to_string(),
                is_changed: true,
            })
        }
        (None, JsonValue::String(text)) => Ok(LineTime {
            json: json!(text).to_string(),
            is_changed: false,
        }),
        (None, other) => Err(LineError::BadTime {
            name,
            value: other.into_text().map_or_else(
                || "an object or a list".to_owned(),
                std::borrow::Cow::into_owned,
            ),
        }),
    }
}

/// Returns whether a text has as many digits as a present-day epoch in seconds, milliseconds,
/// microseconds or nanoseconds; others are years and dates (`202403011200`).
fn is_digits(text: &str) -> bool {
    let whole = text.split('.').next().unwrap_or_default();
    matches!(whole.len(), 10 | 13 | 16 | 19)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Returns the instant of an epoch in seconds, milliseconds, microseconds or nanoseconds.
fn of_epoch(number: f64) -> Option<Timestamp> {
    if number < LEAST_EPOCH {
        return None;
    }
    let (_, units) = UNITS.iter().find(|(limit, _)| number < *limit)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "below 10^14 milliseconds, and rounded"
    )]
    let millis = (number / units * 1_000.0).round() as i64;
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_told_apart_by_their_size() {
        for number in [
            "1709294400",
            "1709294400.25",
            "1709294400250",
            "1709294400250000",
            "1709294400250000000",
        ] {
            let found = of_epoch(number.parse().expect("a number")).expect("an instant");
            let expected = if number == "1709294400" {
                "2024-03-01T12:00:00.000Z"
            } else {
                "2024-03-01T12:00:00.250Z"
            };
            assert_eq!(found.to_string(), expected, "{number}");
        }
        for number in [0.0, 12.5, 20_240_301.0, -1_709_294_400.0, 1e21] {
            assert_eq!(of_epoch(number), None, "{number}");
        }
    }

    fn object(line: &str) -> JsonObject<'_> {
        JsonObject::parse(line).expect("an object")
    }

    #[test]
    fn an_invalid_time_is_an_error_and_other_digits_are_left_to_the_collector() {
        for line in [
            r#"{"timestamp":true}"#,
            r#"{"timestamp":{}}"#,
            r#"{"time":12.5}"#,
        ] {
            assert!(
                matches!(time_of(&object(line)), Err(LineError::BadTime { .. })),
                "{line}"
            );
        }
        // Other digits are a year or a date, which the collector accepts or refuses.
        for text in ["2024", "202403011200", "20240301120000"] {
            let line = format!(r#"{{"timestamp":"{text}"}}"#);
            let time = time_of(&object(&line)).expect("left to the collector");
            assert_eq!((time.json, time.is_changed), (format!("\"{text}\""), false));
        }
    }
}
