//! What whoever has a share link may read.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use etappe_core::account::{
    AccountChange, Accounts, Email, PasswordHash, Role, Session, User, UserId,
};
use etappe_core::id::SiteId;
use etappe_core::kpi::ReferralFigures;
use etappe_core::ports::Clock;
use etappe_core::share::{FixedDays, Share, SharedPage, pass};
use etappe_core::site::{KeyHash, SiteDirectory};
use etappe_core::time::Timestamp;
use serde_json::{Value, json};

use crate::api::{Answer, Api, site};

const TOKEN: &str = "el_link";
const MARCH: &str = "from=2024-03-01&to=2024-04-01";

fn share(now: Timestamp, fixed: Option<&str>) -> Share {
    Share {
        id: "one".to_owned(),
        site: SiteId::try_new("demo").unwrap(),
        page: SharedPage::Today,
        view: String::new(),
        fixed: fixed.map(|text| FixedDays::of_text(text).unwrap()),
        by: "anna@example.com".to_owned(),
        created_at: now,
        expires_at: now.saturating_add(Duration::from_secs(60)),
        revoked_at: None,
        last_opened: None,
        password: None,
        origins: Vec::new(),
    }
}

/// Puts a link among the sites of `api`; returns the hash of its token.
fn put(api: &Api, share: Share) -> KeyHash {
    let mut accounts = Accounts::default();
    let hash = KeyHash::of(TOKEN);
    accounts.apply(AccountChange::PutShare(hash, Box::new(share)));
    let directory = SiteDirectory::new([site("demo"), site("other")]).with_accounts(accounts);
    api.sites.send_replace(Arc::new(directory));
    hash
}

async fn ask(api: &Api, path: &str, body: Option<&Value>, header: (&str, &str)) -> Answer {
    let request = Request::builder()
        .method(if body.is_some() { "POST" } else { "GET" })
        .uri(format!("/v1/sites/{path}"))
        .header(header.0, header.1);
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    api.request(request.body(body).unwrap()).await
}

async fn by_link(api: &Api, path: &str, body: Option<&Value>) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    let header = ("authorization", bearer.as_str());
    ask(api, &format!("demo/{path}"), body, header).await
}

fn shared_api(fixed: Option<&str>) -> Api {
    let api = crate::kpis::api();
    put(&api, share(api.clock.now(), fixed));
    api
}

#[tokio::test]
async fn a_link_shows_figures_of_its_site_and_nothing_of_people() {
    let api = shared_api(None);
    for path in ["kpis", "referrals", "models"] {
        by_link(&api, path, None).await.ok();
    }
    let model = json!({ "model": "aaarrr", "breakdown": { "by": ["channel", "device"] } });
    by_link(&api, "funnel", Some(&model)).await.ok();
    let people = json!({ "steps": [{ "any": true }], "step": 1, "state": "reached" });
    for (path, body) in [
        ("actors", Some(&people)),
        ("actors?q=anna", None),
        ("actors/anna", None),
        ("live", None),
        ("unmapped", None),
        ("stages", None),
        ("changes", None),
        ("lifecycle", Some(&json!({}))),
    ] {
        let answer = by_link(&api, path, body).await;
        assert_eq!(
            answer.problem(403)["type"],
            "urn:etappe:problem:not-shared",
            "{path}"
        );
    }
    let bearer = format!("Bearer {TOKEN}");
    for other in ["other/models", "nowhere/models"] {
        let answer = ask(&api, other, None, ("authorization", &bearer)).await;
        assert_eq!(answer.problem(403)["type"], "urn:etappe:problem:wrong-site");
    }
}

