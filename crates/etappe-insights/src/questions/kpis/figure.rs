//! A figure: a count, an amount of money, or any other number.

use etappe_core::money::Amount;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A figure; money is exact to the ten-thousandth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Figure {
    Count(u64),
    Number(f64),
    Money(Amount),
}

impl Figure {
    /// Returns the figure as a float, for comparisons.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a comparison needs no more than 53 bits"
    )]
    pub(crate) const fn as_f64(self) -> f64 {
        match self {
            Self::Count(count) => count as f64,
            Self::Number(number) => number,
            Self::Money(amount) => amount.as_scaled() as f64 / 10_000.0,
        }
    }

    /// Returns `amount / count`, rounded half away from zero to the ten-thousandth.
    pub(crate) fn share(amount: Amount, count: u64) -> Option<Self> {
        let count = i128::from(count);
        if count == 0 {
            return None;
        }
        let (whole, rest) = (amount.as_scaled() / count, amount.as_scaled() % count);
        let away = i128::from(rest.abs() >= count - rest.abs()) * rest.signum();
        Some(Self::Money(Amount::from_scaled(whole + away)))
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Money(amount) => amount.fmt(f),
        }
    }
}

impl Serialize for Figure {
    /// Writes a JSON number; money keeps the amount's own digits.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u64(*count),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Money(amount) => RawValue::from_string(amount.to_string())
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_with_its_own_digits() {
        let digits = "123456789012345678901234567890.0001";
        let amount = Amount::parse_sum(digits).unwrap();
        assert_eq!(
            serde_json::to_string(&Figure::Money(amount)).unwrap(),
            digits
        );
        let negative = Figure::Money(Amount::from_scaled(-55_000));
        assert_eq!(serde_json::to_string(&negative).unwrap(), "-5.5");
    }

    #[test]
    fn money_is_divided_to_the_ten_thousandth() {
        let cases = [
            ("10", 3, "3.3333"),
            ("20", 3, "6.6667"),
            ("-20", 3, "-6.6667"),
            ("0.0001", 2, "0.0001"),
            ("-0.0001", 2, "-0.0001"),
            ("0.0001", 3, "0"),
            ("135000000000000", 3, "45000000000000"),
            (
                "9999999999999999999999999999999999.9999",
                1,
                "9999999999999999999999999999999999.9999",
            ),
            ("5", 1, "5"),
        ];
        for (amount, count, expected) in cases {
            let share = Figure::share(Amount::parse_sum(amount).unwrap(), count).unwrap();
            assert_eq!(share.to_string(), expected);
        }
        assert_eq!(Figure::share(Amount::from_scaled(1), 0), None);
    }
}
