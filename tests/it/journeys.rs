//! The journey index and the database give the same answers, whatever becomes of the index.

use std::path::{Path, PathBuf};

use etappe_testkit::process::EtappeProcess;
use etappe_testkit::wait::{PATIENCE, until};
use etappe_tests::data_set;
use etappe_tests::question::ask_everything;
use etappe_tests::site::TestSite;
use serde_json::{Value, json};

use crate::data_sets::import;

const FILES: [&str; 3] = [
    "ecom_synthetic/events.ndjson.gz",
    "cdnow/events.ndjson.gz",
    "sepsis/events.ndjson.gz",
];

/// A site, and the names of events and people to ask about.
type Asked = (TestSite, Vec<String>, Vec<String>);
/// Per site, its answers by their questions.
type Answers = Vec<std::collections::BTreeMap<String, String>>;

/// Asks everything about all sites.
async fn ask(sites: &[Asked]) -> anyhow::Result<Answers> {
    let mut answers = Vec::new();
    for (site, events, actors) in sites {
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        let mut of_site = ask_everything(site, &events, actors).await?;
        for unit in ["actor", "session"] {
            for bots in ["exclude", "include", "only"] {
                let question = json!({
                    "steps": [{ "any": true }, { "event": events[0] }, { "any": true }],
                    "from": "2000-01-01", "to": "2030-01-01", "unit": unit, "bots": bots,
                    "order": "strict",
                });
                let (status, mut body) = site.ask("/funnel", &question).await?;
                assert_eq!(status, 200, "{body}");
                body["as_of"].take();
                of_site.insert(question.to_string(), body.to_string());
            }
        }
        for by in [
            &["channel"][..],
            &["device", "country"],
            &["campaign", "persona", "touchpoint"],
        ] {
            let question = json!({
                "steps": [{ "event": events[0] }, { "any": true }],
                "from": "2000-01-01", "to": "2030-01-01", "breakdown": { "by": by, "step": 1 },
            });
            let (status, mut body) = site.ask("/funnel", &question).await?;
            assert_eq!(status, 200, "{body}");
            body["as_of"].take();
            of_site.insert(question.to_string(), body.to_string());
        }
        let path = "/kpis?from=1997-01-01&to=2029-01-01&trend=month";
        let (status, mut body) = site.get(path).await?;
        assert_eq!(status, 200, "{body}");
        body["as_of"].take();
        of_site.insert(path.to_owned(), body.to_string());
        for answer in of_site.values_mut() {
            *answer = without_last_digits(answer)?;
        }
        answers.push(of_site);
    }
    Ok(answers)
}

/// Rounds fractions to twelve digits: the database works percentiles out in another order.
fn without_last_digits(answer: &str) -> anyhow::Result<String> {
    let mut value: Value = serde_json::from_str(answer)?;
    round(&mut value);
    Ok(value.to_string())
}

fn round(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let text = format!("{:.12e}", number.as_f64().unwrap_or_default());
            *value = Value::String(text);
        }
        Value::Array(values) => values.iter_mut().for_each(round),
        Value::Object(members) => members.values_mut().for_each(round),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns who answered how many questions.
async fn answered_by(process: &EtappeProcess, who: &str) -> anyhow::Result<f64> {
    let name = format!("etappe_journeys_questions_total{{answered_by=\"{who}\"}} ");
    let text = process.get_admin("/metrics").await?.text;
    let value = text.lines().find_map(|line| line.strip_prefix(&name));
    Ok(value.map_or(Ok(0.0), str::parse)?)
}

async fn wait_until_usable(process: &EtappeProcess) {
    until("the index is used", PATIENCE, async || {
        let metrics = process.get_admin("/metrics").await;
        metrics.is_ok_and(|answer| answer.text.contains("\netappe_journeys_usable 1\n"))
    })
    .await;
}

/// Returns the index's files.
fn segments(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(data.join("journeys"))?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let paths: Vec<PathBuf> = paths.collect::<anyhow::Result<_>>()?;
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|end| end == "segment");
    Ok(paths.into_iter().filter(is_segment).collect())
}

/// Changes a bit of every segment.
fn damage(data: &Path) -> anyhow::Result<()> {
    let segments = segments(data)?;
    assert!(!segments.is_empty());
    for path in segments {
        let mut bytes = std::fs::read(&path)?;
        let middle = bytes.len() / 3;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes)?;
    }
    Ok(())
}

/// Imports the files; returns their sites, with names of events and people to ask about.
async fn sites(process: &EtappeProcess) -> anyhow::Result<Vec<Asked>> {
    let mut sites = Vec::new();
    for name in FILES {
        let lines = data_set::read(name)?;
        let counts = data_set::count(&lines);
        let events: Vec<String> = counts.by_name.keys().take(3).cloned().collect();
        let some = lines.iter().step_by(20_000);
        let actors = some.map(|line| line.distinct_id.clone());
        let site = import(process, name).await?;
        site.settle(counts.events as u64).await?;
        sites.push((site, events, actors.collect()));
    }
    Ok(sites)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_answers_as_the_database_before_and_after_everything() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("etappe.toml");
    std::fs::write(&config, "[journeys]\nenabled = false\n")?;
    let options = vec!["--config".into(), config.clone().into()];
    let mut process = EtappeProcess::start_with(folder.path(), options).await?;
    let sites = sites(&process).await?;
    let of_database = ask(&sites).await?;
    assert_eq!(answered_by(&process, "index").await?, 0.0);

    // Built from what the database has.
    std::fs::write(&config, "")?;
    process.stop().await?;
    process.restart().await?;
    wait_until_usable(&process).await;
    // The gauges of KPIs may have asked before.
    let before = answered_by(&process, "database").await?;
    assert_eq!(ask(&sites).await?, of_database);
    let of_index = answered_by(&process, "index").await?;
    assert!(of_index > 30.0, "the index answered {of_index} questions");
    assert_eq!(answered_by(&process, "database").await?, before);

    // Followed, and opened again after a kill.
    let event = json!({ "type": "track", "event": "x", "userId": "new", "messageId": "m" });
    let (site, _, _) = &sites[0];
    let people = site.funnel(&[json!({ "any": true })]).await?;
    assert_eq!(site.send(&[event]).await?.0, 200);
    until("the new person is counted", PATIENCE, async || {
        let counted = site.funnel(&[json!({ "any": true })]).await;
        counted.is_ok_and(|counted| counted == [people[0] + 1])
    })
    .await;
    let with_index = ask(&sites).await?;
    process.kill().await?;
    process.restart().await?;
    wait_until_usable(&process).await;
    assert_eq!(ask(&sites).await?, with_index);

    // Damaged: at most one question fails, and the index is built again.
    process.stop().await?;
    damage(&process.data())?;
    process.restart().await?;
    until("the index is built again", PATIENCE, async || {
        // A question meets the damage, and is asked again.
        _ = sites[1].0.funnel(&[json!({ "any": true })]).await;
        let metrics = process.get_admin("/metrics").await;
        metrics.is_ok_and(|answer| {
            // At the start, or when a question met it.
            let reasons = ["damaged", "none"];
            let mut builds = reasons
                .iter()
                .map(|reason| format!("etappe_journeys_builds_total{{reason=\"{reason}\"}} 1"));
            builds.any(|build| answer.text.contains(&build))
        })
    })
    .await;
    wait_until_usable(&process).await;
    assert_eq!(ask(&sites).await?, with_index);
    Ok(process.stop().await?)
}
