//! Tests of the budget: it is never exceeded, and no waiter starves.

use std::collections::VecDeque;
use std::time::Duration;

use prometheus::Registry;
use proptest::prelude::*;

use super::*;

const MIB: usize = 1 << 20;

fn budget(bytes: usize, partitions: usize) -> BatchBudget {
    let metrics = ClassifierMetrics::register(&Registry::new()).expect("a registry of its own");
    BatchBudget::new(bytes, partitions, metrics)
}

/// Returns what is left in the pool.
fn left(budget: &BatchBudget) -> usize {
    budget.pool.available_permits() * UNIT
}

#[test]
fn a_batch_grows_until_only_the_minima_of_the_others_are_left() {
    let budget = budget(8 * MIB, 1);
    let mut first = budget.share();
    assert_eq!(first.granted(), MIB);
    while first.grow() {}
    assert_eq!(first.granted(), 7 * MIB);
    let mut second = budget.share();
    assert!(!second.grow());
    assert_eq!(second.granted(), MIB, "the minimum is reserved");
    drop(first);
    assert!(second.grow());
}

#[test]
fn unused_bytes_return_to_the_pool() {
    let budget = budget(32 * MIB, 2);
    let mut share = budget.share();
    while share.granted() < 9 * MIB {
        assert!(share.grow());
    }
    share.shrink_to(3 * MIB + 1);
    assert!((3 * MIB + 1..3 * MIB + 1 + UNIT).contains(&share.granted()));
    share.shrink_to(0);
    assert_eq!(share.granted(), MIB);
    assert_eq!(left(&budget), budget.pool_bytes);
}

#[test]
fn minima_take_at_most_half_of_the_budget() {
    for partitions in [1, 4, 64, 10_000] {
        let budget = budget(64 * MIB, partitions);
        let minima = budget.minimum * partitions * BATCHES_PER_PARTITION;
        assert!(minima <= 32 * MIB, "{partitions}");
        assert!(minima + budget.pool_bytes <= 64 * MIB, "{partitions}");
        assert!(budget.minimum > 0, "{partitions}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_range_waits_for_its_memory_and_gets_it_before_others_grow() {
    let budget = budget(16 * MIB, 2);
    let mut busy = budget.share();
    while busy.grow() {}
    let mut redo = std::pin::pin!(budget.whole_share(8 * MIB));
    let waited = tokio::time::timeout(Duration::from_secs(1), redo.as_mut()).await;
    assert!(waited.is_err(), "everything is taken");
    drop(busy);
    let mut other = budget.share();
    while other.grow() {}
    let redo = redo.await;
    assert_eq!(redo.granted(), 8 * MIB);
    assert!(other.granted() < 9 * MIB);
}

#[tokio::test]
async fn a_range_larger_than_the_pool_gets_the_whole_pool() {
    let budget = budget(8 * MIB, 1);
    let share = budget.whole_share(usize::MAX).await;
    assert_eq!(left(&budget), 0);
    drop(share);
    assert_eq!(left(&budget), budget.pool_bytes);
}

#[tokio::test]
async fn the_metrics_show_the_bytes_taken() {
    let budget = budget(16 * MIB, 2);
    let mut share = budget.share();
    assert!(share.grow());
    assert_eq!(budget.metrics.batch_bytes_now(), 2 << 20);
    let whole = budget.whole_share(4 * MIB).await;
    assert_eq!(budget.metrics.batch_bytes_now(), 6 << 20);
    drop((share, whole));
    assert_eq!(budget.metrics.batch_bytes_now(), 0);
}

/// What a partition does next.
#[derive(Debug, Clone, Copy)]
enum Action {
    Grow,
    Seal,
    Store,
}

fn actions() -> impl Strategy<Value = Vec<(usize, Action)>> {
    let action = prop_oneof![
        4 => Just(Action::Grow),
        1 => Just(Action::Seal),
        1 => Just(Action::Store),
    ];
    prop::collection::vec((0_usize..6, action), 0..400)
}

proptest! {
    #[test]
    fn the_limit_holds_and_every_partition_makes_progress(
        mebibytes in 8_usize..64,
        actions in actions(),
    ) {
        let budget = budget(mebibytes * MIB, 6);
        // Two per partition: the batch being filled and the one being stored.
        let mut filled: Vec<BatchShare> = (0..6).map(|_| budget.share()).collect();
        let mut stored: Vec<VecDeque<BatchShare>> = (0..6).map(|_| VecDeque::new()).collect();
        for (partition, action) in actions {
            match action {
                Action::Grow => {
                    let before = filled[partition].granted();
                    let grew = filled[partition].grow();
                    prop_assert_eq!(filled[partition].granted(), before + usize::from(grew) * MIB);
                }
                Action::Seal if stored[partition].is_empty() => {
                    let sealed = std::mem::replace(&mut filled[partition], budget.share());
                    stored[partition].push_back(sealed);
                }
                Action::Store => drop(stored[partition].pop_front()),
                Action::Seal => {}
            }
            let all = filled.iter().chain(stored.iter().flatten());
            let granted: usize = all.map(BatchShare::granted).sum();
            prop_assert!(granted <= mebibytes * MIB);
            prop_assert!(filled.iter().all(|share| share.granted() >= budget.minimum));
        }
        drop((filled, stored));
        prop_assert_eq!(left(&budget), budget.pool_bytes);
    }
}
