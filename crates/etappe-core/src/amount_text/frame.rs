//! The text around the digits of an amount: sign, currency, parentheses, `,-` for no cents.

use super::digits::{Separator, separator, value};
use crate::currency::Currencies;

/// An amount's text, split into its parts.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// From the first digit, or a decimal mark before it, to the last digit.
    pub(super) digits: &'a str,
    pub(super) is_negative: bool,
    pub(super) currencies: Option<Currencies>,
    /// The decimal mark of `20,-`.
    pub(super) decimal_mark: Option<Separator>,
}

/// The text on one side of the digits.
#[derive(Debug, Default)]
struct Side<'a> {
    sign: Option<Sign>,
    has_parenthesis: bool,
    currency: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

/// Trims white space and invisible marks of direction and byte order.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

const fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

const fn sign_of(c: char) -> Option<Sign> {
    match c {
        '+' | '\u{ff0b}' => Some(Sign::Plus),
        '-' | '\u{2212}' | '\u{2010}' | '\u{2011}' | '\u{2013}' | '\u{ff0d}' => Some(Sign::Minus),
        _ => None,
    }
}

/// Splits an amount into its parts, or returns `None` if there is other text around the digits.
pub(super) fn take_apart(text: &str) -> Option<Frame<'_>> {
    let is_digit = |c: char| value(c).is_some();
    let start = text.find(is_digit)?;
    let (last, last_digit) = text.char_indices().rfind(|(_, c)| is_digit(*c))?;
    let end = last + last_digit.len_utf8();
    let (start, before) = front(text.get(..start)?, start)?;
    let (decimal_mark, after) = back(text.get(end..)?)?;
    let sign = match (before.sign, after.sign, before.has_parenthesis) {
        (None, None, true) => Some(Sign::Minus),
        (sign, None, false) | (None, sign, false) => sign,
        _ => return None,
    };
    let currencies = match (before.currency, after.currency) {
        ("", "") => None,
        (one, "") | ("", one) => Some(Currencies::of_text(one)?),
        (one, other) => Some(Currencies::of_text(one)?.and(Currencies::of_text(other)?)?),
    };
    (before.has_parenthesis == after.has_parenthesis).then_some(Frame {
        digits: text.get(start..end)?,
        is_negative: sign == Some(Sign::Minus),
        currencies,
        decimal_mark,
    })
}

/// Reads the text before the first digit, which is at `start`. Returns where the digits begin: a
/// decimal mark right before them belongs to them, unless it ends an abbreviation such as `Rs.`.
fn front(text: &str, start: usize) -> Option<(usize, Side<'_>)> {
    if let Some(side) = front_side(text) {
        return Some((start, side));
    }
    let mark = text.chars().next_back()?;
    let begins_with_mark = matches!(
        separator(mark)?,
        Separator::Dot | Separator::Comma | Separator::ArabicDecimal
    );
    let start = start - mark.len_utf8();
    let side = front_side(text.get(..start)?).filter(|_| begins_with_mark)?;
    Some((start, side))
}

/// Reads sign, parenthesis and currency in any customary order.
fn front_side(text: &str) -> Option<Side<'_>> {
    let mut side = Side::default();
    let mut rest = trim(text);
    // A sign joined to a word is a hyphen: `EUR-20` may be the name of something.
    let is_joined = |currency: &str, gap: bool| !gap && currency.ends_with(char::is_alphabetic);
    loop {
        let first = rest.chars().next();
        let last = rest.chars().next_back();
        if let Some(inner) = rest.strip_prefix('(').or_else(|| rest.strip_suffix('(')) {
            if side.has_parenthesis {
                return None;
            }
            side.has_parenthesis = true;
            rest = trim(inner);
        } else if let Some(sign) = first.and_then(sign_of) {
            set(&mut side.sign, sign)?;
            rest = trim(rest.get(first?.len_utf8()..)?);
        } else if let Some(sign) = last.and_then(sign_of) {
            let before = rest.get(..rest.len() - last?.len_utf8())?;
            let currency = trim(before);
            let is_apart = currency.len() < before.len();
            // `EUR - 20`: a dash between two words.
            let is_dash = is_apart && text.ends_with(is_blank);
            if is_dash || is_joined(currency, is_apart) {
                return None;
            }
            set(&mut side.sign, sign)?;
            rest = currency;
        } else {
            break;
        }
    }
    side.currency = rest;
    (rest.is_empty() || Currencies::of_text(rest).is_some()).then_some(side)
}

/// Reads the text after the last digit: `,-` or similar for no cents, then the rest.
fn back(text: &str) -> Option<(Option<Separator>, Side<'_>)> {
    let (decimal_mark, text) = no_cents(text);
    let mut side = Side::default();
    let mut rest = text;
    loop {
        let trimmed = trim(rest);
        let first = trimmed.chars().next();
        let last = trimmed.chars().next_back();
        if let Some(inner) = trimmed
            .strip_prefix(')')
            .or_else(|| trimmed.strip_suffix(')'))
        {
            if side.has_parenthesis {
                return None;
            }
            side.has_parenthesis = true;
            rest = inner;
        } else if let Some(sign) = first.and_then(sign_of) {
            let after = trimmed.get(first?.len_utf8()..)?;
            // `20-USD` may be the name of something.
            if after.starts_with(char::is_alphabetic) {
                return None;
            }
            set(&mut side.sign, sign)?;
            rest = after;
        } else if let Some(sign) = last.and_then(sign_of) {
            set(&mut side.sign, sign)?;
            rest = trimmed.get(..trimmed.len() - last?.len_utf8())?;
        } else {
            side.currency = trimmed;
            break;
        }
    }
    let is_known = side.currency.is_empty() || Currencies::of_text(side.currency).is_some();
    is_known.then_some((decimal_mark, side))
}

/// Strips `,-`, `.--`, `,–` or `,=`, which stand for no cents, and the Indian `/-`.
fn no_cents(text: &str) -> (Option<Separator>, &str) {
    if let Some(rest) = text.strip_prefix("/-") {
        return (Some(Separator::Dot), rest);
    }
    let is_dash = |c: char| sign_of(c) == Some(Sign::Minus) || matches!(c, '\u{2014}' | '=');
    let mut after = text.chars();
    let mark = after.next().and_then(separator);
    let mark = mark.filter(|mark| matches!(mark, Separator::Dot | Separator::Comma));
    let rest = after.as_str();
    let without = rest.strip_prefix(is_dash);
    match (mark, without) {
        (Some(mark), Some(rest)) => (Some(mark), rest.strip_prefix(is_dash).unwrap_or(rest)),
        _ => (None, text),
    }
}

fn set(slot: &mut Option<Sign>, sign: Sign) -> Option<()> {
    slot.replace(sign).is_none().then_some(())
}
