//! Work that blocks, on threads that may block.

/// Runs `work` on a blocking thread and resumes its panic. Dropping the future does not stop the
/// work. The future stays pending if the runtime shuts down, which drops the caller too.
pub async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_runs_on_another_thread() {
        let here = std::thread::current().id();
        let there = run_blocking(|| std::thread::current().id()).await;
        assert_ne!(here, there);
    }

    #[tokio::test]
    #[should_panic(expected = "broken")]
    async fn a_panic_is_resumed_in_the_caller() {
        run_blocking(|| panic!("broken")).await;
    }
}
