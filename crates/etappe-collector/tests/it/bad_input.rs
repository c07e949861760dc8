//! Everything a client can get wrong: each time the answer is clear and nothing is lost.

use serde_json::json;

use crate::client::reasons;
use crate::harness::{PIXEL_KEY, READ_TOKEN, SERVER_KEY, Service, basic, batch, gzip, track};

#[tokio::test]
async fn an_unknown_or_missing_key_is_401_on_every_path() {
    let service = Service::start().await;
    for path in ["track", "t", "i", "p", "s", "g", "a", "batch"] {
        for key in ["no-such-key", READ_TOKEN, ""] {
            let head = format!("POST /v1/{path}");
            let answer = service
                .send(&head, &[&basic(key)], br#"{"batch":[{}]}"#)
                .await;
            let code = if key.is_empty() {
                "missing_key"
            } else {
                "unknown_key"
            };
            answer.expect_error(401, code);
        }
    }
    let body = br#"{"writeKey":"no-such-key","event":"e","userId":"u"}"#;
    service
        .send("POST /v1/track", &[], body)
        .await
        .expect_error(401, "unknown_key");
    service
        .send("POST /v1/track", &["Authorization: Basic ???"], body)
        .await
        .expect_error(401, "unknown_key");
    service
        .send("POST /v1/track", &["Authorization: Bearer x"], body)
        .await
        .expect_error(401, "unknown_key");
    assert!(service.log.texts().is_empty());
}

#[tokio::test]
async fn a_pixel_key_sends_no_messages() {
    let service = Service::start().await;
    let answer = service
        .send("POST /v1/page", &[&basic(PIXEL_KEY)], br#"{"userId":"u"}"#)
        .await;
    answer.expect_error(403, "wrong_scope");
}

#[tokio::test]
async fn an_unreadable_body_is_400() {
    let service = Service::start().await;
    for (body, code) in [
        (&b""[..], "empty_body"),
        (b" ", "empty_body"),
        (b"{not json", "malformed_json"),
        (b"null", "malformed_json"),
        (b"[]", "malformed_json"),
        (b"\"text\"", "malformed_json"),
        (b"\xff\xfe{\x00}\x00", "malformed_json"),
        (b"\0", "malformed_json"),
        (b"{}", "missing_batch"),
        (br#"{"batch":7}"#, "missing_batch"),
        (br#"{"batch":[]}"#, "empty_batch"),
        (
            br#"{"batch":[{"type":"page","userId":"u"}]"#,
            "malformed_json",
        ),
        (
            br#"{"batch":[{"type":"page","userId":"u"},]}"#,
            "malformed_json",
        ),
        (b"\x1f\x8b not gzip", "malformed_gzip"),
        (b"\x1f\x8b", "malformed_gzip"),
    ] {
        let answer = service.post("/v1/batch", body).await;
        answer.expect_error(400, code);
    }
    let cut = gzip(batch(&[track("m")]).as_bytes());
    service
        .post("/v1/batch", &cut[..cut.len() - 9])
        .await
        .expect_error(400, "malformed_gzip");
    assert!(service.log.texts().is_empty());
    assert!(
        (service.metric("etappe_collector_requests_total", "malformed_json") - 7.0).abs() < 2.1
    );
}

#[tokio::test]
async fn a_rejected_single_message_is_400_with_its_reason() {
    let service = Service::start().await;
    let large = format!(
        r#"{{"event":"e","userId":"u","messageId":"m","p":"{}"}}"#,
        "y".repeat(40_000)
    );
    for (body, reason) in [
        (large.as_str(), "too_large"),
        (r#"{"userId":"u","messageId":"m"}"#, "missing_event"),
        (r#"{"event":"e","messageId":"m"}"#, "missing_id"),
        (
            r#"{"event":"e","userId":[1],"messageId":"m"}"#,
            "invalid_id",
        ),
        (
            r#"{"event":{},"userId":"u","messageId":"m"}"#,
            "invalid_field",
        ),
        (
            r#"{"event":"e","userId":"u","messageId":"m","timestamp":"0000-01-01T00:00:00Z"}"#,
            "invalid_timestamp",
        ),
        (
            r#"{"event":"e","userId":"u","messageId":"m","timestamp":"9999-12-31T23:59:59Z"}"#,
            "invalid_timestamp",
        ),
        (r#"{"event":tru,"userId":"u","messageId":"m"}"#, "malformed"),
    ] {
        let answer = service.post("/v1/track", body).await;
        answer.expect_error(400, "nothing_valid");
        let json = answer.json();
        assert_eq!(json["accepted"], 0);
        assert_eq!(
            json["rejected"],
            json!([{"index": 0, "messageId": "m", "reason": reason}])
        );
    }
}

#[tokio::test]
async fn one_bad_event_never_fails_its_neighbours() {
    let service = Service::start().await;
    let deep = format!(
        r#"{{"type":"page","userId":"u","a":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let large = format!(
        r#"{{"type":"page","userId":"u","messageId":"big","p":"{}"}}"#,
        "x".repeat(40 * 1024)
    );
    let mut body = b"{\"batch\":[".to_vec();
    let members: [(&[u8], Option<&str>); 14] = [
        (track("first").as_bytes(), None),
        (large.as_bytes(), Some("too_large")),
        (deep.as_bytes(), Some("too_deep")),
        (b"17", Some("malformed")),
        (b"null", Some("malformed")),
        (b"[[]]", Some("malformed")),
        (b"{\"type\":\"page\",\"userId\":\"a\xffb\"}", Some("invalid_utf8")),
        (b"{\"type\":\"page\",\"userId\":\"a\0b\"}", Some("malformed")),
        (br#"{"type":"page","userId":"nul \u0000"}"#, None),
        (br#"{"type":"page","userId":"half \ud800","properties":{"\udc00":"\ud83d"}}"#, None),
        (br#"{"type":"page","userId":1e999,"properties":{"n":1e999,"m":-0.0,"k":123456789012345678901234567890}}"#, None),
        (br#"{"type":"page","userId":NaN}"#, Some("malformed")),
        (br#"{"type":"page","type":"track","event":"e","userId":"u"}"#, None),
        (br#"{"type":"page","userId":"u","timestamp":"1970-01-01"}"#, None),
    ]
    .map(|(member, reason): (&[u8], _)| (Box::leak(member.to_vec().into_boxed_slice()) as &[u8], reason));
    for (index, (member, _)) in members.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(member);
    }
    body.extend_from_slice(b"]}");
    let expected: Vec<(u64, String)> = (0..)
        .zip(&members)
        .filter_map(|(index, (_, reason))| Some((index, (*reason)?.to_owned())))
        .collect();
    for bytes in [body.clone(), gzip(&body)] {
        assert_eq!(
            service.post("/v1/batch", bytes).await.expect_accepted(),
            (6, expected.clone())
        );
    }
    let records = service.log.texts();
    assert_eq!(records.len(), 12);
    assert!(
        records[2].contains("\"userId\":\"half \u{fffd}\""),
        "{}",
        records[2]
    );
    assert!(records[3].contains(r#""n":1e999,"m":-0.0,"k":123456789012345678901234567890"#));
}

#[tokio::test]
async fn a_batch_without_one_valid_event_is_400_and_names_every_reason() {
    let service = Service::start().await;
    let answer = service
        .post("/v1/batch", r#"{"batch":[1,{"type":"page"},"x"]}"#)
        .await;
    answer.expect_error(400, "nothing_valid");
    let expected = [(0, "malformed"), (1, "missing_id"), (2, "malformed")];
    assert_eq!(
        reasons(&answer.json()),
        expected.map(|(index, reason)| (index, reason.to_owned()))
    );
}

#[tokio::test]
async fn a_hundred_thousand_tiny_events_are_accepted() {
    let service = Service::start().await;
    let tiny = r#"{"type":"page","userId":1}"#;
    let body = format!("{{\"batch\":[{}]}}", vec![tiny; 100_000].join(","));
    assert!(body.len() < 4 * 1024 * 1024);
    let answer = service.post("/v1/batch", gzip(body.as_bytes())).await;
    assert_eq!(answer.expect_accepted(), (100_000, vec![]));
    assert_eq!(service.log.texts().len(), 100_000);
    assert!(service.metric("etappe_collector_in_flight_bytes", "").abs() < 0.1);
}

#[tokio::test]
async fn a_body_of_millions_of_invalid_members_is_refused_before_it_is_expanded() {
    let service = Service::start().await;
    let body = format!("{{\"batch\":[{}]}}", vec!["1"; 2_000_000].join(","));
    service
        .post("/v1/batch", gzip(body.as_bytes()))
        .await
        .expect_error(413, "too_many_events");
}

#[tokio::test]
async fn an_owner_sees_the_last_rejections_without_their_content() {
    let service = Service::start().await;
    let message = format!(
        r#"{{"type":"track","event":"Order {}","messageId":"m9","anonymousId":true,"userId":"person@example.org","properties":{{"secret":1}}}}"#,
        "x".repeat(100)
    );
    service
        .post("/v1/batch", batch(&[track("ok"), message]))
        .await
        .expect_accepted();
    service
        .post("/v1/track", "{")
        .await
        .expect_error(400, "malformed_json");
    let answer = service
        .send("GET /v1/sites/shop/rejections", &[], b"")
        .await;
    assert_eq!(answer.status, 200);
    let json = answer.json();
    assert_eq!(json["site"], "shop");
    let listed = json["rejections"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (&listed[0]["reason"], &listed[0]["bytes"]),
        (&json!("malformed_json"), &json!(1))
    );
    assert_eq!(
        (
            &listed[1]["reason"],
            &listed[1]["messageId"],
            &listed[1]["type"],
            &listed[1]["receivedAt"]
        ),
        (
            &json!("invalid_id"),
            &json!("m9"),
            &json!("track"),
            &json!("2024-03-10T12:00:00.000Z")
        )
    );
    assert_eq!(listed[1]["event"].as_str().map(str::len), Some(64));
    let text = json.to_string();
    assert!(
        !text.contains("person@") && !text.contains("secret"),
        "{text}"
    );
    assert_eq!(
        service
            .send("GET /v1/sites/nobody/rejections", &[], b"")
            .await
            .status,
        404
    );
    let others = service
        .send("GET /v1/sites/other/rejections", &[], b"")
        .await;
    assert_eq!(others.json()["rejections"], serde_json::json!([]));
}

#[tokio::test]
async fn keys_take_effect_without_a_restart() {
    let service = Service::start().await;
    service
        .post("/v1/page", r#"{"userId":"u"}"#)
        .await
        .expect_accepted();
    service.sites.send_replace(Default::default());
    service
        .post("/v1/page", r#"{"userId":"u"}"#)
        .await
        .expect_error(401, "unknown_key");
    service
        .sites
        .send_replace(std::sync::Arc::new(crate::harness::directory(
            Default::default(),
        )));
    let answer = service
        .send("POST /v1/page", &[&basic(SERVER_KEY)], br#"{"userId":"u"}"#)
        .await;
    answer.expect_accepted();
}
