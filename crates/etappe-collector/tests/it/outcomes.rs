//! The client is told what the log answers.

use std::time::Duration;

use etappe_collector::config::CollectorConfig;
use etappe_core::site::SiteSettings;

use crate::harness::{SERVER_KEY, Service, basic, batch, track};

fn named(event: &str) -> String {
    format!(r#"{{"type":"track","event":"{event}","userId":"u","messageId":"{event}"}}"#)
}

#[tokio::test]
async fn an_event_that_temporarily_cannot_be_stored_fails_its_whole_request() {
    let service = Service::start().await;
    service.log.refuse(Some("UNLUCKY"));
    let body = batch(&[named("a"), named("UNLUCKY"), named("b")]);
    let answer = service.post("/v1/batch", &body).await;
    answer.expect_error(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("5"));
    service.log.refuse(None);
    assert_eq!(
        service.post("/v1/batch", &body).await.expect_accepted(),
        (3, vec![])
    );
}

#[tokio::test]
async fn a_record_too_large_for_the_log_is_rejected_alone() {
    let service = Service::start().await;
    let body = batch(&[
        r#"{"type":"page"}"#.to_owned(),
        named("a"),
        named("TOO LARGE"),
        named("b"),
    ]);
    let (accepted, rejected) = service.post("/v1/batch", &body).await.expect_accepted();
    assert_eq!(accepted, 2);
    assert_eq!(
        rejected,
        [(0, "missing_id".to_owned()), (2, "too_large".to_owned())]
    );
    let answer = service
        .post("/v1/batch", batch(&[named("TOO LARGE")]))
        .await;
    answer.expect_error(400, "nothing_valid");
    assert_eq!(answer.json()["rejected"][0]["messageId"], "TOO LARGE");
}

#[tokio::test]
async fn the_answer_waits_until_the_events_are_durable() {
    let service = Service::start().await;
    service.log.close();
    let mut connection = service.connect().await;
    connection
        .request(
            "POST /v1/batch",
            &[&basic(SERVER_KEY)],
            batch(&[track("m")]).as_bytes(),
        )
        .await;
    let early = tokio::time::timeout(Duration::from_millis(200), connection.answer()).await;
    assert!(early.is_err() && service.log.texts().is_empty());
    service.log.open();
    assert_eq!(connection.answer().await.expect_accepted(), (1, vec![]));
    assert_eq!(service.log.texts().len(), 1);
}

#[tokio::test]
async fn a_log_that_times_out_is_503() {
    let config = CollectorConfig {
        publish_timeout: Duration::from_millis(100),
        ..CollectorConfig::default()
    };
    let service = Service::start_with(config, SiteSettings::default()).await;
    service.log.close();
    let answer = service.post("/v1/batch", batch(&[track("m")])).await;
    answer.expect_error(503, "publish_timeout");
    assert_eq!(answer.header("retry-after"), Some("1"));
}
