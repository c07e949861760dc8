//! The system tests, one binary.

mod at_rest;
mod attacks;
mod backups;
mod bad_input;
mod channels;
mod commands;
mod data_sets;
mod deploy;
mod faults;
mod fleet;
mod imports;
mod journeys;
mod kafka;
mod kills;
mod oidc;
mod outages;
mod overload;
mod reading;
mod scripts;
mod simulation;
mod start;
mod web;

use etappe_testkit::process::EtappeProcess;
use etappe_tests::site::TestSite;

/// Starts a program with one site.
async fn started(site: &str) -> anyhow::Result<(EtappeProcess, TestSite)> {
    let process = EtappeProcess::start().await?;
    let site = TestSite::create(&process, site).await?;
    Ok((process, site))
}

/// Runs `etappe` with `arguments` and returns its exit code, stdout and stderr.
async fn run(arguments: &[&str]) -> anyhow::Result<(Option<i32>, String, String)> {
    let output = tokio::process::Command::new(etappe_testkit::process::binary_path())
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    ))
}
