//! `etappe up` on a real Kafka: the same answers as on the local log, and behavior during broker
//! failures.

use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use etappe_testkit::kafka::KafkaNode;
use etappe_testkit::process::{EtappeProcess, free_address};
use etappe_testkit::wait::{PATIENCE, until};
use etappe_tests::data_set;
use etappe_tests::fleet::collector;
use etappe_tests::ledger::{Clients, Plan};
use etappe_tests::question::ask_everything;
use etappe_tests::rig::power_loss;
use etappe_tests::role::RoleProcess;
use etappe_tests::site::TestSite;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::data_sets::{check_every_file, import};
use crate::kills::check;
use crate::run;

/// Starts `up` on Kafka with one site.
async fn up_on(kafka: &KafkaNode, folder: &std::path::Path) -> anyhow::Result<EtappeProcess> {
    let options = vec!["--kafka".into(), kafka.brokers().into()];
    Ok(EtappeProcess::start_with(folder, options).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_and_the_local_log_give_the_same_answers() -> anyhow::Result<()> {
    let name = "ecom_synthetic/events.ndjson.gz";
    let lines = data_set::read(name)?;
    let counts = data_set::count(&lines);
    let events: Vec<&str> = counts.by_name.keys().map(String::as_str).take(3).collect();
    let actors: Vec<String> = lines
        .iter()
        .step_by(5_000)
        .map(|line| line.distinct_id.clone())
        .collect();

    let mut local = EtappeProcess::start().await?;
    let site = import(&local, name).await?;
    assert_eq!(
        site.settle(counts.events as u64).await?,
        counts.events as u64
    );
    let on_local = ask_everything(&site, &events, &actors).await?;
    local.stop().await?;

    let kafka = KafkaNode::start().await?;
    let folder = tempfile::tempdir()?;
    let mut process = up_on(&kafka, folder.path()).await?;
    let site = import(&process, name).await?;
    assert_eq!(
        site.settle(counts.events as u64).await?,
        counts.events as u64
    );
    let on_kafka = ask_everything(&site, &events, &actors).await?;
    process.stop().await?;

    assert_eq!(on_local.len(), on_kafka.len());
    for (question, answer) in &on_local {
        assert_eq!(Some(answer), on_kafka.get(question), "{question}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_passes_through_kafka_unchanged() -> anyhow::Result<()> {
    let kafka = KafkaNode::start().await?;
    let folder = tempfile::tempdir()?;
    let mut process = up_on(&kafka, folder.path()).await?;
    check_every_file(&process).await?;
    Ok(process.stop().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_installation_on_kafka_loses_and_duplicates_nothing() -> anyhow::Result<()> {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let kafka = KafkaNode::start().await?;
    let folder = tempfile::tempdir()?;
    let mut process = up_on(&kafka, folder.path()).await?;
    let site = TestSite::create(&process, "ledger").await?;
    let plan = Plan {
        seed,
        first_client: 0,
        clients: 4,
        batches: 80,
        batch: 40,
    };
    let clients = Clients::start(&site, plan);
    for kill in 1..=3 {
        clients.reach(kill * 3_000).await;
        process.kill().await?;
        process.restart().await?;
    }
    let ledger = clients.finish().await;
    assert_eq!(ledger.events, 4 * 80 * 40);
    check(&site, &ledger).await?;
    Ok(process.stop().await?)
}

/// How many partitions the group took away because nothing was heard of the classifier.
const LOST_PARTITIONS: &str = "etappe_log_kafka_moved_partitions_total{kind=\"lost\"}";

/// Returns the value of a metric; 0 while it is not there.
async fn metric(process: &EtappeProcess, name: &str) -> f64 {
    let text = match process.get_admin("/metrics").await {
        Ok(answer) => answer.text,
        Err(error) => panic!("no metrics: {error}"),
    };
    let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
    text.lines().find_map(value).unwrap_or(0.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_restart_and_an_outage_longer_than_a_session_lose_nothing() -> anyhow::Result<()> {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let kafka = KafkaNode::start().await?;
    let folder = tempfile::tempdir()?;
    let mut process = up_on(&kafka, folder.path()).await?;
    let site = TestSite::create(&process, "ledger").await?;
    let plan = Plan {
        seed,
        first_client: 0,
        clients: 3,
        batches: 300,
        batch: 20,
    };
    let clients = Clients::start(&site, plan);
    clients.reach(2_000).await;
    kafka.stop().await?;
    kafka.start_again().await?;
    clients.reach(4_000).await;
    kafka.kill()?;
    // No request is refused meanwhile: the spool takes the events.
    clients.reach(16_000).await;
    until(
        "the session has ended and the spool is filled",
        PATIENCE,
        async || {
            metric(&process, LOST_PARTITIONS).await > 0.0
                && metric(&process, "etappe_log_spool_records").await > 10_000.0
        },
    )
    .await;
    kafka.start_again().await?;
    let ledger = clients.finish().await;
    assert_eq!(ledger.events, 3 * 300 * 20);
    check(&site, &ledger).await?;
    Ok(process.stop().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_is_drained_after_a_restart_and_holds_the_watermark_back() -> anyhow::Result<()> {
    let kafka = KafkaNode::start().await?;
    let folder = tempfile::tempdir()?;
    let mut process = up_on(&kafka, folder.path()).await?;
    let site = TestSite::create(&process, "ledger").await?;
    kafka.kill()?;
    let events = |from: usize, to: usize| -> Vec<_> {
        (from..to)
            .map(|number| {
                json!({
                    "type": "track", "event": "Product Viewed", "messageId": format!("m-{number}"),
                    "userId": format!("u-{}", number % 50), "timestamp": "2024-03-01T00:00:00Z",
                })
            })
            .collect()
    };
    let (status, body) = site.send(&events(0, 300)).await?;
    assert_eq!((status, body["accepted"].as_u64()), (200, Some(300)));
    // None of these may be missing from figures that claim to be complete beyond this time.
    #[expect(
        clippy::disallowed_methods,
        reason = "the program under test goes by the wall clock"
    )]
    let sent = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    process.kill().await?;
    // Starting while Kafka is still down loses nothing.
    process.restart().await?;
    let (status, _) = site.send(&events(300, 500)).await?;
    assert_eq!(status, 200);
    let held = as_of(&site).await?;
    assert!(
        held <= sent,
        "events are waiting in the spool: {held} is after {sent}"
    );
    kafka.start_again().await?;
    until(
        "everything is visible and the figures reach further",
        PATIENCE,
        async || {
            let (reached, visible) = (as_of(&site).await, site.visible_events().await);
            let reached = reached.expect("the API answers");
            assert!(reached >= held, "{reached} is before {held}");
            reached > sent && visible.is_ok_and(|visible| visible >= 500)
        },
    )
    .await;
    assert_eq!(site.funnel(&[json!({ "any": true })]).await?, [50]);
    Ok(process.stop().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_engine_lost_in_a_power_failure_are_read_from_kafka_again()
-> anyhow::Result<()> {
    let kafka = KafkaNode::start().await?;
    let folder = tempfile::tempdir()?;
    let mut process = up_on(&kafka, folder.path()).await?;
    let site = TestSite::create(&process, "power").await?;
    let seed = rand::random();
    eprintln!("seed {seed}");
    let plan = Plan {
        seed,
        first_client: 0,
        clients: 3,
        batches: 40,
        batch: 20,
    };
    let ledger = Clients::start(&site, plan).finish().await;
    check(&site, &ledger).await?;
    process.kill().await?;
    // Simulate another boot without some of the parts written last.
    let synced = process.data().join("engine-synced.json");
    let mut left: Value = serde_json::from_slice(&std::fs::read(&synced)?)?;
    assert_eq!(left["clean"], false);
    left["boot_id"] = "another".into();
    std::fs::write(&synced, left.to_string())?;
    let mut random = StdRng::seed_from_u64(seed);
    let lost = power_loss::lose_parts(&process.data().join("engine"), &mut random)?;
    assert!(lost > 0, "no part is gone");
    process.restart().await?;
    let read =
        || -> anyhow::Result<Value> { Ok(serde_json::from_slice(&std::fs::read(&synced)?)?) };
    until("all is stored again", PATIENCE, async || {
        read().is_ok_and(|read| read["boot_id"] != "another")
    })
    .await;
    check(&site, &ledger).await?;
    process.run("audit", &[]).await?;
    process.stop().await?;
    assert_eq!(read()?["clean"], true);
    Ok(())
}

/// Returns the watermark of the figures.
async fn as_of(site: &TestSite) -> anyhow::Result<String> {
    let (status, body) = site
        .get("/kpis?from=2024-01-01&to=2025-01-01&model=aaarrr")
        .await?;
    assert_eq!(status, 200, "{body}");
    Ok(body["as_of"].as_str().expect("a time").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_different_number_of_partitions_is_refused_with_advice() -> anyhow::Result<()> {
    let kafka = KafkaNode::start().await?;
    let folder = tempfile::tempdir()?;
    let mut process = up_on(&kafka, folder.path()).await?;
    process.stop().await?;
    let config = folder.path().join("etappe.toml");
    std::fs::write(&config, "[kafka]\npartitions = 6\n")?;
    let mut arguments = collector(folder.path(), "other", &kafka.brokers())?;
    arguments.extend(["--config".to_owned(), config.display().to_string()]);
    let mut role = RoleProcess::start_unready(folder.path(), "other", arguments)?;
    assert_eq!(role.ended(Duration::from_secs(40)).await?, Some(1));
    let said = role.log_tail();
    for word in ["etappe.events.v1", "4 partitions", "6", "kafka.partitions"] {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_record_is_rejected_alone() -> anyhow::Result<()> {
    let kafka = KafkaNode::start().await?;
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("etappe.toml");
    std::fs::write(&config, "[kafka]\nmax_record_bytes = 8192\n")?;
    let options = vec![
        "--kafka".into(),
        kafka.brokers().into(),
        "--config".into(),
        config.into(),
    ];
    let mut process = EtappeProcess::start_with(folder.path(), options).await?;
    let site = TestSite::create(&process, "shop").await?;
    let event = |id: &str, note: usize| {
        json!({
            "type": "track", "event": "Product Viewed", "messageId": id, "userId": "u",
            "properties": { "note": "x".repeat(note) },
        })
    };
    let batch = [
        event("small", 10),
        event("large", 20_000),
        event("other", 10),
    ];
    let (status, body) = site.send(&batch).await?;
    assert_eq!((status, &body["accepted"]), (200, &json!(2)), "{body}");
    assert_eq!(body["rejected"][0]["messageId"], "large", "{body}");
    assert_eq!(site.settle(2).await?, 2);
    Ok(process.stop().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_a_required_setting_says_so() -> anyhow::Result<()> {
    for (role, words) in [
        ("collector", &["--kafka"][..]),
        ("classifier", &["--kafka", "--clickhouse"][..]),
        ("insights", &["--kafka", "--clickhouse"][..]),
    ] {
        let admin = free_address()?;
        let (code, _, errors) = run(&[role, "--admin", &admin]).await?;
        assert_eq!(code, Some(64), "{role}: {errors}");
        for word in words {
            assert!(errors.contains(word), "{role}: `{word}` is not in {errors}");
        }
    }
    Ok(())
}
