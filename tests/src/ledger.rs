//! Clients that keep a ledger of acknowledged events through kills and restarts.
//!
//! Each client sends one batch at a time and repeats it under the same message ids until it is
//! answered with 200. When all batches are answered, everything in the ledger must be counted
//! exactly once: no event, order, cent or actor more or less.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use etappe_testkit::wait::{PATIENCE, until};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::site::TestSite;

/// The delay before a client repeats a batch.
const REPEAT_AFTER: Duration = Duration::from_millis(50);
/// The time limit for repeating a batch; long enough for restarts of the whole installation.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(300);

/// The sum of all batches answered with 200.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Events.
    pub events: u64,
    /// Orders among them.
    pub orders: u64,
    /// The orders' revenue in cents.
    pub cents: u64,
    /// People.
    pub actors: u64,
    /// The number of requests, including repeats.
    pub requests: u64,
}

impl std::iter::Sum for Ledger {
    fn sum<I: Iterator<Item = Self>>(ledgers: I) -> Self {
        ledgers.fold(Self::default(), |sum, one| Self {
            events: sum.events + one.events,
            orders: sum.orders + one.orders,
            cents: sum.cents + one.cents,
            actors: sum.actors + one.actors,
            requests: sum.requests + one.requests,
        })
    }
}

/// The plan of the clients.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The seed for all random decisions.
    pub seed: u64,
    /// The number of the first client: clients with different numbers send different events.
    pub first_client: u64,
    /// How many clients send in parallel.
    pub clients: u64,
    /// The number of batches per client.
    pub batches: u64,
    /// The number of events per batch.
    pub batch: u64,
}

/// Running clients.
#[derive(Debug)]
pub struct Clients {
    tasks: JoinSet<Ledger>,
    acknowledged: Arc<AtomicU64>,
}

impl Clients {
    /// Starts the clients of a plan.
    #[must_use]
    pub fn start(site: &TestSite, plan: Plan) -> Self {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for client in plan.first_client..plan.first_client + plan.clients {
            tasks.spawn(run(site.clone(), plan, client, Arc::clone(&acknowledged)));
        }
        Self {
            tasks,
            acknowledged,
        }
    }

    /// Returns how many events were acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until at least `events` events are acknowledged.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn reach(&self, events: u64) {
        let what = format!("{events} events are acknowledged");
        until(&what, PATIENCE, async || self.acknowledged() >= events).await;
    }

    /// Waits for all clients and sums up their ledgers.
    ///
    /// # Panics
    /// When a client received an answer after which it cannot repeat the batch.
    pub async fn finish(self) -> Ledger {
        self.tasks.join_all().await.into_iter().sum()
    }
}

async fn run(site: TestSite, plan: Plan, client: u64, acknowledged: Arc<AtomicU64>) -> Ledger {
    let mut random = StdRng::seed_from_u64(plan.seed ^ (client << 32));
    // Ten people per client, shared with no other client.
    let mut ledger = Ledger {
        actors: 10,
        ..Ledger::default()
    };
    for number in 0..plan.batches {
        let mut batch = Vec::new();
        for place in 0..plan.batch {
            let order = random.random_bool(0.2);
            let cents: u64 = random.random_range(1..100_000);
            let actor = (number * plan.batch + place) % 10;
            batch.push(message(
                (client, number, place),
                actor,
                order.then_some(cents),
            ));
            ledger.events += 1;
            ledger.orders += u64::from(order);
            ledger.cents += if order { cents } else { 0 };
        }
        let deadline = Instant::now() + ACKNOWLEDGED_WITHIN;
        loop {
            assert!(
                Instant::now() < deadline,
                "a batch is not acknowledged within {ACKNOWLEDGED_WITHIN:?}"
            );
            ledger.requests += 1;
            match site.send(&batch).await {
                Ok((200, body)) => {
                    assert_eq!(body["accepted"], plan.batch, "all of a batch is accepted");
                    break;
                }
                Ok((status, body)) => assert!(status >= 500, "a batch got {status}: {body}"),
                // Killed: the batch may or may not be stored, so it is sent again.
                Err(_) => {}
            }
            tokio::time::sleep(REPEAT_AFTER).await;
        }
        acknowledged.fetch_add(plan.batch, Ordering::Relaxed);
        // Simulates a client that lost the answer and resends a batch that is stored already.
        if random.random_bool(0.05) {
            ledger.requests += 1;
            site.send(&batch).await.ok();
        }
    }
    ledger
}

fn message((client, batch, place): (u64, u64, u64), actor: u64, cents: Option<u64>) -> Value {
    let id = format!("m-{client}-{batch}-{place}");
    let (event, properties) = match cents {
        Some(cents) => {
            let revenue = format!("{}.{:02}", cents / 100, cents % 100);
            let order =
                json!({ "order_id": format!("o-{id}"), "revenue": revenue, "currency": "EUR" });
            ("Order Completed", order)
        }
        None => ("Product Viewed", json!({ "product_id": place })),
    };
    json!({
        "type": "track", "messageId": id, "userId": format!("u-{client}-{actor}"),
        "event": event, "properties": properties, "timestamp": "2024-03-01T00:00:00Z",
    })
}
