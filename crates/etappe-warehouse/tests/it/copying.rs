//! Everything is copied once, however often the copy is interrupted.

use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::journey::KnownFigures;
use etappe_core::ports::{JourneyStore, MessageIndex, RetryClass, Retryable, RowSink};
use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorMark, CollectorState};
use etappe_warehouse::{CopyLimits, CopyReport, Warehouse, WarehouseError, copy};
use prometheus::Registry;

use crate::engine::{TestEngine, TestWarehouse, data_folder, database_name, number, shared_engine};
use crate::fixture::{DAY, TOPIC, all_time, batch, mark_batch, numbered, scope, store};
use crate::random::{START, journeys, seed};

/// Small chunks, so that there are many.
const SMALL: CopyLimits = CopyLimits {
    chunk_bytes: 20_000,
    chunk_rows: 190,
};

/// Tables that the server maintains itself or that each process publishes again.
const NOT_COPIED: [&str; 5] = [
    "schema_migrations",
    "schema_views",
    "watermarks",
    "published_stages",
    "copied_chunks",
];

/// Returns a database with rows of two logs in every table that an insert reaches.
async fn full() -> TestWarehouse {
    let test = TestWarehouse::new().await;
    let mut events = journeys(seed(), 400);
    for (event, number) in events.iter_mut().zip(0_i64..) {
        event.anonymous = event.order_id.clone();
        event.received = START + number % 2 * 40 * DAY;
    }
    store(&test.warehouse, events.clone()).await;
    for event in &mut events {
        event.topic = "local";
        event.partition = 7;
        event.user.push('x');
    }
    let events = numbered(events);
    test.warehouse.insert(&batch(&events)).await.unwrap();
    let marks: Vec<CollectorMark> = (0..200)
        .map(|second| CollectorMark {
            collector: format!("c{}", second % 3),
            reached: Timestamp::from_millis(START + second * 1_000),
            written_at: Timestamp::from_millis(START + second * 1_000),
            state: CollectorState::Direct,
        })
        .collect();
    test.warehouse
        .insert(&mark_batch(1, 0, &marks))
        .await
        .unwrap();
    let merge =
        "INSERT INTO actor_overrides VALUES ('demo', 1, 2, 'u2', 1), ('demo', 1, 3, 'u3', 2)";
    test.client.query_raw(merge).execute().await.unwrap();
    test
}

/// Returns the number and a hash of all rows of every table, independent of their order.
async fn content(client: &clickhouse::Client) -> Vec<(String, u64, u64)> {
    let tables = client
        .query_raw(
            "SELECT name FROM system.tables WHERE database = currentDatabase() \
             AND engine LIKE '%MergeTree' ORDER BY name",
        )
        .fetch_all::<String>()
        .await
        .unwrap();
    let mut all = Vec::new();
    for table in tables {
        if NOT_COPIED.contains(&table.as_str()) {
            continue;
        }
        let engine = format!(
            "SELECT engine = 'ReplacingMergeTree' FROM system.tables \
             WHERE database = currentDatabase() AND name = '{table}'"
        );
        let last = if number(client, &engine).await == 1 {
            "FINAL"
        } else {
            ""
        };
        let rows = number(client, &format!("SELECT count() FROM {table} {last}")).await;
        let hash = format!(
            "SELECT ifNull(sum(sipHash64(tuple(*))), 0) FROM (SELECT * FROM {table} {last})"
        );
        all.push((table, rows, number(client, &hash).await));
    }
    all
}

async fn figures(warehouse: &Warehouse) -> String {
    let scope = scope(all_time());
    format!(
        "{:?} {:?} {:?}",
        Box::pin(warehouse.kpi_figures(&scope, KnownFigures::default()))
            .await
            .unwrap(),
        Box::pin(warehouse.stage_figures(&scope)).await.unwrap(),
        Box::pin(warehouse.referral_figures(&scope)).await.unwrap()
    )
}

fn target() -> (Warehouse, clickhouse::Client) {
    let (engine, database) = (shared_engine(), database_name());
    (engine.warehouse(&database), engine.client(&database))
}

#[tokio::test]
async fn a_copy_is_the_same_in_every_table_and_figure() {
    let test = full().await;
    let (warehouse, client) = target();
    let mut told = Vec::new();
    let report = copy(&test.warehouse, &warehouse, SMALL, |progress| {
        told.push(progress)
    })
    .await
    .unwrap();
    let expected = content(&test.client).await;
    assert_eq!(content(&client).await, expected);
    assert!(
        expected.iter().all(|(_, rows, _)| *rows > 0),
        "{expected:?}"
    );
    assert_eq!(figures(&warehouse).await, figures(&test.warehouse).await);
    for (table, rows) in &report.tables {
        let (_, expected, _) = expected.iter().find(|(name, ..)| name == table).unwrap();
        if *table != "actor_ids" {
            assert_eq!(rows, expected, "{table}");
        }
    }
    assert_eq!(report.tables.len(), expected.len(), "every table is copied");
    assert!(told.len() > 20, "{} chunks", told.len());
    assert!(
        told.windows(2)
            .all(|two| two[0].rows <= two[1].rows && two[0].of == two[1].of)
    );
    assert_eq!(
        told.last().map(|last| last.rows),
        told.last().map(|last| last.of)
    );
    let seen = warehouse
        .marks(TOPIC, PartitionId(1), Offset(u64::MAX))
        .await
        .unwrap();
    assert_eq!(seen.len(), 3);

    let again = copy(&test.warehouse, &warehouse, SMALL, |_| {
        panic!("nothing is left to do")
    })
    .await
    .unwrap();
    assert_eq!(
        again,
        CopyReport {
            is_resumed: true,
            ..report
        }
    );
    assert_eq!(content(&client).await, expected);
}

