//! Assigned and revoked partitions, and shutdown.

use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::{Offset, OffsetRange};
use etappe_core::ports::{Progress, RetryClass};
use etappe_testkit::faults::Operation;
use prometheus::Registry;

use crate::world::{End, FIRST, SECOND, World, record, run_during};

fn range(first: u64, last: u64) -> OffsetRange {
    OffsetRange {
        first: Offset(first),
        last: Offset(last),
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_partition_is_finished_and_released_and_can_return() {
    let world = World::new(2);
    let control = world.log.consumer();
    run_during(&world.classifier(control.clone()), async {
        world.send(["a", "b"]);
        control.revoke(FIRST);
        control.wait_released(FIRST).await;
        world.send(["c", "a"]);
        world.log.append(SECOND, record("x"));
        world.partition_caught_up(SECOND).await;
        control.assign(FIRST, Vec::new());
        world.caught_up().await;
    })
    .await;
    world.check_exactly_once("revoked and assigned again");
}

#[tokio::test(start_paused = true)]
async fn a_released_partition_has_no_metrics() {
    let world = World::new(2);
    let registry = Registry::new();
    let control = world.log.consumer();
    run_during(&world.classifier_in(control.clone(), &registry), async {
        world.send(["a", "b"]);
        world.log.append(SECOND, record("c"));
        world.caught_up().await;
        control.revoke(FIRST);
        control.wait_released(FIRST).await;
        for gauge in ["lag_seconds", "filter_bytes", "in_flight_bytes"] {
            let name = format!("etappe_classifier_{gauge}");
            assert_eq!(World::series(&registry, &name), 1, "{name}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_revoked_partition_whose_insert_hangs_is_abandoned_and_repeated_by_the_next_owner() {
    let world = World::new(1);
    world.send(["a", "b", "a"]);
    world.sink.keep_out(FIRST);
    let control = world.log.consumer();
    run_during(&world.classifier(control.clone()), async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let started = tokio::time::Instant::now();
        control.revoke(FIRST);
        control.wait_released(FIRST).await;
        assert!(started.elapsed() <= world.config.drain + Duration::from_secs(1));
    })
    .await;
    let pending = Some(range(0, 2));
    assert_eq!(
        world.log.progress(FIRST),
        Progress {
            next: Offset(0),
            pending
        }
    );
    world.sink.let_in(FIRST);
    world.send(["c"]);
    assert!(matches!(world.live().await, End::CaughtUp));
    world.check_exactly_once("next owner");
    assert_eq!(
        world.log.ranges(FIRST)[0],
        range(0, 2),
        "the same range again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_the_insert_in_progress_and_reads_no_more() {
    let world = World::new(1);
    world.send(["a"]);
    world
        .faults
        .fail(Operation::Insert, RetryClass::Transient, 3);
    let classifier = Arc::new(world.classifier(world.log.consumer()));
    run_during(&classifier, async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.send(["b"]);
    })
    .await;
    let progress = world.log.progress(FIRST);
    assert_eq!((progress.next, progress.pending), (Offset(1), None));
    world.live_until_done().await;
    world.check_exactly_once("after a stop");
}

#[tokio::test(start_paused = true)]
async fn ranges_lost_in_a_power_failure_are_repeated_first() {
    let mut world = World::new(1);
    world.config.max_batch_rows = 4;
    world.send((0..20).map(|number| format!("m{}", number % 15)));
    world.live_until_done().await;
    world.check_exactly_once("before the boot");
    let ranges = world.log.ranges(FIRST);
    let before = world.sink.stored_rows();
    world.sink.lose_from(FIRST, Offset(9));
    assert!(world.sink.rows() < 20);
    world.send(["m3", "new"]);
    let consumer = world.log.idle_consumer();
    consumer.assign(FIRST, ranges.clone());
    assert!(matches!(world.live_with(consumer).await, End::CaughtUp));
    world.check_exactly_once("after the boot");
    let again: Vec<OffsetRange> = world
        .sink
        .attempts()
        .iter()
        .map(|(_, range)| *range)
        .skip(ranges.len())
        .take(ranges.len())
        .collect();
    assert_eq!(again, ranges, "the same ranges, in order");
    let after = world.sink.stored_rows();
    assert!(before.iter().all(|row| after.contains(row)));
}

#[tokio::test(start_paused = true)]
async fn the_log_learns_when_a_replay_has_ended() {
    let world = World::new(1);
    world.send(["a", "b"]);
    world.live_until_done().await;
    let commits = world.log.commits(FIRST).len();
    let consumer = world.log.idle_consumer();
    consumer.assign(FIRST, world.log.ranges(FIRST));
    run_during(&world.classifier(consumer), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
    })
    .await;
    assert_eq!(world.log.commits(FIRST).len(), commits + 1);
    world.check_exactly_once("replayed");
}
