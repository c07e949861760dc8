//! The files in `deploy/` match the program: its settings, its metrics, its runbook, its models.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use etappe_testkit::process::{EtappeProcess, binary_path};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root().join(path)).with_context(|| path.to_owned())
}

/// Runs `etappe config check` with variables and returns the reported problems.
async fn check_settings(
    variables: &[(String, String)],
    file: Option<&str>,
) -> anyhow::Result<Option<String>> {
    let mut command = tokio::process::Command::new(binary_path());
    command.args(["config", "check"]).envs(variables.to_vec());
    if let Some(file) = file {
        command.arg("--config").arg(root().join(file));
    }
    let output = command.output().await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((!output.status.success()).then_some(said))
}

/// Returns the variables of Etappe that a text sets, as `NAME: value` or `NAME=value`.
fn variables(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        let line = line
            .trim()
            .trim_start_matches("ENV ")
            .trim_end_matches(" \\");
        let Some((name, value)) = line.split_once(": ").or_else(|| line.split_once('=')) else {
            continue;
        };
        // Match sections and names of settings only: the compose file also sets variables of other
        // programs.
        let is_setting = name.contains("__") || matches!(name, "ETAPPE_LISTEN" | "ETAPPE_ADMIN");
        if name.starts_with("ETAPPE_") && is_setting {
            let value = if value.contains("${") { "x" } else { value };
            // YAML requires quotes around a number that is a text.
            found.push((name.to_owned(), value.trim_matches('"').to_owned()));
        }
    }
    found
}

#[tokio::test]
async fn the_settings_of_every_deployment_are_valid() -> anyhow::Result<()> {
    let mut compose = variables(&read("deploy/compose/compose.yaml")?);
    compose.extend(variables(&read("deploy/docker/Dockerfile")?));
    let names: BTreeSet<_> = compose.iter().map(|(name, _)| name.as_str()).collect();
    ensure!(names.len() >= 8, "{names:?}");
    assert_eq!(check_settings(&compose, None).await?, None);
    for file in [
        "deploy/kubernetes/etappe.toml",
        "deploy/systemd/etappe.toml.example",
    ] {
        let secret = variables(&read("deploy/kubernetes/secret.env.example")?);
        ensure!(secret.len() == 1, "{secret:?}");
        assert_eq!(check_settings(&secret, Some(file)).await?, None, "{file}");
    }
    // Make sure that the check can fail.
    let wrong = [("ETAPPE_KAFKA__BROKER".to_owned(), "x".to_owned())];
    ensure!(check_settings(&wrong, None).await?.is_some());
    Ok(())
}

/// Returns the command lines in a text: `command: […]`, `args: […]` or `ExecStart=…`.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let list = |line: &str| -> Option<Vec<String>> {
        let line = line.trim();
        let unit = line.strip_prefix("ExecStart=/usr/local/bin/etappe ");
        if let Some(words) = unit {
            return Some(words.split_whitespace().map(str::to_owned).collect());
        }
        let inside = line
            .strip_prefix("command: [")
            .or_else(|| line.strip_prefix("args: ["))?;
        let words = inside.trim_end_matches(']').split(", ");
        Some(words.map(str::to_owned).collect())
    };
    text.lines().filter_map(list).collect()
}

#[tokio::test]
async fn every_command_line_of_a_deployment_is_valid() -> anyhow::Result<()> {
    let mut files = vec![PathBuf::from("deploy/compose/compose.yaml")];
    for folder in ["deploy/kubernetes", "deploy/systemd"] {
        for entry in std::fs::read_dir(root().join(folder))? {
            files.push(Path::new(folder).join(entry?.file_name()));
        }
    }
    let mut roles = BTreeSet::new();
    for file in files {
        let text = read(file.to_str().context("a readable name")?)?;
        for mut words in command_lines(&text) {
            roles.insert(words[0].clone());
            // The arguments before it are parsed first.
            words.push("--help".to_owned());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (code, _, errors) = crate::run(&words).await?;
            assert_eq!(
                code,
                Some(0),
                "{} in {}: {errors}",
                words.join(" "),
                file.display()
            );
        }
    }
    let known = [
        "--help",
        "classifier",
        "collector",
        "insights",
        "migrate",
        "up",
    ];
    assert_eq!(roles.iter().map(String::as_str).collect::<Vec<_>>(), known);
    let (code, _, _) = crate::run(&["collector", "--dta", "/data", "--help"]).await?;
    assert_ne!(code, Some(0), "a word that is not understood is noticed");
    Ok(())
}

