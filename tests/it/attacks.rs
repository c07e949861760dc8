//! The same attacks on every address of every role, and a shutdown in the middle of them.

use std::path::Path;

use base64::Engine;
use etappe_testkit::kafka::KafkaNodes;
use etappe_testkit::process::{EtappeProcess, free_address};
use etappe_tests::attack::{CONFIG, LeftOpen, Target};
use etappe_tests::fleet::{run, start_engine};
use etappe_tests::role::RoleProcess;
use serde_json::Value;

fn config(folder: &Path) -> anyhow::Result<String> {
    let file = folder.join("attacked.toml");
    std::fs::write(&file, CONFIG)?;
    Ok(file.display().to_string())
}

/// The head of a batch, whose body is read once its key is known.
fn batch(write_key: &str) -> String {
    let key = base64::engine::general_purpose::STANDARD.encode(format!("{write_key}:"));
    format!("POST /v1/batch HTTP/1.1\r\nAuthorization: Basic {key}\r\n")
}

/// The head of a query.
fn question(site: &str, read_token: &str) -> String {
    format!("POST /v1/sites/{site}/funnel HTTP/1.1\r\nAuthorization: Bearer {read_token}\r\n")
}

async fn attack(targets: Vec<Target>) -> anyhow::Result<Vec<LeftOpen>> {
    let mut left_open = Vec::new();
    for target in targets {
        left_open.push(target.attack().await?);
    }
    Ok(left_open)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_addresses_of_one_process_withstand_attacks_and_stop_during_them() -> anyhow::Result<()>
{
    let folder = tempfile::tempdir()?;
    let options = vec!["--config".into(), config(folder.path())?.into()];
    let mut process = EtappeProcess::start_with(folder.path(), options).await?;
    let pid = process.id().expect("it runs");
    let run_info = std::fs::read(process.data().join("run.json"))?;
    let run_info: Value = serde_json::from_slice(&run_info)?;
    let control = run_info["control_token"].as_str().unwrap_or_default();
    let public = |name: &str, head: String| Target {
        name: name.to_owned(),
        address: process.listen.clone(),
        pid,
        path: ("/openapi.json", 200),
        with_body: Some(head),
    };
    let admin = Target {
        name: "the admin address of `up`".to_owned(),
        address: process.admin.clone(),
        pid,
        path: ("/metrics", 200),
        with_body: Some(format!(
            "POST /control/keys HTTP/1.1\r\nAuthorization: bearer  {control} \r\n\
             Content-Type: application/json\r\n"
        )),
    };
    let questions = public(
        "questions to `up`",
        question(&process.site, &process.read_token),
    );
    let first = attack(vec![questions]).await?;
    drop(first);
    let events = public("events to `up`", batch(&process.write_key));
    let _left_open = attack(vec![events, admin]).await?;
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_withstands_attacks_and_stops_during_them() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    let config = config(path)?;
    let kafka = KafkaNodes::start(1).await?;
    let brokers = kafka.brokers();
    let (mut engine, clickhouse) = start_engine(path).await?;
    let data = path.join("collector").display().to_string();
    let outside = ["--config", &config, "--kafka", &brokers];
    let store = ["--clickhouse", &clickhouse];
    let admin = free_address()?;
    let named = ["--instance", "attacked", "--admin", &admin, "--json"];
    let classifier = [&["classifier"], &outside[..], &store, &named].concat();
    let mut classifier = RoleProcess::start(path, "classifier", classifier).await?;
    let (listen, admin) = (free_address()?, free_address()?);
    let own = ["--listen", &listen, "--admin", &admin, "--json"];
    let collector = [&["collector", "--data", &data], &outside[..], &own].concat();
    let mut collector = RoleProcess::start(path, "collector", collector).await?;
    let (listen, admin) = (free_address()?, free_address()?);
    let own = ["--listen", &listen, "--admin", &admin, "--json"];
    let insights = [&["insights"], &outside[..], &store, &own].concat();
    let mut insights = RoleProcess::start(path, "insights", insights).await?;
    let create = ["keys", "create", "--site", "attacked", "--json", "--kafka"];
    let keys = run(&[&create[..], &[&brokers]].concat()).await?;
    let key = |name: &str| keys[name].as_str().unwrap_or_default().to_owned();

    let target = |role: &RoleProcess, address: &str, with_body: Option<String>| Target {
        name: format!("{address} of {}", role.name()),
        address: role.said(address),
        pid: role.id().unwrap_or_default(),
        path: match (address, role.name()) {
            ("admin", _) => ("/metrics", 200),
            (_, "collector") => ("/v1/pixel.gif", 200),
            _ => ("/openapi.json", 200),
        },
        with_body,
    };
    let ask = question("attacked", &key("read_token"));
    let _left_open = attack(vec![
        target(&collector, "listen", Some(batch(&key("write_key")))),
        target(&collector, "admin", None),
        target(&insights, "listen", Some(ask)),
        target(&insights, "admin", None),
        target(&classifier, "admin", None),
    ])
    .await?;
    collector.stop().await?;
    insights.stop().await?;
    classifier.stop().await?;
    engine.stop().await
}
