//! Currencies: ISO 4217 codes, and the signs and names that stand for them.

use std::fmt;

use serde::{Deserialize, Serialize};

mod codes;
mod symbols;

/// An ISO 4217 currency, by its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(&'static str);

/// A text that is not the code of a [`Currency`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a currency: use an ISO 4217 code such as EUR")]
pub struct UnknownCurrency(pub String);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self("EUR");

    /// Returns the currency with this code, in any case.
    #[must_use]
    pub fn of_code(text: &str) -> Option<Self> {
        let code: [u8; 3] = text.as_bytes().try_into().ok()?;
        let code = code.map(|byte| byte.to_ascii_uppercase());
        let at = codes::CODES
            .binary_search_by(|known| known.as_bytes().cmp(&code[..]))
            .ok()?;
        codes::CODES.get(at).copied().map(Self)
    }

    /// Returns the code in capitals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl Default for Currency {
    /// Returns the euro.
    fn default() -> Self {
        Self::EUR
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::str::FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        Self::of_code(text).ok_or_else(|| UnknownCurrency(text.to_owned()))
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The currencies that a text may stand for: one, or several that share a sign or name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currencies {
    /// Exactly this one.
    One(Currency),
    /// One of the currencies with these codes.
    OneOf(&'static [&'static str]),
}

impl Currencies {
    /// Reads a code, sign or name, ignoring surrounding space; `None` for anything else.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(code) = Currency::of_code(text) {
            return Some(Self::One(code));
        }
        let text = symbols::without_dot(text);
        let found = symbols::SYMBOLS
            .iter()
            .find(|(known, _)| is_same(text, known))?;
        Some(match found.1 {
            [code] => Self::One(Currency(code)),
            several => Self::OneOf(several),
        })
    }

    /// Returns the currency that is meant on a site whose own currency is `site`: the only one, or
    /// the site's own if it is one of several.
    #[must_use]
    pub fn resolve(self, site: Currency) -> Option<Currency> {
        match self {
            Self::One(currency) => Some(currency),
            Self::OneOf(codes) => codes.contains(&site.0).then_some(site),
        }
    }

    /// Returns the currencies that both allow, or `None` if they contradict each other.
    #[must_use]
    pub fn and(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::One(one), Self::One(other)) => (one == other).then_some(Self::One(one)),
            (Self::One(one), Self::OneOf(codes)) | (Self::OneOf(codes), Self::One(one)) => {
                codes.contains(&one.0).then_some(Self::One(one))
            }
            (Self::OneOf(codes), Self::OneOf(others)) => {
                // The sets are small. If one contains the other, the smaller one is the answer.
                let is_within =
                    |inner: &[&str], outer: &[&str]| inner.iter().all(|code| outer.contains(code));
                if is_within(codes, others) {
                    Some(self)
                } else if is_within(others, codes) {
                    Some(other)
                } else {
                    None
                }
            }
        }
    }
}

/// Compares without regard to case and to repeated spaces. `known` is in lower case.
fn is_same(sent: &str, known: &str) -> bool {
    let mut words = sent.split_whitespace();
    let mut expected = known.split(' ');
    loop {
        match (words.next(), expected.next()) {
            (None, None) => return true,
            (Some(word), Some(known)) => {
                if !word.chars().flat_map(char::to_lowercase).eq(known.chars()) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order_and_name_real_codes() {
        assert!(codes::CODES.is_sorted_by(|a, b| a < b));
        for (index, (text, codes)) in symbols::SYMBOLS.iter().enumerate() {
            assert_eq!(text.to_lowercase(), *text);
            assert_eq!(symbols::without_dot(text), *text);
            let earlier = symbols::SYMBOLS.iter().take(index);
            assert!(
                earlier.clone().all(|(other, _)| other != text),
                "{text} twice"
            );
            for code in *codes {
                assert!(Currency::of_code(code).is_some(), "{text}: {code}");
            }
        }
    }

    #[test]
    fn codes_of_any_case_and_signs_of_one_currency_are_read() {
        for (text, expected) in [
            ("EUR", "EUR"),
            ("eur", "EUR"),
            (" Usd ", "USD"),
            ("€", "EUR"),
            ("Euro", "EUR"),
            ("EUROS", "EUR"),
            ("US$", "USD"),
            ("us dollars", "USD"),
            ("US  Dollar", "USD"),
            ("A$", "AUD"),
            ("C$", "CAD"),
            ("NZ$", "NZD"),
            ("HK$", "HKD"),
            ("zł", "PLN"),
            ("ZŁ", "PLN"),
            ("Kč", "CZK"),
            ("₹", "INR"),
            ("₺", "TRY"),
            ("₽", "RUB"),
            ("₩", "KRW"),
            ("£", "GBP"),
            ("руб.", "RUB"),
            ("R$", "BRL"),
            ("NLG", "NLG"),
        ] {
            let read = Currencies::of_text(text);
            assert_eq!(
                read,
                Currency::of_code(expected).map(Currencies::One),
                "{text}"
            );
        }
        for unknown in [
            "",
            " ",
            "XYZ",
            "ABC",
            "foo",
            "BTC",
            "978",
            "E1R",
            "EURO.EURO",
            "XXX",
            "XTS",
            "undefined",
            "null",
            "€€",
            "euro dollar",
            "€.",
            "EUR.",
        ] {
            assert_eq!(Currencies::of_text(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_shared_currency_sign_means_the_sites_currency_or_none() {
        let resolve = |text: &str, site: &str| {
            let site = Currency::of_code(site).expect("a code");
            Currencies::of_text(text)
                .and_then(|read| read.resolve(site))
                .map(Currency::as_str)
        };
        for (text, site, expected) in [
            ("$", "USD", Some("USD")),
            ("$", "AUD", Some("AUD")),
            ("$", "EUR", None),
            ("¥", "JPY", Some("JPY")),
            ("¥", "CNY", Some("CNY")),
            ("¥", "EUR", None),
            ("kr", "SEK", Some("SEK")),
            ("kr.", "DKK", Some("DKK")),
            ("kr", "EUR", None),
            ("pounds", "GBP", Some("GBP")),
            ("pounds", "EUR", None),
            ("Rs.", "INR", Some("INR")),
        ] {
            assert_eq!(resolve(text, site), expected, "{text} on a site in {site}");
        }
    }

    #[test]
    fn two_currency_texts_for_one_amount_agree_or_contradict() {
        let both = |one: &str, other: &str| {
            let read = |text| Currencies::of_text(text).expect("a currency");
            read(one).and(read(other))
        };
        let usd = Some(Currencies::One(Currency("USD")));
        assert_eq!(both("$", "USD"), usd);
        assert_eq!(both("USD", "$"), usd);
        assert_eq!(both("US$", "usd"), usd);
        assert_eq!(both("€", "USD"), None);
        assert_eq!(both("kr", "$"), None);
        assert_eq!(both("$", "dollars"), Currencies::of_text("dollars"));
    }
}
