//! The KPIs of each day, week or month of the range.
//!
//! Views count all periods in one go. KPIs that look beyond the period, such as retention and
//! referrals, have no trend.

use chrono::{NaiveDate, Weekday};
use etappe_core::kpi::{KpiFigures, MoneyFigures};
use etappe_core::money::Amount;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::{ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::calendar::{Period, day_start, local_date};
use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::parameter::{Parameter, Values};
use crate::query_limit::store_error;
use crate::questions::kpis::figure::Figure;
use crate::questions::kpis::measure::{Currencies, Measure, measures};
use crate::scope::Scope;
use crate::state::InsightsParts;

/// The most periods of a trend.
const MOST_PERIODS: usize = 400;

/// The KPIs that have a trend.
const TRENDED: [&str; 12] = [
    "visitors",
    "signups",
    "activation_rate",
    "customers",
    "orders",
    "revenue",
    "purchases_per_customer",
    "repeat_rate",
    "average_order_value",
    "revenue_per_customer",
    "nps",
    "unmapped_share",
];

/// `trend`: the length of the periods.
pub(crate) const TREND: &[Parameter] = &[Parameter {
    name: "trend",
    description: "Adds the figure of each `day`, `week` (from Monday) or `month` of the range to those that have one.",
    example: "",
    values: Values::Words(&["day", "week", "month"]),
}];

/// A figure in one period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrendPoint {
    /// The first day of the period.
    #[schema(value_type = String, format = Date, example = "2024-03-01")]
    period: NaiveDate,
    /// The figure; null if there is nothing to divide by.
    #[schema(value_type = Option<f64>, example = 0.4)]
    value: Option<Figure>,
    /// Whether the whole period is in the range and had ended at the watermark.
    complete: bool,
}

/// The periods of a trend.
pub(crate) struct Trend {
    /// The first days of the periods.
    days: Vec<NaiveDate>,
    /// Where the periods begin within the range, and where the last one ends.
    starts: Vec<Timestamp>,
    /// Whether each is whole and has ended.
    complete: Vec<bool>,
}

impl Trend {
    /// Reads `trend`; `None` if it is not asked for, or is a problem.
    pub(crate) fn read(
        fields: &mut Fields,
        scope: Option<&Scope>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let periods = [
            ("day", Period::Day),
            ("week", Period::Week(Weekday::Mon)),
            ("month", Period::Month),
        ];
        let period = fields.take_choice("trend", &periods, problems)?;
        let trend = Self::of(scope?, period);
        if trend.is_none() {
            let detail = format!(
                "the range has more than {MOST_PERIODS} periods: ask for longer periods or a shorter range"
            );
            problems.push("trend", detail);
        }
        trend
    }

    /// Divides the range of a scope; `None` if it has too many periods.
    pub(crate) fn of(scope: &Scope, period: Period) -> Option<Self> {
        let (range, zone) = (scope.span.range, scope.span.zone);
        let mut trend = Self {
            days: Vec::new(),
            starts: Vec::new(),
            complete: Vec::new(),
        };
        let mut day = period.start(local_date(zone, range.from));
        while day_start(zone, day) < range.to {
            if trend.days.len() == MOST_PERIODS {
                return None;
            }
            let next = period.next(day);
            let (start, end) = (day_start(zone, day), day_start(zone, next));
            let is_whole = range.from <= start && end <= range.to;
            trend.days.push(day);
            trend.starts.push(start.max(range.from));
            trend.complete.push(is_whole && end <= scope.as_of);
            day = next;
        }
        trend.starts.push(range.to);
        Some(trend)
    }

    /// Returns the figures of every period, as far as a trend has them.
    pub(crate) async fn figures<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
        scope: &Scope,
    ) -> Result<Vec<KpiFigures>, InsightsError> {
        let mut figures = vec![KpiFigures::default(); self.days.len()];
        // An empty range has no period.
        if figures.is_empty() {
            return Ok(figures);
        }
        let asking = Asking {
            parts,
            scope,
            starts: &self.starts,
        };
        let text = |text: &str| ViewParameter::Text(text.to_owned());
        let model = [("model", text(&scope.model.id))];
        let as_of = [("as_of", ViewParameter::Instant(scope.as_of))];
        let refunds = if scope.browser_refunds {
            "true"
        } else {
            "false"
        };
        let money = [
            ("currency", text(&scope.currency)),
            ("browser_refunds", text(refunds)),
        ];
        // Money before orders and scores, which any terms of money serve.
        let (activity, signups, money, orders, nps) = tokio::try_join!(
            asking.rows::<ActivityRow>("trend_activity", &model),
            asking.rows::<SignupRow>("trend_signups", &as_of),
            asking.rows::<MoneyRow>("trend_money", &money),
            asking.rows::<OrderRow>("trend_orders", &[]),
            asking.rows::<NpsRow>("trend_nps", &[]),
        )?;
        add(&mut figures, activity)?;
        add(&mut figures, signups)?;
        add(&mut figures, orders)?;
        add(&mut figures, money)?;
        add(&mut figures, nps)?;
        Ok(figures)
    }

    /// Returns the points of a KPI, or `None` if it has no trend. `periods` has the KPIs of every
    /// period.
    pub(crate) fn points(
        &self,
        kpi: &Measure,
        periods: &[Vec<Measure>],
    ) -> Option<Vec<TrendPoint>> {
        if !TRENDED.contains(&kpi.id) {
            return None;
        }
        let values = periods.iter().map(|period| {
            let same = period.iter().find(|other| other.is_same(kpi));
            same.and_then(|measure| measure.value)
        });
        let ends = self.days.iter().zip(&self.complete);
        let points = ends.zip(values);
        Some(
            points
                .map(|((day, complete), value)| TrendPoint {
                    period: *day,
                    value,
                    complete: *complete,
                })
                .collect(),
        )
    }
}

