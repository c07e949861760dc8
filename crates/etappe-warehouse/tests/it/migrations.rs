//! The schema: made once, by whoever comes first, and refused when it is not ours.

use etappe_core::id::{Offset, PartitionId, SiteId};
use etappe_core::milestone::Milestone;
use etappe_core::ports::{Classified, MessageHash, MessageIndex, RetryClass, RowSink};
use etappe_warehouse::WarehouseError;

use crate::engine::{TestWarehouse, database_name, number, shared_engine};
use crate::fixture::{TOPIC, TestEvent, batch};
use crate::random::START;

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
                "topics_and_marks",
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
            "topics_and_marks",
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
}

#[tokio::test]
async fn a_view_is_made_anew_when_its_text_changed() {
    let test = TestWarehouse::new().await;
    let other = "INSERT INTO schema_views (name, checksum, created_at) VALUES ('kpi_nps', 'old', now64(3) + 60)";
    test.client.query_raw(other).execute().await.unwrap();
    assert_eq!(test.warehouse.migrate().await.unwrap().views, ["kpi_nps"]);
}

#[tokio::test]
async fn rows_of_an_earlier_version_are_kept_and_its_writers_may_go_on() {
    let (engine, database) = (shared_engine(), database_name());
    let client = engine.client(&database);
    let create = format!("CREATE DATABASE {database}");
    engine
        .client("system")
        .query_raw(&create)
        .execute()
        .await
        .unwrap();
    // The schema as the first version made it.
    for statement in include_str!("../../migrations/0001_tables.sql").split(";\n") {
        let lines = statement.lines().filter(|line| !line.starts_with("--"));
        let code = lines.collect::<Vec<_>>().join("\n");
        if !code.trim().is_empty() {
            client.query_raw(&code).execute().await.unwrap();
        }
    }
    let old = |offset: u64| {
        format!(
            "INSERT INTO inbox (site, kind, event, milestone, actor, actor_hash, message_id, \
             message_hash, occurred_at, received_at, partition, offset) SELECT 'demo', 'track', \
             'Event', 'visit', 'u1', 1, 'm{offset}', xxh3('demo\\0m{offset}'), \
             toDateTime64('2023-11-14 22:13:20', 3, 'UTC') + {offset}, \
             toDateTime64('2024-10-27 03:33:20', 3, 'UTC'), 0, {offset}"
        )
    };
    client.query_raw(&old(0)).execute().await.unwrap();
    let warehouse = engine.warehouse(&database);
    warehouse.migrate().await.unwrap();
    let new = TestEvent {
        message_id: "m9".to_owned(),
        ..TestEvent::of("u1", START, Some(Milestone::Visit))
    };
    // The same place in the log as the old row, but in a log with a name.
    for _ in 0..2 {
        warehouse
            .insert(&batch(std::slice::from_ref(&new)))
            .await
            .unwrap();
    }
    client.query_raw(&old(1)).execute().await.unwrap();
    for table in ["events", "messages", "stage_events"] {
        let topics = format!("SELECT countIf(topic = '') * 10 + countIf(topic != '') FROM {table}");
        assert_eq!(number(&client, &topics).await, 21, "{table}");
    }
    let seen = warehouse
        .seen_before(
            TOPIC,
            PartitionId(3),
            Offset(0),
            &["m0", "m1", "m9"].map(|id| MessageHash::of(&SiteId::try_new("demo").unwrap(), id)),
        )
        .await
        .unwrap();
    assert_eq!(seen.len(), 2, "what was there before is known");
}
