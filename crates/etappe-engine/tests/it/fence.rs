//! The fence around the engine's process contains statements that bypass all checks.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use etappe_engine::credentials::EngineSecrets;
use serde_json::Value;

use crate::harness::{TestEngine, command};

/// Runs statements on an engine without login or statement checks.
fn run(data: &Path, fence: &str, statements: &[String]) -> Vec<Value> {
    let mut child = command(data, &["--fence", fence, "--statements", "yes"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for statement in statements {
        writeln!(stdin, "{statement}").unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_statement_that_gets_past_every_check_reaches_nothing() {
    let (data, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    EngineSecrets::load_or_create(data.path()).unwrap();
    let secret = EngineSecrets::path(data.path());
    let (secret, new) = (secret.display(), outside.path().join("new"));
    let statements = [
        format!("SELECT file('{secret}')"),
        format!("SELECT * FROM file('{secret}', 'LineAsString')"),
        "SELECT file('/etc/passwd')".to_owned(),
        "SELECT file('/proc/self/environ')".to_owned(),
        format!(
            "SELECT file('{}/engine-users.xml.new')",
            data.path().display()
        ),
        format!("SELECT 1 INTO OUTFILE '{}'", new.display()),
        format!("SELECT 1 INTO OUTFILE '{secret}' TRUNCATE"),
        format!(
            "SELECT 1 INTO OUTFILE '{}/engine-users.xml' TRUNCATE",
            data.path().display()
        ),
        format!(
            "SELECT * FROM url('http://{}/', 'LineAsString')",
            door.local_addr().unwrap()
        ),
        format!(
            "SELECT * FROM remote('{}', system.one)",
            door.local_addr().unwrap()
        ),
        "SELECT * FROM executable('/bin/true', 'TSV', 'a String')".to_owned(),
    ];
    for (statement, outcome) in statements
        .iter()
        .zip(run(data.path(), "required", &statements))
    {
        assert!(outcome["error"].is_string(), "{statement}: {outcome}");
    }
    assert!(!new.exists());
    EngineSecrets::load(data.path()).unwrap();
    door.set_nonblocking(true).unwrap();
    assert!(door.accept().is_err(), "no connection arrived");
    // Without the fence the same statement reads its file, so the test is able to fail.
    let outcome = run(data.path(), "off", &statements[..1]);
    assert!(outcome[0]["ok"].as_str().unwrap().contains("writer"));
}

#[tokio::test]
async fn the_engine_works_inside_its_fence() {
    let mut engine = TestEngine::start_with(&["--fence", "required"]).await;
    for statement in [
        "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a",
        "INSERT INTO t SELECT number, toString(number) FROM numbers(200000)",
        "INSERT INTO t SELECT number, toString(number) FROM numbers(200000)",
        "OPTIMIZE TABLE t FINAL",
        "ALTER TABLE t DROP PARTITION tuple()",
        "INSERT INTO t SELECT number, toString(number) FROM numbers(200000)",
    ] {
        engine.client.query(statement).await;
    }
    // Sorting on disk, using a time zone, and restarting.
    let spilled = engine
        .client
        .try_query(
            &[
                ("max_bytes_before_external_group_by", "1000000"),
                ("max_bytes_ratio_before_external_group_by", "0"),
            ],
            "SELECT count() FROM (SELECT s, count() FROM t GROUP BY s)",
        )
        .await;
    assert_eq!(spilled.text(), "200000");
    let zoned = "SELECT toTimeZone(toDateTime('2026-07-01 00:00:00', 'UTC'), 'Europe/Amsterdam')";
    assert_eq!(engine.reader.query(zoned).await, "2026-07-01 02:00:00");
    engine.crash_and_restart().await;
    assert_eq!(engine.reader.query("SELECT count() FROM t").await, "200000");
}

#[tokio::test]
async fn secrets_and_the_lock_lie_outside_the_engines_own_folder() {
    let engine = TestEngine::start().await;
    let own = engine.data().join("clickhouse");
    assert!(own.is_dir());
    for name in ["engine-secret.json", "engine.lock", "engine-users.xml"] {
        assert!(engine.data().join(name).is_file(), "{name}");
        assert!(!own.join(name).exists(), "{name}");
    }
}
