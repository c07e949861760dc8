//! Aborts a body that does not arrive in time.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// The body did not arrive in time; the part received is useless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body did not arrive within {limit:?}")]
pub struct BodyTimedOut {
    /// The timeout.
    pub limit: Duration,
}

impl BodyTimedOut {
    /// Finds this error among the causes of another error, such as a body's.
    #[must_use]
    pub fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(*found);
            }
            next = error.source();
        }
        None
    }
}

/// Tells afterwards whether a body was cut off.
#[derive(Debug, Clone, Default)]
pub(super) struct CutOff(Arc<AtomicBool>);

impl CutOff {
    pub(super) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body that fails after its deadline.
#[derive(Debug)]
pub(super) struct BodyDeadline<B> {
    body: B,
    deadline: Instant,
    limit: Duration,
    /// Runs while the body is being waited for.
    timer: Option<Pin<Box<Sleep>>>,
    cut_off: CutOff,
}

impl<B> BodyDeadline<B> {
    /// Wraps a body; its time starts now.
    pub(super) fn new(body: B, limit: Duration, cut_off: CutOff) -> Self {
        Self {
            body,
            deadline: Instant::now() + limit,
            limit,
            timer: None,
            cut_off,
        }
    }
}

impl<B> Body for BodyDeadline<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.cut_off.happened() {
            let limit = self.limit;
            return Poll::Ready(Some(Err(Box::new(BodyTimedOut { limit }))));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = self.deadline;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.cut_off.0.store(true, Ordering::Relaxed);
        let limit = self.limit;
        Poll::Ready(Some(Err(Box::new(BodyTimedOut { limit }))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
