//! A site of a running `etappe up`, with its keys.

use std::time::Duration;

use anyhow::{Context, ensure};
use etappe_testkit::process::EtappeProcess;
use etappe_testkit::wait::PATIENCE;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

/// The interval at which a figure is polled.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A number that has not changed for this long counts as final.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// A site for sending and querying.
#[derive(Debug, Clone)]
pub struct TestSite {
    /// The address for events.
    base: String,
    /// The address for queries.
    insights: String,
    /// The site's name.
    pub name: String,
    /// The key for sending.
    pub write_key: String,
    /// The token for reading.
    pub read_token: String,
    client: Client,
}

/// A status, and the body as JSON or null.
pub type Answer = (u16, Value);

impl TestSite {
    /// Creates a site called `name` on a running program, through `etappe keys create`.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn create(process: &EtappeProcess, name: &str) -> anyhow::Result<Self> {
        let (write_key, read_token) = process.create_keys(name).await?;
        let keys = (write_key, read_token);
        Self::of(&process.listen, &process.listen, name, keys)
    }

    /// Returns a site from the addresses of a collector and of insights, and its keys (write,
    /// read).
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn of(
        collector: &str,
        insights: &str,
        name: &str,
        keys: (String, String),
    ) -> anyhow::Result<Self> {
        let (write_key, read_token) = keys;
        Ok(Self {
            base: format!("http://{collector}"),
            insights: format!("http://{insights}"),
            name: name.to_owned(),
            write_key,
            read_token,
            client: Client::builder().timeout(PATIENCE).build()?,
        })
    }

    /// Returns the same site, reached through another collector.
    #[must_use]
    pub fn through(&self, collector: &str) -> Self {
        Self {
            base: format!("http://{collector}"),
            ..self.clone()
        }
    }

    /// Returns the site `name` of another program, with its keys (write, read).
    #[must_use]
    pub fn moved_to(&self, listen: &str, name: &str, keys: (String, String)) -> Self {
        let (write_key, read_token) = keys;
        let base = format!("http://{listen}");
        Self {
            insights: base.clone(),
            base,
            name: name.to_owned(),
            write_key,
            read_token,
            client: self.client.clone(),
        }
    }

    /// Posts a body unchanged, with the site's write key.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> anyhow::Result<Answer> {
        let request = self.client.post(format!("{}{path}", self.base));
        answer(request.basic_auth(&self.write_key, Some("")).body(body)).await
    }

    /// Sends messages in one batch.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn send(&self, messages: &[Value]) -> anyhow::Result<Answer> {
        self.post("/v1/batch", json!({ "batch": messages }).to_string())
            .await
    }

    /// Gets a figure; the path follows `/v1/sites/{site}`.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let url = format!("{}/v1/sites/{}{path}", self.insights, self.name);
        answer(self.client.get(url).bearer_auth(&self.read_token)).await
    }

    /// Posts a query; the path follows `/v1/sites/{site}`.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn ask(&self, path: &str, question: &Value) -> anyhow::Result<Answer> {
        let url = format!("{}/v1/sites/{}{path}", self.insights, self.name);
        let request = self.client.post(url).bearer_auth(&self.read_token);
        answer(request.body(question.to_string())).await
    }

    /// Returns the counts of a funnel over all time.
    ///
    /// # Errors
    /// When it is not answered with 200.
    pub async fn funnel(&self, steps: &[Value]) -> anyhow::Result<Vec<u64>> {
        let question = json!({ "steps": steps, "from": "1970-01-01", "to": "2100-01-01" });
        let (status, body) = self.ask("/funnel", &question).await?;
        ensure!(status == 200, "funnel: {status} {body}");
        let steps = body["steps"].as_array().context("the funnel has steps")?;
        Ok(steps
            .iter()
            .map(|step| step["count"].as_u64().unwrap_or_default())
            .collect())
    }

    /// Returns the KPI cards over all time, in the order of the answer.
    ///
    /// # Errors
    /// When they are not answered with 200.
    pub async fn kpis(&self) -> anyhow::Result<Vec<Value>> {
        let (status, body) = self
            .get("/kpis?from=1970-01-01&to=2100-01-01&model=aaarrr")
            .await?;
        ensure!(status == 200, "kpis: {status} {body}");
        Ok(body["kpis"].as_array().context("there are cards")?.clone())
    }

    /// Returns the value of one KPI card over all time.
    ///
    /// # Errors
    /// When there is no such card.
    pub async fn kpi(&self, id: &str) -> anyhow::Result<Value> {
        let cards = self.kpis().await?;
        let card = cards.into_iter().find(|card| card["id"] == id);
        Ok(card.with_context(|| format!("no KPI card `{id}`"))?["value"].clone())
    }

    /// Returns the number of all visible events, by the cheapest question that counts them.
    ///
    /// # Errors
    /// When stages are not answered with 200.
    pub async fn visible_events(&self) -> anyhow::Result<u64> {
        let path = "/stages?from=1970-01-01&to=2100-01-01&model=aaarrr";
        let (status, body) = self.get(path).await?;
        ensure!(status == 200, "stages: {status} {body}");
        body["events"]
            .as_u64()
            .with_context(|| format!("events are counted in {body}"))
    }

    /// Waits until at least `events` events are visible; returns how many are.
    ///
    /// # Errors
    /// When they do not appear in time.
    pub async fn settle(&self, events: u64) -> anyhow::Result<u64> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let visible = self.visible_events().await;
            match visible {
                Ok(visible) if visible >= events => return Ok(visible),
                other if Instant::now() > deadline => {
                    return other
                        .with_context(|| format!("{events} events did not become visible"));
                }
                Ok(_) | Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Waits until the number of visible events has not changed for some seconds; returns it.
    ///
    /// # Errors
    /// When it still changes after a while, or a query fails.
    pub async fn settle_down(&self) -> anyhow::Result<u64> {
        let deadline = Instant::now() + PATIENCE;
        let mut since = Instant::now();
        let mut visible = self.visible_events().await?;
        while since.elapsed() < SETTLED_AFTER {
            ensure!(
                Instant::now() < deadline,
                "{visible} events, and still more"
            );
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.visible_events().await?;
            if now != visible {
                (visible, since) = (now, Instant::now());
            }
        }
        Ok(visible)
    }

    /// Returns every event of an actor, following all pages.
    ///
    /// # Errors
    /// When a page is not answered with 200.
    pub async fn actor_events(&self, id: &str) -> anyhow::Result<Vec<Value>> {
        let mut events = Vec::new();
        let mut cursor = String::new();
        loop {
            let (status, mut page) = self.get(&format!("/actors/{id}{cursor}")).await?;
            ensure!(status == 200, "actor: {status} {page}");
            let new = page["events"].as_array_mut().context("a page has events")?;
            ensure!(
                !new.is_empty() || events.is_empty(),
                "a page without events"
            );
            events.append(new);
            match page["next"].as_str() {
                Some(next) => cursor = format!("?cursor={next}"),
                None => return Ok(events),
            }
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}
