//! Signing in, sessions, the first account and users, over HTTP against accounts in memory.

mod keys;
mod oidc;
mod practice;
mod shares;
mod support;

use etappe_core::account::Role;
use etappe_core::time::Timestamp;
use etappe_web::users::{self, UserError, UserRequest};
use http::StatusCode;
use serde_json::json;

use support::{PASSWORD, World};

#[tokio::test]
async fn the_first_account_is_made_once_with_the_link_and_is_signed_in() {
    let world = World::empty();
    let before = world.get("/app/api/session", None).await;
    assert_eq!(before.status, StatusCode::FORBIDDEN);
    assert!(before.problem().ends_with("first-account-needed"));
    let wrong = world.first_account("ef_wrong").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let made = world.first_account("ef_once").await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.json);
    assert_eq!(made.json["user"]["email"], "anna@example.com");
    assert_eq!(made.json["user"]["role_everywhere"], "admin");
    assert_eq!(
        made.json["offers"],
        json!(["meanings", "audit", "shares", "keys", "practice"])
    );
    let ways = world.get("/app/api/sign-in-ways", None).await;
    assert_eq!(ways.json, json!({ "password": true, "oidc": null }));
    let sites = made.json["sites"].as_array().expect("a list");
    let names: Vec<_> = sites.iter().map(|site| &site["id"]).collect();
    assert_eq!(names, ["blog", "shop"]);
    assert!(sites.iter().all(|site| site["role"] == "admin"));
    let cookie = made.cookie();
    let session = world.get("/app/api/session", Some(&cookie)).await;
    assert_eq!(session.status, StatusCode::OK);
    assert_eq!(session.json, made.json);
    let again = world.first_account("ef_once").await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "the link works once");
}

