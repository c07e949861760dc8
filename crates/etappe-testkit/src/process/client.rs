//! The HTTP side of [`EtappeProcess`]: sending events and querying figures.

use std::io::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};

use super::{EtappeProcess, ProcessError};

/// The number of messages per request.
const BATCH: usize = 400;
/// The interval at which a figure is polled.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// An answer: its status and its body, which is null if it is not JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body as JSON.
    pub body: Value,
    /// The body as received.
    pub text: String,
}

impl EtappeProcess {
    /// Sends `messages` in gzip batches with the demo site's key and returns how many were
    /// accepted.
    ///
    /// # Errors
    /// [`ProcessError`] at the first request that is not answered with 200. Batches before it were
    /// accepted; the failed one may or may not have been.
    pub async fn send(&self, messages: &[Value]) -> Result<u64, ProcessError> {
        let mut accepted = 0;
        for batch in messages.chunks(BATCH) {
            let answer = self.send_batch(batch, &self.write_key).await?;
            if answer.status != 200 {
                let what = format!("a batch got {}: {}", answer.status, answer.text);
                return Err(self.broken(what));
            }
            accepted += answer.body["accepted"].as_u64().unwrap_or_default();
        }
        Ok(accepted)
    }

    /// Sends one gzip batch with `key` and returns any answer.
    ///
    /// # Errors
    /// [`ProcessError::Http`] when no answer came.
    pub async fn send_batch(&self, batch: &[Value], key: &str) -> Result<Answer, ProcessError> {
        let body = json!({ "batch": batch }).to_string();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body.as_bytes())?;
        let credentials = STANDARD.encode(format!("{key}:"));
        let request = self
            .http
            .post(format!("http://{}/v1/batch", self.listen))
            .header("Authorization", format!("Basic {credentials}"))
            .header("Content-Type", "application/json")
            .header("Content-Encoding", "gzip")
            .body(encoder.finish()?);
        answer(request).await
    }

    /// Queries the demo site; `path` follows `/v1/sites/{site}`.
    ///
    /// # Errors
    /// [`ProcessError::Http`] when no answer came.
    pub async fn query(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, ProcessError> {
        let address = format!("http://{}/v1/sites/{}{path}", self.listen, self.site);
        let mut request = self
            .http
            .request(method, address)
            .header("Authorization", format!("Bearer {}", self.read_token));
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body.to_string());
        }
        answer(request).await
    }

    /// Gets `path` of the admin address.
    ///
    /// # Errors
    /// [`ProcessError::Http`] when no answer came.
    pub async fn get_admin(&self, path: &str) -> Result<Answer, ProcessError> {
        answer(self.http.get(format!("http://{}{path}", self.admin))).await
    }

    /// Waits until a funnel of one step counts at least `actors` people with an event of this
    /// selector, and returns the count.
    ///
    /// # Errors
    /// [`ProcessError::Broken`] when it does not within `patience`.
    pub async fn settle(
        &self,
        selector: &Value,
        actors: u64,
        patience: Duration,
    ) -> Result<u64, ProcessError> {
        let body = json!({"steps": [selector], "from": "1970-01-01", "to": "2100-01-01"});
        let mut latest = Value::Null;
        let wait = async {
            loop {
                if let Ok(answer) = self.query(Method::POST, "/funnel", Some(&body)).await {
                    latest = answer.body["steps"][0]["count"].clone();
                    if let Some(count) = latest.as_u64().filter(|count| *count >= actors) {
                        return count;
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        match tokio::time::timeout(patience, wait).await {
            Ok(count) => Ok(count),
            Err(_) => Err(self.broken(format!("{latest} people are counted, not {actors}"))),
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, ProcessError> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok(Answer {
        status,
        body: serde_json::from_str(&text).unwrap_or_default(),
        text,
    })
}
