//! Access control.

use crate::harness::{Client, TestEngine};

#[tokio::test]
async fn a_wrong_or_missing_secret_is_refused() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    let mut login = client.login.clone();
    login.password = engine.reader.login.password.clone();
    let wrong = Client::new(client.address, login)
        .try_query(&[], "SELECT 1")
        .await;
    assert_eq!(
        (wrong.status, wrong.code),
        (403, Some(516)),
        "{}",
        wrong.text()
    );
    let missing = client
        .send(client.http.post(client.url(&[])).body("SELECT 1"))
        .await;
    assert_eq!(
        (missing.status, missing.code),
        (401, Some(194)),
        "{}",
        missing.text()
    );
    let default = client
        .http
        .post(client.url(&[("user", "default")]))
        .body("SELECT 1");
    assert_eq!(client.send(default).await.status, 403);
}

#[tokio::test]
async fn readers_can_read_and_do_nothing_else() {
    let engine = TestEngine::start().await;
    let (writer, reader) = (&engine.client, &engine.reader);
    writer
        .query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        .await;
    writer.query("INSERT INTO t VALUES (1), (2), (3)").await;
    writer
        .query("CREATE VIEW v AS SELECT a FROM t WHERE a >= {least:UInt64}")
        .await;
    assert_eq!(reader.query("SELECT sum(a) FROM t").await, "6");
    assert_eq!(reader.query("SELECT count() FROM v(least = 2)").await, "2");
    assert_eq!(
        reader
            .query("DESCRIBE TABLE t FORMAT TSVRaw")
            .await
            .split('\t')
            .next(),
        Some("a")
    );
    for statement in [
        "INSERT INTO t VALUES (4)",
        "INSERT INTO t FORMAT CSV\n4",
        "DROP TABLE t",
        "TRUNCATE TABLE t",
        "ALTER TABLE t DELETE WHERE 1",
        "CREATE TABLE x (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE x (a UInt8)",
        "KILL QUERY WHERE 1",
        "SET readonly = 0",
        "SYSTEM FLUSH LOGS",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_threads = 64",
        "WITH 1 AS x INSERT INTO t SELECT x",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
    ] {
        let answer = reader.try_query(&[], statement).await;
        assert!(answer.status >= 400, "{statement}: {}", answer.text());
    }
    for pair in [
        ("max_memory_usage", "0"),
        ("max_threads", "64"),
        ("log_comment", "x"),
    ] {
        let answer = reader.try_query(&[pair], "SELECT 1").await;
        let allowed = pair.0 == "log_comment";
        assert_eq!(answer.status == 200, allowed, "{pair:?}: {}", answer.text());
    }
    let answer = reader.try_query(&[("readonly", "0")], "DROP TABLE t").await;
    assert_eq!(
        (answer.status, answer.code),
        (403, Some(164)),
        "{}",
        answer.text()
    );
    assert_eq!(reader.query("SELECT sum(a) FROM t").await, "6");
}

#[tokio::test]
async fn a_reader_learns_nothing_about_files() {
    let engine = TestEngine::start().await;
    for name in [
        "`/etc/passwd`",
        "\"/etc/passwd\"",
        "default.`/etc/passwd`",
        "`./x`",
        "`../x`",
    ] {
        for kind in ["", "TABLE ", "VIEW ", "DICTIONARY "] {
            let statement = format!("EXISTS {kind}{name}");
            let answer = engine.reader.try_query(&[], &statement).await;
            assert_eq!(answer.status, 403, "{statement}: {}", answer.text());
        }
        for statement in [
            format!("DESCRIBE TABLE {name}"),
            format!("SHOW CREATE TABLE {name}"),
        ] {
            let answer = engine.reader.try_query(&[], &statement).await;
            assert!(answer.status >= 400, "{statement}: {}", answer.text());
        }
    }
    assert_eq!(engine.reader.query("EXISTS TABLE system.one").await, "1");
}

/// The first query of the Go client for ClickHouse, which Grafana uses, and columns called
/// `format`.
#[tokio::test]
async fn a_reader_may_ask_for_the_version_and_name_a_column_format() {
    let engine = TestEngine::start().await;
    for statement in [
        "SELECT displayName(), version(), revision(), timezone()",
        "SELECT 1 AS format GROUP BY format ORDER BY format",
        "SELECT CASE WHEN 1 THEN format END FROM (SELECT 1 AS format)",
    ] {
        let answer = engine.reader.try_query(&[], statement).await;
        assert_eq!(answer.status, 200, "{statement}: {}", answer.text());
    }
}

#[tokio::test]
async fn no_role_reaches_outside_the_engine() {
    let engine = TestEngine::start().await;
    let target = engine.data().join("stolen");
    let target = target.to_str().unwrap();
    let outfile = format!("SELECT 1 INTO OUTFILE '{target}'");
    let write = format!("INSERT INTO FUNCTION file('{target}', 'CSV', 'a UInt8') VALUES (1)");
    for client in [&engine.client, &engine.reader] {
        for statement in [
            "SELECT file('/etc/passwd')",
            "SELECT * FROM file('/etc/passwd', 'LineAsString')",
            "SELECT * FROM \"/etc/passwd\"",
            "SELECT * FROM `/etc/passwd`",
            "SELECT count() FROM `default`.`/etc/passwd`",
            "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
            "SELECT * FROM s3('http://127.0.0.1:1/b/k', 'CSV')",
            "SELECT * FROM remote('127.0.0.1:1', system.one)",
            "SELECT * FROM executable('x.sh', 'TSV', 'a String')",
            "SELECT * FROM merge('system', 'file(.*')",
            "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV",
            "CREATE TABLE f (a String) ENGINE = File(CSV, '/etc/passwd')",
            "CREATE DATABASE f ENGINE = Filesystem('/etc')",
            "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'id' FORMAT 'TSV')) LAYOUT(FLAT()) LIFETIME(0)",
            "BACKUP TABLE system.one TO File('/tmp/x.zip')",
            "BACKUP DATABASE default TO File('../x')",
            "BACKUP DATABASE default TO Disk('default', 'x')",
            "RESTORE DATABASE default AS other FROM File('x')",
            "CREATE USER x",
            "SYSTEM SHUTDOWN",
            outfile.as_str(),
            write.as_str(),
        ] {
            let answer = client.try_query(&[], statement).await;
            assert!(answer.status >= 400, "{statement}: {}", answer.text());
        }
        assert_eq!(client.query("SELECT 1").await, "1");
    }
    assert!(!engine.data().join("stolen").exists());
}

#[tokio::test]
async fn dictionaries_over_tables_work() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    client
        .query("CREATE TABLE t (id UInt64, name String) ENGINE = MergeTree ORDER BY id")
        .await;
    client.query("INSERT INTO t VALUES (1, 'one')").await;
    client.query("CREATE DICTIONARY d (id UInt64, name String) PRIMARY KEY id SOURCE(CLICKHOUSE(TABLE 't')) LAYOUT(HASHED()) LIFETIME(0)").await;
    assert_eq!(
        engine.reader.query("SELECT dictGet('d', 'name', 1)").await,
        "one"
    );
}