#[tokio::test]
async fn unusable_names_addresses_and_passwords_are_refused_with_a_reason() {
    let world = World::empty();
    let good = json!({
        "token": "ef_once", "name": "Anna", "email": "anna@example.com", "password": PASSWORD,
    });
    for (field, value, problem) in [
        ("name", "  ", "invalid-name"),
        ("email", "anna", "invalid-email"),
        ("password", "short", "invalid-password"),
    ] {
        let mut body = good.clone();
        body[field] = value.into();
        let answer = world.post("/app/api/first-account", &body, &[]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert!(answer.problem().ends_with(problem), "{}", answer.json);
    }
}

#[tokio::test]
async fn a_wrong_address_and_a_wrong_password_get_the_same_answer() {
    let world = World::with_anna().await;
    let unknown = world.sign_in("bob@example.com", PASSWORD).await;
    let wrong = world.sign_in("anna@example.com", "not the password").await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    assert_eq!(unknown.json, wrong.json);
    let right = world.sign_in(" Anna@Example.COM ", PASSWORD).await;
    assert_eq!(right.status, StatusCode::OK);
    let cookie = right.set_cookie();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    assert!(!world.stored().contains(&right.token()), "only its hash");
}

#[tokio::test]
async fn whoever_guesses_waits_and_a_good_password_does_not_help_meanwhile() {
    let world = World::with_anna().await;
    for _ in 0..5 {
        let wrong = world.sign_in("anna@example.com", "not the password").await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    }
    let throttled = world.sign_in("anna@example.com", PASSWORD).await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(throttled.headers["retry-after"], "1");
}

#[tokio::test]
async fn signing_out_ends_the_session_and_needs_the_token_of_the_page() {
    let world = World::with_anna().await;
    let signed_in = world.sign_in("anna@example.com", PASSWORD).await;
    let (cookie, csrf) = (signed_in.cookie(), signed_in.csrf());
    let path = "/app/api/session";
    let forged = world.delete(path, &[("cookie", &cookie)]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let other_site = [
        ("cookie", cookie.as_str()),
        ("x-csrf-token", &csrf),
        ("sec-fetch-site", "cross-site"),
    ];
    let forged = world.delete(path, &other_site).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let own = [("cookie", cookie.as_str()), ("x-csrf-token", &csrf)];
    let out = world.delete(path, &own).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.set_cookie().contains("Max-Age=0"));
    let after = world.get(path, Some(&cookie)).await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in() {
    let world = World::with_anna().await;
    let body = json!({ "email": "anna@example.com", "password": PASSWORD });
    let cross = [("sec-fetch-site", "cross-site")];
    let answer = world.post("/app/api/session", &body, &cross).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let form = [("content-type", "text/plain")];
    let answer = world.post("/app/api/session", &body, &form).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_old_session_gets_a_new_token_and_the_old_one_ends_a_minute_later() {
    let world = World::with_anna().await;
    let first = world.sign_in("anna@example.com", PASSWORD).await.cookie();
    let path = "/app/api/session";
    world.pass(3_599);
    let same = world.get(path, Some(&first)).await;
    assert!(same.headers.get("set-cookie").is_none(), "not old yet");
    world.pass(1);
    let renewed = world.get(path, Some(&first)).await;
    let second = renewed.cookie();
    assert_ne!(first, second);
    // Another request of the same page, sent before the new cookie came.
    let late = world.get(path, Some(&first)).await;
    assert_eq!(late.status, StatusCode::OK);
    assert!(late.headers.get("set-cookie").is_none(), "renewed once");
    world.pass(60);
    let over = world.get(path, Some(&first)).await;
    assert_eq!(over.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get(path, Some(&second)).await.status, StatusCode::OK);
    world.pass(14 * 24 * 3_600);
    let over = world.get(path, Some(&second)).await;
    assert_eq!(over.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let world = World::with_anna().await;
    let other = world.sign_in("anna@example.com", PASSWORD).await.cookie();
    let own = world.sign_in("anna@example.com", PASSWORD).await;
    let (cookie, csrf) = (own.cookie(), own.csrf());
    let headers = [("cookie", cookie.as_str()), ("x-csrf-token", &csrf)];
    let path = "/app/api/password";
    let new = "a new password";
    let wrong = json!({ "current": "not this one", "new": new });
    let answer = world.post(path, &wrong, &headers).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let short = json!({ "current": PASSWORD, "new": "short" });
    let answer = world.post(path, &short, &headers).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = json!({ "current": PASSWORD, "new": new });
    let changed = world.post(path, &right, &headers).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.json);
    for over in [&other, &cookie] {
        let answer = world.get("/app/api/session", Some(over)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let session = world.get("/app/api/session", Some(&changed.cookie())).await;
    assert_eq!(session.status, StatusCode::OK);
    let old = world.sign_in("anna@example.com", PASSWORD).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    let signed_in = world.sign_in("anna@example.com", new).await;
    assert_eq!(signed_in.status, StatusCode::OK);
}

#[tokio::test]
async fn users_are_added_changed_reset_and_removed() {
    let world = World::with_anna().await;
    let store = world.accounts();
    let add = UserRequest::Add {
        email: "Bob@example.com".to_owned(),
        name: "Bob".to_owned(),
        role: Role::Viewer,
        site: Some("shop".parse_site()),
    };
    let added = users::apply(store, add.clone(), Timestamp::EPOCH)
        .await
        .expect("added");
    let password = added.password.expect("a password");
    let twice = users::apply(store, add, Timestamp::EPOCH).await;
    assert!(matches!(twice, Err(UserError::Taken(_))));
    let bob = world.sign_in("bob@example.com", &password).await;
    assert_eq!(bob.json["sites"][0]["role"], "viewer");
    let email = "bob@example.com".to_owned();
    let promote = UserRequest::Role {
        email: email.clone(),
        role: Some(Role::Editor),
        site: Some("shop".parse_site()),
    };
    users::apply(store, promote, Timestamp::EPOCH)
        .await
        .expect("promoted");
    let session = world.get("/app/api/session", Some(&bob.cookie())).await;
    assert_eq!(session.json["sites"][0]["role"], "editor");
    let reset = UserRequest::Reset {
        email: email.clone(),
    };
    let reset = users::apply(store, reset, Timestamp::EPOCH)
        .await
        .expect("reset");
    let over = world.get("/app/api/session", Some(&bob.cookie())).await;
    assert_eq!(over.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        world.sign_in(&email, &password).await.status,
        StatusCode::UNAUTHORIZED
    );
    let bob = world
        .sign_in(&email, &reset.password.expect("a new password"))
        .await;
    let remove = UserRequest::Remove {
        email: email.clone(),
    };
    users::apply(store, remove, Timestamp::EPOCH)
        .await
        .expect("removed");
    let over = world.get("/app/api/session", Some(&bob.cookie())).await;
    assert_eq!(over.status, StatusCode::UNAUTHORIZED);
    let unknown = users::apply(store, UserRequest::Reset { email }, Timestamp::EPOCH).await;
    assert!(matches!(unknown, Err(UserError::Unknown(_))));
}

#[tokio::test]
async fn a_site_without_a_role_is_not_shown() {
    let world = World::with_anna().await;
    let add = UserRequest::Add {
        email: "carla@example.com".to_owned(),
        name: "Carla".to_owned(),
        role: Role::Admin,
        site: Some("blog".parse_site()),
    };
    let added = users::apply(world.accounts(), add, Timestamp::EPOCH)
        .await
        .expect("added");
    let password = added.password.expect("a password");
    let carla = world.sign_in("carla@example.com", &password).await;
    let sites = carla.json["sites"].as_array().expect("a list");
    assert_eq!(sites.len(), 1);
    assert_eq!(sites[0]["id"], "blog");
}

#[tokio::test]
async fn every_view_answers_with_the_page_and_a_strict_policy() {
    let world = World::empty();
    for path in ["/app/", "/app/shop/today", "/app/sign-in"] {
        let page = world.get(path, None).await;
        let policy = page.headers["content-security-policy"].to_str();
        let policy = policy.expect("text");
        assert!(policy.contains("default-src 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(page.headers["x-frame-options"], "DENY");
    }
    let away = world.get("/app", None).await;
    assert_eq!(away.headers["location"], "app/", "it stays behind a prefix");
    let nothing = world.get("/app/api/nothing", None).await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    let nothing = world.get("/app/assets/nothing.js", None).await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
}

/// Makes a site's id of a literal.
trait ParseSite {
    fn parse_site(&self) -> etappe_core::id::SiteId;
}

impl ParseSite for str {
    fn parse_site(&self) -> etappe_core::id::SiteId {
        etappe_core::id::SiteId::try_new(self).expect("a name")
    }
}

#[tokio::test]
async fn an_editor_says_what_an_event_means_and_takes_it_back() {
    let world = World::with_anna().await;
    let anna = world.sign_in("anna@example.com", PASSWORD).await;
    let (cookie, csrf) = (anna.cookie(), anna.csrf());
    let headers = [("cookie", cookie.as_str()), ("x-csrf-token", &csrf)];
    let list = "/app/api/sites/shop/meanings";
    let one = "/app/api/sites/shop/meanings/Koop%2Fnu%20klik";
    world.pass(5);
    let saved = world
        .put(one, &json!({ "milestone": "signup" }), &headers)
        .await;
    assert_eq!(saved.status, StatusCode::NO_CONTENT, "{}", saved.json);
    let listed = world.get(list, Some(&cookie)).await;
    assert_eq!(
        listed.json["meanings"],
        json!([{
            "event": "Koop/nu klik", "milestone": "signup", "ignore": false,
            "by": "anna@example.com", "at": "1970-01-01T00:00:05.000Z",
        }])
    );
    let ignored = world.put(one, &json!({ "ignore": true }), &headers).await;
    assert_eq!(ignored.status, StatusCode::NO_CONTENT);
    let listed = world.get(list, Some(&cookie)).await;
    assert_eq!(listed.json["meanings"][0]["ignore"], true);
    assert!(listed.json["meanings"][0]["milestone"].is_null());
    let undone = world.delete(one, &headers).await;
    assert_eq!(undone.status, StatusCode::NO_CONTENT);
    let listed = world.get(list, Some(&cookie)).await;
    assert_eq!(listed.json["meanings"], json!([]));
}

#[tokio::test]
async fn a_meaning_needs_an_editor_of_the_site_on_our_own_page_who_says_one_thing() {
    let world = World::with_anna().await;
    let anna = world.sign_in("anna@example.com", PASSWORD).await;
    let (cookie, csrf) = (anna.cookie(), anna.csrf());
    let own = [("cookie", cookie.as_str()), ("x-csrf-token", &csrf)];
    let one = "/app/api/sites/shop/meanings/Bought";
    let signup = json!({ "milestone": "signup" });
    let forged = world.put(one, &signup, &[("cookie", &cookie)]).await;
    assert!(forged.problem().ends_with("not-from-our-page"));
    for body in [
        json!({}),
        json!({ "milestone": "signup", "ignore": true }),
        json!({ "milestone": "bought" }),
        json!({ "ignore": false }),
    ] {
        let answer = world.put(one, &body, &own).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let unknown = world
        .put("/app/api/sites/nowhere/meanings/a", &signup, &own)
        .await;
    assert!(unknown.problem().ends_with("wrong-site"));
    let long = format!("/app/api/sites/shop/meanings/{}", "x".repeat(513));
    let answer = world.put(&long, &signup, &own).await;
    assert!(answer.problem().ends_with("invalid-meaning"));
    let add = UserRequest::Add {
        email: "bob@example.com".to_owned(),
        name: "Bob".to_owned(),
        role: Role::Viewer,
        site: Some("shop".parse_site()),
    };
    let added = users::apply(world.accounts(), add, Timestamp::EPOCH)
        .await
        .expect("added");
    let password = added.password.expect("a password");
    let bob = world.sign_in("bob@example.com", &password).await;
    let (cookie, csrf) = (bob.cookie(), bob.csrf());
    let viewer = [("cookie", cookie.as_str()), ("x-csrf-token", &csrf)];
    let answer = world.put(one, &signup, &viewer).await;
    assert!(answer.problem().ends_with("role-needed"), "{}", answer.json);
    let list = world
        .get("/app/api/sites/shop/meanings", Some(&cookie))
        .await;
    assert_eq!(list.status, StatusCode::OK);
    let other = world
        .get("/app/api/sites/blog/meanings", Some(&cookie))
        .await;
    assert!(other.problem().ends_with("wrong-site"));
}

#[tokio::test]
async fn admins_see_who_changed_what_about_their_site_and_nobody_else_does() {
    let world = World::with_anna().await;
    for (name, role) in [("bob", Role::Admin), ("carla", Role::Editor)] {
        let add = UserRequest::Add {
            email: format!("{name}@example.com"),
            name: name.to_owned(),
            role,
            site: Some("shop".parse_site()),
        };
        world.pass(1);
        let now = Timestamp::from_millis(world.now());
        let added = users::apply(world.accounts(), add, now)
            .await
            .expect("added");
        let password = added.password.expect("a password");
        let signed_in = world
            .sign_in(&format!("{name}@example.com"), &password)
            .await;
        let (cookie, csrf) = (signed_in.cookie(), signed_in.csrf());
        let headers = [("cookie", cookie.as_str()), ("x-csrf-token", &csrf)];
        world.pass(1);
        let one = "/app/api/sites/shop/meanings/Geleend";
        let saved = world.put(one, &json!({ "ignore": true }), &headers).await;
        assert_eq!(saved.status, StatusCode::NO_CONTENT);
        let trail = world.get("/app/api/sites/shop/audit", Some(&cookie)).await;
        let other = world.get("/app/api/sites/blog/audit", Some(&cookie)).await;
        assert!(other.problem().ends_with("wrong-site"));
        if role == Role::Editor {
            assert!(trail.problem().ends_with("role-needed"));
            continue;
        }
        assert_eq!(
            trail.json["entries"],
            json!([
                {
                    "at": "1970-01-01T00:00:02.000Z", "by": "bob@example.com", "site": "shop",
                    "action": "meaning_saved", "what": "Geleend: no step",
                },
                {
                    "at": "1970-01-01T00:00:01.000Z", "by": "command line", "site": "shop",
                    "action": "user_added", "what": "bob@example.com: admin",
                },
            ])
        );
    }
    let anna = world.sign_in("anna@example.com", PASSWORD).await.cookie();
    let trail = world.get("/app/api/sites/shop/audit", Some(&anna)).await;
    let entries = trail.json["entries"].as_array().expect("a list").iter();
    let actions: Vec<_> = entries.map(|entry| &entry["action"]).collect();
    assert_eq!(
        actions,
        [
            "meaning_saved",
            "user_added",
            "meaning_saved",
            "user_added",
            "first_account_made"
        ]
    );
    assert!(!trail.json.to_string().contains("argon2"));
}
