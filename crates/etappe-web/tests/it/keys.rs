//! Keys of a site: made, listed and revoked by its administrators.

use etappe_core::account::Role;
use etappe_core::event::KeyScope;
use etappe_core::site::{KeyHash, MOST_KEYS};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, Person, World, anna, with_role};

const KEYS: &str = "/app/api/sites/shop/keys";

impl Person {
    async fn make_key(&self, world: &World, kind: &str) -> Answer {
        let wanted = json!({ "kind": kind });
        world.post(KEYS, &wanted, &self.headers()).await
    }

    async fn keys(&self, world: &World) -> Value {
        let answer = world.get(KEYS, Some(&self.cookie)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
        answer.json["keys"].clone()
    }
}

fn key_of(made: &Answer) -> String {
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.json);
    assert_eq!(made.headers["cache-control"], "no-store");
    made.json["key"].as_str().expect("a key").to_owned()
}

#[tokio::test]
async fn every_kind_of_key_is_made_shown_once_and_opens_what_it_says() {
    let world = World::with_anna().await;
    let anna = anna(&world).await;
    for (kind, scope) in [
        ("browser", Some(KeyScope::Browser)),
        ("server", Some(KeyScope::Server)),
        ("pixel", Some(KeyScope::Pixel)),
        ("read", None),
    ] {
        let made = anna.make_key(&world, kind).await;
        let key = key_of(&made);
        assert_eq!(made.json["kind"], kind);
        let directory = world.directory();
        let writes = directory.writer(&key);
        assert_eq!(writes.map(|(_, scope)| scope), scope, "{kind}");
        let reads = directory.reader(&key).map(|site| site.id.as_str());
        assert_eq!(reads, scope.is_none().then_some("shop"), "{kind}");
        let listed = anna.keys(&world).await;
        assert_eq!(listed[0]["kind"], kind, "the newest first");
        assert_eq!(listed[0]["id"], made.json["id"]);
        assert_eq!(listed[0]["by"], "anna@example.com");
        assert!(!listed.to_string().contains(&key), "{listed}");
        world.pass(1);
    }
    let listed = anna.keys(&world).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(4));
    assert_eq!(listed[0]["created_at"], "1970-01-01T00:00:03.000Z");
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_the_trail_names_keys_without_their_text() {
    let world = World::with_anna().await;
    let anna = anna(&world).await;
    let made = anna.make_key(&world, "browser").await;
    let (key, id) = (key_of(&made), made.json["id"].as_str().expect("an id"));
    let one = format!("{KEYS}/{id}");
    let forged = world.delete(&one, &[("cookie", &anna.cookie)]).await;
    assert!(forged.problem().ends_with("not-from-our-page"));
    let elsewhere = format!("/app/api/sites/blog/keys/{id}");
    let elsewhere = world.delete(&elsewhere, &anna.headers()).await;
    assert!(elsewhere.problem().ends_with("unknown-key"));
    for guess in ["nonsense", KeyHash::of(&key).shown().as_str()] {
        let guessed = world
            .delete(&format!("{KEYS}/{guess}"), &anna.headers())
            .await;
        assert_eq!(guessed.status, StatusCode::NOT_FOUND, "{guess}");
    }
    world.pass(1);
    let revoked = world.delete(&one, &anna.headers()).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    assert!(world.directory().writer(&key).is_none());
    assert_eq!(anna.keys(&world).await, json!([]));
    let again = world.delete(&one, &anna.headers()).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let trail = world
        .get("/app/api/sites/shop/audit", Some(&anna.cookie))
        .await;
    let what = json!(format!("browser {}", KeyHash::of(&key).shown()));
    let entries = trail.json["entries"].as_array().expect("a list");
    let told: Vec<_> = entries.iter().map(|it| &it["action"]).take(2).collect();
    assert_eq!(told, [&json!("key_revoked"), &json!("key_created")]);
    for entry in &entries[..2] {
        assert_eq!((&entry["what"], &entry["site"]), (&what, &json!("shop")));
        assert_eq!(entry["by"], "anna@example.com");
    }
    assert!(!trail.json.to_string().contains(&key));
}

#[tokio::test]
async fn only_administrators_of_the_site_make_list_and_revoke_keys() {
    let world = World::with_anna().await;
    let anna = anna(&world).await;
    let own = with_role(&world, "arno", Role::Admin, "shop").await;
    let id = own.make_key(&world, "server").await.json["id"].clone();
    let one = format!("{KEYS}/{}", id.as_str().expect("an id"));
    for (name, role, site, problem) in [
        ("bob", Role::Editor, "shop", "role-needed"),
        ("carla", Role::Viewer, "shop", "role-needed"),
        ("dirk", Role::Admin, "blog", "wrong-site"),
    ] {
        let other = with_role(&world, name, role, site).await;
        for answer in [
            other.make_key(&world, "browser").await,
            world.get(KEYS, Some(&other.cookie)).await,
            world.delete(&one, &other.headers()).await,
        ] {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
            assert!(answer.problem().ends_with(problem), "{name}");
        }
    }
    let wanted = json!({ "kind": "browser" });
    let forged = world.post(KEYS, &wanted, &[("cookie", &anna.cookie)]).await;
    assert!(forged.problem().ends_with("not-from-our-page"));
    let nobody = world.post(KEYS, &wanted, &[]).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get(KEYS, None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(anna.keys(&world).await.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_unknown_kind_and_one_key_too_many_are_refused_with_a_reason() {
    let world = World::with_anna().await;
    let anna = anna(&world).await;
    let unknown = anna.make_key(&world, "admin").await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    let detail = unknown.json["detail"].as_str().expect("a sentence");
    assert!(detail.contains("server, browser, pixel, read"), "{detail}");
    let wanted = json!({ "kind": "read", "site": "blog" });
    let more = world.post(KEYS, &wanted, &anna.headers()).await;
    assert_eq!(more.status, StatusCode::BAD_REQUEST);
    for _ in 0..MOST_KEYS {
        key_of(&anna.make_key(&world, "browser").await);
    }
    let last = anna.make_key(&world, "browser").await;
    assert_eq!(last.status, StatusCode::CONFLICT);
    assert!(last.problem().ends_with("too-many-keys"));
    let id = anna.keys(&world).await[0]["id"].clone();
    let one = format!("{KEYS}/{}", id.as_str().expect("an id"));
    world.delete(&one, &anna.headers()).await;
    key_of(&anna.make_key(&world, "browser").await);
}
