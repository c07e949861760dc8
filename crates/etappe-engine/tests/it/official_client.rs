//! The `clickhouse` crate, with compression, as the warehouse uses it.

use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};

use crate::harness::TestEngine;

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Event {
    id: u64,
    name: String,
    tags: Vec<String>,
    value: Option<i32>,
}

fn event(id: u64) -> Event {
    Event {
        id,
        name: format!("event ; {id}"),
        tags: vec!["a".to_owned(), "ü".to_owned()],
        value: id.is_multiple_of(2).then_some(-5),
    }
}

fn official(engine: &TestEngine) -> Client {
    Client::default()
        .with_url(format!("http://{}", engine.process.address()))
        .with_user(&engine.client.login.user)
        .with_password(&engine.client.login.password)
        .with_database("site")
        .with_setting("async_insert", "0")
}

async fn make_table(engine: &TestEngine) {
    engine.client.query("CREATE DATABASE site").await;
    engine.client.query("CREATE TABLE site.events (id UInt64, name String, tags Array(LowCardinality(String)), value Nullable(Int32)) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100").await;
}

#[tokio::test]
async fn rows_round_trip_with_and_without_compression() {
    let engine = TestEngine::start().await;
    make_table(&engine).await;
    for (round, compression) in [Compression::None, Compression::Lz4]
        .into_iter()
        .enumerate()
    {
        let client = official(&engine).with_compression(compression);
        let first = u64::try_from(round).unwrap() * 1_000_000;
        let token = format!("events:0:{first}");
        for _ in 0..2 {
            let insert = client.insert::<Event>("events").await.unwrap();
            let mut insert = insert.with_setting("insert_deduplication_token", token.as_str());
            for id in first..first + 100_000 {
                insert.write(&event(id)).await.unwrap();
            }
            insert.end().await.unwrap();
        }
        let expected = 100_000 * (u64::try_from(round).unwrap() + 1);
        let count: u64 = client
            .query("SELECT count() FROM events")
            .fetch_one()
            .await
            .unwrap();
        assert_eq!(count, expected);
        let query = "SELECT ?fields FROM events WHERE id >= ? ORDER BY id";
        let rows: Vec<Event> = client.query(query).bind(first).fetch_all().await.unwrap();
        assert_eq!(rows.len(), 100_000);
        assert!(rows.iter().zip(first..).all(|(row, id)| *row == event(id)));
    }
}

#[tokio::test]
async fn parameters_and_single_rows_work() {
    let engine = TestEngine::start().await;
    make_table(&engine).await;
    let client = official(&engine);
    let query = client
        .query("SELECT {a:UInt64} * 2, {s:String}")
        .param("a", 21)
        .param("s", "x'y");
    let row: (u64, String) = query.fetch_one().await.unwrap();
    assert_eq!(row, (42, "x'y".to_owned()));
    let none = client
        .query("SELECT id FROM events")
        .fetch_optional::<u64>()
        .await
        .unwrap();
    assert_eq!(none, None);
    client
        .query("ALTER TABLE events ADD COLUMN more String")
        .execute()
        .await
        .unwrap();
}

#[tokio::test]
async fn errors_arrive_as_errors() {
    let engine = TestEngine::start().await;
    make_table(&engine).await;
    for compression in [Compression::None, Compression::Lz4] {
        let client = official(&engine).with_compression(compression);
        let error = client
            .query("SELECT * FROM nix")
            .execute()
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("Code: 60.") && error.contains("UNKNOWN_TABLE"),
            "{error}"
        );
        // After the first rows.
        let late = "SELECT number + throwIf(number = 900000) AS n FROM numbers(1000000) SETTINGS max_block_size = 10000";
        let error = client
            .query(late)
            .fetch_all::<u64>()
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("Code: 395."), "{error}");
        let mut insert = client
            .insert_formatted_with("INSERT INTO nix FORMAT CSV")
            .buffered();
        insert.write_buffered(b"1\n");
        let error = insert.end().await.unwrap_err().to_string();
        assert!(error.contains("Code: 60."), "{error}");
    }
}

#[tokio::test]
async fn an_abandoned_insert_inserts_nothing() {
    let engine = TestEngine::start().await;
    make_table(&engine).await;
    let client = official(&engine);
    let mut insert = client.insert::<Event>("events").await.unwrap();
    for id in 0..100_000 {
        insert.write(&event(id)).await.unwrap();
    }
    drop(insert);
    engine
        .wait_for_metric("etappe_engine_errors_total{class=\"cancelled\"}", 1)
        .await;
    assert_eq!(
        engine.client.query("SELECT count() FROM site.events").await,
        "0"
    );
}
