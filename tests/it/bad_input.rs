//! Bad input gets a clear error and loses nothing; tests the real program over HTTP.

use std::io::Write;

use etappe_tests::site::TestSite;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::started;

fn good(id: &str) -> Value {
    json!({ "type": "track", "event": "Product Viewed", "userId": "u1", "messageId": id })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Sends a good and a bad event together and checks that only the bad one is rejected.
async fn rejected_alone(site: &TestSite, bad: Value, reason: &str) -> anyhow::Result<()> {
    let id = format!(
        "beside {}",
        bad.to_string().chars().take(200).collect::<String>()
    );
    let (status, body) = site.send(&[good(&id), bad]).await?;
    assert_eq!(
        (status, &body["accepted"]),
        (200, &json!(1)),
        "{reason}: {body}"
    );
    let rejected = &body["rejected"][0];
    assert_eq!(
        (&rejected["index"], &rejected["reason"]),
        (&json!(1), &json!(reason)),
        "{body}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_event_never_fails_its_neighbours() -> anyhow::Result<()> {
    let (mut process, site) = started("bad").await?;
    let with = |name: &str, value: Value| {
        let mut event = good("bad");
        event[name] = value;
        event
    };
    rejected_alone(
        &site,
        json!({ "type": "track", "event": "x" }),
        "missing_id",
    )
    .await?;
    rejected_alone(
        &site,
        json!({ "type": "track", "userId": "u" }),
        "missing_event",
    )
    .await?;
    rejected_alone(
        &site,
        with("properties", json!({ "x": "y".repeat(40_000) })),
        "too_large",
    )
    .await?;
    for time in [
        "0000-01-01T00:00:00Z",
        "9999-12-31T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "soon",
    ] {
        rejected_alone(&site, with("timestamp", json!(time)), "invalid_timestamp").await?;
    }
    // One event per batch was accepted: the good one.
    assert_eq!(site.settle(7).await?, 7);
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_body_is_answered_with_the_reason() -> anyhow::Result<()> {
    let (mut process, site) = started("bad").await?;
    let deep = format!(
        "{{\"batch\":[{}{}]}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let deep_event = format!(
        r#"{{"userId":"u","event":"e","properties":{{"a":{}1{}}}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let large = json!({ "batch": vec![good("large"); 70_000] }).to_string();
    assert!(large.len() > 5 * 1024 * 1024);
    let bomb = gzip(&vec![b' '; 64 * 1024 * 1024]);
    let cases: [(&str, Vec<u8>, &[u16]); 8] = [
        ("/v1/batch", b"{not json".to_vec(), &[400]),
        ("/v1/batch", b"".to_vec(), &[400]),
        ("/v1/batch", deep.into_bytes(), &[400]),
        ("/v1/track", deep_event.into_bytes(), &[400]),
        ("/v1/batch", large.clone().into_bytes(), &[413]),
        ("/v1/batch", gzip(large.as_bytes()), &[413]),
        ("/v1/batch", bomb, &[413]),
        (
            "/v1/track",
            b"{\"userId\":\"u\",\"event\":\"\xff\xfe\"}".to_vec(),
            &[400],
        ),
    ];
    for (path, body, expected) in cases {
        let start = String::from_utf8_lossy(&body)
            .chars()
            .take(40)
            .collect::<String>();
        let (status, answer) = site.post(path, body).await?;
        assert!(expected.contains(&status), "{start}: {status} {answer}");
        assert_eq!(answer["success"], false, "{start}: {answer}");
    }
    let mut stranger = site.clone();
    stranger.write_key = "unknown".to_owned();
    assert_eq!(stranger.send(&[good("m")]).await?.0, 401);
    // The service still works, and none of the bad input was counted.
    assert_eq!(site.send(&[good("after")]).await?.0, 200);
    assert_eq!(site.settle(1).await?, 1);
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_but_valid_events_are_kept_unchanged() -> anyhow::Result<()> {
    let (mut process, site) = started("odd").await?;
    let body = r#"{"batch":[
        {"type":"track","event":"nul \u0000 byte","userId":"odd","messageId":"1"},
        {"type":"track","event":"huge","userId":"odd","messageId":"2","properties":{"revenue":1e999,"n":-1e400}},
        {"type":"track","event":"semicolon; drop 'table'","userId":"odd","messageId":"3","properties":{"a;b":"';\\"}},
        {"type":"track","event":"Order Completed","userId":12345,"messageId":4,"properties":{"revenue":"12.50","order_id":7}},
        {"type":"track","event":"emoji 🚲 and \ud83d\udeb2","userId":"odd","messageId":"5"}
    ]}"#;
    let (status, answer) = site.post("/v1/batch", body).await?;
    assert_eq!((status, &answer["accepted"]), (200, &json!(5)), "{answer}");
    assert_eq!(site.settle(5).await?, 5);
    for event in ["nul \0 byte", "semicolon; drop 'table'", "emoji 🚲 and 🚲"] {
        assert_eq!(
            site.funnel(&[json!({ "event": event })]).await?,
            [1],
            "{event}"
        );
    }
    assert_eq!(site.kpi("revenue").await?.as_f64(), Some(12.5));
    assert_eq!(site.actor_events("12345").await?.len(), 1);
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_questions_are_answered_with_the_reason() -> anyhow::Result<()> {
    let (mut process, site) = started("asked").await?;
    let ranges = json!({ "from": "2024-01-02", "to": "2024-01-01", "steps": [{ "any": true }] });
    let (status, problem) = site.ask("/funnel", &ranges).await?;
    assert_eq!(status, 422, "{problem}");
    for member in ["type", "title", "detail"] {
        assert!(problem[member].is_string(), "{member} in {problem}");
    }
    let unknown = json!({ "from": "2024-01-01", "to": "2024-01-02", "model": "no-such-model" });
    let (status, problem) = site.ask("/funnel", &unknown).await?;
    assert!([404, 422].contains(&status), "{problem}");
    assert!(
        problem.to_string().contains("aaarrr"),
        "the known models are named: {problem}"
    );
    let mut stranger = site.clone();
    stranger.read_token = site.write_key.clone();
    assert_eq!(
        stranger.get("/models").await?.0,
        401,
        "a write key reads nothing"
    );
    process.stop().await?;
    Ok(())
}
