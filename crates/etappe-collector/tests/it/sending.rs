//! Requests of well-behaved clients.

use serde_json::json;

use crate::harness::{BROWSER_KEY, SERVER_KEY, Service, basic, batch, gzip, track};

#[tokio::test]
async fn every_path_accepts_its_message_with_and_without_a_trailing_slash() {
    let service = Service::start().await;
    for (paths, kind, body) in [
        (["track", "t"], "track", r#"{"event":"e","userId":"u"}"#),
        (
            ["identify", "i"],
            "identify",
            r#"{"userId":"u","traits":{"persona":"p"}}"#,
        ),
        (
            ["page", "p"],
            "page",
            r#"{"anonymousId":"a","name":"Home"}"#,
        ),
        (["screen", "s"], "screen", r#"{"anonymousId":"a"}"#),
        (["group", "g"], "group", r#"{"userId":"u","groupId":"c"}"#),
        (
            ["alias", "a"],
            "alias",
            r#"{"userId":"u","previousId":"a"}"#,
        ),
    ] {
        for path in paths {
            for slash in ["", "/"] {
                let answer = service.post(&format!("/v1/{path}{slash}"), body).await;
                assert_eq!(answer.expect_accepted(), (1, vec![]), "{path}{slash}");
                let record = service.log.values().pop().expect("a record");
                assert_eq!(
                    (&record["type"], &record["site"]),
                    (&json!(kind), &json!("shop"))
                );
            }
        }
    }
    for path in ["batch", "b", "import", "batch/"] {
        let answer = service
            .post(&format!("/v1/{path}"), batch(&[track("m")]))
            .await;
        assert_eq!(answer.expect_accepted(), (1, vec![]), "{path}");
    }
}

#[tokio::test]
async fn a_batch_is_answered_per_event() {
    let service = Service::start().await;
    let messages = [
        track("m1"),
        r#"{"type":"track","event":"e","messageId":"m2"}"#.to_owned(),
        track("m3"),
    ];
    let body = batch(&messages);
    for (encoding, bytes) in [
        ("Accept: */*", body.clone().into_bytes()),
        ("Accept: */*", gzip(body.as_bytes())),
        ("Content-Encoding: gzip", gzip(body.as_bytes())),
        ("Content-Encoding: GZIP", body.clone().into_bytes()),
        ("Content-Type: text/plain", body.clone().into_bytes()),
    ] {
        let answer = service
            .send("POST /v1/batch", &[&basic(SERVER_KEY), encoding], &bytes)
            .await;
        assert_eq!(answer.status, 200, "{encoding}");
        assert_eq!(
            answer.json(),
            json!({"success": true, "accepted": 2, "rejected": [
                {"index": 1, "messageId": "m2", "reason": "missing_id"}
            ]})
        );
    }
    assert_eq!(service.log.texts().len(), 10);
    assert!(
        (service.metric("etappe_collector_events_rejected_total", "missing_id") - 5.0).abs() < 0.1
    );
    assert!((service.metric("etappe_collector_events_accepted_total", "batch") - 10.0).abs() < 0.1);
    // Endpoints without events show 0 instead of being absent: alerts compare them.
    let shown = service.registry.gather();
    let accepted = shown
        .iter()
        .find(|it| it.name() == "etappe_collector_events_accepted_total");
    assert_eq!(accepted.map(|it| it.get_metric().len()), Some(3));
    assert!(service.metric("etappe_collector_in_flight_bytes", "").abs() < 0.1);
}

#[tokio::test]
async fn a_gzip_batch_of_several_members_and_chunks_is_one_batch() {
    let service = Service::start().await;
    let messages: Vec<String> = (0..100).map(|number| track(&number.to_string())).collect();
    let body = batch(&messages);
    let (front, back) = body.as_bytes().split_at(2_000);
    let zipped = [gzip(front), gzip(back)].concat();
    let mut connection = service.connect().await;
    connection
        .write(
            format!(
                "POST /v1/batch HTTP/1.1\r\nHost: e\r\n{}\r\nTransfer-Encoding: chunked\r\n\r\n",
                basic(SERVER_KEY)
            )
            .as_bytes(),
        )
        .await;
    for piece in zipped.chunks(1) {
        let chunk = [b"1\r\n", piece, b"\r\n"].concat();
        connection.write(&chunk).await;
    }
    connection.write(b"0\r\nX-Trailer: 1\r\n\r\n").await;
    assert_eq!(connection.answer().await.expect_accepted(), (100, vec![]));
    let ids: Vec<_> = service
        .log
        .values()
        .iter()
        .map(|record| record["messageId"].clone())
        .collect();
    let expected: Vec<_> = (0..100).map(|number| json!(number.to_string())).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn the_key_is_accepted_in_the_body_or_a_beacons_query_and_never_stored() {
    let service = Service::start().await;
    let message = format!(
        r#"{{"writeKey":"{BROWSER_KEY}","event":"e","userId":"u","properties":{{"url":"https://x/?k={BROWSER_KEY}"}}}}"#
    );
    let answer = service.send("POST /v1/t", &[], message.as_bytes()).await;
    assert_eq!(answer.expect_accepted(), (1, vec![]));
    let body = format!(r#"{{"batch":[{}],"writeKey":"{BROWSER_KEY}"}}"#, track("m"));
    let answer = service.send("POST /v1/batch", &[], body.as_bytes()).await;
    assert_eq!(answer.expect_accepted(), (1, vec![]));
    let beacon = format!("POST /beacon/v1/batch?writeKey={BROWSER_KEY}");
    let answer = service
        .send(&beacon, &[], batch(&[track("m")]).as_bytes())
        .await;
    assert_eq!(answer.expect_accepted(), (1, vec![]));
    let texts = service.log.texts();
    assert_eq!(texts.len(), 3);
    assert!(
        texts.iter().all(|text| !text.contains(BROWSER_KEY)),
        "{texts:?}"
    );
    assert!(texts[0].contains("https://x/?k=*****"), "{}", texts[0]);
}

#[tokio::test]
async fn a_browsers_address_is_kept_truncated_and_a_servers_is_dropped() {
    let service = Service::start().await;
    let page = "Origin: https://shop.example";
    let image = "Accept: image/avif,*/*";
    let script = "Accept: */*";
    for (key, sign, expected) in [
        (
            BROWSER_KEY,
            page,
            json!({"ip": "127.0.0.0", "userAgent": "Test/1"}),
        ),
        (
            BROWSER_KEY,
            image,
            json!({"ip": "127.0.0.0", "userAgent": "Test/1"}),
        ),
        (BROWSER_KEY, script, json!({"ip": "127.0.0.0"})),
        (SERVER_KEY, page, json!(null)),
    ] {
        let headers = [
            basic(key),
            sign.to_owned(),
            "User-Agent: Test/1".to_owned(),
            "X-Forwarded-For: 6.6.6.6".to_owned(),
        ];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answer = service
            .send("POST /v1/page", &headers, br#"{"userId":"u"}"#)
            .await;
        assert_eq!(answer.expect_accepted(), (1, vec![]));
        let record = service.log.values().pop().unwrap();
        assert_eq!(record.get("context").cloned().unwrap_or_default(), expected);
    }
}

#[tokio::test]
async fn the_address_forwarded_by_a_trusted_proxy_is_the_clients() {
    let config = etappe_collector::config::CollectorConfig {
        trusted_proxies: 1,
        ..Default::default()
    };
    let service = Service::start_with(config, Default::default()).await;
    let headers = [
        basic(BROWSER_KEY),
        "X-Forwarded-For: 6.6.6.6, 203.0.113.77".to_owned(),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    service
        .send("POST /v1/page", &headers, br#"{"userId":"u"}"#)
        .await
        .expect_accepted();
    assert_eq!(service.log.values()[0]["context"]["ip"], "203.0.113.0");
}

#[tokio::test]
async fn the_country_comes_from_the_sender_or_else_from_a_trusted_proxy() {
    let page = r#"{"userId":"u"}"#;
    let named = r#"{"userId":"u","context":{"location":{"city":"Gent","country":"BE"}}}"#;
    for (proxies, key, body, expected) in [
        (1, BROWSER_KEY, page, json!({"country": "NL"})),
        (
            1,
            BROWSER_KEY,
            named,
            json!({"city": "Gent", "country": "BE"}),
        ),
        (1, SERVER_KEY, page, json!(null)),
        (0, BROWSER_KEY, page, json!(null)),
    ] {
        let config = etappe_collector::config::CollectorConfig {
            trusted_proxies: proxies,
            ..Default::default()
        };
        let service = Service::start_with(config, Default::default()).await;
        let headers = [
            basic(key),
            "CF-IPCountry: XX".to_owned(),
            "X-Country-Code: nl".to_owned(),
        ];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        service
            .send("POST /v1/page", &headers, body.as_bytes())
            .await
            .expect_accepted();
        assert_eq!(
            service.log.values()[0]["context"]["location"],
            expected,
            "{proxies} {key} {body}"
        );
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_on_one_connection() {
    let service = Service::start().await;
    let mut connection = service.connect().await;
    let mut text = String::new();
    for body in [r#"{"userId":"u"}"#, "{", r#"{"userId":"v"}"#] {
        text.push_str(&format!(
            "POST /v1/page HTTP/1.1\r\nHost: e\r\n{}\r\nContent-Length: {}\r\n\r\n{body}",
            basic(SERVER_KEY),
            body.len()
        ));
    }
    connection.write(text.as_bytes()).await;
    assert_eq!(connection.answer().await.status, 200);
    assert_eq!(connection.answer().await.status, 400);
    assert_eq!(connection.answer().await.status, 200);
    let users: Vec<_> = service
        .log
        .values()
        .iter()
        .map(|record| record["userId"].clone())
        .collect();
    assert_eq!(users, [json!("u"), json!("v")]);
}

#[tokio::test]
async fn messages_without_an_id_get_distinct_ids() {
    let service = Service::start().await;
    let bare = r#"{"type":"page","userId":"u"}"#.to_owned();
    service
        .post("/v1/batch", batch(&[bare.clone(), bare.clone()]))
        .await
        .expect_accepted();
    service
        .post("/v1/batch", batch(&[bare]))
        .await
        .expect_accepted();
    let mut ids: Vec<String> = service
        .log
        .values()
        .iter()
        .map(|record| record["messageId"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        ids.iter()
            .all(|id| id.len() == 36 && id.as_bytes()[14] == b'7'),
        "{ids:?}"
    );
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}
