//! How the server shuts down.

use std::time::Duration;

use etappe_collector::config::CollectorConfig;
use etappe_core::site::SiteSettings;
use etappe_runtime::http_server::{ServeError, ServerConfig};

use crate::harness::{SERVER_KEY, Service, basic, batch, track};

#[tokio::test]
async fn a_shutdown_finishes_requests_and_closes_idle_connections() {
    let service = Service::start().await;
    let mut idle = service.connect().await;
    idle.request("POST /v1/page", &[&basic(SERVER_KEY)], br#"{"userId":"u"}"#)
        .await;
    idle.answer().await.expect_accepted();
    service.log.close();
    let mut busy = service.connect().await;
    busy.request(
        "POST /v1/batch",
        &[&basic(SERVER_KEY)],
        batch(&[track("m")]).as_bytes(),
    )
    .await;
    service.log.reached(2).await;
    service.begin_stop();
    idle.closed().await;
    assert!(
        tokio::net::TcpStream::connect(service.address)
            .await
            .is_err()
    );
    service.log.open();
    assert_eq!(busy.answer().await.expect_accepted(), (1, vec![]));
    busy.closed().await;
    service.stopped().await.unwrap();
}

#[tokio::test]
async fn a_request_that_outlasts_the_shutdown_is_cut_off_unacknowledged() {
    let server = ServerConfig {
        drain_timeout: Duration::from_millis(100),
        ..ServerConfig::default()
    };
    let (config, settings) = (CollectorConfig::default(), SiteSettings::default());
    let service = Service::start_served(config, settings, server).await;
    service.log.close();
    let mut busy = service.connect().await;
    busy.request(
        "POST /v1/batch",
        &[&basic(SERVER_KEY)],
        batch(&[track("m")]).as_bytes(),
    )
    .await;
    service.log.reached(1).await;
    let outcome = service.stopped().await;
    assert!(
        matches!(
            outcome,
            Err(ServeError::DrainTimeout { connections: 1, .. })
        ),
        "{outcome:?}"
    );
    assert!(busy.try_answer().await.is_none());
}

#[tokio::test]
async fn bytes_that_are_not_http_get_400_and_the_connection_closes() {
    let service = Service::start().await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"hello\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
    ] {
        let mut connection = service.connect().await;
        connection.write(garbage).await;
        assert_eq!(
            connection.try_answer().await.map(|answer| answer.status),
            Some(400)
        );
        connection.closed().await;
    }
    service
        .post("/v1/page", r#"{"userId":"u"}"#)
        .await
        .expect_accepted();
}
