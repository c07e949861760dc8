//! Durations as text: a whole number with `ms`, `s`, `m`, `h`, `d` or `w`.
//!
//! For settings, `#[serde(with = "etappe_core::duration_text")]`; for other text, [`parse`].

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de};

/// Units and their milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];
/// The units in which durations are written: those up to the hour.
const WRITTEN_UNITS: usize = 4;

/// Writes a duration in the largest unit that divides it evenly, at most in hours.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, size) = UNITS
        .into_iter()
        .take(WRITTEN_UNITS)
        .rev()
        .find(|(_, size)| millis != 0 && millis.is_multiple_of(*size))
        .unwrap_or(("ms", 1));
    serializer.collect_str(&format_args!("{}{unit}", millis / size))
}

/// Reads a duration.
///
/// # Errors
/// Those of the deserializer, and text that is not a duration.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| {
        de::Error::custom(format!(
            "`{text}` is not a duration: use a whole number with ms, s, m, h, d or w, such as 30s"
        ))
    })
}

/// Parses text such as `30d` or `12 h`; `None` if it is not a duration.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, size) = UNITS
        .into_iter()
        .find(|(name, _)| *name == unit.trim_start())?;
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(size)
        .map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize, Serialize)]
    struct Setting(#[serde(with = "super")] Duration);

    #[test]
    fn durations_are_read_in_every_unit() {
        let cases = [
            ("500ms", Some(500)),
            (" 30 s", Some(30_000)),
            ("90m", Some(5_400_000)),
            ("12h", Some(43_200_000)),
            ("30d", Some(2_592_000_000)),
            ("2w", Some(1_209_600_000)),
            ("", None),
            ("90", None),
            ("d", None),
            ("-1d", None),
            ("1.5h", None),
            ("1 month", None),
            ("999999999999999w", None),
        ];
        for (text, millis) in cases {
            assert_eq!(parse(text).map(|d| d.as_millis()), millis, "{text}");
        }
    }

    #[test]
    fn settings_are_written_so_that_they_read_the_same() {
        for (millis, text) in [
            (0, "0ms"),
            (1_500, "1500ms"),
            (90_000, "90s"),
            (60_000, "1m"),
            (604_800_000, "168h"),
        ] {
            let setting = Setting(Duration::from_millis(millis));
            let written = serde_json::to_value(&setting).unwrap();
            assert_eq!(written, json!(text));
            assert_eq!(serde_json::from_value::<Setting>(written).unwrap(), setting);
        }
    }
}
