//! Sends batches of messages until each is acknowledged.

use std::time::Duration;

use anyhow::{Context, bail};
use etappe_runtime::backoff::Backoff;
use reqwest::{Client, StatusCode};
use serde::Deserialize;

/// Messages on their way.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The messages, each an object, separated by commas.
    pub(crate) messages: Vec<u8>,
    /// The line number of each message.
    pub(crate) lines: Vec<u64>,
    /// The last line that this batch settles, sent or not.
    pub(crate) last_line: u64,
    /// Bytes of the file that this batch settles.
    pub(crate) bytes: u64,
    /// Lines that could not be made into messages: number and reason.
    pub(crate) unreadable: Vec<(u64, String)>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Messages acknowledged.
    pub(crate) accepted: u64,
    /// Lines rejected, with the reason.
    pub(crate) rejected: Vec<(u64, String)>,
}

#[derive(Deserialize)]
struct Answer {
    accepted: u64,
    #[serde(default)]
    rejected: Vec<RejectedMessage>,
}

#[derive(Deserialize)]
struct RejectedMessage {
    index: usize,
    reason: String,
}

/// Where batches go.
#[derive(Debug)]
pub(crate) struct Sender {
    client: Client,
    url: String,
    write_key: String,
}

impl Sender {
    /// Makes a sender to `base`, such as `http://127.0.0.1:7070`.
    pub(crate) fn new(base: &str, write_key: String) -> anyhow::Result<Self> {
        let client = Client::builder()
            .timeout(Duration::from_secs(60))
            .user_agent(concat!("etappe-import/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            url: format!("{}/v1/batch", base.trim_end_matches('/')),
            write_key,
        })
    }

    /// Sends a batch until it is answered for good; backs off while the other side cannot take it.
    pub(crate) async fn send(&self, batch: &Batch) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome {
            accepted: 0,
            rejected: batch.unreadable.clone(),
        };
        if batch.lines.is_empty() {
            return Ok(outcome);
        }
        let body = bytes::Bytes::from([b"{\"batch\":[", &batch.messages[..], b"]}"].concat());
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        loop {
            let request = self
                .client
                .post(&self.url)
                .basic_auth(&self.write_key, Some(""))
                .body(body.clone());
            let wait = match request.send().await {
                Ok(response) if is_temporary(response.status()) => {
                    tracing::warn!(status = %response.status(), "not taken now; trying again");
                    retry_after(&response).unwrap_or_else(|| backoff.next_delay())
                }
                Ok(response) => {
                    let status = response.status();
                    let text = response.text().await.context("the answer broke off")?;
                    settle(status, &text, batch, &mut outcome)?;
                    return Ok(outcome);
                }
                Err(error) if error.is_builder() => return Err(error).context("cannot send"),
                Err(error) => {
                    tracing::warn!(%error, "not reached; trying again");
                    backoff.next_delay()
                }
            };
            tokio::time::sleep(wait).await;
        }
    }
}

fn is_temporary(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
        || status.is_server_error()
}

fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response
        .headers()
        .get("retry-after")?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(Duration::from_secs(60)))
}

/// Adds what a final answer says to `outcome`.
fn settle(
    status: StatusCode,
    text: &str,
    batch: &Batch,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    if status == StatusCode::UNAUTHORIZED {
        bail!("the write key is not known there");
    }
    // 400 with a list of rejections: not one message of the batch was valid.
    let answer = serde_json::from_str::<Answer>(text).ok();
    let Some(answer) = answer.filter(|_| status.is_success() || status == StatusCode::BAD_REQUEST)
    else {
        bail!(
            "the batch was refused: {status} {}",
            text.chars().take(300).collect::<String>()
        );
    };
    outcome.accepted += answer.accepted;
    for message in answer.rejected {
        let line = batch
            .lines
            .get(message.index)
            .copied()
            .unwrap_or(batch.last_line);
        outcome.rejected.push((line, message.reason));
    }
    Ok(())
}
