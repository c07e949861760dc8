//! Finds values under known names that do not count, so that the sender is warned when the message
//! is accepted.
//!
//! This runs before the rules classify the event, and uses the same functions that later decide
//! what counts. Names that only a vocabulary knows are not checked here.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::money::{self, CURRENCIES, Sent};
use crate::id::meaningful_id;
use crate::json::JsonValue;
use crate::money_terms::MoneyTerms;
use crate::warning::{Warning, WarningReason};

/// Names of properties that hold an id, as `etappe_core::facts` reads them.
const IDS: [&str; 10] = [
    "order_id",
    "transaction_id",
    "orderId",
    "ec_id",
    "referral_code",
    "referralCode",
    "inviter_id",
    "referrer_id",
    "inviterId",
    "referrerId",
];

/// The number of order names at the start of [`IDS`]: an event with one of them is about money.
const ORDERS: usize = 4;

/// Parts of event names that mean an event is about money, in English and Dutch.
const MONEY_WORDS: [&str; 14] = [
    "order",
    "purchase",
    "checkout",
    "payment",
    "paid",
    "invoice",
    "refund",
    "transaction",
    "subscription",
    "bestel",
    "aankoop",
    "betaal",
    "betaling",
    "factuur",
];

/// The values of an event's properties with known names.
#[derive(Debug, Default)]
pub struct Noticed<'a> {
    amounts: [Option<JsonValue<'a>>; 3],
    /// The currency's rank among its names, its name and its text.
    currency: Option<(usize, &'static str, Cow<'a, str>)>,
    has_order: bool,
    placeholders: Vec<(&'static str, Cow<'a, str>)>,
}

const AMOUNTS: [&str; 3] = ["revenue", "value", "total"];
const PRODUCTS: &str = "products";

impl<'a> Noticed<'a> {
    /// Returns whether a property of this name is checked here.
    #[must_use]
    pub fn knows(name: &str) -> bool {
        AMOUNTS.contains(&name)
            || CURRENCIES.contains(&name)
            || IDS.contains(&name)
            || name == PRODUCTS
    }

    /// Takes a member of the properties. Of equal names the last one counts.
    pub fn note(&mut self, name: &str, raw: &'a RawValue) {
        let place = |names: &[&'static str]| names.iter().position(|known| *known == name);
        if let Some(amount) = place(&AMOUNTS).and_then(|at| self.amounts.get_mut(at)) {
            *amount = sent(raw);
        } else if let Some(rank) = place(&CURRENCIES) {
            let text = sent(raw).and_then(money::currency_text);
            let is_better = self
                .currency
                .as_ref()
                .is_none_or(|(held, ..)| rank <= *held);
            if let (Some(text), true, Some(known)) = (text, is_better, CURRENCIES.get(rank)) {
                self.currency = Some((rank, known, text));
            }
        } else if let Some(at) = place(&IDS) {
            self.note_id(at, raw);
        } else if name == PRODUCTS {
            self.has_order = true;
        }
    }

    fn note_id(&mut self, at: usize, raw: &'a RawValue) {
        let text = JsonValue::of(raw).into_text().unwrap_or_default();
        let Some(name) = IDS.get(at).filter(|_| !text.is_empty()) else {
            return;
        };
        self.placeholders.retain(|(other, _)| other != name);
        self.has_order |= at < ORDERS;
        if meaningful_id(&text).is_none() {
            self.placeholders.push((name, text));
        }
    }

    /// Adds a warning for each value of an event called `name` that does not count. Without terms
    /// the event's money does not count at all, so its amounts cause no warnings.
    ///
    /// `revenue` is always an amount. `value` and `total` are amounts only if the event is about
    /// money, as shown by its name, a revenue, an order, products or a currency; otherwise they are
    /// scores and counts.
    pub fn warn(self, name: &str, terms: Option<&MoneyTerms>, warnings: &mut Vec<Warning<'a>>) {
        for (field, value) in self.placeholders {
            warnings.push(Warning {
                field: Cow::Owned(format!("properties.{field}")),
                value,
                reason: WarningReason::PlaceholderId,
            });
        }
        let has_amount = self.amounts.iter().any(Option::is_some);
        let Some(terms) = terms.filter(|_| has_amount) else {
            return;
        };
        let has_revenue = matches!(self.amounts, [Some(_), ..]);
        let is_about_money =
            has_revenue || self.has_order || self.currency.is_some() || is_about_money(name);
        if !is_about_money {
            return;
        }
        let amounts = AMOUNTS.into_iter().zip(self.amounts);
        let amounts = amounts.filter_map(|(field, value)| Some((field, value?)));
        let sent = Sent {
            amounts: amounts.collect(),
            currency: self.currency.map(|(_, field, text)| (field, text)),
            constant: None,
        };
        let uncounted = money::decide(sent, terms).uncounted;
        warnings.extend(uncounted.map(money::Uncounted::into_warning));
    }
}

/// Returns a value, unless it is null or a blank text, which count as not sent.
pub(super) fn sent(raw: &RawValue) -> Option<JsonValue<'_>> {
    match JsonValue::of(raw) {
        JsonValue::Null => None,
        JsonValue::String(text) if text.trim().is_empty() => None,
        value => Some(value),
    }
}

