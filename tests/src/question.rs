//! A set of queries that covers every kind of figure, for comparing two installations.

use std::collections::BTreeMap;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::site::TestSite;

const RANGE: &str = "from=1970-01-01&to=2100-01-01";

/// Runs all queries and returns the answers by query, without `as_of`, which changes over time.
///
/// # Errors
/// When a query is not answered with 200.
pub async fn ask_everything(
    site: &TestSite,
    events: &[&str],
    actors: &[String],
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut answers = BTreeMap::new();
    for model in [
        "aaarrr",
        "aarrr",
        "awareness-advocacy",
        "klantreis",
        "store",
    ] {
        let paths = [
            format!("/kpis?{RANGE}&model={model}"),
            format!("/stages?{RANGE}&model={model}"),
        ];
        for path in paths {
            let answer = site.get(&path).await?;
            note(&mut answers, path, answer)?;
        }
        let funnel = json!({ "model": model, "from": "1970-01-01", "to": "2100-01-01" });
        ask(site, &mut answers, funnel).await?;
    }
    let path = format!("/referrals?{RANGE}");
    let answer = site.get(&path).await?;
    note(&mut answers, path, answer)?;
    let steps: Vec<Value> = events
        .iter()
        .map(|event| json!({ "event": event }))
        .collect();
    for order in ["ordered", "strict", "unordered"] {
        let funnel = json!({
            "steps": steps, "order": order, "window": "30d", "trend": "month",
            "from": "1970-01-01", "to": "2100-01-01",
        });
        ask(site, &mut answers, funnel).await?;
    }
    for actor in actors {
        let events = site.actor_events(actor).await?;
        answers.insert(format!("actor {actor}"), Value::from(events).to_string());
    }
    Ok(answers)
}

async fn ask(
    site: &TestSite,
    answers: &mut BTreeMap<String, String>,
    question: Value,
) -> anyhow::Result<()> {
    let answer = site.ask("/funnel", &question).await?;
    note(answers, question.to_string(), answer)
}

fn note(
    answers: &mut BTreeMap<String, String>,
    question: String,
    (status, mut body): (u16, Value),
) -> anyhow::Result<()> {
    ensure!(status == 200, "{question}: {status} {body}");
    if let Some(members) = body.as_object_mut() {
        members.remove("as_of");
    }
    answers.insert(question, body.to_string());
    Ok(())
}
