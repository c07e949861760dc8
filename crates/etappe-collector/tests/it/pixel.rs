//! The pixel always returns an image.

use etappe_collector::config::CollectorConfig;
use etappe_core::site::SiteSettings;
use serde_json::json;

use crate::client::Answer;
use crate::harness::{BROWSER_KEY, PIXEL_KEY, SERVER_KEY, Service};

#[track_caller]
fn expect_image(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("image/gif"))
    );
    assert!(
        answer
            .header("cache-control")
            .is_some_and(|value| value.contains("no-store"))
    );
    assert_eq!(answer.header("content-length"), Some("43"));
    assert!(answer.body.starts_with(b"GIF89a"));
    assert_eq!(answer.body.len(), 43);
}

async fn fetch(service: &Service, query: &str) {
    let head = format!("GET /v1/pixel.gif?{query}");
    expect_image(
        &service
            .send(
                &head,
                &["User-Agent: Mail/1", "Accept: image/webp,*/*"],
                b"",
            )
            .await,
    );
}

#[tokio::test]
async fn a_pixel_is_stored_as_an_event_with_the_pixel_scope() {
    let service = Service::start().await;
    for (count, key) in [PIXEL_KEY, BROWSER_KEY, SERVER_KEY].into_iter().enumerate() {
        fetch(
            &service,
            &format!(
                "writeKey={key}&event=Email%20Opened&anonymousId=a9&revenue=5&campaign=Spring+sale"
            ),
        )
        .await;
        let records = service.log.values();
        assert_eq!(records.len(), count + 1);
        let record = records.last().unwrap();
        assert_eq!(
            (
                &record["scope"],
                &record["money"],
                &record["event"],
                &record["anonymousId"]
            ),
            (
                &json!("pixel"),
                &json!(false),
                &json!("Email Opened"),
                &json!("a9")
            )
        );
        assert_eq!(
            record["properties"],
            json!({"revenue": "5", "campaign": "Spring sale"})
        );
        assert_eq!(
            record["context"],
            json!({"ip": "127.0.0.0", "userAgent": "Mail/1"})
        );
        assert!(!record.to_string().contains(key));
    }
    fetch(&service, &format!("writeKey={PIXEL_KEY}&event=Anonymous")).await;
    let record = service.log.values().pop().unwrap();
    assert!(record.get("anonymousId").is_none() && record.get("userId").is_none());
}

#[tokio::test]
async fn money_in_a_pixel_counts_only_if_the_site_allows_it() {
    let settings = SiteSettings {
        pixel_revenue: true,
        ..SiteSettings::default()
    };
    let service = Service::start_with(CollectorConfig::default(), settings).await;
    fetch(
        &service,
        &format!("writeKey={PIXEL_KEY}&event=Order&revenue=5"),
    )
    .await;
    assert!(service.log.values()[0].get("money").is_none());
}

#[tokio::test]
async fn a_failed_pixel_still_answers_with_an_image_and_is_counted() {
    let service = Service::start().await;
    service.log.refuse(Some("UNLUCKY"));
    for query in [
        "",
        "event=x",
        "writeKey=nothing&event=x",
        "%ff=%00&&=&writeKey",
        &format!("writeKey={PIXEL_KEY}"),
        &format!("writeKey={PIXEL_KEY}&event=UNLUCKY"),
        &format!("writeKey={PIXEL_KEY}&event=TOO%20LARGE"),
    ] {
        fetch(&service, query).await;
    }
    assert!(service.log.texts().is_empty());
    for (result, count) in [
        ("missing_key", 3.0),
        ("unknown_key", 1.0),
        ("nothing_valid", 2.0),
        ("unavailable", 1.0),
    ] {
        let label = format!("endpoint=\"pixel\",result=\"{result}\"");
        let counted = service.metric("etappe_collector_requests_total", &label);
        assert!((counted - count).abs() < 0.1, "{result}: {counted}");
    }
}

#[tokio::test]
async fn a_rate_limited_pixel_still_answers_with_an_image() {
    let settings = SiteSettings {
        events_per_second: Some(0),
        ..SiteSettings::default()
    };
    let service = Service::start_with(CollectorConfig::default(), settings).await;
    fetch(&service, &format!("writeKey={PIXEL_KEY}&event=x")).await;
    assert!(service.log.texts().is_empty());
    let counted = service.metric("etappe_collector_requests_total", "rate_limited");
    assert!((counted - 1.0).abs() < 0.1);
}

#[tokio::test]
async fn a_head_request_stores_no_event() {
    let service = Service::start().await;
    let mut connection = service.connect().await;
    let head = format!(
        "HEAD /v1/pixel.gif?writeKey={PIXEL_KEY}&event=x HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"
    );
    connection.write(head.as_bytes()).await;
    let mut text = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut connection.stream, &mut text)
        .await
        .unwrap();
    assert!(
        text.starts_with("HTTP/1.1 200") && text.contains("image/gif"),
        "{text}"
    );
    assert!(text.ends_with("\r\n\r\n") && service.log.texts().is_empty());
    let answer = service.send("POST /v1/pixel.gif", &[], b"{}").await;
    answer.expect_error(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
}

#[tokio::test]
async fn a_pixel_takes_its_country_from_a_trusted_proxy() {
    let config = CollectorConfig {
        trusted_proxies: 1,
        country_header: "X-Geo".to_owned(),
        ..CollectorConfig::default()
    };
    let service = Service::start_with(config, SiteSettings::default()).await;
    for (query, expected) in [
        ("", json!({"country": "NL"})),
        (
            "&context.location.city=Delft",
            json!({"city": "Delft", "country": "NL"}),
        ),
        ("&context.location.country=be", json!({"country": "be"})),
    ] {
        let head = format!("GET /v1/pixel.gif?writeKey={PIXEL_KEY}&event=Open{query}");
        let headers = ["X-Geo: nld", "CF-IPCountry: DE"];
        expect_image(&service.send(&head, &headers, b"").await);
        let record = service.log.values().pop().unwrap();
        assert_eq!(record["context"]["location"], expected, "{query}");
    }
}
