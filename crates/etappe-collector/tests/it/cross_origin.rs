//! Requests from scripts of other origins.

use etappe_collector::config::CollectorConfig;
use etappe_core::site::SiteSettings;

use crate::harness::{BROWSER_KEY, SERVER_KEY, Service, basic};

const ORIGIN: &str = "Origin: https://shop.example";

#[tokio::test]
async fn a_preflight_needs_no_key_and_allows_what_it_asks_for() {
    let service = Service::start().await;
    for path in ["/v1/batch", "/v1/t", "/v1/track/", "/beacon/v1/batch"] {
        let headers = [
            ORIGIN,
            "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: authorization,content-type,x-retry-count,anonymousid",
        ];
        let answer = service
            .send(&format!("OPTIONS {path}"), &headers, b"")
            .await;
        assert_eq!(answer.status, 204, "{path}");
        for (name, value) in [
            ("access-control-allow-origin", "https://shop.example"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "POST, OPTIONS"),
            (
                "access-control-allow-headers",
                "authorization,content-type,x-retry-count,anonymousid",
            ),
            ("vary", "Origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn the_requesting_origin_can_read_answers_and_errors() {
    let service = Service::start().await;
    for (key, status) in [(BROWSER_KEY, 200), ("nothing", 401)] {
        let answer = service
            .send(
                "POST /v1/page",
                &[&basic(key), ORIGIN],
                br#"{"userId":"u"}"#,
            )
            .await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("https://shop.example")
        );
        assert_eq!(
            answer.header("access-control-expose-headers"),
            Some("Retry-After")
        );
    }
    let answer = service.post("/v1/page", r#"{"userId":"u"}"#).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_site_that_lists_origins_accepts_browser_events_only_from_them() {
    let settings = SiteSettings {
        allowed_origins: vec!["https://shop.example".to_owned()],
        ..SiteSettings::default()
    };
    let service = Service::start_with(CollectorConfig::default(), settings).await;
    let body = format!(r#"{{"writeKey":"{BROWSER_KEY}","userId":"u"}}"#);
    for (key, origin, status) in [
        (Some(BROWSER_KEY), ORIGIN, 200),
        (None, ORIGIN, 200),
        (Some(BROWSER_KEY), "Origin: https://evil.example", 403),
        (None, "Origin: https://evil.example", 403),
        (Some(BROWSER_KEY), "X-None: 1", 403),
        (Some(SERVER_KEY), "X-None: 1", 200),
    ] {
        let key = key.map_or_else(|| "X-No-Key: 1".to_owned(), basic);
        let answer = service
            .send("POST /v1/page", &[&key, origin], body.as_bytes())
            .await;
        assert_eq!(answer.status, status, "{key} {origin}");
        if status == 403 {
            answer.expect_error(403, "origin_not_allowed");
        }
    }
}

#[tokio::test]
async fn other_methods_are_405() {
    let service = Service::start().await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "BREW"] {
        let answer = service
            .send(&format!("{method} /v1/batch"), &[&basic(SERVER_KEY)], b"{}")
            .await;
        answer.expect_error(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
    }
    let mut connection = service.connect().await;
    connection
        .write(b"HEAD /v1/batch HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n")
        .await;
    let mut text = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut connection.stream, &mut text)
        .await
        .unwrap();
    assert!(text.starts_with("HTTP/1.1 405"), "{text}");
}
