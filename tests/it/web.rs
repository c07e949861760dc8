//! The web interface of a running program: the first account, sessions, users, and figures with a
//! session's cookie.

use etappe_testkit::process::EtappeProcess;
use etappe_testkit::wait::{PATIENCE, until};
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::started;

const PASSWORD: &str = "correct horse battery";

/// A browser at the program's public address.
struct Browser {
    client: reqwest::Client,
    address: String,
    cookie: Option<String>,
    csrf: String,
}

impl Browser {
    fn at(process: &EtappeProcess) -> Self {
        let listen = process.greeting["listen"].as_str().unwrap_or_default();
        Self {
            client: reqwest::Client::new(),
            address: format!("http://{listen}"),
            cookie: None,
            csrf: String::new(),
        }
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let url = format!("{}{path}", self.address);
        let mut request = self.client.request(method, url);
        request = request.header("x-csrf-token", &self.csrf);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        if let Some(cookie) = answer.headers().get(SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            self.cookie = Some(pair.to_owned());
        }
        let status = answer.status();
        let text = answer.text().await?;
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        if let Some(csrf) = json["csrf"].as_str() {
            csrf.clone_into(&mut self.csrf);
        }
        Ok((status, json))
    }

    async fn get(&mut self, path: &str) -> anyhow::Result<(StatusCode, Value)> {
        self.ask(Method::GET, path, None).await
    }

    async fn sign_in(&mut self, email: &str, password: &str) -> anyhow::Result<StatusCode> {
        let body = json!({ "email": email, "password": password });
        let (status, _) = self
            .ask(Method::POST, "/app/api/session", Some(body))
            .await?;
        Ok(status)
    }
}

