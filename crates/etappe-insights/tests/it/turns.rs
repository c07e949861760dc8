//! One site floods the API while another still gets answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use etappe_core::ports::{Cost, RetryClass};
use etappe_insights::config::InsightsConfig;
use serde_json::json;
use tokio::task::JoinSet;

use crate::api::{Answer, Api};
use crate::memory_store::MemoryStore;

fn stuck(config: InsightsConfig) -> Arc<Api> {
    let store = MemoryStore {
        is_stuck: true,
        ..MemoryStore::default()
    };
    Arc::new(Api::with_config(store, config))
}

async fn ask(api: &Api, site: &str) -> Answer {
    let request = Request::get(format!("/v1/sites/{site}/stages"))
        .header("authorization", format!("Bearer read-{site}"));
    api.request(request.body(Body::empty()).unwrap()).await
}

/// Returns the problem's type without the common prefix.
fn kind(answer: &Answer, status: u16) -> String {
    let problem = answer.problem(status);
    let kind = problem["type"].as_str().unwrap();
    kind.trim_start_matches("urn:etappe:problem:").to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_site_is_held_to_its_share_and_a_question_of_another_runs_at_once() {
    let api = stuck(InsightsConfig {
        concurrent_queries: 3,
        site_queries: 2,
        ..InsightsConfig::default()
    });
    let [first, second, third, fourth] = [(); 4].map(|()| ask(&api, "demo"));
    let other = ask(&api, "other");
    let (first, second, third, fourth, other) = tokio::join!(first, second, third, fourth, other);
    // 504 means that the question ran; 503 means that it did not.
    let of_demo = [(first, 504), (second, 504), (third, 503), (fourth, 503)];
    for (answer, status) in &of_demo {
        answer.problem(*status);
    }
    assert_eq!(kind(&other, 504), "timeout");
}

#[tokio::test(start_paused = true)]
async fn sites_take_turns_even_if_one_of_them_has_many_questions_waiting() {
    // A question runs for a minute here; two others get their turns while it may wait.
    let api = stuck(InsightsConfig {
        concurrent_queries: 1,
        queue_timeout: Duration::from_secs(125),
        ..InsightsConfig::default()
    });
    let mut asking = JoinSet::new();
    for site in [["demo"; 6].as_slice(), &["other"]].concat() {
        let api = Arc::clone(&api);
        asking.spawn(async move { (site, ask(&api, site).await.status.as_u16()) });
    }
    let answers = asking.join_all().await;
    let count = |answer| answers.iter().filter(|one| **one == answer).count();
    assert_eq!(
        (
            count(("demo", 504)),
            count(("demo", 503)),
            count(("other", 504))
        ),
        (2, 4, 1),
        "{answers:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_site_with_too_many_waiting_questions_is_refused_at_once_and_another_is_not() {
    let api = stuck(InsightsConfig {
        concurrent_queries: 2,
        site_queries: 1,
        queued_queries: 1,
        ..InsightsConfig::default()
    });
    let [first, second, third] = [(); 3].map(|()| ask(&api, "demo"));
    let (first, second, third, other) = tokio::join!(first, second, third, ask(&api, "other"));
    assert_eq!(kind(&first, 504), "timeout");
    assert_eq!(kind(&second, 503), "busy");
    let problem = third.problem(503);
    assert_eq!(third.header("retry-after"), "1");
    assert_eq!(
        problem["detail"],
        "1 questions about this site are waiting: ask fewer at a time, and try again shortly"
    );
    assert_eq!(kind(&other, 504), "timeout");
}

#[tokio::test]
async fn a_question_that_costs_too_much_is_refused_with_a_hint_how_to_narrow_it() {
    let cases = [
        (Cost::Rows, 422, "question-too-large", "reads more events"),
        (Cost::Bytes, 422, "question-too-large", "reads more bytes"),
        (Cost::Memory, 422, "question-too-large", "needs more memory"),
        (Cost::Time, 504, "timeout", "takes longer"),
    ];
    for (cost, status, expected, what) in cases {
        let api = Api::new(MemoryStore {
            failure: Some(RetryClass::Transient),
            exhausted: Some(cost),
            ..MemoryStore::default()
        });
        for answer in [
            ask(&api, "demo").await,
            api.get("kpis").await,
            api.funnel(&json!({"model": "aaarrr"})).await,
        ] {
            assert_eq!(kind(&answer, status), expected);
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            for word in [what, "`from`", "model", "breakdown"] {
                assert!(detail.contains(word), "{detail}");
            }
        }
    }
}

#[tokio::test]
async fn two_tokens_in_one_request_are_refused_and_the_case_of_the_scheme_is_ignored() {
    let api = Api::of_garden();
    let request = |values: &[&str]| {
        let mut request = Request::get("/v1/sites/demo/models");
        for value in values {
            request = request.header("authorization", *value);
        }
        request.body(Body::empty()).unwrap()
    };
    for good in [
        "Bearer read-demo",
        "bearer read-demo",
        "BEARER   read-demo ",
    ] {
        api.request(request(&[good])).await.ok();
    }
    for bad in [
        &["Bearer read-demo", "Bearer read-demo"][..],
        &["Basic x", "Bearer read-demo"],
        &["Bearer read-demo read-other"],
    ] {
        let answer = api.request(request(bad)).await;
        assert_eq!(kind(&answer, 401), "unreadable-token", "{bad:?}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"etappe\"");
    }
}
