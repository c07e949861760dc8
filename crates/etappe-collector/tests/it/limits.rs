//! Limits on what a client can do to the server; other clients are not affected.

use std::sync::Arc;
use std::time::Duration;

use etappe_collector::config::CollectorConfig;
use etappe_core::site::SiteSettings;
use etappe_runtime::http_server::ServerConfig;
use tokio::task::JoinSet;

use crate::harness::{BROWSER_KEY, OTHER_KEY, SERVER_KEY, Service, basic, batch, gzip, track};

fn padded(bytes: usize) -> String {
    // Random-looking text that gzip cannot compress much.
    let mut state = 1_u32;
    let text: String = (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'0' + u8::try_from(state >> 26).unwrap())
        })
        .filter(|letter| *letter != '\\')
        .collect();
    format!(r#"{{"batch":[{}],"padding":"{text}"}}"#, track("m"))
}

#[tokio::test]
async fn a_body_over_its_limit_is_413_and_the_client_can_read_the_answer() {
    let service = Service::start().await;
    let five_mib = padded(5 * 1024 * 1024 + 200_000);
    service
        .post("/v1/batch", &five_mib)
        .await
        .expect_error(413, "body_too_large");
    let zipped = gzip(padded(900_000).as_bytes());
    assert!(zipped.len() > 512_000, "{}", zipped.len());
    service
        .post("/v1/batch", &zipped)
        .await
        .expect_error(413, "compressed_body_too_large");
    let bomb =
        gzip(format!("{{\"batch\":[{}]{}}}", track("m"), " ".repeat(100_000_000)).as_bytes());
    assert!(bomb.len() < 512_000, "{}", bomb.len());
    service
        .post("/v1/batch", &bomb)
        .await
        .expect_error(413, "body_too_large");
    service
        .post("/v1/batch", padded(3_500_000))
        .await
        .expect_accepted();
}

#[tokio::test]
async fn a_chunked_body_over_its_limit_is_413_too() {
    let service = Service::start().await;
    let mut connection = service.connect().await;
    let head = format!(
        "POST /v1/batch HTTP/1.1\r\nHost: e\r\n{}\r\nTransfer-Encoding: chunked\r\n\r\n",
        basic(SERVER_KEY)
    );
    connection.write(head.as_bytes()).await;
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    for _ in 0..80 {
        connection.write(&chunk).await;
    }
    connection.write(b"0\r\n\r\n").await;
    connection
        .answer()
        .await
        .expect_error(413, "body_too_large");
}

#[tokio::test]
async fn a_client_that_expects_100_continue_is_refused_before_it_sends_the_body() {
    let service = Service::start().await;
    let mut connection = service.connect().await;
    let head = format!(
        "POST /v1/batch HTTP/1.1\r\nHost: e\r\n{}\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n",
        basic(SERVER_KEY)
    );
    connection.write(head.as_bytes()).await;
    connection
        .answer()
        .await
        .expect_error(413, "body_too_large");
    let mut connection = service.connect().await;
    let body = br#"{"userId":"u"}"#;
    let head = format!(
        "POST /v1/page HTTP/1.1\r\nHost: e\r\n{}\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        basic(SERVER_KEY),
        body.len()
    );
    connection.write(head.as_bytes()).await;
    assert_eq!(connection.answer().await.status, 100);
    connection.write(body).await;
    connection.answer().await.expect_accepted();
}

#[tokio::test]
async fn an_unknown_encoding_is_415() {
    let service = Service::start().await;
    for encoding in ["br", "deflate", "zstd", "gzip, gzip", "\u{e9}"] {
        let header = format!("Content-Encoding: {encoding}");
        let answer = service
            .send("POST /v1/batch", &[&basic(SERVER_KEY), &header], b"{}")
            .await;
        answer.expect_error(415, "unknown_encoding");
    }
}

