//! Requests of several holders, in fixed and in random orders.

use etappe_core::id::SiteId;
use futures_now::now;
use proptest::prelude::*;

use super::*;

/// Polls a future once.
mod futures_now {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    pub(super) fn now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        match Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }
}

impl<H> State<H> {
    fn is_untouched(&self) -> bool {
        let nobody_waits = self.queues.is_empty() && self.turns.is_empty();
        self.taken == 0 && self.held.is_empty() && nobody_waits
    }
}

fn site(name: &str) -> SiteId {
    SiteId::try_new(name).unwrap()
}

fn taken(queue: &FairQueue<SiteId>) -> usize {
    queue.0.lock().taken
}

#[tokio::test]
async fn a_holder_with_many_requests_delays_another_one_by_one_of_them() {
    let queue = FairQueue::new(1);
    let first = now(&mut queue.request(&site("a"), 1)).unwrap();
    let mut flood: Vec<Request<SiteId>> = (0..50).map(|_| queue.request(&site("a"), 1)).collect();
    let mut other = queue.request(&site("b"), 1);
    drop(first);
    assert!(now(&mut other).is_none());
    let second = now(&mut flood[0]).expect("the first that waited");
    drop(second);
    let third = now(&mut other).expect("the other one's turn");
    assert!(now(&mut flood[1]).is_none());
    drop(third);
    assert!(now(&mut flood[1]).is_some());
}

#[tokio::test]
async fn what_is_larger_than_all_is_handed_out_alone() {
    let queue = FairQueue::new(10);
    let small = now(&mut queue.request(&site("a"), 1)).unwrap();
    let mut large = queue.request(&site("a"), 99);
    let mut behind = queue.request(&site("b"), 1);
    assert!(now(&mut large).is_none() && now(&mut behind).is_none());
    drop(small);
    let large = now(&mut large).unwrap();
    assert!(now(&mut behind).is_none());
    drop(large);
    assert!(now(&mut behind).is_some());
    assert_eq!(taken(&queue), 0);
}

#[tokio::test]
async fn whoever_goes_away_leaves_its_place_and_its_grant_to_others() {
    let queue = FairQueue::new(1);
    let first = now(&mut queue.request(&site("a"), 1)).unwrap();
    let (gone, granted) = (queue.request(&site("a"), 1), queue.request(&site("a"), 1));
    let mut last = queue.request(&site("b"), 1);
    drop(gone);
    drop(first);
    // The grant arrived, but the request was not polled after it.
    drop(granted);
    assert!(now(&mut last).is_some());
    let state = queue.0.lock();
    assert!(state.is_untouched());
}

#[tokio::test]
async fn a_large_one_that_goes_away_lets_those_behind_it_pass() {
    let queue = FairQueue::new(2);
    let _first = now(&mut queue.request(&site("a"), 1)).unwrap();
    let large = queue.request(&site("a"), 2);
    let mut small = queue.request(&site("b"), 1);
    assert!(now(&mut small).is_none());
    drop(large);
    assert!(now(&mut small).is_some());
}

#[tokio::test]
async fn whoever_has_its_share_waits_for_itself_and_stands_in_nobodys_way() {
    let queue = FairQueue::shared_out(4, 2);
    let mut first = [queue.request(&site("a"), 1), queue.request(&site("a"), 1)];
    let mut held: Vec<_> = first.iter_mut().map(|one| now(one).unwrap()).collect();
    let mut third = queue.request(&site("a"), 1);
    assert!(now(&mut third).is_none());
    assert_eq!(queue.waiting(&site("a")), 1);
    let mut others = [queue.request(&site("b"), 1), queue.request(&site("c"), 1)];
    let _others: Vec<_> = others.iter_mut().map(|one| now(one).unwrap()).collect();
    // Everything is taken now: a holder whose turn is next goes before later ones, once its share
    // allows.
    let mut late = queue.request(&site("d"), 1);
    assert!(now(&mut late).is_none());
    held.pop();
    assert!(now(&mut late).is_none());
    let third = now(&mut third).expect("its share allows it again");
    drop((third, held));
    assert!(now(&mut late).is_some());
}

#[tokio::test(start_paused = true)]
async fn the_longest_wait_is_that_of_the_holders_first_request_still_there() {
    let queue = FairQueue::new(1);
    assert_eq!(queue.longest_wait(&site("a")), Duration::ZERO);
    let _held = now(&mut queue.request(&site("a"), 1)).unwrap();
    let gone = queue.request(&site("a"), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    let _waits = queue.request(&site("a"), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(queue.longest_wait(&site("a")), Duration::from_secs(3));
    drop(gone);
    assert_eq!(queue.longest_wait(&site("a")), Duration::from_secs(1));
    assert_eq!(queue.longest_wait(&site("b")), Duration::ZERO);
}

#[derive(Debug, Clone)]
enum Step {
    Ask { holder: u8, amount: usize },
    Look(usize),
    Leave(usize),
    GiveBack(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4_u8, 1..8_usize).prop_map(|(holder, amount)| Step::Ask { holder, amount }),
        any::<usize>().prop_map(Step::Look),
        any::<usize>().prop_map(Step::Leave),
        any::<usize>().prop_map(Step::GiveBack),
    ]
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nobody_waits_for_ever(
        share in 1..9_usize,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        // Requests read their arrival time.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let queue = FairQueue::shared_out(5, share);
        let (mut requests, mut shares) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Ask { holder, amount } => {
                    requests.push(queue.request(&site(&format!("s{holder}")), amount));
                }
                Step::Look(at) if !requests.is_empty() => {
                    let index = at % requests.len();
                    if let Some(share) = now(&mut requests[index]) {
                        drop(requests.remove(index));
                        shares.push(share);
                    }
                }
                Step::Leave(at) if !requests.is_empty() => {
                    drop(requests.remove(at % requests.len()));
                }
                Step::GiveBack(at) if !shares.is_empty() => {
                    drop(shares.remove(at % shares.len()));
                }
                Step::Look(_) | Step::Leave(_) | Step::GiveBack(_) => {}
            }
            let held: usize = shares.iter().map(|share: &Share<SiteId>| share.amount).sum();
            prop_assert!(held <= taken(&queue));
            prop_assert!(taken(&queue) <= 5 || taken(&queue) < 8);
            let held = queue.0.lock().held.clone();
            prop_assert!(held.values().all(|one| *one <= share || *one < 8));
            prop_assert_eq!(held.values().sum::<usize>(), taken(&queue));
        }
        shares.clear();
        // Every remaining request gets a turn once earlier ones have been returned.
        while !requests.is_empty() {
            let ready = requests.iter_mut().position(|request| now(request).is_some());
            let ready = ready.expect("somebody has the turn");
            drop(requests.remove(ready));
        }
        let state = queue.0.lock();
        prop_assert!(state.is_untouched());
    }
}
