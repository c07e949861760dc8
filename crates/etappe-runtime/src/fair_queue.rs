//! Shares a bounded resource fairly among many holders.
//!
//! A request that fits is granted at once. Otherwise requests wait in one queue per holder, and the
//! holders take turns. So a holder with a thousand waiting requests delays another holder's request
//! by one request, not by a thousand. Each holder's own requests keep their order. No holder has
//! more than its share at a time, even if more is free; a request that waits for its holder's share
//! does not block other holders.
//!
//! Invariants: more than the capacity or the share is granted only to a single request that exceeds
//! it on its own, and then to no other; nothing is lost when a waiting request is dropped.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Identifies a holder: a site, a network.
pub trait HolderKey: Clone + Eq + Hash + Send + Unpin {}

impl<T: Clone + Eq + Hash + Send + Unpin> HolderKey for T {}

/// A resource that is granted in turns; clones share it.
#[derive(Debug, Clone)]
pub struct FairQueue<H>(Arc<Mutex<State<H>>>);

#[derive(Debug)]
struct State<H> {
    capacity: usize,
    /// The maximum that one holder may have at a time.
    share: usize,
    taken: usize,
    /// What each holder has; holders without anything have no entry.
    held: HashMap<H, usize>,
    queues: HashMap<H, VecDeque<Waiter>>,
    /// The holders with waiting requests, the next one first.
    turns: VecDeque<H>,
}

#[derive(Debug)]
struct Waiter {
    amount: usize,
    since: Instant,
    granted: oneshot::Sender<()>,
}

/// A granted part of the resource; returned on drop.
#[derive(Debug)]
pub struct Share<H: HolderKey> {
    queue: FairQueue<H>,
    holder: H,
    amount: usize,
}

/// A request for part of the resource. Dropping it gives up its place.
#[derive(Debug)]
pub struct Request<H: HolderKey> {
    queue: FairQueue<H>,
    holder: H,
    amount: usize,
    /// Signals that it is this request's turn; `None` if it was granted at once or the grant was
    /// taken.
    waiting: Option<oneshot::Receiver<()>>,
    is_taken: bool,
}

impl<H: HolderKey> FairQueue<H> {
    /// Makes a resource that a single holder may use completely.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::shared_out(capacity, usize::MAX)
    }

    /// Makes a resource of which one holder has at most `share`.
    #[must_use]
    pub fn shared_out(capacity: usize, share: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            capacity,
            share,
            taken: 0,
            held: HashMap::new(),
            queues: HashMap::new(),
            turns: VecDeque::new(),
        })))
    }

    /// Requests `amount` for `holder`; the place in the queue is taken at once.
    pub fn request(&self, holder: &H, amount: usize) -> Request<H> {
        let mut state = self.0.lock();
        let is_free = state.turns.is_empty() && state.fits(amount);
        let waiting = if is_free && state.is_within_share(holder, amount) {
            state.take(holder, amount);
            None
        } else {
            let waiting = state.enqueue(holder, amount);
            // All earlier requests may be waiting for their own shares only.
            state.grant();
            Some(waiting)
        };
        drop(state);
        Request {
            queue: self.clone(),
            holder: holder.clone(),
            amount,
            is_taken: waiting.is_none(),
            waiting,
        }
    }

    /// Returns how long the holder's first waiting request has been waiting.
    #[must_use]
    pub fn longest_wait(&self, holder: &H) -> Duration {
        let mut state = self.0.lock();
        let Some(queue) = state.queues.get_mut(holder) else {
            return Duration::ZERO;
        };
        drop_gone(queue);
        let since = queue.front().map(|first| first.since);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Returns the number of the holder's waiting requests.
    #[must_use]
    pub fn waiting(&self, holder: &H) -> usize {
        let state = self.0.lock();
        let queue = state.queues.get(holder);
        queue.map_or(0, |queue| {
            let still_there = queue.iter().filter(|one| !one.granted.is_closed());
            still_there.count()
        })
    }

    fn give_back(&self, holder: &H, amount: usize) {
        let mut state = self.0.lock();
        state.put_back(holder, amount);
        state.grant();
    }
}

