//! Kills everything under load: nothing acknowledged is lost or counted twice.

use etappe_tests::ledger::{Clients, Ledger, Plan};
use etappe_tests::site::TestSite;
use serde_json::json;

use crate::started;

/// Compares all figures with the ledger.
pub(crate) async fn check(site: &TestSite, ledger: &Ledger) -> anyhow::Result<()> {
    let visible = site.settle(ledger.events).await?;
    assert_eq!(visible, ledger.events, "events");
    let cents = format!("{}.{:02}", ledger.cents / 100, ledger.cents % 100);
    let number = |value: serde_json::Value| value.as_f64();
    assert_eq!(
        site.kpi("orders").await?.as_u64(),
        Some(ledger.orders),
        "orders"
    );
    assert_eq!(
        number(site.kpi("revenue").await?),
        cents.parse().ok(),
        "revenue"
    );
    assert_eq!(
        site.kpi("visitors").await?.as_u64(),
        Some(ledger.actors),
        "visitors"
    );
    assert_eq!(
        site.funnel(&[json!({ "any": true })]).await?,
        [ledger.actors],
        "people"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_installation_loses_and_duplicates_nothing() -> anyhow::Result<()> {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let (mut process, site) = started("ledger").await?;
    let plan = Plan {
        seed,
        first_client: 0,
        clients: 6,
        batches: 120,
        batch: 40,
    };
    let clients = Clients::start(&site, plan);
    for kill in 1..=4 {
        clients.reach(kill * 5_000).await;
        process.kill().await?;
        process.restart().await?;
    }
    let ledger = clients.finish().await;
    assert_eq!(ledger.events, 6 * 120 * 40);
    assert!(ledger.requests > 6 * 120, "some batches were repeated");
    check(&site, &ledger).await?;
    let events = site.actor_events("u-0-0").await?;
    let ids: std::collections::BTreeSet<_> = events
        .iter()
        .map(|event| event["message_id"].to_string())
        .collect();
    assert_eq!(
        (events.len(), ids.len()),
        (120 * 4, 120 * 4),
        "one person's events, each once"
    );
    process.kill().await?;
    process.restart().await?;
    check(&site, &ledger).await?;
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_under_load_loses_and_duplicates_nothing() -> anyhow::Result<()> {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let (mut process, site) = started("ledger").await?;
    let clients = Clients::start(
        &site,
        Plan {
            seed,
            first_client: 0,
            clients: 4,
            batches: 60,
            batch: 20,
        },
    );
    clients.reach(1_500).await;
    process.stop().await?;
    process.restart().await?;
    let ledger = clients.finish().await;
    check(&site, &ledger).await?;
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_is_restarted_and_nothing_is_lost() -> anyhow::Result<()> {
    let (mut process, site) = started("ledger").await?;
    let clients = Clients::start(
        &site,
        Plan {
            seed: 7,
            first_client: 0,
            clients: 3,
            batches: 80,
            batch: 20,
        },
    );
    clients.reach(1_000).await;
    let id = process.id().expect("it runs");
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
    let engine: i32 = children
        .split_whitespace()
        .next()
        .expect("the engine is a child")
        .parse()?;
    let engine = rustix::process::Pid::from_raw(engine).expect("a process id");
    rustix::process::kill_process(engine, rustix::process::Signal::KILL)?;
    let ledger = clients.finish().await;
    check(&site, &ledger).await?;
    process.stop().await?;
    Ok(())
}
