//! A site's money terms: its own currency, and the largest amount that counts.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::currency::Currency;
use crate::money::Amount;

/// A site's settings that decide which amounts count.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MoneyTerms {
    /// The currency of amounts sent without one.
    pub currency: Currency,
    /// The limits above which an amount does not count.
    pub largest: LargestAmounts,
}

/// The largest amount that counts, per currency. A larger amount is a mistake, not a sale.
///
/// As a setting it is one number for every currency (`5000`), or one per currency, with `*` for the
/// others: `{"EUR":5000,"IRR":"1000000000","*":100000}`. The default is 10^15.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LargestAmounts {
    /// The limit for currencies without one of their own.
    others: Option<Amount>,
    by_currency: BTreeMap<Currency, Amount>,
}

/// The largest amount that counts by default: far beyond any shop, in any currency.
const DEFAULT_LARGEST: &str = "1000000000000000";

/// The most currencies with a limit of their own; the limits are written into records.
const MAX_CURRENCIES: usize = 32;

/// The key for every currency without a limit of its own.
const OTHERS: &str = "*";

impl LargestAmounts {
    /// Returns whether an amount in `currency` is too large to count, whatever its sign.
    #[must_use]
    pub fn exceeded_by(&self, amount: Amount, currency: Currency) -> bool {
        let stated = self.by_currency.get(&currency).copied().or(self.others);
        let largest = stated.or_else(|| Amount::parse(DEFAULT_LARGEST));
        largest.is_some_and(|largest| amount.abs() > largest)
    }

    /// Returns whether no limit is set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An amount in JSON: a number, or a string if a number would lose digits.
struct Number(Amount);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.to_string();
        match text.parse::<u32>() {
            Ok(whole) => serializer.serialize_u32(whole),
            Err(_) => serializer.serialize_str(&text),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Stated::deserialize(deserializer)? {
            Stated::Every(amount) => Ok(Self(amount)),
            Stated::Each(_) => Err(serde::de::Error::custom("an amount is a number")),
        }
    }
}

/// The two forms of the setting.
enum Stated {
    Every(Amount),
    Each(LargestAmounts),
}

impl<'de> Deserialize<'de> for Stated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StatedVisitor;
        impl<'de> Visitor<'de> for StatedVisitor {
            type Value = Stated;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount such as 5000, or amounts by currency such as {\"EUR\":5000}")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Stated, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Stated, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Stated, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Stated, E> {
                let amount = Amount::parse(text).filter(|amount| *amount > Amount::default());
                amount
                    .map(Stated::Every)
                    .ok_or_else(|| E::custom(format!("`{text}` is not a valid amount above 0")))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Stated, A::Error> {
                let mut largest = LargestAmounts::default();
                while let Some((name, Number(amount))) = map.next_entry::<String, Number>()? {
                    if name == OTHERS {
                        largest.others = Some(amount);
                    } else {
                        let currency = name.parse().map_err(serde::de::Error::custom)?;
                        largest.by_currency.insert(currency, amount);
                    }
                }
                if largest.by_currency.len() > MAX_CURRENCIES {
                    return Err(serde::de::Error::custom(format!(
                        "at most {MAX_CURRENCIES} currencies may have a limit of their own: use `{OTHERS}` for the rest"
                    )));
                }
                Ok(Stated::Each(largest))
            }
        }
        deserializer.deserialize_any(StatedVisitor)
    }
}

impl<'de> Deserialize<'de> for LargestAmounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Stated::deserialize(deserializer)? {
            Stated::Every(amount) => Self {
                others: Some(amount),
                by_currency: BTreeMap::new(),
            },
            Stated::Each(largest) => largest,
        })
    }
}

impl Serialize for LargestAmounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let own = self.by_currency.iter();
        let own = own.map(|(currency, amount)| (currency.as_str(), Number(*amount)));
        let others = self.others.map(|amount| (OTHERS, Number(amount)));
        serializer.collect_map(own.chain(others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest(json: &str) -> LargestAmounts {
        serde_json::from_str(json).expect("a setting")
    }

    #[test]
    fn a_limit_applies_to_positive_and_negative_amounts_of_its_currency() {
        let (eur, usd) = (Currency::EUR, Currency::of_code("USD").unwrap());
        let amount = |text| Amount::parse(text).unwrap();
        for (setting, currency, allowed, exceeding) in [
            ("5000", usd, "5000", "5000.0001"),
            (r#"{"EUR":5000}"#, eur, "-5000", "-5000.01"),
            (r#"{"EUR":5000.5}"#, eur, "5000.5", "5000.51"),
            (r#"{"EUR":"5000.5"}"#, eur, "5000.5", "5000.51"),
            (r#"{"eur":5000,"*":10}"#, usd, "10", "11"),
        ] {
            let largest = largest(setting);
            assert!(!largest.exceeded_by(amount(allowed), currency), "{setting}");
            assert!(
                largest.exceeded_by(amount(exceeding), currency),
                "{setting}"
            );
        }
        let own = largest(r#"{"EUR":1}"#);
        assert!(!own.exceeded_by(amount("99999999999999"), usd));
    }

    #[test]
    fn a_setting_round_trips_through_text() {
        for (sent, written) in [
            ("5000", r#"{"*":5000}"#),
            (
                r#"{"EUR":0.5,"*":99999999999999}"#,
                r#"{"EUR":"0.5","*":"99999999999999"}"#,
            ),
            ("{}", "{}"),
        ] {
            let setting = largest(sent);
            assert_eq!(serde_json::to_string(&setting).unwrap(), written);
            assert_eq!(largest(written), setting);
        }
    }

    #[test]
    fn an_invalid_limit_is_refused_with_a_reason() {
        for (sent, reason) in [
            ("0", "not a valid amount above 0"),
            ("-5", "not a valid amount above 0"),
            (r#""much""#, "not a valid amount above 0"),
            (r#"{"EURO":5}"#, "not a currency"),
            (r#"{"EUR":{"USD":1}}"#, "an amount is a number"),
            ("true", "an amount such as 5000"),
        ] {
            let error = serde_json::from_str::<LargestAmounts>(sent).unwrap_err();
            assert!(error.to_string().contains(reason), "{sent}: {error}");
        }
    }
}
