//! Blocking work, on threads that may block.

/// Runs `work` on a blocking thread. A panic there is resumed here.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and the caller is dropped with it.
            Err(_) => std::future::pending().await,
        },
    }
}
