//! Keys that clients put in the wrong place do not reach the log.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::json;

use crate::harness::{PIXEL_KEY, Service};

/// Keys other than the request's: another site's, and a reader's.
const WRITE_KEY: &str = "ew_Zk3JqPz81mYwNtR0aXuVbCdEfGhIjK2L";
const READ_TOKEN: &str = "er_q7Lm2Xv9Ka4Bn8Cz1Dw6Ey3Fu5Gt0Hsp";

/// Returns the forms of a key that must not appear in the log.
fn traces(key: &str) -> Vec<String> {
    let letters = key.get(3..).unwrap();
    let basic = STANDARD_NO_PAD.encode(format!("{key}:"));
    vec![letters.to_owned(), basic.get(..44).unwrap().to_owned()]
}

#[tokio::test]
async fn no_key_reaches_the_log_from_any_place_in_a_message() {
    let service = Service::start().await;
    let mut places = Vec::new();
    for key in [WRITE_KEY, READ_TOKEN] {
        let basic = format!("Basic {}", STANDARD.encode(format!("{key}:")));
        let percent: String = key.bytes().map(|byte| format!("%{byte:02x}")).collect();
        places.extend([
            json!({ "writeKey": key }),
            json!({ "properties": { "writeKey": key } }),
            json!({ "properties": { key: 1 } }),
            json!({ "properties": { "list": [{ "deep": format!("x {key} y") }] } }),
            json!({ "context": { "page": { "url": format!("https://x.example/?writeKey={key}&a=b") } } }),
            json!({ "context": { "page": { "referrer": format!("https://x.example/?k={percent}") } } }),
            json!({ "context": { "headers": { "authorization": basic } } }),
            json!({ "traits": { "token": basic } }),
            json!({ "userId": key }),
            json!({ "messageId": key }),
            json!({ "event": format!("Opened {key}") }),
        ]);
    }
    let messages = places.iter().enumerate().map(|(number, place)| {
        let mut message = json!({
            "type": "track", "event": "e", "userId": "u", "messageId": format!("m{number}"),
        });
        let (message_fields, place) =
            (message.as_object_mut().unwrap(), place.as_object().unwrap());
        message_fields.extend(place.clone());
        message
    });
    let messages: Vec<_> = messages.collect();
    let text = json!({ "batch": messages, "writeKey": WRITE_KEY }).to_string();
    // The same with an escaped prefix, which is the same text in JSON.
    for text in [text.clone(), text.replace("ew_", "\\u0065w\\u005f")] {
        let (accepted, rejected) = service.post("/v1/batch", &text).await.expect_accepted();
        assert_eq!(
            (usize::try_from(accepted).unwrap(), rejected.len()),
            (places.len(), 0)
        );
    }
    let records = service.log.values();
    assert_eq!(records.len(), 2 * places.len());
    for record in records {
        let record = record.to_string();
        for trace in [traces(WRITE_KEY), traces(READ_TOKEN)].concat() {
            assert!(!record.contains(&trace), "{record}");
        }
    }
}

#[tokio::test]
async fn no_key_reaches_the_log_through_a_pixel() {
    let service = Service::start().await;
    let basic = STANDARD.encode(format!("{WRITE_KEY}:"));
    let query = format!(
        "writeKey={PIXEL_KEY}&event=e&anonymousId=a&again={WRITE_KEY}&basic={basic}\
         &context.page.url=https%3A%2F%2Fx.example%2F%3FwriteKey%3D{WRITE_KEY}"
    );
    service
        .send(&format!("GET /v1/pixel.gif?{query}"), &[], b"")
        .await;
    let record = service.log.values().pop().unwrap().to_string();
    assert!(
        record.contains("https://x.example/?writeKey=***"),
        "{record}"
    );
    for trace in traces(WRITE_KEY) {
        assert!(!record.contains(&trace), "{record}");
    }
}

#[tokio::test]
async fn no_key_is_shown_among_rejections() {
    let service = Service::start().await;
    let message = json!({
        "type": "track", "event": format!("a long name before {}{WRITE_KEY}", "x ".repeat(10)),
        "messageId": READ_TOKEN,
    });
    service.post("/v1/track", message.to_string()).await;
    let answer = service
        .send("GET /v1/sites/shop/rejections", &[], b"")
        .await;
    let listed = answer.json().to_string();
    assert!(listed.contains("missing_id"), "{listed}");
    for key in [WRITE_KEY, READ_TOKEN] {
        assert!(!listed.contains(key.get(..16).unwrap()), "{listed}");
    }
}
