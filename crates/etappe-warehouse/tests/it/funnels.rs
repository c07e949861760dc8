//! A model's funnel in SQL, compared with the API's matcher.

use std::ops::ControlFlow;

use clickhouse::Row;
use etappe_core::funnel::{FunnelCounts, FunnelMatcher, FunnelSpec, Passing, Step};
use etappe_core::id::SiteId;
use etappe_core::ports::JourneyStore;
use etappe_core::query::{Bots, CandidateQuery, Condition, Selector, TimeRange, Unit};
use etappe_warehouse::JourneyStage;
use serde::Deserialize;

use crate::engine::TestWarehouse;
use crate::fixture::{DAY, MODEL, STAGES, TestEvent, all_time, bots_word, instant, range, store};
use crate::random::{DAYS, START, journeys, seed};

/// A row of the view; times are in milliseconds, so that they can be compared.
#[derive(Debug, PartialEq, Row, Deserialize)]
pub(crate) struct FunnelRow {
    pub(crate) stage: String,
    pub(crate) gate: bool,
    pub(crate) reached: u64,
    pub(crate) skipped: u64,
    pub(crate) drop_off: Option<i64>,
    pub(crate) step_rate: Option<f64>,
    pub(crate) overall_rate: Option<f64>,
    /// Mean, then the percentiles 50, 75, 90 and 95.
    pub(crate) times: Vec<Option<i64>>,
}

/// Returns the stages of the test model; `gates` lists the numbers of the gates.
pub(crate) fn stages(gates: &[u8]) -> Vec<JourneyStage> {
    (1..)
        .zip(STAGES)
        .map(|(ordinal, stage)| JourneyStage {
            model: MODEL.to_owned(),
            ordinal,
            stage: stage.to_owned(),
            gate: gates.contains(&ordinal),
            own_hit: false,
            label_en: format!("The {stage}"),
            label_nl: format!("De {stage}"),
        })
        .collect()
}

/// Like `stages`, but the gates in `own` need an event of their own.
fn stages_with_own_hits(gates: &[u8], own: &[u8]) -> Vec<JourneyStage> {
    let mut stages = stages(gates);
    for stage in &mut stages {
        stage.own_hit = own.contains(&stage.ordinal);
    }
    stages
}

async fn by_sql(test: &TestWarehouse, range: TimeRange, bots: Bots) -> Vec<FunnelRow> {
    let sql = "SELECT toString(stage) AS stage, gate, reached, skipped, \
            toNullable(toInt64(drop_off)) AS drop_off, step_rate, overall_rate, \
            arrayMap(s -> toInt64(round(s * 1000)), [mean_s, p50_s, p75_s, p90_s, p95_s]) AS times \
        FROM kpi_funnel(site = 'demo', model = {model:String}, bots = {bots:String}, \
            from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})";
    test.client
        .query_raw(sql)
        .param("model", MODEL)
        .param("bots", bots_word(bots))
        .param("from", instant(range.from))
        .param("to", instant(range.to))
        .fetch_all()
        .await
        .unwrap()
}

/// Counts with the matcher and sums as the API does.
pub(crate) async fn by_matcher(
    test: &TestWarehouse,
    stages: &[JourneyStage],
    range: TimeRange,
    bots: Bots,
) -> Vec<FunnelRow> {
    let step = |(condition, stage): (u8, &JourneyStage)| match stage.gate {
        true => Step {
            own_hit: stage.own_hit,
            ..Step::gate(condition)
        },
        false => Step::side(condition),
    };
    let spec = FunnelSpec {
        passing: Passing::LaterHit,
        ..FunnelSpec::ordered((0..).zip(stages).map(step).collect())
    };
    let condition = |stage: &JourneyStage| Condition {
        selector: Selector::Stage {
            model: stage.model.clone(),
            stage: stage.stage.clone(),
        },
        properties: Vec::new(),
    };
    let query = CandidateQuery {
        site: SiteId::try_new("demo").unwrap(),
        unit: Unit::Actor,
        bots,
        from: range.from,
        until: None,
        conditions: stages.iter().map(condition).collect(),
        include_others: false,
        dimensions: Vec::new(),
    };
    let mut matcher = FunnelMatcher::try_new(&spec).unwrap();
    let mut counts = FunnelCounts::new(&spec);
    let count = |_: u64, hits: &[etappe_core::query::Hit]| {
        if let Some(attempt) = matcher.best(hits, range).unwrap() {
            counts.record(attempt, range.to);
        }
        ControlFlow::<()>::Continue(())
    };
    let outcome = test.warehouse.candidates(&query, count).await.unwrap();
    assert!(outcome.is_continue());
    rows_of(stages, &counts)
}

fn rows_of(stages: &[JourneyStage], counts: &FunnelCounts) -> Vec<FunnelRow> {
    let (mut first, mut before) = (None, None);
    let mut rows = Vec::new();
    for (stage, step) in stages.iter().zip(counts.steps()) {
        let times = match step.times.summary() {
            None => vec![None; 5],
            Some(times) => [
                times.mean_s,
                times.p50_s,
                times.p75_s,
                times.p90_s,
                times.p95_s,
            ]
            .map(|seconds| Some(millis(seconds)))
            .to_vec(),
        };
        rows.push(FunnelRow {
            stage: stage.stage.clone(),
            gate: stage.gate,
            reached: step.count,
            skipped: step.skipped,
            drop_off: stage
                .gate
                .then(|| before.map_or(0, |n: u64| (n - step.count).cast_signed())),
            step_rate: rate(step.count, before),
            overall_rate: rate(step.count, first.or(stage.gate.then_some(step.count))),
            times,
        });
        if stage.gate {
            first = first.or(Some(step.count));
            before = Some(step.count);
        }
    }
    rows
}

