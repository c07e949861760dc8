//! Signing in with a provider that really runs, on loopback, and that may misbehave.

use std::path::PathBuf;

use etappe_testkit::identity_provider::{
    Behaviour, CLIENT_ID, CLIENT_SECRET, DISCOVERY, IdentityProvider, KEYS, TOKEN,
};
use etappe_testkit::tls_front::TlsFront;
use etappe_web::config::{OidcConfig, WebConfig};
use etappe_web::oidc::Oidc;
use http::StatusCode;
use serde_json::json;

use crate::support::{Answer, World};

const START: &str = "/app/api/oidc/start";
const CALLBACK: &str = "/app/api/oidc/callback";
const PUBLIC: &str = "https://stats.example.com/";

fn oidc(issuer: &str, public_url: &str) -> Oidc {
    oidc_trusting(None, issuer, public_url)
}

fn oidc_trusting(ca_file: Option<PathBuf>, issuer: &str, public_url: &str) -> Oidc {
    let config = OidcConfig {
        ca_file,
        issuer: issuer.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.to_owned(),
        name: "Example".to_owned(),
        ..OidcConfig::default()
    };
    let web = WebConfig {
        public_url: public_url.to_owned(),
    };
    assert_eq!(config.validate(&web), Vec::<String>::new());
    let made = Oidc::try_new(&config, &web).expect("good settings");
    made.expect("a provider")
}

/// An Etappe where Anna has an account, and the provider that knows her.
async fn anna_and_provider() -> (World, IdentityProvider) {
    let provider = IdentityProvider::start().await.expect("it listens");
    let world = World::with(Some(oidc(&provider.issuer(), PUBLIC)));
    (world.and_anna().await, provider)
}

/// Returns the path that an address of this Etappe has behind the proxy.
fn inside<'a>(address: &'a str, public_url: &str) -> &'a str {
    let inside = address.strip_prefix(public_url.trim_end_matches('/'));
    inside.unwrap_or_else(|| panic!("{address} is not below {public_url}"))
}

/// Goes to the provider and comes back, as a browser does; returns the last answer.
async fn sign_in(world: &World, provider: &IdentityProvider) -> Answer {
    let start = world.get(START, None).await;
    let back = provider.visit(start.location()).await.expect("an answer");
    world
        .get(inside(&back, PUBLIC), Some(&start.cookie()))
        .await
}

/// Returns why the sign-in page is shown, after checking that nobody is signed in.
fn reason(answer: &Answer) -> &str {
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    let signs_in = |it: &&&http::HeaderValue| it.as_bytes().starts_with(b"etappe_session");
    assert!(!cookies.iter().any(|it| signs_in(&it)), "{cookies:?}");
    let place = answer.location().strip_prefix("/app/sign-in?reason=");
    let place = place.unwrap_or_else(|| panic!("it leads to {}", answer.location()));
    place.split('&').next().unwrap_or_default()
}

/// Signs in at a provider that was changed so, and returns why it did not work.
async fn refusal(change: impl FnOnce(&mut Behaviour)) -> String {
    let (world, provider) = anna_and_provider().await;
    provider.change(change);
    let answer = sign_in(&world, &provider).await;
    reason(&answer).to_owned()
}

#[tokio::test]
async fn the_verified_address_signs_its_user_in_as_a_password_does() {
    let (world, provider) = anna_and_provider().await;
    let ways = world.get("/app/api/sign-in-ways", None).await;
    assert_eq!(
        ways.json,
        json!({ "password": true, "oidc": { "name": "Example" } })
    );
    assert_eq!(
        provider.asked(DISCOVERY),
        0,
        "it is asked when it is needed"
    );

    let start = world.get(START, None).await;
    let kept = start.set_cookie();
    for part in [
        "Path=/app/api/oidc;",
        "Max-Age=600",
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
    ] {
        assert!(kept.contains(part), "{kept}");
    }
    assert!(start.location().contains("code_challenge_method=S256"));
    let back = provider.visit(start.location()).await.expect("an answer");
    let done = world
        .get(inside(&back, PUBLIC), Some(&start.cookie()))
        .await;
    assert_eq!(done.location(), "/app/");
    assert_eq!(done.headers["cache-control"], "no-store");
    let cookies: Vec<_> = done.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 2);
    let ended = cookies[1].to_str().expect("text");
    assert!(
        ended.starts_with("etappe_oidc=;") && ended.contains("Max-Age=0"),
        "{ended}"
    );
    assert!(done.set_cookie().contains("HttpOnly; SameSite=Strict"));
    assert!(!world.stored().contains(&done.token()), "only its hash");
    let session = world.get("/app/api/session", Some(&done.cookie())).await;
    assert_eq!(session.status, StatusCode::OK, "{}", session.json);
    assert_eq!(session.json["user"]["email"], "anna@example.com");
    assert_eq!(world.sign_ins("signed_in"), 1.0);

    let again = sign_in(&world, &provider).await;
    assert_ne!(again.token(), done.token(), "each session has its own");
    assert_eq!(
        (provider.asked(DISCOVERY), provider.asked(KEYS)),
        (1, 1),
        "it is known"
    );
}

