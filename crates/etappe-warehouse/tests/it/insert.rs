//! A batch that is inserted again changes nothing, whatever happened to it before.

use bytes::Bytes;
use etappe_core::event::EventKind;
use etappe_core::milestone::Milestone;
use etappe_core::ports::{Classified, RetryClass, RowSink};
use etappe_warehouse::Warehouse;

use crate::engine::{TestEngine, TestWarehouse, data_folder, number};
use crate::fixture::{TestEvent, batch, numbered};

/// Every table that an insert reaches.
const TARGETS: [&str; 8] = [
    "events",
    "stage_events",
    "money",
    "messages",
    "duplicates",
    "identities",
    "actor_ids",
    "referral_events",
];

/// Messages that reach every table, received in two months.
fn messages(first_offset: u64) -> Vec<TestEvent> {
    let march = 1_709_294_400_000;
    let april = march + 40 * 86_400_000;
    let event = |milestone| TestEvent {
        anonymous: "a1".to_owned(),
        received: march,
        ..TestEvent::of("u1", 5, milestone)
    };
    let mut messages = vec![
        event(Some(Milestone::Purchase)),
        event(Some(Milestone::InviteSent)),
        TestEvent {
            duplicate: true,
            ..event(None)
        },
        TestEvent {
            kind: EventKind::Identify,
            ..event(None)
        },
        TestEvent {
            received: april,
            ..event(Some(Milestone::Refund))
        },
        TestEvent {
            received: april,
            ..event(Some(Milestone::Share))
        },
    ];
    for (message, offset) in messages.iter_mut().zip(first_offset..) {
        message.offset = offset;
        message.message_id = format!("m{offset}");
    }
    messages
}

/// What a batch of [`messages`] adds to each table; of `actor_ids` rows are merged at will.
const ADDED: [u64; 7] = [4, 4, 2, 6, 1, 1, 2];

async fn counts(client: &clickhouse::Client) -> Vec<u64> {
    let mut counts = Vec::new();
    for table in TARGETS.iter().filter(|table| **table != "actor_ids") {
        counts.push(number(client, &format!("SELECT count() FROM {table}")).await);
    }
    let ids = number(client, "SELECT count() FROM actor_ids FINAL").await;
    assert!(ids <= 2, "one id in each of two months, not {ids} rows");
    counts
}

fn times(factor: u64) -> Vec<u64> {
    ADDED.iter().map(|added| added * factor).collect()
}

