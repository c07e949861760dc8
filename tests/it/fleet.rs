//! Etappe by role: several collectors and classifiers on one Kafka and one ClickHouse.

use std::time::Duration;

use etappe_testkit::kafka::KafkaNode;
use etappe_testkit::process::EtappeProcess;
use etappe_testkit::wait::{PATIENCE, until};
use etappe_tests::fleet::{Fleet, Sizes, start_engine};
use etappe_tests::ledger::{Clients, Ledger, Plan};
use etappe_tests::site::TestSite;
use serde_json::{Value, json};

use crate::kills::check;
use crate::run;

/// How many partitions of the events topic a classifier holds.
const HELD_PARTITIONS: &str = "etappe_log_kafka_held_partitions";
/// How many there are, by default.
const PARTITIONS: f64 = 4.0;

#[tokio::test(flavor = "multi_thread")]
async fn every_event_counts_once_while_roles_are_killed_frozen_and_added() -> anyhow::Result<()> {
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut fleet = Fleet::start(Sizes {
        brokers: 1,
        collectors: 2,
        classifiers: 2,
    })
    .await?;
    let site = fleet.create_site("ledger", 0).await?;
    let other = site.through(&fleet.collectors[1].said("listen"));
    let plan = |first_client| Plan {
        seed,
        first_client,
        clients: 2,
        batches: 160,
        batch: 30,
    };
    let (one, two) = (
        Clients::start(&site, plan(0)),
        Clients::start(&other, plan(2)),
    );
    one.reach(1_500).await;
    fleet.classifiers[0].kill().await?;
    two.reach(2_500).await;
    fleet.collectors[1].kill().await?;
    fleet.collectors[1].restart().await?;
    fleet.add_classifier().await?;
    one.reach(4_000).await;
    fleet.classifiers[1].freeze();
    // It is thawed when the group has given all its partitions to the only one that lives.
    until("the other holds all partitions", PATIENCE, async || {
        let held = fleet.classifiers[2].metric(HELD_PARTITIONS).await;
        held.is_ok_and(|held| (held - PARTITIONS).abs() < 0.5)
    })
    .await;
    fleet.classifiers[1].thaw();
    two.reach(6_000).await;
    fleet.classifiers[0].restart().await?;
    fleet.engine.kill().await?;
    fleet.engine.restart().await?;
    let ledger: Ledger = [one.finish().await, two.finish().await].into_iter().sum();
    assert_eq!(ledger.events, 4 * 160 * 30);
    check(&site, &ledger).await?;
    fleet.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_apply_to_all_collectors_without_a_restart() -> anyhow::Result<()> {
    let fleet = Fleet::start(Sizes {
        brokers: 1,
        collectors: 2,
        classifiers: 1,
    })
    .await?;
    let site = fleet.create_site("shop", 0).await?;
    let other = site.through(&fleet.collectors[1].said("listen"));
    let event = json!({ "type": "track", "event": "Signed Up", "messageId": "m", "userId": "u" });
    tokio::time::sleep(Duration::from_secs(1)).await;
    for site in [&site, &other] {
        let (status, body) = site.send(std::slice::from_ref(&event)).await?;
        assert_eq!(
            (status, body["accepted"].as_u64()),
            (200, Some(1)),
            "{body}"
        );
    }
    // The second copy came through another collector and is still a duplicate.
    assert_eq!(site.settle(1).await?, 1);

    let set = ["keys", "set", "--site", "shop", "timezone=Europe/Amsterdam"];
    fleet.run(&set).await?;
    let sites = fleet.run(&["keys", "list"]).await?;
    let shop = sites.as_array().and_then(|sites| sites.first()).cloned();
    let shop = shop.unwrap_or(Value::Null);
    assert_eq!(shop["settings"]["timezone"], "Europe/Amsterdam");
    let write = shop["keys"].as_array().and_then(|keys| {
        let is_write = |key: &&Value| {
            key["opens"]
                .as_str()
                .is_some_and(|it| it.starts_with("write"))
        };
        keys.iter().find(is_write)
    });
    let hash: String = write
        .and_then(|key| key["hash"].as_str())
        .expect("a write key")
        .chars()
        .take(16)
        .collect();
    fleet
        .run(&["keys", "revoke", "--site", "shop", "--hash", &hash])
        .await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for site in [&site, &other] {
        assert_eq!(site.send(std::slice::from_ref(&event)).await?.0, 401);
    }
    fleet.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_listed_shown_and_resent_once() -> anyhow::Result<()> {
    let fleet = Fleet::start(Sizes {
        brokers: 1,
        collectors: 1,
        classifiers: 1,
    })
    .await?;
    let site = fleet.create_site("shop", 0).await?;
    fleet.kafka.nodes()[0]
        .produce("etappe.events.v1", 1, &[b"no record at all"])
        .await?;
    let event = json!({ "type": "track", "event": "Signed Up", "messageId": "m", "userId": "u" });
    site.send(&[event]).await?;
    assert_eq!(site.settle(1).await?, 1);
    let mut letters = Value::Null;
    until("the letter is listed", PATIENCE, async || {
        let list = fleet.run(&["dead-letters", "list"]).await;
        letters = list.expect("the command lists letters");
        letters.as_array().is_some_and(|list| !list.is_empty())
    })
    .await;
    let name = letters[0]["letter"].as_str().expect("a letter").to_owned();
    assert!(name.starts_with("etappe.events.v1:1:"), "{name}");
    let shown = fleet.run(&["dead-letters", "show", &name]).await?;
    assert_eq!(shown["text"], "no record at all");
    let replayed = fleet.run(&["dead-letters", "replay", &name]).await?;
    assert_eq!(replayed, json!({ "sent": 1, "sent_before": 0 }));
    let replayed = fleet.run(&["dead-letters", "replay", &name]).await?;
    assert_eq!(replayed, json!({ "sent": 0, "sent_before": 1 }));
    assert_eq!(site.visible_events().await?, 1);
    fleet.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_known_collector_can_be_retired() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(Sizes {
        brokers: 1,
        collectors: 1,
        classifiers: 1,
    })
    .await?;
    let (brokers, clickhouse) = (fleet.kafka.brokers(), fleet.clickhouse().to_owned());
    let name = fleet.collectors[0].said("collector");
    until("the collector is listed", PATIENCE, async || {
        let list = ["collectors", "list", "--clickhouse", &clickhouse];
        let listed = fleet.run(&list).await;
        let listed = listed.expect("the command lists collectors");
        listed[0]["collector"] == name.as_str()
    })
    .await;
    fleet.collectors[0].kill().await?;
    let retire = async |collector: &str| {
        let outside = ["--kafka", &brokers, "--clickhouse", &clickhouse];
        run(&[&["collectors", "retire", collector], &outside[..]].concat()).await
    };
    let mistyped = format!("{name}x");
    let (code, _, errors) = retire(&mistyped).await?;
    assert_eq!(code, Some(1), "{errors}");
    assert!(
        errors.contains(&format!("known collectors: {name}")),
        "{errors}"
    );
    let (code, _, errors) = retire(&name).await?;
    assert_eq!(code, Some(0), "{errors}");
    fleet.collectors[0].restart().await?;
    fleet.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_to_kafka_and_clickhouse_and_keeps_every_event() -> anyhow::Result<()>
{
    let mut process = EtappeProcess::start().await?;
    let site = TestSite::create(&process, "ledger").await?;
    let plan = Plan {
        seed: 11,
        first_client: 0,
        clients: 3,
        batches: 60,
        batch: 30,
    };
    let clients = Clients::start(&site, plan);
    let ledger = clients.finish().await;
    // At the time of the kill, batches may be in flight and records unread.
    process.kill().await?;

    let kafka = KafkaNode::start().await?;
    let folder = tempfile::tempdir()?;
    let (mut engine, clickhouse) = start_engine(folder.path()).await?;
    let data = process.data();
    let data = data.to_str().expect("text");
    let brokers = kafka.brokers();
    let arguments = [
        "move",
        "--data",
        data,
        "--kafka",
        &brokers,
        "--clickhouse",
        &clickhouse,
    ];
    for _ in 0..2 {
        // The second run finds everything done.
        let (code, _, errors) = run(&arguments).await?;
        assert_eq!(code, Some(0), "{errors}");
    }
    let target = tempfile::tempdir()?;
    let options = ["--kafka", &brokers, "--clickhouse", &clickhouse];
    let options = options.map(Into::into).to_vec();
    let mut moved = EtappeProcess::start_with(target.path(), options).await?;
    // The keys were moved too.
    let keys = (site.write_key.clone(), site.read_token.clone());
    let site = site.moved_to(&moved.listen, "ledger", keys);
    check(&site, &ledger).await?;
    let again = json!({
        "type": "track", "messageId": "m-0-0-0", "userId": "u-0-0", "event": "Product Viewed",
    });
    let new = json!({ "type": "track", "messageId": "new", "userId": "u-0-0", "event": "Product Viewed" });
    assert_eq!(site.send(&[again, new]).await?.0, 200);
    assert_eq!(site.settle(ledger.events + 1).await?, ledger.events + 1);
    moved.stop().await?;
    engine.stop().await
}
