//! Retries transient failures.

use std::future::Future;
use std::time::Duration;

use etappe_core::ports::{RetryClass, Retryable};

use crate::error::PortError;

/// The delays between attempts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    /// Makes the delays of different workers differ.
    seed: u64,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self {
            first,
            longest,
            seed,
        }
    }

    /// Returns the delay after failure number `failures`, counted from 1. It doubles up to the
    /// longest delay and is drawn from the upper half of that range, so that workers that failed
    /// together do not retry together.
    pub(crate) fn delay(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        let step = self.first.saturating_mul(1 << doublings).min(self.longest);
        let draw = etappe_core::id::hash64(&format!("{}:{failures}", self.seed)) % 1_000;
        let share = u32::try_from(draw).expect("below a thousand");
        step / 2 + step / 2 * share / 1_000
    }

    /// Retries `work` until it succeeds. Permanent errors are returned; transient ones are passed
    /// to `note`.
    pub(crate) async fn until_done<T, E, F>(
        self,
        mut work: impl FnMut() -> F + Send,
        mut note: impl FnMut(&E, Duration) + Send,
    ) -> Result<T, PortError>
    where
        E: Retryable,
        F: Future<Output = Result<T, E>> + Send,
    {
        let mut failures = 0;
        loop {
            match work().await {
                Ok(done) => return Ok(done),
                Err(error) if error.retry_class() == RetryClass::Transient => {
                    failures += 1;
                    let delay = self.delay(failures);
                    note(&error, delay);
                    tokio::time::sleep(delay).await;
                }
                Err(error) => return Err(PortError::new(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_differ_between_workers() {
        let backoff = |seed| Backoff::new(Duration::from_millis(100), Duration::from_secs(1), seed);
        for (failures, step) in [
            (1, 100),
            (2, 200),
            (3, 400),
            (4, 800),
            (5, 1_000),
            (99, 1_000),
        ] {
            let step = Duration::from_millis(step);
            let delay = backoff(1).delay(failures);
            assert!(delay >= step / 2 && delay <= step, "{failures}: {delay:?}");
        }
        assert_ne!(backoff(1).delay(3), backoff(2).delay(3));
    }
}
