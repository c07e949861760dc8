//! Sends requests over keep-alive connections and measures them.
//!
//! All connections take their requests from one [`Schedule`]. In an open loop a latency counts from
//! the moment the request was due, even if no connection was free then. At the end, requests that
//! are due but unsent get a short grace period. Those still left are counted as unsent, together
//! with the time they have waited.

pub mod connection;
pub mod ledger;
pub mod report;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::process::{Pid, Watch};
use crate::request_pool::{PreparedRequest, RequestPool, Shape};
use crate::schedule::{Arrival, Due, Schedule};
use connection::{Connection, Failure};
use ledger::Fate;
use report::{LoadReport, Tally};

/// How long due requests may still be sent after the end.
const GRACE: Duration = Duration::from_secs(5);

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// Etappe: the answer says how many events were accepted.
    Etappe,
    /// A limit harness: a 200 accepts every event that was sent.
    Bare,
}

/// What to send, where and how fast.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// Host and port.
    pub address: String,
    /// The write key.
    pub write_key: String,
    /// Who answers.
    pub target: Target,
    /// The content of a request.
    pub shape: Shape,
    /// When requests are due.
    pub arrival: Arrival,
    /// The number of connections.
    pub connections: u32,
    /// How long requests keep becoming due.
    pub duration: Duration,
    /// Processes whose CPU time and memory are reported, each with its role.
    pub watch: Vec<(String, Pid)>,
    /// The nonce of the pool, reported in the ledger.
    pub nonce: u32,
    /// Whether the report names the accepted requests.
    pub ledger: bool,
}

/// Runs a plan to its end.
///
/// # Errors
///
/// When the address cannot be reached at all, or a watched process does not exist.
pub async fn run(plan: &LoadPlan, pool: Arc<RequestPool>) -> anyhow::Result<LoadReport> {
    let mut connections = Vec::new();
    for _ in 0..plan.connections.max(1) {
        let connection = Connection::open(&plan.address, &plan.write_key).await;
        connections.push(connection.with_context(|| format!("cannot reach {}", plan.address))?);
    }
    let mut watched = vec![("load".to_owned(), std::process::id())];
    watched.extend(plan.watch.iter().cloned());
    let watch = Watch::start(watched)?;
    let started = Instant::now();
    let schedule = Arc::new(Schedule::new(plan.arrival, started, plan.duration));
    // Shared by all connections: a histogram is large, and it is locked only briefly.
    let tally = Arc::new(Mutex::new(Tally::new(plan.ledger)));
    let mut workers = JoinSet::new();
    for connection in connections {
        let worker = Worker {
            connection,
            target: plan.target,
            schedule: Arc::clone(&schedule),
            pool: Arc::clone(&pool),
            give_up_at: started + plan.duration + GRACE,
            tally: Arc::clone(&tally),
        };
        workers.spawn(worker.run());
    }
    while let Some(worker) = workers.join_next().await {
        worker.context("a connection's task failed")?;
    }
    let elapsed = started.elapsed();
    let used = watch.finish()?;
    let tally = tally.lock();
    Ok(LoadReport::new(plan, &schedule, &tally, elapsed, used))
}

struct Worker {
    connection: Connection,
    target: Target,
    schedule: Arc<Schedule>,
    pool: Arc<RequestPool>,
    give_up_at: Instant,
    tally: Arc<Mutex<Tally>>,
}

impl Worker {
    async fn run(mut self) {
        while let Some(due) = self.schedule.take(Instant::now()) {
            if let Some(at) = due.at {
                tokio::time::sleep_until(at).await;
            }
            let now = Instant::now();
            let due_at = due.at.unwrap_or(now);
            if now < self.give_up_at {
                self.send(due, due_at, now).await;
            } else {
                self.record(|tally| tally.record_unsent(now - due_at));
            }
        }
    }

    async fn send(&mut self, due: Due, due_at: Instant, sent_at: Instant) {
        let request = self.pool.request(due.number);
        let sent = self.connection.send(&request).await;
        let now = Instant::now();
        let outcome = sent.and_then(|body| accepted(self.target, &request, &body));
        self.record(|tally| {
            tally.record_sent(request.body.len(), request.events);
            tally.record_latency(now - due_at, now - sent_at);
            tally.record_in_ledger(due.number, fate(&outcome));
            match &outcome {
                Ok(accepted) => tally.record_accepted(*accepted, u64::from(request.events)),
                Err(failure) => tally.record_failure(failure),
            }
        });
        if let Err(Failure::Connection | Failure::Timeout) = outcome {
            self.connection.reopen_soon().await;
        }
    }

    fn record(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock());
    }
}

fn fate(outcome: &Result<u64, Failure>) -> Fate {
    match outcome {
        Ok(_) => Fate::Accepted,
        Err(Failure::Status { .. }) => Fate::Refused,
        Err(Failure::Answer | Failure::Connection | Failure::Timeout) => Fate::Unknown,
    }
}

/// Returns how many of a request's events an answer of 200 accepts.
fn accepted(target: Target, request: &PreparedRequest, body: &[u8]) -> Result<u64, Failure> {
    match target {
        Target::Bare => Ok(u64::from(request.events)),
        Target::Etappe => accepted_in(body).ok_or(Failure::Answer),
    }
}

/// Reads the number after `"accepted":`, without parsing the answer.
fn accepted_in(body: &[u8]) -> Option<u64> {
    const NAME: &[u8] = br#""accepted":"#;
    let at = body.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let digits = body[at..].iter().skip_while(|byte| **byte == b' ');
    let digits: Vec<u8> = digits.copied().take_while(u8::is_ascii_digit).collect();
    String::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