#[tokio::test]
async fn addresses_are_compared_as_they_are_stored() {
    let (world, provider) = anna_and_provider().await;
    provider.change(|it| _ = it.claims.insert("email", "Anna@Example.COM".into()));
    assert_eq!(sign_in(&world, &provider).await.location(), "/app/");
}

#[tokio::test]
async fn rsa_and_a_secret_in_the_body_do_as_well() {
    let (world, provider) = anna_and_provider().await;
    provider.use_rsa();
    provider.change(|it| it.wants_secret_in_body = true);
    assert_eq!(sign_in(&world, &provider).await.location(), "/app/");
}

#[tokio::test]
async fn a_provider_with_tls_is_asked_only_with_a_trusted_certificate() {
    let provider = IdentityProvider::start().await.expect("it listens");
    let front = TlsFront::start(provider.host().to_owned()).await;
    let front = front.expect("it listens");
    provider.answer_as(format!("https://localhost:{}", front.port));
    let folder = tempfile::tempdir().expect("a folder");
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, &front.certificate).expect("written");
    let trusting = oidc_trusting(Some(ca_file), &provider.issuer(), PUBLIC);
    let world = World::with(Some(trusting)).and_anna().await;
    assert_eq!(sign_in(&world, &provider).await.location(), "/app/");
    let strict = World::with(Some(oidc(&provider.issuer(), PUBLIC)));
    assert_eq!(reason(&strict.get(START, None).await), "failed");
}

#[tokio::test]
async fn a_secret_is_sent_to_no_address_without_tls() {
    let (world, provider) = anna_and_provider().await;
    provider.change(|it| it.token_address = Some("http://192.0.2.1/token"));
    assert_eq!(reason(&sign_in(&world, &provider).await), "failed");
}

#[tokio::test]
async fn a_person_comes_back_to_the_view_they_wanted() {
    let (world, provider) = anna_and_provider().await;
    let asked = format!("{START}?return=%2Fapp%2Fshop%2Ftoday%3Fp%3D7d%26m%3Daaarrr");
    let start = world.get(&asked, None).await;
    let back = provider.visit(start.location()).await.expect("an answer");
    let done = world
        .get(inside(&back, PUBLIC), Some(&start.cookie()))
        .await;
    assert_eq!(done.location(), "/app/shop/today?p=7d&m=aaarrr");

    provider.change(|it| it.is_called_off = true);
    let start = world.get(&asked, None).await;
    let back = provider.visit(start.location()).await.expect("an answer");
    let off = world
        .get(inside(&back, PUBLIC), Some(&start.cookie()))
        .await;
    let place = "/app/sign-in?reason=cancelled&back=%2Fapp%2Fshop%2Ftoday%3Fp%3D7d%26m%3Daaarrr";
    assert_eq!(off.location(), place, "and may try again from there");
    assert_eq!(world.sign_ins("cancelled"), 1.0);
}

#[tokio::test]
async fn a_prefix_of_a_proxy_survives() {
    const PUBLIC: &str = "http://example.com/stats";
    let provider = IdentityProvider::start().await.expect("it listens");
    let world = World::with(Some(oidc(&provider.issuer(), PUBLIC)));
    let world = world.and_anna().await;
    let asked = format!("{START}?return=%2Fstats%2Fapp%2Fshop");
    let start = world.get(&asked, None).await;
    let kept = start.set_cookie();
    assert!(
        kept.contains("Path=/stats/app/api/oidc;") && !kept.contains("Secure"),
        "{kept}"
    );
    let back = provider.visit(start.location()).await.expect("an answer");
    let done = world
        .get(inside(&back, PUBLIC), Some(&start.cookie()))
        .await;
    assert_eq!(done.location(), "/stats/app/shop");
    let lost = world.get(CALLBACK, None).await;
    assert_eq!(lost.location(), "/stats/app/sign-in?reason=failed");
}

