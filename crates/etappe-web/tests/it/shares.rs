//! Share links: made, listed, opened, embedded and revoked.

use etappe_core::account::Role;
use etappe_core::time::Timestamp;
use etappe_web::users::{self, UserRequest};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Person, World, anna, with_role};

const LINKS: &str = "/app/api/sites/shop/shares";
const WORD: &str = "open sesame";

fn wanted() -> Value {
    json!({ "page": "today", "view": "p=30d&m=aaarrr", "period": "free", "days": 30 })
}

fn with(fields: &Value) -> Value {
    let mut wanted = wanted();
    let all = wanted.as_object_mut().expect("an object");
    all.extend(fields.as_object().expect("an object").clone());
    wanted
}

impl Person {
    async fn make(&self, world: &World, wanted: &Value) -> Answer {
        world.post(LINKS, wanted, &self.headers()).await
    }

    async fn list(&self, world: &World) -> Value {
        let answer = world.get(LINKS, Some(&self.cookie)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
        answer.json["shares"].clone()
    }
}

/// Returns the token of a link that was just made.
fn token(made: &Answer) -> String {
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.json);
    let url = made.json["url"].as_str().expect("an address");
    url.strip_prefix("/share/")
        .expect("below /share")
        .to_owned()
}

#[tokio::test]
async fn a_link_is_made_opened_listed_and_revoked() {
    let world = World::with_anna().await;
    let anna = anna(&world).await;
    world.pass(10);
    let made = anna.make(&world, &wanted()).await;
    let token = token(&made);
    assert!(!world.stored().contains(&token), "only its hash is stored");
    let about = world.get(&format!("/share/api/{token}"), None).await;
    assert_eq!(
        about.json,
        json!({
            "site": { "id": "shop", "name": "shop", "timezone": "UTC", "currency": "EUR" },
            "page": "today", "view": "p=30d&m=aaarrr", "period": "free", "needs_password": false,
        })
    );
    assert_eq!(about.headers["cache-control"], "no-store");
    assert_eq!(
        anna.list(&world).await,
        json!([{
            "id": made.json["id"], "page": "today", "view": "p=30d&m=aaarrr", "period": "free",
            "by": "anna@example.com", "created_at": "1970-01-01T00:00:10.000Z",
            "expires_at": "1970-01-31T00:00:10.000Z", "last_opened": "1970-01-01T00:00:10.000Z",
            "has_password": false, "origins": [],
        }])
    );
    let id = made.json["id"].as_str().expect("an id");
    let one = format!("{LINKS}/{id}");
    let forged = world.delete(&one, &[("cookie", &anna.cookie)]).await;
    assert!(forged.problem().ends_with("not-from-our-page"));
    let other = format!("/app/api/sites/blog/shares/{id}");
    let elsewhere = world.delete(&other, &anna.headers()).await;
    assert!(elsewhere.problem().ends_with("unknown-link"));
    world.pass(1);
    let revoked = world.delete(&one, &anna.headers()).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    let gone = world.get(&format!("/share/api/{token}"), None).await;
    assert_eq!(gone.status, StatusCode::GONE);
    assert_eq!(anna.list(&world).await, json!([]));
    let again = world.delete(&one, &anna.headers()).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let trail = world
        .get("/app/api/sites/shop/audit", Some(&anna.cookie))
        .await;
    let entries = trail.json["entries"].as_array().expect("a list").iter();
    let told: Vec<_> = entries.map(|it| (&it["action"], &it["what"])).collect();
    let what = json!(format!("today {id}"));
    assert_eq!(told[0], (&json!("link_revoked"), &what));
    assert_eq!(told[1], (&json!("link_made"), &what));
    assert!(!trail.json.to_string().contains(&token));
}

#[tokio::test]
async fn a_link_works_until_its_last_day_and_is_forgotten_a_month_later() {
    let world = World::with_anna().await;
    let day = 24 * 3600;
    let anna = anna(&world).await;
    let short = with(&json!({ "days": 1 }));
    let token = token(&anna.make(&world, &short).await);
    let address = format!("/share/api/{token}");
    world.pass(day - 1);
    assert_eq!(world.get(&address, None).await.status, StatusCode::OK);
    world.pass(1);
    let over = world.get(&address, None).await;
    assert_eq!(over.status, StatusCode::GONE);
    assert!(over.problem().ends_with("link-over"));
    assert_eq!(anna.list(&world).await.as_array().map(Vec::len), Some(1));
    world.pass(30 * day + 1);
    let anna = Person::of(&world.sign_in("anna@example.com", PASSWORD).await);
    anna.make(&world, &wanted()).await;
    let gone = world.get(&address, None).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let unknown = world.get("/share/api/el_guess", None).await;
    assert!(unknown.problem().ends_with("unknown-link"));
}

