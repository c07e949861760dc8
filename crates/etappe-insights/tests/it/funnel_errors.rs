//! Invalid funnel questions.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::api::Api;

/// Returns the problems as `field: detail`.
async fn problems(question: &Value) -> Vec<String> {
    let problem = Api::of_garden().funnel(question).await.problem(422);
    assert_eq!(problem["type"], "urn:etappe:problem:invalid-question");
    let errors = problem["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("{problem}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    errors
        .iter()
        .map(|error| format!("{}: {}", text(&error["field"]), text(&error["detail"])))
        .collect()
}

/// Questions with one error each, and how the problem text begins.
const WRONG: &[(&str, &str)] = &[
    (r#"[]"#, "body: must be an object"),
    (r#"{}"#, "steps: a funnel needs `steps` or a `model`"),
    (r#"{"steps": []}"#, "steps: must not be empty"),
    (r#"{"steps": {}}"#, "steps: must be a list"),
    (r#"{"steps": ["purchase"]}"#, "steps[0]: must be an object"),
    (
        r#"{"steps": [{}]}"#,
        "steps[0]: needs exactly one of event, milestone, stage and any",
    ),
    (
        r#"{"steps": [{"event": "a", "any": true}]}"#,
        "steps[0]: needs exactly one of",
    ),
    (
        r#"{"steps": [{"event": ""}]}"#,
        "steps[0].event: must not be empty",
    ),
    (
        r#"{"steps": [{"event": 7}]}"#,
        "steps[0].event: must be a string",
    ),
    (
        r#"{"steps": [{"any": false}]}"#,
        "steps[0].any: must be true",
    ),
    (
        r#"{"steps": [{"any": "yes"}]}"#,
        "steps[0].any: must be true or false",
    ),
    (
        r#"{"steps": [{"milestone": "bought"}]}"#,
        "steps[0].milestone: `bought` is not a milestone",
    ),
    (
        r#"{"steps": [{"stage": "revenue"}]}"#,
        "steps[0].model: a stage needs its model: there is aaarrr, store",
    ),
    (
        r#"{"steps": [{"stage": "revenue", "model": "x"}]}"#,
        "steps[0].model: no model is called `x`: there is aaarrr, store",
    ),
    (
        r#"{"steps": [{"stage": "x", "model": "store"}]}"#,
        "steps[0].stage: `store` has no stage `x`: there is instroom, uitstroom",
    ),
    (
        r#"{"steps": [{"event": "a", "model": "store"}]}"#,
        "steps[0].model: requires `stage`",
    ),
    (
        r#"{"steps": [{"event": "a", "evnt": "b"}]}"#,
        "steps[0].evnt: is not a known field (did you mean `event`?): expected one of event, milestone",
    ),
    (
        r#"{"steps": [{"any": true, "where": []}]}"#,
        "steps[0].where: must be an object",
    ),
    (
        r#"{"steps": [{"any": true, "where": {"a": {"absent": 1}}}]}"#,
        "steps[0].where.a: must be a string, a number, true, false, null or {\"absent\": true}",
    ),
    (
        r#"{"steps": [{"any": true, "where": {"a": {"absent": true, "is": 1}}}]}"#,
        "steps[0].where.a: must be a string, a number",
    ),
    (
        r#"{"steps": [{"milestone": "purchas"}]}"#,
        "steps[0].milestone: `purchas` is not a milestone (did you mean `purchase`?)",
    ),
    (
        r#"{"steps": [{"stage": "revenu", "model": "aaarrr"}]}"#,
        "steps[0].stage: `aaarrr` has no stage `revenu` (did you mean `revenue`?): there is",
    ),
    (
        r#"{"model": "aarrr"}"#,
        "model: no model is called `aarrr` (did you mean `aaarrr`?): there is",
    ),
    (
        r#"{"steps": [{"any": true}], "order": "orderd"}"#,
        "order: expected one of ordered, strict, unordered (did you mean `ordered`?)",
    ),
    (
        r#"{"steps": [{"any": true}], "breakdown": {"by": ["a"], "limit": 1001}}"#,
        "breakdown.limit: at most 1000 values can be listed",
    ),
    (
        r#"{"steps": [{"any": true}], "breakdown": {"by": ["a"], "limit": 0}}"#,
        "breakdown.limit: must be a whole number of at least 1",
    ),
    (
        r#"{"steps": [{"any": true, "where": {"a": [1]}}]}"#,
        "steps[0].where.a: must be a string, a number",
    ),
    (
        r#"{"steps": [{"any": true, "min_gap": "1d"}]}"#,
        "steps[0]: `min_gap` and `max_gap` need a preceding step",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true, "max_gap": "soon"}]}"#,
        "steps[1].max_gap: must be a duration",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true, "min_gap": "2d", "max_gap": "1d"}]}"#,
        "steps[1]: `min_gap` is longer",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true, "max_gap": "1d"}], "order": "unordered"}"#,
        "steps[1]: `min_gap` and `max_gap` need ordered steps",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "model": "store"}"#,
        "steps: cannot be combined with `model`",
    ),
    (
        r#"{"model": "x"}"#,
        "model: no model is called `x`: there is aaarrr, store",
    ),
    (r#"{"model": 3}"#, "model: must be a string"),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "from": "01-03-2024"}"#,
        "from: `01-03-2024` is no time",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "from": 1709294400}"#,
        "from: must be a string",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "from": "2024-03-02", "to": "2024-03-01"}"#,
        "from: 2024-03-01T23:00:00.000Z is after `to`",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "to": "2100-01-02"}"#,
        "to: `2100-01-02` is outside 1970-01-01 to 2100-01-01",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "timezone": "CET+1"}"#,
        "timezone: `CET+1` is not a time zone",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "window": "1 year"}"#,
        "window: must be a duration",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "window": -5}"#,
        "window: must be a duration",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "window": [1]}"#,
        "window: must be a duration",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "order": "random"}"#,
        "order: expected one of ordered, strict, unordered",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "attempt": "last"}"#,
        "attempt: expected one of best, first_entry",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "ties": "later"}"#,
        "ties: expected one of default, strictly_later",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "skips": "allow"}"#,
        "skips: requires `model`",
    ),
    (
        r#"{"model": "aaarrr", "skips": "yes"}"#,
        "skips: expected one of allow, forbid",
    ),
    (
        r#"{"model": "aaarrr", "order": "strict"}"#,
        "order: skipping stages is supported only with order `ordered`",
    ),
    (
        r#"{"model": "aaarrr", "ties": "strictly_later"}"#,
        "ties: skipping stages cannot be combined with `ties`",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "unit": "household"}"#,
        "unit: expected one of actor, session, account",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "bots": "maybe"}"#,
        "bots: expected one of exclude, include, only",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "trend": "year"}"#,
        "trend: expected one of day, week, month",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "breakdown": "channel"}"#,
        "breakdown: must be an object",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "breakdown": {}}"#,
        "breakdown.by: is missing",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "breakdown": {"by": []}}"#,
        "breakdown.by: must not be empty",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "breakdown": {"by": "channel"}}"#,
        "breakdown.by: must be a list",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "breakdown": {"by": ["channel", 2]}}"#,
        "breakdown.by[1]: must be the name of a property",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "breakdown": {"by": ["a", "b", "c", "d", "e"]}}"#,
        "breakdown.by: has more than 4 entries",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "breakdown": {"by": ["a"], "step": 3}}"#,
        "breakdown.step: the funnel has 2 steps",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "breakdown": {"by": ["a"], "step": 0}}"#,
        "breakdown.step: must be a whole number of at least 1",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "breakdown": {"by": ["a"], "at": 1}}"#,
        "breakdown.at: is not a known field: expected one of by, step",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "exclude": {}}"#,
        "exclude: must be a list",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "exclude": [{"event": "x", "before_step": 2}]}"#,
        "exclude[0].after_step: is missing",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "exclude": [{"after_step": 1, "before_step": 2}]}"#,
        "exclude[0]: needs exactly one of",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "exclude": [{"event": "x", "after_step": 2, "before_step": 1}]}"#,
        "exclude[0]: `after_step` must come before `before_step`",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "exclude": [{"event": "x", "after_step": 1, "before_step": 3}]}"#,
        "exclude[0]: `after_step` and `before_step` must be numbers of steps, in a model those of gates",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "exclude": [{"event": "x", "after_step": 1.5, "before_step": 2}]}"#,
        "exclude[0].after_step: must be a whole number",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "exclude": [{"event": "x", "after_step": 1, "before_step": 2, "keep_entrant": 1}]}"#,
        "exclude[0].keep_entrant: must be true or false",
    ),
    (
        r#"{"model": "aaarrr", "exclude": [{"event": "x", "after_step": 3, "before_step": 4}]}"#,
        "exclude[0]: `after_step` and `before_step` must be numbers of steps, in a model those of gates",
    ),
    (
        r#"{"steps": [{"any": true}, {"any": true}], "form": "2024-03-01"}"#,
        "form: is not a known field (did you mean `from`?): expected one of from, to",
    ),
];

