//! The Grafana dashboard: a read-only user runs each of its queries, and the results equal the
//! API's figures.

mod macros;

use std::collections::BTreeMap;

use etappe_core::journey::KnownFigures;
use etappe_core::kpi::{KpiFigures, KpiScope, ReferralFigures, StageFigures};
use etappe_core::ports::JourneyStore;
use etappe_core::query::Bots;
use etappe_core::time::Timestamp;
use serde_json::Value;

use self::macros::View;
use crate::engine::{TestWarehouse, shared_engine};
use crate::fixture::{DAY, MODEL, bots_word, range, scope, store};
use crate::funnels::{FunnelRow, by_matcher, stages};
use crate::random::{DAYS, START, journeys, seed};

const BOARD: &str = include_str!("../../../../deploy/grafana/dashboards/journey.json");
const CLICKHOUSE: &str = "grafana-clickhouse-datasource";

/// A table in the server's answer: rows of columns by name.
type Rows = Vec<BTreeMap<String, Value>>;

/// The API's figures.
struct Truth {
    kpis: KpiFigures,
    stages: StageFigures,
    referrals: ReferralFigures,
    funnel: Vec<FunnelRow>,
}

impl Truth {
    async fn of(test: &TestWarehouse, scope: &KpiScope) -> Self {
        let store = &test.warehouse;
        let model = stages(&[1, 2, 3, 5]);
        Self {
            kpis: store
                .kpi_figures(scope, KnownFigures::default())
                .await
                .unwrap(),
            stages: store.stage_figures(scope).await.unwrap(),
            referrals: store.referral_figures(scope).await.unwrap(),
            funnel: by_matcher(test, &model, scope.range, scope.bots).await,
        }
    }
}

fn board() -> Value {
    serde_json::from_str(BOARD).unwrap()
}

/// Returns title and SQL of every panel that queries ClickHouse.
fn queries(board: &Value) -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for panel in board["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().map_or(&[][..], Vec::as_slice);
        for target in targets {
            if target["datasource"]["type"] == CLICKHOUSE {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                queries.push((text(&panel["title"]), text(&target["rawSql"])));
            }
        }
    }
    queries
}

fn view(scope: &KpiScope, interval: u64) -> View {
    let variables = [
        ("site", scope.site.to_string()),
        ("model", MODEL.to_owned()),
        ("bots", bots_word(scope.bots).to_owned()),
        ("currency", scope.currency.clone()),
        ("browser_refunds", scope.browser_refunds.to_string()),
    ];
    View {
        variables: variables.into(),
        range: scope.range,
        interval,
    }
}

async fn query(reader: &clickhouse::Client, sql: &str) -> Rows {
    let answer = reader.query_raw(sql).fetch_bytes("JSON").unwrap();
    let bytes = collect(answer)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    let answer: Value = serde_json::from_slice(&bytes).unwrap();
    serde_json::from_value(answer["data"].clone()).unwrap()
}

async fn collect(
    mut answer: clickhouse::query::BytesCursor,
) -> Result<Vec<u8>, clickhouse::error::Error> {
    Ok(answer.collect().await?.to_vec())
}

/// Parses a number; large ones come as text.
fn number(value: &Value) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

fn column(rows: &Rows, name: &str) -> Vec<Option<f64>> {
    rows.iter().map(|row| number(&row[name])).collect()
}

fn total(rows: &Rows, name: &str) -> f64 {
    column(rows, name).into_iter().flatten().sum()
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| to_number(part) / to_number(whole))
}

fn to_number(count: u64) -> f64 {
    f64::from(u32::try_from(count).expect("a small count"))
}

/// Returns the value of a table with one row.
fn single(rows: &Rows, name: &str) -> Option<f64> {
    assert_eq!(rows.len(), 1, "{name}");
    number(&rows[0][name])
}

/// Compares numbers that may differ by rounding because of another order of operations.
fn assert_close(found: Option<f64>, expected: Option<f64>, what: &str) {
    let is_close = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-6 * expected.abs().max(1.0),
        (None, None) => true,
        _ => false,
    };
    assert!(is_close, "{what}: {found:?}, expected {expected:?}");
}

