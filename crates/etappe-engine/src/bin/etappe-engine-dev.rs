//! Runs a standalone engine for tests and development: `--data DIR --library PATH --listen ADDR`.
//!
//! stdin is the control pipe: the engine stops at its end. The ready line goes to stdout; stderr
//! says where the secrets are. Without `--library` the library comes from the cache in the home
//! folder, and is downloaded there if missing.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use etappe_engine::config::EngineConfig;
use etappe_engine::credentials::EngineSecrets;
use etappe_engine::fence::FenceMode;
use etappe_engine::library::{LibraryRequest, cache_dir, find_library, verify_library};
use etappe_engine::process::{PreparedEngine, run_engine, run_statements};
use prometheus::Registry;

const USAGE: &str = "usage: etappe-engine-dev --data DIR [--library PATH] [--listen ADDR] \
    [--memory MIB] [--fence required|preferred|off] [--statements yes] [--queries N] [--queue N] [--drain-ms MS] [--lock-ms MS]";

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let (config, is_bare) = match configuration(std::env::args().skip(1)) {
        Ok(configured) => configured,
        Err(problem) => {
            tracing::error!("{problem}; {USAGE}");
            return ExitCode::from(64);
        }
    };
    tracing::info!(secrets = %EngineSecrets::path(&config.data_dir).display(), "starting");
    // The fence covers only this thread and the threads it starts, so it goes up before any others
    // exist.
    let prepared = match PreparedEngine::prepare(config) {
        Ok(prepared) => prepared,
        Err(error) => {
            tracing::error!(%error, "engine failed");
            return ExitCode::FAILURE;
        }
    };
    if is_bare {
        return bare(prepared);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    let registry = Registry::new();
    let engine = run_engine(prepared, tokio::io::stdin(), tokio::io::stdout(), &registry);
    let code = match runtime.block_on(engine) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "engine failed");
            ExitCode::FAILURE
        }
    };
    // A runtime thread may still be blocked reading stdin.
    runtime.shutdown_background();
    code
}

/// Runs the statements on stdin, one per line, without login or statement checks. Each outcome goes
/// to stdout as one line of JSON.
fn bare(prepared: PreparedEngine) -> ExitCode {
    let lines = std::io::stdin().lines().map_while(Result::ok).collect();
    let outcomes = match run_statements(prepared, lines) {
        Ok(outcomes) => outcomes,
        Err(error) => {
            tracing::error!(%error, "engine failed");
            return ExitCode::FAILURE;
        }
    };
    let mut stdout = std::io::stdout();
    for outcome in outcomes {
        let line =
            serde_json::json!({"ok": outcome.as_ref().ok(), "error": outcome.as_ref().err()});
        if writeln!(stdout, "{line}").is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn configuration(
    mut arguments: impl Iterator<Item = String>,
) -> Result<(EngineConfig, bool), String> {
    let mut is_bare = false;
    let mut data = None;
    let mut library = None;
    let mut config = EngineConfig::new("", "");
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .ok_or_else(|| format!("`{name}` needs a value"))?;
        let bad = || format!("`{value}` does not fit `{name}`");
        let number = || value.parse::<u64>().map_err(|_| bad());
        let count = || value.parse::<usize>().map_err(|_| bad());
        match name.as_str() {
            "--data" => data = Some(PathBuf::from(&value)),
            "--library" => library = Some(PathBuf::from(&value)),
            "--listen" => config.listen = value.parse().map_err(|_| bad())?,
            "--memory" => {
                config.server_memory_bytes = number()? * 1024 * 1024;
                config.query_memory_bytes = config.server_memory_bytes;
                config.reader_memory_bytes = config.server_memory_bytes / 4;
            }
            "--queries" => config.concurrent_queries = count()?,
            "--statements" => is_bare = true,
            "--fence" => {
                config.fence = match value.as_str() {
                    "required" => FenceMode::Required,
                    "preferred" => FenceMode::Preferred,
                    "off" => FenceMode::Off,
                    _ => return Err(bad()),
                };
            }
            "--queue" => config.queued_queries = count()?,
            "--drain-ms" => config.drain_timeout = std::time::Duration::from_millis(number()?),
            "--lock-ms" => config.lock_timeout = std::time::Duration::from_millis(number()?),
            _ => return Err(format!("unknown option `{name}`")),
        }
    }
    config.data_dir = data.ok_or("`--data` is missing")?;
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = cache_dir(
        variable("XDG_CACHE_HOME").as_deref(),
        variable("HOME").as_deref(),
    );
    let cache = cache.unwrap_or_else(|| config.data_dir.join("cache"));
    let request = LibraryRequest::new(library, &cache);
    let failed = |error: etappe_engine::error::EngineError| error.to_string();
    config.library = find_library(&request).map_err(failed)?;
    verify_library(&config.library, &cache).map_err(failed)?;
    Ok((config, is_bare))
}
