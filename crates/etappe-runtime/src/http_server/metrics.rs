//! The metrics of every address.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Registry};

use crate::metric_set::MetricSet;

crate::metric_set! {
    /// The servers' metrics; clones share their values.
    #[derive(Debug, Clone)]
    pub struct ServerMetrics {
        /// Number of open connections, by address (public, admin).
        ///
        /// Alert near `server.max_connections`.
        open: IntGaugeVec = "etappe_runtime_connections" by ["address"],
        /// Number of connections, by address and how they ended.
        ///
        /// Results: `served`; `refused` (too many in total); `refused_network` (too many from one
        /// network); `failed` (broken or too slow). Alert when `refused` rises for minutes.
        ended: IntCounterVec = "etappe_runtime_connections_total" by ["address", "result"],
        /// Number of requests that the server itself refused or cut off, by reason.
        ///
        /// Reasons: `bad_host`, `body_timeout`.
        refused: IntCounterVec = "etappe_runtime_requests_refused_total" by ["address", "reason"],
    }
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
        Self::registered(registry)
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
