//! Tests without failures.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use etappe_classifier::ClassifierConfig;
use etappe_core::meaning::Meaning;
use etappe_core::milestone::Milestone;
use etappe_core::ports::Clock;
use etappe_core::site::{Site, SiteDirectory, SiteSettings};
use etappe_core::time::Timestamp;
use etappe_testkit::generator::{JourneyPlan, Journeys};
use prometheus::Registry;

use crate::world::{End, FIRST, SECOND, World, record, run_during, site};

#[tokio::test(start_paused = true)]
async fn every_event_becomes_one_row_of_its_partition() {
    let world = World::new(2);
    let journeys = Journeys::generate(&JourneyPlan::default());
    for record in journeys.to_records(&site()) {
        let event = etappe_wire::record::decode(&record).expect("a record");
        world.log.append_event(&event);
    }
    assert!(matches!(world.live().await, End::CaughtUp));
    world.check_exactly_once("journeys");
    assert_eq!(world.sink.rows(), journeys.totals.events);
    let orders = world
        .sink
        .stored_rows()
        .iter()
        .filter(|row| row.texts["milestone"] == "purchase")
        .count();
    assert_eq!(orders, journeys.totals.orders);
}

#[tokio::test(start_paused = true)]
async fn batches_stay_within_their_limits_and_their_outcomes_are_stored_once() {
    let mut world = World::new(1);
    world.config = ClassifierConfig {
        max_batch_rows: 10,
        ..world.config
    };
    world.send((0..95).map(|number| format!("m{number}")));
    world.live_until_done().await;
    world.check_exactly_once("small batches");
    let batches = world.sink.batches();
    assert_eq!(batches.len(), 10);
    assert!(batches.iter().all(|batch| batch.rows.len() <= 10));
    let outcomes: usize = batches.iter().map(|batch| batch.outcomes.len()).sum();
    assert_eq!((outcomes, world.sink.outcomes().len()), (1, 1));
    let tokens: BTreeSet<String> = batches.into_iter().map(|batch| batch.token).collect();
    assert!(tokens.contains("etappe.events.v1:0:0-9"), "{tokens:?}");
}

