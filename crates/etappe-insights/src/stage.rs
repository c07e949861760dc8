//! `GET …/stages`: stage sizes, moves between stages, and how long actors stayed.

use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::response::Response;
use etappe_core::kpi::{StageFigure, StageFigures};
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::time::Timestamp;
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Access;
use crate::catalog::{Model, ModelStage};
use crate::csv::CsvTable;
use crate::error::InsightsError;
use crate::funnel::rate;
use crate::query_limit::store_error;
use crate::response::{Problem, Table, answer_table};
use crate::scope::{ScopeParameters, ScopeQuestion};
use crate::state::InsightsState;

/// The stages of a model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StagesAnswer {
    /// The counted unit.
    #[schema(example = "actor")]
    unit: &'static str,
    /// The zone that dates are in.
    timezone: &'static str,
    /// The watermark.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// The first instant of the range.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// The first instant after it.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// The model's id.
    #[schema(example = "aaarrr")]
    model: String,
    /// The stages in order.
    stages: Vec<StageAnswer>,
    /// Moves between stages in the range.
    transitions: Vec<TransitionAnswer>,
    /// Events in the range.
    events: u64,
    /// Of `events`, those without a stage.
    unmapped: u64,
    /// `unmapped` / `events`; null without events.
    unmapped_share: Option<f64>,
}

/// One stage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StageAnswer {
    /// The stage's id.
    #[schema(example = "revenue")]
    id: String,
    /// The stage's name.
    #[schema(example = "Revenue")]
    label: String,
    /// Whether everyone passes it on the way to later stages.
    gate: bool,
    /// Actors in this stage at the end of the range.
    stock: u64,
    /// Moves into the stage, including first entries.
    entered: u64,
    /// Moves out of the stage.
    left: u64,
    /// How long actors stay.
    dwell: DwellAnswer,
}

/// How long actors stay in a stage, in seconds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DwellAnswer {
    /// Median of the stays that ended; null if there are none.
    p50_s: Option<f64>,
    /// 90th percentile of the stays that ended; null if there are none.
    p90_s: Option<f64>,
    /// Stays that have not ended; percentiles leave them out.
    open: u64,
}

/// A kind of move and how often it occurred.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransitionAnswer {
    /// The stage left; null for an actor's first stage.
    from: Option<String>,
    /// The stage entered.
    to: String,
    /// `progress`, `skip`, `regress` or `revisit`; null for an actor's first stage.
    kind: Option<&'static str>,
    /// How many such moves there were.
    count: u64,
}

/// Returns the figures of a model's stages.
///
/// Stock, entries, exits and dwell per stage, and the moves between stages. With
/// `Accept: text/csv` the stages come as a table.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/stages",
    tag = "questions",
    params(("site" = String, Path, description = "The site's name.", example = "demo"), ScopeParameters),
    responses(
        (status = 200, description = "The stages.", content((StagesAnswer = "application/json"), (String = "text/csv"))),
        (status = 401, description = "No token, or an unknown one.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token reads another site.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The question is invalid.", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The store failed.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many questions, or the store is unavailable; try again.", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "The answer took too long.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("read_token" = [])),
)]
pub(crate) async fn show_stages<S: JourneyStore, C: Clock>(
    State(state): State<InsightsState<S, C>>,
    access: Access,
    headers: HeaderMap,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, InsightsError> {
    let catalog = &state.parts().catalog;
    let question = ScopeQuestion::parse(pairs, &access, catalog, (state.now(), state.as_of()))?;
    let scope = question.scope(question.span.range);
    let figures = state
        .run(&access.site, async {
            state
                .parts()
                .store
                .stage_figures(&scope)
                .await
                .map_err(store_error)
        })
        .await?;
    Ok(answer_table(
        &headers,
        &StagesAnswer::new(&question, figures),
    ))
}

impl StagesAnswer {
    fn new(question: &ScopeQuestion<'_>, figures: StageFigures) -> Self {
        let transitions = figures
            .transitions
            .into_iter()
            .map(|figure| TransitionAnswer {
                from: figure.from,
                to: figure.to,
                kind: figure.kind.map(|kind| kind.as_str()),
                count: figure.count,
            });
        Self {
            unit: "actor",
            timezone: question.span.zone.name(),
            as_of: question.as_of,
            from: question.span.range.from,
            to: question.span.range.to,
            model: question.model.id.clone(),
            stages: stages_of(question.model, figures.stages),
            transitions: transitions.collect(),
            events: figures.events,
            unmapped: figures.unmapped,
            unmapped_share: rate(figures.unmapped, Some(figures.events)),
        }
    }
}

/// Sorts figures into the order of the model; a stage without figures gets zeros.
fn stages_of(model: &Model, figures: Vec<StageFigure>) -> Vec<StageAnswer> {
    let mut by_id: HashMap<String, StageFigure> = figures
        .into_iter()
        .map(|figure| (figure.stage.clone(), figure))
        .collect();
    let stages = model.stages.iter().map(|stage| {
        let figure = by_id.remove(&stage.id).unwrap_or_default();
        stage_of(stage, &figure)
    });
    stages.collect()
}

fn stage_of(stage: &ModelStage, figure: &StageFigure) -> StageAnswer {
    StageAnswer {
        id: stage.id.clone(),
        label: stage.labels.en.clone(),
        gate: stage.gate,
        stock: figure.stock,
        entered: figure.entered,
        left: figure.left,
        dwell: DwellAnswer {
            p50_s: figure.dwell_p50_s,
            p90_s: figure.dwell_p90_s,
            open: figure.open,
        },
    }
}

impl Table for StagesAnswer {
    /// One row per stage.
    fn to_csv(&self) -> String {
        let columns = ["id", "label", "gate", "stock", "entered", "left"];
        let mut table =
            CsvTable::new(
                columns
                    .into_iter()
                    .chain(["dwell_p50_s", "dwell_p90_s", "dwell_open"]),
            );
        for stage in &self.stages {
            table.push_text(&stage.id);
            table.push_text(&stage.label);
            table.push_number(Some(stage.gate));
            for count in [stage.stock, stage.entered, stage.left] {
                table.push_number(Some(count));
            }
            table.push_number(stage.dwell.p50_s);
            table.push_number(stage.dwell.p90_s);
            table.push_number(Some(stage.dwell.open));
            table.end_row();
        }
        table.into_text()
    }
}