async fn insert(warehouse: &Warehouse, first_offset: u64) {
    warehouse
        .insert(&batch(&messages(first_offset)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_repeated_token_doubles_nothing() {
    let test = TestWarehouse::new().await;
    for _ in 0..3 {
        insert(&test.warehouse, 0).await;
        assert_eq!(counts(&test.client).await, times(1));
    }
    insert(&test.warehouse, 10).await;
    insert(&test.warehouse, 0).await;
    assert_eq!(counts(&test.client).await, times(2));
}

#[tokio::test]
async fn another_token_is_another_batch_even_with_the_same_rows() {
    let test = TestWarehouse::new().await;
    let mut again = batch(&messages(0));
    test.warehouse.insert(&again).await.unwrap();
    again.token = "etappe.events.v1:0:0-6".to_owned();
    test.warehouse.insert(&again).await.unwrap();
    assert_eq!(counts(&test.client).await, times(2));
}

#[tokio::test]
async fn without_a_window_a_retry_doubles() {
    let test = TestWarehouse::new().await;
    for table in ["messages", "stage_events"] {
        let statement =
            format!("ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 0");
        test.client.query_raw(&statement).execute().await.unwrap();
    }
    insert(&test.warehouse, 0).await;
    insert(&test.warehouse, 0).await;
    assert_eq!(counts(&test.client).await, [4, 8, 2, 12, 1, 1, 2]);
}

#[tokio::test]
async fn a_retry_after_half_an_insert_completes_it() {
    let test = TestWarehouse::new().await;
    for statement in [
        "CREATE TABLE breaking (x UInt8) ENGINE = MergeTree ORDER BY x",
        "CREATE MATERIALIZED VIEW breaking_view TO breaking AS \
         SELECT throwIf(message_id = 'm3', 'broken')::UInt8 AS x FROM inbox",
    ] {
        test.client.query_raw(statement).execute().await.unwrap();
    }
    let error = test
        .warehouse
        .insert(&batch(&messages(0)))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.retry_class()),
        (Some(395), RetryClass::Permanent)
    );
    let partly = counts(&test.client).await;
    assert!(
        partly
            .iter()
            .zip(times(1))
            .all(|(found, whole)| *found <= whole),
        "{partly:?}"
    );
    test.client
        .query_raw("DROP TABLE breaking_view")
        .execute()
        .await
        .unwrap();
    insert(&test.warehouse, 0).await;
    assert_eq!(counts(&test.client).await, times(1));
}

#[tokio::test]
async fn a_token_holds_over_a_kill_of_the_engine() {
    let data = data_folder();
    let mut engine = TestEngine::start(data.path());
    let warehouse = engine.warehouse("etappe");
    warehouse.migrate().await.unwrap();
    insert(&warehouse, 0).await;
    engine.kill();
    let error = warehouse.insert(&batch(&messages(10))).await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
    drop(engine);
    let engine = TestEngine::start(data.path());
    let warehouse = engine.warehouse("etappe");
    insert(&warehouse, 0).await;
    insert(&warehouse, 10).await;
    insert(&warehouse, 10).await;
    assert_eq!(counts(&engine.client("etappe")).await, times(2));
}

#[tokio::test]
async fn an_insert_that_is_cut_off_stores_nothing_or_all() {
    let test = TestWarehouse::new().await;
    let events = numbered(
        (0..200_000)
            .map(|_| TestEvent::of("u1", 5, Some(Milestone::Visit)))
            .collect(),
    );
    let batch = batch(&events);
    for wait in [1, 20, 60, 150, 300] {
        let insert = test.warehouse.insert(&batch);
        let cut = tokio::time::timeout(std::time::Duration::from_millis(wait), insert).await;
        let stored = test.number("SELECT count() FROM events").await;
        assert!(
            stored == 0 || stored == 200_000,
            "{stored} after {wait} ms, {cut:?}"
        );
    }
    test.warehouse.insert(&batch).await.unwrap();
    for table in ["events", "stage_events", "messages"] {
        let sql = format!("SELECT count() FROM {table}");
        assert_eq!(test.number(&sql).await, 200_000, "{table}");
    }
}

#[tokio::test]
async fn a_large_batch_is_one_block() {
    let test = TestWarehouse::new().await;
    let padding = format!(r#"{{"padding":"{}"}}"#, "x".repeat(600));
    let events = numbered(
        (0..500_000)
            .map(|number| TestEvent {
                properties: padding.clone(),
                ..TestEvent::of(&format!("u{number}"), 5, None)
            })
            .collect(),
    );
    let batch = batch(&events);
    assert!(
        batch.bytes.len() > 300_000_000,
        "beyond the server's own limit of a block"
    );
    test.warehouse.insert(&batch).await.unwrap();
    for table in ["events", "stage_events", "messages"] {
        let blocks = format!(
            "SELECT count() FROM system.parts \
             WHERE database = currentDatabase() AND table = '{table}' AND level = 0"
        );
        assert_eq!(test.number(&blocks).await, 1, "{table}");
        assert_eq!(
            test.number(&format!("SELECT count() FROM {table}")).await,
            500_000
        );
    }
}

#[tokio::test]
async fn outcomes_are_stored_once_and_before_their_rows() {
    let test = TestWarehouse::new().await;
    let mut empty = batch(&messages(0));
    empty.rows = 0;
    empty.bytes = Bytes::new();
    test.warehouse.insert(&empty).await.unwrap();
    test.warehouse.insert(&empty).await.unwrap();
    assert_eq!(test.number("SELECT count() FROM events").await, 0);
    assert_eq!(test.number("SELECT count() FROM outcomes FINAL").await, 5);
    let unmapped = "SELECT count() FROM outcome_stages FINAL WHERE is_main AND ordinal = 0";
    // The other model has no stage for any outcome, the test's own has none for one.
    assert_eq!(test.number(unmapped).await, 6);
    assert_eq!(
        test.number("SELECT count() FROM outcome_stages FINAL WHERE NOT is_main")
            .await,
        5
    );
}
