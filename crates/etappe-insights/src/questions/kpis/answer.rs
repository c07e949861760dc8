//! The answer to a KPI scope.

use etappe_core::kpi::KpiFigures;
use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::csv::CsvTable;
use crate::interval::wilson;
use crate::language::Language;
use crate::question::Answer;
use crate::questions::kpis::advice::advise;
use crate::questions::kpis::figure::Figure;
use crate::questions::kpis::leak::Leak;
use crate::questions::kpis::measure::{Currencies, Measure, measures};
use crate::questions::kpis::trend::{Trend, TrendPoint, kpis_of};
use crate::scope::Scope;

/// How many currencies have their own figures; the others are only counted.
const SHOWN_CURRENCIES: usize = 10;

/// The KPIs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KpisAnswer {
    /// The model whose stages are counted.
    #[schema(example = "aaarrr")]
    model: String,
    /// The figures. Each figure about money appears once per currency: for the site's own and for
    /// those with the most orders, ten at most. `other_currencies` counts the rest.
    kpis: Vec<KpiAnswer>,
    /// The step that loses the most compared with the best of the last six full months; null if no
    /// step with 30 actors does worse.
    biggest_leak: Option<Leak>,
}

/// One figure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KpiAnswer {
    /// The KPI's id.
    #[schema(example = "activation_rate")]
    id: &'static str,
    /// The figure; null if there is nothing to divide by. Money is exact to four places.
    #[schema(value_type = Option<f64>, example = 0.4)]
    value: Option<Figure>,
    /// The figure in the previous range of equal length; null if that range would begin before
    /// 1970, or if there was nothing to divide by.
    #[schema(value_type = Option<f64>, example = 0.35)]
    previous: Option<Figure>,
    /// For a share: the 95 % confidence interval of the true share (Wilson); otherwise null.
    #[schema(value_type = Option<Vec<f64>>, example = json!([0.31, 0.5]))]
    interval: Option<[f64; 2]>,
    /// `actors`, `orders`, `share`, `money`, `orders_per_customer`, `actors_per_customer`,
    /// `actors_per_actor`, `seconds`, `score` or `currencies`.
    #[schema(example = "share")]
    unit: &'static str,
    /// For money: the ISO 4217 code; otherwise null.
    #[schema(example = "EUR")]
    currency: Option<String>,
    /// The counts behind the figure.
    #[schema(value_type = BTreeMap<String, f64>, example = json!({"activated": 40, "eligible_signups": 100}))]
    counts: BTreeMap<&'static str, Figure>,
    /// A sentence of advice if the figure is weak, in the language of `Accept-Language`; otherwise
    /// null.
    advice: Option<String>,
    /// With `trend`: the figure in each period, for figures that have one; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    trend: Option<Vec<TrendPoint>>,
}

/// What the store said.
pub(crate) struct Known<'a> {
    pub(crate) present: KpiFigures,
    pub(crate) previous: Option<KpiFigures>,
    /// The periods of the trend, and their figures.
    pub(crate) trend: Option<(&'a Trend, Vec<KpiFigures>)>,
}

impl KpisAnswer {
    pub(crate) fn new(scope: &Scope, known: &Known<'_>, biggest_leak: Option<Leak>) -> Self {
        let (present, previous) = (&known.present, known.previous.as_ref());
        let currencies = Currencies::choose(present, previous, &scope.currency, SHOWN_CURRENCIES);
        let previous = previous.map(|kpis| measures(kpis, &currencies));
        let trend = known.trend.as_ref();
        let trend = trend.map(|(trend, figures)| (*trend, kpis_of(figures, &currencies)));
        let has_elapsed = scope.span.range.to <= scope.as_of;
        let kpis = measures(present, &currencies).into_iter().map(|measure| {
            let mut before = previous.iter().flatten();
            let before = before.find(|before| before.is_same(&measure));
            let trend = trend.as_ref();
            let trend = trend.and_then(|(trend, periods)| trend.points(&measure, periods));
            KpiAnswer {
                trend,
                ..KpiAnswer::new(measure, before, has_elapsed, scope.language)
            }
        });
        let kpis: Vec<KpiAnswer> = kpis.collect();
        let per_customer = revenue_per_customer(&kpis);
        Self {
            model: scope.model.id.clone(),
            biggest_leak: biggest_leak.map(|leak| leak.priced(per_customer, &scope.currency)),
            kpis,
        }
    }
}

/// Returns the revenue per customer, which is in the site's currency unless there are several.
fn revenue_per_customer(kpis: &[KpiAnswer]) -> Option<f64> {
    let mut values = kpis.iter().filter(|kpi| kpi.id == "revenue_per_customer");
    let value = values.next()?.value?;
    values.next().is_none().then_some(value.as_f64())
}

impl KpiAnswer {
    fn new(
        measure: Measure,
        previous: Option<&Measure>,
        has_elapsed: bool,
        language: Language,
    ) -> Self {
        let advice = advise(&measure, previous.filter(|_| has_elapsed), language);
        Self {
            id: measure.id,
            value: measure.value,
            previous: previous.and_then(|previous| previous.value),
            interval: measure.share.and_then(|(part, whole)| wilson(part, whole)),
            unit: measure.unit,
            currency: measure.currency,
            counts: measure.counts,
            advice,
            trend: None,
        }
    }
}

impl Answer for KpisAnswer {
    const HAS_TABLE: bool = true;

    /// One row per figure.
    fn table(&self) -> Option<CsvTable> {
        let columns = [
            "id", "value", "previous", "low", "high", "unit", "currency", "advice",
        ];
        let mut table = CsvTable::new(columns);
        for kpi in &self.kpis {
            table.push_text(kpi.id);
            table.push_number(kpi.value);
            table.push_number(kpi.previous);
            table.push_number(kpi.interval.map(|[low, _]| low));
            table.push_number(kpi.interval.map(|[_, high]| high));
            table.push_text(kpi.unit);
            table.push_text(kpi.currency.as_deref().unwrap_or_default());
            table.push_text(kpi.advice.as_deref().unwrap_or_default());
            table.end_row();
        }
        Some(table)
    }
}
