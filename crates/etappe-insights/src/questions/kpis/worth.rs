//! What a leak is worth: the customers, and the money, that the best rate would bring.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::questions::kpis::gate_counts::RangeCounts;
use crate::scope::Scope;

/// The tone of the stage in which people buy.
const BUY: &str = "buy";
const DAY: Duration = Duration::from_hours(24);
/// What the worth is scaled to.
const MONTH: Duration = Duration::from_hours(30 * 24);

/// What it is worth to get back to the best rate, in 30 days. Estimates, to two significant digits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Worth {
    /// Customers: `lost` times the share of those at the stage who go on to buy.
    #[schema(example = 18.0)]
    customers: f64,
    /// The share of those at the stage who go on to buy.
    #[schema(example = 0.25)]
    buy_rate: f64,
    /// How many days were counted; customers are scaled from these to 30.
    #[schema(example = 23.0)]
    days: f64,
    /// `customers` times the revenue per customer; null without revenue, or with several
    /// currencies.
    #[schema(example = 2400.0)]
    revenue: Option<f64>,
    /// The currency; null without revenue.
    #[schema(example = "EUR")]
    currency: Option<String>,
}

impl Worth {
    /// Returns the customers that `lost` people at `gate` would be; `None` if the model has no gate
    /// at which people buy, or it lies before this one.
    pub(crate) fn of(
        scope: &Scope,
        gates: &[usize],
        (gate, lost): (usize, f64),
        present: &RangeCounts,
    ) -> Option<Self> {
        let stages = &scope.model.stages;
        let buying = gates.iter().position(|step| {
            let stage = stages.get(*step);
            stage.is_some_and(|stage| stage.tone == Some(BUY))
        });
        let buying = buying.filter(|buying| *buying >= gate)?;
        let millis = present.range.to.millis_since(present.range.from);
        let length = Duration::from_millis(u64::try_from(millis).ok()?);
        if length.is_zero() {
            return None;
        }
        let months = length.as_secs_f64() / MONTH.as_secs_f64();
        let buy_rate = present.total.rate_through(gate, buying)?;
        Some(Self {
            customers: two_digits(lost * buy_rate / months),
            buy_rate,
            days: length.as_secs_f64() / DAY.as_secs_f64(),
            revenue: None,
            currency: None,
        })
    }

    /// Adds the money.
    pub(crate) fn priced(self, revenue_per_customer: Option<f64>, currency: &str) -> Self {
        let per_customer = revenue_per_customer.filter(|it| *it > 0.0);
        Self {
            revenue: per_customer.map(|it| two_digits(it * self.customers)),
            currency: per_customer.map(|_| currency.to_owned()),
            ..self
        }
    }
}

/// Rounds to two significant digits.
fn two_digits(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let unit = 10_f64.powf(number.abs().log10().floor() - 1.0);
    let rounded = (number / unit).round() * unit;
    // A unit such as 0.01 is not exact, and would leave digits behind.
    (rounded * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_have_two_digits() {
        let cases = [
            (0.0, 0.0),
            (17.96, 18.0),
            (2_449.0, 2_400.0),
            (14_500.0, 15_000.0),
            (9.96, 10.0),
            (0.1234, 0.12),
            (1_234_567.0, 1_200_000.0),
        ];
        for (number, expected) in cases {
            let rounded = two_digits(number);
            assert!((rounded - expected).abs() < 1e-9, "{number}: {rounded}");
        }
    }
}
