//! Durations in settings in human-readable form: a whole number and `ms`, `s`, `m` or `h`.
//!
//! For `#[serde(with = "etappe_core::duration_text")]`.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de};

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Writes a duration in the largest unit that divides it evenly.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, size) = UNITS
        .into_iter()
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
    parse(text.trim()).ok_or_else(|| {
        de::Error::custom(format!(
            "`{text}` is not a duration: use a whole number with ms, s, m or h, such as 30s"
        ))
    })
}

fn parse(text: &str) -> Option<Duration> {
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