#[tokio::test]
async fn a_copy_that_is_interrupted_repeatedly_is_completed() {
    let test = full().await;
    let (warehouse, client) = target();
    let mut runs = 0_u64;
    loop {
        runs += 1;
        let enough = tokio::sync::Notify::new();
        let mut chunks = 0;
        let running = copy(&test.warehouse, &warehouse, SMALL, |_| {
            chunks += 1;
            if chunks == 5 {
                enough.notify_one();
            }
        });
        // After a few chunks, the copy is interrupted in the middle of an operation.
        let cut = async {
            enough.notified().await;
            tokio::time::sleep(Duration::from_millis(runs * 17 % 60)).await;
        };
        tokio::select! {
            done = running => {
                assert!(done.unwrap().is_resumed);
                break;
            }
            () = cut => assert!(runs < 100, "no end in sight"),
        }
    }
    assert!(runs > 2, "it was never broken off");
    assert_eq!(content(&client).await, content(&test.client).await);
}

#[tokio::test]
async fn chunks_whose_end_was_not_recorded_are_not_copied_twice() {
    let test = full().await;
    let (warehouse, client) = target();
    copy(&test.warehouse, &warehouse, SMALL, |_| ())
        .await
        .unwrap();
    // As if the process had died after inserting each partition's last chunk but before recording
    // it, and the server had then forgotten every token.
    for statement in [
        "ALTER TABLE copied_chunks DELETE WHERE is_done AND (table_name = '' OR \
         (table_name, part, number) IN (SELECT table_name, part, max(number) FROM copied_chunks \
         GROUP BY table_name, part)) SETTINGS mutations_sync = 1",
        "ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 0",
    ] {
        client.query_raw(statement).execute().await.unwrap();
    }
    let report = copy(&test.warehouse, &warehouse, CopyLimits::default(), |_| ())
        .await
        .unwrap();
    assert!(report.is_resumed);
    assert_eq!(content(&client).await, content(&test.client).await);
    assert_eq!(figures(&warehouse).await, figures(&test.warehouse).await);
}

#[tokio::test]
async fn a_target_with_other_rows_and_a_source_of_another_schema_are_refused() {
    let test = full().await;
    let other = full().await;
    let error = copy(&test.warehouse, &other.warehouse, SMALL, |_| ())
        .await
        .unwrap_err();
    assert!(matches!(error, WarehouseError::CopyRefused(_)), "{error}");
    assert_eq!(error.retry_class(), RetryClass::Fatal);
    let database = database_name();
    let warehouse = shared_engine().warehouse(&database);
    test.client
        .query_raw(
            "ALTER TABLE schema_migrations DELETE WHERE version = 1 SETTINGS mutations_sync = 1",
        )
        .execute()
        .await
        .unwrap();
    let error = copy(&test.warehouse, &warehouse, SMALL, |_| ())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("migrate it first"), "{error}");
    let databases = format!("SELECT count() FROM system.databases WHERE name = '{database}'");
    let client = shared_engine().client("system");
    assert_eq!(number(&client, &databases).await, 0, "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_written_during_a_copy_are_noticed() {
    let test = full().await;
    let (warehouse, _) = target();
    let late = TestWarehouse {
        warehouse: Warehouse::connect(test.config.clone(), &Registry::new()).unwrap(),
        client: test.client.clone(),
        config: test.config.clone(),
    };
    let mut is_first = true;
    let error = copy(&test.warehouse, &warehouse, SMALL, |progress| {
        if progress.table == "messages" && std::mem::take(&mut is_first) {
            let client = late.client.clone();
            // In key order these rows lie behind the position of the copy, so it does not reach
            // them.
            let insert = "INSERT INTO outcomes SELECT 1, '', '', '', ''";
            let add = "INSERT INTO messages (partition, message_hash, offset, received_at, topic) \
                       SELECT 0, 0, 999999, min(received_at), 'late' FROM messages";
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async {
                    client.query_raw(insert).execute().await.unwrap();
                    client.query_raw(add).execute().await.unwrap();
                });
            });
        }
    });
    let error = error.await.unwrap_err();
    assert!(
        matches!(
            error,
            WarehouseError::CopyDiffers {
                table: "messages",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_copy_goes_from_one_engine_to_another() {
    let test = full().await;
    let data = data_folder();
    let engine = TestEngine::start(data.path());
    let warehouse = engine.warehouse("elsewhere");
    copy(&test.warehouse, &warehouse, CopyLimits::default(), |_| ())
        .await
        .unwrap();
    assert_eq!(
        content(&engine.client("elsewhere")).await,
        content(&test.client).await
    );
}
