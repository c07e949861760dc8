//! Runs the requests in the documentation and compares the answers.
//!
//! In `docs/api.md` an `http` block is a request, and the next block is its answer. A `json` answer
//! is compared as JSON; a member `"…"` stands for omitted members.

use axum::http::Method;
use serde_json::Value;

use crate::api::Api;

const TEXT: &str = include_str!("../../../../docs/api.md");

/// The code blocks, with their language.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut blocks = Vec::new();
    let mut rest = TEXT;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (language, after) = after.split_once('\n').unwrap();
        let (code, after) = after.split_once("\n```").unwrap();
        blocks.push((language, code));
        rest = after;
    }
    blocks
}

/// Compares the documented answer with the real one; `"…"` in an object allows further members.
fn assert_shown(shown: &Value, found: &Value, path: &str) {
    match (shown, found) {
        (Value::Object(shown), Value::Object(found)) => {
            let is_excerpt = shown.contains_key("…");
            for (name, shown) in shown.iter().filter(|(name, _)| *name != "…") {
                let found = found
                    .get(name)
                    .unwrap_or_else(|| panic!("no {path}.{name}"));
                assert_shown(shown, found, &format!("{path}.{name}"));
            }
            let missing: Vec<&String> = found
                .keys()
                .filter(|name| !shown.contains_key(*name))
                .collect();
            assert!(is_excerpt || missing.is_empty(), "{path} lacks {missing:?}");
        }
        (Value::Array(shown), Value::Array(found)) => {
            let is_excerpt = shown.last().is_some_and(|last| last == "…");
            let shown = if is_excerpt {
                &shown[..shown.len() - 1]
            } else {
                shown
            };
            assert!(
                is_excerpt || shown.len() == found.len(),
                "{path}: {found:?}"
            );
            for (index, (shown, found)) in shown.iter().zip(found).enumerate() {
                assert_shown(shown, found, &format!("{path}[{index}]"));
            }
        }
        _ => assert_eq!(shown, found, "{path}"),
    }
}

#[tokio::test]
async fn the_documented_examples_are_answered_as_shown() {
    let api = Api::of_garden();
    let blocks = blocks();
    let mut requests = 0;
    for pair in blocks.windows(2) {
        let [("http", request), (language, expected)] = pair else {
            continue;
        };
        requests += 1;
        let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
        let mut lines = head.lines();
        let (method, path) = lines.next().unwrap().split_once(' ').unwrap();
        let accept = lines
            .find_map(|line| line.strip_prefix("Accept: "))
            .unwrap_or("*/*");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = api.send(method, path, body.to_owned(), accept).await;
        if *language == "json" {
            let expected: Value =
                serde_json::from_str(expected).unwrap_or_else(|e| panic!("{e}: {expected}"));
            assert_shown(&expected, &answer.json(), path);
        } else {
            assert_eq!(
                answer.text.replace("\r\n", "\n").trim_end(),
                expected.trim_end(),
                "{path}"
            );
        }
    }
    assert!(requests >= 9, "{requests}");
}

#[tokio::test]
async fn the_table_of_questions_is_the_one_of_the_description() {
    let api = Api::of_garden();
    let description = api.send(Method::GET, "/openapi.json", "", "*/*").await.ok();
    let mut rows: Vec<String> = Vec::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        let path = path.replace("/v1/sites/{site}/", "…/");
        for (method, operation) in operations.as_object().unwrap() {
            let table = &operation["responses"]["200"]["content"]["text/csv"];
            let csv = if table.is_object() { "yes" } else { "" };
            let summary = operation["summary"].as_str().unwrap();
            rows.push(format!(
                "| `{} {path}` | {summary} | {csv} |",
                method.to_uppercase()
            ));
        }
    }
    let table = "| question | answer | CSV |\n|---|---|---|\n";
    let (_, shown) = TEXT.split_once(table).unwrap();
    let shown: Vec<&str> = shown
        .lines()
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert_eq!(shown, rows, "the table must be:\n{}", rows.join("\n"));
}
