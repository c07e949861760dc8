//! Starting, stopping, crashing.

use std::process::Command;
use std::time::Duration;

use etappe_engine::error::EngineError;
use etappe_engine::process::{EngineProcess, EngineProcessOptions};

use tokio::task::JoinSet;

use crate::harness::{TestEngine, command, options};

fn signal(engine: &TestEngine, name: &str) {
    let id = engine.process.id().expect("a running process").to_string();
    let sent = Command::new("kill").args([name, &id]).status();
    assert!(sent.expect("the program `kill`").success());
}

#[tokio::test]
async fn signals_are_ignored_and_a_closed_pipe_stops_the_process() {
    let engine = TestEngine::start().await;
    engine
        .client
        .query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        .await;
    for name in ["-INT", "-TERM", "-HUP"] {
        signal(&engine, name);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    engine.client.query("INSERT INTO t VALUES (1)").await;
    let TestEngine { process, .. } = engine;
    process.stop().await.unwrap();
}

#[tokio::test]
async fn a_running_query_ends_before_the_engine_does() {
    let engine = TestEngine::start().await;
    let client = engine.client.clone();
    let mut query = JoinSet::new();
    query.spawn(async move { client.query("SELECT sleep(2)").await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let TestEngine {
        process,
        client,
        data: _data,
        ..
    } = engine;
    process.stop().await.unwrap();
    assert_eq!(query.join_next().await.unwrap().unwrap(), "0");
    assert!(client.post(&[]).body("SELECT 1").send().await.is_err());
}

#[tokio::test]
async fn a_query_that_does_not_end_is_killed_at_the_deadline() {
    let engine = TestEngine::start_with(&["--drain-ms", "300"]).await;
    let client = engine.client.clone();
    let statement = "SELECT max(sipHash64(number)) FROM numbers(900000000000)";
    let mut query = JoinSet::new();
    query.spawn(async move { client.post(&[]).body(statement).send().await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let TestEngine {
        process,
        data: _data,
        ..
    } = engine;
    tokio::time::timeout(Duration::from_secs(10), process.stop())
        .await
        .unwrap()
        .unwrap();
    assert!(query.join_next().await.unwrap().unwrap().is_err());
}

#[tokio::test]
async fn data_survives_a_crash() {
    let mut engine = TestEngine::start().await;
    engine
        .client
        .query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        .await;
    engine
        .client
        .query("INSERT INTO t SELECT number FROM numbers(1000)")
        .await;
    engine.crash_and_restart().await;
    assert_eq!(engine.client.query("SELECT count() FROM t").await, "1000");
    let status = {
        engine.process.kill().await.unwrap();
        engine.process.wait().await.unwrap()
    };
    assert!(!status.success());
}

#[tokio::test]
async fn a_second_engine_on_the_same_data_says_what_is_wrong() {
    let engine = TestEngine::start().await;
    let second =
        EngineProcess::spawn(command(engine.data(), &["--lock-ms", "100"]), options()).await;
    let text = second.unwrap_err().to_string();
    let holder = format!("process {}", engine.process.id().unwrap());
    assert!(
        text.contains("in use by another process") && text.contains(&holder),
        "{text}"
    );
    assert_eq!(engine.client.query("SELECT 1").await, "1");
}

#[tokio::test]
async fn the_next_engine_waits_until_the_last_one_releases_the_lock() {
    let engine = TestEngine::start().await;
    let client = engine.client.clone();
    let mut slow = JoinSet::new();
    slow.spawn(async move { client.query("SELECT sleep(1)").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let TestEngine { process, data, .. } = engine;
    let (stopped, next) = tokio::join!(
        process.stop(),
        EngineProcess::spawn(command(data.path(), &["--lock-ms", "20000"]), options())
    );
    stopped.unwrap();
    next.unwrap().stop().await.unwrap();
    assert_eq!(slow.join_next().await.unwrap().unwrap(), "0");
}

#[tokio::test]
async fn an_invalid_library_is_named() {
    let data = tempfile::tempdir().unwrap();
    let wrong = data.path().join("libchdb.so");
    let start = |library: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etappe-engine-dev"));
        command
            .arg("--data")
            .arg(data.path().join("data"))
            .arg("--library")
            .arg(library);
        EngineProcess::spawn(command, options())
    };
    let text = start(&wrong).await.unwrap_err().to_string();
    assert!(
        text.contains("no engine library at") && text.contains("--engine-library"),
        "{text}"
    );
    std::fs::write(&wrong, "no library").unwrap();
    let text = start(&wrong).await.unwrap_err().to_string();
    assert!(text.contains("cannot be used"), "{text}");
    // Another shared library; every program here has the C library loaded.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let libc = maps.lines().find_map(|line| {
        line.split_whitespace()
            .last()
            .filter(|path| path.contains("libc.so"))
    });
    let text = start(std::path::Path::new(libc.unwrap()))
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("not a libchdb"), "{text}");
}

#[tokio::test]
async fn addresses_other_than_loopback_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let command = command(data.path(), &["--listen", "0.0.0.0:0"]);
    let text = EngineProcess::spawn(command, options())
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("loopback"), "{text}");
}

#[tokio::test]
async fn a_process_that_is_not_an_engine_is_detected() {
    let mut command = Command::new("echo");
    command.arg("hello");
    let error = EngineProcess::spawn(command, options()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`hello` instead of a ready line"),
        "{error}"
    );
    let mut command = Command::new("sh");
    command.args(["-c", "echo last words >&2; exit 3"]);
    let error = EngineProcess::spawn(command, options()).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("exit status: 3") && text.contains("last words"),
        "{text}"
    );
    let mut command = Command::new("sleep");
    command.arg("60");
    let options = EngineProcessOptions {
        ready_timeout: Duration::from_millis(100),
        ..options()
    };
    let error = EngineProcess::spawn(command, options).await.unwrap_err();
    assert!(matches!(error, EngineError::StartFailed { .. }), "{error}");
}