/// Compares a panel with the API's figures; an unknown panel fails the test.
fn check(title: &str, rows: &Rows, truth: &Truth, is_whole: bool) {
    let Truth { kpis, .. } = truth;
    let is = |name: &str, expected| assert_close(single(rows, name), expected, title);
    match title {
        "Visitors" => is(title, Some(to_number(kpis.visitors))),
        "Customers" => is(title, Some(to_number(kpis.customers))),
        "Purchases per customer" if rows[0].contains_key("time") => {
            assert!(column(rows, title).iter().flatten().all(|n| *n >= 1.0));
            if is_whole {
                is(title, ratio(kpis.customer_orders, kpis.customers));
            }
        }
        "Purchases per customer" => is(title, ratio(kpis.customer_orders, kpis.customers)),
        "Repeat rate" => is(title, ratio(kpis.repeat_customers, kpis.customers)),
        "Referrals per customer" => is(title, ratio(truth.referrals.referred, kpis.customers)),
        "Unmapped share" => is(title, ratio(kpis.unmapped_events, kpis.events)),
        "Signups" => {
            assert_eq!(total(rows, "Signups"), to_number(kpis.signups));
            assert_eq!(total(rows, "Activated"), to_number(kpis.activated));
        }
        "Orders and customers" => {
            assert_eq!(total(rows, "Orders"), to_number(kpis.orders));
            if is_whole {
                is("Customers", Some(to_number(kpis.customers)));
            }
        }
        "Revenue" | "Money" => check_money(title, rows, kpis),
        "Referred people" | "Advocates" => check_referrals(title, rows, truth, is_whole),
        "Where people are now" | "Moves" | "Entries into stages" => {
            check_stages(title, rows, &truth.stages);
        }
        _ => check_funnel(title, rows, &truth.funnel),
    }
}

fn check_money(title: &str, rows: &Rows, kpis: &KpiFigures) {
    let (currency, revenue) = match title {
        "Revenue" => ("currency", "revenue"),
        _ => ("Currency", "Revenue"),
    };
    for money in &kpis.money {
        let own = |row: &&BTreeMap<String, Value>| row[currency] == money.currency;
        let found: f64 = rows
            .iter()
            .filter(own)
            .filter_map(|row| number(&row[revenue]))
            .sum();
        let expected = money.revenue.to_string().parse().ok();
        assert_close(Some(found), expected, &money.currency);
    }
    assert!(!kpis.money.is_empty());
}

fn check_referrals(title: &str, rows: &Rows, truth: &Truth, is_whole: bool) {
    if title == "Referred people" {
        // The panel counts people by the time when they were referred, which may be before the
        // range.
        let found = total(rows, "Referred");
        let all = to_number(truth.referrals.referred);
        assert!(
            found <= all && (!is_whole || found == all),
            "{found} of {all}"
        );
        return;
    }
    let brought: BTreeMap<_, _> = truth.referrals.advocates.iter().cloned().collect();
    for row in rows {
        let advocate = row["Advocate"].as_str().unwrap();
        assert_eq!(number(&row["Brought"]), Some(to_number(brought[advocate])));
    }
    assert_eq!(rows.len(), brought.len().min(20));
}

fn check_stages(title: &str, rows: &Rows, truth: &StageFigures) {
    match title {
        "Where people are now" => {
            let stock = truth.stages.iter().map(|s| Some(to_number(s.stock)));
            assert_eq!(column(rows, "People"), stock.collect::<Vec<_>>());
            assert_eq!(rows[0]["Stage"], "The awareness");
        }
        "Moves" => {
            let moves: u64 = truth.transitions.iter().map(|t| t.count).sum();
            assert!(rows.len() < 500, "none are left out");
            assert_eq!(total(rows, "Moves"), to_number(moves));
        }
        _ => {
            for stage in &truth.stages {
                let own = rows.iter().filter(|row| row["stage"] == stage.stage);
                let entries: f64 = own.filter_map(|row| number(&row["entries"])).sum();
                // The panel shows entries per day; `interval` is the length of a point.
                assert_close(Some(entries), Some(to_number(stage.entered)), &stage.stage);
            }
        }
    }
}

fn check_funnel(title: &str, rows: &Rows, truth: &[FunnelRow]) {
    let counts = |figure: fn(&FunnelRow) -> u64| -> Vec<Option<f64>> {
        truth
            .iter()
            .map(|row| Some(to_number(figure(row))))
            .collect()
    };
    let seconds = |index: usize| -> Vec<f64> {
        let millis = truth.iter().filter_map(|row| row.times[index]);
        millis
            .map(i64::cast_unsigned)
            .map(|ms| to_number(ms / 1000) + to_number(ms % 1000) / 1000.0)
            .collect()
    };
    match title {
        "Stage funnel" => {
            assert_eq!(column(rows, "Reached"), counts(|row| row.reached));
            let skipped = column(rows, "Of these without an event of it");
            assert_eq!(skipped, counts(|row| row.skipped));
        }
        "Drop-off" => {
            let gates = truth.iter().filter(|row| row.gate);
            let lost = gates.map(|row| row.drop_off.map(|n| to_number(n.cast_unsigned())));
            assert_eq!(column(rows, "Lost"), lost.collect::<Vec<_>>());
        }
        "Time between stages" => {
            for (name, index) in [("Half of them within", 1), ("Nine in ten within", 3)] {
                let found: Vec<f64> = column(rows, name).into_iter().flatten().collect();
                assert_eq!(found.len(), seconds(index).len());
                for (found, expected) in found.into_iter().zip(seconds(index)) {
                    assert!((found - expected).abs() < 0.002, "{found} {expected}");
                }
            }
        }
        "Funnel in figures" => {
            assert_eq!(column(rows, "Reached"), counts(|row| row.reached));
            for (row, truth) in rows.iter().zip(truth) {
                assert_close(number(&row["Of the stage before"]), truth.step_rate, title);
                assert_close(number(&row["Of all"]), truth.overall_rate, title);
            }
        }
        other => panic!("nothing is known of the panel `{other}`"),
    }
}

