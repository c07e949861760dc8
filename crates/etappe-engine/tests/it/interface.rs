//! Queries, results and exceptions over HTTP.

use std::io::Read;
use std::time::Duration;

use crate::harness::TestEngine;

#[tokio::test]
async fn ping_needs_no_login() {
    let engine = TestEngine::start().await;
    let url = format!("http://{}/ping", engine.process.address());
    let response = engine.client.http.get(url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "Ok.\n");
}

#[tokio::test]
async fn a_query_may_come_in_the_url_the_body_both_or_a_form() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    let in_url = client.try_query(&[("query", "SELECT 1 + 1")], "").await;
    assert_eq!(in_url.text(), "2");
    assert_eq!(client.query("SELECT 'a;b'").await, "a;b");
    let in_both = client.try_query(&[("query", "SELECT 1 +")], "2").await;
    assert_eq!(in_both.text(), "3");
    let form = "--X\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT {a:UInt8} + 1, {s:String} FORMAT TSVRaw\r\n--X\r\nContent-Disposition: form-data; name=\"param_a\"\r\n\r\n41\r\n--X\r\nContent-Disposition: form-data; name=\"param_s\"\r\n\r\nx'; DROP\r\n--X--\r\n";
    let request = client
        .post(&[])
        .header("Content-Type", "multipart/form-data; boundary=X");
    let in_form = client.send(request.body(form)).await;
    assert_eq!(in_form.text(), "42\tx'; DROP");
    let get = client.http.get(client.url(&[
        ("query", "SELECT {a:Int8}"),
        ("param_a", "-5"),
        ("user", &client.login.user),
        ("password", &client.login.password),
    ]));
    assert_eq!(client.send(get).await.text(), "-5");
}

#[tokio::test]
async fn a_get_changes_nothing() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    client
        .query("CREATE TABLE t (a UInt8) ENGINE = Memory")
        .await;
    for login in [&client.login, &engine.reader.login] {
        for statement in [
            "CREATE TABLE x (a UInt8) ENGINE = Memory",
            "INSERT INTO t VALUES (1)",
            "WITH 1 AS x INSERT INTO t SELECT x",
            "DROP TABLE t",
            "KILL QUERY WHERE 1",
            "SELECT 1 SETTINGS readonly = 0",
        ] {
            for level in ["0", "2", "1", ""] {
                let pairs = [("query", statement), ("readonly", level)];
                let get = client.http.get(client.url(&pairs));
                let answer = client
                    .send(get.basic_auth(&login.user, Some(&login.password)))
                    .await;
                assert!(answer.status >= 400, "{statement}: {}", answer.text());
            }
        }
    }
    let get = |level| {
        client
            .http
            .get(client.url(&[("query", "SELECT count() FROM t"), ("readonly", level)]))
    };
    for level in ["0", "1", "2"] {
        let get = get(level).basic_auth(&client.login.user, Some(&client.login.password));
        assert_eq!(client.send(get).await.text(), "0");
    }
    assert_eq!(client.query("SHOW TABLES").await, "t");
}

#[tokio::test]
async fn settings_apply_to_their_request_only() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    let read = "SELECT getSetting('max_block_size'), getSetting('max_threads'), currentDatabase()";
    let before = client.query(read).await;
    let pairs = [
        ("max_block_size", "77"),
        ("max_threads", "1"),
        ("database", "system"),
    ];
    assert_eq!(client.try_query(&pairs, read).await.text(), "77\t1\tsystem");
    let set = client.try_query(&[], "SET max_block_size = 78").await;
    assert_eq!(set.status, 200);
    for _ in 0..20 {
        assert_eq!(client.query(read).await, before);
    }
    let named = client.post(&[]).header("X-ClickHouse-Database", "system");
    let answer = client.send(named.body("SELECT currentDatabase()")).await;
    assert_eq!(answer.text(), "system");
}

