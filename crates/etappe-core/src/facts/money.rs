//! Decides which amount of money an event carries, and reports what was sent but does not count.
//!
//! An amount does not count if it cannot be read with certainty, if its currency is unknown, or if
//! it is larger than the site's limit. It is never guessed, taken as zero or taken as an amount in
//! the site's currency.

use std::borrow::Cow;

use super::sent;
use crate::amount_text::{self, AmountText};
use crate::currency::{Currencies, Currency};
use crate::json::{JsonObject, JsonValue};
use crate::money::Amount;
use crate::money_terms::MoneyTerms;
use crate::warning::{Warning, WarningReason};

/// The member that holds the amount of a price object.
const AMOUNT: &str = "amount";

/// Names of properties that hold a currency, the best one first.
pub(super) const CURRENCIES: [&str; 3] = ["currency", "currency_code", "currencyCode"];

/// The money values that were sent; a null or a blank text counts as not sent.
#[derive(Debug, Default)]
pub(super) struct Sent<'a, 'n> {
    /// Amounts with the names of their fields, the best name first.
    pub(super) amounts: Vec<(&'n str, JsonValue<'a>)>,
    /// The currency's text with the name of its field.
    pub(super) currency: Option<(&'n str, Cow<'a, str>)>,
    /// The currency if none is sent.
    pub(super) constant: Option<&'n str>,
}

/// The part of the sent values that counts.
#[derive(Debug, Default)]
pub(super) struct Money<'a, 'n> {
    /// The amount that counts.
    pub(super) amount: Option<Amount>,
    /// The amount's currency, or the one that was sent without an amount; `None` is the site's own.
    pub(super) currency: Option<Currency>,
    /// The value that does not count: its field, the value and the reason.
    pub(super) uncounted: Option<Uncounted<'a, 'n>>,
}

/// A value that prevents an amount from being counted.
#[derive(Debug, Clone)]
pub(super) struct Uncounted<'a, 'n> {
    pub(super) field: &'n str,
    pub(super) value: Cow<'a, str>,
    pub(super) reason: WarningReason,
}

impl<'a> Uncounted<'a, '_> {
    pub(super) fn into_warning(self) -> Warning<'a> {
        Warning {
            field: Cow::Owned(format!("properties.{}", self.field)),
            value: self.value,
            reason: self.reason,
        }
    }
}

/// The amount under the first name that holds one.
enum FirstAmount<'a, 'n> {
    Nothing,
    Amount(&'n str, JsonValue<'a>, Amount, Option<Currencies>),
    Unread(Uncounted<'a, 'n>),
}

/// Decides what counts.
pub(super) fn decide<'a, 'n>(sent: Sent<'a, 'n>, terms: &MoneyTerms) -> Money<'a, 'n> {
    let found = find_amount(sent.amounts);
    let beside = match &found {
        FirstAmount::Amount(_, _, _, beside) => *beside,
        FirstAmount::Nothing | FirstAmount::Unread(_) => None,
    };
    let currency = currency(sent.currency, beside, sent.constant, terms.currency);
    let (field, value, amount) = match found {
        FirstAmount::Nothing => {
            return Money {
                currency: currency.ok().flatten(),
                ..Money::default()
            };
        }
        FirstAmount::Unread(unread) => {
            return Money {
                currency: currency.ok().flatten(),
                uncounted: Some(unread),
                ..Money::default()
            };
        }
        FirstAmount::Amount(field, value, amount, _) => (field, value, amount),
    };
    let uncounted = |field, value, reason| Money {
        uncounted: Some(Uncounted {
            field,
            value,
            reason,
        }),
        ..Money::default()
    };
    match currency {
        Err((reason, Some((field, text)))) => uncounted(field, text, reason),
        Err((reason, None)) => uncounted(field, as_sent(value), reason),
        Ok(currency)
            if terms
                .largest
                .exceeded_by(amount, currency.unwrap_or(terms.currency)) =>
        {
            Money {
                currency,
                ..uncounted(field, as_sent(value), WarningReason::LargeAmount)
            }
        }
        Ok(currency) => Money {
            amount: Some(amount),
            currency,
            uncounted: None,
        },
    }
}

