//! Amounts of money: exact decimals with four places, read from the text of a JSON number.
//!
//! ClickHouse stores them as `Decimal(38,4)`, which is the same 128-bit number. Digits beyond the
//! fourth place are rounded half away from zero, as ClickHouse rounds the excess digits of a
//! decimal literal.

use std::fmt;

/// An amount in ten-thousandths of a currency unit, within ±10^34 units. Amounts from trackers are
/// within ±10^24, so that 10^10 of the largest still have an exact sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i128);

/// Ten-thousandths in one unit.
const SCALE: i128 = 10_000;
/// The most digits of a sum: those of a `Decimal(38,4)`.
const SUM_DIGITS: u32 = 38;
/// The most digits of an amount that a tracker sends.
const SENT_DIGITS: u32 = 28;

impl Amount {
    /// Creates an amount from ten-thousandths of a unit.
    #[must_use]
    pub const fn from_scaled(scaled: i128) -> Self {
        Self(scaled)
    }

    /// Returns the amount in ten-thousandths of a unit.
    #[must_use]
    pub const fn as_scaled(self) -> i128 {
        self.0
    }

    /// Parses decimal text such as `12`, `-3.50`, `1e2`; `None` when it is not a number or not
    /// below 10^24.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_digits(text, SENT_DIGITS).map(Self)
    }

    /// Parses a sum of amounts: the same text, below 10^34.
    #[must_use]
    pub fn parse_sum(text: &str) -> Option<Self> {
        parse_digits(text, SUM_DIGITS).map(Self)
    }

    /// Returns the amount without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

/// Returns the value of decimal text in ten-thousandths, if it has at most `limit` digits.
fn parse_digits(text: &str, limit: u32) -> Option<i128> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let shift = exponent
        .checked_add(4)?
        .checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let scaled = scale_digits(whole.bytes().chain(fraction.bytes()), shift, limit)?;
    Some(if negative { -scaled } else { scaled })
}

/// Returns digits × 10^shift, rounded half away from zero, or `None` if it has more than `limit`
/// digits.
fn scale_digits(digits: impl Iterator<Item = u8>, shift: i32, limit: u32) -> Option<i128> {
    let mut digits: Vec<u8> = digits
        .skip_while(|b| *b == b'0')
        .map(|b| b - b'0')
        .collect();
    if digits.is_empty() {
        return Some(0);
    }
    let kept = i32::try_from(digits.len()).ok()?.checked_add(shift)?;
    if kept > limit.cast_signed() {
        return None;
    }
    if kept < 0 {
        return Some(0);
    }
    let kept = usize::try_from(kept).ok()?;
    let rounds_up = digits.get(kept).is_some_and(|digit| *digit >= 5);
    digits.resize(kept, 0);
    let value = digits
        .iter()
        .fold(0_i128, |sum, digit| sum * 10 + i128::from(*digit));
    Some(value + i128::from(rounds_up)).filter(|value| *value < 10_i128.pow(limit))
}

impl fmt::Display for Amount {
    /// Writes the shortest exact decimal: `20`, `5.5`, `-0.0001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let (whole, fraction) = (
            magnitude / SCALE.unsigned_abs(),
            magnitude % SCALE.unsigned_abs(),
        );
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let places = format!("{fraction:04}");
        write!(f, "{sign}{whole}.{}", places.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_is_read_exactly() {
        let cases = [
            ("12", Some(120_000)),
            ("-3.50", Some(-35_000)),
            ("1e2", Some(1_000_000)),
            ("0.00005", Some(1)),
            ("0.00004", Some(0)),
            ("-0.00005", Some(-1)),
            (".5", Some(5_000)),
            ("5.", Some(50_000)),
            ("45000000000000", Some(450_000_000_000_000_000)),
            ("999999999999999999999999.9999", Some(10_i128.pow(28) - 1)),
            ("999999999999999999999999.99999", None),
            ("1e23", Some(10_i128.pow(27))),
            ("1e24", None),
            ("1e400", None),
            ("1e-400", Some(0)),
            ("", None),
            (".", None),
            ("NaN", None),
            ("1,50", None),
        ];
        for (text, expected) in cases {
            assert_eq!(
                Amount::parse(text).map(Amount::as_scaled),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_sum_may_exceed_the_largest_single_amount() {
        let cases = [
            ("1e24", Some(10_i128.pow(28))),
            (
                "-9999999999999999999999999999999999.9999",
                Some(1 - 10_i128.pow(38)),
            ),
            ("1e34", None),
            ("x", None),
        ];
        for (text, expected) in cases {
            let sum = Amount::parse_sum(text).map(Amount::as_scaled);
            assert_eq!(sum, expected, "{text}");
        }
    }

    #[test]
    fn amounts_are_written_in_their_shortest_form() {
        for (scaled, expected) in [(200_000, "20"), (55_000, "5.5"), (-1, "-0.0001"), (0, "0")] {
            assert_eq!(Amount::from_scaled(scaled).to_string(), expected);
        }
    }
}
