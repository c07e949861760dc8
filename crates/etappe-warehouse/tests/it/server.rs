//! Remote servers: encrypted, replicated, too old, or not as configured.

use etappe_core::ports::{RetryClass, Retryable};
use etappe_testkit::tls_front::TlsFront;
use etappe_warehouse::{Warehouse, WarehouseConfig, WarehouseError};
use prometheus::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::engine::{TestWarehouse, database_name, shared_engine};

fn connect(config: WarehouseConfig) -> Warehouse {
    Warehouse::connect(config, &Registry::new()).expect("a good configuration")
}

#[tokio::test]
async fn an_encrypted_server_is_used_only_with_a_trusted_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let plain = shared_engine().config("etappe");
    let front = TlsFront::start(plain.host()).await.unwrap();
    std::fs::write(&ca_file, &front.certificate).unwrap();
    let port = front.port;
    let url = format!(
        "https://{}:{}@localhost:{port}/{}",
        plain.user,
        plain.password,
        database_name()
    );
    let config = WarehouseConfig::from_url(&url).unwrap();
    let trusting = WarehouseConfig {
        ca_file: Some(ca_file.clone()),
        ..config.clone()
    };
    let warehouse = connect(trusting.clone());
    let report = warehouse.migrate().await.unwrap();
    assert!(report.applied == ["schema", "settled", "ledger"]);
    warehouse.ping().await.unwrap();

    let error = connect(config.clone()).ping().await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("localhost:{port}")), "{text}");
    assert!(!text.contains(&plain.password), "{text}");

    std::fs::write(&ca_file, "no certificate").unwrap();
    let missing = folder.path().join("missing.pem");
    for file in [ca_file, missing] {
        let config = WarehouseConfig {
            ca_file: Some(file),
            ..config.clone()
        };
        let error = Warehouse::connect(config, &Registry::new()).unwrap_err();
        assert_eq!(error.retry_class(), RetryClass::Fatal);
        assert!(error.to_string().contains("ca_file"), "{error}");
    }
}

#[tokio::test]
async fn problems_with_a_server_are_reported_with_advice() {
    let good = shared_engine().config(&database_name());
    let host = good.host();
    let wrong = WarehouseConfig {
        password: "wrong".to_owned(),
        ..good.clone()
    };
    let error = connect(wrong).migrate().await.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.retry_class(), RetryClass::Transient, "{text}");
    assert!(
        text.contains(&host) && text.contains("check `user` and `password`"),
        "{text}"
    );

    let unknown = connect(good.clone());
    let error = unknown.ping().await.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.retry_class(), RetryClass::Fatal, "{text}");
    assert!(
        text.contains("`etappe migrate` makes the database"),
        "{text}"
    );
    unknown.migrate().await.unwrap();
    unknown.ping().await.unwrap();

    let away = WarehouseConfig {
        url: "http://127.0.0.1:1".to_owned(),
        ..good
    };
    let error = connect(away).migrate().await.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.retry_class(), RetryClass::Transient, "{text}");
    assert!(
        text.contains("127.0.0.1:1") && text.contains("HTTP port"),
        "{text}"
    );
}

/// Answers one query with a text, as the server does.
async fn answer_once(listener: TcpListener, text: &str) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = vec![0; 4_096];
    let read = stream.read(&mut request).await.unwrap();
    assert!(read > 0);
    let mut body = vec![1, 9];
    body.extend_from_slice(b"version()");
    body.push(6);
    body.extend_from_slice(b"String");
    body.push(u8::try_from(text.len()).unwrap());
    body.extend_from_slice(text.as_bytes());
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    stream.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_old_server_is_refused_before_anything_is_changed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let warehouse = connect(WarehouseConfig::new(&url, "etappe", "u", "p"));
    let (result, ()) = tokio::join!(warehouse.migrate(), answer_once(listener, "25.3.2.39"));
    let error = result.unwrap_err();
    assert!(
        matches!(&error, WarehouseError::ServerTooOld { found, .. } if found == "25.3.2.39"),
        "{error}"
    );
    assert_eq!(error.retry_class(), RetryClass::Fatal);
    assert!(error.to_string().contains("25.8 or newer"), "{error}");
    shared_engine()
        .warehouse("system")
        .check_server()
        .await
        .unwrap();
}

#[tokio::test]
async fn the_server_can_parse_every_statement_for_replicas() {
    let engine = shared_engine();
    // A view that uses other views can only be parsed in a database that has them.
    let test = TestWarehouse::new().await;
    let client = &test.client;
    for (replicated, cluster) in [(false, ""), (true, ""), (true, "main-1")] {
        let config = WarehouseConfig {
            replicated,
            cluster: cluster.to_owned(),
            ..engine.config("elsewhere")
        };
        assert_eq!(config.validate(), Ok(()));
        let statements = connect(config).schema_statements();
        assert!(statements.len() > 50);
        let all = statements.join("\n");
        assert_eq!(all.contains("\nENGINE = MergeTree"), !replicated);
        assert_eq!(all.contains("\nENGINE = ReplicatedMergeTree"), replicated);
        assert_eq!(
            all.contains("non_replicated_deduplication_window"),
            !replicated
        );
        let on_cluster = all.matches(" ON CLUSTER `main-1`").count();
        assert_eq!(
            on_cluster,
            if cluster.is_empty() {
                0
            } else {
                statements.len()
            }
        );
        for statement in statements {
            let parse = format!("EXPLAIN AST {statement}");
            if let Err(error) = client.query_raw(&parse).execute().await {
                panic!("{statement}: {error}");
            }
        }
    }
    let broken = "EXPLAIN AST CREATE TABLE IF NOT EXISTS t ON CLUSTER (x UInt8)";
    assert!(client.query_raw(broken).execute().await.is_err());
    let sync = "EXPLAIN AST SYSTEM SYNC REPLICA messages LIGHTWEIGHT";
    client.query_raw(sync).execute().await.unwrap();
}