#[tokio::test]
async fn settings_enforce_their_limits() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    let long = "SELECT max(sipHash64(number)) FROM numbers(100000000000)";
    let answer = client
        .try_query(&[("max_execution_time", "0.5")], long)
        .await;
    assert_eq!(
        (answer.status, answer.code),
        (408, Some(159)),
        "{}",
        answer.text()
    );
    let rows = "SELECT number FROM numbers(1000)";
    let answer = client.try_query(&[("max_result_rows", "10")], rows).await;
    assert_eq!(answer.code, Some(396), "{}", answer.text());
    let create = "CREATE TABLE t (a UInt8) ENGINE = Memory";
    let answer = client.try_query(&[("readonly", "1")], create).await;
    assert_eq!(answer.code, Some(164), "{}", answer.text());
    let answer = client
        .try_query(
            &[],
            "SELECT arraySort(groupArray(number)) FROM numbers(1000000000)",
        )
        .await;
    assert_eq!(
        (answer.status, answer.code),
        (500, Some(241)),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn exceptions_have_codes_and_statuses() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    type Pairs = &'static [(&'static str, &'static str)];
    let cases: &[(Pairs, &str, u16, i32)] = &[
        (&[], "SELEC 1", 400, 62),
        (&[], "SELECT x", 404, 47),
        (&[], "SELECT * FROM nix", 404, 60),
        (&[], "SELECT 1; SELECT 2", 400, 62),
        (&[], "", 400, 62),
        (&[("database", "nix")], "SELECT 1", 404, 81),
        (&[("nosuch", "1")], "SELECT 1", 404, 115),
        (&[("max_threads", "many")], "SELECT 1", 400, 27),
        (&[], "SELECT 1 FORMAT Nix", 404, 73),
        (&[("role", "x")], "SELECT 1", 501, 48),
        (&[], "INSERT INTO nix FORMAT CSV\n1", 404, 60),
    ];
    for (pairs, statement, status, code) in cases {
        let answer = client.try_query(pairs, statement).await;
        assert_eq!(
            (answer.status, answer.code),
            (*status, Some(*code)),
            "{}",
            answer.text()
        );
        let start = format!("Code: {code}. DB::Exception: ");
        assert!(answer.text().starts_with(&start), "{}", answer.text());
        assert!(answer.header("x-clickhouse-query-id").is_some());
    }
}

#[tokio::test]
async fn results_are_complete_in_every_format() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    let statement = "SELECT number, toString(number) AS s FROM numbers(200000)";
    // Streamed formats must give the same bytes as the engine's collected result.
    for format in [
        "TabSeparated",
        "TSVRaw",
        "CSV",
        "JSONEachRow",
        "JSONCompactEachRow",
        "RowBinary",
        "Native",
        "RowBinaryWithNames",
        "RowBinaryWithNamesAndTypes",
        "JSONCompactEachRowWithNamesAndTypes",
    ] {
        let streamed = client
            .try_query(&[("default_format", format)], statement)
            .await;
        let pairs = [("default_format", format), ("wait_end_of_query", "1")];
        let whole = client.try_query(&pairs, statement).await;
        assert_eq!(streamed.status, 200);
        assert!(
            streamed.body.len() > 1_000_000,
            "{format}: {} bytes",
            streamed.body.len()
        );
        assert!(streamed.body == whole.body, "{format} differs");
        assert_eq!(
            streamed.header("x-clickhouse-format").as_deref(),
            Some(format)
        );
    }
    let answer = client
        .try_query(&[], "SELECT number AS n FROM numbers(100000) FORMAT JSON")
        .await;
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["rows"], 100_000);
    assert_eq!(json["data"][99_999]["n"], 99_999);
    let answer = client
        .try_query(&[("default_format", "Parquet")], statement)
        .await;
    assert!(answer.body.starts_with(b"PAR1") && answer.body.ends_with(b"PAR1"));
    let empty = client.query("SELECT 1 WHERE 0 FORMAT TSVWithNames").await;
    assert_eq!(empty, "1");
    assert_eq!(client.query("SHOW DATABASES LIKE 'system'").await, "system");
}

#[tokio::test]
async fn an_exception_after_the_first_rows_is_marked_and_the_body_is_cut_off() {
    let engine = TestEngine::start().await;
    let statement =
        "SELECT throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_block_size = 10000";
    let mut response = engine
        .client
        .post(&[])
        .body(statement)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let tag = response.headers()["x-clickhouse-exception-tag"]
        .to_str()
        .unwrap()
        .to_owned();
    let mut body = Vec::new();
    let broke = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(
        broke,
        "a client that does not know the mark must not take the result for whole"
    );
    let text = String::from_utf8_lossy(&body);
    let end = format!(" {tag}\r\n__exception__\r\n");
    assert!(text.ends_with(&end));
    assert!(text.contains(&format!(
        "\r\n__exception__\r\n{tag}\r\nCode: 395. DB::Exception: "
    )));
}

