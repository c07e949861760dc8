//! Access control.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use axum::routing::{get, post};
use etappe_core::site::SiteDirectory;

use crate::api::{Answer, Api, TOKEN, site};

const ROUTES: [(&str, &str); 6] = [
    ("POST", "funnel"),
    ("GET", "stages"),
    ("GET", "kpis"),
    ("GET", "referrals"),
    ("GET", "models"),
    ("GET", "actors/anna"),
];

async fn ask(api: &Api, method: &str, path: &str, authorization: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let body = if method == "POST" {
        "{\"steps\":[{\"any\":true}]}"
    } else {
        ""
    };
    api.request(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn nothing_is_read_without_a_token() {
    let api = Api::of_garden();
    for (method, route) in ROUTES {
        let path = format!("/v1/sites/demo/{route}");
        for authorization in [
            None,
            Some("Bearer"),
            Some("Bearer "),
            Some("Basic cmVhZC1kZW1vOg=="),
            Some(TOKEN),
        ] {
            let answer = ask(&api, method, &path, authorization).await;
            assert_eq!(
                answer.problem(401)["type"],
                "urn:etappe:problem:missing-token",
                "{route}"
            );
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"etappe\"");
        }
    }
}

#[tokio::test]
async fn unknown_tokens_and_write_keys_read_nothing() {
    let api = Api::of_garden();
    for (method, route) in ROUTES {
        for token in ["Bearer nothing", "Bearer write-demo", "Bearer read-demo2"] {
            let answer = ask(
                &api,
                method,
                &format!("/v1/sites/demo/{route}"),
                Some(token),
            )
            .await;
            assert_eq!(
                answer.problem(401)["type"],
                "urn:etappe:problem:unknown-token"
            );
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"etappe\"");
        }
    }
}

#[tokio::test]
async fn a_token_reads_its_own_site_and_no_other() {
    let api = Api::of_garden();
    for (method, route) in ROUTES {
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let authorization = format!("{scheme} {TOKEN}");
            let answer = ask(
                &api,
                method,
                &format!("/v1/sites/demo/{route}"),
                Some(&authorization),
            )
            .await;
            answer.ok();
        }
        // The answer is the same whether or not the site exists.
        let authorization = format!("Bearer {TOKEN}");
        let path = format!("/v1/sites/other/{route}");
        let existing = ask(&api, method, &path, Some(&authorization)).await;
        let path = format!("/v1/sites/nowhere/{route}");
        let missing = ask(&api, method, &path, Some(&authorization)).await;
        assert_eq!(existing.problem(403), missing.problem(403));
        assert_eq!(existing.headers, missing.headers);
    }
}

#[tokio::test]
async fn tokens_work_only_while_the_site_directory_lists_them() {
    let api = Api::of_garden();
    let path = "/v1/sites/late/models";
    ask(&api, "GET", path, Some("Bearer read-late"))
        .await
        .problem(401);
    api.sites
        .send(Arc::new(SiteDirectory::new([site("late")])))
        .unwrap();
    ask(&api, "GET", path, Some("Bearer read-late")).await.ok();
    ask(
        &api,
        "GET",
        "/v1/sites/demo/models",
        Some("Bearer read-demo"),
    )
    .await
    .problem(401);
}

#[tokio::test]
async fn other_paths_and_methods_get_a_problem() {
    let api = Api::of_garden();
    for path in [
        "/v1/sites",
        "/v1/sites/demo",
        "/v1/sites/demo/retention",
        "/v1/sites/demo/actors/a/b",
        "/v1/sites/demo/funnel/",
    ] {
        ask(&api, "GET", path, None).await.problem(404);
    }
    for (method, route) in ROUTES {
        let wrong = if method == "POST" { "GET" } else { "POST" };
        let answer = ask(&api, wrong, &format!("/v1/sites/demo/{route}"), None).await;
        answer.problem(405);
        assert!(
            answer.header("allow").contains(method),
            "{}",
            answer.header("allow")
        );
    }
    // Paths outside the API are left to other routers.
    let answer = ask(&api, "GET", "/v1/batch", None).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (404, ""));
}

#[tokio::test]
async fn answers_are_not_cached_by_proxies() {
    let api = Api::of_garden();
    assert_eq!(api.get("models").await.header("cache-control"), "no-store");
    assert_eq!(
        api.get("kpis?from=x").await.header("cache-control"),
        "no-store"
    );
}

#[tokio::test]
async fn other_origins_get_no_cors_headers() {
    let api = Api::of_garden();
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/v1/sites/demo/models")
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "GET");
    let answer = api.request(request.body(Body::empty()).unwrap()).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn the_routes_can_be_merged_with_other_routers() {
    let mut api = Api::of_garden();
    let others = Router::new()
        .route("/v1/batch", post(|| async { "taken" }))
        .route(
            "/v1/sites/{site}/rejections",
            get(|| async { "rejections" }),
        );
    api.router = others.merge(api.router);
    let answer = ask(&api, "GET", "/v1/sites/demo/rejections", None).await;
    assert_eq!(answer.text, "rejections");
    assert_eq!(ask(&api, "POST", "/v1/batch", None).await.text, "taken");
    ask(&api, "GET", "/v1/sites/demo/retention", None)
        .await
        .problem(404);
}
