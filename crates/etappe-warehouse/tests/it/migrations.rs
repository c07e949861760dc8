//! The schema: created once by the first process, and refused if it is not Etappe's.

use etappe_core::ports::{RetryClass, Retryable};
use etappe_warehouse::WarehouseError;

use crate::engine::{TestWarehouse, database_name, shared_engine};

#[tokio::test]
async fn a_second_migration_changes_nothing() {
    let engine = shared_engine();
    let warehouse = engine.warehouse(&database_name());
    let first = warehouse.migrate().await.unwrap();
    assert_eq!(
        (first.version, first.applied),
        (
            4,
            [
                "tables",
                "arrivals_and_marks",
                "journey_stages",
                "mark_arrivals"
            ]
            .map(str::to_owned)
            .to_vec()
        )
    );
    assert!(first.views.contains(&"kpi_orders".to_owned()));
    let second = warehouse.migrate().await.unwrap();
    assert_eq!(
        (second.version, second.applied.len(), second.views.len()),
        (4, 0, 0)
    );
}

#[tokio::test]
async fn processes_that_migrate_at_once_do_no_harm() {
    let database = database_name();
    let engine = shared_engine();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let warehouse = engine.warehouse(&database);
        tasks.spawn(async move { warehouse.migrate().await });
    }
    for result in tasks.join_all().await {
        assert_eq!(result.unwrap().version, 4);
    }
    let tables = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'";
    let count = crate::engine::number(&engine.client(&database), tables).await;
    assert_eq!(count, 17);
}

#[tokio::test]
async fn a_migration_that_died_half_way_is_completed() {
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
    assert_eq!(
        report.applied,
        [
            "tables",
            "arrivals_and_marks",
            "journey_stages",
            "mark_arrivals"
        ]
    );
    for table in ["messages_from_arrivals", "referral_events", "kpi_money"] {
        let exists = format!(
            "SELECT count() FROM system.tables \
             WHERE database = currentDatabase() AND name = '{table}'"
        );
        assert_eq!(test.number(&exists).await, 1, "{table}");
    }
}

#[tokio::test]
async fn a_newer_or_altered_schema_is_refused_and_left_alone() {
    let test = TestWarehouse::new().await;
    let newer = "INSERT INTO schema_migrations (version, name, checksum) VALUES (7, 'later', 'x')";
    test.client.query_raw(newer).execute().await.unwrap();
    let error = test.warehouse.migrate().await.unwrap_err();
    assert!(
        matches!(error, WarehouseError::NewerSchema { found: 7, known: 4 }),
        "{error}"
    );
    assert_eq!(error.retry_class(), RetryClass::Fatal);

    let test = TestWarehouse::new().await;
    let altered =
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (1, 'tables', 'x')";
    test.client.query_raw(altered).execute().await.unwrap();
    let error = test.warehouse.migrate().await.unwrap_err();
    assert!(
        matches!(error, WarehouseError::AlteredMigration { version: 1, .. }),
        "{error}"
    );
    let words = error.to_string();
    for part in ["development version", "new data folder or database"] {
        assert!(words.contains(part), "{words}");
    }
}

#[tokio::test]
async fn a_view_is_made_anew_when_its_text_changed() {
    let test = TestWarehouse::new().await;
    let other = "INSERT INTO schema_views (name, checksum, created_at) VALUES ('kpi_nps', 'old', now64(3) + 60)";
    test.client.query_raw(other).execute().await.unwrap();
    assert_eq!(test.warehouse.migrate().await.unwrap().views, ["kpi_nps"]);
}