/// Returns the amount under the first name that holds one.
///
/// A text without digits is not meant as an amount, so the next name is tried. A text with digits
/// that cannot be read ends the search: the next name holds a different amount, such as the one
/// with tax.
fn find_amount<'a, 'n>(amounts: Vec<(&'n str, JsonValue<'a>)>) -> FirstAmount<'a, 'n> {
    let mut wordy = None;
    for (field, value) in amounts {
        let reason = match read(&value) {
            AmountText::Amount(amount, beside) => {
                return FirstAmount::Amount(field, value, amount, beside);
            }
            AmountText::NoDigits => {
                wordy.get_or_insert((field, value));
                continue;
            }
            AmountText::Ambiguous => WarningReason::AmbiguousAmount,
            AmountText::TooLarge => WarningReason::LargeAmount,
            AmountText::Unreadable => WarningReason::UnreadAmount,
        };
        return FirstAmount::Unread(Uncounted {
            field,
            value: as_sent(value),
            reason,
        });
    }
    wordy.map_or(FirstAmount::Nothing, |(field, value)| {
        FirstAmount::Unread(Uncounted {
            field,
            value: as_sent(value),
            reason: WarningReason::UnreadAmount,
        })
    })
}

fn read(value: &JsonValue<'_>) -> AmountText {
    match value {
        JsonValue::Number(text) => Amount::parse(text).map_or(AmountText::TooLarge, |amount| {
            AmountText::Amount(amount, None)
        }),
        JsonValue::String(text) => amount_text::read(text),
        JsonValue::Object(text) => read_object(text),
        JsonValue::Null | JsonValue::Bool(_) | JsonValue::Array(_) => AmountText::NoDigits,
    }
}

/// Reads `{"amount": 33.95, "currency": "EUR"}`, as Plausible, Shopify and others send prices. An
/// object with any other member may mean something else.
fn read_object(text: &str) -> AmountText {
    let Ok(object) = JsonObject::parse(text) else {
        return AmountText::NoDigits;
    };
    let is_known = |name: &str| name == AMOUNT || CURRENCIES.contains(&name);
    if !object.iter().all(|(name, _)| is_known(name)) {
        return AmountText::NoDigits;
    }
    let amount = match object.get(AMOUNT) {
        Some(JsonValue::Number(text)) => read(&JsonValue::Number(text)),
        Some(JsonValue::String(text)) => amount_text::read(&text),
        _ => AmountText::NoDigits,
    };
    let named = CURRENCIES
        .iter()
        .find_map(|name| sent(object.get_raw(name)?));
    let (AmountText::Amount(amount, beside), Some(named)) = (amount, named) else {
        return amount;
    };
    let named = Currencies::of_text(&as_sent(named));
    match (named, beside) {
        (None, _) => AmountText::Unreadable,
        (named, None) => AmountText::Amount(amount, named),
        (Some(named), Some(beside)) => named.and(beside).map_or(AmountText::Unreadable, |both| {
            AmountText::Amount(amount, Some(both))
        }),
    }
}

/// The currency (`None` is the site's own), or why it is unknown and the field that states it. The
/// field is `None` if the text of the amount states the currency.
type CurrencyDecision<'a, 'n> =
    Result<Option<Currency>, (WarningReason, Option<(&'n str, Cow<'a, str>)>)>;

fn currency<'a, 'n>(
    sent: Option<(&'n str, Cow<'a, str>)>,
    beside: Option<Currencies>,
    constant: Option<&str>,
    site: Currency,
) -> CurrencyDecision<'a, 'n> {
    let named = match &sent {
        None => None,
        Some((_, text)) => match Currencies::of_text(text) {
            None => return Err((WarningReason::UnknownCurrency, sent)),
            named => named,
        },
    };
    let meant = match (named, beside) {
        (Some(named), Some(beside)) => match named.and(beside) {
            None => return Err((WarningReason::ConflictingCurrency, None)),
            both => both,
        },
        (one, other) => one.or(other),
    };
    match meant {
        None => Ok(constant.and_then(Currency::of_code)),
        Some(meant) => match meant.resolve(site) {
            None => Err((WarningReason::AmbiguousCurrency, sent)),
            resolved => Ok(resolved),
        },
    }
}

/// Returns the text of a currency. For an object or array this is its JSON, which is not a currency
/// and causes a warning. Otherwise it would count as absent, and the amount as one in the site's
/// own currency.
pub(super) fn currency_text(value: JsonValue<'_>) -> Option<Cow<'_, str>> {
    (value != JsonValue::Null).then(|| as_sent(value))
}

/// Returns the text of a value for display.
fn as_sent(value: JsonValue<'_>) -> Cow<'_, str> {
    match value {
        JsonValue::Object(text) | JsonValue::Array(text) => Cow::Borrowed(text),
        other => other.into_text().unwrap_or(Cow::Borrowed("null")),
    }
}
