//! The metrics of every address.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// The servers' metrics; clones share their values.
#[derive(Debug, Clone)]
pub struct ServerMetrics {
    /// `etappe_runtime_connections`, gauge, by `address` (public, admin): open connections. Alert
    /// near `server.max_connections`.
    open: IntGaugeVec,
    /// `etappe_runtime_connections_total`, counter, by `address` and `result`: `served`; `refused`
    /// (too many in total); `refused_network` (too many from one network); `failed` (broken or too
    /// slow). Alert when `refused` rises for minutes.
    ended: IntCounterVec,
    /// `etappe_runtime_requests_refused_total`, counter, by `address` and `reason` (bad_host,
    /// body_timeout): requests that the server itself refused or cut off.
    refused: IntCounterVec,
}

/// The metrics of one address.
#[derive(Debug, Clone)]
pub(super) struct AddressMetrics {
    address: &'static str,
    pub(super) open: IntGauge,
    ended: IntCounterVec,
    refused: IntCounterVec,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Served,
    Refused,
    RefusedNetwork,
    Failed,
}

impl ServerMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// The registry's error if it holds metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
        };
        let metrics = Self {
            open: IntGaugeVec::new(
                Opts::new("etappe_runtime_connections", "Open connections."),
                &["address"],
            )?,
            ended: counter(
                "etappe_runtime_connections_total",
                "Connections, by address and how they ended.",
                &["address", "result"],
            )?,
            refused: counter(
                "etappe_runtime_requests_refused_total",
                "Requests that the server itself refused or cut off.",
                &["address", "reason"],
            )?,
        };
        registry.register(Box::new(metrics.open.clone()))?;
        registry.register(Box::new(metrics.ended.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        Ok(metrics)
    }

    pub(super) fn of(&self, address: &'static str) -> AddressMetrics {
        AddressMetrics {
            address,
            open: self.open.with_label_values(&[address]),
            ended: self.ended.clone(),
            refused: self.refused.clone(),
        }
    }
}

impl AddressMetrics {
    pub(super) fn count(&self, ended: Ended) {
        let result = match ended {
            Ended::Served => "served",
            Ended::Refused => "refused",
            Ended::RefusedNetwork => "refused_network",
            Ended::Failed => "failed",
        };
        self.ended.with_label_values(&[self.address, result]).inc();
    }

    pub(super) fn count_refused(&self, reason: &str) {
        self.refused
            .with_label_values(&[self.address, reason])
            .inc();
    }
}
