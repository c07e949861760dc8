//! Clients that send under faults and keep a ledger of the messages answered with 200.
//!
//! Each client sends its messages in order, one batch at a time, and repeats a batch until it is
//! answered with 200. The ledger holds the number of acknowledged messages per client, since their
//! content follows from their numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::message::MessagePosition;
use crate::site::TestSite;

/// The delay before a client repeats a batch.
const REPEAT_AFTER: Duration = Duration::from_millis(100);
/// The time limit for repeating a batch: far longer than any fault lasts.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(600);

/// The plan of the clients.
#[derive(Debug, Clone, Copy)]
pub struct SendPlan {
    /// The seed for all random decisions.
    pub seed: u64,
    /// Messages in a batch.
    pub batch: u64,
    /// The minimum number of messages of all clients together; they continue until told to stop.
    pub messages: u64,
    /// The maximum rate of each client, in messages per second.
    pub rate: f64,
    /// The share of batches that a client sends again although they were answered.
    pub repeats: f64,
}

/// The acknowledged messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// Per client: all messages below this number were answered with 200.
    pub by_client: Vec<u64>,
    /// The number of requests, including repeats.
    pub requests: u64,
    /// Answers other than 200.
    pub refusals: u64,
}

/// Running clients.
#[derive(Debug)]
pub struct Senders {
    tasks: JoinSet<(u64, Counts)>,
    acknowledged: Arc<AtomicU64>,
    /// Whether clients that have sent their share continue.
    goes_on: Arc<AtomicBool>,
    /// Whether every batch is sent again, regardless of the plan.
    repeats_all: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Counts {
    messages: u64,
    requests: u64,
    refusals: u64,
}

impl Senders {
    /// Starts one client per site handle; handles may go through different collectors.
    #[must_use]
    pub fn start(sites: Vec<TestSite>, plan: SendPlan) -> Self {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let goes_on = Arc::new(AtomicBool::new(true));
        let repeats_all = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        let share = plan.messages.div_ceil(sites.len() as u64);
        for (client, site) in (0..).zip(sites) {
            let sender = Sender {
                site,
                plan,
                client,
                acknowledged: Arc::clone(&acknowledged),
                goes_on: Arc::clone(&goes_on),
                repeats_all: Arc::clone(&repeats_all),
            };
            tasks.spawn(async move { (client, sender.run(share).await) });
        }
        Self {
            tasks,
            acknowledged,
            goes_on,
            repeats_all,
        }
    }

    /// Makes every client send every batch again for a while.
    pub async fn repeat_all_for(&self, time: Duration) {
        self.repeats_all.store(true, Ordering::Relaxed);
        tokio::time::sleep(time).await;
        self.repeats_all.store(false, Ordering::Relaxed);
    }

    /// Returns how many messages were acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until at least `messages` are acknowledged, for `patience` at most.
    ///
    /// # Errors
    /// When it takes longer.
    pub async fn reach(&self, messages: u64, patience: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        while self.acknowledged() < messages {
            anyhow::ensure!(
                Instant::now() < deadline,
                "{} messages are acknowledged after {patience:?}, not {messages}",
                self.acknowledged()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Lets the clients stop once they have sent their share, and returns the acknowledged
    /// messages.
    ///
    /// # Panics
    /// When a client received an answer that no client can handle.
    pub async fn finish(self) -> Acknowledged {
        self.goes_on.store(false, Ordering::Relaxed);
        let mut all = self.tasks.join_all().await;
        all.sort_by_key(|(client, _)| *client);
        all.iter()
            .fold(Acknowledged::default(), |mut sum, (_, one)| {
                sum.by_client.push(one.messages);
                sum.requests += one.requests;
                sum.refusals += one.refusals;
                sum
            })
    }
}

struct Sender {
    site: TestSite,
    plan: SendPlan,
    client: u64,
    acknowledged: Arc<AtomicU64>,
    goes_on: Arc<AtomicBool>,
    repeats_all: Arc<AtomicBool>,
}

impl Sender {
    async fn run(self, share: u64) -> Counts {
        let mut random = StdRng::seed_from_u64(self.plan.seed ^ (self.client << 32));
        let mut counts = Counts::default();
        let begun = Instant::now();
        while counts.messages < share || self.goes_on.load(Ordering::Relaxed) {
            let numbers = counts.messages..counts.messages + self.plan.batch;
            let batch: Vec<Value> = numbers
                .map(|number| {
                    let client = self.client;
                    MessagePosition { client, number }
                        .message(self.plan.seed)
                        .as_json()
                })
                .collect();
            self.send_until_acknowledged(&batch, &mut counts).await;
            counts.messages += self.plan.batch;
            self.acknowledged
                .fetch_add(self.plan.batch, Ordering::Relaxed);
            let repeats_all = self.repeats_all.load(Ordering::Relaxed);
            if random.random_bool(self.plan.repeats) || repeats_all {
                counts.requests += 1;
                // Whatever the answer is, it must have no effect.
                self.site.send(&batch).await.ok();
            }
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let due = Duration::from_secs_f64(counts.messages as f64 / self.plan.rate);
            tokio::time::sleep_until(begun + due).await;
        }
        counts
    }

    async fn send_until_acknowledged(&self, batch: &[Value], counts: &mut Counts) {
        let deadline = Instant::now() + ACKNOWLEDGED_WITHIN;
        loop {
            assert!(
                Instant::now() < deadline,
                "a batch is not acknowledged within {ACKNOWLEDGED_WITHIN:?}"
            );
            counts.requests += 1;
            match self.site.send(batch).await {
                Ok((200, body)) => {
                    let accepted = body["accepted"].as_u64();
                    assert_eq!(accepted, Some(batch.len() as u64), "a batch got {body}");
                    return;
                }
                Ok((status, body)) => {
                    assert!(
                        status >= 500 || status == 429 || status == 401,
                        "a batch got {status}: {body}"
                    );
                    counts.refusals += 1;
                }
                // Killed: the batch may or may not be stored, so it is sent again.
                Err(_) => counts.refusals += 1,
            }
            tokio::time::sleep(REPEAT_AFTER).await;
        }
    }
}
