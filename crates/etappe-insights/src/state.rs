//! State shared by the routes.

use std::sync::Arc;

use etappe_core::id::SiteId;
use etappe_core::rules::RuleSet;
use etappe_core::site::SiteDirectory;
use etappe_core::time::Timestamp;
use etappe_core::watermark::Watermark;
use etappe_runtime::fair_queue::FairQueue;
use tokio::sync::watch;

use crate::catalog::ModelCatalog;
use crate::config::InsightsConfig;
use crate::live::Live;
use crate::metrics::InsightsMetrics;

/// The dependencies of the API.
#[derive(Debug)]
pub struct InsightsParts<S, C> {
    /// Answers questions about journeys.
    pub store: Arc<S>,
    /// Tells the time.
    pub clock: Arc<C>,
    /// The sites and their tokens; updated while running.
    pub sites: watch::Receiver<Arc<SiteDirectory>>,
    /// The time up to which the figures are complete.
    pub watermark: Watermark,
    /// The journey models.
    pub catalog: Arc<ModelCatalog>,
    /// The rules in use, which suggest meanings of names.
    pub rules: Arc<RuleSet>,
    /// The limits on questions.
    pub config: InsightsConfig,
    /// The metrics.
    pub metrics: InsightsMetrics,
}

/// State shared by the routes; clones share it.
#[derive(Debug)]
pub struct InsightsState<S, C> {
    shared: Arc<Shared<S, C>>,
}

#[derive(Debug)]
pub(crate) struct Shared<S, C> {
    pub(crate) parts: InsightsParts<S, C>,
    /// The turns of the questions, per site.
    pub(crate) turns: FairQueue<SiteId>,
    /// What the streams of live events share.
    live: Live,
}

impl<S, C> InsightsState<S, C> {
    /// Makes the state.
    #[must_use]
    pub fn new(parts: InsightsParts<S, C>) -> Self {
        let config = &parts.config;
        let turns = FairQueue::shared_out(config.concurrent_queries, config.site_queries);
        Self {
            shared: Arc::new(Shared {
                parts,
                turns,
                live: Live::default(),
            }),
        }
    }

    pub(crate) fn parts(&self) -> &InsightsParts<S, C> {
        &self.shared.parts
    }

    pub(crate) fn turns(&self) -> &FairQueue<SiteId> {
        &self.shared.turns
    }

    pub(crate) fn live(&self) -> &Live {
        &self.shared.live
    }
}

impl<S, C: etappe_core::ports::Clock> InsightsState<S, C> {
    pub(crate) fn now(&self) -> Timestamp {
        self.parts().clock.now()
    }

    /// Returns the watermark: events received after it may be missing from the figures.
    pub(crate) fn as_of(&self) -> Timestamp {
        self.parts().watermark.as_of(self.now())
    }
}

impl<S, C> Clone for InsightsState<S, C> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}