#[tokio::test(start_paused = true)]
async fn records_that_trickle_in_are_flushed_together_after_the_interval() {
    let world = World::new(1);
    run_during(&world.classifier(world.log.consumer()), async {
        for number in 0..10 {
            world.send([format!("m{number}")]);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        world.caught_up().await;
    })
    .await;
    assert_eq!(world.sink.batches().len(), 1);
    world.check_exactly_once("trickle");
}

#[tokio::test(start_paused = true)]
async fn offsets_without_records_are_skipped() {
    let world = World::new(1);
    world.log.skip(FIRST, 3);
    world.send(["a", "b"]);
    world.log.skip(FIRST, 2);
    world.send(["c"]);
    world.live_until_done().await;
    world.check_exactly_once("gaps");
    let covered: u64 = world
        .sink
        .batches()
        .iter()
        .map(|batch| batch.range.count())
        .sum();
    assert_eq!(covered, 8);
}

#[tokio::test(start_paused = true)]
async fn unreadable_records_become_dead_letters_and_delay_no_other() {
    let world = World::new(1);
    world.send(["a"]);
    world.log.append(FIRST, "garbage");
    world.log.append(FIRST, r#"{"v":99}"#);
    world.send(["b"]);
    world.live_until_done().await;
    world.check_exactly_once("garbage");
    let letters = world.letters.all();
    assert_eq!(letters.len(), 2);
    assert_eq!(&letters[0].payload[..], b"garbage");
    assert!(
        letters[1].reason.contains("version 99"),
        "{}",
        letters[1].reason
    );
}

#[tokio::test(start_paused = true)]
async fn a_partition_of_garbage_makes_progress() {
    let world = World::new(1);
    world.log.append(FIRST, "garbage");
    world.live_until_done().await;
    world.check_exactly_once("only garbage");
    assert_eq!(world.sink.batches().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_watermark_is_the_last_read_of_an_empty_log_or_the_first_unstored_record() {
    let world = World::new(2);
    let received = Timestamp::parse("2024-03-01T12:00:00Z").expect("a time");
    world
        .clock
        .set(received.saturating_add(Duration::from_secs(60)));
    let later = received.saturating_add(Duration::from_secs(3_600));
    run_during(&world.classifier(world.log.consumer()), async {
        world.send(["a"]);
        world.caught_up().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(world.watermark.as_of(later), world.clock.now());
        world.sink.keep_out(FIRST);
        world.send(["b"]);
        world.log.append(SECOND, record("c"));
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(world.watermark.as_of(later), received);
        world.sink.let_in(FIRST);
        world.caught_up().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(world.watermark.as_of(later), world.clock.now());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_metrics_count_events_duplicates_and_dead_letters() {
    let world = World::new(1);
    world.send(["a", "b", "a"]);
    world.log.append(FIRST, "garbage");
    let registry = Registry::new();
    run_during(
        &world.classifier_in(world.log.consumer(), &registry),
        async {
            world.caught_up().await;
        },
    )
    .await;
    for (name, expected) in [
        ("etappe_classifier_rows_total", 3.0),
        ("etappe_classifier_duplicates_total", 1.0),
        ("etappe_classifier_dead_letters_total", 1.0),
        ("etappe_classifier_batches_total", 1.0),
    ] {
        assert_eq!(World::metric(&registry, name), expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn ignored_amounts_are_counted_by_their_reason() {
    let world = World::new(1);
    let site = etappe_core::id::SiteId::try_new("demo").expect("a good name");
    let mut number = 0;
    let mut send = |name: &str, revenue: serde_json::Value| {
        number += 1;
        let message = serde_json::json!({
            "type": "track", "event": name, "messageId": format!("m{number}"), "anonymousId": "a",
            "timestamp": "2024-03-01T12:00:00.000Z", "properties": { "revenue": revenue },
        });
        let record = etappe_testkit::generator::encode_record(&site, &message);
        world.log.append(FIRST, record);
    };
    send("Order Completed", "1,234".into());
    send("Order Completed", "33,95".into());
    send("Order Completed", "1,234".into());
    send("Something Else", "1,234".into());
    let registry = Registry::new();
    run_during(
        &world.classifier_in(world.log.consumer(), &registry),
        async {
            world.caught_up().await;
        },
    )
    .await;
    let name = "etappe_classifier_uncounted_amounts_total";
    assert_eq!(World::metric(&registry, name), 2.0);
}

/// Returns the milestone, the vocabulary and the rule of every stored row, in order.
fn decisions(world: &World) -> Vec<(String, String, String)> {
    let outcomes: Vec<_> = world
        .sink
        .batches()
        .into_iter()
        .flat_map(|batch| batch.outcomes)
        .collect();
    let rows = world.sink.stored_rows();
    rows.iter()
        .map(|row| {
            let milestone = row.texts["milestone"].clone();
            let outcome = outcomes.iter().find(|outcome| {
                outcome.milestone.map_or("", |milestone| milestone.as_str()) == milestone
            });
            let vocabulary = outcome.and_then(|outcome| outcome.vocabulary.as_ref());
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            (
                milestone,
                text(vocabulary.map(|it| &*it.vocabulary)),
                text(vocabulary.map(|it| &*it.rule)),
            )
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_site_says_about_a_name_comes_before_every_vocabulary() {
    let world = World::new(1);
    let meaning = |milestone| Meaning {
        milestone,
        by: "anna@example.com".to_owned(),
        at: Timestamp::EPOCH,
    };
    let say = |milestone| {
        let meanings = [("Order Completed".to_owned(), meaning(milestone))];
        let demo = Site {
            id: site(),
            settings: SiteSettings::default(),
            keys: Vec::new(),
            meanings: meanings.into(),
        };
        let directory = SiteDirectory::new([demo]);
        world.sites.send_replace(Arc::new(directory));
    };
    world.send(["m1"]);
    world.live_until_done().await;
    say(Some(Milestone::Signup));
    world.send(["m2"]);
    world.live_until_done().await;
    say(None);
    world.send(["m3"]);
    world.live_until_done().await;
    world.sites.send_replace(Arc::default());
    world.send(["m4"]);
    world.live_until_done().await;
    world.check_exactly_once("meanings");
    let own = |milestone: &str| {
        let [vocabulary, rule] = ["site", "Order Completed"].map(str::to_owned);
        (milestone.to_owned(), vocabulary, rule)
    };
    let found = decisions(&world);
    assert_eq!(found.len(), 4);
    assert_eq!(found[1], own("signup"));
    assert_eq!(found[2], own(""));
    assert_eq!(found[0], found[3]);
    assert_eq!(found[0].0, "purchase");
    assert_ne!(found[0].1, "site");
}