impl<H: HolderKey> State<H> {
    fn fits(&self, amount: usize) -> bool {
        self.taken == 0 || self.taken.saturating_add(amount) <= self.capacity
    }

    fn is_within_share(&self, holder: &H, amount: usize) -> bool {
        let held = self.held.get(holder).copied().unwrap_or(0);
        held == 0 || held.saturating_add(amount) <= self.share
    }

    fn take(&mut self, holder: &H, amount: usize) {
        self.taken += amount;
        match self.held.get_mut(holder) {
            Some(held) => *held += amount,
            None => {
                self.held.insert(holder.clone(), amount);
            }
        }
    }

    fn put_back(&mut self, holder: &H, amount: usize) {
        self.taken -= amount;
        if let Some(held) = self.held.get_mut(holder) {
            *held -= amount;
            if *held == 0 {
                self.held.remove(holder);
            }
        }
    }

    fn enqueue(&mut self, holder: &H, amount: usize) -> oneshot::Receiver<()> {
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

    /// Grants what is free, one request of each holder in turn.
    fn grant(&mut self) {
        let mut passed_over = 0;
        while let Some(holder) = self.turns.get(passed_over).cloned() {
            let Some(queue) = self.queues.get_mut(&holder) else {
                self.turns.remove(passed_over);
                continue;
            };
            drop_gone(queue);
            let Some(amount) = queue.front().map(|first| first.amount) else {
                self.queues.remove(&holder);
                self.turns.remove(passed_over);
                continue;
            };
            if !self.is_within_share(&holder, amount) {
                // It waits only for its holder's share, so those behind it need not wait.
                passed_over += 1;
            } else if self.fits(amount) {
                self.turns.remove(passed_over);
                self.next_turn(holder);
            } else {
                return;
            }
        }
    }

    /// Grants the holder's first request and moves the holder to the end of the turns.
    fn next_turn(&mut self, holder: H) {
        let Some(queue) = self.queues.get_mut(&holder) else {
            return;
        };
        let first = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&holder);
        } else {
            self.turns.push_back(holder.clone());
        }
        if let Some(Waiter {
            amount, granted, ..
        }) = first
            // A request dropped at this moment gets nothing.
            && granted.send(()).is_ok()
        {
            self.take(&holder, amount);
        }
    }
}

/// Removes dropped requests from the front of a queue.
fn drop_gone(queue: &mut VecDeque<Waiter>) {
    while queue.front().is_some_and(|first| first.granted.is_closed()) {
        queue.pop_front();
    }
}

impl<H: HolderKey> Future for Request<H> {
    type Output = Share<H>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Share<H>> {
        if let Some(waiting) = &mut self.waiting {
            // The sender is dropped only after sending, while this end is open.
            let granted = ready!(Pin::new(waiting).poll(cx));
            debug_assert!(granted.is_ok(), "a waiter is granted or gone");
            self.waiting = None;
            self.is_taken = true;
        }
        self.is_taken = false;
        Poll::Ready(Share {
            queue: self.queue.clone(),
            holder: self.holder.clone(),
            amount: self.amount,
        })
    }
}

impl<H: HolderKey> Drop for Request<H> {
    fn drop(&mut self) {
        let was_granted = match &mut self.waiting {
            // Closed first, so the request was granted before this or never.
            Some(waiting) => {
                waiting.close();
                waiting.try_recv().is_ok()
            }
            None => self.is_taken,
        };
        if was_granted {
            self.queue.give_back(&self.holder, self.amount);
        } else if self.waiting.is_some() {
            // All requests behind it may have been waiting for this one.
            self.queue.0.lock().grant();
        }
    }
}

impl<H: HolderKey> Drop for Share<H> {
    fn drop(&mut self) {
        self.queue.give_back(&self.holder, self.amount);
    }
}

#[cfg(test)]
mod tests;
