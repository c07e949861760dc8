//! Lets a few questions run at a time, each for a limited time.

use std::future::Future;

use etappe_core::ports::{Classified, RetryClass};
use tokio::time::timeout;

use crate::error::InsightsError;
use crate::state::InsightsState;

impl<S, C> InsightsState<S, C> {
    /// Runs `query` once it is its turn. Dropping the returned future stops the query.
    ///
    /// # Errors
    /// [`InsightsError::Busy`] when its turn does not come, [`InsightsError::Timeout`] when it
    /// takes too long, or the query's own error.
    pub(crate) async fn run<T>(
        &self,
        query: impl Future<Output = Result<T, InsightsError>>,
    ) -> Result<T, InsightsError> {
        let config = &self.parts().config;
        let turn = timeout(config.queue_timeout, self.turns().acquire()).await;
        let Ok(Ok(_turn)) = turn else {
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

/// Returns the store's error as the API's.
pub(crate) fn store_error<E: Classified>(error: E) -> InsightsError {
    match error.retry_class() {
        RetryClass::Transient => InsightsError::StoreUnavailable(Box::new(error)),
        RetryClass::Permanent | RetryClass::Fatal => InsightsError::StoreFailed(Box::new(error)),
    }
}
