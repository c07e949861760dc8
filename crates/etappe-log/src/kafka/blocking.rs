//! Work that blocks, on threads that may.

/// Runs `work` on a blocking thread; a panic there goes on here.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down: whoever waits here is dropped with it.
            Err(_) => std::future::pending().await,
        },
    }
}
