//! `GET …/kpis`: the figures on the KPI cards, and the biggest leak.

mod advice;
mod answer;
pub(crate) mod figure;
mod gate_counts;
mod leak;
pub(crate) mod measure;
pub(crate) mod trend;
mod worth;

use etappe_core::journey::KnownFigures;
use etappe_core::kpi::KpiFigures;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::TimeRange;

use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::parameter::{MODEL, Parameter, SPAN, WHO};
use crate::query_limit::store_error;
use crate::question::{Frame, Method, Question, RequestInfo};
use crate::scope::Scope;
use crate::state::InsightsParts;
use answer::{Known, KpisAnswer};
use trend::{TREND, Trend};

/// The question for the KPIs and the biggest leak.
pub(crate) struct Kpis {
    scope: Scope,
    trend: Option<Trend>,
}

impl Question for Kpis {
    type Answer = KpisAnswer;

    const METHOD: Method = Method::Get;
    const PATH: &'static str = "kpis";
    const SUMMARY: &'static str = "Returns the KPIs and the biggest leak.";
    const DESCRIPTION: &'static str = "Every figure comes with its value in the previous range of the same length, an interval if it is a rate, its underlying counts, and advice if it is weak. With `trend` many have a value for each period, too. The biggest leak is the step that loses the most people compared with the best of the last six months. With `Accept: text/csv` the figures come as a table.";
    const PARAMETERS: &'static [&'static [Parameter]] = &[SPAN, MODEL, WHO, TREND];
    const IN_SHARES: bool = true;

    fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let scope = Scope::read(fields, request, problems);
        let trend = Trend::read(fields, scope.as_ref(), problems);
        Some(Self {
            scope: scope?,
            trend,
        })
    }

    fn frame(&self) -> Frame {
        self.scope.frame()
    }

    async fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<KpisAnswer, InsightsError> {
        let scope = &self.scope;
        let previous = async {
            match scope.previous() {
                Some(range) => figures(parts, scope, range).await.map(Some),
                None => Ok(None),
            }
        };
        let present = figures(parts, scope, scope.span.range);
        let leak = leak::find(parts, scope);
        let trend = async {
            match &self.trend {
                Some(trend) => {
                    let figures = trend.figures(parts, scope).await?;
                    Ok(Some((trend, figures)))
                }
                None => Ok(None),
            }
        };
        let (present, previous, trend, leak) = tokio::try_join!(present, previous, trend, leak)?;
        let known = Known {
            present,
            previous,
            trend,
        };
        Ok(KpisAnswer::new(scope, &known, leak))
    }
}

/// Queries the store for the figures of one range.
pub(crate) async fn figures<S: JourneyStore, C>(
    parts: &InsightsParts<S, C>,
    scope: &Scope,
    range: TimeRange,
) -> Result<KpiFigures, InsightsError> {
    let figures = parts
        .store
        .kpi_figures(&scope.figures(range), KnownFigures::default())
        .await;
    figures.map_err(store_error)
}
