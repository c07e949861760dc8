//! Threads for work that must not keep others waiting: few, and of lower priority.
//!
//! Answering questions takes processor time in long pieces. On the threads that take events in, each
//! of them would make every request wait. Here it has threads of its own, which the operating system
//! lets run when others do not need the processor, or for a smaller part of the time.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// How much the threads stand back: each step is about a fifth less time beside others.
const NICE: i32 = 5;
/// The least number of threads: one question must not keep another one from its.
const LEAST_THREADS: usize = 2;

/// The threads. Dropping this ends all work on them.
#[derive(Debug)]
pub struct BackgroundThreads {
    runtime: Option<Runtime>,
    handle: BackgroundHandle,
}

/// Begins work on the threads; clones share them.
#[derive(Debug, Clone)]
pub struct BackgroundHandle(Handle);

impl BackgroundThreads {
    /// Starts half as many threads as there are cores; `name` is what the system shows of them.
    ///
    /// # Errors
    /// The operating system's error when it makes no threads.
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

    /// Returns what begins work on the threads.
    #[must_use]
    pub fn handle(&self) -> BackgroundHandle {
        self.handle.clone()
    }
}

impl Drop for BackgroundThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for the threads here could block a thread that must not be blocked.
            runtime.shutdown_background();
        }
    }
}

impl BackgroundHandle {
    /// Begins `work`. Dropping the handle that is returned ends it.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> AbortOnDropHandle<T> {
        AbortOnDropHandle::new(self.0.spawn(work))
    }
}

/// Lowers the priority of the calling thread: on Linux it is each thread's own.
fn stand_back() {
    let present = rustix::process::getpriority_process(None).unwrap_or(0);
    // Never forward: a whole process may have been told to stand back further.
    if let Err(error) = rustix::process::setpriority_process(None, NICE.max(present)) {
        // It runs all the same, only less considerately.
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