#[tokio::test]
async fn nobody_is_led_elsewhere() {
    let (world, provider) = anna_and_provider().await;
    for asked in [
        "https%3A%2F%2Fevil.example%2Fapp%2F",
        "%2F%2Fevil.example%2Fapp%2F",
        "%2F%5Cevil.example%2Fapp%2F",
        "%2F%09%2Fevil.example",
        "%2Fapp%2F..%2F..%2Fevil",
        "%2Fapp%2Fapi%2Foidc%2Fstart",
        "javascript%3Aalert(1)",
        "%2Fapp%2F%0d%0a..%2F..%2Fevil",
        "%FF",
        "x&return=y",
    ] {
        let start = world.get(&format!("{START}?return={asked}"), None).await;
        let back = provider.visit(start.location()).await.expect("an answer");
        let done = world
            .get(inside(&back, PUBLIC), Some(&start.cookie()))
            .await;
        assert_eq!(done.location(), "/app/", "{asked}");
    }
}

#[tokio::test]
async fn an_answer_counts_once_in_the_browser_that_asked_and_for_ten_minutes() {
    let (world, provider) = anna_and_provider().await;
    let start = world.get(START, None).await;
    let cookie = start.cookie();
    let back = provider.visit(start.location()).await.expect("an answer");
    let path = inside(&back, PUBLIC);
    assert_eq!(
        reason(&world.get(path, None).await),
        "failed",
        "another browser"
    );
    let (head, _) = path.split_once("state=").expect("a state");
    let wrong = format!("{head}state=eo_1");
    assert_eq!(
        reason(&world.get(&wrong, Some(&cookie)).await),
        "failed",
        "another state"
    );
    let forged = cookie.replace("etappe_oidc=eo_", "etappe_oidc=eo_x");
    assert_eq!(
        reason(&world.get(path, Some(&forged)).await),
        "failed",
        "another cookie"
    );
    assert_eq!(
        provider.asked(TOKEN),
        0,
        "none of them reached the provider"
    );
    assert_eq!(world.get(path, Some(&cookie)).await.location(), "/app/");
    assert_eq!(
        reason(&world.get(path, Some(&cookie)).await),
        "failed",
        "used"
    );
    // Even with a code that the provider would take.
    let fresh = provider.visit(start.location()).await.expect("an answer");
    let fresh = inside(&fresh, PUBLIC);
    assert_eq!(
        reason(&world.get(fresh, Some(&cookie)).await),
        "failed",
        "used"
    );
    assert_eq!(provider.asked(TOKEN), 1);

    let late = world.get(START, None).await;
    let back = provider.visit(late.location()).await.expect("an answer");
    world.pass(600);
    let answer = world.get(inside(&back, PUBLIC), Some(&late.cookie())).await;
    assert_eq!(reason(&answer), "failed", "too late");
}

#[tokio::test]
async fn a_token_that_does_not_hold_signs_nobody_in() {
    let claim = |name: &'static str, value: serde_json::Value| {
        refusal(move |it| _ = it.claims.insert(name, value))
    };
    assert_eq!(claim("nonce", "another".into()).await, "failed");
    assert_eq!(claim("nonce", json!(null)).await, "failed");
    assert_eq!(claim("aud", "another".into()).await, "failed");
    assert_eq!(claim("aud", json!([CLIENT_ID, "another"])).await, "failed");
    assert_eq!(
        claim("iss", "https://another.example".into()).await,
        "failed"
    );
    assert_eq!(claim("exp", 0.into()).await, "failed");
    assert_eq!(refusal(|it| it.is_tampered_with = true).await, "failed");
}

#[tokio::test]
async fn only_a_verified_address_with_an_account_signs_in() {
    let claim = |name: &'static str, value: serde_json::Value| {
        refusal(move |it| _ = it.claims.insert(name, value))
    };
    assert_eq!(claim("email_verified", false.into()).await, "unverified");
    assert_eq!(claim("email_verified", json!(null)).await, "unverified");
    assert_eq!(claim("email", json!(null)).await, "unverified");
    assert_eq!(claim("email", "no address".into()).await, "unverified");
    assert_eq!(claim("email", "bob@example.com".into()).await, "no-account");
    let (world, provider) = anna_and_provider().await;
    let before = world.stored();
    provider.change(|it| _ = it.claims.insert("email", "bob@example.com".into()));
    sign_in(&world, &provider).await;
    assert_eq!(world.stored(), before, "nobody is created");
    assert_eq!(world.sign_ins("no_account"), 1.0);
}

#[tokio::test]
async fn new_keys_are_fetched_when_a_token_is_signed_with_one() {
    let (world, provider) = anna_and_provider().await;
    assert_eq!(sign_in(&world, &provider).await.location(), "/app/");
    provider.rotate_keys();
    assert_eq!(sign_in(&world, &provider).await.location(), "/app/");
    assert_eq!((provider.asked(DISCOVERY), provider.asked(KEYS)), (1, 2));
    assert_eq!(sign_in(&world, &provider).await.location(), "/app/");
    assert_eq!(provider.asked(KEYS), 2, "now they are known");
}