fn is_about_money(name: &str) -> bool {
    let name = name.to_lowercase();
    MONEY_WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::currency::Currency;
    use crate::json::JsonObject;

    fn warnings(name: &str, properties: &str) -> Vec<(String, String, &'static str)> {
        let object = JsonObject::parse(properties).expect("an object");
        let terms = MoneyTerms {
            largest: serde_json::from_str("1000000").expect("a limit"),
            ..MoneyTerms::default()
        };
        let mut noticed = Noticed::default();
        for (name, raw) in object.iter() {
            noticed.note(name, raw);
        }
        let mut warnings = Vec::new();
        noticed.warn(name, Some(&terms), &mut warnings);
        let parts = |warning: Warning<'_>| {
            let (field, value) = (warning.field.into_owned(), warning.value.into_owned());
            (field, value, warning.reason.as_str())
        };
        warnings.into_iter().map(parts).collect()
    }

    /// Properties, and the field, value and reason of the expected warning.
    const TOLD: &[(&str, &str, &str, &str)] = &[
        (
            r#"{"revenue":"1,234"}"#,
            "revenue",
            "1,234",
            "ambiguous_amount",
        ),
        (
            r#"{"revenue":"20-30"}"#,
            "revenue",
            "20-30",
            "unread_amount",
        ),
        (r#"{"revenue":"free"}"#, "revenue", "free", "unread_amount"),
        (r#"{"revenue":true}"#, "revenue", "true", "unread_amount"),
        (r#"{"revenue":[5]}"#, "revenue", "[5]", "unread_amount"),
        (
            r#"{"revenue":{"cents":500}}"#,
            "revenue",
            r#"{"cents":500}"#,
            "unread_amount",
        ),
        (
            r#"{"revenue":{"amount":5,"tax":1}}"#,
            "revenue",
            r#"{"amount":5,"tax":1}"#,
            "unread_amount",
        ),
        (
            r#"{"revenue":5,"currency":["USD"]}"#,
            "currency",
            r#"["USD"]"#,
            "unknown_currency",
        ),
        (
            r#"{"revenue":5,"currency":{"code":"USD"}}"#,
            "currency",
            r#"{"code":"USD"}"#,
            "unknown_currency",
        ),
        (
            r#"{"revenue":1000001}"#,
            "revenue",
            "1000001",
            "large_amount",
        ),
        (r#"{"revenue":1e300}"#, "revenue", "1e300", "large_amount"),
        (
            r#"{"revenue":5,"currency":"XYZ"}"#,
            "currency",
            "XYZ",
            "unknown_currency",
        ),
        (
            r#"{"revenue":5,"currency_code":"$"}"#,
            "currency_code",
            "$",
            "ambiguous_currency",
        ),
        (r#"{"revenue":"$5"}"#, "revenue", "$5", "ambiguous_currency"),
        (
            r#"{"revenue":"€5","currency":"USD"}"#,
            "revenue",
            "€5",
            "conflicting_currency",
        ),
        (
            r#"{"total":"1,234","order_id":"1"}"#,
            "total",
            "1,234",
            "ambiguous_amount",
        ),
        (
            r#"{"value":"1,234","currency":"EUR"}"#,
            "value",
            "1,234",
            "ambiguous_amount",
        ),
        (
            r#"{"revenue":"","total":"a lot","products":[]}"#,
            "total",
            "a lot",
            "unread_amount",
        ),
        (
            r#"{"order_id":"undefined"}"#,
            "order_id",
            "undefined",
            "placeholder_id",
        ),
        (
            r#"{"transaction_id":0}"#,
            "transaction_id",
            "0",
            "placeholder_id",
        ),
        (
            r#"{"referral_code":" "}"#,
            "referral_code",
            " ",
            "placeholder_id",
        ),
        (
            r#"{"inviterId":"null"}"#,
            "inviterId",
            "null",
            "placeholder_id",
        ),
    ];

    #[test]
    fn an_ignored_value_is_reported_with_its_field() {
        for (properties, field, value, reason) in TOLD {
            let told = warnings("x", properties);
            let expected = (format!("properties.{field}"), (*value).to_owned(), *reason);
            assert_eq!(told, [expected], "{properties}");
        }
        let told = warnings("Bestelling betaald", r#"{"value":"1.234,5,6"}"#);
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn values_that_count_or_are_not_money_are_not_reported() {
        for properties in [
            "{}",
            r#"{"revenue":null,"value":"","currency":" "}"#,
            r#"{"revenue":"33,95","currency":"€"}"#,
            r#"{"revenue":0}"#,
            r#"{"value":"high"}"#,
            r#"{"value":"1,234","total":"20-30"}"#,
            r#"{"currency":"gold"}"#,
            r#"{"revenue":"n/a","value":5}"#,
            r#"{"revenue":{"amount":5}}"#,
            r#"{"revenue":{"amount":"33,95","currencyCode":"EUR"}}"#,
            r#"{"revenue":5,"currency":" ","currency_code":"EUR"}"#,
            r#"{"order_id":"","referral_code":null}"#,
            r#"{"order_id":"null","order_id":"7"}"#,
        ] {
            assert_eq!(warnings("x", properties), [], "{properties}");
        }
    }

    #[test]
    fn a_site_in_dollars_reads_the_bare_sign() {
        let object = JsonObject::parse(r#"{"revenue":"$5"}"#).expect("an object");
        let terms = MoneyTerms {
            currency: Currency::of_code("AUD").expect("a code"),
            ..MoneyTerms::default()
        };
        let mut noticed = Noticed::default();
        for (name, raw) in object.iter() {
            noticed.note(name, raw);
        }
        let mut warnings = Vec::new();
        noticed.warn("x", Some(&terms), &mut warnings);
        assert_eq!(warnings, []);
    }
}
