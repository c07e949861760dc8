//! Equality of property values: one definition for conditions, breakdowns and rules.
//!
//! Every value has one spelling, and values are equal when their spellings are. A number is spelled
//! in its shortest plain form, from its digits and never through floating point: `200`, `200.00`
//! and `2e2` are equal, and 20 digits stay 20 digits. Protocols that only have texts send `200` and
//! `true` as `"200"` and `"true"`. So a text is its own spelling and thereby equals that number or
//! boolean; `"200.00"` equals 200, too.
//!
//! A text stays a text where it may mean something other than its number: `"007"` is an id, `"1e5"`
//! may be a hash, and `"10.10"` is not the version `"10.1"`. Null, objects and arrays have no
//! spelling: they equal nothing.

use std::borrow::Cow;

use crate::json::JsonValue;

/// The most zeros that are written out before or after a number's other digits.
const MAX_ZEROS: usize = 32;

/// Returns the spelling of a value; `None` for null, objects and arrays.
#[must_use]
pub fn spelling<'a>(value: &JsonValue<'a>) -> Option<Cow<'a, str>> {
    match value {
        JsonValue::Null | JsonValue::Object(_) | JsonValue::Array(_) => None,
        JsonValue::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        JsonValue::Number(text) => Some(number_spelling(text)),
        JsonValue::String(Cow::Borrowed(text)) => Some(text_spelling(text)),
        JsonValue::String(Cow::Owned(text)) => Some(Cow::Owned(text_spelling(text).into_owned())),
    }
}

/// Returns the spelling of a text.
#[must_use]
pub fn text_spelling(text: &str) -> Cow<'_, str> {
    if is_plainly_a_number(text) {
        number_spelling(text)
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns the spelling of a JSON number; a text that is not a number is its own spelling.
#[must_use]
pub fn number_spelling(text: &str) -> Cow<'_, str> {
    let is_short = text.len() <= MAX_ZEROS;
    if is_short && text != "-0" && !text.contains(['.', 'e', 'E']) {
        return Cow::Borrowed(text);
    }
    match Decimal::parse(text).map(|decimal| decimal.spell()) {
        Some(spelled) if spelled != text => Cow::Owned(spelled),
        Some(_) | None => Cow::Borrowed(text),
    }
}

/// Returns whether a spelling may be that of a number, which can be written in other ways.
#[must_use]
pub fn may_be_number(spelling: &str) -> bool {
    let digits = spelling.strip_prefix('-').unwrap_or(spelling);
    digits.starts_with(|first: char| first.is_ascii_digit())
}

/// Returns whether a text is a number in plain decimal notation and nothing else: no leading zeros,
/// no exponent, and no trailing zero in a fraction that is not zero.
fn is_plainly_a_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let is_whole = is_digits(whole) && (whole == "0" || !whole.starts_with('0'));
    let is_fraction = fraction.is_none_or(|fraction| {
        is_digits(fraction)
            && (!fraction.ends_with('0') || fraction.bytes().all(|digit| digit == b'0'))
    });
    is_whole && is_fraction
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number: its significant digits, without leading and trailing zeros, times a power of ten.
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i128,
}

