//! The engine's process under `up`: started, watched, and started again when it dies.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use etappe_engine::credentials::EngineSecrets;
use etappe_engine::process::{EngineProcess, EngineProcessOptions};
use etappe_runtime::backoff::Backoff;
use etappe_runtime::health::Reporter;
use tokio_util::sync::CancellationToken;

use crate::cli::ConfigSource;

/// How the engine's process is started: this program again, in another role.
#[derive(Debug, Clone)]
pub(crate) struct EngineCommand {
    pub(crate) data: PathBuf,
    pub(crate) library: PathBuf,
    pub(crate) config: ConfigSource,
}

impl EngineCommand {
    /// Starts the engine on a free port, or on the port it had before.
    pub(crate) async fn start(&self, before: Option<SocketAddr>) -> anyhow::Result<EngineProcess> {
        let program = std::env::current_exe().context("this program's own path is not known")?;
        let mut command = Command::new(program);
        command
            .arg("engine")
            .arg("--child")
            .arg("--data")
            .arg(&self.data);
        command.arg("--engine-library").arg(&self.library);
        if let Some(file) = &self.config.file {
            command.arg("--config").arg(file);
        }
        if let Some(address) = before {
            command.arg("--listen").arg(address.to_string());
        }
        let options = EngineProcessOptions {
            stop_timeout: Duration::from_secs(20),
            ..EngineProcessOptions::default()
        };
        Ok(EngineProcess::spawn(command, options).await?)
    }

    /// Returns the user and password that open everything on the engine.
    pub(crate) fn login(&self) -> anyhow::Result<(String, String)> {
        let secrets = EngineSecrets::load(&self.data)?;
        Ok((secrets.writer.user, secrets.writer.password))
    }
}

/// Watches the engine until `stop`, then stops it; starts it again whenever it dies.
pub(crate) async fn supervise(
    command: EngineCommand,
    mut engine: EngineProcess,
    health: Reporter,
    stop: CancellationToken,
) {
    let address = engine.address();
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
    loop {
        health.ready();
        tokio::select! {
            () = stop.cancelled() => break,
            ended = engine.wait() => {
                let words = engine.last_words().join(" | ");
                health.not_ready(format!("the engine ended ({ended:?}): {words}"));
            }
        }
        engine = loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(backoff.next_delay()) => {}
            }
            match command.start(Some(address)).await {
                Ok(engine) => break engine,
                Err(error) => health.not_ready(format!("the engine does not start: {error:#}")),
            }
        };
        backoff.reset();
    }
    if let Err(error) = engine.stop().await {
        tracing::error!(%error, "the engine did not stop cleanly");
    }
}
