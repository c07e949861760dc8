//! Collectors' marks: how they travel and how far they move the watermark.

use std::time::Duration;

use etappe_classifier::{BoardFollower, BoardPoster, ClassifierMetrics};
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{Clock, RetryClass};
use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorState, PartitionReach, SilentCollector, Watermark};
use etappe_testkit::faults::{Faults, Operation};
use etappe_testkit::memory_board::MemoryBoard;
use prometheus::Registry;
use tokio_util::sync::CancellationToken;

use crate::world::{End, FIRST, SECOND, World, mark, record, run_during};

/// When all messages of these tests were received.
fn received() -> Timestamp {
    Timestamp::parse("2024-03-01T12:00:00Z").expect("a time")
}

fn after(seconds: u64) -> Timestamp {
    received().saturating_add(Duration::from_secs(seconds))
}

fn far() -> Timestamp {
    after(1_000_000)
}

impl World {
    /// Appends a mark, written at the clock's current time, to each partition.
    fn say(&self, collector: &str, reached: Timestamp, state: CollectorState) {
        for partition in self.partition_ids() {
            let record = mark(collector, reached, self.clock.now(), state);
            self.log.append(partition, record);
        }
    }

    /// Waits until everything is stored and the log has been polled once more.
    async fn settled(&self) {
        self.caught_up().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }

