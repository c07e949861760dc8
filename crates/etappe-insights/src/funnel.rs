//! `POST …/funnel`: how many people reach each step, how long each step takes, and who may still
//! convert.

mod answer;
mod body;
mod breakdown;
mod hint;
pub(crate) mod question;
mod steps;
pub(crate) mod tally;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::UnitQuery;
use http::HeaderMap;

use crate::access::Access;
use crate::error::InsightsError;
use crate::query_limit::store_error;
use crate::response::{Problem, answer_table};
use crate::router::read_json;
use crate::state::InsightsState;
use answer::FunnelAnswer;
pub(crate) use answer::rate;
use body::FunnelBody;
use hint::find_hints;
use question::FunnelQuestion;
use tally::{Tally, TallyLimits};

/// Counts how many people reach each step of a funnel.
///
/// The steps are the stages of a journey model, or your own. Each unit counts with its best
/// attempt. The range bounds when an attempt begins; it may be completed later, within the window.
/// With `Accept: text/csv` the answer is a table.
#[utoipa::path(
    post,
    path = "/v1/sites/{site}/funnel",
    tag = "questions",
    params(("site" = String, Path, description = "The site's name.", example = "demo")),
    request_body(content = FunnelBody, examples(
        ("model" = (summary = "A journey model", value = json!({"model": "aaarrr", "from": "2024-03-01", "to": "2024-04-01", "window": "30d"}))),
        ("steps" = (summary = "Steps of your own", value = json!({
            "steps": [{"event": "Product Viewed"}, {"milestone": "checkout_start"}, {"milestone": "purchase", "max_gap": "1h"}],
            "from": "2024-03-01", "to": "2024-04-01", "window": "7d", "breakdown": {"by": ["channel"], "step": 1}, "trend": "week"
        }))),
    )),
    responses(
        (status = 200, description = "The funnel.", content(
            (FunnelAnswer = "application/json"),
            (String = "text/csv"),
        )),
        (status = 400, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or an unknown one.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token reads another site.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The question is invalid, or costs too much; `errors` lists every problem.", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The store failed.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many questions, or the store is unavailable; try again.", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "The answer took too long.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("read_token" = [])),
)]
pub(crate) async fn ask_funnel<S: JourneyStore, C: Clock>(
    State(state): State<InsightsState<S, C>>,
    access: Access,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, InsightsError> {
    let body = read_json(body, state.parts().config.body_bytes).await?;
    let now = state.now();
    let question = FunnelQuestion::parse(body, &access, &state.parts().catalog, now)?;
    let answer = state
        .run(&access.site, match_funnel(&state, &question))
        .await?;
    Ok(answer_table(&headers, &answer))
}

/// Matches every unit of the site against the funnel.
async fn match_funnel<S: JourneyStore, C: Clock>(
    state: &InsightsState<S, C>,
    question: &FunnelQuestion,
) -> Result<FunnelAnswer, InsightsError> {
    let parts = state.parts();
    let as_of = state.as_of();
    let limits = TallyLimits {
        breakdown_values: parts.config.breakdown_values,
        duration_bytes: parts.config.duration_bytes,
    };
    let mut tally = Tally::try_new(question, as_of, limits)?;
    let candidates = question.candidates();
    let units = UnitQuery {
        site: question.site.clone(),
        unit: question.unit,
        bots: question.bots,
        range: question.span.range,
    };
    let matching = parts
        .store
        .candidates(&candidates, |_, hits| tally.visit(hits));
    let ((), units) =
        tokio::try_join!(matching, parts.store.count_units(&units)).map_err(store_error)?;
    parts.metrics.record_matching(tally.units(), tally.rows());
    if let Some(mut again) = tally.again()? {
        let matching = parts
            .store
            .candidates(&candidates, |_, hits| again.visit(hits));
        matching.await.map_err(store_error)?;
        parts.metrics.record_matching(again.units(), again.rows());
        tally = again;
    }
    let hints = find_hints(parts.store.as_ref(), question, &tally).await;
    Ok(FunnelAnswer::new(
        question,
        tally.finish()?,
        units,
        as_of,
        hints,
    ))
}
