//! The stream of what arrives.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use etappe_core::ports::RetryClass;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};
use tower::ServiceExt;

use crate::api::{Api, TOKEN};
use crate::memory_store::MemoryStore;

/// A row of the view `live_events`.
fn arrival(number: i64) -> Value {
    json!({
        "message_id": format!("m{number}"), "actor": "anna", "event_name": "Product Viewed",
        "event_kind": "track", "reached_milestone": "content_view",
        "happened_at": 1_709_294_400_000_i64 + number, "arrived_at": 1_709_294_400_000_i64 + number,
        "page_path": "/roses", "by_channel": "Email", "by_device": "phone", "from_country": "",
        "sent_by": "", "short_properties": r#"{"price":12.5}"#, "partition": 0, "offset": number,
        "stages": [
            {"model": "aaarrr", "version": "v1", "stage": "acquisition", "rule": "r1"},
            {"model": "journey", "version": "v2", "stage": "", "rule": ""},
        ],
    })
}

async fn open(api: &Api) -> Body {
    let request = Request::builder()
        .uri("/v1/sites/demo/live")
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Body::empty())
        .unwrap();
    let response = api.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    response.into_body()
}

/// Returns the next event of a stream: its name and its data.
async fn next(stream: &mut Body) -> Option<(String, Value)> {
    loop {
        let frame = stream.frame().await?.unwrap();
        let text = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
        let line = |name: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(name).map(str::to_owned))
        };
        // Comments keep the stream open.
        if let Some(name) = line("event: ") {
            let data = serde_json::from_str(&line("data: ").unwrap()).unwrap();
            return Some((name, data));
        }
    }
}

async fn ids(stream: &mut Body, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.len() < count {
        let (name, data) = next(stream).await.unwrap();
        if name == "event" {
            ids.push(data["message_id"].as_str().unwrap().to_owned());
        }
    }
    ids
}

fn names(numbers: impl Iterator<Item = i64>) -> Vec<String> {
    numbers.map(|number| format!("m{number}")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_stream_shows_each_event_once_oldest_first() {
    let api = Api::new(MemoryStore::default());
    api.store.arrivals.lock().extend((0..30).map(arrival));
    let mut stream = open(&api).await;
    assert_eq!(
        next(&mut stream).await.unwrap(),
        ("people".to_owned(), json!({"now": 1}))
    );
    let (name, first) = next(&mut stream).await.unwrap();
    assert_eq!(name, "event");
    assert_eq!(
        first,
        json!({
            "actor": "anna", "received_at": "2024-03-01T12:00:00.010Z", "kind": "track",
            "page_path": "/roses", "channel": "Email", "device": "phone", "country": null,
            "bot": null, "message_id": "m10", "event": "Product Viewed",
            "timestamp": "2024-03-01T12:00:00.010Z", "milestone": "content_view",
            "stages": {
                "aaarrr": {"stage": "acquisition", "rule": "r1", "version": "v1"},
                "journey": {"stage": null, "rule": null, "version": "v2"},
            },
            "properties": {"price": 12.5},
        })
    );
    assert_eq!(ids(&mut stream, 19).await, names(11..30));
    api.store.arrivals.lock().extend((30..33).map(arrival));
    assert_eq!(ids(&mut stream, 3).await, names(30..33));
    // More than a stream shows of one look: the latest.
    api.store.arrivals.lock().extend((33..60).map(arrival));
    assert_eq!(ids(&mut stream, 20).await, names(40..60));
    api.store.arrivals.lock().push(arrival(60));
    assert_eq!(ids(&mut stream, 1).await, ["m60"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_after_ten_minutes_and_says_how_many_people_there_are_until_then() {
    let api = Api::new(MemoryStore::default());
    let opened = Instant::now();
    let mut stream = open(&api).await;
    let mut said = 0;
    while let Some((name, data)) = next(&mut stream).await {
        assert_eq!((&*name, data), ("people", json!({"now": 1})));
        said += 1;
    }
    let open_for = opened.elapsed();
    assert_eq!(open_for.as_secs() / 10, 60, "{open_for:?}");
    assert!((37..=41).contains(&said), "{said}");
}

#[tokio::test(start_paused = true)]
async fn streams_of_a_site_share_their_looks() {
    let api = Api::new(MemoryStore::default());
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(open(&api).await);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let looks = || api.store.looks.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(looks(), 1);
    api.store.arrivals.lock().push(arrival(1));
    for stream in &mut streams {
        assert_eq!(ids(stream, 1).await, ["m1"]);
    }
    assert_eq!(looks(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_problem_is_answered_before_the_stream_begins() {
    let api = Api::new(MemoryStore {
        failure: Some(RetryClass::Transient),
        ..MemoryStore::default()
    });
    let problem = api.get("live").await.problem(503);
    assert_eq!(problem["type"], "urn:etappe:problem:store-unavailable");
    let other = Request::builder()
        .uri("/v1/sites/other/live")
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Body::empty())
        .unwrap();
    api.request(other).await.problem(403);
}

#[tokio::test(start_paused = true)]
async fn streams_over_the_limit_are_refused() {
    let api = Api::new(MemoryStore::default());
    let mut streams = Vec::new();
    for _ in 0..512 {
        streams.push(open(&api).await);
    }
    let answer = api.get("live").await;
    let problem = answer.problem(503);
    assert_eq!(problem["type"], "urn:etappe:problem:busy");
    assert_eq!(answer.header("retry-after"), "1");
    streams.pop();
    streams.push(open(&api).await);
}
