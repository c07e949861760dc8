//! Duplicate messages, as clients send them when they are unsure.

use std::collections::HashMap;

use etappe_classifier::ClassifierConfig;
use etappe_core::event::KeyScope;
use etappe_core::ports::RetryClass;
use etappe_testkit::draw::{Draw, each_case};
use etappe_testkit::faults::Operation;

use crate::crash::run_paused;
use crate::world::{FIRST, World};

/// Random streams.
const CASES: u64 = 200;

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
async fn a_copy_of_a_message_whose_insert_is_in_progress_is_marked() {
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
async fn a_filter_that_matches_every_message_only_costs_lookups() {
    let mut world = World::new(1);
    small_batches(&mut world, 7);
    // The smallest filter: it overflows after a few messages and then knows nothing.
    world.config.filter_bytes = 1;
    for round in 0..3 {
        world.send((0..60).map(|number| format!("m{}", number * (round + 1))));
    }
    world.live_until_done().await;
    world.check_exactly_once("a tiny filter");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_a_browser_used_first_suppresses_no_server_message() {
    let world = World::new(1);
    let message = serde_json::json!({
        "type": "track", "event": "Order Completed", "messageId": "order-1", "anonymousId": "a",
        "timestamp": "2024-03-01T12:00:00.000Z",
    });
    let scopes = [
        KeyScope::Pixel,
        KeyScope::Browser,
        KeyScope::Server,
        KeyScope::Browser,
        KeyScope::Server,
    ];
    // The next process loads them from the index into its filter.
    for _ in 0..2 {
        for scope in scopes {
            let site = etappe_core::id::SiteId::try_new("demo").expect("a good name");
            let record = etappe_testkit::generator::encode_record_as(scope, &site, &message);
            world.log.append(crate::world::FIRST, record);
        }
        world.live_until_done().await;
    }
    let rows = world.sink.stored_rows();
    let marked: Vec<bool> = rows.iter().map(|row| row.is_duplicate).collect();
    let mut expected = vec![true; 10];
    expected[..3].fill(false);
    assert_eq!(marked, expected);
}

#[tokio::test(start_paused = true)]
async fn one_message_id_at_two_sites_is_two_messages() {
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

#[test]
fn every_copy_within_the_window_is_found_despite_restarts_and_failures() {
    let (mut cases, mut copies_outside) = (0, 0);
    each_case(CASES, |draw| {
        cases += 1;
        run_paused(stream_of_copies(draw, &mut copies_outside));
    });
    // Otherwise the window would not have been as small as configured.
    assert!(cases < CASES || copies_outside > 0);
}

/// Repeats messages at any distance, with crashes, batches in flight and interrupted rebuilds, and
/// with a window so small that generations roll constantly.
async fn stream_of_copies(draw: &mut Draw, copies_outside: &mut usize) {
    let mut world = World::new(1);
    let window = 1 + draw.place(40);
    world.config.filter_messages = u64::try_from(window).expect("a small number");
    world.config.filter_bytes = 1 << draw.below(13);
    world.config.max_batch_rows = 1 + draw.place(8);
    let mut sent = 0;
    for _ in 0..draw.below(8) {
        for _ in 0..draw.below(60) {
            sent += u64::from(!draw.once_in(3));
            let back = draw.below(90).min(sent);
            world.send([format!("m{}", sent - back)]);
            if draw.once_in(20) {
                world.sink.refuse(FIRST, world.log.end(FIRST));
            }
        }
        world
            .faults
            .crash_at(world.faults.steps() + 1 + draw.below(60));
        for operation in [Operation::Recent, Operation::SeenBefore] {
            let times = draw.place(4);
            let class = RetryClass::Transient;
            world.faults.fail_after(operation, class, times);
        }
        drop(world.live().await);
        world.faults.heal();
    }
    world.live_until_done().await;
    *copies_outside += check_copies(&world, window);
}

/// Compares the marked duplicates with a plain list of all stored messages. Returns the number of
/// duplicates outside the window, where nothing is promised. Refused messages are part of the
/// window too, so it is counted in offsets.
fn check_copies(world: &World, window: usize) -> usize {
    let mut rows = world.sink.stored_rows();
    rows.sort_by_key(|row| row.offset);
    let mut last_at = HashMap::new();
    let mut outside = 0;
    for row in &rows {
        let place = usize::try_from(row.offset.0).expect("a small number");
        let message = &row.texts["message_id"];
        match last_at.insert(message.clone(), place) {
            None => assert!(!row.is_duplicate, "{message} is the first of its kind"),
            Some(last) if place - last <= window => {
                let distance = place - last;
                assert!(
                    row.is_duplicate,
                    "{message}, {distance} after its copy, {window}"
                );
            }
            Some(_) => outside += usize::from(!row.is_duplicate),
        }
    }
    outside
}
