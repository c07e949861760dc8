//! Writes JSON strings and RFC 3339 times straight into a buffer.
//!
//! The output is byte for byte that of `serde_json` and `chrono`, without their intermediate
//! strings: these few lines run a dozen times per event.

use etappe_core::time::Timestamp;

/// How each byte is written inside a JSON string: zero means unchanged, `u` means `\u00XX`,
/// anything else is the letter after the backslash.
const ESCAPES: [u8; 256] = escapes();

const fn escapes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
}

/// Appends `text` as a JSON string with its quotes.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest
        .iter()
        .position(|byte| ESCAPES[usize::from(*byte)] != 0)
    {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = tail.split_first() else {
            break;
        };
        match ESCAPES[usize::from(*byte)] {
            b'u' => out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[usize::from(*byte >> 4)],
                HEX[usize::from(*byte & 15)],
            ]),
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Appends `at` as a JSON string: RFC 3339 in UTC with milliseconds.
pub(crate) fn push_time(out: &mut Vec<u8>, at: Timestamp) {
    const DAY: i64 = 86_400_000;
    let (days, within) = (
        at.as_millis().div_euclid(DAY),
        at.as_millis().rem_euclid(DAY),
    );
    let (year, month, day) = civil(days);
    if !(0..=9999).contains(&year) {
        return push_string(out, &at.to_string());
    }
    let mut text = *b"\"0000-00-00T00:00:00.000Z\"";
    let parts = [
        (1, 4, year),
        (6, 2, month),
        (9, 2, day),
        (12, 2, within / 3_600_000),
        (15, 2, within / 60_000 % 60),
        (18, 2, within / 1_000 % 60),
        (21, 3, within % 1_000),
    ];
    for (start, width, number) in parts {
        let mut rest = number;
        for place in text[start..start + width].iter_mut().rev() {
            *place = b"0123456789"[usize::try_from(rest % 10).unwrap_or(0)];
            rest /= 10;
        }
    }
    out.extend_from_slice(&text);
}

/// Returns year, month and day of a day counted from 1970-01-01 in the Gregorian calendar.
///
/// The year is computed as if it began in March, so that the leap day is its last day; see
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time_text(millis: i64) -> String {
        let mut out = Vec::new();
        push_time(&mut out, Timestamp::from_millis(millis));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_at_the_ends_of_months_and_years_are_correct() {
        for (millis, expected) in [
            (0, "\"1970-01-01T00:00:00.000Z\""),
            (-1, "\"1969-12-31T23:59:59.999Z\""),
            (1_709_164_800_000, "\"2024-02-29T00:00:00.000Z\""),
            (951_782_399_999, "\"2000-02-28T23:59:59.999Z\""),
            (4_107_542_400_000, "\"2100-03-01T00:00:00.000Z\""),
            (253_402_300_799_999, "\"9999-12-31T23:59:59.999Z\""),
        ] {
            assert_eq!(time_text(millis), expected);
        }
        assert_eq!(time_text(i64::MAX), format!("\"{}ms\"", i64::MAX));
    }

    proptest! {
        #[test]
        fn strings_are_written_as_serde_json_writes_them(text in any::<String>()) {
            let mut out = Vec::new();
            push_string(&mut out, &text);
            prop_assert_eq!(out, serde_json::to_vec(&text).unwrap());
        }

        #[test]
        fn times_are_written_as_chrono_writes_them(millis in any::<i64>()) {
            let millis = millis % 100_000_000_000_000;
            let expected = format!("\"{}\"", Timestamp::from_millis(millis));
            prop_assert_eq!(time_text(millis), expected);
        }
    }
}
