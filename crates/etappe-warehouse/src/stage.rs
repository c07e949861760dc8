//! Stock, moves and dwell of a model's stages, from `kpi_stages` and `kpi_transitions`.

use std::collections::HashMap;

use clickhouse::Row;
use etappe_core::kpi::{KpiScope, StageFigure, StageFigures, TransitionFigure, TransitionKind};
use serde::Deserialize;

use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

const STAGES: &str = "
SELECT stage, stock, entered, left, left_dwell_p50_s, left_dwell_p90_s, open
FROM kpi_stages(site = {site:String}, model = {model:String}, bots = {bots:String},
    from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})";

const TRANSITIONS: &str = "
SELECT from_stage, to_stage, kind, moves
FROM kpi_transitions(site = {site:String}, model = {model:String}, bots = {bots:String},
    from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})";

#[derive(Row, Deserialize)]
struct StageRow {
    stage: String,
    stock: u64,
    entered: u64,
    left: u64,
    left_dwell_p50_s: Option<f64>,
    left_dwell_p90_s: Option<f64>,
    open: u64,
}

#[derive(Row, Deserialize)]
struct TransitionRow {
    from_stage: String,
    to_stage: String,
    kind: String,
    moves: u64,
}

impl Warehouse {
    pub(crate) async fn read_stage_figures(
        &self,
        scope: &KpiScope,
    ) -> Result<StageFigures, WarehouseError> {
        let (stages, transitions, activity) = tokio::try_join!(
            self.ask_scope("kpi_stages", STAGES, scope)
                .rows::<StageRow>(),
            self.ask_scope("kpi_transitions", TRANSITIONS, scope)
                .rows::<TransitionRow>(),
            self.read_activity(scope),
        )?;
        let (events, unmapped) = activity.events();
        Ok(StageFigures {
            stages: in_model_order(&scope.stages, stages),
            transitions: transitions.into_iter().map(transition_figure).collect(),
            events,
            unmapped,
        })
    }
}

/// Returns one figure per stage of the model; stages that nobody was in are all zero.
fn in_model_order(stages: &[String], rows: Vec<StageRow>) -> Vec<StageFigure> {
    let mut by_stage: HashMap<String, StageRow> = rows
        .into_iter()
        .map(|row| (row.stage.clone(), row))
        .collect();
    stages
        .iter()
        .map(|stage| match by_stage.remove(stage) {
            Some(row) => StageFigure {
                stage: row.stage,
                stock: row.stock,
                entered: row.entered,
                left: row.left,
                dwell_p50_s: row.left_dwell_p50_s,
                dwell_p90_s: row.left_dwell_p90_s,
                open: row.open,
            },
            None => StageFigure {
                stage: stage.clone(),
                ..StageFigure::default()
            },
        })
        .collect()
}

fn transition_figure(row: TransitionRow) -> TransitionFigure {
    let kinds = [
        TransitionKind::Progress,
        TransitionKind::Skip,
        TransitionKind::Regress,
        TransitionKind::Revisit,
    ];
    TransitionFigure {
        from: Some(row.from_stage).filter(|stage| !stage.is_empty()),
        to: row.to_stage,
        kind: kinds.into_iter().find(|kind| kind.as_str() == row.kind),
        count: row.moves,
    }
}