/// Makes the newest part of a table look like one whose write failed on a full disk: its marks are
/// empty.
fn empty_the_marks(data: &std::path::Path, part: &str) {
    let folder = data.join("clickhouse").join(part);
    let marks: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|it| it.to_string_lossy().contains("mrk"))
        })
        .collect();
    assert!(!marks.is_empty(), "no marks in {}", folder.display());
    for path in marks {
        std::fs::write(path, "").unwrap();
    }
}

#[tokio::test]
async fn an_incomplete_part_ends_the_process_and_is_put_aside_by_the_next() {
    let mut engine = TestEngine::start().await;
    let create = "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a";
    engine.client.query(create).await;
    engine.client.query("SYSTEM STOP MERGES t").await;
    engine.client.query("INSERT INTO t VALUES (1)").await;
    engine.client.query("INSERT INTO t VALUES (2)").await;
    let newest =
        "SELECT path FROM system.parts WHERE table = 't' AND active ORDER BY name DESC LIMIT 1";
    let part = engine.client.query(newest).await;
    empty_the_marks(engine.data(), &part);
    let failed = engine
        .client
        .post(&[])
        .body("SELECT sum(a) FROM t WHERE a > 0");
    assert!(
        failed.send().await.is_err(),
        "the process ends before it answers"
    );
    let status = tokio::time::timeout(Duration::from_secs(30), engine.process.wait());
    assert!(!status.await.expect("the process ends").unwrap().success());
    let words = engine.process.last_words().join(" ");
    assert!(words.contains("puts the part aside"), "{words}");
    engine.crash_and_restart().await;
    assert_eq!(engine.client.query("SELECT sum(a) FROM t").await, "1");
}

#[tokio::test]
async fn the_rows_of_an_incomplete_merge_come_from_the_parts_that_were_merged() {
    let mut engine = TestEngine::start().await;
    let create = "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a";
    engine.client.query(create).await;
    engine.client.query("INSERT INTO t VALUES (1)").await;
    engine.client.query("INSERT INTO t VALUES (2)").await;
    engine.client.query("OPTIMIZE TABLE t FINAL").await;
    let merged = "SELECT path FROM system.parts WHERE table = 't' AND active";
    let part = engine.client.query(merged).await;
    empty_the_marks(engine.data(), &part);
    let failed = engine
        .client
        .post(&[])
        .body("SELECT sum(a) FROM t WHERE a > 0");
    assert!(failed.send().await.is_err(), "the process ends");
    let ended = tokio::time::timeout(Duration::from_secs(30), engine.process.wait());
    assert!(!ended.await.expect("the process ends").unwrap().success());
    engine.crash_and_restart().await;
    assert_eq!(engine.client.query("SELECT sum(a) FROM t").await, "3");
}
