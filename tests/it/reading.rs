//! How amounts, currencies and ids are parsed and reported, from the request to the figures.

use etappe_tests::site::TestSite;
use serde_json::{Value, json};

use crate::started;

fn order(user: &str, id: &str, properties: Value) -> Value {
    let mut properties = properties;
    properties["order_id"] = json!(id);
    json!({ "type": "track", "event": "Order Completed", "userId": user, "properties": properties })
}

/// Returns the revenue in a currency.
async fn revenue(site: &TestSite, currency: &str) -> anyhow::Result<Option<f64>> {
    let cards = site.kpis().await?;
    let card = cards
        .iter()
        .find(|card| card["id"] == "revenue" && card["currency"] == currency);
    Ok(card.and_then(|card| card["value"].as_f64()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_is_read_or_reported_and_never_misread() -> anyhow::Result<()> {
    let (mut process, site) = started("reading").await?;
    let (status, answer) = site
        .send(&[
            order("a", "1", json!({ "revenue": "33,95", "currency": "EUR" })),
            order("b", "2", json!({ "revenue": 10, "currency": "US$" })),
            order("c", "3", json!({ "revenue": "1,234", "currency": "EUR" })),
            order("d", "4", json!({ "revenue": 5, "currency": "gold" })),
            order("e", "5", json!({ "revenue": 1e16 })),
            order("f", "6", json!({ "revenue": "€ 1.000,-" })),
        ])
        .await?;
    assert_eq!((status, &answer["accepted"]), (200, &json!(6)), "{answer}");
    let reported: Vec<(&Value, &Value)> = answer["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|warning| (&warning["index"], &warning["reason"]))
        .collect();
    let expected = [
        (&json!(2), &json!("ambiguous_amount")),
        (&json!(3), &json!("unknown_currency")),
        (&json!(4), &json!("large_amount")),
    ];
    assert_eq!(reported, expected, "{answer}");
    assert_eq!(site.settle(6).await?, 6);
    assert_eq!(revenue(&site, "EUR").await?, Some(1033.95));
    assert_eq!(revenue(&site, "USD").await?, Some(10.0));
    assert_eq!(site.kpi("orders").await?, json!(6));
    let (status, owner) = site.get("/warnings").await?;
    assert_eq!(status, 200, "{owner}");
    assert_eq!(owner["counts"]["unknown_currency"], 1, "{owner}");
    let mut stranger = site.clone();
    stranger.read_token = site.write_key.clone();
    assert_eq!(stranger.get("/warnings").await?.0, 401);
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn placeholders_create_no_actor_and_no_order() -> anyhow::Result<()> {
    let (mut process, site) = started("nobody").await?;
    let seen = |user: &str| json!({ "type": "page", "userId": user });
    let (status, answer) = site
        .send(&[
            seen("undefined"),
            seen("NULL"),
            seen("u1"),
            seen(" u1 "),
            order("u2", "null", json!({ "revenue": 1, "currency": "EUR" })),
            order("u3", "null", json!({ "revenue": 1, "currency": "EUR" })),
        ])
        .await?;
    assert_eq!((status, &answer["accepted"]), (200, &json!(6)), "{answer}");
    assert_eq!(answer["warnings"].as_array().map(Vec::len), Some(4));
    assert_eq!(site.settle(6).await?, 6);
    assert_eq!(site.kpi("visitors").await?, json!(3));
    assert_eq!(site.kpi("orders").await?, json!(2));
    assert_eq!(revenue(&site, "EUR").await?, Some(2.0));
    process.stop().await?;
    Ok(())
}
