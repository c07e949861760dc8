//! Limits concurrent questions and their run time, and shares the turns fairly among the sites.
//!
//! A site with many questions runs no more than its share, and the rest of its questions wait.
//! Another site's next question runs at once or is the next to run.

use std::future::Future;

use etappe_core::id::SiteId;
use etappe_core::ports::{RetryClass, Retryable};
use tokio::time::timeout;

use crate::error::InsightsError;
use crate::state::InsightsState;

impl<S, C> InsightsState<S, C> {
    /// Runs a `query` about `site` when it is its turn. Dropping the returned future stops the
    /// query.
    ///
    /// # Errors
    /// [`InsightsError::SiteBusy`] if too many questions are waiting, [`InsightsError::Busy`] if
    /// its turn does not come in time, [`InsightsError::Timeout`] if it takes too long, or the
    /// query's own error.
    pub(crate) async fn run<T>(
        &self,
        site: &SiteId,
        query: impl Future<Output = Result<T, InsightsError>>,
    ) -> Result<T, InsightsError> {
        let config = &self.parts().config;
        let waiting = self.turns().waiting(site);
        if waiting >= config.queued_queries {
            return Err(InsightsError::SiteBusy { waiting });
        }
        let queued = self.parts().metrics.waiting();
        let turn = timeout(config.queue_timeout, self.turns().request(site, 1)).await;
        drop(queued);
        let Ok(_turn) = turn else {
            return Err(InsightsError::Busy);
        };
        let running = self.parts().metrics.running();
        let answer = timeout(config.query_timeout, query).await;
        drop(running);
        answer.unwrap_or_else(|_| {
            Err(InsightsError::Timeout {
                seconds: config.query_timeout.as_secs(),
            })
        })
    }
}

/// Converts the store's error to the API's.
pub(crate) fn store_error<E: Retryable>(error: E) -> InsightsError {
    if let Some(cost) = error.exhausted() {
        return InsightsError::TooCostly(cost);
    }
    match error.retry_class() {
        RetryClass::Transient => InsightsError::StoreUnavailable(Box::new(error)),
        RetryClass::Permanent | RetryClass::Fatal => InsightsError::StoreFailed(Box::new(error)),
    }
}
