//! Events sent over HTTP appear in the KPIs: each total equals a count made from the file.

use std::collections::{BTreeMap, BTreeSet};

use etappe_testkit::process::EtappeProcess;
use etappe_tests::data_set;
use etappe_tests::site::TestSite;
use serde_json::json;

use crate::{run, started};

/// Imports a data file into a new site.
pub(crate) async fn import(process: &EtappeProcess, name: &str) -> anyhow::Result<TestSite> {
    let site = TestSite::create(process, &name.replace(['/', '.'], "-")).await?;
    let (data, file) = (process.data(), data_set::path(name));
    let arguments = ["import", "--site", &site.name, "--data"];
    let paths = [data.to_str().expect("text"), file.to_str().expect("text")];
    let (code, _, errors) = run(&[&arguments[..], &paths[..]].concat()).await?;
    assert_eq!(code, Some(0), "{name}: {errors}");
    assert!(errors.contains("events accepted"), "{errors}");
    Ok(site)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_stored_unchanged() -> anyhow::Result<()> {
    let (mut process, _) = started("other").await?;
    check_every_file(&process).await?;
    process.stop().await?;
    Ok(())
}

/// Imports every file and compares the figures with counts made from its lines.
pub(crate) async fn check_every_file(process: &EtappeProcess) -> anyhow::Result<()> {
    for (name, events) in data_set::FILES {
        let lines = data_set::read(name)?;
        let counts = data_set::count(&lines);
        assert_eq!(
            counts.events, *events,
            "{name} is the file that was described"
        );
        let site = import(process, name).await?;
        let visible = site.settle(counts.events as u64).await?;
        assert_eq!(visible, counts.events as u64, "{name}: events");
        let actors = site.funnel(&[json!({ "any": true })]).await?;
        assert_eq!(actors, [counts.actors as u64], "{name}: people");
        for (event, actors) in &counts.actors_by_name {
            let counted = site.funnel(&[json!({ "event": event })]).await?;
            assert_eq!(counted, [*actors as u64], "{name}: people with `{event}`");
        }
        let mut names = counts.by_name.keys();
        let (first, second) = (names.next().expect("one"), names.next_back());
        let second = second.unwrap_or(first);
        if first != second {
            let steps = [json!({ "event": first }), json!({ "event": second })];
            let reached = data_set::followed_by(&lines, first, second) as u64;
            let counted = site.funnel(&steps).await?;
            let entered = counts.actors_by_name[first] as u64;
            assert_eq!(counted, [entered, reached], "{name}: {first} then {second}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_of_a_music_shop_become_orders_and_customers() -> anyhow::Result<()> {
    let (mut process, _) = started("other").await?;
    let name = "cdnow/events.ndjson.gz";
    let lines = data_set::read(name)?;
    let site = import(&process, name).await?;
    site.settle(lines.len() as u64).await?;
    let mut orders: BTreeMap<&str, u64> = BTreeMap::new();
    for line in &lines {
        *orders.entry(&line.distinct_id).or_default() += 1;
    }
    let repeat = orders.values().filter(|orders| **orders >= 2).count();
    assert_eq!(site.kpi("orders").await?, lines.len());
    assert_eq!(site.kpi("customers").await?, orders.len());
    assert_eq!(site.kpi("visitors").await?, orders.len());
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let close = |value: serde_json::Value, over: usize, under: usize| {
        let expected = over as f64 / under as f64;
        assert!(
            (value.as_f64().expect("a number") - expected).abs() < 1e-6,
            "{value} {expected}"
        );
    };
    close(
        site.kpi("purchases_per_customer").await?,
        lines.len(),
        orders.len(),
    );
    close(site.kpi("repeat_rate").await?, repeat, orders.len());
    process.stop().await?;
    Ok(())
}

/// A short vocabulary that a user would write for custom event names.
const INVOICES: &str = include_str!("../../config/examples/invoices.toml");

#[tokio::test(flavor = "multi_thread")]
async fn a_vocabulary_of_a_few_lines_maps_unknown_names() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let rules = folder.path().join("vocabularies");
    std::fs::create_dir_all(&rules)?;
    std::fs::write(rules.join("invoices.toml"), INVOICES)?;
    let config = folder.path().join("etappe.toml");
    std::fs::write(
        &config,
        format!(
            "[rules]\nvocabularies = {:?}\n",
            rules.to_str().expect("text")
        ),
    )?;
    let options = vec!["--config".into(), config.into()];
    let mut process = EtappeProcess::start_with(folder.path(), options).await?;
    let name = "online_retail/invoices.ndjson.gz";
    let lines = data_set::read(name)?;
    let site = import(&process, name).await?;
    site.settle(lines.len() as u64).await?;

    let invoices = || lines.iter().filter(|line| line.event == "invoice");
    let cents = |line: &data_set::Line| {
        let amount = line.properties["Amount"].as_f64().expect("a number");
        #[expect(
            clippy::cast_possible_truncation,
            reason = "two decimals, far below 2^53"
        )]
        let cents = (amount * 100.0).round() as i64;
        cents
    };
    let sold: i64 = invoices().map(cents).sum();
    let refunded: i64 = lines
        .iter()
        .filter(|line| line.event == "cancellation")
        .map(|line| cents(line).abs())
        .sum();
    let orders: BTreeSet<_> = invoices()
        .map(|line| line.properties["InvoiceNo"].to_string())
        .collect();
    let customers: BTreeSet<_> = invoices().map(|line| &line.distinct_id).collect();
    assert_eq!(site.kpi("orders").await?, orders.len());
    assert_eq!(site.kpi("customers").await?, customers.len());
    let revenue = site.kpi("revenue").await?.as_f64().expect("a number");
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let expected = (sold - refunded) as f64 / 100.0;
    assert!((revenue - expected).abs() < 1e-6, "{revenue} {expected}");
    process.stop().await?;
    Ok(())
}
