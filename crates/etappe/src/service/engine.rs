//! The engine's process: finds its library, starts it, watches it, and restarts it when it dies.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use etappe_engine::credentials::EngineSecrets;
use etappe_engine::library::{LibraryRequest, cache_dir, find_library, verify_library};
use etappe_engine::process::{EngineProcess, EngineProcessOptions};
use etappe_runtime::backoff::Backoff;
use etappe_runtime::health::Reporter;
use tokio_util::sync::CancellationToken;

use crate::cli::ConfigSource;

/// How the engine's process is started: this program in another role.
#[derive(Debug, Clone)]
pub(crate) struct EngineCommand {
    pub(crate) data: PathBuf,
    pub(crate) library: PathBuf,
    pub(crate) config: ConfigSource,
}

impl EngineCommand {
    /// Starts the engine on its previous port, or on a free one.
    pub(crate) async fn start(&self, before: Option<SocketAddr>) -> anyhow::Result<EngineProcess> {
        let program = std::env::current_exe().context("the path of this program is unknown")?;
        let mut command = Command::new(program);
        // The engine does not get variables that it does not need, such as brokers' passwords.
        command
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_for_engine)));
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

    /// Returns the user and password with all rights on the engine.
    pub(crate) fn login(&self) -> anyhow::Result<(String, String)> {
        let secrets = EngineSecrets::load(&self.data)?;
        Ok((secrets.writer.user, secrets.writer.password))
    }
}

/// Returns whether the engine's process gets this variable: its own settings and the system's
/// variables.
fn is_for_engine(name: &str) -> bool {
    const PREFIXES: [&str; 6] = [
        "ETAPPE_ENGINE",
        "ETAPPE_TELEMETRY",
        "LC_",
        "LD_",
        "LLVM_PROFILE",
        "RUST_",
    ];
    const NAMES: [&str; 6] = ["HOME", "LANG", "PATH", "TMPDIR", "TZ", "XDG_CACHE_HOME"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Finds the engine's library, fetching it if it is missing. Whoever loads it must verify it.
pub(crate) async fn library(explicit: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let request = LibraryRequest::new(explicit, cache()?);
    let found = tokio::task::spawn_blocking(move || find_library(&request));
    found
        .await
        .context("the search for the engine library failed")?
        .context("no engine library")
}

/// Finds the engine's library and checks a cached one against the published hash. Blocks.
pub(crate) fn verified_library(explicit: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let cache = cache();
    let request = match (&cache, explicit) {
        (Ok(cache), explicit) => LibraryRequest::new(explicit, cache),
        (Err(_), explicit @ Some(_)) => LibraryRequest::new(explicit, ""),
        (Err(_), None) => return Err(cache.expect_err("no cache folder")),
    };
    let library = find_library(&request).context("no engine library")?;
    verify_library(&library, &request.cache_dir).context("no engine library")?;
    Ok(library)
}

/// Returns the folder for fetched files.
fn cache() -> anyhow::Result<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = cache_dir(
        folder("XDG_CACHE_HOME").as_deref(),
        folder("HOME").as_deref(),
    );
    cache.context("no cache folder: neither XDG_CACHE_HOME nor HOME is set")
}

/// Supervises the engine until `stop`, then stops it; restarts it whenever it dies.
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
                let how = match ended {
                    Ok(status) => status.to_string(),
                    Err(error) => error.to_string(),
                };
                health.not_ready(format!("the engine exited ({how}) and is being restarted: {words}"));
            }
        }
        engine = loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = backoff.pause() => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_gets_its_settings_but_no_passwords() {
        for name in [
            "ETAPPE_ENGINE__FENCE",
            "ETAPPE_ENGINE_LIBRARY",
            "HOME",
            "LC_ALL",
        ] {
            assert!(is_for_engine(name), "{name}");
        }
        for name in [
            "ETAPPE_KAFKA__PASSWORD",
            "ETAPPE_CLICKHOUSE__PASSWORD",
            "ETAPPE_WRITE_KEY",
            "AWS_SECRET_ACCESS_KEY",
        ] {
            assert!(!is_for_engine(name), "{name}");
        }
    }
}
