//! Sends batches of messages until each is acknowledged.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use etappe_core::id::SiteId;
use etappe_runtime::authorization::SITE_HEADER;
use etappe_runtime::backoff::Backoff;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use crate::batch::Batch;
use crate::error::ImportError;
use crate::ledger::RejectedLine;

/// The maximum number of rejections listed in an answer.
const LISTED: usize = 100;

/// The result of a batch.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Messages acknowledged.
    pub(crate) accepted: u64,
    /// Lines rejected, with the reason.
    pub(crate) rejected: Vec<RejectedLine>,
    /// Values that do not count in acknowledged messages.
    pub(crate) warnings: u64,
}

impl Outcome {
    /// Adds an answer about the messages from the one at `start` on.
    fn note(&mut self, batch: &Batch, start: usize, answer: Answer) {
        self.accepted += answer.accepted;
        self.warnings += answer.warnings.len() as u64 + answer.warnings_more;
        for message in answer.rejected {
            let line = batch.lines.get(start + message.index);
            let line = line.copied().unwrap_or(batch.last_line);
            let reason = message.reason;
            self.rejected.push(RejectedLine { line, reason });
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    accepted: u64,
    #[serde(default)]
    rejected: Vec<RejectedMessage>,
    #[serde(default)]
    rejected_more: u64,
    #[serde(default)]
    warnings: Vec<IgnoredAny>,
    #[serde(default)]
    warnings_more: u64,
}

#[derive(Deserialize)]
struct RejectedMessage {
    index: usize,
    reason: String,
}

/// How long to wait for an address's first answer: an address that never answered is likely
/// mistyped.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// How often the user is told that no message is being accepted.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Sends batches to a collector.
pub struct Sender {
    client: Client,
    url: String,
    write_key: String,
    site: SiteId,
    has_answered: AtomicBool,
}

impl fmt::Debug for Sender {
    /// Hides the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("url", &self.url)
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

impl Sender {
    /// Makes a sender to `base`, such as `http://127.0.0.1:7070`, of events of `site`.
    ///
    /// # Errors
    /// [`ImportError::Request`] if the client cannot be made.
    pub fn new(base: &str, write_key: String, site: SiteId) -> Result<Self, ImportError> {
        let client = Client::builder()
            .timeout(Duration::from_secs(60))
            .connect_timeout(FIRST_ANSWER)
            .user_agent(concat!("etappe-import/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ImportError::Request)?;
        Ok(Self {
            client,
            url: format!("{}/v1/batch", base.trim_end_matches('/')),
            write_key,
            site,
            has_answered: AtomicBool::new(false),
        })
    }

    /// Sends a batch until there is a final answer; backs off while the server cannot accept it.
    ///
    /// An answer lists only its first rejections. If there are more, the messages after them are
    /// sent again in parts so small that every rejection is listed. Messages accepted before still
    /// count once. `wait` is called with the reason now and then while nothing is accepted.
    pub(crate) async fn send(
        &self,
        batch: &Batch,
        wait: &(impl Fn(&str) + Sync),
    ) -> Result<Outcome, ImportError> {
        let mut outcome = Outcome {
            rejected: batch.unreadable.clone(),
            ..Outcome::default()
        };
        let count = batch.lines.len();
        if count == 0 {
            return Ok(outcome);
        }
        let mut answer = self.ask(batch.body(&(0..count)), wait).await?;
        if answer.rejected_more == 0 {
            outcome.note(batch, 0, answer);
            return Ok(outcome);
        }
        let last = answer.rejected.last();
        let settled = last.map_or(0, |rejected| rejected.index + 1).min(count);
        answer.accepted = settled.saturating_sub(answer.rejected.len()) as u64;
        let warnings = answer.warnings.len() as u64 + answer.warnings_more;
        outcome.note(batch, 0, answer);
        for start in (settled..count).step_by(LISTED) {
            let part = start..(start + LISTED).min(count);
            let answer = self.ask(batch.body(&part), wait).await?;
            outcome.note(batch, start, answer);
        }
        // The first answer reported all of them.
        outcome.warnings = warnings;
        Ok(outcome)
    }

    /// Posts a body until there is a final answer.
    async fn ask(
        &self,
        body: bytes::Bytes,
        wait: &(impl Fn(&str) + Sync),
    ) -> Result<Answer, ImportError> {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        let begun = Instant::now();
        let mut told: Option<Instant> = None;
        loop {
            let request = self
                .client
                .post(&self.url)
                .basic_auth(&self.write_key, Some(""))
                // A key of another site is refused, so that no event ends up there.
                .header(SITE_HEADER, self.site.as_str())
                .body(body.clone());
            let (reason, pause) = match request.send().await {
                Ok(response) if is_temporary(response.status()) => {
                    self.has_answered.store(true, Ordering::Relaxed);
                    let pause = retry_after(&response);
                    (format!("it answered {}", response.status()), pause)
                }
                Ok(response) => {
                    self.has_answered.store(true, Ordering::Relaxed);
                    let status = response.status();
                    let text = response.text().await.map_err(ImportError::Answer)?;
                    return read_answer(status, &text, &self.site);
                }
                Err(error) if error.is_builder() => return Err(ImportError::Request(error)),
                Err(error) => (root_cause(&error), None),
            };
            let is_new = !self.has_answered.load(Ordering::Relaxed);
            if is_new && begun.elapsed() >= FIRST_ANSWER {
                let url = self.url.clone();
                return Err(ImportError::Unreachable { url, reason });
            }
            if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                wait(&reason);
                told = Some(Instant::now());
            }
            tokio::time::sleep(pause.unwrap_or_else(|| backoff.next_delay())).await;
        }
    }
}

/// Returns the innermost cause of an error, such as `Connection refused` instead of a failed
/// request.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
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

/// Reads a final answer.
fn read_answer(status: StatusCode, text: &str, site: &SiteId) -> Result<Answer, ImportError> {
    if status == StatusCode::UNAUTHORIZED {
        return Err(ImportError::UnknownKey);
    }
    if status == StatusCode::FORBIDDEN && text.contains("other_site") {
        return Err(ImportError::OtherSite { site: site.clone() });
    }
    // 400 with a list of rejections: no message of the batch was valid.
    let answer = serde_json::from_str::<Answer>(text).ok();
    answer
        .filter(|_| status.is_success() || status == StatusCode::BAD_REQUEST)
        .ok_or_else(|| ImportError::Refused {
            status,
            beginning: text.chars().take(300).collect(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejections_name_the_lines_of_their_messages() {
        let batch = Batch {
            lines: vec![3, 5, 8],
            last_line: 9,
            ..Batch::default()
        };
        let answer = r#"{"accepted":1,"rejected":[{"index":1,"reason":"missing_id"}],"warnings":[{}],"warnings_more":4}"#;
        let site = SiteId::try_new("demo").unwrap();
        let mut outcome = Outcome::default();
        outcome.note(
            &batch,
            1,
            read_answer(StatusCode::OK, answer, &site).unwrap(),
        );
        let expected = RejectedLine {
            line: 8,
            reason: "missing_id".to_owned(),
        };
        assert_eq!(outcome.rejected, [expected]);
        assert_eq!((outcome.accepted, outcome.warnings), (1, 5));
    }
}
