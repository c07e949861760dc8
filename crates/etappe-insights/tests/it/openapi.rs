//! The OpenAPI document matches the API.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::api::Api;

async fn description(api: &Api) -> Value {
    let request = Request::builder()
        .uri("/openapi.json")
        .body(Body::empty())
        .unwrap();
    api.request(request).await.ok()
}

#[tokio::test]
async fn every_route_is_described_and_every_description_is_routed() {
    let api = Api::of_garden();
    let description = description(&api).await;
    let paths = description["paths"].as_object().unwrap();
    let expected = [
        "actors",
        "actors/{id}",
        "changes",
        "funnel",
        "kpis",
        "lifecycle",
        "live",
        "meaning",
        "models",
        "referrals",
        "stages",
        "unmapped",
    ];
    let expected: BTreeSet<String> = expected
        .iter()
        .map(|path| format!("/v1/sites/{{site}}/{path}"))
        .collect();
    assert_eq!(paths.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().unwrap() {
            let path = path.replace("{site}", "demo").replace("{id}", "anna");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = api.send(method, &path, "{}", "*/*").await;
            assert!(
                answer.status != 404 && answer.status != 405,
                "{path}: {}",
                answer.text
            );
            assert_eq!(operation["security"], json!([{"read_token": []}]), "{path}");
            let statuses = operation["responses"].as_object().unwrap();
            let is_stream =
                operation["responses"]["200"]["content"]["text/event-stream"].is_object();
            let statuses_of_all = ["200", "401", "403"];
            let of_questions = (!is_stream).then_some("422");
            for status in statuses_of_all.into_iter().chain(of_questions) {
                assert!(statuses.contains_key(status), "{path} {status}");
            }
            assert!(operation["summary"].is_string(), "{path}");
        }
    }
    assert_eq!(
        description["components"]["securitySchemes"]["read_token"]["scheme"],
        "bearer"
    );
}

#[tokio::test]
async fn every_reference_resolves() {
    let description = description(&Api::of_garden()).await;
    let text = description.to_string();
    let mut references = 0;
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(
            description["components"]["schemas"][name].is_object(),
            "{name}"
        );
        references += 1;
    }
    assert!(references > 10);
}

#[tokio::test]
async fn the_example_questions_are_answered() {
    let api = Api::of_garden();
    let description = description(&api).await;
    let content =
        &description["paths"]["/v1/sites/{site}/funnel"]["post"]["requestBody"]["content"];
    let examples = content["application/json"]["examples"].as_object().unwrap();
    assert_eq!(examples.len(), 2);
    for (name, example) in examples {
        let answer = api.funnel(&example["value"]).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    }
}

/// Asks with an unknown field and returns the fields that the error lists.
async fn expected_fields(api: &Api, question: Value) -> BTreeSet<String> {
    listed_fields(&api.funnel(&question).await.problem(422))
}

/// Returns the fields that the problem of an unknown field lists.
fn listed_fields(problem: &Value) -> BTreeSet<String> {
    let details = problem["errors"].as_array().unwrap().iter();
    let detail = details.map(|error| error["detail"].as_str().unwrap());
    let list = detail
        .filter_map(|detail| detail.split("expected one of ").nth(1))
        .next()
        .unwrap();
    list.split(", ").map(str::to_owned).collect()
}

/// Returns the fields of a schema, including those of the schemas it is composed of.
fn fields(description: &Value, schema: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        names.extend(fields(
            description,
            &description["components"]["schemas"][name],
        ));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        names.extend(fields(description, part));
    }
    names.extend(
        schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone()),
    );
    names
}

#[tokio::test]
async fn the_fields_described_are_the_fields_read() {
    let api = Api::of_garden();
    let description = description(&api).await;
    let schemas = &description["components"]["schemas"];
    let steps = json!([{"any": true}, {"any": true}]);
    let cases = [
        ("FunnelBody", json!({"steps": steps, "nothing": 1})),
        ("StepBody", json!({"steps": [{"any": true, "nothing": 1}]})),
        (
            "ExclusionBody",
            json!({"steps": steps, "exclude": [{"any": true, "after_step": 1, "before_step": 2, "nothing": 1}]}),
        ),
        (
            "BreakdownBody",
            json!({"steps": steps, "breakdown": {"by": ["a"], "nothing": 1}}),
        ),
    ];
    for (schema, question) in cases {
        let described = fields(&description, &schemas[schema]);
        assert_eq!(described, expected_fields(&api, question).await, "{schema}");
    }
}

