//! Funnels over the garden's events, compared with figures computed by hand.

use std::sync::atomic::Ordering;

use axum::http::Method;
use etappe_core::id::Offset;
use serde_json::{Value, json};

use crate::api::Api;
use crate::garden::{at, event};
use crate::memory_store::{MemoryStore, StoredEvent};

fn looked_and_bought() -> Value {
    json!([{"event": "Product Viewed"}, {"event": "Order Completed"}])
}

fn counts(steps: &Value) -> Vec<u64> {
    column(steps, "count")
        .iter()
        .map(|count| count.as_u64().unwrap())
        .collect()
}

fn column(steps: &Value, name: &str) -> Vec<Value> {
    steps
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step[name].clone())
        .collect()
}

#[tokio::test]
async fn a_funnel_states_counts_rates_and_times() {
    let api = Api::of_garden();
    let answer = api
        .march(json!({"steps": looked_and_bought(), "window": "7d"}))
        .await;
    let two_of_four = [0.150_038_989_152_149_53, 0.849_961_010_847_850_5];
    let two_of_three = [0.207_659_600_802_047_65, 0.938_508_055_279_603_6];
    let expected = json!({
        "unit": "actor",
        "timezone": "Europe/Amsterdam",
        "as_of": "2024-04-01T10:00:00.000Z",
        "from": "2024-02-29T23:00:00.000Z",
        "to": "2024-03-31T22:00:00.000Z",
        "window_s": 604_800.0,
        "entered": 4,
        "never_entered": 2,
        "void": 0,
        "steps": [
            {
                "label": "Product Viewed", "gate": true, "count": 4, "skipped": 0, "open": 0,
                "step_rate": null, "step_rate_closed": null,
                "overall_rate": 1.0, "overall_rate_closed": 1.0, "drop_off": 0,
                "step_rate_interval": null, "step_rate_closed_interval": null,
                "overall_rate_interval": null, "overall_rate_closed_interval": null,
                "time_from_previous": {"mean_s": null, "p50_s": null, "p75_s": null, "p90_s": null, "p95_s": null, "exact": true},
            },
            {
                "label": "Order Completed", "gate": true, "count": 2, "skipped": 0, "open": 1,
                "step_rate": 0.5, "step_rate_closed": 2.0 / 3.0,
                "overall_rate": 0.5, "overall_rate_closed": 2.0 / 3.0, "drop_off": 2,
                "step_rate_interval": two_of_four, "step_rate_closed_interval": two_of_three,
                "overall_rate_interval": two_of_four, "overall_rate_closed_interval": two_of_three,
                // Anna took 86,100 s, Carla 172,800 s.
                "time_from_previous": {"mean_s": 129_450.0, "p50_s": 129_450.0, "p75_s": 151_125.0, "p90_s": 164_130.0, "p95_s": 168_465.0, "exact": true},
            },
        ],
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn a_funnel_without_a_window_has_no_open_attempts() {
    let answer = Api::of_garden()
        .march(json!({"steps": looked_and_bought()}))
        .await;
    assert_eq!(column(&answer["steps"], "open"), [0, 0]);
    assert_eq!(answer["window_s"], Value::Null);
    assert_eq!(answer["steps"][1]["step_rate_closed"], 0.5);
}

#[tokio::test]
async fn every_selector_matches_its_events() {
    let cases = [
        (json!({"event": "Order Completed"}), 3),
        (json!({"milestone": "purchase"}), 3),
        (json!({"stage": "revenue", "model": "aaarrr"}), 3),
        (json!({"any": true}), 6),
        (
            json!({"event": "Order Completed", "where": {"items": 1}}),
            2,
        ),
        (
            json!({"event": "Order Completed", "where": {"properties.items": 2.0, "order_id": "o1"}}),
            1,
        ),
        (
            json!({"event": "Order Completed", "where": {"order_id": "o9"}}),
            0,
        ),
    ];
    let api = Api::of_garden();
    for (selector, expected) in cases {
        let answer = api.march(json!({"steps": [selector.clone()]})).await;
        assert_eq!(answer["steps"][0]["count"], expected, "{selector}");
    }
}

#[tokio::test]
async fn the_range_limits_entries_and_not_completions() {
    let question = json!({
        "steps": looked_and_bought(), "from": "2024-03-06", "to": "2024-03-07", "window": "2d",
    });
    let answer = Api::of_garden().funnel(&question).await.ok();
    assert_eq!(counts(&answer["steps"]), [1, 1]);
    // Carla took exactly two days, so a window of two days is just enough.
    let question = json!({
        "steps": looked_and_bought(), "from": "2024-03-06", "to": "2024-03-07", "window": 172_799,
    });
    let answer = Api::of_garden().funnel(&question).await.ok();
    assert_eq!(counts(&answer["steps"]), [1, 0]);
}

#[tokio::test]
async fn bots_are_excluded_by_default() {
    let api = Api::of_garden();
    for (bots, expected) in [("exclude", [4, 2]), ("include", [5, 3]), ("only", [1, 1])] {
        let answer = api
            .march(json!({"steps": looked_and_bought(), "bots": bots}))
            .await;
        assert_eq!(counts(&answer["steps"]), expected, "{bots}");
    }
}

#[tokio::test]
async fn an_account_is_counted_as_one_unit() {
    // At the company Green, Anna looked and Carla bought.
    let answer = Api::of_garden()
        .march(json!({"steps": looked_and_bought(), "unit": "account"}))
        .await;
    assert_eq!(answer["unit"], "account");
    assert_eq!(counts(&answer["steps"]), [1, 1]);
    assert_eq!(answer["never_entered"], 0);
}

#[tokio::test]
async fn each_session_is_counted_as_a_unit() {
    let api = Api::of_garden();
    // Nobody bought in the same visit in which they looked; Bob looked twice in one visit.
    let question = json!({"steps": looked_and_bought(), "unit": "session"});
    let answer = api.march(question).await;
    assert_eq!(answer["unit"], "session");
    assert_eq!(counts(&answer["steps"]), [4, 0]);
    // Three of the eight visits only had orders, one only a view of the home page.
    assert_eq!(answer["never_entered"], 4);
}

#[tokio::test]
async fn strict_steps_are_adjacent_among_all_events() {
    let api = Api::of_garden();
    // Anna signed up between looking and buying, so only Carla's steps are adjacent.
    let answer = api
        .march(json!({"steps": looked_and_bought(), "order": "strict"}))
        .await;
    assert_eq!(counts(&answer["steps"]), [4, 1]);
}

#[tokio::test]
async fn unordered_steps_may_come_in_any_order() {
    let steps = json!([{"event": "Order Completed"}, {"event": "Product Viewed"}]);
    let api = Api::of_garden();
    let answer = api
        .march(json!({"steps": steps, "order": "unordered"}))
        .await;
    assert_eq!(counts(&answer["steps"]), [5, 2]);
    let answer = api.march(json!({"steps": steps})).await;
    assert_eq!(counts(&answer["steps"]), [3, 0]);
}

#[tokio::test]
async fn the_first_entry_counts_on_request() {
    let api = Api::of_garden();
    let steps = json!([{"event": "Product Viewed"}, {"event": "Product Viewed"}]);
    let best = api.march(json!({"steps": steps})).await;
    assert_eq!(counts(&best["steps"]), [4, 1]);
    let seen = json!([{"any": true}, {"event": "Order Completed"}]);
    let question = json!({"steps": seen, "attempt": "first_entry", "window": "23h55m"});
    assert_eq!(
        api.funnel(&question).await.problem(422)["errors"][0]["field"],
        "window"
    );
    let question = json!({"steps": seen, "attempt": "first_entry", "window": 86_100});
    let first = api.march(question).await;
    assert_eq!(counts(&first["steps"]), [6, 0]);
    let best = api.march(json!({"steps": seen, "window": 86_100})).await;
    assert_eq!(counts(&best["steps"]), [6, 1]);
}

#[tokio::test]
async fn equal_times_count_in_step_order_unless_strictly_later_is_set() {
    let api = Api::new(MemoryStore {
        events: vec![
            event("ida", "02T10:00:00", "Order Completed"),
            event("ida", "02T10:00:00", "Product Viewed"),
        ],
        ..MemoryStore::default()
    });
    let answer = api.march(json!({"steps": looked_and_bought()})).await;
    assert_eq!(counts(&answer["steps"]), [1, 1]);
    let answer = api
        .march(json!({"steps": looked_and_bought(), "ties": "strictly_later"}))
        .await;
    assert_eq!(counts(&answer["steps"]), [1, 0]);
}

#[tokio::test]
async fn gaps_limit_the_time_since_the_previous_step() {
    let api = Api::of_garden();
    let steps = |min: &str, max: &str| json!([{"event": "Product Viewed"}, {"event": "Order Completed", "min_gap": min, "max_gap": max}]);
    for (min, max, expected) in [
        ("0s", "1d", [4, 1]),
        ("1d", "2d", [4, 1]),
        ("1h", "2d", [4, 2]),
    ] {
        let answer = api.march(json!({"steps": steps(min, max)})).await;
        assert_eq!(counts(&answer["steps"]), expected, "{min} {max}");
    }
}

#[tokio::test]
async fn excluded_events_void_attempts() {
    let api = Api::of_garden();
    let exclude = |keep_entrant: bool| json!([{"event": "Signed Up", "after_step": 1, "before_step": 2, "keep_entrant": keep_entrant}]);
    // Anna signed up between looking and buying.
    let answer = api
        .march(json!({"steps": looked_and_bought(), "exclude": exclude(true)}))
        .await;
    assert_eq!(
        (counts(&answer["steps"]), &answer["void"]),
        (vec![4, 1], &json!(1))
    );
    let answer = api
        .march(json!({"steps": looked_and_bought(), "exclude": exclude(false)}))
        .await;
    assert_eq!(counts(&answer["steps"]), [3, 1]);
    assert_eq!(
        (&answer["entered"], &answer["never_entered"]),
        (&json!(3), &json!(3))
    );
}

#[tokio::test]
async fn a_breakdown_uses_the_values_of_the_named_step() {
    let api = Api::of_garden();
    let by = json!(["properties.browser", "channel"]);
    let answer = api
        .march(json!({"steps": looked_and_bought(), "breakdown": {"by": by}}))
        .await;
    let groups: Vec<(Value, Vec<u64>)> = answer["breakdown"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["value"].clone(), counts(&group["steps"])))
        .collect();
    assert_eq!(
        groups,
        [
            (json!(["Chrome", "Organic Search"]), vec![2, 2]),
            (json!(["Chrome", "Email"]), vec![1, 0]),
            (json!(["Firefox", "Email"]), vec![1, 0]),
        ]
    );
    // Step 2 has orders; a unit that did not reach it has no value.
    let breakdown = json!({"by": ["order_id"], "step": 2});
    let answer = api
        .march(json!({"steps": looked_and_bought(), "breakdown": breakdown}))
        .await;
    let values: Vec<&Value> = answer["breakdown"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["value"][0])
        .collect();
    assert_eq!(values, [&Value::Null, &json!("o1"), &json!("o2")]);
    assert_eq!(counts(&answer["breakdown"][0]["steps"]), [2, 0]);
}

#[tokio::test]
async fn a_trend_lists_every_period_with_its_own_attempts() {
    let api = Api::of_garden();
    let answer = api
        .march(json!({"steps": looked_and_bought(), "trend": "week"}))
        .await;
    let weeks: Vec<(Value, Vec<u64>)> = answer["trend"]
        .as_array()
        .unwrap()
        .iter()
        .map(|week| (week["period"].clone(), counts(&week["steps"])))
        .collect();
    assert_eq!(
        weeks,
        [
            (json!("2024-02-26"), vec![1, 1]),
            (json!("2024-03-04"), vec![2, 1]),
            (json!("2024-03-11"), vec![0, 0]),
            (json!("2024-03-18"), vec![0, 0]),
            (json!("2024-03-25"), vec![1, 0]),
        ]
    );
}

#[tokio::test]
async fn a_unit_is_in_every_period_that_it_entered() {
    let twice = [
        ("01T10:00:00", "Product Viewed"),
        ("09T10:00:00", "Product Viewed"),
        ("09T11:00:00", "Order Completed"),
    ];
    let api = Api::new(MemoryStore {
        events: twice.map(|(time, name)| event("ida", time, name)).to_vec(),
        ..MemoryStore::default()
    });
    let question = json!({"steps": looked_and_bought(), "window": "1d", "trend": "day"});
    let answer = api.march(question).await;
    let days = answer["trend"].as_array().unwrap();
    assert_eq!(days.len(), 31);
    assert_eq!(counts(&days[0]["steps"]), [1, 0]);
    assert_eq!(counts(&days[8]["steps"]), [1, 1]);
    assert_eq!(counts(&answer["steps"]), [1, 1]);
}

#[tokio::test]
async fn a_trend_of_many_periods_omits_empty_ones() {
    let question = json!({"steps": looked_and_bought(), "from": "1970-01-01", "to": "2100-01-01", "trend": "day"});
    let answer = Api::of_garden().funnel(&question).await.ok();
    let periods = column(&answer["trend"], "period");
    assert_eq!(
        periods,
        ["2024-03-01", "2024-03-05", "2024-03-06", "2024-03-31"]
    );
}

#[tokio::test]
async fn a_model_has_a_step_per_stage() {
    let answer = Api::of_garden().march(json!({"model": "aaarrr"})).await;
    assert_eq!(answer["model"], "aaarrr");
    let steps = &answer["steps"];
    assert_eq!(
        column(steps, "stage"),
        [
            "awareness",
            "acquisition",
            "activation",
            "retention",
            "revenue",
            "referral"
        ]
    );
    assert_eq!(
        column(steps, "label"),
        [
            "Awareness",
            "Acquisition",
            "Activation",
            "Retention",
            "Revenue",
            "Referral"
        ]
    );
    // Everybody skipped awareness; Carla skipped activation, Erik everything up to revenue.
    assert_eq!(counts(steps), [6, 6, 3, 0, 3, 0]);
    assert_eq!(column(steps, "skipped"), [6, 1, 2, 0, 0, 0]);
    assert_eq!(
        column(steps, "gate"),
        [true, true, true, false, true, false]
    );
    assert_eq!(steps[4]["step_rate"], 1.0);
    assert_eq!(
        (&steps[3]["step_rate"], &steps[3]["drop_off"]),
        (&json!(0.0), &Value::Null)
    );
    assert_eq!(answer["never_entered"], 0);
}

#[tokio::test]
async fn a_model_without_skips_is_an_ordered_funnel() {
    let answer = Api::of_garden()
        .march(json!({"model": "aaarrr", "skips": "forbid"}))
        .await;
    // Nobody has an awareness event.
    assert_eq!(counts(&answer["steps"]), [0; 6]);
    assert_eq!(answer["never_entered"], 6);
    assert_eq!(column(&answer["steps"], "step_rate"), vec![Value::Null; 6]);
}

#[tokio::test]
async fn a_step_without_units_before_it_has_no_rate() {
    let answer = Api::of_garden()
        .march(json!({"steps": [{"event": "Nothing"}, {"any": true}]}))
        .await;
    assert_eq!(
        column(&answer["steps"], "step_rate"),
        [Value::Null, Value::Null]
    );
    assert_eq!(
        column(&answer["steps"], "overall_rate"),
        [Value::Null, Value::Null]
    );
}

#[tokio::test]
async fn a_funnel_is_available_as_csv() {
    let api = Api::of_garden();
    let question = json!({
        "steps": looked_and_bought(), "from": "2024-03-01", "to": "2024-03-04", "window": "7d",
        "breakdown": {"by": ["channel"]}, "trend": "month",
    });
    let path = "/v1/sites/demo/funnel";
    let answer = api
        .send(Method::POST, path, question.to_string(), "text/csv")
        .await;
    assert_eq!(
        answer.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    let lines: Vec<&str> = answer.text.split_terminator("\r\n").collect();
    assert_eq!(
        lines,
        [
            "part,period,value,step,label,count,skipped,open,step_rate,step_rate_closed,overall_rate,overall_rate_closed,drop_off,mean_s,p50_s,p75_s,p90_s,p95_s,step_rate_low,step_rate_high",
            "total,,,1,Product Viewed,1,0,0,,,1,1,0,,,,,,,",
            "total,,,2,Order Completed,1,0,0,1,1,1,1,0,86100,86100,86100,86100,86100,0.20654931437723745,1",
            "breakdown,,Organic Search,1,Product Viewed,1,0,0,,,1,1,0,,,,,,,",
            "breakdown,,Organic Search,2,Order Completed,1,0,0,1,1,1,1,0,86100,86100,86100,86100,86100,0.20654931437723745,1",
            "trend,2024-03-01,,1,Product Viewed,1,0,0,,,1,1,0,,,,,,,",
            "trend,2024-03-01,,2,Order Completed,1,0,0,1,1,1,1,0,86100,86100,86100,86100,86100,0.20654931437723745,1",
        ]
    );
}

#[tokio::test]
async fn the_watermark_decides_which_attempts_are_open() {
    let api = Api::of_garden();
    api.watermark.post(0, at("2024-03-08T12:00:00Z"), Offset(0));
    let answer = api
        .march(json!({"steps": looked_and_bought(), "window": "3d"}))
        .await;
    assert_eq!(answer["as_of"], "2024-03-08T12:00:00.000Z");
    // Bob's window ended that morning; Dave came later.
    assert_eq!(column(&answer["steps"], "open"), [0, 1]);
}

#[tokio::test]
async fn the_default_range_is_the_last_thirty_days() {
    let answer = Api::of_garden()
        .funnel(&json!({"steps": [{"any": true}]}))
        .await
        .ok();
    assert_eq!(answer["from"], "2024-03-02T23:00:00.000Z");
    assert_eq!(answer["to"], "2024-04-01T22:00:00.000Z");
    assert_eq!(answer["steps"][0]["count"], 5);
}

#[tokio::test]
async fn another_time_zone_moves_dates_and_periods() {
    let api = Api::of_garden();
    let question = json!({
        "steps": [{"event": "Product Viewed"}], "from": "2024-03-31", "to": "2024-04-02",
        "timezone": "Asia/Tokyo", "trend": "day",
    });
    let answer = api.funnel(&question).await.ok();
    assert_eq!(answer["timezone"], "Asia/Tokyo");
    let days = answer["trend"].as_array().unwrap();
    assert_eq!(days[0]["period"], "2024-03-31");
    assert_eq!(
        (counts(&days[0]["steps"]), counts(&days[1]["steps"])),
        (vec![0], vec![1])
    );
}

#[tokio::test]
async fn an_actor_with_very_many_events_is_matched() {
    let events = (0..5_000).map(|index| StoredEvent {
        at: at("2024-03-02T00:00:00Z").saturating_add(std::time::Duration::from_secs(index / 4)),
        ..event(
            "busy",
            "02T00:00:00",
            if index % 7 == 0 {
                "Order Completed"
            } else {
                "Product Viewed"
            },
        )
    });
    let api = Api::new(MemoryStore {
        events: events.collect(),
        ..MemoryStore::default()
    });
    let answer = api
        .march(json!({"steps": looked_and_bought(), "trend": "day"}))
        .await;
    assert_eq!(counts(&answer["steps"]), [1, 1]);
}

#[tokio::test]
async fn equal_values_match_in_any_spelling() {
    let values = [
        json!(200),
        json!(200.0),
        json!("200"),
        json!("0200"),
        json!(true),
        json!("true"),
        json!(null),
        json!(""),
    ];
    let mut events: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(number, value)| StoredEvent {
            properties: json!({ "p": value }),
            ..event(&format!("u{number}"), "02T10:00:00", "x")
        })
        .collect();
    events.push(event("u8", "02T10:00:00", "x"));
    let api = Api::new(MemoryStore {
        events,
        ..MemoryStore::default()
    });
    for (wanted, count) in [
        ("200", 3),
        ("2e2", 3),
        ("200.00", 3),
        ("\"200\"", 3),
        ("\"0200\"", 1),
        ("true", 2),
        ("null", 1),
        ("\"\"", 1),
        ("{\"absent\": true}", 1),
        ("{\"absent\": false}", 8),
        ("2000000000000000000000000000000", 0),
    ] {
        let question = format!(
            r#"{{"steps": [{{"event": "x", "where": {{"p": {wanted}}}}}], "from": "2024-03-01", "to": "2024-04-01"}}"#
        );
        let path = "/v1/sites/demo/funnel";
        let answer = api.send(Method::POST, path, question, "*/*").await.ok();
        assert_eq!(counts(&answer["steps"]), [count], "{wanted}");
    }
}

#[tokio::test]
async fn names_that_no_event_has_are_reported() {
    let api = Api::of_garden();
    let answer = api
        .march(json!({
            "steps": [
                {"event": "Product Viewd", "where": {"color": "red"}},
                {"event": "Order Completed", "where": {"properties.itms": 2}},
                {"event": "Order Completed", "where": {"items": 77}},
                {"event": "Something Else Entirely"},
            ],
            "exclude": [{"event": "home_viewed", "after_step": 1, "before_step": 2}],
        }))
        .await;
    let hint = |field: &str, detail: &str, nearest: &[&str]| json!({"field": field, "detail": detail, "nearest": nearest});
    assert_eq!(
        answer["hints"],
        json!([
            hint(
                "steps[0].event",
                "no event called `Product Viewd` was found: did you mean `Product Viewed`?",
                &["Product Viewed"]
            ),
            hint(
                "steps[3].event",
                "no event called `Something Else Entirely` was found",
                &[]
            ),
            hint(
                "exclude[0].event",
                "no event called `home_viewed` was found: did you mean `Home Viewed`?",
                &["Home Viewed"]
            ),
            hint(
                "steps[1].where.properties.itms",
                "no property called `properties.itms` was found: did you mean `properties.items`?",
                &["properties.items"]
            ),
        ])
    );
    let by = json!({"by": ["chanel", "brwser", "browser"]});
    let answer = api
        .march(json!({"steps": [{"event": "Product Viewed"}], "breakdown": by}))
        .await;
    let fields: Vec<_> = answer["hints"].as_array().unwrap().iter().collect();
    assert_eq!(fields.len(), 2, "{fields:?}");
    assert_eq!(fields[0]["nearest"], json!(["channel"]));
    assert_eq!(fields[1]["nearest"], json!(["browser"]));
}

#[tokio::test]
async fn a_question_without_mistakes_does_not_query_the_names() {
    let api = Api::of_garden();
    let breakdown = json!({"by": ["browser", "channel"]});
    let answer = api
        .march(json!({"steps": looked_and_bought(), "breakdown": breakdown}))
        .await;
    assert!(answer.get("hints").is_none());
    let asked = api.store.name_questions.load(Ordering::Relaxed);
    assert_eq!(asked, 0);
}
