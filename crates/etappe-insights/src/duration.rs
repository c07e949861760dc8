//! Durations as a person writes them: seconds, or a whole number with `ms`, `s`, `m`, `h`, `d` or
//! `w`.

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
/// An upper bound on durations, longer than any range that can be asked about.
const LONGEST: Duration = Duration::from_secs(200 * 366 * 86_400);

/// Parses text such as `30d`, `12h` or `90`, which means seconds; `None` if it is not a duration.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = unit.trim_start();
    let millis = match unit {
        "" => 1_000,
        _ => UNITS.into_iter().find(|(name, _)| *name == unit)?.1,
    };
    let duration = number
        .parse::<u64>()
        .ok()?
        .checked_mul(millis)
        .map(Duration::from_millis)?;
    (duration <= LONGEST).then_some(duration)
}

/// Makes a duration of seconds, possibly fractional; `None` if they are negative or too many.
pub(crate) fn of_seconds(seconds: f64) -> Option<Duration> {
    // Events are stored with milliseconds.
    let duration = Duration::try_from_secs_f64((seconds * 1_000.0).round() / 1_000.0).ok()?;
    (duration <= LONGEST).then_some(duration)
}

pub(crate) fn serialize<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, size) = UNITS
        .into_iter()
        .rev()
        .find(|(_, size)| millis != 0 && millis.is_multiple_of(*size))
        .unwrap_or(("ms", 1));
    serializer.collect_str(&format_args!("{}{unit}", millis / size))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| {
        de::Error::custom(format!(
            "`{text}` is not a duration: use a whole number with ms, s, m or h, such as 30s"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        let cases = [
            ("90", Some(90_000)),
            ("500ms", Some(500)),
            ("30 s", Some(30_000)),
            ("90m", Some(5_400_000)),
            ("12h", Some(43_200_000)),
            ("30d", Some(2_592_000_000)),
            ("2w", Some(1_209_600_000)),
            ("", None),
            ("d", None),
            ("-1d", None),
            ("1.5h", None),
            ("1 month", None),
            ("999999999999w", None),
        ];
        for (text, millis) in cases {
            assert_eq!(parse(text).map(|d| d.as_millis()), millis, "{text}");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(of_seconds(1.2345), Some(Duration::from_millis(1_235)));
        assert_eq!(of_seconds(-1.0), None);
        assert_eq!(of_seconds(f64::NAN), None);
        assert_eq!(of_seconds(1e300), None);
    }
}
