//! Access control.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use axum::routing::{get, post};
use etappe_core::account::{
    AccountChange, Accounts, Email, PasswordHash, Role, Session, User, UserId,
};
use etappe_core::id::SiteId;
use etappe_core::ports::Clock;
use etappe_core::site::{KeyHash, SiteDirectory};

use crate::api::{Answer, Api, TOKEN, site};

const ROUTES: [(&str, &str); 12] = [
    ("POST", "funnel"),
    ("POST", "actors"),
    ("GET", "stages"),
    ("GET", "kpis"),
    ("GET", "referrals"),
    ("GET", "models"),
    ("GET", "actors/anna"),
    ("GET", "actors?q=anna"),
    ("GET", "live"),
    ("POST", "lifecycle"),
    ("GET", "unmapped"),
    ("GET", "changes"),
];

async fn ask(api: &Api, method: &str, path: &str, authorization: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let body = match (method, path.rsplit('/').next()) {
        ("POST", Some("actors")) => r#"{"steps":[{"any":true}],"step":1,"state":"reached"}"#,
        ("POST", Some("funnel")) => r#"{"steps":[{"any":true}]}"#,
        ("POST", _) => "{}",
        _ => "",
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
            assert_eq!(answer.status, 200, "{}", answer.text);
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
        // `actors` takes both.
        let wrong = match (method, route) {
            (_, "actors" | "actors?q=anna") => "DELETE",
            ("POST", _) => "GET",
            _ => "POST",
        };
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

#[tokio::test]
async fn a_session_reads_the_sites_where_its_user_has_a_role_until_it_ends() {
    let api = Api::of_garden();
    let now = api.clock.now();
    let mut accounts = Accounts::default();
    for (name, site_name) in [("anna", "demo"), ("bob", "other")] {
        let user = User {
            id: UserId::new(name),
            email: Email::try_new(&format!("{name}@example.com")).unwrap(),
            name: name.to_owned(),
            password: PasswordHash(String::new()),
            everywhere: None,
            sites: [(SiteId::try_new(site_name).unwrap(), Role::Viewer)].into(),
        };
        let session = Session {
            user: user.id.clone(),
            created_at: now,
            expires_at: now.saturating_add(Duration::from_secs(60)),
        };
        accounts.apply(AccountChange::PutUser(Box::new(user)));
        let token = KeyHash::of(&format!("es_{name}"));
        accounts.apply(AccountChange::PutSession(token, session));
    }
    let directory = SiteDirectory::new([site("demo"), site("other")]).with_accounts(accounts);
    api.sites.send_replace(Arc::new(directory));
    let with_cookie = async |path: &str, token: &str| {
        let request = Request::builder()
            .uri(path)
            .header("cookie", format!("etappe_session={token}"));
        api.request(request.body(Body::empty()).unwrap()).await
    };
    with_cookie("/v1/sites/demo/models", "es_anna").await.ok();
    let others = ["/v1/sites/other/models", "/v1/sites/nowhere/models"];
    for path in others {
        let answer = with_cookie(path, "es_anna").await;
        assert_eq!(answer.problem(403)["type"], "urn:etappe:problem:wrong-site");
    }
    with_cookie("/v1/sites/other/models", "es_bob").await.ok();
    let unknown = with_cookie("/v1/sites/demo/models", "es_carla").await;
    assert_eq!(
        unknown.problem(401)["type"],
        "urn:etappe:problem:session-over"
    );
    api.clock.advance(Duration::from_secs(60));
    let over = with_cookie("/v1/sites/demo/models", "es_anna").await;
    assert_eq!(over.problem(401)["type"], "urn:etappe:problem:session-over");
}
