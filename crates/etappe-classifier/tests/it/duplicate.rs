//! Copies of messages, as clients send them when they are in doubt.

use etappe_classifier::ClassifierConfig;

use crate::world::World;

fn small_batches(world: &mut World, rows: usize) {
    world.config = ClassifierConfig {
        max_batch_rows: rows,
        ..world.config.clone()
    };
}

#[tokio::test(start_paused = true)]
async fn copies_within_a_batch_are_marked() {
    let world = World::new(1);
    world.send(["a", "b", "a", "a", "c", "b"]);
    world.live_until_done().await;
    world.check_exactly_once("one batch");
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_message_that_is_being_inserted_is_marked() {
    let mut world = World::new(1);
    small_batches(&mut world, 2);
    world.send(["a", "b", "a", "b", "c", "a"]);
    world.live_until_done().await;
    assert_eq!(world.sink.batches().len(), 3);
    world.check_exactly_once("neighbouring batches");
}

#[tokio::test(start_paused = true)]
async fn copies_are_recognised_after_a_restart() {
    let mut world = World::new(1);
    small_batches(&mut world, 3);
    world.send((0..50).map(|number| format!("m{number}")));
    world.live_until_done().await;
    world.send((0..50).rev().map(|number| format!("m{number}")));
    world.send(["new"]);
    world.live_until_done().await;
    world.check_exactly_once("after a restart");
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_suspects_everybody_only_costs_questions() {
    let mut world = World::new(1);
    small_batches(&mut world, 7);
    // The smallest filter: full after a few messages, and from then on it knows nothing.
    world.config.filter_bytes = 1;
    for round in 0..3 {
        world.send((0..60).map(|number| format!("m{}", number * (round + 1))));
    }
    world.live_until_done().await;
    world.check_exactly_once("a tiny filter");
}

#[tokio::test(start_paused = true)]
async fn one_message_id_of_two_sites_is_two_messages() {
    let world = World::new(1);
    world.send(["a"]);
    let other = etappe_core::id::SiteId::try_new("other").expect("a good name");
    let message = serde_json::json!({
        "type": "track", "event": "x", "messageId": "a", "anonymousId": "a",
        "timestamp": "2024-03-01T12:00:00.000Z",
    });
    let record = etappe_testkit::generator::encode_record(&other, &message);
    world.log.append(crate::world::FIRST, record);
    world.live_until_done().await;
    let rows = world.sink.stored_rows();
    assert!(rows.len() == 2 && rows.iter().all(|row| !row.is_duplicate));
}
