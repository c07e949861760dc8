//! The settings that trackers fetch before they send.

use serde_json::json;

use crate::harness::{BROWSER_KEY, PIXEL_KEY, Service, basic};

#[tokio::test]
async fn segments_browser_library_is_configured_to_send_here() {
    let service = Service::start().await;
    let head = format!("GET /v1/projects/{BROWSER_KEY}/settings");
    let answer = service
        .send(&head, &["Origin: https://shop.example"], b"")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://shop.example")
    );
    let segment = &answer.json()["integrations"]["Segment.io"];
    assert_eq!(
        (
            &segment["apiKey"],
            &segment["apiHost"],
            &segment["protocol"]
        ),
        (&json!(BROWSER_KEY), &json!("etappe/v1"), &json!("http"))
    );
    let unknown = service
        .send("GET /v1/projects/nothing/settings", &[], b"")
        .await;
    unknown.expect_error(401, "unknown_key");
    let head = format!("GET /v1/projects/{PIXEL_KEY}/settings");
    service
        .send(&head, &[], b"")
        .await
        .expect_error(403, "wrong_scope");
}

#[tokio::test]
async fn rudderstacks_browser_library_gets_a_source_without_destinations() {
    let service = Service::start().await;
    let query = format!("GET /sourceConfig/?p=web&writeKey={BROWSER_KEY}");
    for (head, header) in [
        ("GET /sourceConfig/?p=web", basic(BROWSER_KEY)),
        (query.as_str(), "X-None: 1".to_owned()),
    ] {
        let answer = service.send(head, &[&header], b"").await;
        assert_eq!(answer.status, 200, "{head}");
        let source = &answer.json()["source"];
        assert_eq!(
            (&source["id"], &source["destinations"]),
            (&json!("shop"), &json!([]))
        );
        assert!(source["config"].is_object() && source["enabled"] == true);
    }
    service
        .send("GET /sourceConfig/", &[], b"")
        .await
        .expect_error(401, "missing_key");
    let answer = service.send("POST /sourceConfig/", &[], b"").await;
    answer.expect_error(405, "method_not_allowed");
    let answer = service
        .send(
            "OPTIONS /sourceConfig/",
            &["Origin: https://a.example"],
            b"",
        )
        .await;
    assert_eq!(answer.status, 204);
}