#[tokio::test]
async fn slow_heads_are_cut_off_and_slow_bodies_get_408() {
    let server = ServerConfig {
        header_timeout: Duration::from_secs(1),
        body_timeout: Duration::from_secs(1),
        ..ServerConfig::default()
    };
    let (config, settings) = (CollectorConfig::default(), SiteSettings::default());
    let service = Service::start_served(config, settings, server).await;
    let mut silent = service.connect().await;
    let mut slow_head = service.connect().await;
    slow_head
        .write(b"POST /v1/page HTTP/1.1\r\nHost: e\r\nX-")
        .await;
    let mut slow_body = service.connect().await;
    let head = format!(
        "POST /v1/page HTTP/1.1\r\nHost: e\r\n{}\r\nContent-Length: 100\r\n\r\n{{",
        basic(SERVER_KEY)
    );
    slow_body.write(head.as_bytes()).await;
    // A fast client is served meanwhile.
    service
        .post("/v1/page", r#"{"userId":"u"}"#)
        .await
        .expect_accepted();
    let answer = slow_body.answer().await;
    answer.expect_error(408, "body_timeout");
    assert_eq!(answer.header("retry-after"), Some("1"));
    slow_body.closed().await;
    slow_head.closed().await;
    silent.closed().await;
}

#[tokio::test]
async fn a_truncated_body_stores_nothing() {
    let service = Service::start().await;
    let body = batch(&[track("m")]);
    let head = format!(
        "POST /v1/batch HTTP/1.1\r\nHost: e\r\n{}\r\nContent-Length: {}\r\n\r\n{body}",
        basic(SERVER_KEY),
        body.len() + 5
    );
    let mut connection = service.connect().await;
    connection.write(head.as_bytes()).await;
    drop(connection);
    // A body shorter than stated is never complete; the rest of a longer one is another request.
    let mut connection = service.connect().await;
    let head = format!(
        "POST /v1/batch HTTP/1.1\r\nHost: e\r\n{}\r\nContent-Length: {}\r\n\r\n{body}garbage\r\n\r\n",
        basic(SERVER_KEY),
        body.len()
    );
    connection.write(head.as_bytes()).await;
    connection.answer().await.expect_accepted();
    assert_eq!(connection.answer().await.status, 400);
    assert_eq!(service.log.texts().len(), 1);
}

#[tokio::test]
async fn a_flood_of_headers_is_431() {
    let service = Service::start().await;
    let long = format!("X-Long: {}", "x".repeat(20_000));
    assert_eq!(
        service.send("POST /v1/page", &[&long], b"").await.status,
        431
    );
    let many: Vec<String> = (0..500).map(|number| format!("X-{number}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(service.send("POST /v1/page", &many, b"").await.status, 431);
    let head = format!("GET /v1/pixel.gif?{}", "x".repeat(20_000));
    assert!(matches!(
        service.send(&head, &[], b"").await.status,
        414 | 431
    ));
}

#[tokio::test]
async fn connections_over_the_limit_are_refused_and_the_others_served() {
    let server = ServerConfig {
        max_connections: 2,
        ..ServerConfig::default()
    };
    let (config, settings) = (CollectorConfig::default(), SiteSettings::default());
    let service = Service::start_served(config, settings, server).await;
    let mut held = service.connect().await;
    held.request("POST /v1/page", &[&basic(SERVER_KEY)], br#"{"userId":"u"}"#)
        .await;
    held.answer().await.expect_accepted();
    let mut second = service.connect().await;
    second
        .request("POST /v1/page", &[&basic(SERVER_KEY)], br#"{"userId":"u"}"#)
        .await;
    second.answer().await.expect_accepted();
    let mut third = service.connect().await;
    let refused = third.answer().await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1"))
    );
    third.closed().await;
    held.request("POST /v1/page", &[&basic(SERVER_KEY)], br#"{"userId":"u"}"#)
        .await;
    held.answer().await.expect_accepted();
    assert!((service.metric("etappe_runtime_connections_total", "\"refused\"") - 1.0).abs() < 0.1);
    assert!((service.metric("etappe_runtime_connections{", "public") - 2.0).abs() < 0.1);
}

#[tokio::test]
async fn a_site_over_its_rate_gets_429_and_others_do_not() {
    let settings = SiteSettings {
        events_per_second: Some(10),
        ..SiteSettings::default()
    };
    let service = Service::start_with(CollectorConfig::default(), settings).await;
    let messages: Vec<String> = (0..1_000)
        .map(|number| track(&number.to_string()))
        .collect();
    assert_eq!(
        service
            .post("/v1/batch", batch(&messages))
            .await
            .expect_accepted()
            .0,
        1_000
    );
    let answer = service.post("/v1/batch", batch(&[track("m")])).await;
    answer.expect_error(429, "rate_limited");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((90..=100).contains(&wait), "{wait}");
    let body = format!(r#"{{"writeKey":"{BROWSER_KEY}","userId":"u"}}"#);
    service
        .send("POST /v1/page", &[], body.as_bytes())
        .await
        .expect_error(429, "rate_limited");
    let answer = service
        .send("POST /v1/page", &[&basic(OTHER_KEY)], br#"{"userId":"u"}"#)
        .await;
    answer.expect_accepted();
}

#[tokio::test]
async fn a_sites_flood_leaves_room_for_other_sites() {
    let config = CollectorConfig {
        body_bytes: 1024 * 1024,
        batch_events: 10_000,
        in_flight_bytes: 17 * 1024 * 1024,
        ..CollectorConfig::default()
    };
    assert_eq!(config.validate(), Vec::<String>::new());
    let service = Service::start_with(config, SiteSettings::default()).await;
    service.log.close();
    let service = Arc::new(service);
    let mut flood = JoinSet::new();
    for _ in 0..20 {
        let service = Arc::clone(&service);
        flood.spawn(async move { service.post("/v1/batch", padded(900_000)).await });
    }
    // Each request holds its body while the log blocks it, so half of the budget is soon used up.
    let answer = flood.join_next().await.unwrap().unwrap();
    answer.expect_error(503, "overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let mut other = service.connect().await;
    other
        .request(
            "POST /v1/batch",
            &[&basic(OTHER_KEY)],
            padded(900_000).as_bytes(),
        )
        .await;
    service.log.open();
    other.answer().await.expect_accepted();
    let mut statuses: Vec<u16> = flood
        .join_all()
        .await
        .into_iter()
        .map(|answer| answer.status)
        .collect();
    statuses.sort_unstable();
    assert!(statuses.first() == Some(&200), "{statuses:?}");
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 503)),
        "{statuses:?}"
    );
    service
        .post("/v1/batch", padded(900_000))
        .await
        .expect_accepted();
    assert!(service.metric("etappe_collector_in_flight_bytes", "").abs() < 0.1);
}

#[tokio::test]
async fn a_client_that_reads_no_answers_is_disconnected() {
    let server = ServerConfig {
        write_timeout: Duration::from_millis(500),
        ..ServerConfig::default()
    };
    let (config, settings) = (CollectorConfig::default(), SiteSettings::default());
    let service = Service::start_served(config, settings, server).await;
    let worthless = format!("{{\"batch\":[{}]}}", vec!["{}"; 2_000].join(","));
    service
        .post("/v1/batch", worthless)
        .await
        .expect_error(400, "nothing_valid");
    let mut deaf = service.connect().await;
    let request = "GET /v1/sites/shop/rejections HTTP/1.1\r\nHost: e\r\n\r\n";
    // Each answer exceeds 100 kB, so far fewer than these fill every buffer on the way.
    deaf.write(request.repeat(500).as_bytes()).await;
    service.ended("failed").await;
    let taken = deaf.drain().await;
    assert!(taken < 500 * 100_000, "{taken}");
}