#[tokio::test]
async fn a_link_singles_nobody_out() {
    let api = shared_api(None);
    let named = ["breakdown.by[1]", "exclude", "steps"];
    for (field, question) in [
        (named[2], json!({ "steps": [{ "event": "Signed Up" }] })),
        (
            named[1],
            json!({
                "model": "aaarrr",
                "exclude": [{ "event": "X", "after_step": 1, "before_step": 2 }],
            }),
        ),
        (
            named[0],
            json!({
                "model": "aaarrr",
                "breakdown": { "by": ["channel", "properties.email"] },
            }),
        ),
    ] {
        let problem = by_link(&api, "funnel", Some(&question)).await.problem(422);
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
        assert_eq!(problem["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn ambassadors_are_counted_but_not_named() {
    let mut store = crate::kpis::store();
    let march = store.referrals.values_mut().next().unwrap();
    *march = ReferralFigures {
        advocates: vec![("anna".to_owned(), 3)],
        ..march.clone()
    };
    let api = Api::new(store);
    let path = format!("referrals?{MARCH}");
    let own = api.get(&path).await.ok();
    assert_eq!(own["advocates"][0]["actor"], "anna");
    put(&api, share(api.clock.now(), None));
    let shared = by_link(&api, &path, None).await.ok();
    assert_eq!(shared["advocates"], json!([]));
    assert_eq!(shared["inviters"], own["inviters"]);
}

#[tokio::test]
async fn a_fixed_link_shows_its_days_and_no_others() {
    let free = shared_api(None);
    let free = by_link(&free, &format!("kpis?{MARCH}"), None).await.ok();
    assert_eq!(free["kpis"][0]["previous"], 80);
    let api = shared_api(Some("2024-03-01..2024-03-31"));
    let march = by_link(&api, &format!("kpis?{MARCH}"), None).await.ok();
    assert_eq!(march["kpis"][0]["value"], 100);
    let compared = march["kpis"].as_array().unwrap().iter();
    assert!(compared.clone().all(|kpi| kpi["previous"].is_null()));
    for within in [
        "from=2024-03-05&to=2024-03-09",
        "from=2024-02-29T23:00:00Z&to=2024-03-31T22:00:00Z",
        "from=2024-03-31&to=2024-04-01",
    ] {
        by_link(&api, &format!("kpis?{within}"), None).await.ok();
    }
    for outside in [
        "",
        "from=2024-02-29&to=2024-04-01",
        "from=2024-03-01&to=2024-04-02",
        "from=2024-02-29T22:59:59.999Z&to=2024-03-31T22:00:00Z",
        // By this zone's clocks the days begin earlier.
        "from=2024-03-01&to=2024-04-01&timezone=Asia/Tokyo",
    ] {
        let answer = by_link(&api, &format!("kpis?{outside}"), None).await;
        let problem = answer.problem(403);
        assert_eq!(problem["type"], "urn:etappe:problem:not-shared");
        assert_eq!(
            problem["detail"],
            "this link shows 2024-03-01..2024-03-31 only"
        );
    }
    let funnel = json!({ "model": "aaarrr", "from": "2024-02-01", "to": "2024-03-01" });
    by_link(&api, "funnel", Some(&funnel)).await.problem(403);
    by_link(&api, "models", None).await.ok();
}

#[tokio::test]
async fn a_link_ends_and_can_be_revoked() {
    let api = shared_api(None);
    by_link(&api, "models", None).await.ok();
    api.clock.advance(Duration::from_secs(60));
    let over = by_link(&api, "models", None).await.problem(401);
    assert_eq!(over["type"], "urn:etappe:problem:unknown-token");
    let now = api.clock.now();
    let revoked = Share {
        revoked_at: Some(now),
        ..share(now, None)
    };
    put(&api, revoked);
    by_link(&api, "models", None).await.problem(401);
}

#[tokio::test]
async fn a_link_with_a_password_opens_by_the_cookie_only() {
    let api = Api::of_garden();
    let locked = Share {
        password: Some(PasswordHash("$argon2id$".to_owned())),
        ..share(api.clock.now(), None)
    };
    let hash = put(&api, locked.clone());
    by_link(&api, "models", None).await.problem(401);
    let given = pass(&hash, &locked.proof(&hash).unwrap());
    let cookie = format!("theme=dark; etappe_share={given}");
    let with = |cookie: String| {
        let api = &api;
        async move { ask(api, "demo/models", None, ("cookie", &cookie)).await }
    };
    with(cookie.clone()).await.ok();
    let forged = pass(&hash, &KeyHash::of("guess"));
    let answer = with(format!("etappe_share={forged}")).await;
    assert_eq!(answer.problem(401)["type"], "urn:etappe:problem:link-over");
    let twice = format!("{cookie}; etappe_share={given}");
    let answer = with(twice).await;
    assert_eq!(
        answer.problem(401)["type"],
        "urn:etappe:problem:missing-token"
    );
    let live = ask(&api, "demo/live", None, ("cookie", &cookie)).await;
    assert_eq!(live.problem(403)["type"], "urn:etappe:problem:not-shared");
}

#[tokio::test]
async fn whoever_signed_in_for_another_site_can_still_open_a_link() {
    let api = Api::of_garden();
    let now = api.clock.now();
    let locked = Share {
        password: Some(PasswordHash("$argon2id$".to_owned())),
        ..share(now, None)
    };
    let hash = KeyHash::of(TOKEN);
    let given = pass(&hash, &locked.proof(&hash).unwrap());
    let user = User {
        id: UserId::new("bob"),
        email: Email::try_new("bob@example.com").unwrap(),
        name: "Bob".to_owned(),
        password: PasswordHash(String::new()),
        everywhere: None,
        sites: [(SiteId::try_new("other").unwrap(), Role::Viewer)].into(),
    };
    let session = Session {
        user: user.id.clone(),
        created_at: now,
        expires_at: now.saturating_add(Duration::from_secs(60)),
    };
    let mut accounts = Accounts::default();
    accounts.apply(AccountChange::PutShare(hash, Box::new(locked)));
    accounts.apply(AccountChange::PutUser(Box::new(user)));
    accounts.apply(AccountChange::PutSession(KeyHash::of("es_bob"), session));
    let directory = SiteDirectory::new([site("demo"), site("other")]).with_accounts(accounts);
    api.sites.send_replace(Arc::new(directory));
    let cookie = format!("etappe_session=es_bob; etappe_share={given}");
    let both = ("cookie", cookie.as_str());
    ask(&api, "demo/models", None, both).await.ok();
    ask(&api, "other/unmapped", None, both).await.ok();
    ask(&api, "demo/unmapped", None, both).await.problem(403);
    let alone = ("cookie", "etappe_session=es_bob");
    ask(&api, "demo/models", None, alone).await.problem(403);
}
