//! The practice site: who may make it, and how the pages hear of it. The fake one is called `blog`.

use etappe_core::account::Role;
use etappe_core::id::SiteId;
use etappe_core::time::Timestamp;
use etappe_web::practice::{NameTaken, PracticeState};
use etappe_web::users::{self, UserRequest};
use http::StatusCode;
use serde_json::json;

use crate::support::{Answer, PASSWORD, World};

const PATH: &str = "/app/api/practice";

/// Asks for the practice site as the page of a session would.
async fn start(world: &World, session: &Answer) -> Answer {
    let (cookie, csrf) = (session.cookie(), session.csrf());
    let own = [("cookie", cookie.as_str()), ("x-csrf-token", &csrf)];
    world.post(PATH, &json!({}), &own).await
}

#[tokio::test]
async fn an_administrator_makes_the_practice_site_and_sees_how_far_it_is() {
    let world = World::empty();
    let anna = world.first_account("ef_once").await;
    let cookie = anna.cookie();
    let before = world.get(PATH, Some(&cookie)).await;
    assert_eq!(before.status, StatusCode::OK);
    assert_eq!(
        before.json,
        json!({ "state": "none", "done": 0.0, "site": "blog" })
    );
    let session = world.get("/app/api/session", Some(&cookie)).await;
    assert!(session.json["sites"][0].get("practice").is_none());

    assert_eq!(start(&world, &anna).await.status, StatusCode::ACCEPTED);
    world
        .practice
        .set(Ok(PracticeState::Running { done: 0.25 }));
    assert_eq!(
        start(&world, &anna).await.status,
        StatusCode::ACCEPTED,
        "again"
    );
    let meanwhile = world.get(PATH, Some(&cookie)).await;
    assert_eq!(
        meanwhile.json,
        json!({ "state": "running", "done": 0.25, "site": "blog" })
    );

    world.practice.set(Ok(PracticeState::Ready));
    let after = world.get(PATH, Some(&cookie)).await;
    assert_eq!(
        after.json,
        json!({ "state": "ready", "done": 1.0, "site": "blog" })
    );
    let session = world.get("/app/api/session", Some(&cookie)).await;
    let sites = &session.json["sites"];
    assert_eq!(sites[0]["id"], "blog");
    assert_eq!(
        (&sites[0]["practice"], &sites[0]["name"]),
        (&json!(true), &json!("Practice shop"))
    );
    assert_eq!(
        (&sites[1]["practice"], &sites[1]["name"]),
        (&json!(null), &json!("shop"))
    );
}

#[tokio::test]
async fn only_an_administrator_of_every_site_makes_it_and_only_from_our_page() {
    let world = World::empty();
    let anna = world.first_account("ef_once").await;
    let nobody = world.get(PATH, None).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let nobody = world.post(PATH, &json!({}), &[]).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let cookie = anna.cookie();
    let forged = world.post(PATH, &json!({}), &[("cookie", &cookie)]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    assert!(forged.problem().ends_with("not-from-our-page"));

    let add = UserRequest::Add {
        email: "bob@example.com".to_owned(),
        name: "Bob".to_owned(),
        role: Role::Admin,
        site: Some(SiteId::try_new("shop").expect("a name")),
    };
    let now = Timestamp::from_millis(world.now());
    let added = users::apply(world.accounts(), add, now)
        .await
        .expect("added");
    let password = added.password.expect("a password");
    let bob = world.sign_in("bob@example.com", &password).await;
    let refused = start(&world, &bob).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.problem().ends_with("admin-needed"));
    assert_eq!(world.practice.starts(), 0);
}

#[tokio::test]
async fn a_site_of_the_same_name_is_left_alone() {
    let world = World::empty();
    let anna = world.first_account("ef_once").await;
    world.practice.set(Err(NameTaken));
    let refused = start(&world, &anna).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.problem().ends_with("name-taken"));
}

#[tokio::test]
async fn where_no_practice_site_can_be_made_none_is_offered() {
    let world = World::without_practice().await;
    let anna = world.sign_in("anna@example.com", PASSWORD).await;
    assert_eq!(
        anna.json["offers"],
        json!(["meanings", "audit", "shares", "keys"])
    );
    let cookie = anna.cookie();
    assert_eq!(
        world.get(PATH, Some(&cookie)).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(start(&world, &anna).await.status, StatusCode::NOT_FOUND);
}
