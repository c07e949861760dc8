//! `GET …/kpis`: the figures on the KPI cards, and the biggest leak.

mod advice;
mod answer;
pub(crate) mod figure;
mod interval;
mod leak;
pub(crate) mod measure;

use axum::extract::{Query, State};
use axum::response::Response;
use etappe_core::kpi::{KpiFigures, ReferralFigures};
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::TimeRange;
use http::HeaderMap;

use crate::access::Access;
use crate::error::InsightsError;
use crate::query_limit::store_error;
use crate::response::{Problem, answer_table};
use crate::scope::{ScopeParameters, ScopeQuestion};
use crate::state::InsightsState;
use answer::KpisAnswer;

/// The figures for one range.
pub(crate) type Figures = (KpiFigures, ReferralFigures);

/// Returns the KPIs and the biggest leak.
///
/// Every figure comes with its value in the previous range of the same length, an interval if it is
/// a rate, its underlying counts, and advice if it is weak. The biggest leak is the step that loses
/// the most people compared with the best of the last six months. With `Accept: text/csv` the
/// figures come as a table.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/kpis",
    tag = "questions",
    params(("site" = String, Path, description = "The site's name.", example = "demo"), ScopeParameters),
    responses(
        (status = 200, description = "The figures.", content((KpisAnswer = "application/json"), (String = "text/csv"))),
        (status = 401, description = "No token, or an unknown one.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token reads another site.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The question is invalid.", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The store failed.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many questions, or the store is unavailable; try again.", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "The answer took too long.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("read_token" = [])),
)]
pub(crate) async fn show_kpis<S: JourneyStore, C: Clock>(
    State(state): State<InsightsState<S, C>>,
    access: Access,
    headers: HeaderMap,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, InsightsError> {
    let catalog = &state.parts().catalog;
    let question = ScopeQuestion::parse(pairs, &access, catalog, (state.now(), state.as_of()))?;
    let previous = question.span.previous();
    let (present, previous, leak) = state
        .run(&access.site, async {
            tokio::try_join!(
                figures(&state, &question, question.span.range),
                async {
                    match previous {
                        Some(range) => figures(&state, &question, range).await.map(Some),
                        None => Ok(None),
                    }
                },
                leak::find(&state, &question),
            )
        })
        .await?;
    Ok(answer_table(
        &headers,
        &KpisAnswer::new(&question, &present, previous.as_ref(), leak),
    ))
}

/// Queries the store for the figures of one range.
pub(crate) async fn figures<S: JourneyStore, C: Clock>(
    state: &InsightsState<S, C>,
    question: &ScopeQuestion<'_>,
    range: TimeRange,
) -> Result<Figures, InsightsError> {
    let scope = question.scope(range);
    let store = &state.parts().store;
    tokio::try_join!(store.kpi_figures(&scope), store.referral_figures(&scope)).map_err(store_error)
}