    /// Advances time second by second with nothing new in the log.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock
                .set(self.clock.now().saturating_add(Duration::from_secs(1)));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_collector_mark_is_a_row_but_not_a_message() {
    let world = World::new(1);
    let registry = Registry::new();
    world.send(["a"]);
    world.say("c1", received(), CollectorState::Direct);
    world.send(["a", "b"]);
    world.say("c1", received(), CollectorState::Direct);
    world
        .log
        .append(FIRST, r#"{"v":2,"mark":{"collector":"c1"}}"#);
    run_during(
        &world.classifier_in(world.log.consumer(), &registry),
        async {
            world.caught_up().await;
        },
    )
    .await;
    world.check_exactly_once("marks");
    let rows = world.sink.stored_rows();
    assert_eq!(rows.iter().filter(|row| row.is_mark).count(), 2);
    assert_eq!(world.letters.all().len(), 1, "a mark of an unknown version");
    for (name, expected) in [
        ("rows_total", 3.0),
        ("duplicates_total", 1.0),
        ("marks_total", 2.0),
    ] {
        let name = format!("etappe_classifier_{name}");
        assert_eq!(World::metric(&registry, &name), expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_marks_only_is_stored_and_advances_the_watermark() {
    let world = World::new(2);
    world.clock.set(after(60));
    world.say("c1", after(50), CollectorState::Direct);
    run_during(&world.classifier(world.log.consumer()), async {
        world.settled().await;
        assert_eq!(world.watermark.as_of(far()), after(50));
        world.say("c1", after(59), CollectorState::Direct);
        world.settled().await;
        assert_eq!(world.watermark.as_of(far()), after(59));
    })
    .await;
    world.check_exactly_once("only marks");
}

#[tokio::test(start_paused = true)]
async fn a_spool_holds_the_watermark_back_until_it_is_drained() {
    let world = World::new(2);
    world.clock.set(after(100));
    world.say("quick", after(99), CollectorState::Direct);
    world.say("slow", after(10), CollectorState::Spooling);
    let registry = Registry::new();
    let classifier = world.classifier_in(world.log.consumer(), &registry);
    let collectors = classifier.collectors();
    // Silent collectors, and those of them that hold the figures back, over both partitions.
    let shown = || {
        ["silent_collectors", "holding_collectors"]
            .map(|name| World::metric(&registry, &format!("etappe_classifier_{name}")))
    };
    run_during(&classifier, async {
        world.settled().await;
        assert_eq!(world.watermark.as_of(far()), after(10));
        world.pass(3_600).await;
        assert_eq!(
            world.watermark.as_of(far()),
            after(10),
            "an hour of silence"
        );
        let silent = |collector: &str, holds| SilentCollector {
            collector: collector.to_owned(),
            last_heard: after(100),
            holds,
        };
        assert_eq!(collectors.silent(), [silent("slow", true)]);
        assert_eq!(shown(), [2.0, 2.0]);
        let now = world.clock.now();
        world.log.append(FIRST, record("late"));
        world.say("slow", now, CollectorState::Direct);
        world.say("quick", now, CollectorState::Direct);
        world.settled().await;
        assert_eq!(world.watermark.as_of(far()), now);
        assert_eq!(collectors.silent(), []);
        world.pass(70).await;
        assert_eq!(collectors.silent().len(), 2);
        assert_eq!(shown(), [4.0, 0.0]);
        assert_eq!(
            world.watermark.as_of(far()),
            world.clock.now(),
            "both are let go"
        );
    })
    .await;
    world.check_exactly_once("drained");
}

#[tokio::test(start_paused = true)]
async fn a_mark_counts_only_once_the_records_before_it_are_visible() {
    let world = World::new(1);
    world.clock.set(after(100));
    world.say("c1", after(5), CollectorState::Spooling);
    run_during(&world.classifier(world.log.consumer()), async {
        world.settled().await;
        world.sink.keep_out(FIRST);
        world.log.append(FIRST, record("spooled"));
        world.say("c1", after(100), CollectorState::Direct);
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(world.watermark.as_of(far()), received());
        world.sink.let_in(FIRST);
        world.settled().await;
        assert_eq!(world.watermark.as_of(far()), after(100));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_next_owner_of_a_partition_knows_the_collectors() {
    let mut world = World::new(1);
    world.clock.set(after(100));
    world.say("c1", after(10), CollectorState::Spooling);
    world.say("c2", after(100), CollectorState::Direct);
    assert!(matches!(world.live().await, End::CaughtUp));
    world.watermark = Watermark::new(1);
    run_during(&world.classifier(world.log.consumer()), async {
        world.settled().await;
        assert_eq!(world.watermark.as_of(far()), after(10));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_partition_without_saved_progress_starts_after_the_stored_rows() {
    let world = World::new(1);
    world.send(["a", "b"]);
    world.say("c1", received(), CollectorState::Direct);
    world.live_until_done().await;
    world.send(["c", "a"]);
    let consumer = world.log.idle_consumer();
    consumer.assign_unknown(FIRST);
    assert!(matches!(world.live_with(consumer).await, End::CaughtUp));
    world.check_exactly_once("no progress");
    let firsts: Vec<Offset> = world
        .log
        .ranges(FIRST)
        .iter()
        .map(|range| range.first)
        .collect();
    assert_eq!(firsts, [Offset(0), Offset(3)]);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_partition_is_no_longer_reported() {
    let world = World::new(2);
    world.clock.set(after(100));
    world.say("c1", after(10), CollectorState::Spooling);
    let control = world.log.consumer();
    let classifier = world.classifier(control.clone());
    let collectors = classifier.collectors();
    run_during(&classifier, async {
        world.settled().await;
        world.pass(100).await;
        assert_eq!(world.watermark.reaches().len(), 2);
        control.revoke(FIRST);
        control.wait_released(FIRST).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let left: Vec<PartitionId> = world
            .watermark
            .reaches()
            .iter()
            .map(|reach| reach.partition)
            .collect();
        assert_eq!(left, [SECOND]);
        assert_eq!(collectors.silent().len(), 1);
        control.revoke(SECOND);
        control.wait_released(SECOND).await;
        assert_eq!(collectors.silent(), []);
    })
    .await;
}

fn reach(partition: u32, seconds: u64) -> PartitionReach {
    PartitionReach {
        partition: PartitionId(partition),
        partitions: 2,
        reached: after(seconds),
        settled: Offset(seconds),
    }
}

#[tokio::test(start_paused = true)]
async fn changes_are_posted_at_once_and_everything_periodically() {
    let faults = Faults::default();
    let board = MemoryBoard::with_faults(faults.clone());
    let watermark = Watermark::new(2);
    let metrics = ClassifierMetrics::register(&Registry::new()).expect("the only one");
    let poster = BoardPoster::new(board.clone(), "t", watermark.clone(), metrics);
    let reader = Watermark::unknown();
    let follower = BoardFollower::new(board.clone(), reader.clone());
    let stop = CancellationToken::new();
    let steps = async {
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(board.posts().len(), 0);
        watermark.post(0, after(1), Offset(1));
        watermark.post(1, after(2), Offset(2));
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(board.posts(), [vec![reach(0, 1), reach(1, 2)]]);
        assert_eq!(reader.as_of(far()), after(1));
        faults.fail(Operation::Post, RetryClass::Transient, 3);
        watermark.post(0, after(3), Offset(3));
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(board.posts().len(), 2);
        assert_eq!(board.posts()[1], [reach(0, 3)]);
        assert_eq!(reader.as_of(far()), after(2));
        faults.fail(Operation::Load, RetryClass::Fatal, 3);
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(board.posts().len(), 3, "everything once more");
        assert_eq!(board.posts()[2], [reach(0, 3), reach(1, 2)]);
        watermark.withdraw(PartitionId(0));
        watermark.post(1, after(9), Offset(9));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(board.posts()[3], [reach(1, 9)]);
        assert_eq!(reader.as_of(far()), after(3), "what was posted stays true");
        stop.cancel();
    };
    tokio::join!(poster.run(stop.clone()), follower.run(stop.clone()), steps);
}
