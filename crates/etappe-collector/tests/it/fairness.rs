//! One site's flood is refused, cheaply and with a time to retry; other sites are not refused.

use std::sync::Arc;
use std::time::Duration;

use etappe_collector::config::CollectorConfig;
use etappe_core::site::SiteSettings;
use tokio::task::JoinSet;

use crate::client::Answer;
use crate::harness::{OTHER_KEY, SERVER_KEY, Service, basic, batch, track};

/// Sends a batch with one message of `id`, padded with further messages to `bytes`.
async fn send(service: &Service, key: &str, id: &str, bytes: usize) -> Answer {
    let mut messages = vec![track(id)];
    messages.extend((0..bytes / 100).map(|number| track(&format!("{id}-{number}"))));
    let body = batch(&messages);
    let headers = [basic(key)];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    service
        .send("POST /v1/batch", &headers, body.as_bytes())
        .await
}

fn expect_overloaded(answer: &Answer, retry_after: &str) {
    answer.expect_error(503, "overloaded");
    assert_eq!(answer.header("retry-after"), Some(retry_after));
}

/// Waits until this many requests wait for their turn to publish.
async fn waiting(service: &Service, requests: u32) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    let name = "etappe_collector_waiting_requests";
    while (service.metric(name, "publish") - f64::from(requests)).abs() > 0.5 {
        assert!(tokio::time::Instant::now() < patience, "no request waits");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_last_part_of_the_log_is_reserved_for_sites_that_did_not_fill_it() {
    let service = Service::start().await;
    service.log.fill(0.93);
    // A site that sends little may use all of the log.
    send(&service, SERVER_KEY, "small", 100)
        .await
        .expect_accepted();
    let mut refused = None;
    for number in 0..20 {
        let id = format!("large-{number}-");
        let answer = send(&service, SERVER_KEY, &id, 200_000).await;
        if answer.status == 503 {
            refused = Some((answer, id));
            break;
        }
        answer.expect_accepted();
    }
    let (refused, id) = refused.expect("a site that sends megabytes is refused");
    expect_overloaded(&refused, "5");
    send(&service, OTHER_KEY, "other", 100)
        .await
        .expect_accepted();
    assert!(service.metric("etappe_collector_shed_requests_total", "log") > 0.5);
    let fullness = service.metric("etappe_collector_log_fullness_ratio", "");
    assert!((fullness - 0.93).abs() < 1e-9, "{fullness}");
    // The metric also drops without a request once the log has emptied.
    service.log.fill(0.1);
    service.collector.show_log_fullness();
    let fullness = service.metric("etappe_collector_log_fullness_ratio", "");
    assert!((fullness - 0.1).abs() < 1e-9, "{fullness}");
    let texts = service.log.texts().join("");
    assert!(texts.contains("other") && !texts.contains(&id), "{texts}");
}

#[tokio::test]
async fn a_log_with_room_refuses_no_site_during_a_flood() {
    let service = Service::start().await;
    service.log.fill(0.89);
    for number in 0..20 {
        send(&service, SERVER_KEY, &format!("m{number}"), 200_000)
            .await
            .expect_accepted();
    }
}

#[tokio::test]
async fn a_site_whose_request_waited_too_long_is_refused_more_and_another_site_goes_first() {
    let config = CollectorConfig {
        // Room for one request at a time.
        publishing_bytes: 1,
        turn_timeout: Duration::from_millis(50),
        ..CollectorConfig::default()
    };
    let service = Arc::new(Service::start_with(config, SiteSettings::default()).await);
    service.log.close();
    let mut requests = JoinSet::new();
    let mut begin = |key: &'static str, id: &'static str| {
        let service = Arc::clone(&service);
        requests.spawn(async move { (id, send(&service, key, id, 10_000).await) });
    };
    begin(SERVER_KEY, "first");
    service.log.reached(1).await;
    begin(SERVER_KEY, "second");
    waiting(&service, 1).await;
    begin(SERVER_KEY, "third");
    waiting(&service, 2).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    let refused = send(&service, SERVER_KEY, "late", 10_000).await;
    expect_overloaded(&refused, "1");
    assert!(service.metric("etappe_collector_shed_requests_total", "publish") > 0.5);
    begin(OTHER_KEY, "other");
    waiting(&service, 3).await;
    service.log.open();
    while let Some(done) = requests.join_next().await {
        let (id, answer) = done.unwrap();
        assert_eq!(answer.status, 200, "{id}");
    }
    let order: Vec<String> = service
        .log
        .values()
        .iter()
        .map(|record| record.to_string())
        .collect();
    let place = |id: &str| order.iter().position(|record| record.contains(id)).unwrap();
    assert!(place("other") < place("third"), "{order:?}");
}