#[tokio::test]
async fn every_invalid_field_is_named() {
    for (question, expected) in WRONG {
        let question: Value = serde_json::from_str(question).unwrap();
        let problems = problems(&question).await;
        assert_eq!(problems.len(), 1, "{question}: {problems:?}");
        assert!(
            problems[0].starts_with(expected),
            "{question}: {problems:?}"
        );
    }
}

#[tokio::test]
async fn too_many_steps_are_refused() {
    let question = json!({"steps": vec![json!({"any": true}); 33]});
    assert_eq!(
        problems(&question).await,
        ["steps: a funnel may have at most 32 steps; this one has 33"]
    );
}

#[tokio::test]
async fn all_problems_are_reported_together() {
    let question = json!({
        "steps": [{"milestone": "x"}, {"any": true, "min_gap": "?"}, 3],
        "exclude": [{"event": "y"}],
        "from": "a", "to": "b", "timezone": "UTC", "window": "c", "unit": "d", "trend": "e", "extra": 1,
    });
    let mut fields: Vec<String> = problems(&question)
        .await
        .iter()
        .map(|problem| problem.split(": ").next().unwrap().to_owned())
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "exclude[0].after_step",
            "exclude[0].before_step",
            "extra",
            "from",
            "steps[0].milestone",
            "steps[1].min_gap",
            "steps[2]",
            "to",
            "trend",
            "unit",
            "window",
        ]
    );
}