/// Compares rows; times may differ by the millisecond to which they are rounded.
fn assert_same(mut found: Vec<FunnelRow>, expected: Vec<FunnelRow>, what: &str) {
    for (row, wanted) in found.iter_mut().zip(&expected) {
        for (time, wanted) in row.times.iter_mut().zip(&wanted.times) {
            if let (Some(found), Some(wanted)) = (*time, wanted)
                && (found - wanted).abs() <= 1
            {
                *time = Some(*wanted);
            }
        }
    }
    assert_eq!(found, expected, "{what}");
}

fn rate(count: u64, divisor: Option<u64>) -> Option<f64> {
    let number = |n: u64| f64::from(u32::try_from(n).expect("a small count"));
    let divisor = divisor.filter(|n| *n > 0)?;
    Some(number(count) / number(divisor))
}

#[expect(clippy::cast_possible_truncation, reason = "seconds of some years")]
fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

#[tokio::test]
async fn the_sql_funnel_equals_the_one_of_the_api() {
    let test = TestWarehouse::new().await;
    store(&test.warehouse, journeys(seed(), 4_000)).await;
    let cases: [(&[u8], &[u8]); 9] = [
        (&[1, 2, 3, 5], &[]),
        (&[1, 2, 3, 5], &[5]),
        (&[1, 2, 3, 4, 5, 6], &[]),
        (&[1, 2, 3, 4, 5, 6], &[3]),
        (&[1, 2, 3, 4, 5, 6], &[2, 3, 6]),
        (&[3, 5], &[3, 5]),
        (&[2, 6], &[]),
        (&[2, 6], &[2]),
        (&[6], &[6]),
    ];
    let end = START + DAYS * DAY;
    for (gates, own) in cases {
        let stages = stages_with_own_hits(gates, own);
        test.warehouse.publish_stages(&stages).await.unwrap();
        let ranges = [
            all_time(),
            range(START + 10 * DAY, START + 11 * DAY),
            range(START + 40 * DAY, START + 60 * DAY),
            range(end, end + DAY),
        ];
        for range in ranges {
            for bots in [Bots::Exclude, Bots::Only] {
                let expected = by_matcher(&test, &stages, range, bots).await;
                let found = by_sql(&test, range, bots).await;
                assert_same(
                    found,
                    expected,
                    &format!("{gates:?} {own:?} {range:?} {bots:?}"),
                );
            }
        }
    }
}

#[tokio::test]
async fn an_attempt_includes_every_event_of_the_moment_it_begins() {
    use etappe_core::milestone::Milestone::{Activation, InviteSent, Login, Purchase};
    let test = TestWarehouse::new().await;
    let stages = stages_with_own_hits(&[1, 2, 3, 4, 5, 6], &[3]);
    test.warehouse.publish_stages(&stages).await.unwrap();
    // An attempt that began at the first purchase alone would use the later activation, login and
    // purchase, and would skip one gate less.
    let journey = [
        (Activation, START),
        (Purchase, START),
        (Activation, START + DAY),
        (Login, START + 2 * DAY),
        (Purchase, START + 3 * DAY),
        (InviteSent, START + 4 * DAY),
    ];
    let events = journey.map(|(milestone, at)| TestEvent::of("u1", at, Some(milestone)));
    store(&test.warehouse, events.to_vec()).await;
    let first_day = range(START, START + DAY);
    let expected = by_matcher(&test, &stages, first_day, Bots::Exclude).await;
    let found = by_sql(&test, first_day, Bots::Exclude).await;
    assert_eq!(found[2].times[0], Some(0), "the first activation counts");
    assert_same(found, expected, "two stages at once");
}

#[tokio::test]
async fn stages_are_published_once_and_removed_ones_are_hidden() {
    let test = TestWarehouse::new().await;
    let count = "SELECT count() FROM published_stages";
    for _ in 0..2 {
        test.warehouse.publish_stages(&stages(&[1])).await.unwrap();
        assert_eq!(test.number(count).await, 6);
    }
    let mut fewer = stages(&[1, 2]);
    fewer.truncate(2);
    test.warehouse.publish_stages(&fewer).await.unwrap();
    assert_eq!(test.number(count).await, 8);
    let shown = "SELECT countIf(gate) * 10 + count() FROM journey_stages";
    assert_eq!(test.number(shown).await, 22);
}

#[tokio::test]
async fn a_stage_that_nobody_reached_has_a_row_without_times() {
    let test = TestWarehouse::new().await;
    test.warehouse
        .publish_stages(&stages(&[1, 2]))
        .await
        .unwrap();
    let visit = Some(etappe_core::milestone::Milestone::Visit);
    let visits = vec![TestEvent::of("u1", START, visit)];
    store(&test.warehouse, visits).await;
    let rows = by_sql(&test, all_time(), Bots::Exclude).await;
    let reached: Vec<_> = rows.iter().map(|row| (row.reached, row.skipped)).collect();
    assert_eq!(reached, [(1, 1), (1, 0), (0, 0), (0, 0), (0, 0), (0, 0)]);
    assert_eq!(rows[0].drop_off, Some(0));
    assert_eq!((rows[2].drop_off, rows[2].step_rate), (None, Some(0.0)));
    assert_eq!(rows[2].times, [None; 5]);
}
