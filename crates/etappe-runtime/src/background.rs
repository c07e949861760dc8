//! A few threads of lower priority for work that must not delay requests.
//!
//! Answering queries takes processor time in long pieces. On the intake's threads each query would
//! delay every request. So queries have their own threads. The operating system runs these when the
//! processor is otherwise idle, or for a smaller share of the time.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// The threads' nice value: each step means about a fifth less time when competing with others.
const NICE: i32 = 5;
/// The minimum number of threads, so that one query does not block another.
const LEAST_THREADS: usize = 2;

/// The threads. Dropping this cancels all work on them.
#[derive(Debug)]
pub struct BackgroundThreads {
    runtime: Option<Runtime>,
    handle: BackgroundHandle,
}

/// Spawns work on the threads; clones share them.
#[derive(Debug, Clone)]
pub struct BackgroundHandle(Handle);

impl BackgroundThreads {
    /// Starts half as many threads as there are cores; `name` is shown by the system.
    ///
    /// # Errors
    /// The operating system's error when it cannot create a thread.
    pub fn start(name: &str) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads((cores / 2).max(LEAST_THREADS))
            .thread_name(name)
            .on_thread_start(stand_back)
            .enable_all()
            .build()?;
        let handle = BackgroundHandle(runtime.handle().clone());
        Ok(Self {
            runtime: Some(runtime),
            handle,
        })
    }

    /// Returns a handle that spawns work on the threads.
    #[must_use]
    pub fn handle(&self) -> BackgroundHandle {
        self.handle.clone()
    }
}

impl Drop for BackgroundThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for the threads here could block an async thread.
            runtime.shutdown_background();
        }
    }
}

impl BackgroundHandle {
    /// Spawns `work`. Dropping the returned handle cancels it.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> AbortOnDropHandle<T> {
        AbortOnDropHandle::new(self.0.spawn(work))
    }
}

/// Lowers the priority of the calling thread: on Linux it is per thread.
fn stand_back() {
    let present = rustix::process::getpriority_process(None).unwrap_or(0);
    // Never raise it: the whole process may have been started with a lower priority.
    if let Err(error) = rustix::process::setpriority_process(None, NICE.max(present)) {
        // The thread still works, only at normal priority.
        tracing::debug!(%error, "a thread keeps its priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priority() -> i32 {
        rustix::process::getpriority_process(None).unwrap()
    }

    #[tokio::test]
    async fn work_runs_on_threads_that_stand_back_and_others_keep_their_priority() {
        let threads = BackgroundThreads::start("test").unwrap();
        let before = priority();
        let handle = threads.handle();
        let within = handle.spawn(async { priority() }).await.unwrap();
        assert_eq!(within, NICE.max(before));
        assert_eq!(priority(), before);
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_ends() {
        let threads = BackgroundThreads::start("test").unwrap();
        let (alive, ended) = tokio::sync::oneshot::channel::<()>();
        let work = threads.handle().spawn(async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        });
        drop(work);
        assert!(ended.await.is_err());
    }
}