/// Runs the dashboard's queries for `scope`, in points of `interval` seconds.
async fn look(test: &TestWarehouse, mut scope: KpiScope, interval: u64, is_whole: bool) {
    let reader = shared_engine().reader(&test.config.database);
    // The dashboard has no watermark, so everyone's 14 days count as elapsed.
    scope.as_of = Timestamp::MAX_QUERY;
    let truth = Box::pin(Truth::of(test, &scope)).await;
    let view = view(&scope, interval);
    let queries = queries(&board());
    assert!(queries.len() > 15);
    for (title, sql) in queries {
        let mut rows = query(&reader, &view.fill_in(&sql)).await;
        assert!(!rows.is_empty(), "{title} is empty");
        if title == "Entries into stages" {
            per_point(&mut rows, interval);
        }
        check(&title, &rows, &truth, is_whole);
    }
}

/// Converts entries per day back to entries.
fn per_point(rows: &mut Rows, interval: u64) {
    for row in rows {
        let per_day = number(&row["entries"]).unwrap();
        let entries = per_day * to_number(interval) / 86_400.0;
        row.insert("entries".to_owned(), entries.into());
    }
}

#[tokio::test]
async fn every_panel_shows_the_figures_of_the_api() {
    let test = TestWarehouse::new().await;
    let mut events = journeys(seed(), 1_500);
    for event in &mut events {
        // The dashboard's numbers are floating point; next to amounts of 25 digits that come and
        // go, all others would be lost to rounding.
        event.revenue = event.revenue.map(|amount| amount.min(2_000_000));
    }
    store(&test.warehouse, events).await;
    test.warehouse
        .publish_stages(&stages(&[1, 2, 3, 5]))
        .await
        .unwrap();
    let month = scope(range(START + 30 * DAY + 1, START + 60 * DAY + 1));
    Box::pin(look(&test, month, 86_400, false)).await;
    // One point for everything, so its counts of people are those of the cards.
    let mut everything = scope(range(START - DAY + 1, START + DAYS * DAY + 1));
    everything.bots = Bots::Include;
    Box::pin(look(&test, everything, 1_000_000_000, true)).await;
}

#[tokio::test]
async fn every_variable_lists_the_stored_values() {
    let test = TestWarehouse::new().await;
    store(&test.warehouse, journeys(seed(), 500)).await;
    test.warehouse.publish_stages(&stages(&[1])).await.unwrap();
    let reader = shared_engine().reader(&test.config.database);
    let board = board();
    let mut asked = 0;
    for variable in board["templating"]["list"].as_array().unwrap() {
        if variable["type"] != "query" {
            continue;
        }
        let name = variable["name"].as_str().unwrap();
        let rows = query(&reader, variable["query"].as_str().unwrap()).await;
        let offered: Vec<&Value> = rows.iter().map(|row| &row[name]).collect();
        match name {
            "site" => assert_eq!(offered, ["demo", "elsewhere"]),
            "model" => assert_eq!(offered, [MODEL]),
            other => panic!("nothing is known of the variable `{other}`"),
        }
        asked += 1;
    }
    assert_eq!(asked, 2);
}

/// Figures have one definition, so a panel must query a view, never a table.
#[test]
fn every_panel_reads_only_views() {
    let docs = include_str!("../../../../docs/tables.md");
    let (views, _) = docs.split_once("### What the figures mean").unwrap();
    let is_view = |name: &str| views.contains(&format!("\n| `{name}` |"));
    for (title, sql) in queries(&board()) {
        let words: Vec<&str> = sql.split_whitespace().collect();
        for pair in words.windows(2) {
            if matches!(pair[0], "FROM" | "JOIN") {
                let name = pair[1].split('(').next().unwrap_or_default();
                let has_parameters = pair[1].contains('(') || name == "journey_stages";
                assert!(is_view(name) && has_parameters, "{title} reads `{name}`");
            }
        }
    }
}
