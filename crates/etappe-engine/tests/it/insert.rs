//! Inserts: one block, whole or not at all, stored once.

use std::io::Write;

use crate::harness::{Client, TestEngine};

const SETTINGS: &[(&str, &str)] = &[
    ("async_insert", "0"),
    ("deduplicate_blocks_in_dependent_materialized_views", "1"),
];

/// Creates a table and a materialized view that aggregates into another table; both have a
/// deduplication window.
async fn make_tables(client: &Client) {
    for statement in [
        "CREATE TABLE t (day Date, id UInt64, text String) ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY id SETTINGS non_replicated_deduplication_window = 1000",
        "CREATE TABLE narrow (id UInt64, length UInt64) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 1000",
        "CREATE MATERIALIZED VIEW to_narrow TO narrow AS SELECT id, length(text) AS length FROM t",
        "CREATE TABLE totals (bucket UInt64, n UInt64) ENGINE = SummingMergeTree ORDER BY bucket SETTINGS non_replicated_deduplication_window = 1000",
        "CREATE MATERIALIZED VIEW to_totals TO totals AS SELECT id % 100000 AS bucket, count() AS n FROM t GROUP BY bucket",
        "SYSTEM STOP MERGES",
    ] {
        client.query(statement).await;
    }
}

/// One row in RowBinary; its text contains bytes that end statements and strings.
fn row(id: u64, length: usize) -> Vec<u8> {
    let mut row = 18_262_u16.to_le_bytes().to_vec();
    row.extend_from_slice(&id.to_le_bytes());
    // The length as a two-byte variable-length integer.
    row.push((length % 128).try_into().map_or(0, |low: u8| low | 0x80));
    row.push(
        (length / 128)
            .try_into()
            .expect("texts are shorter than 16 KiB"),
    );
    row.extend(b";'\\\n`\0".iter().cycle().take(length));
    row
}

fn rows(ids: std::ops::Range<u64>, length: usize) -> Vec<u8> {
    ids.flat_map(|id| row(id, length)).collect()
}

async fn counts(client: &Client) -> String {
    client
        .query("SELECT (SELECT count() FROM t), (SELECT count() FROM narrow), (SELECT sum(n) FROM totals)")
        .await
}

async fn parts(client: &Client) -> String {
    client
        .query("SELECT groupArray((table, n)) FROM (SELECT table, count() AS n FROM system.parts WHERE active AND database = 'default' GROUP BY table ORDER BY table)")
        .await
}

#[tokio::test]
async fn a_large_insert_is_one_part_and_is_stored_once_after_retries() {
    let mut engine = TestEngine::start().await;
    make_tables(&engine.client).await;
    let statement = "INSERT INTO t FORMAT RowBinary";
    let data = rows(0..300_000, 500);
    assert!(data.len() > 150_000_000);
    let mut settings = SETTINGS.to_vec();
    settings.push(("insert_deduplication_token", "events:0:0-299999"));
    engine
        .client
        .insert(statement, &settings, data.clone())
        .await;
    assert_eq!(counts(&engine.client).await, "300000\t300000\t300000");
    assert_eq!(
        parts(&engine.client).await,
        "[('narrow',1),('t',1),('totals',1)]"
    );

    engine
        .client
        .insert(statement, &settings, data.clone())
        .await;
    assert_eq!(counts(&engine.client).await, "300000\t300000\t300000");

    engine.crash_and_restart().await;
    engine.client.query("SYSTEM STOP MERGES").await;
    engine.client.insert(statement, &settings, data).await;
    assert_eq!(counts(&engine.client).await, "300000\t300000\t300000");
    assert_eq!(
        parts(&engine.client).await,
        "[('narrow',1),('t',1),('totals',1)]"
    );

    // Another token means another batch, even with the same rows.
    settings[2] = ("insert_deduplication_token", "events:0:300000-300009");
    engine
        .client
        .insert(statement, &settings, rows(0..10, 20))
        .await;
    assert_eq!(counts(&engine.client).await, "300010\t300010\t300010");
}

#[tokio::test]
async fn a_truncated_insert_inserts_nothing() {
    let engine = TestEngine::start().await;
    make_tables(&engine.client).await;
    let client = &engine.client;
    let statement = "INSERT INTO t FORMAT RowBinary";
    // Cut within a row: the engine refuses it.
    let mut data = rows(0..100_000, 100);
    data.truncate(data.len() - 7);
    let answer = client.try_insert(statement, SETTINGS, data).await;
    assert_eq!(
        (answer.status, answer.code),
        (500, Some(33)),
        "{}",
        answer.text()
    );
    // Cut between two rows: only the missing end of the body reveals it.
    for cut in [1_000, 50_000] {
        let data = rows(0..cut, 100);
        let mut stream = tokio::net::TcpStream::connect(client.address)
            .await
            .unwrap();
        let head = format!(
            "POST /?query=INSERT+INTO+t+FORMAT+RowBinary HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\nContent-Length: {}\r\n\r\n",
            client.login.user,
            client.login.password,
            data.len() + 500
        );
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes())
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &data)
            .await
            .unwrap();
        drop(stream);
    }
    engine
        .wait_for_metric("etappe_engine_errors_total{class=\"cancelled\"}", 2)
        .await;
    assert_eq!(counts(client).await, "0\t0\t0");
}

