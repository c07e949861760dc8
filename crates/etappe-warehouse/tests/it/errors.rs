//! How the engine's refusals are classified.

use std::time::Duration;

use etappe_core::journey::KnownFigures;
use etappe_core::milestone::Milestone;
use etappe_core::ports::{JourneyStore, RetryClass, Retryable, RowSink};
use etappe_warehouse::{Warehouse, WarehouseConfig, WarehouseError};
use prometheus::Registry;

use crate::engine::TestWarehouse;
use crate::fixture::{TestEvent, all_time, batch, numbered, scope};

fn events(count: i64) -> Vec<TestEvent> {
    numbered(
        (0..count)
            .map(|at| TestEvent::of("u1", at, Some(Milestone::Visit)))
            .collect(),
    )
}

async fn refusal(test: &TestWarehouse, events: &[TestEvent]) -> WarehouseError {
    test.warehouse.insert(&batch(events)).await.unwrap_err()
}

#[tokio::test]
async fn truncated_rows_are_a_permanent_error() {
    let test = TestWarehouse::new().await;
    let mut short = batch(&events(3));
    short.bytes.truncate(short.bytes.len() - 3);
    let error = test.warehouse.insert(&short).await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Permanent, "{error}");
    assert_eq!(test.number("SELECT count() FROM events").await, 0);
}

#[tokio::test]
async fn too_many_partitions_are_permanent_and_too_many_parts_are_not() {
    let test = TestWarehouse::new().await;
    let mut old = events(150);
    for (event, month) in old.iter_mut().zip(0..) {
        event.received = month * 31 * 86_400_000;
    }
    let error = refusal(&test, &old).await;
    assert_eq!(
        (error.code(), error.retry_class()),
        (Some(252), RetryClass::Permanent),
        "{error}"
    );
    let throw =
        "ALTER TABLE messages MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 0";
    test.client.query_raw(throw).execute().await.unwrap();
    test.client
        .query_raw("SYSTEM STOP MERGES messages")
        .execute()
        .await
        .unwrap();
    test.warehouse.insert(&batch(&events(1))).await.unwrap();
    let mut second = events(2);
    second.remove(0);
    let error = refusal(&test, &second).await;
    assert_eq!(
        (error.code(), error.retry_class()),
        (Some(252), RetryClass::Transient),
        "{error}"
    );
}

#[tokio::test]
async fn a_missing_table_or_column_is_fatal_and_blames_no_row() {
    let test = TestWarehouse::new().await;
    test.client
        .query_raw("RENAME TABLE arrivals TO elsewhere")
        .execute()
        .await
        .unwrap();
    let error = refusal(&test, &events(1)).await;
    assert_eq!(
        (error.code(), error.retry_class()),
        (Some(60), RetryClass::Fatal),
        "{error}"
    );
    test.client
        .query_raw("CREATE TABLE arrivals (site String) ENGINE = Null")
        .execute()
        .await
        .unwrap();
    let error = refusal(&test, &events(1)).await;
    assert_eq!(error.retry_class(), RetryClass::Fatal, "{error}");
}

#[tokio::test]
async fn memory_limits_and_wrong_passwords_are_transient() {
    let test = TestWarehouse::new().await;
    let error = test
        .client
        .query_raw("SELECT length(groupArray(number)) FROM numbers(10000000) SETTINGS max_memory_usage = 1000000")
        .execute()
        .await
        .map_err(|source| WarehouseError::Server { action: "test", host: String::new(), record: None, source })
        .unwrap_err();
    assert_eq!(
        (error.code(), error.retry_class()),
        (Some(241), RetryClass::Transient),
        "{error}"
    );
    let mut config = test.config.clone();
    config.password = "wrong".to_owned();
    let stranger = Warehouse::connect(config, &Registry::new()).unwrap();
    let error = stranger.ping().await.unwrap_err();
    assert_eq!(
        (error.code(), error.retry_class()),
        (Some(516), RetryClass::Transient),
        "{error}"
    );
}

#[tokio::test]
async fn an_unreachable_or_silent_server_is_transient() {
    let away = WarehouseConfig::new("http://127.0.0.1:1", "etappe", "u", "p");
    let away = Warehouse::connect(away, &Registry::new()).unwrap();
    let error = away.insert(&batch(&events(1))).await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
    // A listener that accepts connections and sends nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut config = WarehouseConfig::new(&url, "etappe", "u", "p");
    config.insert_timeout = Duration::from_millis(200);
    config.query_timeout = Duration::from_millis(200);
    let silent = Warehouse::connect(config, &Registry::new()).unwrap();
    let error = silent.insert(&batch(&events(1))).await.unwrap_err();
    assert!(matches!(error, WarehouseError::TimedOut { .. }), "{error}");
    assert_eq!(error.retry_class(), RetryClass::Transient);
    let error = silent
        .kpi_figures(&scope(all_time()), KnownFigures::default())
        .await
        .unwrap_err();
    assert!(matches!(error, WarehouseError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn metrics_count_stored_rows_and_failures() {
    let test = TestWarehouse::new().await;
    let registry = Registry::new();
    let warehouse = Warehouse::connect(test.config.clone(), &registry).unwrap();
    warehouse.insert(&batch(&events(7))).await.unwrap();
    let mut short = batch(&events(8));
    short.bytes.truncate(10);
    warehouse.insert(&short).await.unwrap_err();
    warehouse
        .kpi_figures(&scope(all_time()), KnownFigures::default())
        .await
        .unwrap();
    let mut text = String::new();
    let encoder = prometheus::TextEncoder::new();
    encoder.encode_utf8(&registry.gather(), &mut text).unwrap();
    for line in [
        "etappe_warehouse_inserted_rows_total 7",
        "etappe_warehouse_insert_duration_seconds_count{result=\"ok\"} 1",
        "etappe_warehouse_insert_duration_seconds_count{result=\"error\"} 1",
        "etappe_warehouse_errors_total{action=\"insert\",class=\"permanent\"} 1",
        "etappe_warehouse_query_duration_seconds_count{question=\"kpi_money\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(Warehouse::connect(test.config.clone(), &registry).is_err());
}
