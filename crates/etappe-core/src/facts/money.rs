//! Decides which amount of money an event carries, and says what was sent but does not count.
//!
//! An amount that cannot be read for certain, in a currency that is not known, or larger than the
//! site counts, is no amount: it is never guessed, taken for zero or for the site's currency.

use std::borrow::Cow;

use super::sent;
use crate::amount_text::{self, AmountText};
use crate::currency::{Currencies, Currency};
use crate::json::{JsonObject, JsonValue};
use crate::money::Amount;
use crate::money_terms::MoneyTerms;
use crate::warning::{Warning, WarningReason};

/// Where a price that is an object has its amount.
const AMOUNT: &str = "amount";

/// Names of properties that say a currency, the best one first.
pub(super) const CURRENCIES: [&str; 3] = ["currency", "currency_code", "currencyCode"];

/// What was sent about money; a null or a blank text is nothing sent.
#[derive(Debug, Default)]
pub(super) struct Sent<'a, 'n> {
    /// Amounts with the names of their fields, the best name first.
    pub(super) amounts: Vec<(&'n str, JsonValue<'a>)>,
    /// The currency's text with the name of its field.
    pub(super) currency: Option<(&'n str, Cow<'a, str>)>,
    /// The currency where none is sent.
    pub(super) constant: Option<&'n str>,
}

/// What counts of what was sent.
#[derive(Debug, Default)]
pub(super) struct Money<'a, 'n> {
    /// The amount that counts.
    pub(super) amount: Option<Amount>,
    /// Its currency, or the one that was named without an amount; none is the site's own.
    pub(super) currency: Option<Currency>,
    /// What does not count: where it stands, what it is, and why.
    pub(super) uncounted: Option<Uncounted<'a, 'n>>,
}

/// A value that keeps an amount from being counted.
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
enum Found<'a, 'n> {
    Nothing,
    Amount(&'n str, JsonValue<'a>, Amount, Option<Currencies>),
    Unread(Uncounted<'a, 'n>),
}

/// Decides what counts.
pub(super) fn decide<'a, 'n>(sent: Sent<'a, 'n>, terms: &MoneyTerms) -> Money<'a, 'n> {
    let found = find_amount(sent.amounts);
    let beside = match &found {
        Found::Amount(_, _, _, beside) => *beside,
        Found::Nothing | Found::Unread(_) => None,
    };
    let currency = currency(sent.currency, beside, sent.constant, terms.currency);
    let (field, value, amount) = match found {
        Found::Nothing => {
            return Money {
                currency: currency.ok().flatten(),
                ..Money::default()
            };
        }
        Found::Unread(unread) => {
            return Money {
                currency: currency.ok().flatten(),
                uncounted: Some(unread),
                ..Money::default()
            };
        }
        Found::Amount(field, value, amount, _) => (field, value, amount),
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
/// A text without digits does not try to be an amount, so the next name is asked. One with digits
/// that cannot be read ends the search: what stands under the next name is another amount, such as
/// the one with tax.
fn find_amount<'a, 'n>(amounts: Vec<(&'n str, JsonValue<'a>)>) -> Found<'a, 'n> {
    let mut wordy = None;
    for (field, value) in amounts {
        let reason = match read(&value) {
            AmountText::Amount(amount, beside) => {
                return Found::Amount(field, value, amount, beside);
            }
            AmountText::NoDigits => {
                wordy.get_or_insert((field, value));
                continue;
            }
            AmountText::Ambiguous => WarningReason::AmbiguousAmount,
            AmountText::TooLarge => WarningReason::LargeAmount,
            AmountText::Unreadable => WarningReason::UnreadAmount,
        };
        return Found::Unread(Uncounted {
            field,
            value: as_sent(value),
            reason,
        });
    }
    wordy.map_or(Found::Nothing, |(field, value)| {
        Found::Unread(Uncounted {
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
/// object with anything else in it may mean something else.
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

/// The currency, none for the site's own; or why it is not known, and the field that says it unless
/// the text of the amount does.
type Decided<'a, 'n> = Result<Option<Currency>, (WarningReason, Option<(&'n str, Cow<'a, str>)>)>;

fn currency<'a, 'n>(
    sent: Option<(&'n str, Cow<'a, str>)>,
    beside: Option<Currencies>,
    constant: Option<&str>,
    site: Currency,
) -> Decided<'a, 'n> {
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

/// Returns the text of a currency: of an object or array its JSON, which is no currency and is told,
/// lest it pass for none and the amount for one in the site's own.
pub(super) fn currency_text(value: JsonValue<'_>) -> Option<Cow<'_, str>> {
    (value != JsonValue::Null).then(|| as_sent(value))
}

/// Returns the text of a value as it is shown.
fn as_sent(value: JsonValue<'_>) -> Cow<'_, str> {
    match value {
        JsonValue::Object(text) | JsonValue::Array(text) => Cow::Borrowed(text),
        other => other.into_text().unwrap_or(Cow::Borrowed("null")),
    }
}
