//! The result of a load.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LoadPlan;
use super::connection::Failure;
use super::ledger::{Fate, LedgerReport, RequestLedger};
use crate::latency::{LatencyHistogram, LatencySummary};
use crate::process::ProcessUsage;
use crate::request_pool::Shape;
use crate::schedule::{Arrival, Schedule};

/// The counts of all connections.
#[derive(Debug, Default)]
pub(super) struct Tally {
    body_bytes_sent: u64,
    events_sent: u64,
    events_accepted: u64,
    events_rejected: u64,
    requests_unsent: u64,
    errors: BTreeMap<String, u64>,
    without_retry_after: u64,
    ledger: Option<RequestLedger>,
    latency: LatencyHistogram,
    service: LatencyHistogram,
}

impl Tally {
    /// Starts counting; with a ledger the requests are recorded too.
    pub(super) fn new(ledger: bool) -> Self {
        Self {
            ledger: ledger.then(RequestLedger::default),
            ..Self::default()
        }
    }

    /// Records the fate of a request in the ledger, if there is one.
    pub(super) fn record_in_ledger(&mut self, number: u64, fate: Fate) {
        if let Some(ledger) = &mut self.ledger {
            ledger.record(number, fate);
        }
    }

    /// Records that a request was sent.
    pub(super) fn record_sent(&mut self, body_bytes: usize, events: u32) {
        self.body_bytes_sent += body_bytes as u64;
        self.events_sent += u64::from(events);
    }

    /// Records a request's latency, since it was due and since it was sent.
    pub(super) fn record_latency(&mut self, since_due: Duration, since_sent: Duration) {
        self.latency.record(since_due);
        self.service.record(since_sent);
    }

    /// Records an answer of 200 that accepts `accepted` of `sent` events.
    pub(super) fn record_accepted(&mut self, accepted: u64, sent: u64) {
        self.events_accepted += accepted;
        self.events_rejected += sent.saturating_sub(accepted);
    }

    /// Records a request whose events were not accepted.
    pub(super) fn record_failure(&mut self, failure: &Failure) {
        let name = match failure {
            Failure::Status { status, says_when } => {
                self.without_retry_after += u64::from(!says_when);
                status.as_u16().to_string()
            }
            Failure::Answer => "answer".to_owned(),
            Failure::Connection => "connection".to_owned(),
            Failure::Timeout => "timeout".to_owned(),
        };
        *self.errors.entry(name).or_default() += 1;
    }

    /// Records a request that was due but could not be sent, and how long it had waited.
    pub(super) fn record_unsent(&mut self, waited: Duration) {
        self.requests_unsent += 1;
        self.latency.record(waited);
    }
}

/// The result of a load, as `etappe-load --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// `open`: latencies count from when a request was due. `closed`: from when it was sent; a slow
    /// server then gets fewer requests, so these latencies mean little.
    pub loop_kind: String,
    /// Events per request.
    pub events_per_request: u32,
    /// Connections.
    pub connections: u32,
    /// Seconds from the first request to the last answer.
    pub elapsed_seconds: f64,
    /// Events that were due.
    pub offered_events: u64,
    /// Events that were due per second.
    pub offered_per_second: f64,
    /// Events that the server accepted according to its answers.
    pub accepted_events: u64,
    /// The same per second.
    pub accepted_per_second: f64,
    /// Events that were rejected individually.
    pub rejected_events: u64,
    /// Requests that were due but never sent.
    pub unsent_requests: u64,
    /// Failed requests, by status or kind of failure.
    pub errors: BTreeMap<String, u64>,
    /// Answers other than 200 that did not say when to retry.
    #[serde(default)]
    pub without_retry_after: u64,
    /// The accepted requests, if requested.
    #[serde(default)]
    pub ledger: Option<LedgerReport>,
    /// Bytes of all request bodies.
    pub body_bytes_sent: u64,
    /// Latency since a request was due (closed loop: since it was sent).
    pub latency: LatencySummary,
    /// Latency since a request was sent, without its wait for a free connection.
    pub service: LatencySummary,
    /// Resources used by the load generator and the watched processes.
    pub processes: Vec<ProcessUsage>,
}

impl LoadReport {
    pub(super) fn new(
        plan: &LoadPlan,
        schedule: &Schedule,
        tally: &Tally,
        elapsed: Duration,
        processes: Vec<ProcessUsage>,
    ) -> Self {
        let events_per_request = match plan.shape {
            Shape::Batch(events) => events,
            Shape::Single => 1,
        };
        let closed = plan.arrival == Arrival::Closed;
        let offered_events = if closed {
            tally.events_sent
        } else {
            schedule.total() * u64::from(events_per_request)
        };
        let seconds = elapsed.as_secs_f64();
        // A load at a fixed rate takes the planned time; only its answers may arrive later.
        let offered_seconds = if closed {
            seconds
        } else {
            plan.duration.as_secs_f64()
        };
        Self {
            loop_kind: if closed { "closed" } else { "open" }.to_owned(),
            events_per_request,
            connections: plan.connections,
            elapsed_seconds: seconds,
            offered_events,
            offered_per_second: per_second(offered_events, offered_seconds),
            accepted_events: tally.events_accepted,
            accepted_per_second: per_second(tally.events_accepted, seconds),
            rejected_events: tally.events_rejected,
            unsent_requests: tally.requests_unsent,
            errors: tally.errors.clone(),
            without_retry_after: tally.without_retry_after,
            ledger: tally
                .ledger
                .as_ref()
                .map(|ledger| ledger.report(plan.nonce)),
            body_bytes_sent: tally.body_bytes_sent,
            latency: tally.latency.summary(),
            service: tally.service.summary(),
            processes,
        }
    }

    /// Returns the CPU seconds of all processes with a role.
    #[must_use]
    pub fn cpu_seconds(&self, role: &str) -> f64 {
        self.processes
            .iter()
            .filter(|p| p.role == role)
            .map(|p| p.cpu_seconds)
            .sum()
    }

    /// Returns whether every event that was due was accepted.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.accepted_events == self.offered_events
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = self.body_bytes_sent / 1024;
        writeln!(
            f,
            "{} loop, {} connections, {} events a request, {:.1} s, {kib} KiB of bodies",
            self.loop_kind, self.connections, self.events_per_request, self.elapsed_seconds
        )?;
        writeln!(
            f,
            "offered  {:>10} events  {:>10.0} events/s\naccepted {:>10} events  {:>10.0} events/s",
            self.offered_events,
            self.offered_per_second,
            self.accepted_events,
            self.accepted_per_second
        )?;
        writeln!(
            f,
            "rejected {} events, unsent {} requests, failed requests {:?}",
            self.rejected_events, self.unsent_requests, self.errors
        )?;
        for (name, latency) in [("since due", &self.latency), ("since sent", &self.service)] {
            writeln!(
                f,
                "{name:<11} p50 {:.2}  p90 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2} ms",
                latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.p99_9_ms, latency.max_ms
            )?;
        }
        if self.loop_kind == "closed" {
            writeln!(
                f,
                "(closed loop: a slow server is asked less, so latencies say little)"
            )?;
        }
        for process in &self.processes {
            writeln!(
                f,
                "{:<11} {:>8.2} CPU s  {:>6} MiB peak  (process {})",
                process.role,
                process.cpu_seconds,
                process.peak_rss_bytes / (1024 * 1024),
                process.pid
            )?;
        }
        Ok(())
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of events stay far below 2^53"
)]
pub(crate) fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        (count as f64 / seconds * 10.0).round() / 10.0
    } else {
        0.0
    }
}