#[tokio::test]
async fn a_provider_that_is_away_is_asked_again_once_it_is_back() {
    let (world, provider) = anna_and_provider().await;
    provider.change(|it| _ = it.endless.insert(DISCOVERY));
    assert_eq!(reason(&world.get(START, None).await), "failed", "too large");
    provider.change(|it| it.endless.clear());
    assert_eq!(sign_in(&world, &provider).await.location(), "/app/");
    assert_eq!(world.sign_ins("failed"), 1.0);

    let start = world.get(START, None).await;
    let back = provider.visit(start.location()).await.expect("an answer");
    drop(provider);
    let gone = world
        .get(inside(&back, PUBLIC), Some(&start.cookie()))
        .await;
    assert_eq!(reason(&gone), "failed");
    let nobody = World::with(Some(oidc("http://127.0.0.1:1", PUBLIC)));
    assert_eq!(reason(&nobody.get(START, None).await), "failed");
}

#[tokio::test]
async fn answers_that_are_too_large_are_not_read() {
    for path in [KEYS, TOKEN] {
        assert_eq!(refusal_of(path).await, "failed", "{path}");
    }
}

/// Lets one address of the provider answer without end.
async fn refusal_of(path: &'static str) -> String {
    let (world, provider) = anna_and_provider().await;
    provider.change(|it| _ = it.endless.insert(path));
    let start = world.get(START, None).await;
    if path == KEYS {
        return reason(&start).to_owned();
    }
    let back = provider.visit(start.location()).await.expect("an answer");
    let done = world
        .get(inside(&back, PUBLIC), Some(&start.cookie()))
        .await;
    reason(&done).to_owned()
}

#[tokio::test]
async fn a_provider_that_does_not_answer_keeps_nobody_waiting_for_long() {
    let (world, provider) = anna_and_provider().await;
    provider.change(|it| _ = it.stuck.insert(TOKEN));
    let start = world.get(START, None).await;
    let back = provider.visit(start.location()).await.expect("an answer");
    // The clock jumps to the end of the wait, as nothing else happens.
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    let done = world
        .get(inside(&back, PUBLIC), Some(&start.cookie()))
        .await;
    assert_eq!(reason(&done), "failed");
    assert_eq!(before.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn those_who_wait_for_one_fetch_share_its_failure() {
    let (world, provider) = anna_and_provider().await;
    provider.change(|it| _ = it.stuck.insert(DISCOVERY));
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    let starts = (0..5).map(|_| world.get(START, None));
    let answers = futures_util::future::join_all(starts).await;
    assert!(answers.iter().all(|it| reason(it) == "failed"));
    assert!(before.elapsed().as_secs() < 20, "{:?}", before.elapsed());
    assert_eq!(provider.asked(DISCOVERY), 1);
}

#[tokio::test]
async fn a_network_may_begin_sixty_times_a_minute() {
    let (world, provider) = anna_and_provider().await;
    for _ in 0..60 {
        let start = world.get(START, None).await;
        assert!(start.location().starts_with(&provider.issuer()));
    }
    let throttled = world.get(START, None).await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(throttled.headers.contains_key("retry-after"));
    assert_eq!(world.sign_ins("throttled"), 1.0);
}

#[tokio::test]
async fn without_a_provider_there_is_no_such_way() {
    let world = World::with_anna().await;
    for path in [START, CALLBACK] {
        assert_eq!(world.get(path, None).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn odd_answers_of_a_provider_lead_to_the_sign_in_page() {
    let (world, _provider) = anna_and_provider().await;
    for (query, expected) in [
        ("code=1&iss=https%3A%2F%2Fanother.example", "failed"),
        ("error=server_error&error_description=x", "failed"),
        ("error=access_denied", "cancelled"),
        ("", "failed"),
        ("code=", "failed"),
    ] {
        let start = world.get(START, None).await;
        let cookie = start.cookie();
        let state = cookie.split_once('=').expect("a pair").1;
        let state = state.split('.').next().unwrap_or_default();
        let path = format!("{CALLBACK}?{query}&state={state}");
        assert_eq!(
            reason(&world.get(&path, Some(&cookie)).await),
            expected,
            "{query}"
        );
    }
    let twice = world
        .get(&format!("{CALLBACK}?state=a&state=b"), None)
        .await;
    assert_eq!(reason(&twice), "failed");
}