#[tokio::test]
async fn when_a_link_was_opened_is_noted_once_an_hour() {
    let world = World::with_anna().await;
    let anna = anna(&world).await;
    let token = token(&anna.make(&world, &wanted()).await);
    assert!(anna.list(&world).await[0]["last_opened"].is_null());
    for (pause, expected) in [
        (1, "1970-01-01T00:00:01.000Z"),
        (3_599, "1970-01-01T00:00:01.000Z"),
        (1, "1970-01-01T01:00:01.000Z"),
    ] {
        world.pass(pause);
        world.get(&format!("/share/api/{token}"), None).await;
        assert_eq!(anna.list(&world).await[0]["last_opened"], expected);
    }
}

#[tokio::test]
async fn a_link_that_cannot_be_made_says_why() {
    let world = World::with_anna().await;
    let anna = anna(&world).await;
    let origins: Vec<_> = (0..21).map(|n| format!("https://a{n}.example")).collect();
    for (fields, part) in [
        (json!({ "days": 0 }), "`days` must be 1 to 365"),
        (json!({ "days": 366 }), "`days` must be 1 to 365"),
        (json!({ "view": "p=30d m" }), "`view` must be"),
        (json!({ "view": "a".repeat(1_001) }), "`view` must be"),
        (json!({ "period": "fixed" }), "first and last day"),
        (
            json!({ "period": "fixed", "view": "p=2026-04-12..2026-05-11&p=30d" }),
            "first and last day",
        ),
        (json!({ "origins": ["a.example"] }), "`a.example` is not"),
        (json!({ "origins": origins }), "at most 20 sites"),
        (
            json!({ "password": WORD, "origins": ["https://a.example"] }),
            "leave one of both out",
        ),
        (json!({ "password": "short" }), "at least 10 characters"),
    ] {
        let answer = anna.make(&world, &with(&fields)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}");
        let detail = answer.json["detail"].as_str().expect("a sentence");
        assert!(detail.contains(part), "{fields}: {detail}");
    }
    for fields in [
        json!({ "page": "people" }),
        json!({ "period": "always" }),
        json!({ "days": -1 }),
        json!({ "site": "blog" }),
    ] {
        let answer = anna.make(&world, &with(&fields)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{fields}");
    }
    assert_eq!(anna.list(&world).await, json!([]));
}

#[tokio::test]
async fn editors_share_pages_of_their_site_and_viewers_do_not() {
    let world = World::with_anna().await;
    let bob = with_role(&world, "bob", Role::Editor, "shop").await;
    let carla = with_role(&world, "carla", Role::Viewer, "shop").await;
    let dirk = with_role(&world, "dirk", Role::Admin, "blog").await;
    token(&bob.make(&world, &wanted()).await);
    let answer = carla.make(&world, &wanted()).await;
    assert!(answer.problem().ends_with("role-needed"));
    let answer = world.get(LINKS, Some(&carla.cookie)).await;
    assert!(answer.problem().ends_with("role-needed"));
    let answer = dirk.make(&world, &wanted()).await;
    assert!(answer.problem().ends_with("wrong-site"));
    let answer = world
        .post(LINKS, &wanted(), &[("cookie", &bob.cookie)])
        .await;
    assert!(answer.problem().ends_with("not-from-our-page"));
    let answer = world.post(LINKS, &wanted(), &[]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_site_has_two_hundred_links_at_most_and_those_that_ended_do_not_count() {
    let world = World::with_anna().await;
    let anna = anna(&world).await;
    let short = with(&json!({ "days": 1 }));
    for _ in 0..200 {
        token(&anna.make(&world, &short).await);
    }
    let answer = anna.make(&world, &short).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.problem().ends_with("too-many-links"));
    world.pass(24 * 3600);
    let anna = Person::of(&world.sign_in("anna@example.com", PASSWORD).await);
    token(&anna.make(&world, &short).await);
}

#[tokio::test]
async fn a_password_opens_a_link_by_a_cookie_and_guessing_is_slowed_down() {
    let world = World::with_anna().await;
    let anna = anna(&world).await;
    let locked = with(&json!({ "password": WORD }));
    let token = token(&anna.make(&world, &locked).await);
    assert!(!world.stored().contains(WORD));
    let address = format!("/share/api/{token}");
    let about = world.get(&address, None).await;
    assert_eq!(about.json["needs_password"], true);
    assert!(anna.list(&world).await[0]["last_opened"].is_null());
    let given = json!({ "password": WORD });
    let cross = [("sec-fetch-site", "cross-site")];
    let forged = world.post(&address, &given, &cross).await;
    assert!(forged.problem().ends_with("not-from-our-page"));
    let opened = world.post(&address, &given, &[]).await;
    assert_eq!(opened.status, StatusCode::NO_CONTENT);
    let cookie = opened.set_cookie();
    assert!(cookie.starts_with("etappe_share="), "{cookie}");
    for part in ["HttpOnly", "SameSite=Strict", "Max-Age=2592000", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(&token) && !cookie.contains(WORD));
    assert!(!anna.list(&world).await[0]["last_opened"].is_null());
    let wrong = json!({ "password": "close sesame" });
    // A success clears the link's failures, and those of the network stay.
    for _ in 0..4 {
        let answer = world.post(&address, &wrong, &[]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let next = world.post(&address, &given, &[]).await;
        assert_eq!(next.status, StatusCode::NO_CONTENT, "a success clears it");
    }
    for _ in 0..5 {
        world.post(&address, &wrong, &[]).await;
    }
    let waits = world.post(&address, &given, &[]).await;
    assert_eq!(waits.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(waits.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_page_is_shown_within_the_listed_sites_only() {
    let world = World::with_anna().await;
    let anna = anna(&world).await;
    let origins = json!({ "origins": ["https://intranet.example", "http://localhost:3000"] });
    let made = anna.make(&world, &with(&origins)).await;
    let listed = token(&made);
    let unlisted = token(&anna.make(&world, &wanted()).await);
    let frames = async |path: &str| {
        let page = world.get(path, None).await;
        let policy = page.headers["content-security-policy"].to_str();
        let policy = policy.expect("text").to_owned();
        assert!(policy.contains("default-src 'none'"), "{path}");
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        assert_eq!(page.headers["x-robots-tag"], "noindex, nofollow");
        let (_, frames) = policy.rsplit_once("; ").expect("directives");
        (
            frames.to_owned(),
            page.headers.contains_key("x-frame-options"),
        )
    };
    let both = "frame-ancestors https://intranet.example http://localhost:3000";
    assert_eq!(
        frames(&format!("/embed/{listed}")).await,
        (both.to_owned(), false)
    );
    let none = ("frame-ancestors 'none'".to_owned(), true);
    for path in [
        format!("/share/{listed}"),
        format!("/share/{unlisted}"),
        format!("/embed/{unlisted}"),
        "/embed/el_guess".to_owned(),
    ] {
        assert_eq!(frames(&path).await, none, "{path}");
    }
    let id = made.json["id"].as_str().expect("an id");
    world
        .delete(&format!("{LINKS}/{id}"), &anna.headers())
        .await;
    let (over, _) = frames(&format!("/embed/{listed}")).await;
    assert_eq!(over, both, "it says in its place that it is over");
}

#[tokio::test]
async fn a_link_stays_when_whoever_made_it_goes() {
    let world = World::with_anna().await;
    let bob = with_role(&world, "bob", Role::Editor, "shop").await;
    let token = token(&bob.make(&world, &wanted()).await);
    let gone = UserRequest::Remove {
        email: "bob@example.com".to_owned(),
    };
    let removed = users::apply(world.accounts(), gone, Timestamp::EPOCH).await;
    removed.expect("removed");
    let about = world.get(&format!("/share/api/{token}"), None).await;
    assert_eq!(about.status, StatusCode::OK);
    let anna = anna(&world).await;
    assert_eq!(anna.list(&world).await[0]["by"], "bob@example.com");
}