impl Decimal {
    /// Parses a JSON number; `None` when the text is not one, or when its exponent has 19 digits.
    fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent),
            None => (unsigned, "0"),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if !is_digits(whole) || !(fraction.is_empty() || is_digits(fraction)) {
            return None;
        }
        let all = [whole, fraction].concat();
        let digits = all.trim_end_matches('0');
        let zeros = i128::try_from(all.len() - digits.len()).ok()?;
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Self {
                is_negative: false,
                digits: "0".to_owned(),
                exponent: 0,
            });
        }
        let exponent: i64 = exponent.parse().ok()?;
        let shift = zeros - i128::try_from(fraction.len()).ok()?;
        Some(Self {
            is_negative: text.starts_with('-'),
            digits: digits.to_owned(),
            exponent: i128::from(exponent) + shift,
        })
    }

    fn spell(&self) -> String {
        let mut spelled = String::with_capacity(self.digits.len() + 2);
        if self.is_negative {
            spelled.push('-');
        }
        let places = i128::try_from(self.digits.len()).unwrap_or(i128::MAX);
        // The position of the decimal point, counted from the first digit.
        let point = places + self.exponent;
        let zeros = if self.exponent > 0 {
            self.exponent
        } else {
            (-point).max(0)
        };
        if usize::try_from(zeros).is_ok_and(|zeros| zeros <= MAX_ZEROS) {
            self.push_plain(point, &mut spelled);
        } else {
            self.push_scientific(point, &mut spelled);
        }
        spelled
    }

    fn push_plain(&self, point: i128, out: &mut String) {
        let zeros = |count: i128| (0..count).map(|_| '0');
        if self.exponent >= 0 {
            out.push_str(&self.digits);
            out.extend(zeros(self.exponent));
            return;
        }
        let whole = usize::try_from(point).unwrap_or(0);
        match self.digits.split_at_checked(whole) {
            Some((whole, fraction)) if !whole.is_empty() => {
                out.push_str(whole);
                out.push('.');
                out.push_str(fraction);
            }
            Some(_) | None => {
                out.push_str("0.");
                out.extend(zeros(-point));
                out.push_str(&self.digits);
            }
        }
    }

    fn push_scientific(&self, point: i128, out: &mut String) {
        let (first, rest) = self
            .digits
            .split_at_checked(1)
            .unwrap_or((&self.digits, ""));
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        out.push('e');
        out.push_str(&(point - 1).to_string());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn spelled(json: &str) -> Option<String> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        spelling(&JsonValue::of(raw)).map(Cow::into_owned)
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn equal_values_have_one_spelling() {
        let classes: [(&str, &[&str]); 12] = [
            (
                "200",
                &[
                    "200",
                    "200.00",
                    "2e2",
                    "2E+2",
                    "20e1",
                    "2000e-1",
                    "\"200\"",
                    "\"200.00\"",
                ],
            ),
            (
                "0",
                &[
                    "0",
                    "-0",
                    "0.0",
                    "-0.00",
                    "0e5",
                    "0e-99999999999999999999",
                    "\"0\"",
                    "\"-0\"",
                ],
            ),
            (
                "-1.5",
                &["-1.5", "-1.50", "-15e-1", "\"-1.5\"", r#""\u002d1.5""#],
            ),
            ("0.001", &["0.001", "1e-3", "1.0E-3", "\"0.001\""]),
            (
                "1e40",
                &[
                    "1e40",
                    "10000000000000000000000000000000000000000",
                    "0.1e41",
                    "\"10000000000000000000000000000000000000000\"",
                    "\"1e40\"",
                ],
            ),
            (
                "1.5e-40",
                &[
                    "1.5e-40",
                    "15e-41",
                    "0.00000000000000000000000000000000000000015",
                ],
            ),
            (
                "12345678901234567890",
                &[
                    "12345678901234567890",
                    "\"12345678901234567890\"",
                    "1234567890123456789e1",
                    "12345678901234567890.0",
                ],
            ),
            (
                "12345678901234567891",
                &["12345678901234567891", "\"12345678901234567891\""],
            ),
            ("true", &["true", "\"true\""]),
            ("false", &["false", "\"false\"", r#""f\u0061lse""#]),
            ("", &["\"\""]),
            ("é", &["\"é\"", r#""\u00e9""#]),
        ];
        for (spelling, values) in classes {
            for value in values {
                assert_eq!(spelled(value).as_deref(), Some(spelling), "{value}");
            }
        }
    }

    #[test]
    fn an_ambiguous_text_is_not_a_number() {
        for text in [
            "007",
            "00",
            "0e462097431906509019562988736854",
            "1e5",
            "10.10",
            "+5",
            " 5",
            "5 ",
            "5.",
            ".5",
            "-",
            "-007",
            "1,5",
            "0x10",
            "NaN",
            "٣",
            "True",
            "null",
            "1_000",
            "--1",
            "1.2.3",
        ] {
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(spelled(&json).as_deref(), Some(text), "{text}");
        }
    }

    #[test]
    fn null_objects_and_arrays_equal_nothing() {
        for value in ["null", "{}", "[1]"] {
            assert_eq!(spelled(value), None, "{value}");
        }
    }

    #[test]
    fn an_absurd_exponent_keeps_its_text() {
        let absurd = "1e99999999999999999999";
        assert_eq!(spelled(absurd).as_deref(), Some(absurd));
        assert_eq!(
            spelled("1e9223372036854775807").as_deref(),
            Some("1e9223372036854775807")
        );
    }

    proptest! {
        #[test]
        fn every_way_to_write_a_number_gives_one_spelling(
            negative: bool, digits in "[1-9][0-9]{0,40}", exponent in -80_i64..80, shift in 0_usize..12, zeros in 0_usize..8,
        ) {
            let sign = if negative { "-" } else { "" };
            let reference = spelled(&format!("{sign}{digits}e{exponent}")).unwrap();
            // Trailing zeros, and the point moved to the left.
            let padded = format!("{digits}{}", "0".repeat(zeros));
            let moved = exponent - i64::try_from(zeros).unwrap();
            let (whole, fraction) = padded.split_at(padded.len().saturating_sub(shift).max(1));
            let moved = moved + i64::try_from(fraction.len()).unwrap();
            let point = if fraction.is_empty() { "" } else { "." };
            let other = format!("{sign}{whole}{point}{fraction}E{moved}");
            prop_assert_eq!(spelled(&other).unwrap(), reference.clone());
            // A spelling is its own spelling, as a number and as a text.
            prop_assert_eq!(number_spelling(&reference), reference.as_str());
            prop_assert_eq!(text_spelling(&reference), reference.as_str());
            prop_assert!(may_be_number(&reference));
            // The spelling has the value of the number as written.
            let same = reference.parse::<f64>().unwrap().total_cmp(&other.parse::<f64>().unwrap());
            prop_assert!(same.is_eq(), "{} {}", reference, other);
        }

        #[test]
        fn different_numbers_have_different_spellings(left: i128, right: i128, scale in 0_i64..40) {
            let write = |number: i128| spelled(&format!("{number}e-{scale}")).unwrap();
            prop_assert_eq!(write(left) == write(right), left == right);
            prop_assert_eq!(write(left), write(left));
        }

        #[test]
        fn texts_that_are_not_numbers_are_compared_verbatim(text in "\\PC{0,12}") {
            let json = serde_json::to_string(&text).unwrap();
            let found = spelled(&json).unwrap();
            prop_assert!(found == text || text.starts_with(&found) || text == "-0" || text.starts_with("-0."));
        }
    }
}