/// Returns the KPIs of every period.
pub(crate) fn kpis_of(figures: &[KpiFigures], currencies: &Currencies) -> Vec<Vec<Measure>> {
    let each = figures.iter();
    each.map(|figures| measures(figures, currencies)).collect()
}

/// What every view of a trend is asked with.
struct Asking<'a, S, C> {
    parts: &'a InsightsParts<S, C>,
    scope: &'a Scope,
    starts: &'a [Timestamp],
}

impl<S: JourneyStore, C: Clock> Asking<'_, S, C> {
    async fn rows<R: DeserializeOwned + Send>(
        &self,
        view: &'static str,
        more: &[(&'static str, ViewParameter)],
    ) -> Result<Vec<R>, InsightsError> {
        let mut parameters = vec![
            ("bots", ViewParameter::Bots(self.scope.bots)),
            ("starts", ViewParameter::Instants(self.starts.to_vec())),
        ];
        parameters.extend_from_slice(more);
        let query = ViewQuery {
            view,
            site: self.scope.site.clone(),
            parameters,
        };
        self.parts
            .store
            .view_rows(&query)
            .await
            .map_err(store_error)
    }
}

/// A row of a view: some figures of one period.
trait PeriodRow {
    /// The period's index.
    fn period(&self) -> usize;

    /// Adds its figures to those of the period.
    ///
    /// # Errors
    /// [`InsightsError::StoreFailed`] if one of them cannot be right.
    fn add_to(self, figures: &mut KpiFigures) -> Result<(), InsightsError>;
}

fn add(figures: &mut [KpiFigures], rows: Vec<impl PeriodRow>) -> Result<(), InsightsError> {
    for row in rows {
        if let Some(period) = figures.get_mut(row.period()) {
            row.add_to(period)?;
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct ActivityRow {
    period: usize,
    visitors: u64,
    events: u64,
    unmapped_events: u64,
}

#[derive(Deserialize)]
struct SignupRow {
    period: usize,
    signups: u64,
    activation_eligible: u64,
    activated: u64,
}

#[derive(Deserialize)]
struct OrderRow {
    period: usize,
    orders: u64,
    customer_orders: u64,
    customers: u64,
    repeat_customers: u64,
}

#[derive(Deserialize)]
struct MoneyRow {
    period: usize,
    currency: String,
    orders: u64,
    customers: u64,
    revenue: String,
    gross: String,
}

#[derive(Deserialize)]
struct NpsRow {
    period: usize,
    score: usize,
    answers: u64,
}

impl PeriodRow for ActivityRow {
    fn period(&self) -> usize {
        self.period
    }

    fn add_to(self, figures: &mut KpiFigures) -> Result<(), InsightsError> {
        figures.visitors = self.visitors;
        figures.events = self.events;
        figures.unmapped_events = self.unmapped_events;
        Ok(())
    }
}

impl PeriodRow for SignupRow {
    fn period(&self) -> usize {
        self.period
    }

    fn add_to(self, figures: &mut KpiFigures) -> Result<(), InsightsError> {
        figures.signups = self.signups;
        figures.activation_eligible = self.activation_eligible;
        figures.activated = self.activated;
        Ok(())
    }
}

impl PeriodRow for OrderRow {
    fn period(&self) -> usize {
        self.period
    }

    fn add_to(self, figures: &mut KpiFigures) -> Result<(), InsightsError> {
        figures.orders = self.orders;
        figures.customer_orders = self.customer_orders;
        figures.customers = self.customers;
        figures.repeat_customers = self.repeat_customers;
        Ok(())
    }
}

impl PeriodRow for MoneyRow {
    fn period(&self) -> usize {
        self.period
    }

    /// A sum above 10^34 units is an error, because a clamped figure would be wrong.
    fn add_to(self, figures: &mut KpiFigures) -> Result<(), InsightsError> {
        let sum = |text| {
            Amount::parse_sum(text).ok_or_else(|| {
                let problem = format!("a sum of money is out of range: {text}");
                InsightsError::StoreFailed(problem.into())
            })
        };
        figures.money.push(MoneyFigures {
            revenue: sum(&self.revenue)?,
            gross: sum(&self.gross)?,
            lifetime_revenue: Amount::default(),
            currency: self.currency,
            orders: self.orders,
            customers: self.customers,
        });
        Ok(())
    }
}

impl PeriodRow for NpsRow {
    fn period(&self) -> usize {
        self.period
    }

    fn add_to(self, figures: &mut KpiFigures) -> Result<(), InsightsError> {
        if let Some(answers) = figures.nps_scores.get_mut(self.score) {
            *answers = self.answers;
        }
        Ok(())
    }
}
