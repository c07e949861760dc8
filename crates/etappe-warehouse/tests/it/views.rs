//! The views as used by people with a SQL client.

use clickhouse::Row;
use etappe_core::ports::JourneyStore;
use serde::Deserialize;

use crate::engine::TestWarehouse;
use crate::fixture::{all_time, scope, store};
use crate::funnels;
use crate::random::{journeys, seed};

const ALL: &str = "from = '1970-01-01 00:00:00', to = '2100-01-01 00:00:00'";

#[derive(Debug, PartialEq, Row, Deserialize)]
struct StageRow {
    stage: String,
    stock: u64,
    entered: u64,
    left: u64,
    open: u64,
}

#[tokio::test]
async fn the_api_and_sql_show_the_same_stages() {
    let test = TestWarehouse::new().await;
    store(&test.warehouse, journeys(seed(), 1_000)).await;
    let figures = test
        .warehouse
        .stage_figures(&scope(all_time()))
        .await
        .unwrap();
    let view = format!("kpi_stages(site = 'demo', model = 'aaarrr', bots = 'exclude', {ALL})");
    let mut found = test
        .client
        .query_raw(&format!(
            "SELECT stage, stock, entered, left, open FROM {view}"
        ))
        .fetch_all::<StageRow>()
        .await
        .unwrap();
    let mut expected: Vec<StageRow> = figures
        .stages
        .into_iter()
        .map(|figure| StageRow {
            stage: figure.stage,
            stock: figure.stock,
            entered: figure.entered,
            left: figure.left,
            open: figure.open,
        })
        .collect();
    found.sort_by(|a, b| a.stage.cmp(&b.stage));
    expected.sort_by(|a, b| a.stage.cmp(&b.stage));
    assert_eq!(found, expected);
    let view = format!("kpi_transitions(site = 'demo', model = 'aaarrr', bots = 'exclude', {ALL})");
    let moves = test.number(&format!("SELECT sum(moves) FROM {view}")).await;
    assert_eq!(
        moves,
        figures
            .transitions
            .iter()
            .map(|transition| transition.count)
            .sum::<u64>()
    );
}

#[tokio::test]
async fn every_documented_view_returns_rows() {
    let test = TestWarehouse::new().await;
    // Always the same journeys, so that each view has something to show.
    store(&test.warehouse, journeys(7, 2_000)).await;
    let stages = funnels::stages(&[1, 2, 3, 5]);
    test.warehouse.publish_stages(&stages).await.unwrap();
    let docs = include_str!("../../../../docs/tables.md");
    let mut asked = 0;
    for line in docs.lines() {
        // | `kpi_activity` | site, model, from, to, bots | … |
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (Some(name), Some(parameters)) = (cells.next(), cells.next()) else {
            continue;
        };
        let Some(arguments) = arguments(parameters) else {
            continue;
        };
        let sql = format!(
            "SELECT count() FROM {}({arguments})",
            name.trim_matches('`')
        );
        assert!(test.number(&sql).await > 0, "{sql}");
        asked += 1;
    }
    assert_eq!(asked, 30);
}

/// Returns arguments for the parameters in a cell of the documentation, if it lists parameters.
fn arguments(cell: &str) -> Option<String> {
    let arguments: Option<Vec<String>> = cell
        .split(", ")
        .map(|name| {
            let value = match name {
                "site" => "'demo'",
                "model" => "'aaarrr'",
                "bots" => "'exclude'",
                "currency" => "'EUR'",
                "browser_refunds" => "'false'",
                "from" | "week" | "next_week" => "'1970-01-01 00:00:00'",
                "to" | "as_of" | "end" => "'2100-01-01 00:00:00'",
                "actor_hash" => "xxh3('u1')",
                _ => return None,
            };
            Some(format!("{name} = {value}"))
        })
        .collect();
    Some(arguments?.join(", "))
}
