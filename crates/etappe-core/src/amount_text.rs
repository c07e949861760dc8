//! Amounts as people and shops write them: `33,95`, `€ 1.234,56`, `(12.50)`, `20,-`.
//!
//! An amount is read only if its text has exactly one reading. `€1.234` has two, 1234 and 1.234, so
//! it is refused and the sender gets a warning. A text that is a plain decimal number is read as
//! JSON would read it: `1.234` is 1.234.

use crate::currency::Currencies;
use crate::money::Amount;

mod digits;
mod frame;

/// The longest text that is parsed, in bytes; no amount is longer.
const MAX_BYTES: usize = 96;

/// The result of reading a text as an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountText {
    /// Exactly one amount, with the currency beside it, if any.
    Amount(Amount, Option<Currencies>),
    /// Several possible amounts: a comma or dot may separate decimals or thousands.
    Ambiguous,
    /// One amount, but too large to represent.
    TooLarge,
    /// Digits that are not an amount.
    Unreadable,
    /// No digits at all: the text is not meant as an amount.
    NoDigits,
}

/// Reads a text as an amount.
#[must_use]
pub fn read(text: &str) -> AmountText {
    let text = frame::trim(text);
    if is_plain(text) {
        return of_plain(text, None);
    }
    if !text.chars().any(|c| digits::value(c).is_some()) {
        return AmountText::NoDigits;
    }
    if text.len() > MAX_BYTES {
        return AmountText::Unreadable;
    }
    let Some(frame) = frame::take_apart(text) else {
        return AmountText::Unreadable;
    };
    match digits::read(frame.digits, frame.decimal_mark) {
        digits::Reading::One(number) => {
            let sign = if frame.is_negative { "-" } else { "" };
            of_plain(&format!("{sign}{number}"), frame.currencies)
        }
        digits::Reading::Several => AmountText::Ambiguous,
        digits::Reading::None => AmountText::Unreadable,
    }
}

/// Returns whether the text is a decimal number as programs write it: digits, at most one dot, and
/// an optional exponent.
fn is_plain(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = (unsigned(mantissa), unsigned(exponent));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let lacks_digits = exponent.is_empty() || (whole.is_empty() && fraction.is_empty());
    !lacks_digits && [whole, fraction, exponent].into_iter().all(all_digits)
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

/// Turns a plain number into an amount; this fails only if the number is too large.
fn of_plain(text: &str, currencies: Option<Currencies>) -> AmountText {
    Amount::parse(text).map_or(AmountText::TooLarge, |amount| {
        AmountText::Amount(amount, currencies)
    })
}

#[cfg(test)]
mod tests;
