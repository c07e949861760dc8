//! Values that are accepted but do not count: reported to the sender, counted, and kept for the
//! owner.

use etappe_collector::config::CollectorConfig;
use etappe_core::site::SiteSettings;
use serde_json::{Value, json};

use crate::harness::{PIXEL_KEY, SERVER_KEY, Service, batch, gzip, track};

fn order(id: &str, properties: &str) -> String {
    format!(
        r#"{{"type":"track","event":"Order Completed","userId":"u1","messageId":"{id}","properties":{properties}}}"#
    )
}

#[tokio::test]
async fn an_answer_names_every_value_that_does_not_count() {
    let service = Service::start().await;
    let messages = [
        order("m0", r#"{"revenue":"33,95","currency":"EUR"}"#),
        order("m1", r#"{"revenue":"1,234"}"#),
        order("m2", r#"{"revenue":5,"currency":"US dollar bill"}"#),
        r#"{"type":"track","event":"x","userId":"undefined","messageId":"m3"}"#.to_owned(),
    ];
    let answer = service.post("/v1/batch", batch(&messages)).await;
    assert_eq!(answer.expect_accepted(), (4, vec![]));
    let warning = |index: usize, field: &str, value: &str, reason: &str| json!({ "index": index, "messageId": format!("m{index}"), "field": field, "value": value, "reason": reason });
    assert_eq!(
        answer.json()["warnings"],
        json!([
            warning(1, "properties.revenue", "1,234", "ambiguous_amount"),
            warning(
                2,
                "properties.currency",
                "US dollar bill",
                "unknown_currency"
            ),
            warning(3, "userId", "undefined", "placeholder_id"),
        ])
    );
    assert!(answer.json().get("warnings_more").is_none());
    assert!(service.log.values()[3].get("userId").is_none());
    for reason in ["ambiguous_amount", "unknown_currency", "placeholder_id"] {
        let counted = service.metric("etappe_collector_warnings_total", reason);
        assert!((counted - 1.0).abs() < 0.1, "{reason}: {counted}");
    }
}

#[tokio::test]
async fn an_answer_without_warnings_omits_the_field() {
    let service = Service::start().await;
    let answer = service.post("/v1/batch", batch(&[track("m")])).await;
    let expected = json!({ "success": true, "accepted": 1, "rejected": [] });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn a_sites_own_currency_and_largest_amount_apply() {
    let settings = SiteSettings {
        currency: "USD".to_owned(),
        largest_amount: serde_json::from_value(json!({ "USD": 1000 })).unwrap(),
        ..SiteSettings::default()
    };
    let service = Service::start_with(CollectorConfig::default(), settings).await;
    let messages = [
        order("m0", r#"{"revenue":"$1,000.00"}"#),
        order("m1", r#"{"revenue":1000.01}"#),
    ];
    let answer = service.post("/v1/batch", batch(&messages)).await;
    let json = answer.json();
    assert_eq!(json["warnings"].as_array().map(Vec::len), Some(1), "{json}");
    assert_eq!(json["warnings"][0]["index"], 1);
    assert_eq!(json["warnings"][0]["reason"], "large_amount");
    let record = &service.log.values()[0];
    assert_eq!(record["currency"], "USD");
    assert_eq!(record["largestAmount"], json!({ "USD": 1000 }));
}

#[tokio::test]
async fn the_warnings_of_an_answer_are_bounded() {
    let service = Service::start().await;
    let bad = vec!["1".to_owned(); 100_000];
    let warned = r#"{"type":"page","anonymousId":"0"}"#.to_owned();
    let body = batch(&[bad, vec![warned; 500]].concat());
    let sent = gzip(body.as_bytes());
    let answer = service.post("/v1/batch", sent).await;
    let json = answer.json();
    assert_eq!((answer.status, &json["accepted"]), (200, &json!(500)));
    for (list, more, total) in [
        ("rejected", "rejected_more", 100_000),
        ("warnings", "warnings_more", 500),
    ] {
        assert_eq!(json[list].as_array().map(Vec::len), Some(100), "{list}");
        assert_eq!(json[more], total - 100, "{list}");
    }
    assert_eq!(json["rejected"][99]["index"], 99);
    assert_eq!(json["warnings"][0]["index"], 100_000);
    assert!(answer.body.len() < 32 * 1024, "{}", answer.body.len());
    let counted = service.metric("etappe_collector_events_rejected_total", "malformed");
    assert!((counted - 100_000.0).abs() < 0.1, "{counted}");

    let worthless = batch(&vec!["{}".to_owned(); 50_000]);
    let answer = service.post("/v1/batch", gzip(worthless.as_bytes())).await;
    answer.expect_error(400, "nothing_valid");
    let json = answer.json();
    assert_eq!(json["rejected"].as_array().map(Vec::len), Some(100));
    assert_eq!(json["rejected_more"], 49_900);
}

#[tokio::test]
async fn quoted_values_are_short_and_hold_no_keys_or_addresses() {
    let service = Service::start().await;
    let long = "9".repeat(5_000);
    let messages = [
        order("m0", &format!(r#"{{"revenue":"x{long}"}}"#)),
        order("m1", &format!(r#"{{"revenue":"5 {SERVER_KEY}"}}"#)),
        order("m2", r#"{"revenue":"1 from 203.0.113.77"}"#),
        order("m3", r#"{"revenue":1,"currency":"é€"}"#),
    ];
    let answer = service.post("/v1/batch", batch(&messages)).await;
    let owner = service
        .send("GET /v1/sites/shop/warnings", &[], b"")
        .await
        .json();
    for json in [answer.json(), owner] {
        let warnings = json["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), 4, "{json}");
        let short = |one: &Value| one["value"].as_str().is_some_and(|text| text.len() <= 64);
        assert!(warnings.iter().all(short), "{json}");
        let text = json.to_string();
        assert!(
            !text.contains(SERVER_KEY) && !text.contains("203.0.113.77"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_owner_sees_the_counts_and_the_last_examples() {
    let service = Service::start().await;
    let query =
        format!("GET /v1/pixel.gif?writeKey={PIXEL_KEY}&event=Opened&messageId=p1&userId=null");
    assert_eq!(service.send(&query, &[], b"").await.status, 200);
    let messages: Vec<String> = (0..1_200)
        .map(|number| order(&format!("m{number}"), r#"{"revenue":"1,234"}"#))
        .collect();
    service
        .post("/v1/batch", batch(&messages))
        .await
        .expect_accepted();
    let answer = service.send("GET /v1/sites/shop/warnings", &[], b"").await;
    let json = answer.json();
    assert_eq!((answer.status, &json["site"]), (200, &json!("shop")));
    assert_eq!(json["since"], "2024-03-10T12:00:00.000Z");
    assert_eq!(
        json["counts"],
        json!({ "placeholder_id": 1, "ambiguous_amount": 1_200 })
    );
    let listed = json["warnings"].as_array().unwrap();
    assert_eq!(listed.len(), 1_000);
    assert_eq!(
        listed[0],
        json!({
            "receivedAt": "2024-03-10T12:00:00.000Z",
            "reason": "ambiguous_amount",
            "type": "track",
            "event": "Order Completed",
            "messageId": "m1199",
            "field": "properties.revenue",
            "value": "1,234",
        })
    );
    let nobody = service
        .send("GET /v1/sites/nobody/warnings", &[], b"")
        .await;
    assert_eq!(nobody.status, 404);
    let other = service.send("GET /v1/sites/other/warnings", &[], b"").await;
    assert_eq!(other.json()["counts"], json!({}));
}

#[tokio::test]
async fn an_event_that_is_not_stored_causes_no_warning() {
    let service = Service::start().await;
    service.log.refuse(Some("Order Completed"));
    let message = order("m0", r#"{"revenue":"1,234"}"#);
    let answer = service.post("/v1/batch", batch(&[message])).await;
    assert_eq!(answer.status, 503);
    let counted = service.metric("etappe_collector_warnings_total", "ambiguous_amount");
    assert!(counted.abs() < 0.1, "{counted}");
}
