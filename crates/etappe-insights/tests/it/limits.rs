//! Overload and store outages.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etappe_core::ports::RetryClass;
use etappe_insights::config::InsightsConfig;
use prometheus::{Encoder, TextEncoder};
use serde_json::{Value, json};

use crate::api::Api;
use crate::garden::{self, event};
use crate::memory_store::{MemoryStore, StoredEvent};

fn stuck() -> MemoryStore {
    MemoryStore {
        is_stuck: true,
        ..MemoryStore::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_takes_too_long_is_stopped() {
    let api = Api::new(stuck());
    let problem = api.get("stages").await.problem(504);
    assert_eq!(
        problem["detail"],
        "the answer took longer than 60 s: ask for a shorter range"
    );
}

#[tokio::test(start_paused = true)]
async fn questions_over_the_limit_wait_and_are_then_refused() {
    let config = InsightsConfig {
        concurrent_queries: 2,
        ..InsightsConfig::default()
    };
    let api = Arc::new(Api::with_config(stuck(), config));
    let ask = || {
        let api = Arc::clone(&api);
        async move { api.get("referrals").await }
    };
    let (first, second, third) = tokio::join!(ask(), ask(), ask());
    first.problem(504);
    second.problem(504);
    assert_eq!(third.problem(503)["type"], "urn:etappe:problem:busy");
    assert_eq!(third.header("retry-after"), "1");
    // Routes that need no store still answer, and turns are given back.
    api.get("models").await.ok();
    api.get("kpis").await.problem(504);
}

#[tokio::test]
async fn an_unavailable_store_answers_503_with_retry_after() {
    let api = Api::new(MemoryStore {
        failure: Some(RetryClass::Transient),
        ..MemoryStore::default()
    });
    for path in ["stages", "kpis", "referrals", "actors/anna"] {
        let answer = api.get(path).await;
        assert_eq!(
            answer.problem(503)["type"],
            "urn:etappe:problem:store-unavailable"
        );
        assert_eq!(answer.header("retry-after"), "1");
        assert!(!answer.text.contains("secret"));
    }
    api.funnel(&json!({"model": "aaarrr"})).await.problem(503);
}

#[tokio::test]
async fn a_failing_store_reveals_no_internals() {
    for class in [RetryClass::Permanent, RetryClass::Fatal] {
        let api = Api::new(MemoryStore {
            failure: Some(class),
            ..MemoryStore::default()
        });
        let answer = api.funnel(&json!({"model": "aaarrr"})).await;
        assert_eq!(
            answer.problem(500)["type"],
            "urn:etappe:problem:store-failed"
        );
        assert!(!answer.text.contains("secret"));
    }
}

fn many(actors: usize) -> MemoryStore {
    let events = (0..actors).flat_map(|index| {
        let actor = format!("actor-{index}");
        let mut looked = event(&actor, "02T10:00:00", "Product Viewed");
        looked.properties = json!({ "n": index });
        let bought = StoredEvent {
            at: looked
                .at
                .saturating_add(Duration::from_millis(index.try_into().unwrap())),
            ..event(&actor, "02T10:00:00", "Order Completed")
        };
        [looked, bought]
    });
    MemoryStore {
        events: events.collect(),
        ..MemoryStore::default()
    }
}

/// A value of a breakdown with the counts of both steps.
type Listed = (String, u64, u64);

/// Returns the first values of a breakdown, then the counts of the others.
fn listed(answer: &Value) -> (Vec<Listed>, Option<(u64, u64)>) {
    let (mut values, mut other) = (Vec::new(), None);
    for group in answer["breakdown"].as_array().unwrap() {
        let count = |step: usize| group["steps"][step]["count"].as_u64().unwrap();
        if group["other"] == true {
            assert!(group["value"].is_null() && other.is_none(), "{group}");
            other = Some((count(0), count(1)));
        } else {
            assert!(other.is_none(), "the others come last");
            let value = group["value"][0].as_str().unwrap_or("null").to_owned();
            values.push((value, count(0), count(1)));
        }
    }
    (values, other)
}

#[tokio::test]
async fn a_breakdown_lists_the_largest_of_many_values() {
    // Value n has n people, half of whom buy; 40 people have no value.
    let mut events = Vec::new();
    for value in 0..80_usize {
        for person in 0..if value == 0 { 40 } else { value } {
            let actor = format!("actor-{value}-{person}");
            let mut looked = event(&actor, "02T10:00:00", "Product Viewed");
            if value > 0 {
                looked.properties = json!({ "n": format!("v{value:02}") });
            }
            events.push(looked);
            if person % 2 == 0 {
                events.push(event(&actor, "02T11:00:00", "Order Completed"));
            }
        }
    }
    let question = |limit: Value| {
        json!({
            "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}],
            "breakdown": {"by": ["n"], "limit": limit},
        })
    };
    for breakdown_values in [10_000, 10] {
        let config = InsightsConfig {
            breakdown_values,
            ..InsightsConfig::default()
        };
        let store = MemoryStore {
            events: events.clone(),
            ..MemoryStore::default()
        };
        let api = Api::with_config(store, config);
        let (values, other) = listed(&api.march(question(json!(null))).await);
        assert_eq!(values.len(), 20);
        assert_eq!(values[0], ("v79".to_owned(), 79, 40));
        assert_eq!(values[19], ("v60".to_owned(), 60, 30));
        let rest: (u64, u64) = (1_u64..60)
            .map(|n| (n, n.div_ceil(2)))
            .fold((40, 20), |sum, add| (sum.0 + add.0, sum.1 + add.1));
        assert_eq!(other, Some(rest), "{breakdown_values} at once");
        let (values, other) = listed(&api.march(question(json!(41))).await);
        let null = values.iter().position(|(value, ..)| value == "null");
        assert!(null.is_some_and(|at| values[at] == ("null".to_owned(), 40, 20)));
        assert_eq!(other.map(|(count, _)| count), Some((1..40).sum()));
        let (values, other) = listed(&api.march(question(json!(1_000))).await);
        assert_eq!((values.len(), other), (80, None));
    }
}

#[tokio::test]
async fn a_breakdown_with_many_values_needs_little_memory() {
    let config = InsightsConfig {
        breakdown_values: 100,
        ..InsightsConfig::default()
    };
    let api = Api::with_config(many(20_000), config);
    let answer = api
        .march(json!({
            "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}],
            "breakdown": {"by": ["n"]},
        }))
        .await;
    let (values, other) = listed(&answer);
    assert_eq!((values.len(), other), (20, Some((19_980, 19_980))));
}

#[tokio::test]
async fn counts_per_value_are_dropped_before_the_question_fails() {
    let config = InsightsConfig {
        duration_bytes: 16 * 1024,
        ..InsightsConfig::default()
    };
    let api = Api::with_config(many(20_000), config);
    let answer = api
        .march(json!({
            "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}],
            "breakdown": {"by": ["n"], "limit": 1},
        }))
        .await;
    let (values, other) = listed(&answer);
    assert_eq!((values.len(), other), (1, Some((19_999, 19_999))));
}

#[tokio::test]
async fn percentiles_come_from_histograms_when_memory_is_short() {
    let steps = json!([{"event": "Product Viewed"}, {"event": "Order Completed"}]);
    let tight = InsightsConfig {
        duration_bytes: 32 * 1024,
        ..InsightsConfig::default()
    };
    let exact = Api::new(many(10_000)).march(json!({"steps": steps})).await;
    let rough = Api::with_config(many(10_000), tight)
        .march(json!({"steps": steps}))
        .await;
    let (exact, rough) = (
        &exact["steps"][1]["time_from_previous"],
        &rough["steps"][1]["time_from_previous"],
    );
    assert_eq!(
        (&exact["exact"], &rough["exact"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(exact["mean_s"], rough["mean_s"]);
    assert_eq!(exact["p50_s"], 4.9995);
    assert!((rough["p50_s"].as_f64().unwrap() - 4.9995).abs() < 4.9995 / 64.0);
}

#[tokio::test]
async fn counts_that_take_too_much_memory_are_stopped() {
    let config = InsightsConfig {
        duration_bytes: 512,
        ..InsightsConfig::default()
    };
    let question = json!({
        "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}],
        "from": "2024-03-01",
        "breakdown": {"by": ["n"], "limit": 1000},
    });
    let api = Api::with_config(many(1_000), config);
    let problem = api.funnel(&question).await.problem(422);
    assert_eq!(problem["type"], "urn:etappe:problem:question-too-large");
    let visited = api.store.units_visited.load(Ordering::Relaxed);
    assert!(
        (1..1_000).contains(&visited),
        "{visited} units were visited"
    );
}

#[tokio::test]
async fn a_search_that_grows_too_large_is_stopped() {
    let events = (0..3_000_u64).map(|index| StoredEvent {
        at: garden::at("2024-03-02T00:00:00Z").saturating_add(Duration::from_secs(2 * index)),
        ..event(
            "busy",
            "02T00:00:00",
            if index % 2 == 0 {
                "Product Viewed"
            } else {
                "Home Viewed"
            },
        )
    });
    let later = event("late", "03T00:00:00", "Product Viewed");
    let api = Api::new(MemoryStore {
        events: events.chain([later]).collect(),
        ..MemoryStore::default()
    });
    let mut steps = vec![json!({"event": "Product Viewed"}); 6];
    steps[5]["max_gap"] = json!(1);
    let exclude = json!([{"event": "Home Viewed", "after_step": 1, "before_step": 6}]);
    let question = json!({"steps": steps, "exclude": exclude, "from": "2024-03-01"});
    let problem = api.funnel(&question).await.problem(422);
    assert_eq!(problem["type"], "urn:etappe:problem:question-too-large");
    assert_eq!(api.store.units_visited.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn questions_are_counted() {
    let api = Api::of_garden();
    api.march(json!({"steps": [{"event": "Product Viewed"}]}))
        .await;
    api.get("stages?from=x").await.problem(422);
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&api.registry.gather(), &mut text)
        .unwrap();
    let text = String::from_utf8(text).unwrap();
    for line in [
        "etappe_insights_requests_total{route=\"/v1/sites/{site}/funnel\",status=\"200\"} 1",
        "etappe_insights_requests_total{route=\"/v1/sites/{site}/stages\",status=\"422\"} 1",
        "etappe_insights_request_duration_seconds_count{route=\"/v1/sites/{site}/funnel\"} 1",
        "etappe_insights_rows_visited_total 5",
        "etappe_insights_units_matched_total 4",
        "etappe_insights_queries_running 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
