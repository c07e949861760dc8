//! Signing in with a provider, in the real program behind a proxy's path prefix.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use etappe_testkit::identity_provider::{CLIENT_ID, CLIENT_SECRET, IdentityProvider};
use etappe_testkit::process::EtappeProcess;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, redirect};
use serde_json::{Value, json};

use crate::run;

/// Where people open Etappe: the proxy there takes the path off.
const PUBLIC: &str = "https://example.com/stats";

/// Asks without following redirects, as only a browser that shows all of them can.
async fn get(process: &EtappeProcess, path: &str, cookie: &str) -> anyhow::Result<Response> {
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .build()?;
    let request = client.get(format!("http://{}{path}", process.listen));
    Ok(request.header(COOKIE, cookie).send().await?)
}

fn text(answer: &Response, name: reqwest::header::HeaderName) -> String {
    let value = answer.headers().get(name).and_then(|it| it.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// Returns the first cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Response) -> String {
    let text = text(answer, SET_COOKIE);
    text.split(';').next().unwrap_or_default().to_owned()
}

/// Goes to the provider and comes back; returns the last answer.
async fn sign_in(
    process: &EtappeProcess,
    provider: &IdentityProvider,
    query: &str,
) -> anyhow::Result<Response> {
    let start = get(process, &format!("/app/api/oidc/start{query}"), "").await?;
    let back = provider.visit(&text(&start, LOCATION)).await?;
    let inside = back.strip_prefix(PUBLIC).expect("the public address");
    get(process, inside, &cookie(&start)).await
}

/// Writes a file of settings, and one with the secret.
fn configure(folder: &Path, provider: &IdentityProvider) -> anyhow::Result<PathBuf> {
    let (secret, file) = (folder.join("secret"), folder.join("etappe.toml"));
    std::fs::write(&secret, format!("{CLIENT_SECRET}\n"))?;
    let settings = format!(
        "[web]\npublic_url = '{PUBLIC}'\n[oidc]\nissuer = '{}'\nclient_id = '{CLIENT_ID}'\n\
         client_secret_file = '{}'\nname = 'Example'\n",
        provider.issuer(),
        secret.display()
    );
    std::fs::write(&file, settings)?;
    Ok(file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_with_a_provider_and_comes_back_to_their_page() -> anyhow::Result<()> {
    let provider = IdentityProvider::start().await?;
    let folder = tempfile::tempdir()?;
    let file = configure(folder.path(), &provider)?;
    let path = file.to_string_lossy();
    let (code, printed, errors) = run(&["config", "check", "--connect", "--config", &path]).await?;
    assert_eq!(code, Some(0), "{errors}");
    let callback = format!("it must know {PUBLIC}/app/api/oidc/callback");
    assert!(printed.contains(&callback), "{printed}");

    let options = vec![OsString::from("--config"), file.clone().into()];
    let mut process = EtappeProcess::start_with(folder.path(), options).await?;
    let add = ["add", "anna@example.com", "--role", "viewer"];
    process.run("users", &add).await?;
    let ways = get(&process, "/app/api/sign-in-ways", "").await?;
    let expected = json!({ "password": true, "oidc": { "name": "Example" } });
    assert_eq!(ways.json::<Value>().await?, expected);
    let wanted = "?return=%2Fstats%2Fapp%2Fdemo%2Fjourney%3Fp%3D7d";
    let done = sign_in(&process, &provider, wanted).await?;
    assert_eq!(text(&done, LOCATION), "/stats/app/demo/journey?p=7d");
    let session = get(&process, "/app/api/session", &cookie(&done)).await?;
    assert_eq!(session.status(), 200);
    let session: Value = session.json().await?;
    assert_eq!(session["user"]["email"], "anna@example.com");

    provider.change(|it| _ = it.claims.insert("email", "bob@example.com".into()));
    let refused = sign_in(&process, &provider, "").await?;
    let place = "/stats/app/sign-in?reason=no-account";
    assert_eq!(text(&refused, LOCATION), place);
    process.stop().await?;
    let log = process.log_tail();
    assert!(!log.contains(CLIENT_SECRET), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_of_a_provider_are_all_reported_at_the_start() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("etappe.toml");
    let settings = "[web]\npublic_url = 'stats.example.com'\n\
                    [oidc]\nissuer = 'http://login.example.com'\nclient_secret = 'hush'\n";
    std::fs::write(&file, settings)?;
    let file = file.to_string_lossy();
    let (code, _, errors) = run(&["config", "check", "--config", &file]).await?;
    assert_eq!(code, Some(64), "{errors}");
    for problem in [
        "web: public_url `stats.example.com` is no address",
        "oidc: issuer `http://login.example.com` does not begin with https://",
        "oidc: client_id is empty",
    ] {
        assert!(errors.contains(problem), "{errors}");
    }
    assert!(!errors.contains("hush"), "{errors}");
    Ok(())
}