#[tokio::test]
async fn the_parameters_described_are_the_parameters_read() {
    let api = Api::of_garden();
    let description = description(&api).await;
    let lifecycle = api
        .send(
            Method::POST,
            "/v1/sites/demo/lifecycle",
            r#"{"nothing":1}"#,
            "*/*",
        )
        .await;
    let body = &description["paths"]["/v1/sites/{site}/lifecycle"]["post"]["requestBody"];
    let body = fields(&description, &body["content"]["application/json"]["schema"]);
    assert_eq!(body, listed_fields(&lifecycle.problem(422)));
    for route in ["stages", "kpis", "referrals", "actors/{id}", "unmapped"] {
        let operation = &description["paths"][format!("/v1/sites/{{site}}/{route}")]["get"];
        let described: BTreeSet<String> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        let path = route.replace("{id}", "anna");
        let problem = api.get(&format!("{path}?nothing=1")).await.problem(422);
        assert_eq!(described, listed_fields(&problem), "{route}");
    }
}

/// Returns the schema of a route's answer.
fn answer_schema<'a>(description: &'a Value, route: &str) -> &'a Value {
    let path = &description["paths"][format!("/v1/sites/{{site}}/{route}")];
    let (_, operation) = path.as_object().unwrap().iter().next().unwrap();
    &operation["responses"]["200"]["content"]["application/json"]["schema"]
}

#[tokio::test]
async fn answers_have_the_fields_described() {
    let api = Api::of_garden();
    let description = description(&api).await;
    let schemas = &description["components"]["schemas"];
    let question = json!({
        "model": "aaarrr", "from": "2024-03-01", "to": "2024-04-01", "window": "1d",
        "breakdown": {"by": ["brwser"]}, "trend": "month",
    });
    let funnel = api.funnel(&question).await.ok();
    let lifecycle = api
        .send(Method::POST, "/v1/sites/demo/lifecycle", "{}", "*/*")
        .await
        .ok();
    let kpis = api.get("kpis?trend=month").await.ok();
    let stages = api.get("stages").await.ok();
    let actor = api.get("actors/anna").await.ok();
    let models = api.get("models").await.ok();
    let unmapped = api.get("unmapped?from=2024-02-01").await.ok();
    let cases = [
        ("funnel", &funnel),
        ("StepAnswer", &funnel["steps"][0]),
        ("TimeAnswer", &funnel["steps"][0]["time_from_previous"]),
        ("BreakdownAnswer", &funnel["breakdown"][0]),
        ("TrendAnswer", &funnel["trend"][0]),
        ("Hint", &funnel["hints"][0]),
        ("kpis", &kpis),
        ("KpiAnswer", &kpis["kpis"][0]),
        ("TrendPoint", &kpis["kpis"][0]["trend"][0]),
        ("Person", &api.get("actors?q=bob").await.ok()["people"][0]),
        ("stages", &stages),
        ("StageAnswer", &stages["stages"][0]),
        ("DwellAnswer", &stages["stages"][0]["dwell"]),
        ("actors/{id}", &actor),
        ("EventAnswer", &actor["events"][0]),
        ("EventStageAnswer", &actor["events"][0]["stages"]["aaarrr"]),
        ("models", &models),
        ("Model", &models["models"][0]),
        ("unmapped", &unmapped),
        ("UnmappedNameAnswer", &unmapped["names"][0]),
        ("SuggestionAnswer", &unmapped["names"][0]["suggestion"]),
        ("referrals", &api.get("referrals").await.ok()),
        ("lifecycle", &lifecycle),
        ("LifecyclePeriod", &lifecycle["periods"][0]),
        ("Problem", &api.get("kpis?from=x").await.problem(422)),
    ];
    for (name, answer) in cases {
        let found: BTreeSet<String> = answer.as_object().unwrap().keys().cloned().collect();
        let schema = match schemas.get(name) {
            Some(schema) => schema,
            None => answer_schema(&description, name),
        };
        assert_eq!(fields(&description, schema), found, "{name}");
    }
}