#[tokio::test]
async fn a_query_is_cancelled_when_its_client_disconnects() {
    let engine = TestEngine::start().await;
    let running = "SELECT count() FROM system.processes WHERE query LIKE '%numbers(900000000000)%' AND query NOT LIKE '%processes%'";
    let mut cancelled = 0;
    for statement in [
        // Sends nothing before the end, so it is killed from another session.
        "SELECT max(sipHash64(number)) FROM numbers(900000000000)",
        // Stopped between two blocks.
        "SELECT sipHash64(number) FROM numbers(900000000000)",
        // Not a query, so the engine cannot stream it.
        "CREATE TABLE t ENGINE = Memory AS SELECT max(sipHash64(number)) AS x FROM numbers(900000000000)",
    ] {
        let request = engine
            .client
            .post(&[])
            .body(statement)
            .timeout(Duration::from_millis(700));
        let outcome = async { request.send().await?.bytes().await }.await;
        assert!(outcome.unwrap_err().is_timeout());
        cancelled += 1;
        let name = "etappe_engine_errors_total{class=\"cancelled\"}";
        engine.wait_for_metric(name, cancelled).await;
        assert_eq!(
            engine.client.query(running).await,
            "0",
            "still running: {statement}"
        );
    }
}

#[tokio::test]
async fn queries_over_the_limit_wait_and_are_then_refused() {
    let engine = TestEngine::start_with(&["--queries", "1", "--queue", "1"]).await;
    let client = &engine.client;
    let slow = "SELECT sleep(1)";
    let (first, second, third) = tokio::join!(
        client.try_query(&[], slow),
        client.try_query(&[], slow),
        client.try_query(&[], slow)
    );
    let mut outcomes = [first, second, third].map(|answer| (answer.status, answer.code));
    outcomes.sort_unstable();
    assert_eq!(outcomes, [(200, None), (200, None), (503, Some(202))]);
}

#[tokio::test]
async fn metrics_need_a_login() {
    let engine = TestEngine::start().await;
    let client = &engine.client;
    client.query("SELECT 1").await;
    assert_eq!(client.try_query(&[], "SELECT x").await.code, Some(47));
    let url = format!("http://{}/metrics", client.address);
    let anonymous = client.http.get(&url).send().await.unwrap();
    assert_eq!(anonymous.status(), 401);
    for (name, value) in [
        (
            "etappe_engine_queries_total{kind=\"select\",result=\"ok\"}",
            1,
        ),
        ("etappe_engine_errors_total{class=\"client\"}", 1),
        ("etappe_engine_queries_in_flight", 0),
    ] {
        engine.wait_for_metric(name, value).await;
    }
}

#[tokio::test]
async fn results_are_compressed_as_the_client_asks() {
    let engine = TestEngine::start().await;
    let statement = "SELECT number FROM numbers(300000)";
    let plain = engine.client.query(statement).await;
    let request = engine.client.post(&[]).body(statement);
    let gzip = engine
        .client
        .send(request.header("Accept-Encoding", "gzip, deflate"))
        .await;
    assert_eq!(gzip.header("content-encoding").as_deref(), Some("gzip"));
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(gzip.body.as_slice());
    decoder.read_to_string(&mut text).unwrap();
    assert_eq!(text.trim_end(), plain);
    assert!(gzip.body.len() < plain.len());
    let request = engine.client.post(&[]).body(statement);
    let lz4 = engine
        .client
        .send(request.header("Accept-Encoding", "lz4"))
        .await;
    assert_eq!(lz4.header("content-encoding").as_deref(), Some("lz4"));
    let mut text = String::new();
    let mut decoder = lz4_flex::frame::FrameDecoder::new(lz4.body.as_slice());
    decoder.read_to_string(&mut text).unwrap();
    assert_eq!(text.trim_end(), plain);
}

#[tokio::test]
async fn native_results_fit_the_clients_version() {
    let engine = TestEngine::start().await;
    // Every column type with a special layout, with and without elements.
    let statement = "SELECT [toLowCardinality('a'), 'b'] AS a, CAST([], 'Array(LowCardinality(Nullable(String)))') AS b, (number, toLowCardinality('x')) AS c, map('k', toNullable(number)) AS d, toInt256(1) AS e, toDecimal64(1, 4) AS f, CAST('q', 'Enum8(''q'' = 1)') AS g, toLowCardinality(toNullable(toString(number % 3))) AS h, toFixedString('ab', 3) AS i, [[number]] AS j FROM numbers(100000)";
    let ask = async |version: &str| {
        let pairs = [
            ("default_format", "Native"),
            ("client_protocol_version", version),
        ];
        let answer = engine.client.try_query(&pairs, statement).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.body
    };
    let (plain, with_info, with_flags) = (ask("0").await, ask("54405").await, ask("54460").await);
    let blocks = (with_info.len() - plain.len()) / 8;
    assert!(blocks > 1, "{blocks} blocks");
    assert_eq!(with_flags.len(), with_info.len() + 10 * blocks);
    assert!(with_flags.starts_with(b"\x01\x00\x02\xFF\xFF\xFF\xFF\x00\x0A"));
}
