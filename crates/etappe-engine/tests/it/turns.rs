//! Changes have priority over questions, and questions over readers.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::harness::{Client, TestEngine};

/// A query that runs until it is killed and reads no table.
const ENDLESS: &str = "SELECT count() FROM numbers(1000000000000000) WHERE cityHash64(number) = 1";

async fn keep_asking(client: Client) {
    loop {
        client.try_query(&[], ENDLESS).await;
    }
}

#[tokio::test]
async fn slow_queries_of_readers_and_questions_do_not_block_inserts() {
    let engine = TestEngine::start().await;
    let writer = &engine.client;
    writer
        .query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        .await;
    let mut slow = JoinSet::new();
    for _ in 0..70 {
        slow.spawn(keep_asking(engine.reader.clone()));
    }
    // A third of the turns for reading: four of twelve.
    engine
        .wait_for_metric("etappe_engine_queries_in_flight", 4)
        .await;
    assert_eq!(writer.query("SELECT 1").await, "1");
    for _ in 0..12 {
        slow.spawn(keep_asking(writer.clone()));
    }
    engine
        .wait_for_metric("etappe_engine_queries_in_flight", 12)
        .await;
    for number in 0..20 {
        let data = format!("{number}\n").into_bytes();
        writer.insert("INSERT INTO t FORMAT CSV", &[], data).await;
    }
    // A change sent in the body gets the same priority.
    writer.query("INSERT INTO t VALUES (20)").await;
    let refused = engine.reader.try_query(&[], "SELECT 1").await;
    assert_eq!(
        (refused.status, refused.code),
        (503, Some(202)),
        "{}",
        refused.text()
    );
    assert!(refused.text().contains("readers"), "{}", refused.text());
    slow.shutdown().await;
    engine
        .wait_for_metric("etappe_engine_queries_in_flight", 0)
        .await;
    assert_eq!(writer.query("SELECT count() FROM t").await, "21");
}

#[tokio::test]
async fn connections_of_readers_leave_room_for_the_writer() {
    let engine = TestEngine::start().await;
    let login = &engine.reader.login;
    let mut held = Vec::new();
    let mut refused = 0;
    for _ in 0..300 {
        let mut stream = tokio::net::TcpStream::connect(engine.process.address())
            .await
            .unwrap();
        let status = status_of(&mut stream, &login.user, &login.password).await;
        refused += usize::from(status == 503);
        held.push(stream);
    }
    assert_eq!(refused, 300 - 256);
    assert_eq!(engine.client.query("SELECT 1").await, "1");
    drop(held);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while engine.reader.try_query(&[], "SELECT 1").await.status != 200 {
        let now = tokio::time::Instant::now();
        assert!(
            now < deadline,
            "readers get no connection after the others left"
        );
        tokio::task::yield_now().await;
    }
}

/// Sends a query on its own connection and keeps the connection open.
async fn status_of(stream: &mut tokio::net::TcpStream, user: &str, password: &str) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let request = format!(
        "GET /?query=SELECT+1 HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: {user}\r\nX-ClickHouse-Key: {password}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = vec![0; 12];
    stream.read_exact(&mut head).await.unwrap();
    let head = String::from_utf8(head).unwrap();
    head.rsplit(' ').next().unwrap().parse().unwrap()
}