/// Returns the metric names in a text, without the suffixes of histograms.
fn metrics(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let crates = [
        "collector",
        "log",
        "classifier",
        "warehouse",
        "insights",
        "engine",
        "runtime",
    ];
    text.split(|c: char| !(is_part(c) || c == ':'))
        .filter(|word| {
            let owner = word
                .strip_prefix("etappe_")
                .and_then(|rest| rest.split('_').next());
            owner.is_some_and(|owner| crates.contains(&owner)) && !word.contains(':')
        })
        .map(|word| {
            let endings = ["_bucket", "_count", "_sum"];
            let base = endings.iter().find_map(|ending| word.strip_suffix(ending));
            base.unwrap_or(word)
        })
        .collect()
}

#[test]
fn alert_rules_and_dashboards_use_only_documented_metrics() -> anyhow::Result<()> {
    let docs = read("docs/metrics.md")?;
    let mut asked = 0;
    for file in [
        "deploy/prometheus/rules/recording.yml",
        "deploy/prometheus/rules/alerts.yml",
        "deploy/prometheus/rules/business.yml",
        "deploy/grafana/dashboards/journey.json",
    ] {
        let text = read(file)?;
        for metric in metrics(&text) {
            assert!(
                docs.contains(&format!("`{metric}`")),
                "{file} asks for {metric}"
            );
            asked += 1;
        }
    }
    assert!(asked > 30, "{asked}");
    Ok(())
}

#[test]
fn every_alert_has_its_section_in_the_runbook_and_a_test() -> anyhow::Result<()> {
    let runbook = read("docs/runbook.md")?;
    let tests =
        read("deploy/prometheus/tests/rules.yml")? + &read("deploy/prometheus/tests/long.yml")?;
    let rules = read("deploy/prometheus/rules/alerts.yml")?
        + &read("deploy/prometheus/rules/business.yml")?;
    let mut linked = BTreeSet::new();
    for line in rules.lines() {
        if let Some(link) = line.trim().strip_prefix("runbook: docs/runbook.md#") {
            linked.insert(link.to_owned());
        }
        let Some(alert) = line.trim().strip_prefix("- alert: ") else {
            continue;
        };
        let test = format!("alertname: {alert}\n");
        assert!(tests.matches(&test).count() >= 2, "{alert} is not tested");
    }
    let sections: BTreeSet<String> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### Etappe"))
        .map(|name| format!("etappe{}", name.to_lowercase()))
        .collect();
    assert_eq!(linked, sections);
    Ok(())
}

/// Queries the embedded engine as Grafana does: over HTTP, as the read-only user.
async fn ask_engine(folder: &Path, sql: &str) -> anyhow::Result<String> {
    let log = std::fs::read_to_string(folder.join("etappe.log"))?;
    let (_, address) = log
        .rsplit_once("engine ready listen=")
        .context("no engine in the log")?;
    let address = address.split_whitespace().next().context("no address")?;
    let secrets = std::fs::read(folder.join("data/engine/engine-secret.json"))?;
    let secrets: Value = serde_json::from_slice(&secrets)?;
    let text = |name: &str| {
        secrets["reader"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let answer = reqwest::Client::builder()
        .timeout(Duration::from_secs(60))
        .build()?
        .post(format!("http://{address}/?database=etappe"))
        .header("X-ClickHouse-User", text("user"))
        .header("X-ClickHouse-Key", text("password"))
        .body(sql.to_owned())
        .send()
        .await?;
    Ok(answer.error_for_status()?.text().await?.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboards_list_all_models_right_after_a_start() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut process = EtappeProcess::start_with(folder.path(), Vec::new()).await?;
    let models =
        "SELECT uniqExact(model), countIf(NOT gate AND model = 'aaarrr') FROM journey_stages";
    assert_eq!(ask_engine(folder.path(), models).await?, "7\t2");
    let funnel = "SELECT groupArray(label_nl) FROM kpi_funnel(site = 'demo', model = 'klantreis', \
        bots = 'exclude', from = '2020-01-01 00:00:00', to = '2030-01-01 00:00:00')";
    let labels = "['Bewustwording','Overweging','Aankoop','Service','Loyaliteit']";
    assert_eq!(ask_engine(folder.path(), funnel).await?, labels);
    process.stop().await?;
    Ok(())
}
