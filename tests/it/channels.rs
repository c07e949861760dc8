//! Channels, contact points and countries: sent, stored and queried.

use std::collections::BTreeMap;

use etappe_tests::site::TestSite;
use serde_json::{Value, json};

use crate::started;

/// Returns the number of people per value of a dimension at the first step.
async fn people_by(site: &TestSite, dimension: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let question = json!({
        "steps": [{"any": true}], "from": "2024-01-01", "to": "2025-01-01",
        "breakdown": {"by": [dimension]},
    });
    let (status, answer) = site.ask("/funnel", &question).await?;
    assert_eq!(status, 200, "{answer}");
    let groups = answer["breakdown"].as_array().expect("groups");
    Ok(groups
        .iter()
        .map(|group| {
            let value = group["value"][0].as_str().unwrap_or("null").to_owned();
            (
                value,
                group["steps"][0]["count"].as_u64().unwrap_or_default(),
            )
        })
        .collect())
}

fn expected(groups: &[(&str, u64)]) -> BTreeMap<String, u64> {
    groups
        .iter()
        .map(|(value, count)| ((*value).to_owned(), *count))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "most of it is a table of cases")]
async fn people_are_broken_down_by_channel() -> anyhow::Result<()> {
    let (mut process, site) = started("channels").await?;
    let page = |user: &str, context: Value| {
        json!({
            "type": "page", "userId": user, "messageId": user,
            "timestamp": "2024-03-01T12:00:00Z", "context": context,
        })
    };
    let shop = "https://shop.example/";
    let news = "https://shop.example/?utm_source=news&amp;utm_medium=email&amp;utm_campaign=spring";
    let hash = "https://shop.example/#utm_source=news&utm_medium=email&utm_campaign=spring";
    let app = "android-app://com.google.android.googlequicksearchbox/";
    let messages = [
        page(
            "a",
            json!({"page": {"url": shop, "referrer": "https://www.google.com/"}, "location": {"country": "Nederland"}}),
        ),
        page(
            "b",
            json!({"page": {"url": shop, "referrer": app}, "location": {"country": "BEL"}}),
        ),
        page(
            "c",
            json!({"page": {"url": news, "referrer": ""}, "location": {"country": "nl"}}),
        ),
        page(
            "d",
            json!({"page": {"url": hash, "referrer": ""}, "device": {"type": "tablet"}}),
        ),
        page(
            "e",
            json!({"page": {"url": "https://shop.example/?gclid=1"}}),
        ),
        page(
            "f",
            json!({"page": {"url": shop, "referrer": "https://www.mollie.com/checkout"}}),
        ),
        page("g", json!({"page": {"url": shop, "referrer": ""}})),
        json!({
            "type": "track", "event": "Order Completed", "userId": "h", "messageId": "h",
            "timestamp": "2024-03-01T12:00:00Z", "properties": {"order_id": "1", "touchpoint": "store"},
        }),
    ];
    let (status, body) = site.send(&messages).await?;
    assert_eq!(status, 200, "{body}");
    assert_eq!(site.settle(8).await?, 8);
    for (dimension, groups) in [
        (
            "channel",
            &[
                ("Organic Search", 2),
                ("Email", 2),
                ("Paid Search", 1),
                ("Direct", 1),
                ("null", 2),
            ][..],
        ),
        ("campaign", &[("spring", 2), ("null", 6)]),
        ("touchpoint", &[("web", 7), ("store", 1)]),
        ("country", &[("NL", 2), ("BE", 1), ("null", 5)]),
        ("device", &[("tablet", 1), ("null", 7)]),
    ] {
        assert_eq!(
            people_by(&site, dimension).await?,
            expected(groups),
            "{dimension}"
        );
    }
    process.stop().await?;
    Ok(())
}
