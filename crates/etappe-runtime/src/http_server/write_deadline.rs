//! Closes a connection whose client does not read what is sent to it.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// The minimum read rate in bytes per second that does not use up the client's time.
const LEAST_RATE: u32 = 2 * 1024;

/// A stream whose writes fail once the client has used up its time.
///
/// The time runs while a write waits. Every byte that is read gives some of it back, so reading one
/// byte now and then does not help the client. Once everything is read, the time starts anew.
#[derive(Debug)]
pub(super) struct WriteDeadline<S> {
    stream: S,
    limit: Duration,
    /// Runs from the first write that had to wait until everything is read.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteDeadline<S> {
    pub(super) const fn new(stream: S, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            timer: None,
        }
    }

    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &outcome {
            self.give_back(*bytes);
        }
        self.watch(cx, outcome)
    }

    /// Gives back time for bytes that were read.
    fn give_back(&mut self, bytes: usize) {
        let Some(timer) = &mut self.timer else {
            return;
        };
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let deadline = timer.deadline() + Duration::from_secs(1) * bytes / LEAST_RATE;
        let latest = Instant::now() + self.limit;
        timer.as_mut().reset(deadline.min(latest));
    }

    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            return outcome;
        }
        let deadline = Instant::now() + self.limit;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteDeadline<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteDeadline<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        if outcome.is_ready() {
            // The server flushes once it has written everything.
            self.timer = None;
        }
        self.watch(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_takes_fails_after_the_limit() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut stream = WriteDeadline::new(ours, 30 * SECOND);
        let started = Instant::now();
        let slow = async {
            tokio::time::sleep(29 * SECOND).await;
            theirs.read_exact(&mut [0; 8]).await
        };
        let write = async {
            stream.write_all(&[0; 16]).await?;
            stream.flush().await
        };
        let (written, read) = tokio::join!(write, slow);
        assert!(written.is_ok() && read.is_ok());
        // Everything was read: the time starts anew.
        let error = stream.write_all(&[0; 16]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed(), 59 * SECOND);
    }

    /// Reads `bytes` bytes every ten seconds; returns whether a whole answer got through, and when
    /// its last byte was written.
    async fn take(bytes: usize, answer: usize) -> (bool, Duration) {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let mut stream = WriteDeadline::new(ours, 30 * SECOND);
        let started = Instant::now();
        let taking = async {
            let mut taken = vec![0; bytes];
            loop {
                tokio::time::sleep(10 * SECOND).await;
                if theirs.read_exact(&mut taken).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let answer = vec![0; answer];
        let written = tokio::select! {
            written = stream.write_all(&answer) => written,
            () = taking => unreachable!("it takes until the writer is done"),
        };
        (written.is_ok(), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn taking_a_byte_now_and_then_does_not_hold_a_connection() {
        let (is_whole, after) = take(1, 1024 * 1024).await;
        assert!(!is_whole && after < 31 * SECOND, "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_that_keeps_on_taking_gets_all_of_a_long_answer() {
        let (is_whole, after) = take(40 * 1024, 1024 * 1024).await;
        assert!(is_whole && after > 200 * SECOND, "{after:?}");
    }
}
