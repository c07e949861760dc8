//! Crashes at every possible step, and repeatedly at random ones.

use etappe_classifier::ClassifierConfig;
use etappe_core::id::Offset;
use etappe_core::ports::RetryClass;
use etappe_core::time::Timestamp;
use etappe_core::watermark::CollectorState;
use etappe_testkit::draw::{Draw, each_case};
use etappe_testkit::faults::Operation;

use crate::world::{FIRST, World, mark};

/// Duplicates within a batch, across batches and of poison records; garbage; gaps.
fn world() -> World {
    let mut world = World::new(1);
    world.config = ClassifierConfig {
        max_batch_rows: 5,
        ..world.config
    };
    world.send(["a", "b", "a", "c", "d", "e", "b"]);
    world.log.append(FIRST, "garbage");
    world.log.append(FIRST, word());
    world.log.skip(FIRST, 2);
    world.log.append(FIRST, word());
    world.send(["f", "g", "f", "c", "h", "h", "g", "i", "a"]);
    world.sink.refuse(FIRST, Offset(5));
    world.sink.refuse(FIRST, Offset(13));
    world
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_step_loses_and_duplicates_nothing() {
    let clean = world();
    clean.live_until_done().await;
    clean.check_exactly_once("no crash");
    let steps = clean.faults.steps();
    assert!(steps > 40, "only {steps} steps");
    for step in 1..=steps {
        let world = world();
        world.faults.crash_at(step);
        world.live_until_done().await;
        world.check_exactly_once(&format!("crash at step {step}"));
    }
}

#[test]
fn crashes_and_failures_in_any_order_lose_and_duplicate_nothing() {
    each_case(150, |draw| run_paused(crashes_and_failures(draw)));
}

async fn crashes_and_failures(draw: &mut Draw) {
    let world = random_world(draw);
    for _ in 0..draw.below(6) {
        let ahead = 1 + draw.below(40);
        world.faults.crash_at(world.faults.steps() + ahead);
        plan_failures(&world, draw);
        world.send([format!("m{}", draw.below(30))]);
        drop(world.live().await);
        world.faults.heal();
    }
    world.live_until_done().await;
    world.check_exactly_once("in the end");
}

/// Runs a test in paused time.
pub(crate) fn run_paused(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("the system has room for it");
    runtime.block_on(test);
}

/// A collector's mark.
fn word() -> Vec<u8> {
    mark(
        "c",
        Timestamp::EPOCH,
        Timestamp::EPOCH,
        CollectorState::Direct,
    )
}

fn random_world(draw: &mut Draw) -> World {
    let mut world = World::new(1);
    world.config.max_batch_rows = 1 + usize::try_from(draw.below(12)).expect("a small number");
    world.config.filter_bytes = 1 << draw.below(12);
    for _ in 0..draw.below(60) {
        match draw.below(13) {
            3 => drop(world.log.append(FIRST, word())),
            0 => drop(world.log.append(FIRST, "garbage")),
            1 => world.log.skip(FIRST, draw.below(4)),
            2 => world.sink.refuse(FIRST, world.log.end(FIRST)),
            _ => {}
        }
        world.send([format!("m{}", draw.below(30))]);
    }
    world
}

fn plan_failures(world: &World, draw: &mut Draw) {
    for operation in [
        Operation::Commit,
        Operation::Insert,
        Operation::SeenBefore,
        Operation::Recent,
        Operation::StoreLetters,
        Operation::Read,
    ] {
        let times = usize::try_from(draw.below(3)).expect("a small number");
        if draw.below(2) == 0 {
            world.faults.fail(operation, RetryClass::Transient, times);
        } else {
            world
                .faults
                .fail_after(operation, RetryClass::Transient, times);
        }
    }
}