#[tokio::test]
async fn too_many_conditions_are_refused() {
    let exclusion = json!({"event": "x", "after_step": 1, "before_step": 2});
    let question = json!({"steps": [{"any": true}, {"any": true}], "exclude": vec![exclusion; 63]});
    assert_eq!(
        problems(&question).await,
        ["steps: a funnel may have at most 64 steps and exclusions in total"]
    );
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let api = Api::of_garden();
    let deep = "[".repeat(10_000);
    for body in ["", "{", "{\"a\":1}}", "\u{0}", "not json", deep.as_str()] {
        let answer = api
            .send(
                Method::POST,
                "/v1/sites/demo/funnel",
                body.to_owned(),
                "*/*",
            )
            .await;
        assert_eq!(
            answer.problem(400)["type"],
            "urn:etappe:problem:malformed-json"
        );
    }
    let invalid_utf8 = Body::from(vec![b'"', 0xff, b'"']);
    api.send(Method::POST, "/v1/sites/demo/funnel", invalid_utf8, "*/*")
        .await
        .problem(400);
}

#[tokio::test]
async fn an_oversized_body_is_refused() {
    let body = format!("{{\"steps\":[{{\"event\":\"{}\"}}]}}", "x".repeat(70_000));
    let answer = Api::of_garden()
        .send(Method::POST, "/v1/sites/demo/funnel", body, "*/*")
        .await;
    let problem = answer.problem(413);
    assert_eq!(problem["detail"], "the body is larger than 65536 bytes");
}

#[tokio::test]
async fn a_null_field_counts_as_absent() {
    let question = json!({"steps": [{"any": true, "where": null}], "model": null, "window": null, "trend": null});
    Api::of_garden().funnel(&question).await.ok();
}
