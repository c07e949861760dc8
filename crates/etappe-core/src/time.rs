//! Instants in milliseconds since 1970-01-01 UTC, and their RFC 3339 text.
//!
//! Trackers send milliseconds and the tables store them; finer fractions are truncated.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, NaiveTime, SecondsFormat, TimeZone, Utc};
use serde::{Deserialize, Serialize};

mod stated;

pub use stated::StatedTime;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is not an instant that Etappe can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time: use RFC 3339, such as 2024-03-01T12:00:00Z")]
pub struct InvalidTimestamp(pub String);

impl Timestamp {
    /// 1970-01-01T00:00:00Z, the earliest event time that is accepted.
    pub const EPOCH: Self = Self(0);
    /// 2100-01-01T00:00:00Z, the end of the widest range that can be queried.
    pub const MAX_QUERY: Self = Self(4_102_444_800_000);

    /// Creates an instant from milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Parses every spelling of an instant that [`StatedTime`] reads. A text without an offset is
    /// in UTC, and a date alone is its midnight.
    ///
    /// # Errors
    /// [`InvalidTimestamp`] when the text is none of these.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let local = match StatedTime::parse(text)? {
            StatedTime::Instant(at) => return Ok(at),
            StatedTime::Local(local) => local,
            StatedTime::Date(date) => date.and_time(NaiveTime::MIN),
        };
        Ok(Self(local.and_utc().timestamp_millis()))
    }

    /// Returns the instant `duration` later; saturates at the largest instant.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// Returns the milliseconds from `earlier` to this instant, negative if it is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the same instant as a chrono value, or `None` outside chrono's range of years.
    #[must_use]
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        Utc.timestamp_millis_opt(self.0).single()
    }
}

impl fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_utc() {
            Some(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{}ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_an_offset_is_utc() {
        let noon = Ok(Timestamp::from_millis(1_709_294_400_000));
        for text in [
            "2024-03-01T12:00",
            "2024-03-01T13:00+01",
            "2024-03-01 12:00:00",
        ] {
            assert_eq!(Timestamp::parse(text), noon, "{text}");
        }
        let midnight = Timestamp::parse("2024-03-01").map(Timestamp::as_millis);
        assert_eq!(midnight, Ok(1_709_251_200_000));
        assert!(Timestamp::parse("yesterday").is_err());
    }

    #[test]
    fn text_and_instant_round_trip() {
        let at = Timestamp::from_millis(1_709_294_400_123);
        assert_eq!(at.to_string(), "2024-03-01T12:00:00.123Z");
        assert_eq!(Timestamp::parse(&at.to_string()), Ok(at));
    }
}
