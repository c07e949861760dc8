//! The stored events as the journey index reads them.

use std::ops::ControlFlow;

use etappe_core::event::EventKind;
use etappe_core::id::{Offset, PartitionId, hash64};
use etappe_core::ledger::{LEDGER_DIMENSIONS, LedgerPositions, LedgerRow, LedgerTail};
use etappe_core::ports::JourneyLedger;
use etappe_core::query::Dimension;
use etappe_warehouse::Warehouse;

use crate::engine::TestWarehouse;
use crate::fixture::{TOPIC, TestEvent, outcome_of, store};
use crate::random::{journeys, seed};

/// A row of the ledger, to compare.
type Row = (
    String,
    u64,
    i64,
    String,
    String,
    u64,
    bool,
    Vec<String>,
    u64,
);

fn row(row: &LedgerRow<'_>) -> Row {
    assert_eq!(row.partition, PartitionId(0));
    (
        row.site.to_owned(),
        row.actor,
        row.at.as_millis(),
        row.event.to_owned(),
        row.milestone.to_owned(),
        row.outcome,
        row.is_bot,
        row.values.map(str::to_owned).to_vec(),
        row.offset.0,
    )
}

/// Returns the rows of events, in the order of the ledger.
fn expected(events: &[TestEvent]) -> Vec<Row> {
    let is_event = |event: &&TestEvent| {
        let is_kind = matches!(
            event.kind,
            EventKind::Track | EventKind::Page | EventKind::Screen
        );
        is_kind && !event.duplicate
    };
    // What the fixture gives every event.
    let value = |dimension: &Dimension| match dimension {
        Dimension::Channel => "Email",
        Dimension::Campaign => "spring",
        Dimension::Touchpoint => "web",
        Dimension::Country => "NL",
        _ => "",
    };
    let values: Vec<String> = LEDGER_DIMENSIONS
        .iter()
        .map(|it| value(it).to_owned())
        .collect();
    let row = |event: &TestEvent| {
        let milestone = event.milestone;
        let person = match event.actor() {
            "" => 0,
            id => hash64(id),
        };
        (
            event.site.to_owned(),
            person,
            event.at,
            event.name.clone(),
            milestone.map_or("", |it| it.as_str()).to_owned(),
            outcome_of(milestone).id.0,
            !event.bot.is_empty(),
            values.clone(),
            event.offset,
        )
    };
    let mut rows: Vec<Row> = events.iter().filter(is_event).map(row).collect();
    rows.sort_by(|one, other| {
        let key = |row: &Row| (row.0.clone(), row.1, row.2, row.8);
        key(one).cmp(&key(other))
    });
    rows
}

async fn history(warehouse: &Warehouse, topic: &str, until: u64) -> Vec<Row> {
    let positions = LedgerPositions {
        topic: topic.to_owned(),
        next: [(PartitionId(0), Offset(until))].into(),
    };
    let mut rows = Vec::new();
    let visit = |each: LedgerRow<'_>| {
        rows.push(row(&each));
        ControlFlow::Continue(())
    };
    warehouse.history(&positions, visit).await.unwrap();
    let count = warehouse.count(&positions).await.unwrap();
    assert_eq!(count, rows.len() as u64);
    rows
}

#[tokio::test]
async fn the_ledger_has_every_event_with_its_dimensions() {
    let test = TestWarehouse::new().await;
    let events = store(&test.warehouse, journeys(seed(), 2_000)).await;
    let all = expected(&events);
    assert!(all.len() > 1_000 && all.iter().any(|row| row.6));
    let middle = events.len() as u64 / 2;
    let before: Vec<Row> = all.iter().filter(|row| row.8 < middle).cloned().collect();
    let behind: Vec<Row> = all.iter().filter(|row| row.8 >= middle).cloned().collect();

    assert_eq!(history(&test.warehouse, TOPIC, middle).await, before);
    // The events of another log are before any position of this one.
    assert_eq!(history(&test.warehouse, "another", 0).await, all);
    let tail = LedgerTail {
        topic: TOPIC.to_owned(),
        ranges: vec![(PartitionId(0), Offset(middle), Offset(u64::MAX))],
        limit: usize::MAX >> 1,
    };
    let mut rows = Vec::new();
    let visit = |each: LedgerRow<'_>| rows.push(row(&each));
    test.warehouse.tail(&tail, visit).await.unwrap();
    assert_eq!(rows, behind);
}

#[tokio::test]
async fn a_history_ends_when_its_reader_breaks() {
    let test = TestWarehouse::new().await;
    store(&test.warehouse, journeys(seed(), 50)).await;
    let mut rows = 0;
    let visit = |_: LedgerRow<'_>| {
        rows += 1;
        ControlFlow::Break(())
    };
    let nothing = LedgerPositions::default();
    test.warehouse.history(&nothing, visit).await.unwrap();
    assert_eq!(rows, 1);
}
