//! The schema is created once, by whichever process comes first; other schemas are refused.

use etappe_core::id::Offset;
use etappe_core::ports::{RetryClass, Retryable, WatermarkBoard};
use etappe_warehouse::WarehouseError;

use crate::engine::{TestWarehouse, database_name, number, shared_engine};

#[tokio::test]
async fn a_second_migration_changes_nothing() {
    let engine = shared_engine();
    let warehouse = engine.warehouse(&database_name());
    let first = warehouse.migrate().await.unwrap();
    assert_eq!(
        (first.version, first.applied),
        (
            3,
            ["schema", "settled", "ledger"].map(str::to_owned).to_vec()
        )
    );
    assert!(first.views.contains(&"kpi_orders".to_owned()));
    let second = warehouse.migrate().await.unwrap();
    assert_eq!(
        (second.version, second.applied.len(), second.views.len()),
        (3, 0, 0)
    );
}

#[tokio::test]
async fn several_processes_can_migrate_at_once() {
    let database = database_name();
    let engine = shared_engine();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let warehouse = engine.warehouse(&database);
        tasks.spawn(async move { warehouse.migrate().await });
    }
    for result in tasks.join_all().await {
        assert_eq!(result.unwrap().version, 3);
    }
    let tables = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'";
    let count = number(&engine.client(&database), tables).await;
    assert_eq!(count, 17);
}

#[tokio::test]
async fn an_interrupted_migration_is_completed() {
    let test = TestWarehouse::new().await;
    for statement in [
        "DROP TABLE messages_from_arrivals",
        "DROP TABLE referral_events_from_arrivals",
        "DROP TABLE referral_events",
        "DROP VIEW kpi_money",
        "TRUNCATE TABLE schema_migrations",
        "TRUNCATE TABLE schema_views",
    ] {
        test.client.query_raw(statement).execute().await.unwrap();
    }
    let report = test.warehouse.migrate().await.unwrap();
    assert_eq!(report.applied, ["schema", "settled", "ledger"]);
    for table in ["messages_from_arrivals", "referral_events", "kpi_money"] {
        let exists = format!(
            "SELECT count() FROM system.tables \
             WHERE database = currentDatabase() AND name = '{table}'"
        );
        assert_eq!(test.number(&exists).await, 1, "{table}");
    }
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_to_date() {
    let test = TestWarehouse::new().await;
    for statement in [
        "ALTER TABLE watermarks DROP COLUMN settled",
        "ALTER TABLE events DROP INDEX positions",
        "ALTER TABLE schema_migrations DELETE WHERE version > 1 SETTINGS mutations_sync = 1",
        "INSERT INTO watermarks (topic, partition, partitions, reached) VALUES ('t', 0, 1, 7)",
    ] {
        test.client.query_raw(statement).execute().await.unwrap();
    }
    let report = test.warehouse.migrate().await.unwrap();
    assert_eq!(report.applied, ["settled", "ledger"]);
    let reaches = test.warehouse.load().await.unwrap();
    assert_eq!(reaches[0].settled, Offset(0), "nothing is known of it yet");
    let indices = "SELECT count() FROM system.data_skipping_indices \
        WHERE database = currentDatabase() AND name = 'positions' AND table = 'events'";
    assert_eq!(test.number(indices).await, 1);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let test = TestWarehouse::new().await;
    let newer = "INSERT INTO schema_migrations (version, name, checksum) VALUES (7, 'later', 'x')";
    test.client.query_raw(newer).execute().await.unwrap();
    let error = test.warehouse.migrate().await.unwrap_err();
    assert!(
        matches!(error, WarehouseError::NewerSchema { found: 7, known: 3 }),
        "{error}"
    );
    assert_eq!(error.retry_class(), RetryClass::Fatal);
}

#[tokio::test]
async fn data_of_an_unreleased_version_are_refused_and_left_as_they_are() {
    let (engine, database) = (shared_engine(), database_name());
    let client = engine.client(&database);
    let create = format!("CREATE DATABASE {database}");
    let system = engine.client("system");
    system.query_raw(&create).execute().await.unwrap();
    for statement in [
        "CREATE TABLE schema_migrations (version UInt32, name String, checksum String) \
         ENGINE = MergeTree ORDER BY version",
        "INSERT INTO schema_migrations VALUES (2, 'inbox', 'y'), (1, 'tables', 'x')",
        "CREATE TABLE events (site String) ENGINE = MergeTree ORDER BY site",
        "INSERT INTO events VALUES ('demo')",
    ] {
        client.query_raw(statement).execute().await.unwrap();
    }
    let content = async || {
        let tables = "SELECT sum(cityHash64(name, create_table_query, total_rows)) \
            FROM system.tables WHERE database = currentDatabase()";
        number(&client, tables).await
    };
    let before = content().await;
    let error = engine.warehouse(&database).migrate().await.unwrap_err();
    assert!(
        matches!(error, WarehouseError::UnreleasedSchema { version: 1, .. }),
        "{error}"
    );
    assert_eq!(error.retry_class(), RetryClass::Fatal);
    let words = error.to_string();
    for part in ["unreleased version", "empty data folder or database"] {
        assert!(words.contains(part), "{words}");
    }
    assert_eq!(content().await, before);
}

#[tokio::test]
async fn a_view_is_recreated_when_its_text_changes() {
    let test = TestWarehouse::new().await;
    let other = "INSERT INTO schema_views (name, checksum, created_at) VALUES ('kpi_nps', 'old', now64(3) + 60)";
    test.client.query_raw(other).execute().await.unwrap();
    assert_eq!(test.warehouse.migrate().await.unwrap().views, ["kpi_nps"]);
}
