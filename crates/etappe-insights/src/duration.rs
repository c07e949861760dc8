//! Durations in questions: as in settings, or a number of seconds.

use std::time::Duration;

use etappe_core::duration_text;

/// An upper bound on durations, longer than any range that can be asked about.
const LONGEST: Duration = Duration::from_secs(200 * 366 * 86_400);

/// Parses text such as `30d`, `12h` or `90`, which means seconds; `None` if it is not a duration.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let is_seconds = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let duration = if is_seconds {
        Duration::from_secs(text.parse().ok()?)
    } else {
        duration_text::parse(text)?
    };
    (duration <= LONGEST).then_some(duration)
}

/// Makes a duration of seconds, possibly fractional; `None` if they are negative or too many.
pub(crate) fn of_seconds(seconds: f64) -> Option<Duration> {
    // Events are stored with milliseconds.
    let duration = Duration::try_from_secs_f64((seconds * 1_000.0).round() / 1_000.0).ok()?;
    (duration <= LONGEST).then_some(duration)
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
