//! The web interface's metrics.

use etappe_runtime::metric_set::MetricSet;
use prometheus::{IntCounterVec, Registry};

etappe_runtime::metric_set! {
    /// The web interface's metrics; clones share their values.
    #[derive(Debug, Clone)]
    pub struct WebMetrics {
        /// Number of tries to sign in, by result (signed_in, wrong, throttled, and with OpenID Connect no_account, unverified, cancelled, failed).
        ///
        /// Alert when `wrong` or `throttled` rises: somebody guesses passwords; when `failed` does,
        /// the provider or its settings are wrong, as the log says.
        sign_ins: IntCounterVec = "etappe_web_sign_ins_total" by ["result"],
        /// Number of openings of share links, by result (opened, wrong, throttled, over, unknown).
        ///
        /// Alert when `wrong`, `throttled` or `unknown` rises: somebody guesses.
        links: IntCounterVec = "etappe_web_links_opened_total" by ["result"],
    }
}

impl WebMetrics {
    /// Creates the metrics and registers them.
    ///
    /// # Errors
    /// The registry's error if a name is taken.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Self::registered(registry)
    }

    pub(crate) fn record_link(&self, result: &'static str) {
        self.links.with_label_values(&[result]).inc();
    }

    pub(crate) fn record_sign_in(&self, result: &'static str) {
        self.sign_ins.with_label_values(&[result]).inc();
    }
}
