//! Real purchases: 69,659 by 23,570 customers of a music shop, counted here line by line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;

use etappe_core::journey::KnownFigures;
use etappe_core::kpi::MoneyFigures;
use etappe_core::milestone::Milestone;
use etappe_core::money::Amount;
use etappe_core::ports::{JourneyStore, RowSink};
use etappe_core::time::Timestamp;
use serde_json::Value;

use crate::engine::TestWarehouse;
use crate::fixture::{TestEvent, all_time, batch, numbered, range, scope};

/// Reads the file and returns the customer, time and amount in ten-thousandths of each line.
fn purchases() -> Vec<(String, i64, i128)> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/cdnow/events.ndjson.gz");
    let file =
        std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    lines
        .map(|line| {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let amount = line["properties"]["dollar_value"].to_string();
            (
                line["distinct_id"].as_str().unwrap().to_owned(),
                Timestamp::parse(line["timestamp"].as_str().unwrap())
                    .unwrap()
                    .as_millis(),
                Amount::parse(&amount).unwrap().as_scaled(),
            )
        })
        .collect()
}

#[tokio::test]
async fn real_purchases_come_out_as_they_went_in() {
    let test = TestWarehouse::new().await;
    let purchases = purchases();
    assert_eq!(purchases.len(), 69_659);
    let events = purchases
        .iter()
        .map(|(customer, at, amount)| TestEvent {
            revenue: Some(*amount),
            currency: "USD".to_owned(),
            ..TestEvent::of(customer, *at, Some(Milestone::Purchase))
        })
        .collect();
    for some in numbered(events).chunks(20_000) {
        test.warehouse.insert(&batch(some)).await.unwrap();
    }
    let quarter = range(852_076_800_000, 859_852_800_000);
    for range in [all_time(), quarter] {
        let inside = |at: i64| range.from.as_millis() <= at && at < range.to.as_millis();
        let mut per_customer: BTreeMap<&str, u64> = BTreeMap::new();
        let mut sum = 0;
        for (customer, at, amount) in &purchases {
            if inside(*at) {
                *per_customer.entry(customer).or_default() += 1;
                sum += amount;
            }
        }
        let orders: u64 = per_customer.values().sum();
        // All first purchases are in the first quarter, so the lifetime figures contain everything
        // in both ranges.
        let lifetime: i128 = purchases.iter().map(|(_, _, amount)| amount).sum();
        let everybody: BTreeSet<&str> = purchases.iter().map(|(id, ..)| id.as_str()).collect();
        let figures = test
            .warehouse
            .kpi_figures(&scope(range), KnownFigures::default())
            .await
            .unwrap();
        assert_eq!(everybody.len(), 23_570);
        assert_eq!(figures.new_customers, 23_570);
        assert_eq!((figures.orders, figures.customer_orders), (orders, orders));
        assert_eq!(figures.customers, per_customer.len() as u64);
        let repeaters = per_customer.values().filter(|orders| **orders >= 2).count() as u64;
        assert_eq!(figures.repeat_customers, repeaters);
        let money = MoneyFigures {
            currency: "USD".to_owned(),
            orders,
            customers: per_customer.len() as u64,
            revenue: Amount::from_scaled(sum),
            gross: Amount::from_scaled(sum),
            lifetime_revenue: Amount::from_scaled(lifetime),
        };
        assert_eq!(figures.money, [money]);
        let stages = test.warehouse.stage_figures(&scope(range)).await.unwrap();
        assert_eq!(stages.stages[4].stock, 23_570);
        assert_eq!((stages.stages[4].entered, stages.events), (23_570, orders));
    }
}
