//! Hands out a bounded resource to many holders, in turns.
//!
//! Who finds enough of it takes it at once. Otherwise requests wait in a queue per holder, and the
//! holders take turns: so a holder with a thousand requests waiting delays another one's by one
//! request, not by a thousand. Within a holder the order of arrival holds.
//!
//! Invariants: more than the capacity is handed out only to a request that alone exceeds it, and then
//! to no other; nothing is lost when a waiting request goes away.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::budget::Holder;

/// A resource that is handed out in turns; clones hand out the same.
#[derive(Debug, Clone)]
pub(crate) struct FairQueue(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    capacity: usize,
    taken: usize,
    queues: HashMap<Holder, VecDeque<Waiter>>,
    /// The holders that have requests waiting, next one first.
    turns: VecDeque<Holder>,
}

#[derive(Debug)]
struct Waiter {
    amount: usize,
    since: Instant,
    granted: oneshot::Sender<()>,
}

/// Some of the resource; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    queue: FairQueue,
    amount: usize,
}

/// A request for some of the resource. Dropping it gives its place up.
#[derive(Debug)]
pub(crate) struct Request {
    queue: FairQueue,
    amount: usize,
    /// Hears that it is this one's turn; `None` if it was at once, or the turn was taken.
    waiting: Option<oneshot::Receiver<()>>,
    is_taken: bool,
}

impl FairQueue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            capacity,
            taken: 0,
            queues: HashMap::new(),
            turns: VecDeque::new(),
        })))
    }

    /// Asks for `amount` on behalf of `holder`; the place in the queue is taken at once.
    pub(crate) fn request(&self, holder: &Holder, amount: usize) -> Request {
        let mut state = self.lock();
        let is_free = state.turns.is_empty() && state.fits(amount);
        let waiting = if is_free {
            state.taken += amount;
            None
        } else {
            Some(state.enqueue(holder, amount))
        };
        drop(state);
        Request {
            queue: self.clone(),
            amount,
            is_taken: waiting.is_none(),
            waiting,
        }
    }

    /// Returns how long the first of the holder's waiting requests has been waiting.
    pub(crate) fn longest_wait(&self, holder: &Holder) -> Duration {
        let mut state = self.lock();
        let Some(queue) = state.queues.get_mut(holder) else {
            return Duration::ZERO;
        };
        while queue.front().is_some_and(|first| first.granted.is_closed()) {
            queue.pop_front();
        }
        let since = queue.front().map(|first| first.since);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn give_back(&self, amount: usize) {
        let mut state = self.lock();
        state.taken -= amount;
        state.grant();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here can panic halfway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fits(&self, amount: usize) -> bool {
        self.taken == 0 || self.taken.saturating_add(amount) <= self.capacity
    }

    fn enqueue(&mut self, holder: &Holder, amount: usize) -> oneshot::Receiver<()> {
        let (granted, waiting) = oneshot::channel();
        let waiter = Waiter {
            amount,
            since: Instant::now(),
            granted,
        };
        if let Some(queue) = self.queues.get_mut(holder) {
            queue.push_back(waiter);
        } else {
            self.queues.insert(holder.clone(), VecDeque::from([waiter]));
            self.turns.push_back(holder.clone());
        }
        waiting
    }

    /// Hands out what is free, one request of each holder in turn.
    fn grant(&mut self) {
        while let Some(holder) = self.turns.front()
            && let Some(queue) = self.queues.get_mut(holder)
        {
            while queue.front().is_some_and(|first| first.granted.is_closed()) {
                queue.pop_front();
            }
            let amount = queue.front().map(|first| first.amount);
            if amount.is_some_and(|amount| !self.fits(amount)) {
                return;
            }
            self.next_turn();
        }
    }

    /// Lets the holder whose turn it is have its first request, and the next one have its turn.
    fn next_turn(&mut self) {
        let Some(holder) = self.turns.pop_front() else {
            return;
        };
        let Some(queue) = self.queues.get_mut(&holder) else {
            return;
        };
        if let Some(Waiter {
            amount, granted, ..
        }) = queue.pop_front()
            // Whoever went away in this moment gets nothing.
            && granted.send(()).is_ok()
        {
            self.taken += amount;
        }
        if queue.is_empty() {
            self.queues.remove(&holder);
        } else {
            self.turns.push_back(holder);
        }
    }
}

impl Future for Request {
    type Output = Share;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Share> {
        if let Some(waiting) = &mut self.waiting {
            // The sender is dropped only once it has sent, while this end is open.
            let granted = ready!(Pin::new(waiting).poll(cx));
            debug_assert!(granted.is_ok(), "a waiter is granted or gone");
            self.waiting = None;
            self.is_taken = true;
        }
        self.is_taken = false;
        Poll::Ready(Share {
            queue: self.queue.clone(),
            amount: self.amount,
        })
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let was_granted = match &mut self.waiting {
            // Closed first: it is granted before this, or never.
            Some(waiting) => {
                waiting.close();
                waiting.try_recv().is_ok()
            }
            None => self.is_taken,
        };
        if was_granted {
            self.queue.give_back(self.amount);
        } else if self.waiting.is_some() {
            // It may have been the one that all behind it were waiting for.
            self.queue.lock().grant();
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.queue.give_back(self.amount);
    }
}

#[cfg(test)]
mod tests;
