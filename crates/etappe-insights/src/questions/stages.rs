//! `GET …/stages`: stage sizes, moves between stages, and how long actors stayed.

use std::collections::HashMap;

use etappe_core::kpi::{StageFigure, StageFigures};
use etappe_core::ports::{Clock, JourneyStore};
use serde::Serialize;
use utoipa::ToSchema;

use crate::catalog::{Model, ModelStage};
use crate::csv::CsvTable;
use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::parameter::Parameter;
use crate::query_limit::store_error;
use crate::question::{Answer, Frame, Method, Question, RequestInfo};
use crate::rate::rate;
use crate::scope::{SCOPE, Scope};
use crate::state::InsightsParts;

/// The stages of a model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StagesAnswer {
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

/// The question for the figures of a model's stages.
pub(crate) struct Stages(Scope);

impl Question for Stages {
    type Answer = StagesAnswer;

    const METHOD: Method = Method::Get;
    const PATH: &'static str = "stages";
    const SUMMARY: &'static str = "Returns the figures of a model's stages.";
    const DESCRIPTION: &'static str = "Stock, entries, exits and dwell per stage, and the moves between stages. With `Accept: text/csv` the stages come as a table.";
    const PARAMETERS: &'static [&'static [Parameter]] = SCOPE;

    fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        Scope::read(fields, request, problems).map(Self)
    }

    fn frame(&self) -> Frame {
        self.0.frame()
    }

    async fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<StagesAnswer, InsightsError> {
        let scope = self.0.figures(self.0.span.range);
        let figures = parts.store.stage_figures(&scope).await;
        Ok(StagesAnswer::new(
            &self.0.model,
            figures.map_err(store_error)?,
        ))
    }
}

impl StagesAnswer {
    fn new(model: &Model, figures: StageFigures) -> Self {
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
            model: model.id.clone(),
            stages: stages_of(model, figures.stages),
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

impl Answer for StagesAnswer {
    const HAS_TABLE: bool = true;

    /// One row per stage.
    fn table(&self) -> Option<CsvTable> {
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
        Some(table)
    }
}
