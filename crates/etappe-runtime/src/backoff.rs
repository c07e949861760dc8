//! Delays between attempts: exponential, with an upper bound and jitter.

use std::future::Future;
use std::time::Duration;

use etappe_core::id::hash64;
use etappe_core::ports::{RetryClass, Retryable};

/// Yields delays that double with each failure, up to a maximum.
///
/// Each delay is drawn from the upper half of the current step, so that clients that failed
/// together do not retry together.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    jitter: Jitter,
    failures: u32,
}

#[derive(Debug, Clone, Copy)]
enum Jitter {
    None,
    Random,
    Seeded(u64),
}

impl Backoff {
    /// Makes a backoff that starts at `first` and doubles up to `longest`, with random jitter.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            jitter: Jitter::Random,
            failures: 0,
        }
    }

    /// Derives the jitter from `seed`: delays differ between seeds and repeat from run to run.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.jitter = Jitter::Seeded(seed);
        self
    }

    /// Yields whole steps, where only one client retries.
    #[must_use]
    pub const fn without_jitter(mut self) -> Self {
        self.jitter = Jitter::None;
        self
    }

    /// Counts a failure and returns the delay before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let doublings = self.failures.min(30);
        self.failures = self.failures.saturating_add(1);
        let step = self.first.saturating_mul(1 << doublings).min(self.longest);
        let thousandths = match self.jitter {
            Jitter::None => return step,
            Jitter::Random => rand::random_range(0..=1_000),
            Jitter::Seeded(seed) => {
                let draw = hash64(&format!("{seed}:{}", self.failures)) % 1_000;
                u32::try_from(draw).expect("below a thousand")
            }
        };
        step / 2 + step / 2 * thousandths / 1_000
    }

    /// Counts a failure and sleeps before the next attempt.
    pub async fn pause(&mut self) {
        tokio::time::sleep(self.next_delay()).await;
    }

    /// Starts again at the first step, after a success.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// Runs `work` until it succeeds or fails with an error that is not transient. Transient errors
    /// are passed to `note`, with the delay before the next attempt. Delays start at the first step,
    /// whatever failed before.
    ///
    /// # Errors
    /// Returns the first error that is not transient.
    pub async fn until_done<T, E, F>(
        &self,
        mut work: impl FnMut() -> F + Send,
        mut note: impl FnMut(&E, Duration) + Send,
    ) -> Result<T, E>
    where
        E: Retryable,
        F: Future<Output = Result<T, E>> + Send,
    {
        let mut backoff = self.clone();
        backoff.reset();
        loop {
            match work().await {
                Err(error) if error.retry_class() == RetryClass::Transient => {
                    let delay = backoff.next_delay();
                    note(&error, delay);
                    tokio::time::sleep(delay).await;
                }
                ended => return ended,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn backoff() -> Backoff {
        Backoff::new(Duration::from_millis(100), Duration::from_millis(350))
    }

    fn delays(mut backoff: Backoff) -> Vec<u128> {
        (0..40).map(|_| backoff.next_delay().as_millis()).collect()
    }

    #[test]
    fn delays_double_up_to_the_longest_and_start_again() {
        for mut backoff in [backoff(), backoff().with_seed(1)] {
            for step in [100, 200, 350, 350] {
                let delay = backoff.next_delay();
                let step = Duration::from_millis(step);
                assert!(delay >= step / 2 && delay <= step, "{delay:?} of {step:?}");
            }
            backoff.reset();
            assert!(backoff.next_delay() <= Duration::from_millis(100));
        }
    }

    #[test]
    fn without_jitter_each_delay_is_the_whole_step() {
        let delays = delays(backoff().without_jitter());
        assert_eq!(delays[..4], [100, 200, 350, 350]);
        assert_eq!(delays[39], 350);
    }

    #[test]
    fn seeded_delays_repeat_and_differ_between_seeds() {
        assert_eq!(
            delays(backoff().with_seed(1)),
            delays(backoff().with_seed(1))
        );
        assert_ne!(
            delays(backoff().with_seed(1)),
            delays(backoff().with_seed(2))
        );
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0:?}")]
    struct Failure(RetryClass);

    impl Retryable for Failure {
        fn retry_class(&self) -> RetryClass {
            self.0
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_transient_errors_are_retried() {
        let mut answers = vec![
            Ok("done"),
            Err(Failure(RetryClass::Transient)),
            Err(Failure(RetryClass::Transient)),
        ];
        let mut noted = 0;
        let next = || std::future::ready(answers.pop().expect("an answer is left"));
        let done = backoff().until_done(next, |_, _| noted += 1).await;
        assert_eq!((done.expect("succeeds at last"), noted), ("done", 2));
        let refuse = || std::future::ready(Err::<(), _>(Failure(RetryClass::Permanent)));
        let refused = backoff()
            .until_done(refuse, |_, _| unreachable!("not transient"))
            .await;
        assert!(refused.is_err());
    }
}
