//! Transient failures, refused content, and fatal errors.

use std::time::Duration;

use etappe_classifier::{ClassifierConfig, ClassifierError};
use etappe_core::id::Offset;
use etappe_core::ports::RetryClass;
use etappe_core::time::Timestamp;
use etappe_testkit::faults::Operation;
use prometheus::Registry;

use crate::world::{End, FIRST, SECOND, World, record, run_during};

const ALL: [Operation; 7] = [
    Operation::Read,
    Operation::Commit,
    Operation::Insert,
    Operation::SeenBefore,
    Operation::Recent,
    Operation::Marks,
    Operation::StoreLetters,
];

fn world_with_everything() -> World {
    let mut world = World::new(1);
    world.config = ClassifierConfig {
        max_batch_rows: 4,
        ..world.config
    };
    world.send(["a", "b", "c", "d", "e"]);
    world.log.append(FIRST, "garbage");
    world.send(["f", "a", "g", "h", "b", "i"]);
    world
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_transient_failures_loses_and_duplicates_nothing() {
    let world = world_with_everything();
    for operation in ALL {
        world.faults.fail(operation, RetryClass::Transient, 20);
        world.faults.fail_after(operation, RetryClass::Transient, 3);
    }
    assert!(matches!(world.live().await, End::CaughtUp));
    world.check_exactly_once("storm");
    assert!(world.sink.repeats() > 0, "lost answers make inserts repeat");
    assert_eq!(
        world.sink.changes(),
        0,
        "a repeated insert has the same bytes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_partition_recovers_by_itself_after_the_database_was_down_for_an_hour() {
    let world = World::new(2);
    world.send(["a", "b"]);
    world.log.append(SECOND, record("c"));
    world.sink.keep_out(FIRST);
    run_during(&world.classifier(world.log.consumer()), async {
        world.partition_caught_up(SECOND).await;
        assert_eq!(world.sink.rows(), 1, "the other partition goes on");
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let tries = world.sink.attempts().len();
        assert!(tries < 1_000, "{tries} tries in an hour");
        world.sink.let_in(FIRST);
        world.caught_up().await;
    })
    .await;
    world.check_exactly_once("outage");
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_cannot_start_shows_how_long_it_has_waited() {
    const LAG: &str = "etappe_classifier_lag_seconds";
    for operation in [Operation::Marks, Operation::Recent] {
        let world = World::new(1);
        world.send(["a"]);
        world
            .faults
            .fail(operation, RetryClass::Transient, usize::MAX);
        let registry = Registry::new();
        run_during(
            &world.classifier_in(world.log.consumer(), &registry),
            async {
                tokio::time::sleep(Duration::from_secs(600)).await;
                let lag = World::metric(&registry, LAG);
                assert!((500.0..=600.0).contains(&lag), "{operation:?}: {lag}");
                world.faults.heal();
                world.caught_up().await;
                tokio::time::sleep(Duration::from_secs(2)).await;
                assert_eq!(World::metric(&registry, LAG), 0.0, "{operation:?}");
            },
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_cannot_be_looked_up_show_how_long_they_have_waited() {
    let world = World::new(1);
    world.send(["a"]);
    let registry = Registry::new();
    run_during(
        &world.classifier_in(world.log.consumer(), &registry),
        async {
            world.caught_up().await;
            // Wait until no batch is being prepared beside the one being stored.
            tokio::time::sleep(Duration::from_secs(2)).await;
            world
                .faults
                .fail(Operation::SeenBefore, RetryClass::Transient, usize::MAX);
            world.send(["a"]);
            tokio::time::sleep(Duration::from_secs(60)).await;
            // A quarter of an hour after the messages were received.
            let later = Timestamp::parse("2024-03-01T12:15:00Z").expect("a time");
            world.clock.set(later);
            tokio::time::sleep(Duration::from_secs(60)).await;
            let lag = World::metric(&registry, "etappe_classifier_lag_seconds");
            assert_eq!(lag, 900.0);
            world.faults.heal();
            world.caught_up().await;
        },
    )
    .await;
    world.check_exactly_once("looked up again");
}

#[tokio::test(start_paused = true)]
async fn a_range_that_cannot_be_persisted_is_never_inserted() {
    let world = World::new(1);
    world.send(["a"]);
    world
        .faults
        .fail(Operation::Commit, RetryClass::Transient, usize::MAX);
    run_during(&world.classifier(world.log.consumer()), async {
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(world.sink.attempts(), []);
        world.send(["b"]);
        world.faults.heal();
        world.caught_up().await;
    })
    .await;
    world.check_exactly_once("range not saved");
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_is_narrowed_down_to_its_bad_records() {
    let world = World::new(1);
    world.send((0..40).map(|number| format!("m{}", number % 37)));
    for poison in [0, 5, 6, 39] {
        world.sink.refuse(FIRST, Offset(poison));
    }
    world.live_until_done().await;
    world.check_exactly_once("poison");
    let letters = world.letters.all();
    let offsets: Vec<u64> = letters.iter().map(|letter| letter.offset.0).collect();
    assert_eq!(offsets, [0, 5, 6, 39]);
    assert_eq!(letters[1].payload, world.log.records(FIRST)[5].payload);
}

#[tokio::test(start_paused = true)]
async fn records_read_again_after_a_dead_letter_are_not_looked_up_again() {
    let world = World::new(1);
    world.send((0..100).map(|number| format!("m{number}")));
    world.sink.refuse(FIRST, Offset(3));
    let registry = Registry::new();
    run_during(
        &world.classifier_in(world.log.consumer(), &registry),
        async {
            world.caught_up().await;
        },
    )
    .await;
    let looked_up = World::metric(&registry, "etappe_classifier_suspects_total");
    assert_eq!(looked_up, 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_grows_while_the_one_before_it_waits_for_the_database() {
    let world = World::new(1);
    world.send(["a"]);
    world.sink.keep_out(FIRST);
    run_during(&world.classifier(world.log.consumer()), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for number in 0..200 {
            world.send([format!("m{number}")]);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.sink.let_in(FIRST);
        world.caught_up().await;
    })
    .await;
    world.check_exactly_once("outage");
    let batches = world.sink.batches().len();
    assert!(batches <= 3, "{batches} batches");
}

#[tokio::test(start_paused = true)]
async fn the_first_copy_of_a_dead_lettered_message_counts_as_the_event() {
    let mut world = World::new(1);
    world.config = ClassifierConfig {
        max_batch_rows: 3,
        ..world.config
    };
    world.send(["a", "b", "c", "b", "b", "d"]);
    world.sink.refuse(FIRST, Offset(1));
    world.live_until_done().await;
    world.check_exactly_once("copy of a dead letter");
    let rows = world.sink.stored_rows();
    let events = rows
        .iter()
        .filter(|row| row.texts["message_id"] == "b" && !row.is_duplicate);
    assert_eq!(
        events.map(|row| row.offset).collect::<Vec<_>>(),
        [Offset(3)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_bad_records_only_ends() {
    let world = World::new(1);
    world.send((0..30).map(|number| format!("m{number}")));
    for offset in 0..30 {
        world.sink.refuse(FIRST, Offset(offset));
    }
    world.live_until_done().await;
    world.check_exactly_once("all poison");
    assert_eq!(world.letters.all().len(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_fatal_error_stops_the_classifier() {
    for operation in ALL {
        let world = world_with_everything();
        world.faults.fail(operation, RetryClass::Fatal, 1);
        let End::Failed(error) = world.live().await else {
            panic!("{operation:?} was overlooked");
        };
        let fits = match operation {
            Operation::Read => matches!(error, ClassifierError::Read { .. }),
            Operation::Commit => matches!(error, ClassifierError::Commit { .. }),
            Operation::Insert => matches!(error, ClassifierError::Insert { .. }),
            Operation::SeenBefore
            | Operation::Recent
            | Operation::Marks
            | Operation::StoredUntil => {
                matches!(error, ClassifierError::LookUp { .. })
            }
            Operation::StoreLetters => matches!(error, ClassifierError::StoreDeadLetters { .. }),
            Operation::Publish | Operation::Post | Operation::Load => false,
        };
        assert!(fits, "{operation:?}: {error}");
        world.faults.heal();
        world.live_until_done().await;
        world.check_exactly_once("after a fatal error");
    }
}
