//! What an owner is told about whether sending works.

use etappe_collector::config::CollectorConfig;
use etappe_core::site::SiteSettings;
use serde_json::{Value, json};

use crate::harness::{BROWSER_KEY, OTHER_KEY, PIXEL_KEY, SERVER_KEY, Service, basic};

const NOW: &str = "2024-03-10T12:00:00.000Z";

async fn sending(service: &Service, site: &str) -> Value {
    let head = format!("GET /v1/sites/{site}/sending");
    let answer = service.send(&head, &[], b"").await;
    assert_eq!(answer.status, 200);
    answer.json()
}

async fn only_from_the_shop() -> Service {
    let settings = SiteSettings {
        allowed_origins: vec!["https://shop.example".to_owned()],
        ..SiteSettings::default()
    };
    Service::start_with(CollectorConfig::default(), settings).await
}

#[tokio::test]
async fn before_anything_arrives_nothing_is_claimed() {
    let service = Service::start().await;
    assert_eq!(
        sending(&service, "shop").await,
        json!({
            "site": "shop", "since": NOW, "settingsFetchedAt": null, "accepted": null,
            "lastRefusal": null, "unknownSender": null,
        })
    );
    let nobody = service.send("GET /v1/sites/nobody/sending", &[], b"").await;
    assert_eq!(nobody.status, 404);
}

#[tokio::test]
async fn a_fetch_of_the_settings_and_an_accepted_event_are_told_of_their_own_site_only() {
    let service = Service::start().await;
    let head = format!("GET /v1/projects/{BROWSER_KEY}/settings");
    service.send(&head, &[], b"").await;
    service
        .post("/v1/page", r#"{"userId":"u"}"#)
        .await
        .expect_accepted();
    let shop = sending(&service, "shop").await;
    assert_eq!(
        (&shop["settingsFetchedAt"], &shop["accepted"]),
        (&json!(NOW), &json!({ "first": NOW, "last": NOW }))
    );
    let other = sending(&service, "other").await;
    assert_eq!(
        (&other["settingsFetchedAt"], &other["accepted"]),
        (&json!(null), &json!(null))
    );
}

#[tokio::test]
async fn an_accepted_pixel_counts_and_a_rejected_one_does_not() {
    let service = Service::start().await;
    let rejected = format!("GET /v1/pixel.gif?writeKey={PIXEL_KEY}&event=Opened&timestamp=soon");
    service.send(&rejected, &[], b"").await;
    let shop = sending(&service, "shop").await;
    assert_eq!(
        (&shop["accepted"], &shop["lastRefusal"]["reason"]),
        (&json!(null), &json!("invalid_timestamp"))
    );
    let accepted = rejected.replace("&timestamp=soon", "&userId=u");
    service.send(&accepted, &[], b"").await;
    assert!(sending(&service, "shop").await["accepted"].is_object());
}

#[tokio::test]
async fn a_page_of_another_origin_is_named_as_the_last_refusal() {
    let service = only_from_the_shop().await;
    let origin = "Origin: https://test.shop.example";
    let headers = [basic(BROWSER_KEY), origin.to_owned()];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    service
        .send("POST /v1/track", &headers, br#"{"event":"e","userId":"u"}"#)
        .await
        .expect_error(403, "origin_not_allowed");
    let refusal = &sending(&service, "shop").await["lastRefusal"];
    assert_eq!(
        (&refusal["reason"], &refusal["origin"]),
        (
            &json!("origin_not_allowed"),
            &json!("https://test.shop.example")
        )
    );
    // It holds for the key in the body and for the settings, too.
    for (head, body) in [
        (
            "POST /v1/batch".to_owned(),
            format!(r#"{{"writeKey":"{BROWSER_KEY}","batch":[{{}}]}}"#),
        ),
        (
            format!("GET /v1/projects/{BROWSER_KEY}/settings"),
            String::new(),
        ),
    ] {
        let service = only_from_the_shop().await;
        let answer = service.send(&head, &[origin], body.as_bytes()).await;
        answer.expect_error(403, "origin_not_allowed");
        let refusal = &sending(&service, "shop").await["lastRefusal"];
        assert_eq!(refusal["reason"], "origin_not_allowed", "{head}");
    }
}

#[tokio::test]
async fn an_origin_is_cut_and_holds_no_key() {
    let service = only_from_the_shop().await;
    let key = "ew_Zk3JqPz81mYwNtR0aXuVbCdEfGhIjK2L";
    let headers = [
        basic(BROWSER_KEY),
        format!("Origin: https://{key}.example/{}", "x".repeat(200)),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    service.send("POST /v1/track", &headers, b"{}").await;
    let report = sending(&service, "shop").await;
    let origin = report["lastRefusal"]["origin"].as_str().unwrap();
    assert!(
        origin.len() <= 64 && !origin.contains("Zk3JqPz81"),
        "{origin}"
    );
}

#[tokio::test]
async fn a_key_of_no_site_is_told_without_anything_of_the_request() {
    let service = Service::start().await;
    let unknown = json!({ "at": NOW, "reason": "unknown_key" });
    for (head, header) in [
        ("POST /v1/track", basic("no-such-key")),
        (
            "GET /v1/projects/no-such-key/settings",
            "X-None: 1".to_owned(),
        ),
        (
            "GET /v1/pixel.gif?writeKey=no-such-key&event=e&userId=u",
            "X-None: 1".to_owned(),
        ),
    ] {
        let service = Service::start().await;
        service.send(head, &[&header], b"{}").await;
        assert_eq!(
            sending(&service, "shop").await["unknownSender"],
            unknown,
            "{head}"
        );
    }
    service.send("POST /v1/track", &[], b"{}").await;
    assert_eq!(
        sending(&service, "shop").await["unknownSender"]["reason"],
        "missing_key"
    );
}

#[tokio::test]
async fn one_sites_refusal_is_not_told_to_another() {
    let service = Service::start().await;
    service
        .send("POST /v1/track", &[&basic(OTHER_KEY)], b"{")
        .await
        .expect_error(400, "malformed_json");
    assert_eq!(sending(&service, "shop").await["lastRefusal"], json!(null));
    assert_eq!(
        sending(&service, "other").await["lastRefusal"]["reason"],
        "malformed_json"
    );
    service
        .send("POST /v1/track", &[&basic(SERVER_KEY)], b"{}")
        .await
        .expect_error(400, "nothing_valid");
    assert_eq!(
        sending(&service, "shop").await["lastRefusal"]["reason"],
        "missing_event"
    );
}