/// Makes the first account with the link that the program printed.
async fn first_account(process: &EtappeProcess) -> anyhow::Result<Browser> {
    let mut browser = Browser::at(process);
    let link = process.greeting["welcome"].as_str().unwrap_or_default();
    let (_, token) = link.split_once("token=").expect("a link with a token");
    let body = json!({
        "token": token, "name": "Anna", "email": "anna@example.com", "password": PASSWORD,
    });
    let path = "/app/api/first-account";
    let (status, answer) = browser.ask(Method::POST, path, Some(body)).await?;
    assert_eq!(status, 200, "{answer}");
    Ok(browser)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_the_first_start_makes_an_account_whose_session_survives_a_restart()
-> anyhow::Result<()> {
    let (mut process, site) = started("shop").await?;
    let event = json!({ "type": "track", "event": "Signed Up", "userId": "u", "messageId": "m" });
    assert_eq!(site.send(&[event]).await?.0, 200);
    site.settle(1).await?;
    let (status, _) = Browser::at(&process).get("/app/api/session").await?;
    assert_eq!(status, 403, "there is no account yet");
    let mut anna = first_account(&process).await?;
    let (status, who) = anna.get("/app/api/session").await?;
    assert_eq!(status, 200);
    let sites: Vec<_> = who["sites"].as_array().into_iter().flatten().collect();
    assert_eq!(sites.len(), 2, "the site of the first start, and this one");
    let kpis = "/v1/sites/shop/kpis?from=2024-01-01&to=2099-01-01";
    let (status, answer) = anna.get(kpis).await?;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["kpis"][0]["value"], 1);
    let (status, _) = anna.get("/v1/sites/shop/rejections").await?;
    assert_eq!(status, 200, "what was refused");
    let (status, _) = Browser::at(&process).get(kpis).await?;
    assert_eq!(status, 401);

    process.stop().await?;
    process.restart().await?;
    assert!(process.greeting["welcome"].is_null(), "there is an account");
    anna.address = Browser::at(&process).address;
    let (status, _) = anna.get(kpis).await?;
    assert_eq!(status, 200);
    let (status, _) = anna.ask(Method::DELETE, "/app/api/session", None).await?;
    assert_eq!(status, 204);
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_managed_while_the_program_runs_and_while_it_does_not() -> anyhow::Result<()> {
    let (mut process, _) = started("shop").await?;
    first_account(&process).await?;
    let add = [
        "add",
        "bob@example.com",
        "--role",
        "viewer",
        "--site",
        "shop",
    ];
    let added = process.run("users", &add).await?;
    let password = added["password"].as_str().expect("a password").to_owned();
    let mut bob = Browser::at(&process);
    assert_eq!(bob.sign_in("bob@example.com", &password).await?, 200);
    let (status, _) = bob.get("/v1/sites/shop/models").await?;
    assert_eq!(status, 200);
    let (status, _) = bob.get("/v1/sites/demo/models").await?;
    assert_eq!(status, 403, "he has no role there");
    let twice = process.run("users", &add).await;
    assert!(twice.is_err(), "the address is taken");

    process.stop().await?;
    let reset = process.run("users", &["reset", "bob@example.com"]).await?;
    let new = reset["password"].as_str().expect("a password").to_owned();
    process.restart().await?;
    bob.address = Browser::at(&process).address;
    let (status, _) = bob.get("/v1/sites/shop/models").await?;
    assert_eq!(status, 401, "a reset ends the sessions");
    assert_eq!(bob.sign_in("bob@example.com", &password).await?, 401);
    assert_eq!(bob.sign_in("bob@example.com", &new).await?, 200);
    let listed = process.run("users", &["list"]).await?;
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
    process.run("users", &["remove", "bob@example.com"]).await?;
    let (status, _) = bob.get("/v1/sites/shop/models").await?;
    assert_eq!(status, 401);
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_are_in_the_binary_with_a_strict_policy() -> anyhow::Result<()> {
    let (mut process, _) = started("shop").await?;
    let browser = Browser::at(&process);
    let page = format!("{}/app/shop/today", browser.address);
    let answer = browser.client.get(page).send().await?;
    assert_eq!(answer.status(), 200, "built with the web interface");
    let policy = answer.headers()["content-security-policy"].to_str()?;
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    let html = answer.text().await?;
    let sources: Vec<_> = html
        .split('"')
        .filter_map(|it| it.strip_prefix("./../"))
        .collect();
    assert!(sources.len() >= 2, "{html}");
    for source in sources {
        let url = format!("{}/app/{source}", browser.address);
        let request = browser.client.get(url).header("accept-encoding", "gzip");
        let answer = request.send().await?;
        assert_eq!(answer.status(), 200, "{source}");
        let kept = answer.headers()["cache-control"].to_str()?;
        assert!(kept.contains("immutable"), "{source}: {kept}");
    }
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_practice_site_is_made_by_whoever_administers_everything() -> anyhow::Result<()> {
    let (mut process, _) = started("shop").await?;
    let mut anna = first_account(&process).await?;
    let path = "/app/api/practice";
    let (status, before) = anna.get(path).await?;
    assert_eq!(status, 200, "{before}");
    let none = json!({ "state": "none", "done": 0.0, "site": "practice" });
    assert_eq!(before, none);
    let (status, _) = anna.ask(Method::POST, path, None).await?;
    assert_eq!(status, 202);
    let (status, _) = anna.ask(Method::POST, path, None).await?;
    assert_eq!(status, 202, "a second one is harmless");
    let browser = tokio::sync::Mutex::new(anna);
    until("the practice site is ready", PATIENCE, async || {
        let (status, now) = browser.lock().await.get(path).await.expect("an answer");
        assert_eq!(status, 200, "{now}");
        assert_ne!(now["state"], "none", "it failed");
        now["state"] == "ready"
    })
    .await;
    let mut anna = browser.into_inner();
    let (_, who) = anna.get("/app/api/session").await?;
    let offers = who["offers"].as_array().into_iter().flatten();
    assert!(offers.clone().any(|it| it == "practice"), "{who}");
    let mut sites = who["sites"].as_array().into_iter().flatten();
    let site = sites
        .find(|it| it["id"] == "practice")
        .expect("it is there");
    assert_eq!(
        (&site["practice"], &site["role"], &site["name"]),
        (&json!(true), &json!("admin"), &json!("Practice shop"))
    );
    let (status, answer) = anna.get("/v1/sites/practice/kpis").await?;
    assert_eq!(status, 200, "{answer}");
    let kpis = answer["kpis"].as_array().into_iter().flatten();
    for kpi in kpis {
        assert!(!kpi["value"].is_null(), "{kpi}");
    }
    let everything = "/v1/sites/practice/kpis?from=2000-01-01&to=2100-01-01";
    let (_, answer) = anna.get(everything).await?;
    assert_eq!(answer["kpis"][0]["value"], 2_000, "people: {answer}");
    let (status, _) = anna.ask(Method::POST, path, None).await?;
    assert_eq!(status, 202, "nothing is made twice");
    let (_, after) = anna.get(path).await?;
    assert_eq!(
        after,
        json!({ "state": "ready", "done": 1.0, "site": "practice" })
    );
    process.stop().await?;
    Ok(())
}

/// Reads a stream of live events until one has this name, and returns it.
async fn live_event(answer: &mut reqwest::Response, name: &str) -> anyhow::Result<Value> {
    let mut text = String::new();
    while let Some(piece) = answer.chunk().await? {
        text.push_str(std::str::from_utf8(&piece)?);
        while let Some((block, rest)) = text.split_once("\n\n") {
            let data = block.lines().find_map(|line| line.strip_prefix("data: "));
            let data: Value = serde_json::from_str(data.unwrap_or("null"))?;
            if data["event"] == name {
                return Ok(data);
            }
            text = rest.to_owned();
        }
    }
    anyhow::bail!("the stream ended without `{name}`")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_seen_live_gets_a_meaning_and_keeps_it_over_a_restart() -> anyhow::Result<()> {
    let (mut process, site) = started("shop").await?;
    let mut anna = first_account(&process).await?;
    let url = format!("{}/v1/sites/shop/live", anna.address);
    let cookie = anna.cookie.clone().unwrap_or_default();
    let live = anna.client.get(url).header(COOKIE, cookie);
    let mut live = live.send().await?.error_for_status()?;
    let event = |number: u32| {
        json!({
            "type": "track", "event": format!("Gieter geleend {number}"), "userId": "u",
            "messageId": format!("m{number}"), "properties": {"dagen": 3},
        })
    };
    assert_eq!(site.send(&[event(1)]).await?.0, 200);
    let seen = live_event(&mut live, "Gieter geleend 1").await?;
    assert_eq!(
        (&seen["actor"], &seen["milestone"]),
        (&json!("u"), &Value::Null)
    );
    assert_eq!(seen["properties"]["dagen"], 3);

    let meaning = "/app/api/sites/shop/meanings/Gieter%20geleend%202";
    let wanted = Some(json!({ "milestone": "activation" }));
    let (status, answer) = anna.ask(Method::PUT, meaning, wanted).await?;
    assert_eq!(status, 204, "{answer}");
    assert_eq!(site.send(&[event(2)]).await?.0, 200);
    let seen = live_event(&mut live, "Gieter geleend 2").await?;
    assert_eq!(seen["milestone"], "activation");
    assert_eq!(seen["stages"]["aaarrr"]["stage"], "activation");

    // The stream does not keep the program from stopping.
    process.stop().await?;
    process.restart().await?;
    anna.address = Browser::at(&process).address;
    let (status, listed) = anna.get("/app/api/sites/shop/meanings").await?;
    assert_eq!(status, 200);
    assert_eq!(listed["meanings"][0]["event"], "Gieter geleend 2");
    assert_eq!(listed["meanings"][0]["by"], "anna@example.com");
    let (status, _) = anna.ask(Method::DELETE, meaning, None).await?;
    assert_eq!(status, 204);
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_on_the_page_is_taken_at_once_and_over_a_restart_until_it_is_revoked()
-> anyhow::Result<()> {
    let (mut process, _) = started("shop").await?;
    let mut anna = first_account(&process).await?;
    let keys = "/app/api/sites/shop/keys";
    let wanted = Some(json!({ "kind": "browser" }));
    let (status, made) = anna.ask(Method::POST, keys, wanted).await?;
    assert_eq!(status, 201, "{made}");
    let key = made["key"].as_str().expect("a key").to_owned();
    let send = async |browser: &Browser, number: u32| {
        let event = json!({ "event": "Signed Up", "userId": "u", "messageId": number.to_string() });
        let url = format!("{}/v1/track", browser.address);
        let request = browser.client.post(url).basic_auth(&key, Some(""));
        request.json(&event).send().await
    };
    assert_eq!(send(&anna, 1).await?.status(), 200);
    let listed = process.run("keys", &["list"]).await?;
    let of_shop = listed.as_array().into_iter().flatten();
    let of_shop = of_shop.clone().find(|site| site["site"] == "shop");
    let of_shop = of_shop.expect("the site")["keys"].to_string();
    let id = made["id"].as_str().expect("an id");
    assert!(of_shop.contains(id) && of_shop.contains("anna@example.com"));
    assert!(!of_shop.contains(&key));

    process.stop().await?;
    process.restart().await?;
    anna.address = Browser::at(&process).address;
    assert_eq!(send(&anna, 2).await?.status(), 200);
    let (status, _) = anna
        .ask(Method::DELETE, &format!("{keys}/{id}"), None)
        .await?;
    assert_eq!(status, 204);
    assert_eq!(send(&anna, 3).await?.status(), 401);
    let (_, trail) = anna.get("/app/api/sites/shop/audit").await?;
    assert_eq!(trail["entries"][0]["action"], "key_revoked");
    assert_eq!(trail["entries"][1]["action"], "key_created");
    assert!(!trail.to_string().contains(&key));
    process.stop().await?;
    Ok(())
}
