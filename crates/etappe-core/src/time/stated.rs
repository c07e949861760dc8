//! Reads the time formats that programs send: one reader for bodies, pixels, imports and queries.
//!
//! It accepts RFC 3339 and unambiguous deviations from it: no seconds (Java omits them when they
//! are zero), a fraction after a comma, lower-case letters, a space for the `T` or before the
//! offset, an offset without its colon or minutes, `UTC`, and a plus sign that arrived as a space
//! because it was not escaped in an address. Numbers are not accepted as times: seconds and
//! milliseconds cannot be told apart.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use super::{InvalidTimestamp, Timestamp};

/// A time as stated in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatedTime {
    /// An instant: the text states its offset.
    Instant(Timestamp),
    /// A date and a time of day, without an offset.
    Local(NaiveDateTime),
    /// A date alone.
    Date(NaiveDate),
}

impl StatedTime {
    /// Reads a time.
    ///
    /// # Errors
    /// [`InvalidTimestamp`] when the text is not a time.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let mut reader = Reader {
            rest: text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}'),
        };
        reader
            .time()
            .filter(|_| reader.rest.is_empty())
            .ok_or_else(|| InvalidTimestamp(text.chars().take(64).collect()))
    }
}

/// The part of a text that has not been read yet.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn time(&mut self) -> Option<StatedTime> {
        let date = self.date()?;
        if self.rest.is_empty() {
            return Some(StatedTime::Date(date));
        }
        if !self.take(&['T', 't']) && !self.blanks() {
            return None;
        }
        let local = self.time_of_day(date)?;
        let Some(minutes) = self.offset()? else {
            return Some(StatedTime::Local(local));
        };
        let instant = local.checked_sub_signed(TimeDelta::minutes(minutes))?;
        let millis = instant.and_utc().timestamp_millis();
        Some(StatedTime::Instant(Timestamp::from_millis(millis)))
    }

    fn date(&mut self) -> Option<NaiveDate> {
        let year = self.number(4)?;
        self.take(&['-']).then_some(())?;
        let month = self.number(2)?;
        self.take(&['-']).then_some(())?;
        let day = self.number(2)?;
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
    }

    /// Reads `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fff`; digits beyond milliseconds are truncated.
    fn time_of_day(&mut self, date: NaiveDate) -> Option<NaiveDateTime> {
        let hour = self.number(2)?;
        self.take(&[':']).then_some(())?;
        let minute = self.number(2)?;
        let (mut second, mut millis) = (0, 0);
        if self.take(&[':']) {
            second = self.number(2)?;
            if self.take(&['.', ',']) {
                millis = self.fraction()?;
            }
        }
        // A leap second becomes the first moment of the next minute.
        let leap = i64::from(second == 60);
        let second = if second == 60 { 59 } else { second };
        let at = date.and_hms_milli_opt(hour, minute, second, millis)?;
        at.checked_add_signed(TimeDelta::seconds(leap))
    }

    fn fraction(&mut self) -> Option<u32> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        if fraction.is_empty() {
            return None;
        }
        let millis = fraction.bytes().chain(*b"000").take(3);
        Some(millis.fold(0, |millis, digit| 10 * millis + u32::from(digit - b'0')))
    }

    /// Reads an offset in minutes: `Some(None)` if there is none, `None` if it is invalid.
    fn offset(&mut self) -> Option<Option<i64>> {
        let was_blank = self.blanks();
        if self.rest.is_empty() {
            return Some(None);
        }
        let is_utc = ["Z", "UTC", "GMT"].iter().any(|name| {
            let found = self.rest.split_at_checked(name.len());
            let found = found.filter(|(found, _)| found.eq_ignore_ascii_case(name));
            found.is_some_and(|(_, rest)| {
                self.rest = rest;
                true
            })
        });
        let minutes = if is_utc {
            0
        } else {
            // U+2212 is the minus sign that ISO 8601 prefers.
            let is_west = self.take(&['-', '\u{2212}']);
            if !is_west && !self.take(&['+']) && !was_blank {
                return None;
            }
            let minutes = self.offset_minutes()?;
            if is_west { -minutes } else { minutes }
        };
        self.zone_name()?;
        Some(Some(minutes))
    }

    /// Reads `hh`, `hhmm` or `hh:mm`.
    fn offset_minutes(&mut self) -> Option<i64> {
        let hours = self.number(2)?;
        let has_minutes = self.take(&[':']) || self.rest.starts_with(|c: char| c.is_ascii_digit());
        let minutes = if has_minutes { self.number(2)? } else { 0 };
        (hours < 24 && minutes < 60).then(|| i64::from(60 * hours + minutes))
    }

    /// Skips a zone's name after the offset, as in `+01:00[Europe/Amsterdam]` (RFC 9557).
    fn zone_name(&mut self) -> Option<()> {
        if self.take(&['[']) {
            let (_, rest) = self.rest.split_once(']')?;
            self.rest = rest;
        }
        Some(())
    }

    /// Reads a number of exactly `digits` digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (number, rest) = self.rest.split_at_checked(digits)?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.rest = rest;
        number.parse().ok()
    }

    /// Skips one of `letters`; returns whether there was one.
    fn take(&mut self, letters: &[char]) -> bool {
        let rest = self.rest.strip_prefix(letters);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Skips blanks; returns whether there were any.
    fn blanks(&mut self) -> bool {
        let rest = self.rest.trim_start();
        let found = rest.len() < self.rest.len();
        self.rest = rest;
        found
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn instant(text: &str) -> String {
        match StatedTime::parse(text) {
            Ok(StatedTime::Instant(at)) => at.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn every_spelling_of_an_instant_is_read() {
        for text in [
            "2024-03-27T09:53:00Z",
            "2024-03-27T09:53Z",
            "2024-03-27t09:53z",
            "2024-03-27 09:53:00 UTC",
            "2024-03-27 09:53 GMT",
            "2024-03-27T10:53+01:00",
            "2024-03-27T10:53:00+0100",
            "2024-03-27T10:53+01",
            "2024-03-27 10:53:00 +0100",
            "2024-03-27T10:53:00 01:00",
            "2024-03-27T10:53 0100",
            "2024-03-27 10:53 01",
            "2024-03-27T04:53:00-05:00",
            "2024-03-27T04:53\u{2212}05:00",
            "2024-03-27T10:53+01:00[Europe/Amsterdam]",
            "2024-03-27T09:53:00.000000000Z",
            "2024-03-27T09:53:00,0Z",
            " 2024-03-27T09:53:00.0009Z\r\n",
            "\u{feff}2024-03-27T09:53Z",
            "2024-03-27T09:52:60Z",
        ] {
            assert_eq!(instant(text), "2024-03-27T09:53:00.000Z", "{text}");
        }
        assert_eq!(
            instant("2024-03-27T09:53:01,5Z"),
            "2024-03-27T09:53:01.500Z"
        );
        assert_eq!(
            instant("2024-03-27T09:53:01.1239z"),
            "2024-03-27T09:53:01.123Z"
        );
    }

    #[test]
    fn a_time_without_an_offset_is_reported_as_such() {
        let at = NaiveDate::from_ymd_opt(2024, 3, 27).and_then(|date| date.and_hms_opt(9, 53, 0));
        for text in [
            "2024-03-27T09:53",
            "2024-03-27 09:53:00",
            "2024-03-27T09:53:00,000 ",
        ] {
            assert_eq!(
                StatedTime::parse(text).ok(),
                at.map(StatedTime::Local),
                "{text}"
            );
        }
        let date = at.map(|at| StatedTime::Date(at.date()));
        assert_eq!(StatedTime::parse("2024-03-27").ok(), date);
    }

    #[test]
    fn a_malformed_time_is_refused() {
        for text in [
            "",
            " ",
            "yesterday",
            "1709294400",
            "1709294400000",
            "2024",
            "2024-03",
            "2024-3-27",
            "2024-02-30",
            "2024-13-01",
            "20240327T095300Z",
            "2024-03-27T",
            "2024-03-27Z",
            "2024-03-27T09",
            "2024-03-27T09:5",
            "2024-03-27T24:00Z",
            "2024-03-27T09:60Z",
            "2024-03-27T09:53:61Z",
            "2024-03-27T09:53:00.Z",
            "2024-03-27T09:53:00.5.5Z",
            "2024-03-27T09:53+1",
            "2024-03-27T09:53+24:00",
            "2024-03-27T09:53+01:60",
            "2024-03-27T09:53+01:0",
            "2024-03-27T09:53+010",
            "2024-03-27T09:53ZZ",
            "2024-03-27T09:53X",
            "2024-03-27T09:53Z[",
            "2024-03-27T09:5301",
            "٢٠٢٤-03-27",
            "99999999-01-01T00:00:00Z",
            "-2024-03-27",
            "2024-03-27é09:53",
        ] {
            assert!(StatedTime::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_rfc_3339_time_is_read_as_by_chrono(
            text in "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?([Zz]|[+-][0-2][0-9]:[0-5][0-9])"
        ) {
            let expected = DateTime::parse_from_rfc3339(&text).ok().map(|at| at.timestamp_millis());
            let found = match StatedTime::parse(&text) {
                Ok(StatedTime::Instant(at)) => Some(at.as_millis()),
                _ => None,
            };
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn parsing_never_panics(text in "[0-9TtZz:+., \\-\\[\\]é]{0,40}|\\PC{0,40}") {
            StatedTime::parse(&text).ok();
        }
    }
}