#[tokio::test]
async fn an_insert_that_fails_in_a_view_can_be_retried_with_its_token() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    make_tables(client).await;
    client.query("CREATE TABLE picky (id UInt64, CONSTRAINT high CHECK id > 100) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 1000").await;
    client
        .query("CREATE MATERIALIZED VIEW to_picky TO picky AS SELECT id FROM t")
        .await;
    let mut settings = SETTINGS.to_vec();
    settings.push(("insert_deduplication_token", "events:0:0-9"));
    let statement = "INSERT INTO t FORMAT RowBinary";
    let answer = client
        .try_insert(statement, &settings, rows(0..10, 20))
        .await;
    assert_eq!(answer.code, Some(469), "{}", answer.text());
    client.query("ALTER TABLE picky DROP CONSTRAINT high").await;
    for _ in 0..2 {
        client.insert(statement, &settings, rows(0..10, 20)).await;
        assert_eq!(counts(client).await, "10\t10\t10");
        assert_eq!(client.query("SELECT count() FROM picky").await, "10");
    }
}

#[tokio::test]
async fn inserts_are_accepted_in_many_forms() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    client
        .query("CREATE TABLE t (a UInt64, s String DEFAULT 'd') ENGINE = MergeTree ORDER BY a")
        .await;
    client
        .query("INSERT INTO t VALUES (1, 'x;y'), (2, 'z')")
        .await;
    client
        .query("INSERT INTO t FORMAT CSV\n3,\"a;b\"\n4,c\n")
        .await;
    client
        .query("INSERT INTO t (a) SELECT number + 5 FROM numbers(2)")
        .await;
    client
        .insert(
            "INSERT INTO t (a) FORMAT JSONEachRow",
            &[],
            b"{\"a\":7}{\"a\":8}".to_vec(),
        )
        .await;
    client
        .insert("INSERT INTO t VALUES", &[], b"(9, ')'), (10, '')".to_vec())
        .await;
    client
        .insert(
            "INSERT INTO t SETTINGS async_insert = 0 FORMAT TSV",
            &[],
            b"11\tk\n".to_vec(),
        )
        .await;
    client
        .insert("INSERT INTO t FORMAT RowBinary", &[], Vec::new())
        .await;
    let pairs = [
        ("query", "INSERT INTO {table:Identifier} FORMAT CSV"),
        ("param_table", "t"),
    ];
    let answer = client.try_query(&pairs, "12,p\n").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let expected = "1\tx;y\n2\tz\n3\ta;b\n4\tc\n5\td\n6\td\n7\td\n8\td\n9\t)\n10\t\n11\tk\n12\tp";
    assert_eq!(
        client.query("SELECT a, s FROM t ORDER BY a").await,
        expected
    );
    // Longer than the statement limit, so it is treated as data.
    let many: Vec<String> = (100..200_000)
        .map(|number| format!("({number},'v')"))
        .collect();
    client
        .query(&format!("INSERT INTO t VALUES {}", many.join(",")))
        .await;
    assert_eq!(client.query("SELECT count() FROM t").await, "199912");
    let summary = client
        .try_insert("INSERT INTO t (a) FORMAT CSV", &[], b"1\n2\n".to_vec())
        .await;
    let summary = summary.header("x-clickhouse-summary").unwrap();
    assert!(summary.contains("\"written_rows\":\"2\""), "{summary}");
}

#[tokio::test]
async fn compressed_bodies_are_accepted_and_damaged_ones_refused() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    client
        .query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        .await;
    let data: String = (0..1000).map(|number| format!("{number}\n")).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(data.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let post = || client.post(&[("query", "INSERT INTO t FORMAT CSV")]);
    let answer = client
        .send(post().header("Content-Encoding", "gzip").body(gzip.clone()))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        client.query("SELECT count(), sum(a) FROM t").await,
        "1000\t499500"
    );
    let cut = gzip[..gzip.len() - 20].to_vec();
    let answer = client
        .send(post().header("Content-Encoding", "gzip").body(cut))
        .await;
    assert_eq!(
        (answer.status, answer.code),
        (400, Some(271)),
        "{}",
        answer.text()
    );
    let request = client.post(&[("query", "INSERT INTO t FORMAT CSV"), ("decompress", "1")]);
    let answer = client.send(request.body(vec![7; 100])).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(client.query("SELECT count() FROM t").await, "1000");
}

#[tokio::test]
async fn a_client_that_sends_much_sees_an_early_failure() {
    let engine = TestEngine::start().await;
    let statement = "INSERT INTO nix FORMAT RowBinary";
    let answer = engine
        .client
        .try_insert(statement, &[], vec![0; 50_000_000])
        .await;
    assert_eq!(
        (answer.status, answer.code),
        (404, Some(60)),
        "{}",
        answer.text()
    );
    engine
        .client
        .query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        .await;
    let data = b"not a number,".repeat(3_000_000);
    let answer = engine
        .client
        .try_insert("INSERT INTO t FORMAT CSV", &[], data)
        .await;
    assert_eq!(
        (answer.status, answer.code),
        (400, Some(117)),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn inserts_and_queries_run_side_by_side() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    client
        .query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        .await;
    let data: Vec<u8> = (0..1000_u64).flat_map(u64::to_le_bytes).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8_u32 {
        let (client, data) = (client.clone(), data.clone());
        tasks.spawn(async move {
            for batch in 0..10_u32 {
                let token = format!("{writer}:{batch}");
                let settings = [("insert_deduplication_token", token.as_str())];
                client
                    .insert("INSERT INTO t FORMAT RowBinary", &settings, data.clone())
                    .await;
                client.query("SELECT sum(a) FROM t").await;
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert_eq!(client.query("SELECT count() FROM t").await, "80000");
}
