//! Determines when an event happened.
//!
//! A client's clock may be wrong by years. The client stamps the event with it and, on sending, the
//! message. So the difference between `sentAt` and the collector's clock is the error of both
//! stamps.

use etappe_core::time::Timestamp;

use super::Reason;
use super::field::unquote;

const DAY: i64 = 86_400_000;

/// Returns the time of an event from the raw `timestamp`, corrected for the client's clock.
///
/// Without `timestamp`, it is the time of reception. The corrected time must lie between 1970-01-01
/// and a day after the reception. A correction of up to a day (delay in transit, a wrong time zone)
/// never moves a time out of that range if it was inside.
pub(super) fn occurred_at(
    timestamp: Option<&str>,
    sent_at: Option<Timestamp>,
    received_at: Timestamp,
) -> Result<Timestamp, Reason> {
    let Some(raw) = timestamp else {
        return Ok(received_at);
    };
    let stated = parse(raw).ok_or(Reason::InvalidTimestamp)?;
    let shift = sent_at.map_or(0, |sent_at| received_at.millis_since(sent_at));
    let corrected = Timestamp::from_millis(stated.as_millis().saturating_add(shift));
    check_range(corrected, received_at).or_else(|reason| {
        if shift.abs() > DAY {
            return Err(reason);
        }
        check_range(stated, received_at)?;
        Ok(corrected.clamp(Timestamp::EPOCH, latest(received_at)))
    })
}

/// Reads `sentAt`. A value that is not a time between 1970 and 2100 is ignored: it says nothing
/// about the client's clock.
pub(super) fn sent_at(raw: Option<&str>) -> Option<Timestamp> {
    let at = parse(raw?)?;
    (Timestamp::EPOCH..Timestamp::MAX_QUERY)
        .contains(&at)
        .then_some(at)
}

/// Checks that an event's time lies between 1970-01-01 and a day after its reception.
pub(crate) fn check_range(at: Timestamp, received_at: Timestamp) -> Result<Timestamp, Reason> {
    if (Timestamp::EPOCH..=latest(received_at)).contains(&at) {
        Ok(at)
    } else {
        Err(Reason::InvalidTimestamp)
    }
}

const fn latest(received_at: Timestamp) -> Timestamp {
    Timestamp::from_millis(received_at.as_millis().saturating_add(DAY))
}

fn parse(raw: &str) -> Option<Timestamp> {
    Timestamp::parse(&unquote(raw)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn check(timestamp: &str, sent: Option<&str>) -> Result<String, Reason> {
        let quoted = format!("\"{timestamp}\"");
        let sent = sent.map(|text| format!("\"{text}\""));
        let sent = sent_at(sent.as_deref());
        occurred_at(Some(&quoted), sent, at("2024-03-10T12:00:00Z")).map(|at| at.to_string())
    }

    #[test]
    fn the_error_of_the_clients_clock_is_corrected() {
        for (timestamp, sent, expected) in [
            ("2024-03-10T11:00:00Z", None, "2024-03-10T11:00:00.000Z"),
            (
                "2024-03-10T11:00:00Z",
                Some("2024-03-10T11:59:59.500Z"),
                "2024-03-10T11:00:00.500Z",
            ),
            (
                "2031-01-01T00:00:00Z",
                Some("2031-01-01T00:00:10Z"),
                "2024-03-10T11:59:50.000Z",
            ),
            (
                "1970-01-01T00:00:01Z",
                Some("1970-01-01T00:00:01Z"),
                "2024-03-10T12:00:00.000Z",
            ),
            (
                "2024-03-10T11:00:00Z",
                Some("9999-01-01T00:00:00Z"),
                "2024-03-10T11:00:00.000Z",
            ),
            (
                "2024-03-10T11:00:00Z",
                Some("0000-01-01T00:00:00Z"),
                "2024-03-10T11:00:00.000Z",
            ),
            (
                "2024-03-10T11:00:00Z",
                Some("soon"),
                "2024-03-10T11:00:00.000Z",
            ),
        ] {
            assert_eq!(
                check(timestamp, sent).as_deref(),
                Ok(expected),
                "{timestamp} {sent:?}"
            );
        }
    }

    #[test]
    fn old_times_are_accepted_and_impossible_times_are_refused() {
        for good in ["1970-01-01", "1997-06-30T00:00:00Z", "2024-03-11T12:00:00Z"] {
            assert!(check(good, None).is_ok(), "{good}");
        }
        for bad in [
            "0000-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999Z",
            "2024-03-11T12:00:00.001Z",
            "9999-12-31T23:59:59Z",
            "99999999-01-01T00:00:00Z",
            "yesterday",
            "",
            "1709294400000",
        ] {
            assert_eq!(check(bad, None), Err(Reason::InvalidTimestamp), "{bad}");
        }
        let number = occurred_at(Some("1709294400"), None, Timestamp::EPOCH);
        assert_eq!(number, Err(Reason::InvalidTimestamp));
    }

    #[test]
    fn a_message_accepts_the_notations_of_time_that_all_endpoints_accept() {
        for text in [
            "2024-03-01T09:53Z",
            "2024-03-01T09:53",
            "2024-03-01 09:53",
            "2024-03-01t09:53:00,000z",
            "2024-03-01T10:53+0100",
            "2024-03-01T10:53+01",
            "2024-03-01T10:53 01:00",
        ] {
            let expected = "2024-03-01T09:53:00.000Z";
            assert_eq!(check(text, None).as_deref(), Ok(expected), "{text}");
            // `sentAt` accepts the same spellings; this client's clock was right.
            let sent = check("2024-03-01T09:00Z", Some(text));
            assert!(
                sent.is_ok_and(|at| at != "2024-03-01T09:00:00.000Z"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_small_correction_pushes_no_time_out_of_range() {
        let early = check("1970-01-01T00:00:00Z", Some("2024-03-10T12:00:05Z"));
        assert_eq!(early.as_deref(), Ok("1970-01-01T00:00:00.000Z"));
        let late = check("2024-03-11T12:00:00Z", Some("2024-03-10T11:00:00Z"));
        assert_eq!(late.as_deref(), Ok("2024-03-11T12:00:00.000Z"));
        let absurd = check("1970-01-01T00:00:00Z", Some("2034-03-10T12:00:05Z"));
        assert_eq!(absurd, Err(Reason::InvalidTimestamp));
    }
}
