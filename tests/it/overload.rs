//! One site floods and fills the event log: it is told when to retry, another site is not refused,
//! and every accepted event counts once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use etappe_testkit::process::EtappeProcess;
use etappe_testkit::wait::PATIENCE;
use etappe_tests::site::TestSite;
use rand::RngExt;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const CLIENTS: u64 = 4;
const BATCH: u64 = 50;
/// This many refusals count as a flood.
const REFUSALS: u64 = 200;
/// A log that is full after a few hundred batches and has room again soon after they are consumed.
const CONFIG: &str = "[log]\nmax_bytes = 33554432\nsegment_bytes = 1048576\nretention = \"1s\"\n";

/// The state that the clients of both sites share.
#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    refused: AtomicU64,
    is_over: AtomicBool,
}

impl Counts {
    fn is_flood(&self) -> bool {
        self.refused.load(Ordering::Relaxed) >= REFUSALS
    }
}

/// Sends a batch once; `false` means a refusal that says when to retry.
async fn send(client: &Client, site: &TestSite, url: &str, batch: &str) -> anyhow::Result<bool> {
    let request = client.post(url).basic_auth(&site.write_key, Some(""));
    let response = request.body(batch.to_owned()).send().await?;
    let status = response.status();
    let retry_after = response.headers().get("retry-after").cloned();
    let answer: Value = response.json().await?;
    match status {
        StatusCode::OK => {
            ensure!(answer["rejected"] == json!([]), "{answer}");
            Ok(true)
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            let seconds = retry_after.context("a refusal without Retry-After")?;
            let seconds: u32 = seconds.to_str()?.parse()?;
            ensure!((1..=60).contains(&seconds), "come back in {seconds} s");
            Ok(false)
        }
        _ => anyhow::bail!("{status}: {answer}"),
    }
}

/// Returns a batch of events that do not compress well.
fn large_batch(client: u64, number: u64) -> String {
    let mut random = rand::rng();
    let message = |event: u64| {
        let noise: String = (0..128)
            .map(|_| format!("{:016x}", random.random::<u64>()))
            .collect();
        json!({
            "type": "track", "event": "Product Viewed",
            "messageId": format!("flood-{client}-{number}-{event}"),
            "anonymousId": format!("visitor-{client}-{event}"),
            "properties": { "noise": noise },
        })
    };
    let batch: Vec<Value> = (0..BATCH).map(message).collect();
    json!({ "batch": batch }).to_string()
}

fn client() -> reqwest::Result<Client> {
    Client::builder().timeout(PATIENCE).build()
}

/// Sends batches, each until it is accepted, until there were enough refusals.
async fn flood(
    site: TestSite,
    url: String,
    number: u64,
    counts: Arc<Counts>,
) -> anyhow::Result<()> {
    let (client, deadline) = (client()?, Instant::now() + PATIENCE);
    let mut batches = 0;
    while !counts.is_flood() {
        let batch = large_batch(number, batches);
        batches += 1;
        while !send(&client, &site, &url, &batch).await? {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            ensure!(Instant::now() < deadline, "refused for {PATIENCE:?}");
            sleep(Duration::from_millis(20)).await;
        }
        counts.accepted.fetch_add(BATCH, Ordering::Relaxed);
        ensure!(Instant::now() < deadline, "nothing is refused");
    }
    Ok(())
}

/// Sends single events until the flood is over; returns how many. None may be refused.
async fn trickle(site: TestSite, url: String, counts: Arc<Counts>) -> anyhow::Result<u64> {
    let client = client()?;
    let mut sent = 0;
    let deadline = Instant::now() + 2 * PATIENCE;
    while !counts.is_over.load(Ordering::Relaxed) {
        ensure!(Instant::now() < deadline, "the flood does not end");
        let message = json!({
            "type": "track", "event": "Product Viewed",
            "messageId": format!("quiet-{sent}"), "anonymousId": format!("visitor-{}", sent % 7),
        });
        let batch = json!({ "batch": [message] }).to_string();
        let accepted = send(&client, &site, &url, &batch).await?;
        ensure!(accepted, "the other site was refused after {sent} events");
        sent += 1;
        sleep(Duration::from_millis(50)).await;
    }
    Ok(sent)
}

async fn start(folder: &Path) -> anyhow::Result<EtappeProcess> {
    let config = folder.join("etappe.toml");
    std::fs::write(&config, CONFIG)?;
    let options = vec!["--config".into(), config.into_os_string()];
    Ok(EtappeProcess::start_with(folder, options).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_gets_retry_after_and_no_other_site_is_refused() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut process = start(folder.path()).await?;
    let flooded = TestSite::create(&process, "flooded").await?;
    let quiet = TestSite::create(&process, "quiet").await?;
    let url = format!("http://{}/v1/batch", process.listen);
    let counts = Arc::new(Counts::default());
    let mut others = JoinSet::new();
    others.spawn(trickle(quiet.clone(), url.clone(), Arc::clone(&counts)));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let counts = Arc::clone(&counts);
        clients.spawn(flood(flooded.clone(), url.clone(), number, counts));
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    counts.is_over.store(true, Ordering::Relaxed);
    let trickled = others.join_next().await.context("the other site")???;
    let accepted = counts.accepted.load(Ordering::Relaxed);
    assert!(counts.refused.load(Ordering::Relaxed) >= REFUSALS);
    flooded.settle(accepted).await?;
    assert_eq!(flooded.settle_down().await?, accepted, "flooded");
    assert_eq!(quiet.settle(trickled).await?, trickled, "quiet");
    assert!(trickled > 10, "{trickled}");
    process.stop().await?;
    Ok(())
}
