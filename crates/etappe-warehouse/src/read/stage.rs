//! Stock, moves and dwell of a model's stages, from `kpi_stages` and `kpi_transitions`.

use std::collections::HashMap;

use clickhouse::Row;
use etappe_core::kpi::{KpiScope, StageFigure, StageFigures, TransitionFigure, TransitionKind};
use serde::Deserialize;

use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

const FIGURES: &str = "
SELECT toBool(is_move) AS is_move, from_stage, stage, kind, stock, entered, left,
    left_dwell_p50_s, left_dwell_p90_s
FROM stage_figures(site = {site:String}, model = {model:String}, bots = {bots:String},
    from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})
ORDER BY from_stage, stage, kind";

#[derive(Row, Deserialize)]
struct FigureRow {
    is_move: bool,
    from_stage: String,
    stage: String,
    kind: String,
    stock: u64,
    entered: u64,
    left: u64,
    left_dwell_p50_s: Option<f64>,
    left_dwell_p90_s: Option<f64>,
}

impl Warehouse {
    pub(crate) async fn read_stage_figures(
        &self,
        scope: &KpiScope,
    ) -> Result<StageFigures, WarehouseError> {
        let (rows, activity) = tokio::try_join!(
            self.scope_query("stage_figures", FIGURES, scope)
                .rows::<FigureRow>(),
            self.read_activity(scope),
        )?;
        let (moves, stages): (Vec<FigureRow>, Vec<FigureRow>) =
            rows.into_iter().partition(|row| row.is_move);
        let (events, unmapped) = activity.events();
        Ok(StageFigures {
            stages: in_model_order(&scope.stages, stages),
            transitions: moves
                .into_iter()
                .filter(|row| row.entered > 0)
                .map(transition_figure)
                .collect(),
            events,
            unmapped,
        })
    }
}

/// Returns one figure per stage of the model; stages without anyone get zeros.
fn in_model_order(stages: &[String], rows: Vec<FigureRow>) -> Vec<StageFigure> {
    let mut by_stage: HashMap<String, FigureRow> = rows
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
                open: row.stock,
            },
            None => StageFigure {
                stage: stage.clone(),
                ..StageFigure::default()
            },
        })
        .collect()
}

fn transition_figure(row: FigureRow) -> TransitionFigure {
    let kinds = [
        TransitionKind::Progress,
        TransitionKind::Skip,
        TransitionKind::Regress,
        TransitionKind::Revisit,
    ];
    TransitionFigure {
        from: Some(row.from_stage).filter(|stage| !stage.is_empty()),
        to: row.stage,
        kind: kinds.into_iter().find(|kind| kind.as_str() == row.kind),
        count: row.entered,
    }
}
